// What came of a run: the sentence, and of a sweep the configuration to take, with what is better and what can be done with it.

import { make } from "../chat/dom.js";
import { configurationButtons } from "./actions.js";
import { differences } from "./load_editor.js";
import { differenceRows, levelWords } from "./differences.js";
import { qualityMark, standing } from "./marks.js";
import { axesOf, find, idOf, isBestSure, labelOf, objectivesOf, OVER, settingOf, summaryOf, wordsOf } from "./results.js";
import { explained, redraw } from "./tools.js";
import { directionWords, intervalWords, reach, valueWords, withInterval } from "./values.js";

const SHOWN = ["ttft_seconds", "decode_tokens_per_second", "total_seconds", "throughput_tokens_per_second", "memory_bytes"];

/** Figures as tiles, each with unit, interval and count. @param {Object} result @param {string[]} names @param {Map<string, Object>} figures @param {string|null} [workload] */
export function figureTiles(result, names, figures, workload = null) {
  const known = names.map((name) => [figures.get(name), summaryOf(result, name, workload)]).filter(([figure, summary]) => figure && summary);
  return make("div", { class: "ot-tiles" }, ...known.map(([figure, summary]) => make("div", { class: "ot-tile", title: `${intervalWords(figure, summary)}; ${directionWords(figure)}` },
    make("div", { class: "ot-tile-head" }, figure.label, explained(figure.name, figure.label, figure.words)), make("div", { class: "ot-tile-value" }, withInterval(figure, summary), figure.unit ? make("span", { class: "om-tile-unit" }, ` ${figure.unit}`) : null), make("div", { class: "ot-help" }, `${reach(summary) === null ? "no interval" : "95%"}, n = ${summary.count}`))));
}

/** The settings of the axes as chips. */
export function settingChips(view, result) {
  return make("div", { class: "ot-chips is-plain" }, ...axesOf(view).map((field) => make("span", { class: "ot-fact", title: wordsOf(view, field) }, make("span", {}, labelOf(view, field)), make("b", {}, valueWords(settingOf(result, field))))));
}

export class Outcome {
  /** @param {import("./actions.js").Desk} desk @param {(id: string) => void} open */
  constructor(desk, open) {
    Object.assign(this, { desk, open });
    this.words = make("p", { class: "ot-outcome", role: "status" });
    this.winner = make("section", { class: "om-card ot-winner", "aria-label": "The configuration to take", hidden: true });
    this.pair = make("section", { class: "om-card ot-pair", "aria-label": "B against A", hidden: true });
    this.notes = make("section", { class: "om-card ot-notes", "aria-label": "What to know of this run", hidden: true });
    this.sides = make("p", { class: "ot-sides-told", hidden: true });
    this.problem = make("div", { class: "om-box is-bad", role: "alert", hidden: true });
    this.element = make("div", { class: "ot-result" }, this.words, this.sides, this.problem, this.winner, this.pair, this.notes);
  }

  /** @param {Object} view @param {Map<string, Object>} figures */
  show(view, figures) {
    this.words.textContent = view.head.words;
    this.#tellSides(view);
    this.problem.hidden = !view.problem;
    if (view.problem) this.problem.textContent = [view.problem.message, view.problem.hint].filter(Boolean).join(" ");
    this.notes.hidden = !view.notes.length;
    redraw(this.notes, view.notes, () => [make("h3", {}, "What to know of it"), make("ul", {}, ...view.notes.map((note) => make("li", {}, note)))]);
    const best = view.head.kind === "sweep" ? find(view, view.best_id) : null, may = this.desk.may();
    this.winner.hidden = !best;
    const b = view.head.kind === "comparison" ? view.results.find((result) => idOf(result) !== view.reference_id && result.against_reference.length) : null;
    this.pair.hidden = !b;
    if (b) redraw(this.pair, [b.against_reference, b.configuration.label], () => [make("div", { class: "om-card-head" }, make("h3", {}, "B against A"), explained("differences", "The differences"), make("span", { class: "om-card-unit" }, levelWords(b.against_reference))), differenceRows(b.against_reference, figures, { withSides: true })]);
    if (best) redraw(this.winner, [best, view.head.state, may.may, may.active?.run_id], () => this.#draw(view, best, figures));
  }

  /** What A and B are, which their letters do not say. */
  #tellSides(view) {
    this.sides.hidden = view.head.kind !== "comparison";
    if (this.sides.hidden) return;
    const { a, b } = view.request, words = (value) => value === undefined ? "left out" : valueWords(value), found = differences(a, b);
    this.sides.textContent = found.length ? found.map(([field, ofA, ofB]) => `${wordsOf(view, field)}: ${words(ofA)} in A, ${words(ofB)} in B.`).join(" ") : "A and B are the same.";
  }

  #draw(view, best, figures) {
    const id = idOf(best), isBase = id === view.reference_id, { buttons, said, blocked } = configurationButtons(this.desk, view.head.run_id, best), { may, why } = this.desk.may();
    const names = [...new Set([...objectivesOf(view), ...SHOWN])].slice(0, 5), quality = qualityMark(best, idOf(best) === best.quality?.reference_id, !isBase);
    const against = best.against_reference.filter(({ figure }) => names.includes(figure)).sort((a, b) => names.indexOf(a.figure) - names.indexOf(b.figure));
    return [make("div", { class: "ot-winner-head" }, make("h3", {}, OVER.has(view.head.state) && isBestSure(view, best) ? "The one to take" : "Best so far"), make("div", { class: "ot-marks" }, ...standing(best, view), quality)),
      make("button", { type: "button", class: "ot-winner-name", "data-action": "open-winner", title: "Everything about it", onclick: () => this.open(id) }, best.configuration.label), settingChips(view, best), figureTiles(best, names, figures),
      isBase ? make("p", { class: "ot-help" }, "It is the base itself, which the others are held against.") : against.length ? make("div", { class: "ot-against" }, make("h4", {}, "Against the base", explained("differences", "The differences")), differenceRows(against, figures)) : make("p", { class: "ot-help" }, "It is held against the base in rounds of both; none is done yet."),
      ...best.marks.map((words) => make("p", { class: "ot-mark-words" }, words)),
      make("div", { class: "oc-buttons" }, ...buttons), blocked ? make("p", { class: "ot-help" }, may ? blocked : why) : null, said];
  }
}
