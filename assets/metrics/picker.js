// One dimension of the filter: a button that says what is chosen, and a box with a searchable list of checks.

import { make } from "../chat/dom.js";
import { openPopup } from "./popup.js";

const SEARCHED_FROM = 7;

export class Picker {
  /**
   * @param {string} name
   * @param {string} label
   * @param {(chosen: string[]) => void} choose
   */
  constructor(name, label, choose) {
    Object.assign(this, { name, label, choose });
    /** @type {{value: string, label: string}[]} */
    this.options = [];
    /** @type {string[]} */
    this.chosen = [];
    this.popup = null;
    this.words = make("span", { class: "om-picker-words" }, label);
    this.count = make("span", { class: "om-picker-count", hidden: true });
    this.element = make("button", { type: "button", class: "om-picker", "aria-haspopup": "dialog", "aria-expanded": "false", "data-filter": name,
      onclick: () => this.#toggle(), onkeydown: (event) => { if (event.key === "ArrowDown") { event.preventDefault(); this.#open(); } } }, this.words, this.count);
    this.#mark();
  }

  /** @param {{value: string, label: string}[]|undefined} options @param {string[]} chosen */
  show(options, chosen) {
    const isNew = JSON.stringify([options, chosen]) !== JSON.stringify([this.options, this.chosen]);
    if (!isNew) return;
    this.options = options || [];
    this.chosen = [...chosen];
    this.#mark();
    if (this.list?.isConnected) this.#fill();
  }

  #mark() {
    const { chosen, label } = this, first = this.options.find((each) => each.value === chosen[0])?.label || chosen[0];
    this.words.textContent = chosen.length === 1 ? first : label;
    this.count.hidden = chosen.length < 2;
    this.count.textContent = String(chosen.length);
    this.element.classList.toggle("is-set", chosen.length > 0);
    this.element.setAttribute("aria-label", `${label}: ${chosen.length === 0 ? "all" : chosen.length === 1 ? first : `${chosen.length} chosen`}`);
    this.element.title = chosen.length === 1 ? `${label}: ${first}` : "";
  }

  #toggle() {
    if (this.element.getAttribute("aria-expanded") === "true") this.popup.close(true);
    else this.#open();
  }

  #open() {
    if (this.element.getAttribute("aria-expanded") === "true") return;
    this.search = make("input", { type: "search", class: "oc-search om-picker-search", placeholder: `Search ${this.label.toLowerCase()}`, "aria-label": `Search ${this.label.toLowerCase()}`, autocomplete: "off", oninput: () => this.#fill() });
    this.search.hidden = this.#all().length < SEARCHED_FROM;
    this.list = make("div", { class: "om-picker-list", role: "group", "aria-label": this.label });
    this.told = make("span", { class: "oc-dim", role: "status" });
    this.clear = make("button", { type: "button", class: "om-quiet", onclick: () => { this.#take([]); this.#fill(); (this.search.hidden ? this.list.querySelector("input") : this.search)?.focus(); } }, "Clear");
    const box = make("div", { class: "om-picker-box", onkeydown: (event) => this.#onKey(event) }, this.search, this.list, make("div", { class: "om-picker-foot" }, this.told, this.clear));
    this.popup = openPopup(this.element, box, this.label);
    this.#fill();
    (this.search.hidden ? this.list.querySelector("input") || this.clear : this.search).focus({ preventScroll: true });
  }

  /** What can be chosen, and what is chosen though nothing has it now. */
  #all() {
    const known = new Set(this.options.map((each) => each.value));
    return [...this.options, ...this.chosen.filter((value) => !known.has(value)).map((value) => ({ value, label: value }))];
  }

  #fill() {
    const sought = this.search.value.trim().toLowerCase(), held = document.activeElement?.value, isHere = this.list.contains(document.activeElement);
    const found = this.#all().filter((each) => `${each.label} ${each.value}`.toLowerCase().includes(sought));
    this.list.replaceChildren(...found.map(({ value, label }) => make("label", { class: "om-check", title: label },
      make("input", { type: "checkbox", value, checked: this.chosen.includes(value), onchange: (event) => this.#check(value, event.target.checked) }), make("span", {}, label))));
    if (!found.length) this.list.append(make("p", { class: "om-none" }, sought ? "Nothing like that." : "Nothing to choose from yet."));
    this.#tell();
    if (isHere) [...this.list.querySelectorAll("input")].find((each) => each.value === held)?.focus();
  }

  #tell() {
    this.told.textContent = this.chosen.length ? `${this.chosen.length} of ${this.#all().length}` : "All";
    this.clear.disabled = !this.chosen.length;
  }

  #check(value, isChosen) {
    this.#take(isChosen ? [...this.chosen, value] : this.chosen.filter((each) => each !== value));
    this.#tell();
  }

  #take(chosen) {
    this.chosen = chosen;
    this.#mark();
    this.choose([...chosen]);
  }

  #onKey(event) {
    const checks = [...this.list.querySelectorAll("input")], at = checks.indexOf(document.activeElement);
    if (event.key === "Enter" && at >= 0) { event.preventDefault(); checks[at].click(); return; }
    if (event.key === "Enter" && event.target === this.search && checks.length) { event.preventDefault(); checks[0].click(); return; }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: at < 0 ? undefined : 0, End: at < 0 ? undefined : checks.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (to < 0 && !this.search.hidden) this.search.focus();
      else checks[(to + checks.length) % checks.length]?.focus();
    } else if (at >= 0 && event.key.length === 1 && event.key !== " " && !this.search.hidden && !event.ctrlKey && !event.metaKey) this.search.focus();
  }
}
