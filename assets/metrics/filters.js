// The filter's controls: the span of time as segments, the dimensions as pickers. The same above the page and for B of a comparison.

import { make } from "../chat/dom.js";
import { localText, momentWords, ownZone, secondsOf, zoneWords } from "./clock.js";
import { copyOf, DIMENSIONS, hasFilter, RANGE_SECONDS, RANGE_WORDS, RANGES } from "./link.js";
import { Picker } from "./picker.js";
import { openPopup } from "./popup.js";

const DAY_SECONDS = 86_400;

export class Filters {
  /**
   * @param {string} label for those who hear it
   * @param {(view: import("./link.js").View) => void} change
   * @param {() => [string, string]|null} [zoomed] the part of the time axis that is looked at: what "Custom" begins with
   */
  constructor(label, change, zoomed = () => null) {
    Object.assign(this, { change, zoomed, zone: ownZone() });
    this.view = null;
    this.segments = make("div", { class: "om-segments", role: "radiogroup", "aria-label": "Span of time", onkeydown: (event) => this.#onKey(event) },
      ...Object.entries(RANGES).map(([range, words]) => make("button", { type: "button", role: "radio", "data-range": range, title: RANGE_WORDS[range], onclick: () => this.#choose(range) }, words)));
    this.pickers = Object.entries(DIMENSIONS).map(([name, words]) => new Picker(name, words, (chosen) => this.#take({ [name]: chosen })));
    this.reset = make("button", { type: "button", class: "om-quiet om-reset", hidden: true, onclick: () => this.#clear() }, "Clear all");
    this.element = make("div", { class: "om-filters", role: "group", "aria-label": label, onscroll: () => this.#markCut() }, this.segments, ...this.pickers.map((each) => each.element), this.reset);
    new ResizeObserver(() => this.#markCut()).observe(this.element);
  }

  /** A side on which something is out of sight fades, so that it can be known. */
  #markCut() {
    const { scrollLeft, scrollWidth, clientWidth } = this.element;
    this.element.classList.toggle("is-cut-left", scrollLeft > 2);
    this.element.classList.toggle("is-cut-right", scrollLeft + clientWidth < scrollWidth - 2);
  }

  /** @param {import("./link.js").View} view @param {Object<string, {value: string, label: string}[]>} options @param {import("./clock.js").Zone|null} [zone] the server's */
  show(view, options, zone = null) {
    if (zone) this.zone = zone;
    this.view = copyOf(view);
    for (const button of this.segments.children) {
      const isChosen = button.dataset.range === view.range;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      if (button.dataset.range !== "custom") continue;
      button.textContent = isChosen ? spanWords(view, this.zone) : RANGES.custom;
      button.title = isChosen ? `${spanWords(view, this.zone)}, ${zoneWords(this.zone)}` : RANGE_WORDS.custom;
    }
    for (const picker of this.pickers) picker.show(options[picker.name], view[picker.name]);
    this.reset.hidden = !hasFilter(view);
    this.#markCut();
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
    const anchor = this.segments.querySelector('[data-range="custom"]'), { zone } = this;
    const field = (name, words, value) => make("label", { class: "om-field" }, make("span", {}, words), make("input", { type: "datetime-local", class: "oc-field", name, step: "1", value: value === null ? "" : localText(value, zone) }));
    const said = make("p", { class: "om-none oc-bad", role: "alert", hidden: true });
    const [begin, end] = this.#shownSpan();
    const form = make("form", { class: "om-span", onsubmit: (event) => {
      event.preventDefault();
      const [since, until] = ["since", "until"].map((name) => { const text = form.elements[name].value; return text ? secondsOf(text, zone) : null; });
      const problem = since === null && until === null ? "Give a beginning or an end." : since !== null && until !== null && since >= until ? "It ends before it begins." : "";
      said.textContent = problem;
      said.hidden = !problem;
      if (problem) return;
      popup.close(true);
      this.#take({ range: "custom", since, until });
    } }, field("since", "From", begin), field("until", "To (open: until now)", end),
      make("p", { class: "om-none om-zone" }, `In the server’s time: ${zoneWords(zone)}`), said,
      make("button", { type: "submit", class: "oc-button is-primary" }, "Show"));
    const popup = openPopup(anchor, form, "Span of time");
    form.elements.since.focus({ preventScroll: true });
  }

  /** What the time axis shows now, as seconds since the epoch. */
  #shownSpan() {
    const { view, zone } = this, part = this.zoomed();
    if (part) return part.map((text) => secondsOf(text, zone));
    return view.range === "custom" ? [view.since, view.until] : [Date.now() / 1000 - (RANGE_SECONDS[view.range] || DAY_SECONDS), null];
  }
}

/** "25 Nov 14:00 – now". @param {import("./link.js").View} view @param {import("./clock.js").Zone} zone */
export function spanWords(view, zone) {
  const words = (seconds, open) => seconds === null ? open : momentWords(seconds, zone);
  return `${words(view.since, "the beginning")} – ${words(view.until, "now")}`;
}
