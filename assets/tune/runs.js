// The list of runs: what each is, how it stands, what came of it. A click opens one.

import { wordButton } from "../chat/buttons.js";
import { arrange, make } from "../chat/dom.js";
import { KINDS } from "./link.js";
import { runMark } from "./marks.js";
import { moment } from "./values.js";

const FIRST = 12;

export class Runs {
  /** @param {(run: string) => void} open @param {() => void} begin */
  constructor(open, begin) {
    Object.assign(this, { open, views: new Map(), isWhole: false, heads: [], chosen: null });
    this.new = wordButton("New run", begin, { class: "is-primary ot-new-button", "data-action": "new-run" });
    this.unfold = wordButton("Runs", () => this.#fold(!this.element.classList.contains("is-open")), { class: "ot-unfold", "aria-expanded": "false", "aria-controls": "ot-runs", "data-action": "unfold" });
    this.list = make("div", { class: "ot-runs", id: "ot-runs", role: "list", "aria-label": "Runs" });
    this.more = make("button", { type: "button", class: "om-quiet", hidden: true, onclick: () => { this.isWhole = !this.isWhole; this.show(this.heads, this.chosen); } });
    this.none = make("p", { class: "om-none" }, "Nothing was measured yet.");
    this.element = make("nav", { class: "ot-side-list", "aria-label": "Runs" }, make("div", { class: "ot-side-head" }, this.new, this.unfold), this.list, this.more, this.none);
  }

  /** @param {Object[]} heads the newest first @param {string|null} chosen */
  show(heads, chosen) {
    Object.assign(this, { heads, chosen });
    const shown = this.isWhole ? heads : heads.filter((head, at) => at < FIRST || head.run_id === chosen);
    arrange(this.list, shown.map((head) => this.#row(head)));
    this.more.hidden = heads.length <= FIRST;
    this.more.textContent = this.isWhole ? "Show fewer" : `Show all ${heads.length}`;
    this.none.hidden = heads.length > 0;
    this.unfold.hidden = !heads.length;
    this.unfold.textContent = `Runs (${heads.length})`;
  }

  /** On a phone the list is folded. */
  #fold(isOpen) {
    this.element.classList.toggle("is-open", isOpen);
    this.unfold.setAttribute("aria-expanded", String(isOpen));
  }

  #row(head) {
    const known = this.views.get(head.run_id), drawn = JSON.stringify([head, head.run_id === this.chosen]);
    if (known?.drawn === drawn) return known.element;
    const button = known?.button || make("button", { type: "button", class: "ot-run", "data-run": head.run_id, onclick: () => { this.#fold(false); this.open(head.run_id); } });
    const element = known?.element || make("div", { role: "listitem" }, button);
    button.setAttribute("aria-current", head.run_id === this.chosen ? "true" : "false");
    button.replaceChildren(make("span", { class: "ot-run-name" }, head.name), make("span", { class: "ot-run-facts" }, runMark(head.state), make("span", {}, KINDS[head.kind] || head.kind), make("span", {}, moment(head.created_at))), make("span", { class: "ot-run-words" }, head.words));
    this.views.set(head.run_id, { drawn, element, button });
    return element;
  }
}
