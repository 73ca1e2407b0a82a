// The newest requests as a table. A click, Enter or Space opens one; arrows go from row to row.

import { arrange, make } from "../chat/dom.js";

const FIRST = 10;
const COLUMNS = [["time", "Time"], ["model", "Model"], ["device", "Device"], ["prompt", "Prompt", true], ["generated", "Generated", true], ["ttft", "TTFT", true], ["decode", "Decode", true],
  ["queue", "Queue", true], ["total", "Total", true], ["outcome", "Outcome"], ["source", "Source"]];
const SIGNS = { bad: "✕ ", warn: "! " };

export class Requests {
  /** @param {(id: string, from: HTMLElement) => void} open */
  constructor(open) {
    Object.assign(this, { open, rows: [], views: new Map(), chosen: null, isWhole: false });
    this.body = make("tbody", { onkeydown: (event) => this.#onKey(event) });
    this.more = make("button", { type: "button", class: "om-quiet om-more", hidden: true, onclick: () => { this.isWhole = !this.isWhole; this.#draw(); } });
    this.none = make("p", { class: "om-none" }, "No requests in this span.");
    this.element = make("section", { class: "om-card om-requests", "aria-label": "Recent requests" },
      make("div", { class: "om-card-head" }, make("h3", {}, "Recent requests"), make("span", { class: "om-card-unit" }, "newest first")),
      make("div", { class: "om-table-frame" }, make("table", { class: "om-table" }, make("thead", {}, make("tr", {}, ...COLUMNS.map(([name, words, isNumber]) => make("th", { scope: "col", class: `${isNumber ? "is-number" : ""} om-of-${name}` }, words)))), this.body)), this.none, this.more);
  }

  /** @param {Object[]} rows */
  show(rows) {
    this.rows = rows;
    const known = new Set(rows.map((row) => row.request_id));
    for (const id of this.views.keys()) if (!known.has(id)) this.views.delete(id);
    this.#draw();
  }

  /** Marks the one that is open. @param {string|null} id */
  choose(id) {
    this.chosen = id;
    for (const [each, view] of this.views) view.element.classList.toggle("is-open", each === id);
  }

  /** The request before or after another, as the table has them. @param {string} id @param {number} step */
  beside(id, step) {
    const at = this.rows.findIndex((row) => row.request_id === id);
    return at < 0 ? this.rows[step > 0 ? 0 : -1]?.request_id ?? null : this.rows[at + step]?.request_id ?? null;
  }

  focus(id) { (this.views.get(id)?.element || this.body.querySelector("tr"))?.focus({ preventScroll: true }); }

  #draw() {
    const shown = this.isWhole ? this.rows : this.rows.slice(0, FIRST);
    arrange(this.body, shown.map((row) => this.#row(row)));
    if (!this.body.querySelector('tr[tabindex="0"]') && this.body.firstChild) this.body.firstChild.tabIndex = 0;
    this.more.hidden = this.rows.length <= FIRST;
    this.more.textContent = this.isWhole ? "Show fewer" : `Show all ${this.rows.length}`;
    this.none.hidden = this.rows.length > 0;
  }

  #row(row) {
    const drawn = JSON.stringify(row), known = this.views.get(row.request_id);
    if (known?.drawn === drawn) return known.element;
    const element = known?.element || make("tr", { tabindex: "-1", "data-request": row.request_id, onclick: () => this.open(row.request_id, element) });
    element.className = `${row.outcome_kind ? `is-${row.outcome_kind}` : ""}${row.request_id === this.chosen ? " is-open" : ""}`.trim();
    element.setAttribute("aria-label", `${row.time}, ${row.model}, ${row.outcome}; opens the request`);
    element.replaceChildren(...COLUMNS.map(([name, , isNumber]) => name === "time"
      ? make("th", { scope: "row", class: "om-of-time" }, row.time)
      : make("td", { class: `${isNumber ? "is-number" : ""} om-of-${name}`, title: name === "model" ? `${row.model}\n${row.backend} on ${row.device}` : name === "device" ? row.backend : name === "outcome" ? row.title || null : null }, cell(name, row))));
    this.views.set(row.request_id, { drawn, element });
    return element;
  }

  #onKey(event) {
    const rows = [...this.body.children], at = rows.indexOf(document.activeElement);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); rows[at].click(); return; }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[at].tabIndex = -1;
    rows[to].tabIndex = 0;
    rows[to].focus();
  }
}

function cell(name, row) {
  if (name !== "outcome") return String(row[name] ?? "–");
  return make("span", { class: `om-outcome${row.outcome_kind ? ` is-${row.outcome_kind}` : ""}` }, `${SIGNS[row.outcome_kind] || ""}${row.outcome}`);
}
