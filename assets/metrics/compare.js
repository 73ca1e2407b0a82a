// Two groups against each other: what the page shows (A) and another filter (B), differences with intervals around zero.

import { wordButton } from "../chat/buttons.js";
import { debounced, make } from "../chat/dom.js";
import { fileName } from "./cards.js";
import { Filters } from "./filters.js";
import { grouped } from "./notes.js";
import { copyOf } from "./link.js";
import { Plot } from "./plot.js";

const VERDICTS = { better: ["is-good", "▲"], worse: ["is-bad", "▼"], "no real difference": ["", "≈"], "too few": ["", "…"] };
const SETTLED_MS = 250, LEAST_SPAN = 5, MOST_SPAN = 100;
/** "+9.1% to −15.0%" -> [9.1, -15]. */
const numbers = (text) => (String(text ?? "").replaceAll("−", "-").match(/[-+]?\d+(?:[.,]\d+)?/g) || []).map((each) => Number(each.replace(",", ".")));

export class Compare {
  /**
   * @param {import("./plot.js").Around} around
   * @param {{ask: (name: string, asked: Object) => Promise<Object>, a: () => import("./link.js").View, changed: () => void, swap: (a: Object, b: Object) => void, close: () => void}} wishes
   */
  constructor(around, wishes) {
    Object.assign(this, { around, wishes, other: null, options: {}, zone: null, asked: "" });
    this.filters = new Filters("Filter of B", (view) => { this.other = view; wishes.changed(); this.#showFilter(); this.soon(); });
    this.labelA = make("span", { class: "om-side-words" });
    this.labelB = make("span", { class: "om-side-words" });
    this.result = make("div", { class: "om-compare-result", "aria-live": "polite" });
    this.soon = debounced(() => this.refresh(), SETTLED_MS);
    const side = (letter, words, ...more) => make("div", { class: "om-side" }, make("b", { class: `om-letter is-${letter.toLowerCase()}` }, letter), words, ...more);
    this.save = wordButton("PNG", () => this.#save(), { class: "is-small", hidden: true, "aria-label": "Save the comparison as PNG" });
    this.element = make("section", { class: "om-card om-compare", "aria-label": "Comparison", hidden: true },
      make("div", { class: "om-card-head" }, make("h3", {}, "B against A"), make("span", { class: "om-card-unit" }, "medians, 95% intervals"), this.save,
        wordButton("Refresh", () => this.refresh(), { class: "is-small" }), wordButton("Swap", () => wishes.swap(copyOf(this.other), wishes.a()), { class: "is-small" }), wordButton("Close", wishes.close, { class: "is-small" })),
      side("A", this.labelA, make("span", { class: "oc-dim om-small" }, "the filter above")), side("B", this.labelB, this.filters.element), this.result);
  }

  /** @param {import("./link.js").View|null} other null: nothing is compared */
  show(other) {
    this.other = other && copyOf(other);
    this.element.hidden = !other;
    this.asked = "";
    if (!other) return;
    this.#showFilter();
    this.refresh();
  }

  /** @param {Object} options @param {import("./clock.js").Zone|null} zone */
  offer(options, zone) {
    Object.assign(this, { options, zone });
    if (this.other) this.#showFilter();
  }

  /** Asks anew. */
  async refresh() {
    if (!this.other) return;
    const asked = { a: this.wishes.a(), b: this.other }, text = JSON.stringify(asked);
    this.asked = text;
    this.element.setAttribute("aria-busy", "true");
    try {
      const answer = await this.wishes.ask("metrics_compare", asked);
      if (this.asked === text) this.#answered(answer);
    } catch (error) {
      if (this.asked === text) this.result.replaceChildren(make("div", { class: "om-box is-bad", role: "alert" }, error.message, " ", wordButton("Try again", () => this.refresh(), { class: "is-small" })));
    }
    if (this.asked === text) this.element.removeAttribute("aria-busy");
  }

  #showFilter() { this.filters.show(this.other, this.options, this.zone); }

  #answered({ a, b, rows, figure }) {
    const words = ({ label, requests }) => [make("b", {}, label), make("span", { class: "oc-dim" }, ` ${grouped(requests)} request${String(requests) === "1" ? "" : "s"}`)];
    this.labelA.replaceChildren(...words(a));
    this.labelB.replaceChildren(...words(b));
    this.figure = figure;
    this.save.hidden = !figure?.data?.length;
    const ends = rows.flatMap(bounds).filter((each) => each !== undefined).map(Math.abs).sort((x, y) => x - y), span = Math.min(MOST_SPAN, Math.max(LEAST_SPAN, (ends.at(-1) || 0) * 1.1));
    const head = [["Figure"], ["A", true], ["B", true], ["Difference", true], [""], ["Verdict"]];
    this.result.replaceChildren(!rows.length ? make("p", { class: "om-none" }, "Neither side has a figure to compare.") : make("div", { class: "om-table-frame" }, make("table", { class: "om-table om-differences" },
      make("thead", {}, make("tr", {}, ...head.map(([text, isNumber], index) => make("th", { scope: "col", class: `${isNumber ? "is-number" : ""}${index === 4 ? " om-of-interval" : ""}` }, index === 4 ? axis(span) : text)))),
      make("tbody", {}, ...rows.map((row) => difference(row, span))))));
  }

  async #save() {
    const plot = new Plot(this.around, { name: "compare", height: 360, title: () => `B (${this.labelB.textContent}) against A (${this.labelA.textContent})`, file: () => fileName("compare", this.wishes.a().range) });
    plot.show(this.figure);
    await plot.save();
    plot.forget();
  }
}

/** The ends of a row's interval in percent, as numbers or read from its words. */
const bounds = (row) => typeof row.low === "number" && typeof row.high === "number" ? [row.low, row.high] : numbers(row.interval).slice(0, 2);

const axis = (span) => make("span", { class: "om-interval-axis", "aria-label": "Difference with its interval" }, make("i", {}, `−${Math.round(span)}%`), make("i", {}, "0"), make("i", {}, `+${Math.round(span)}%`));

function difference(row, span) {
  const [kind, sign] = VERDICTS[row.verdict] || ["", ""], unit = (value) => [String(value ?? "–"), row.unit && value !== null && value !== "–" ? make("span", { class: "oc-dim" }, ` ${row.unit}`) : null];
  return make("tr", { "data-verdict": row.verdict }, make("th", { scope: "row", title: row.title || null }, row.label), make("td", { class: "is-number om-of-a" }, ...unit(row.a)), make("td", { class: "is-number om-of-b" }, ...unit(row.b)),
    make("td", { class: "is-number om-of-difference", title: row.interval ? `95% interval: ${row.interval}` : null }, row.difference ?? "–"), make("td", { class: "om-of-interval" }, interval(row, span, kind)),
    make("td", { class: "om-verdict", title: row.words || null }, make("b", { class: kind }, `${sign} ${row.verdict}`.trim()), make("span", { class: "om-verdict-words" }, row.words || "")));
}

function interval(row, span, kind) {
  const [low, high] = bounds(row), middle = row.percent ?? numbers(row.difference)[0], at = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  if (low === undefined || high === undefined) return make("span", { class: "om-interval" });
  return make("span", { class: `om-interval ${kind}${low < -span ? " goes-left" : ""}${high > span ? " goes-right" : ""}`, role: "img", "aria-label": `between ${row.interval}` },
    make("i", { style: `left: ${at(low).toFixed(2)}%; width: ${Math.max(0.6, at(high) - at(low)).toFixed(2)}%` }), middle === undefined || Math.abs(middle) > span ? null : make("b", { style: `left: ${at(middle).toFixed(2)}%` }));
}
