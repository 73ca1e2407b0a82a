// The cards of the pictures: each with its title, a button that saves it, and for the trade-off the choice of its axes.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { fileName } from "../metrics/cards.js";
import { Plot } from "../metrics/plot.js";
import { select } from "./fields.js";
import { forest, importances, parallel, tradeoff } from "./figures.js";
import { isTimeOver, mark, stateMark } from "./marks.js";
import { panels } from "./panels.js";
import { find, idOf, isOverLimit, measuredFigures, objectivesOf, OVER, shortLabel, summaryOf } from "./results.js";
import { explained, redraw } from "./tools.js";
import { inUnit } from "./values.js";

const OPENS = "a point opens its configuration";
const BESIDE = { ttft_seconds: "decode_tokens_per_second", total_seconds: "memory_bytes", memory_bytes: "total_seconds" }, MOST_ROWS = 15, MOST_LISTED = 60, NARROW = 600, NARROW_NAME = 20, WIDE_NAME = 56;

export class Pictures {
  /** @param {import("../metrics/plot.js").Around} around @param {{open: (id: string) => void, chooseAxes: (x: string, y: string) => void}} wishes */
  constructor(around, wishes) {
    Object.assign(this, { wishes, plots: [], figures: new Map(), view: null, chosen: null });
    const open = (id) => wishes.open(id);
    this.tradeoff = this.#plot(around, "tradeoff", "Trade-off", 430, open);
    this.parallel = this.#plot(around, "parallel", "Every configuration", 420, open);
    this.importance = this.#plot(around, "importance", "What matters", 260, null);
    this.forest = this.#plot(around, "forest", "Differences", 260, open);
    this.panels = this.#plot(around, "panels", "What was measured", 320, null);
    this.axes = make("div", { class: "ot-axes-choice" });
    this.beside = make("div", { class: "ot-beside" });
    this.tradeoff.head.insertBefore(this.axes, this.tradeoff.head.lastChild);
    this.tradeoff.card.append(this.beside);
    this.tradeoff.card.classList.add("has-beside");
    this.element = make("div", { class: "ot-pictures" }, this.tradeoff.card, this.panels.card, this.forest.card, this.parallel.card, this.importance.card);
    this.#followPointer();
  }

  /** @param {Object} view @param {Map<string, Object>} figures @param {import("./link.js").Place} place */
  show(view, figures, place) {
    Object.assign(this, { view, figures, chosen: place.configuration });
    const { kind } = view.head, known = measuredFigures(view, figures), isMany = view.results.length > 1;
    this.tradeoff.card.hidden = kind !== "sweep" || !isMany;
    this.parallel.card.hidden = this.importance.card.hidden = kind !== "sweep" || !isMany;
    if (OVER.has(view.head.state) && !view.importances.length) this.importance.card.hidden = true; // nothing comes any more
    if (!this.tradeoff.card.hidden) this.#showTradeoff(view, known, place);
    if (kind === "sweep" && isMany) {
      this.#draw(this.parallel, this.#parallel(place.configuration), view.head.run_id);
      this.#draw(this.importance, importances(view, figures, this.#isNarrow()), view.head.run_id);
    }
    this.#showForest(view);
    this.panels.card.hidden = kind === "sweep" || !view.results.some((result) => Object.keys(result.figures).length);
    if (!this.panels.card.hidden) this.#draw(this.panels, panels(view, figures, this.#isNarrow()), view.head.run_id);
  }

  /** As all cards are: a card that is not drawn yet has no width of its own. */
  #isNarrow() { return (this.element.clientWidth || window.innerWidth) < NARROW; }

  retheme() { for (const each of this.plots) each.plot.retheme(); }

  forget() { for (const each of this.plots) each.plot.forget(); }

  #showTradeoff(view, known, place) {
    const [first, second] = objectivesOf(view), has = (name) => name && known.some((figure) => figure.name === name);
    const x = has(place.x) ? place.x : has(first) ? first : known[0]?.name, y = has(place.y) ? place.y : [second, BESIDE[x], "decode_tokens_per_second", "memory_bytes", known[1]?.name].find((name) => has(name) && name !== x) || x;
    const options = known.map((figure) => [figure.name, figure.label]);
    redraw(this.axes, [options, x, y], () => [make("label", {}, "x ", select(options, x, (name) => this.wishes.chooseAxes(name, y), { "data-action": "axis-x", "aria-label": "Figure on x" })), make("label", {}, "y ", select(options, y, (name) => this.wishes.chooseAxes(x, name), { "data-action": "axis-y", "aria-label": "Figure on y" }))]);
    if (x) this.#draw(this.tradeoff, tradeoff(view, this.figures.get(x), this.figures.get(y), place.configuration), `${view.head.run_id} ${x} ${y}`);
    const out = view.results.filter((result) => result.state === "failed" || result.state === "pruned" || result.failure || isOverLimit(view, result));
    redraw(this.beside, out.map((result) => [idOf(result), result.state, result.failure, isOverLimit(view, result)]), () => out.length ? [make("h4", {}, "Not in the running"), make("ul", { class: "ot-out" }, ...out.slice(0, MOST_LISTED).map((result) => make("li", {}, make("button", { type: "button", class: "ot-out-row", "data-action": `out-${idOf(result)}`, onclick: () => this.wishes.open(idOf(result)) },
      make("span", { class: "ot-out-name" }, result.configuration.label), isOverLimit(view, result) && result.state !== "failed" ? mark(["▲", "over the memory limit", "warn"], `It needs ${inUnit(this.figures.get("memory_bytes"), summaryOf(result, "memory_bytes").median)} MB.`) : stateMark(result), result.failure && !isTimeOver(result) ? make("span", { class: "ot-out-why" }, result.failure.message) : null)))),
      out.length > MOST_LISTED ? make("p", { class: "ot-help" }, `and ${out.length - MOST_LISTED} more in the table`) : null] : []);
    this.tradeoff.card.classList.toggle("has-out", out.length > 0);
  }

  #showForest(view) {
    const isComparison = view.head.kind === "comparison", [first] = objectivesOf(view), figure = this.figures.get(first);
    const other = isComparison ? view.results.find((result) => idOf(result) !== view.reference_id) : null;
    const rows = isComparison ? (other?.against_reference || []).map((difference) => ({ name: this.figures.get(difference.figure)?.label || difference.figure, difference }))
      : view.results.flatMap((result) => result.against_reference.filter((difference) => difference.figure === first).map((difference) => ({ name: `#${result.number} ${shortLabel(view, result)}`, id: idOf(result), difference }))).slice(0, MOST_ROWS);
    this.forest.card.hidden = view.head.kind === "bench" || !rows.length && (!isComparison || OVER.has(view.head.state));
    this.forest.title.textContent = isComparison ? "The differences as a picture" : "Against the base";
    this.forest.note.textContent = isComparison ? "" : OPENS;
    if (!this.forest.card.hidden) this.#draw(this.forest, forest(rows, isComparison ? "B against A" : `${figure?.label || ""} against the base`, this.#isNarrow() ? NARROW_NAME : WIDE_NAME), view.head.run_id);
  }

  #parallel(marked) { return parallel(this.view, this.figures, marked, this.#isNarrow()); }

  #draw(each, figure, revision) {
    const text = JSON.stringify(figure);
    each.note.textContent = figure.layout.meta?.note || each.note.textContent;
    if (text === each.drawn) return;
    each.drawn = text;
    each.plot.show(figure, revision);
  }

  /** Hovering a line of the parallel coordinates brings it out; the pointer away, the best one again. */
  #followPointer() {
    const { box } = this.parallel.plot, bring = (id) => {
      const figure = this.#parallel(id), at = (box.data || []).findIndex((trace) => trace.uid === "marked"), marked = figure.data.find((trace) => trace.uid === "marked");
      if (at >= 0 && marked) window.Plotly.restyle(box, { x: [marked.x], y: [marked.y], customdata: [marked.customdata], text: [marked.text], name: marked.name }, [at]);
    };
    const found = new MutationObserver(() => {
      if (typeof box.on !== "function") return;
      found.disconnect();
      let shown = null;
      box.on("plotly_hover", ({ points }) => { const id = points[0]?.customdata; if (typeof id === "string" && id !== shown && find(this.view, id)) { shown = id; bring(id); } });
      box.on("plotly_unhover", () => { shown = null; });
      box.addEventListener("pointerleave", () => bring(this.chosen));
    });
    found.observe(box, { attributes: true, attributeFilter: ["class"] });
  }

  #plot(around, name, words, height, choose) {
    const title = make("h3", {}, words), note = make("span", { class: "om-card-unit" }, choose ? OPENS : ""), plot = new Plot(around, { name, height, choose, title: () => `${title.textContent} · ${this.view?.head.name ?? ""}`, file: () => fileName(`tune-${name}`, this.view?.head.run_id ?? "") });
    const head = make("div", { class: "om-card-head" }, title, explained({ tradeoff: "the-front-and-the-best", parallel: "exploring", importance: "what-depends-on-what", forest: "differences", panels: "figures" }[name], words), note, wordButton("PNG", () => plot.save(), { class: "is-small om-png", "aria-label": `Save ${words} as PNG`, title: "Save as a picture" }));
    const each = { plot, title, note, head, card: make("section", { class: "om-card ot-picture", "data-figure": name, "aria-label": words, hidden: true }, head, plot.element), drawn: "" };
    this.plots.push(each);
    return each;
  }
}
