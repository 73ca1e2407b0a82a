// The sweep: what stays, what varies, what is best, what is asked, how long.

import { make } from "../chat/dom.js";
import { AxesEditor, combinations } from "./axes_editor.js";
import { check, field, numberField, select } from "./fields.js";
import { LoadEditor } from "./load_editor.js";
import { nameField, numbersOf, QualityEditor } from "./measure_editor.js";
import { ObjectiveEditor } from "./objective_editor.js";
import { card } from "./tools.js";
import { counted, duration } from "./values.js";
import { WorkloadEditor } from "./workload_editor.js";

const SAMPLERS = [["auto", "Automatic"], ["grid", "Grid, one after the other"], ["tpe", "TPE, learns from what it saw"], ["random", "Random"]];
const WEEK_MINUTES = 7 * 24 * 60;
/** As openarc_ui/tuning/work/budget.py splits the time: rounds, share of the time; the base is visited once beside each four. */
const USUAL = { rounds: 2, share: 0.7 }, SHORT = { rounds: 1, share: 0.75 }, BESIDE = 1.25, FEW = 8;

/** How many configurations can likely be explored. @param {number} seconds of all @param {number} pace seconds of a visit @param {number} open that could be tried @returns {{tried: number, way: {rounds: number, share: number}}} */
function reckoned(seconds, pace, open) {
  const fit = ({ rounds, share }) => Math.floor(share * seconds / (rounds * BESIDE * pace)), way = fit(USUAL) >= Math.min(open, FEW) ? USUAL : SHORT;
  return { tried: Math.min(open, Math.max(1, fit(way))), way };
}

export class SweepForm {
  /** @param {{offers: () => Object, changed: (request: Object) => void, another: (base: Object) => void}} wishes */
  constructor(wishes) {
    this.wishes = wishes;
    this.request = null;
    const set = (part) => this.#set(part);
    this.base = new LoadEditor(wishes.offers, (base, isAnother) => { set({ base }); if (isAnother) wishes.another(base); }, { name: "base" });
    this.axes = new AxesEditor(() => wishes.offers().axes, (axes) => set({ axes }));
    this.workload = new WorkloadEditor(() => wishes.offers().presets, (workload) => { set({ workload }); this.objective.show(this.request); });
    this.objective = new ObjectiveEditor((part) => this.#setObjective(part));
    this.budget = numberField("Budget", 10, (budget_minutes) => set({ budget_minutes }), { least: 0.1, most: WEEK_MINUTES, isWhole: false, unit: "minutes", name: "budget", help: "for all of it, pauses not counted" });
    this.quality = new QualityEditor((quality) => set({ quality }));
    this.more = make("details", { class: "om-details" });
    this.element = make("div", { class: "ot-form" }, card("What it begins with", this.base.element, make("p", { class: "ot-help" }, "It is measured first, and the others are held against it. What no row below says stays as it is here.")),
      card("What varies", make("p", { class: "ot-help" }, "Each value of one goes together with each value of the others. Where there is not time for all, the search looks where it is promising."), this.axes.element),
      card("What is best", this.objective.element), card("What is asked", this.workload.element),
      card("Time and text", make("div", { class: "ot-numbers" }, this.budget), this.quality.element, this.more));
  }

  /** @param {Object} request */
  show(request) {
    this.request = request;
    this.base.show(request.base);
    this.axes.show(request.axes);
    this.objective.show(request);
    this.workload.show(request.workload);
    this.budget.set(request.budget_minutes);
    this.quality.show(request.quality);
    const set = (part) => this.#set(part);
    this.more.replaceChildren(make("summary", {}, "More"), nameField(request, set), field("Search", select(SAMPLERS, request.sampler, (sampler) => set({ sampler }), { "data-name": "sampler" })),
      numbersOf(request, [["most_configurations", "Configurations at most", { least: 1, most: 10_000 }], ["repetitions", "Repetitions", { least: 1, most: 100, help: "each time one is loaded" }], ["tightness_percent", "Interval", { least: 0.1, most: 100, isWhole: false, unit: "%", help: "the best are measured until it is so tight" }], ["seed", "Seed", { least: 0, most: 2_147_483_647 }]], set),
      check("Unload other models first; they are not loaded again when the run ends", request.unload_others, (unload_others) => set({ unload_others })));
  }

  /** How much there is to do, and what the time is likely enough for. @param {{seconds: number, name: string}|null} pace of an earlier run */
  words(pace) {
    const { axes, budget_minutes: minutes, most_configurations: most } = this.request, all = combinations(axes);
    if (!all) return "A row has no value.";
    const many = `${counted(all, "combination")}, ${duration(minutes * 60)}.`;
    if (!pace) return `${many} How many that is enough for shows as soon as the first are measured.`;
    const { tried, way } = reckoned(minutes * 60, pace.seconds, Math.min(all, most)), some = tried < all ? `About ${tried} of them are measured; the search chooses which.` : "Likely all of them are measured.";
    return `${many} ${some} That is reckoned from the pace of “${pace.name}”, ${duration(pace.seconds)} a visit: ${way.rounds === 1 ? "one round" : "two rounds"} of each, with the base beside every four, in ${way.share * 100}% of the time; the rest is for making sure of the best.`;
  }

  /** @param {{field: string, value: any, words: string}[]} refused */
  mark(refused) { this.axes.mark(refused); }

  /** Why it can't start; "" where it can. */
  problem() {
    const { axes } = this.request;
    if (!axes.length) return "Nothing varies: add a setting under “What varies”.";
    return axes.some(({ values }) => !values.length) ? "A setting that varies has no value." : "";
  }

  #setObjective({ users, ...part }) {
    const isMany = users !== undefined, workload = isMany ? { ...this.request.workload, concurrent_requests: users, name: "custom" } : this.request.workload;
    this.#set({ ...part, workload });
    this.objective.show(this.request);
    if (isMany) this.workload.show(workload);
  }

  #set(part) {
    this.request = { ...this.request, ...part };
    this.wishes.changed(this.request);
  }
}
