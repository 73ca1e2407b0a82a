// What a sweep varies: a row for each setting, with its values as chips. Offered values are a click away, own ones are typed.

import { iconButton, wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { icon } from "../chat/icons.js";
import { chooseSetting } from "./setting_list.js";
import { fieldWords, typed, valueWords } from "./values.js";

const MOST_AXES = 12, MOST_VALUES = 64, MOST_OFFERED = 12;

/** How many configurations there are, the base not counted. @param {{values: any[]}[]} axes */
export const combinations = (axes) => axes.reduce((product, { values }) => product * values.length, 1);

const keyOf = (field, value) => JSON.stringify([field, value]);

export class AxesEditor {
  /** @param {() => import("./setting_list.js").Offer[]} offers @param {(axes: {field: string, values: any[]}[]) => void} changed */
  constructor(offers, changed) {
    Object.assign(this, { offers, changed, axes: [], refused: new Map(), labels: new Map() });
    this.rows = make("div", { class: "ot-axes", role: "list", "aria-label": "What varies" });
    this.add = wordButton("Add a setting", () => chooseSetting(this.add, this.offers().filter((offer) => !this.axes.some((axis) => axis.field === offer.field)), (offer) => this.#addAxis(offer), "Settings that can vary"), { class: "is-small", "aria-haspopup": "dialog", "aria-expanded": "false", "data-action": "add-axis" });
    this.element = make("div", {}, this.rows, this.add);
  }

  /** @param {{field: string, values: any[]}[]} axes */
  show(axes) {
    this.axes = structuredClone(axes);
    this.#draw();
  }

  /** Which values can't be loaded, and why. @param {{field: string, value: any, words: string}[]} refused */
  mark(refused) {
    const told = new Map(refused.map(({ field, value, words }) => [keyOf(field, value), words]));
    if (JSON.stringify([...told]) === JSON.stringify([...this.refused])) return;
    this.refused = told;
    if (!this.rows.querySelector(".ot-own:focus")?.value) this.#draw(); // nothing is taken from under who types
  }

  #draw() {
    const held = this.rows.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.rows.replaceChildren(...this.axes.map((axis) => this.#row(axis)));
    if (!this.axes.length) this.rows.append(make("p", { class: "om-none" }, "Nothing varies yet. Add a setting and choose at least two values."));
    this.add.disabled = this.axes.length >= MOST_AXES;
    if (held) this.rows.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
  }

  #row(axis) {
    const offer = this.offers().find((each) => each.field === axis.field), words = offer?.label || this.labels.get(axis.field) || fieldWords(axis.field), isIn = (value) => axis.values.includes(value);
    if (offer) this.labels.set(axis.field, offer.label); // another device may not have it, and it keeps its name all the same
    const refused = axis.values.map((value) => [value, this.refused.get(keyOf(axis.field, value))]).filter(([, why]) => why), isBad = (value) => this.refused.has(keyOf(axis.field, value));
    const offered = [...new Set([...(offer?.values || []), ...(offer?.choices || [])])].filter((value) => !isIn(value)).slice(0, MOST_OFFERED);
    const own = make("input", { class: "oc-field ot-own", placeholder: "own value", "aria-label": `Another value of ${words}`, spellcheck: "false", autocomplete: "off", "data-key": `${axis.field}:own`, onkeydown: (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); this.#addOwn(axis, own.value, offer); } }, onblur: () => { if (own.value.trim()) this.#addOwn(axis, own.value, offer); } });
    const chip = (value, isChosen) => make("button", { type: "button", class: `ot-chip${isChosen ? " is-in" : ""}${isChosen && isBad(value) ? " is-bad" : ""}`, "aria-pressed": String(isChosen), "data-key": `${axis.field}:${JSON.stringify(value)}`, title: isChosen && isBad(value) ? this.refused.get(keyOf(axis.field, value)) : isChosen ? "Leave this value out" : "Try this value too", onclick: () => this.#toggle(axis, value) },
      icon(isChosen ? isBad(value) ? "close" : "check" : "add"), make("span", {}, valueWords(value)));
    return make("div", { class: "ot-axis", role: "listitem", "data-axis": axis.field },
      make("div", { class: "ot-axis-head" }, make("b", { title: offer?.help || null }, words), words === fieldWords(axis.field) ? null : make("code", {}, fieldWords(axis.field)), iconButton("close", `Do not vary ${words}`, () => this.#removeAxis(axis), { class: "is-small", "data-key": `${axis.field}:remove` })),
      make("div", { class: "ot-chips" }, ...axis.values.map((value) => chip(value, true)), ...offered.map((value) => chip(value, false)), own),
      ...refused.map(([value, why]) => make("p", { class: "ot-bad", role: "note" }, `${valueWords(value)}: ${why}`)),
      axis.values.length < 2 ? make("p", { class: "ot-help" }, axis.values.length ? "One value alone is taken as it is; nothing varies." : "No value is chosen; the sweep can’t start so.") : null);
  }

  #toggle(axis, value) {
    axis.values = axis.values.includes(value) ? axis.values.filter((each) => each !== value) : [...axis.values, value].slice(0, MOST_VALUES);
    this.#tell();
  }

  #addOwn(axis, text, offer) {
    const value = typed(text, [...axis.values, ...(offer?.values || []), ...(offer?.choices || [])]);
    if (text.trim() && !axis.values.includes(value)) axis.values = [...axis.values, value].slice(0, MOST_VALUES);
    this.#tell();
  }

  #addAxis(offer) {
    this.axes.push({ field: offer.field, values: [...offer.values] });
    this.#tell();
    this.rows.lastElementChild?.querySelector("button, input")?.focus();
  }

  #removeAxis(axis) {
    this.axes = this.axes.filter((each) => each !== axis);
    this.#tell();
    this.add.focus();
  }

  #tell() {
    this.#draw();
    this.changed(structuredClone(this.axes));
  }
}
