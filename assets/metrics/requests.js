// The requests as a table: the newest, or the slowest by a column, and further ones on demand. A click, Enter or Space opens one;
// arrows go from row to row.

import { arrange, make } from "../chat/dom.js";
import { drawnRow, keepReachable, moveAlong } from "./rows.js";

const FIRST = 10, PAGE = 50, AGAIN_MS = 5000;
const COLUMNS = [["time", "Time"], ["model", "Model"], ["device", "Device"], ["prompt", "Prompt", true], ["generated", "Generated", true], ["ttft", "TTFT", true], ["decode", "Decode", true],
  ["queue", "Queue", true], ["total", "Total", true], ["outcome", "Outcome"], ["source", "Source"]];
/** Column -> how its order is called, and how `aria-sort` does. */
const SORTS = { ttft: ["longest time to first token first", "descending"], decode: ["slowest decoding first", "ascending"], total: ["longest first", "descending"] };
const SIGNS = { bad: "✕ ", warn: "! " };

export class Requests {
  /** @param {(id: string, from: HTMLElement) => void} open @param {(asked: Object) => Promise<{requests: Object[], next: Object|null}>} ask further ones of the view that is shown */
  constructor(open, ask) {
    Object.assign(this, { open, ask, newest: [], rows: [], views: new Map(), chosen: null, isWhole: false, sort: "newest", next: null, turn: 0, loading: null, askedAt: 0, isOther: false });
    this.body = make("tbody", { onkeydown: (event) => moveAlong(event, this.body) });
    this.older = make("button", { type: "button", class: "om-quiet", onclick: () => this.#more() });
    this.fewer = make("button", { type: "button", class: "om-quiet", onclick: () => { this.isWhole = false; this.#draw(); } }, "Show fewer");
    this.told = make("span", { class: "oc-bad om-small", role: "alert", hidden: true });
    this.none = make("p", { class: "om-none" }, "No requests in this span.");
    this.order = make("span", { class: "om-card-unit", role: "status" });
    this.heads = COLUMNS.map(([name, words, isNumber]) => make("th", { scope: "col", class: `${isNumber ? "is-number" : ""} om-of-${name}` }, SORTS[name] ? make("button", { type: "button", class: "om-sort", "data-sort": name, title: `Sort: ${SORTS[name][0]}`, onclick: () => this.#sortBy(name) }, words) : words));
    this.element = make("section", { class: "om-card om-requests", "aria-label": "Requests" }, make("div", { class: "om-card-head" }, make("h3", {}, "Requests"), this.order),
      make("div", { class: "om-table-frame" }, make("table", { class: "om-table" }, make("thead", {}, make("tr", {}, ...this.heads)), this.body)), this.none, make("div", { class: "om-more" }, this.older, this.fewer, this.told));
    this.#showOrder();
  }

  /** The newest of the view. @param {Object[]} rows */
  show(rows) {
    this.newest = rows;
    if (this.sort === "newest") {
      const last = rows.at(-1)?.request_id, at = this.rows.findIndex((row) => row.request_id === last), known = new Set(rows.map((row) => row.request_id));
      const older = rows.length >= PAGE && at >= 0 && !this.isOther ? this.rows.slice(at + 1).filter((row) => !known.has(row.request_id)) : []; // what came makes room for itself; what was loaded below stays
      if (!older.length) this.next = after(rows);
      this.rows = [...rows, ...older];
      this.isOther = false;
      this.#draw();
    } else if (this.rows.length <= PAGE && performance.now() - this.askedAt > AGAIN_MS) this.#load(null);
  }

  /** Another view is wanted: what is loaded further down is none of it. */
  forget() {
    Object.assign(this, { turn: this.turn + 1, loading: null, isOther: true });
    this.rows = this.rows.slice(0, PAGE);
    this.next = null;
    if (this.sort !== "newest") this.#load(null);
    else this.#draw();
  }

  /** Marks the one that is open. @param {string|null} id */
  choose(id) {
    this.chosen = id;
    for (const [each, view] of this.views) view.element.classList.toggle("is-open", each === id);
  }

  /** The request before or after another, as the list has them. @param {string} id @param {number} step */
  beside(id, step) {
    const at = this.rows.findIndex((row) => row.request_id === id);
    return at < 0 ? this.rows[step > 0 ? 0 : -1]?.request_id ?? null : this.rows[at + step]?.request_id ?? null;
  }

  /** Whether there are further ones below. */
  hasNext() { return Boolean(this.next); }

  /** Loads the following ones. @returns {Promise<void>} */
  loadNext() { return this.next ? this.#load(this.next) : Promise.resolve(); }

  focus(id) { (this.views.get(id)?.element || this.body.querySelector("tr"))?.focus({ preventScroll: true }); }

  #sortBy(name) {
    this.sort = this.sort === name ? "newest" : name;
    this.#showOrder();
    this.turn += 1;
    this.loading = null;
    this.next = null;
    if (this.sort !== "newest") { this.#load(null); return; }
    this.rows = this.newest;
    this.isOther = false;
    this.next = after(this.rows);
    this.#draw();
  }

  #showOrder() {
    this.order.textContent = this.sort === "newest" ? "newest first" : SORTS[this.sort][0];
    COLUMNS.forEach(([name], index) => {
      if (name === this.sort) this.heads[index].setAttribute("aria-sort", SORTS[name][1]);
      else this.heads[index].removeAttribute("aria-sort");
    });
  }

  #more() {
    if (!this.isWhole && this.rows.length > FIRST) { this.isWhole = true; this.#draw(); } else this.loadNext();
  }

  /** One question at a time. @param {Object|null} next what the last answer said to ask; null: from the top */
  #load(next) {
    if (next && this.loading) return this.loading;
    const turn = ++this.turn;
    this.loading = this.#asked(next, turn).finally(() => { if (turn === this.turn) this.loading = null; this.#draw(); });
    this.#draw();
    return this.loading;
  }

  async #asked(next, turn) {
    this.told.textContent = "";
    this.askedAt = performance.now();
    try {
      const answer = await this.ask({ before_id: null, sort: this.sort, ...next });
      if (turn !== this.turn) return;
      const had = next ? this.rows : [], known = new Set(had.map((row) => row.request_id));
      this.rows = [...had, ...answer.requests.filter((row) => !known.has(row.request_id))];
      this.next = answer.next ?? null;
      if (next) this.isWhole = true;
    } catch (error) {
      if (turn === this.turn) this.told.textContent = error.message;
    }
  }

  #draw() {
    const known = new Set(this.rows.map((row) => row.request_id)), isFolded = !this.isWhole && this.rows.length > FIRST;
    for (const id of this.views.keys()) if (!known.has(id)) this.views.delete(id);
    arrange(this.body, (isFolded ? this.rows.slice(0, FIRST) : this.rows).map((row) => this.#row(row)));
    keepReachable(this.body);
    this.older.hidden = !isFolded && !this.next;
    this.older.disabled = Boolean(this.loading);
    this.older.textContent = this.loading ? "Loading …" : isFolded ? `Show ${this.rows.length - FIRST} more` : `Show ${PAGE} ${this.sort === "newest" ? "older" : "more"}`;
    this.told.hidden = !this.told.textContent;
    this.fewer.hidden = isFolded || this.rows.length <= FIRST;
    this.none.hidden = this.rows.length > 0;
  }

  #row(row) {
    return drawnRow(this.views, row.request_id, row, () => make("tr", { tabindex: "-1", "data-request": row.request_id, onclick: (event) => this.open(row.request_id, event.currentTarget) }), (element) => this.#fill(element, row));
  }

  #fill(element, row) {
    element.className = `${row.outcome_kind ? `is-${row.outcome_kind}` : ""}${row.request_id === this.chosen ? " is-open" : ""}`.trim();
    element.setAttribute("aria-label", `${row.time}, ${row.model}, ${row.outcome}; opens the request`);
    element.replaceChildren(...COLUMNS.map(([name, , isNumber]) => name === "time"
      ? make("th", { scope: "row", class: "om-of-time" }, row.time)
      : make("td", { class: `${isNumber ? "is-number" : ""} om-of-${name}`, title: name === "model" ? `${row.model}\n${row.backend} on ${row.device}` : name === "device" ? row.backend : name === "outcome" ? row.title || null : null }, cell(name, row))));
  }
}

/** What to ask for the ones older than these; null: there are none. */
const after = (rows) => rows.length >= PAGE ? { before_id: rows.at(-1).id, sort: "newest" } : null;

function cell(name, row) {
  if (name !== "outcome") return String(row[name] ?? "–");
  return make("span", { class: `om-outcome${row.outcome_kind ? ` is-${row.outcome_kind}` : ""}` }, `${SIGNS[row.outcome_kind] || ""}${row.outcome}`);
}
