// The filter's controls: the span of time as segments, the dimensions as pickers. The same above the page and for B of a comparison.

import { make } from "../chat/dom.js";
import { copyOf, DIMENSIONS, hasFilter, RANGE_WORDS, RANGES } from "./link.js";
import { Picker } from "./picker.js";
import { openPopup } from "./popup.js";

const DAY_SECONDS = 86_400;

export class Filters {
  /**
   * @param {string} label for those who hear it
   * @param {(view: import("./link.js").View) => void} change
   */
  constructor(label, change) {
    Object.assign(this, { change });
    this.view = null;
    this.segments = make("div", { class: "om-segments", role: "radiogroup", "aria-label": "Span of time", onkeydown: (event) => this.#onKey(event) },
      ...Object.entries(RANGES).map(([range, words]) => make("button", { type: "button", role: "radio", "data-range": range, title: RANGE_WORDS[range], onclick: () => this.#choose(range) }, words)));
    this.pickers = Object.entries(DIMENSIONS).map(([name, words]) => new Picker(name, words, (chosen) => this.#take({ [name]: chosen })));
    this.reset = make("button", { type: "button", class: "om-quiet om-reset", hidden: true, onclick: () => this.#clear() }, "Clear all");
    this.element = make("div", { class: "om-filters", role: "group", "aria-label": label }, this.segments, ...this.pickers.map((each) => each.element), this.reset);
  }

  /** @param {import("./link.js").View} view @param {Object<string, {value: string, label: string}[]>} options */
  show(view, options) {
    this.view = copyOf(view);
    for (const button of this.segments.children) {
      const isChosen = button.dataset.range === view.range;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      if (button.dataset.range === "custom") button.textContent = isChosen ? spanWords(view) : RANGES.custom;
    }
    for (const picker of this.pickers) picker.show(options[picker.name], view[picker.name]);
    this.reset.hidden = !hasFilter(view);
  }

  #take(part) { this.change({ ...copyOf(this.view), ...part }); }

  #clear() {
    this.#take(Object.fromEntries(Object.keys(DIMENSIONS).map((name) => [name, []])));
    this.segments.querySelector('[aria-checked="true"]').focus();
  }

  #choose(range) {
    if (range === "custom") this.#askSpan();
    else this.#take({ range, since: null, until: null });
  }

  #onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.segments.children], to = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    to.focus();
    if (to.dataset.range !== "custom") this.#choose(to.dataset.range);
  }

  #askSpan() {
    const anchor = this.segments.querySelector('[data-range="custom"]'), now = Date.now() / 1000;
    const field = (name, words, value) => make("label", { class: "om-field" }, make("span", {}, words), make("input", { type: "datetime-local", class: "oc-field", name, step: "1", value: value === null ? "" : localText(value) }));
    const said = make("p", { class: "om-none oc-bad", role: "alert", hidden: true });
    const isCustom = this.view.range === "custom";
    const form = make("form", { class: "om-span", onsubmit: (event) => {
      event.preventDefault();
      const [since, until] = ["since", "until"].map((name) => { const text = form.elements[name].value; return text ? new Date(text).getTime() / 1000 : null; });
      const problem = since === null && until === null ? "Give a beginning or an end." : since !== null && until !== null && since >= until ? "It ends before it begins." : "";
      said.textContent = problem;
      said.hidden = !problem;
      if (problem) return;
      popup.close(true);
      this.#take({ range: "custom", since, until });
    } }, field("since", "From", isCustom ? this.view.since : now - DAY_SECONDS), field("until", "To (open: until now)", isCustom ? this.view.until : null), said,
      make("button", { type: "submit", class: "oc-button is-primary" }, "Show"));
    const popup = openPopup(anchor, form, "Span of time");
    form.elements.since.focus({ preventScroll: true });
  }
}

/** What `datetime-local` takes, in the browser's time zone. */
function localText(seconds) {
  const moment = new Date(seconds * 1000);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** "25 Nov 14:00 – now". @param {import("./link.js").View} view */
export function spanWords(view) {
  const words = (seconds, open) => seconds === null ? open : new Date(seconds * 1000).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false }).replace(",", "");
  return `${words(view.since, "the beginning")} – ${words(view.until, "now")}`;
}
