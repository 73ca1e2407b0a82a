// The figures, each in a card with its title, its unit and a button that saves it.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { RANGE_SECONDS, RANGE_WORDS } from "./link.js";
import { isTouch, Plot } from "./plot.js";
import { explained } from "./tiles.js";

const USUAL_HEIGHT = 290;
/** Name of a figure -> its card. */
const CARDS = {
  timeline: { title: "Over time", about: () => isTouch() ? "one time axis" : "one time axis; drag to zoom, double click for all of it", id: "timeline", height: 560 },
  ttft: { title: "Time to first token", about: "ms, requests", id: "ttft_seconds" },
  decode: { title: "Decode throughput", about: "tok/s, requests", id: "decode_tokens_per_second" },
  itl: { title: "Inter-token latency", about: "ms, all gaps", id: "inter_token_latencies_seconds" },
  prompt_length: { title: "TTFT by prompt length", about: "a point opens its request", id: "ttft_seconds" },
  concurrency: { title: "Decode by requests at once", about: "tok/s, requests at once", id: "concurrent_requests" },
  concurrency_ttft: { title: "TTFT by requests at once", about: "ms, requests at once", id: "concurrent_requests" },
  stages: { title: "Where the time went", about: "mean ms of a request", id: "stages" },
};
const aboutOf = (name) => typeof CARDS[name].about === "function" ? CARDS[name].about() : CARDS[name].about;

export class Cards {
  /** @param {import("./plot.js").Around} around @param {() => import("./link.js").View} view @param {(id: string) => void} open */
  constructor(around, view, open) {
    Object.assign(this, { view, open });
    this.plots = new Map();
    const cards = Object.entries(CARDS).map(([name, card]) => [name, this.#card(around, name, card)]);
    this.timeline = cards.find(([name]) => name === "timeline")[1];
    this.element = make("div", { class: "om-cards" }, ...cards.filter(([name]) => name !== "timeline").map(([, element]) => element));
  }

  /** @param {Object<string, import("./plot.js").Figure|null>} figures only those that changed */
  show(figures) {
    for (const [name, figure] of Object.entries(figures)) {
      const plot = this.plots.get(name);
      if (!plot) continue;
      plot.note.textContent = figure?.layout?.meta?.note || aboutOf(name);
      plot.note.title = plot.note.textContent;
      plot.show(figure, JSON.stringify(this.view()));
    }
  }

  /** @param {Object<string, {from: any, traces: Object}>} parts */
  extend(parts) {
    for (const [name, part] of Object.entries(parts)) this.plots.get(name)?.extend(part, RANGE_SECONDS[this.view().range] || 0);
  }

  /** The part of the time axis that is looked at, as its texts; null: all of it. */
  zoomed() { return this.plots.get("timeline").zoomed(); }

  retheme() { for (const plot of this.plots.values()) plot.retheme(); }

  #card(around, name, { title, id, height = USUAL_HEIGHT }) {
    const note = make("span", { class: "om-card-unit" }, aboutOf(name));
    const plot = new Plot(around, { name, height, choose: name === "prompt_length" ? this.open : null, title: () => `${title} · ${RANGE_WORDS[this.view().range]}`, file: () => fileName(name, this.view().range) });
    plot.note = note;
    this.plots.set(name, plot);
    return make("section", { class: "om-card", "data-figure": name, "aria-label": title },
      make("div", { class: "om-card-head" }, make("h3", {}, title), explained(id, title, ""), note, wordButton("PNG", () => plot.save(), { class: "is-small om-png", "aria-label": `Save ${title} as PNG`, title: "Save as a picture" })),
      plot.element);
  }
}

/** "openarc-ttft-1h-2026-11-26-1404". */
export function fileName(name, range) {
  const now = new Date(), two = (number) => String(number).padStart(2, "0");
  return `openarc-${name.replaceAll("_", "-")}-${range}-${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}`;
}
