// How near each configuration is to what its memory can carry, and the button that measures the memory.

import { arrange, count, make } from "../chat/dom.js";
import { explained } from "./tiles.js";

const ROOM = 1.06; // right of the roof's mark

/** @typedef {{title: string, fraction: number|null, value: string, words: string, missing: string|null, device: string, can_measure: boolean}} Roof */

export class Roofs {
  /** @param {(device: string) => Promise<string>} measure gives what it found in words */
  constructor(measure) {
    this.measure = measure;
    this.views = new Map();
    this.measuring = new Map();
    this.drawn = "";
    this.roofs = [];
    this.place = make("div", { class: "om-roofs" });
    this.unknown = make("ul", {});
    this.others = make("details", { class: "om-details", hidden: true }, make("summary", {}), this.unknown);
    this.element = make("section", { class: "om-section", "aria-label": "Memory roof", hidden: true }, make("h3", {}, "Memory roof", " ", explained("roofline", "the memory roof", "bytes read per token (weights and KV cache) times tokens per second, of the memory bandwidth measured on this device")), this.place, this.others);
  }

  /** Keeps the place until the first ones come. */
  wait() {
    if (this.wasShown) return;
    this.element.hidden = false;
    arrange(this.place, [make("article", { class: "om-roof is-waiting", "aria-hidden": "true" })]);
  }

  /** @param {Roof[]} roofs */
  show(roofs) {
    this.wasShown = true;
    this.roofs = roofs;
    this.element.hidden = !roofs.length;
    const isShown = (roof) => roof.fraction !== null || roof.can_measure, others = roofs.filter((roof) => !isShown(roof));
    this.#showOthers(others);
    arrange(this.place, roofs.filter(isShown).map((roof) => {
      const id = `${roof.title}\n${roof.device}`, drawn = JSON.stringify([roof, this.measuring.get(roof.device)]), known = this.views.get(id);
      if (known?.drawn === drawn) return known.element;
      const view = { drawn, element: known?.element || make("article", { class: "om-roof" }) }, isHeld = view.element.contains(document.activeElement);
      view.element.replaceChildren(...this.#card(roof));
      if (isHeld) view.element.querySelector("button")?.focus();
      this.views.set(id, view);
      return view.element;
    }));
  }

  /** Those of which nothing can be said or done here, in a list that is folded. */
  #showOthers(roofs) {
    const drawn = JSON.stringify(roofs);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.others.hidden = !roofs.length;
    this.others.firstChild.textContent = `${count(roofs.length, "configuration")} without a roof`;
    this.unknown.replaceChildren(...roofs.map((roof) => make("li", {}, make("b", {}, roof.title), ` ${roof.missing || ""}`)));
  }

  #card(roof) {
    const scale = Math.max(1, roof.fraction ?? 0) * ROOM, percent = (value) => `${(100 * value / scale).toFixed(2)}%`, told = this.measuring.get(roof.device);
    const bar = roof.fraction === null ? null : make("div", { class: "om-roof-bar", role: "img", "aria-label": `${Math.round(100 * roof.fraction)}% of the memory roof` },
      make("i", { class: "om-roof-fill", style: `width: ${percent(roof.fraction)}` }), make("b", { class: "om-roof-mark", style: `left: ${percent(1)}`, title: "The roof: the bandwidth measured on this device" }));
    const button = roof.can_measure ? make("button", { type: "button", class: "oc-button is-small", disabled: Boolean(told?.isRunning), onclick: () => this.#run(roof.device) }, told?.isRunning ? "Measuring …" : roof.fraction === null ? "Measure" : "Measure again") : null;
    return [
      make("div", { class: "om-roof-head" }, make("span", { class: "om-roof-title", title: roof.title }, roof.title), make("span", { class: "om-roof-percent" }, roof.fraction === null ? "" : `${Math.round(100 * roof.fraction)}%`)),
      bar, make("div", { class: "om-roof-foot" }, make("span", { class: "om-roof-value" }, valueWords(roof)), button),
      make("p", { class: "om-roof-words" }, roof.missing || roof.words),
      told ? make("p", { class: `om-roof-words${told.isBad ? " oc-bad" : ""}`, role: "status" }, told.words) : null,
    ].filter(Boolean);
  }

  async #run(device) {
    const tell = (told) => { this.measuring.set(device, told); this.show(this.roofs); };
    tell({ isRunning: true, words: `Reading memory on ${device} at full speed, in a process of its own; a few seconds.` });
    try { tell({ words: await this.measure(device) }); } catch (error) { tell({ isBad: true, words: error.message }); }
  }
}

/** What is read a second; without the bandwidth of the memory it is no share of anything. */
const valueWords = ({ fraction, value }) => fraction === null && /^\d/.test(value || "") ? `reads ${value}` : value;
