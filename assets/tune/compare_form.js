// The comparison: A, and B as A but for what is changed.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { check, numberField } from "./fields.js";
import { differences, LoadEditor, withField } from "./load_editor.js";
import { nameField, numbersOf, QualityEditor } from "./measure_editor.js";
import { card } from "./tools.js";
import { duration, fieldWords, valueWords } from "./values.js";
import { WorkloadEditor } from "./workload_editor.js";

export class CompareForm {
  /** @param {{offers: () => Object, changed: (request: Object) => void, another: (base: Object) => void}} wishes */
  constructor(wishes) {
    Object.assign(this, { wishes, request: null });
    const set = (part) => this.#set(part);
    this.a = new LoadEditor(wishes.offers, (a, isAnother) => this.#setA(a, isAnother), { name: "a" });
    this.b = new LoadEditor(wishes.offers, (b, isAnother) => { set({ b }); this.#tell(); if (isAnother) this.b.show(b); }, { name: "b" });
    this.told = make("p", { class: "ot-help", role: "status", "data-role": "differences" });
    const same = wordButton("B as A", () => { set({ b: structuredClone(this.request.a) }); this.b.show(this.request.b); this.#tell(); }, { class: "is-small" });
    const side = (letter, editor, more) => make("div", { class: "ot-side" }, make("h4", {}, make("b", { class: `om-letter ${letter === "B" ? "is-b" : "is-a"}` }, letter), letter === "A" ? "the one it is compared with" : "as A, but …", more), editor.element);
    this.workload = new WorkloadEditor(() => wishes.offers().presets, (workload) => set({ workload }));
    this.quality = new QualityEditor((quality) => set({ quality }));
    this.budget = numberField("Budget", 10, (budget_minutes) => set({ budget_minutes }), { least: 0.1, most: 7 * 24 * 60, isWhole: false, unit: "minutes", name: "budget", help: "for all of it" });
    this.more = make("details", { class: "om-details" });
    this.element = make("div", { class: "ot-form" }, card("A and B", make("div", { class: "ot-sides" }, side("A", this.a, null), side("B", this.b, same)), this.told), card("What is asked", this.workload.element), card("Time and text", make("div", { class: "ot-numbers" }, this.budget), this.quality.element, this.more));
  }

  /** @param {Object} request */
  show(request) {
    this.request = request;
    this.a.show(request.a);
    this.b.show(request.b);
    this.workload.show(request.workload);
    this.quality.show(request.quality);
    this.budget.set(request.budget_minutes);
    const set = (part) => this.#set(part);
    this.more.replaceChildren(make("summary", {}, "More"), nameField(request, set),
      numbersOf(request, [["least_rounds", "Rounds at least", { least: 3, most: 100, help: "in each both are loaded, in random order" }], ["most_rounds", "Rounds at most", { least: 3, most: 1000 }], ["tightness_percent", "Interval", { least: 0.1, most: 100, isWhole: false, unit: "%", help: "it ends when it is so tight" }], ["repetitions", "Repetitions", { least: 1, most: 100, help: "each time one is loaded" }], ["seed", "Seed", { least: 0, most: 2_147_483_647 }]], set),
      check("Unload other models first; they are not loaded again when the run ends", request.unload_others, (unload_others) => set({ unload_others })));
    this.#tell();
  }

  words() {
    const { least_rounds: least, most_rounds: most, budget_minutes: minutes } = this.request;
    return `${least} to ${most} rounds, in turn; ${duration(minutes * 60)} at most.`;
  }

  problem() { return this.request.least_rounds > this.request.most_rounds ? "“Rounds at least” is more than “Rounds at most”." : ""; }

  /** B goes along with A in everything that it does not have otherwise. */
  #setA(a, isAnother) {
    const b = differences(this.request.a, this.request.b).reduce((load, [name, , value]) => withField(load, name, value), structuredClone(a));
    this.#set({ a, b });
    this.b.show(b);
    this.#tell();
    if (isAnother) this.wishes.another(a);
  }

  #tell() {
    const found = differences(this.request.a, this.request.b), words = (value) => value === undefined ? "left out" : valueWords(value), label = (name) => { const of = this.wishes.offers().axes.find((each) => each.field === name)?.label, own = fieldWords(name); return of && of !== own ? `${of} (${own})` : own; };
    this.told.textContent = found.length ? `B differs: ${found.map(([name, a, b]) => `${label(name)} ${words(a)} → ${words(b)}`).join("; ")}.` : "A and B are the same. That shows what measuring alone makes of it: “no real difference”.";
  }

  #set(part) {
    this.request = { ...this.request, ...part };
    this.wishes.changed(this.request);
  }
}
