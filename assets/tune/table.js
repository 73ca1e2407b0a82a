// All configurations of a run as a table that can be sorted; on a phone each row is a card. A click, Enter or Space opens one.

import { arrange, make } from "../chat/dom.js";
import { drawnRow, keepReachable, moveAlong } from "../metrics/rows.js";
import { isTimeOver, qualityMark, standing, stateMark } from "./marks.js";
import { idOf, objectivesOf, summaryOf, workloadsOf } from "./results.js";
import { directionWords, intervalWords, NONE, withInterval } from "./values.js";

const USUAL = ["ttft_seconds", "decode_tokens_per_second", "total_seconds", "memory_bytes"], FIRST = 20;

export class Results {
  /** @param {(id: string, from: HTMLElement) => void} open */
  constructor(open) {
    Object.assign(this, { open, views: new Map(), sort: null, isWhole: false, columns: "", view: null });
    this.head = make("tr");
    this.body = make("tbody", { onkeydown: (event) => moveAlong(event, this.body) });
    this.more = make("button", { type: "button", class: "om-quiet", hidden: true, onclick: () => { this.isWhole = !this.isWhole; this.#draw(); } });
    this.order = make("span", { class: "om-card-unit" });
    this.title = make("h3", {}, "Configurations");
    this.none = make("p", { class: "om-none" }, "The first numbers come when the first configuration is measured.");
    this.element = make("section", { class: "om-card om-requests ot-results", "aria-label": "Configurations" }, make("div", { class: "om-card-head" }, this.title, this.order),
      make("div", { class: "om-table-frame" }, make("table", { class: "om-table" }, make("thead", {}, this.head), this.body)), this.none, make("div", { class: "om-more" }, this.more));
  }

  /** @param {Object} view @param {Map<string, Object>} figures @param {string|null} chosen */
  show(view, figures, chosen) {
    if (this.view && this.view.head.run_id !== view.head.run_id) { this.views.clear(); this.sort = null; this.isWhole = false; }
    Object.assign(this, { view, figures, chosen });
    const { kind } = view.head, isBench = kind === "bench", workloads = workloadsOf(view);
    this.title.textContent = isBench ? "Workloads" : "Configurations";
    const many = (view.request.workload?.concurrent_requests ?? 1) > 1 || (view.request.workloads || []).some((each) => each.concurrent_requests > 1), names = isBench ? ["prefill_tokens_per_second", ...USUAL] : USUAL;
    this.shown = [...new Set([...objectivesOf(view), ...names, ...(many ? ["throughput_tokens_per_second"] : []), ...(isBench ? ["load_seconds"] : ["mean_kl_divergence"])])].map((name) => figures.get(name)).filter(Boolean)
      .filter(({ name }) => objectivesOf(view).includes(name) || name !== "mean_kl_divergence" || view.results.some((result) => summaryOf(result, name)));
    this.hasQuality = view.results.some((result) => result.quality);
    this.rows = isBench ? view.results.flatMap((result) => workloads.map((workload) => ({ result, workload }))) : view.results.map((result) => ({ result, workload: null }));
    this.#drawHead();
    this.#draw();
  }

  focus(id) { (this.body.querySelector(`[data-configuration="${CSS.escape(id ?? "")}"]`) || this.body.querySelector("tr"))?.focus({ preventScroll: true }); }

  /** The one before or after another, as the table has them. */
  beside(id, step) {
    const rows = this.#sorted(), at = rows.findIndex(({ result }) => idOf(result) === id);
    return at < 0 ? null : rows[at + step] ? idOf(rows[at + step].result) : null;
  }

  #drawHead() {
    const isBench = this.view.head.kind === "bench", columns = JSON.stringify([this.shown.map(({ name }) => name), this.hasQuality, this.sort, isBench]);
    if (columns === this.columns) return;
    this.columns = columns;
    const sorting = (name, words, title) => make("button", { type: "button", class: "om-sort", "data-sort": name, title, onclick: () => this.#sortBy(name) }, words);
    const head = (name, content, isNumber = false) => { const cell = make("th", { scope: "col", class: isNumber ? "is-number" : null }, content); if (this.sort?.name === name) cell.setAttribute("aria-sort", this.sort.isDown ? "descending" : "ascending"); return cell; };
    const held = this.head.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
    this.head.replaceChildren(...(isBench ? [] : [head("number", sorting("number", "#", "In the order they were begun"))]), head("label", isBench ? "Workload" : "Configuration"), ...(isBench ? [] : [head("state", "State")]),
      ...this.shown.map((figure) => head(figure.name, sorting(figure.name, figure.unit ? `${figure.label}, ${figure.unit}` : figure.label, `${figure.words}; ${directionWords(figure)}`), true)), ...(this.hasQuality ? [head("quality", "Text")] : []), head("visits", sorting("visits", "Visits", "How often it was loaded and measured"), true));
    if (held) this.head.querySelector(`[data-sort="${held}"]`)?.focus();
    this.order.textContent = `median ± 95% interval${this.sort || this.view.head.kind !== "sweep" ? "" : "; best first"}`;
  }

  #sortBy(name) {
    const figure = this.figures.get(name), isDown = figure ? figure.is_better_higher : name === "visits";
    this.sort = this.sort?.name !== name ? { name, isDown } : this.sort.isDown === isDown ? { name, isDown: !isDown } : null;
    this.#drawHead();
    this.#draw();
  }

  /** Without a choice: the best, the front, then by the first objective; what has no number last. */
  #sorted() {
    const [first] = objectivesOf(this.view), { kind } = this.view.head, sort = this.sort || (kind === "sweep" && first ? { name: first, isDown: this.figures.get(first)?.is_better_higher, isStanding: true } : { name: "number", isDown: false });
    if (kind === "bench" && !this.sort) return this.rows;
    const value = ({ result, workload }) => sort.name === "number" ? result.number : sort.name === "visits" ? result.visits : summaryOf(result, sort.name, workload)?.median ?? null, rank = ({ result }) => sort.isStanding ? result.is_best ? 0 : result.is_on_front ? 1 : 2 : 0;
    return [...this.rows].sort((a, b) => {
      const of = value(a), other = value(b);
      if (rank(a) !== rank(b)) return rank(a) - rank(b);
      if (of === null || other === null) return (of === null) - (other === null) || a.result.number - b.result.number;
      return (sort.isDown ? other - of : of - other) || a.result.number - b.result.number;
    });
  }

  #draw() {
    const rows = this.#sorted(), isFolded = !this.isWhole && rows.length > FIRST;
    arrange(this.body, (isFolded ? rows.slice(0, FIRST) : rows).map((row) => this.#row(row)));
    keepReachable(this.body);
    this.more.hidden = rows.length <= FIRST;
    this.more.textContent = isFolded ? `Show ${rows.length - FIRST} more` : "Show fewer";
    this.none.hidden = rows.length > 0;
  }

  #row({ result, workload }) {
    const id = idOf(result), isBench = workload !== null;
    const shown = [isBench ? result.figures[workload] : result.figures, result.state, result.visits, result.failure, result.is_best, result.is_on_front, result.quality?.changes_text, this.view.reference_id, this.columns, id === this.chosen];
    return drawnRow(this.views, `${id} ${workload ?? ""}`, shown, () => make("tr", { tabindex: "-1", "data-configuration": id, onclick: (event) => this.open(id, event.currentTarget) }), (element) => this.#fill(element, result, workload));
  }

  #fill(element, result, workload) {
    const id = idOf(result), isBench = workload !== null;
    element.className = [result.state === "failed" ? "is-bad" : "", result.is_best ? "is-best" : "", id === this.chosen ? "is-open" : ""].filter(Boolean).join(" ");
    element.setAttribute("aria-label", `${isBench ? workload : result.configuration.label}, ${isTimeOver(result) ? "not measured" : result.state}; opens it`);
    const cell = (name, words, ...children) => make("td", { "data-name": words }, ...children);
    element.replaceChildren(...(isBench ? [] : [make("td", { class: "ot-of-number", "data-name": "#" }, String(result.number))]), make("th", { scope: "row", class: "ot-of-label" }, make("span", { class: "ot-label" }, isBench ? workload : result.configuration.label), make("span", { class: "ot-marks" }, ...(isBench ? [] : standing(result, this.view)))),
      ...(isBench ? [] : [cell("state", "State", stateMark(result))]),
      ...this.shown.map((figure) => { const summary = summaryOf(result, figure.name, workload); return make("td", { class: "is-number", "data-name": figure.label, "data-figure": figure.name, title: intervalWords(figure, summary) }, withInterval(figure, summary), make("span", { class: "ot-row-unit" }, summary && figure.unit ? ` ${figure.unit}` : "")); }),
      ...(this.hasQuality ? [cell("quality", "Text", qualityMark(result, result.quality?.reference_id === id) || NONE)] : []), make("td", { class: "is-number", "data-name": "Visits" }, String(result.visits)));
  }
}
