// The tiles: a figure's median large, its other percentiles small. Numbers change in place.

import { arrange, make } from "../chat/dom.js";

const EXPECTED = 11, LEAST_WIDTH = 158, GAP = 12, NARROW = 600;

/** The way to a definition in docs/metrics.md. @param {string} id @param {string} label @param {string} title */
export const explained = (id, label, title) => make("a", { class: "om-why", href: `/docs/metrics#${encodeURIComponent(id)}`, target: "_blank", rel: "noopener", title: title || label, "aria-label": `What ${label} means` }, "?");

export class Tiles {
  constructor() {
    this.views = new Map();
    this.element = make("div", { class: "om-tiles", role: "list", "aria-label": "Figures" }, ...Array.from({ length: EXPECTED }, () => make("div", { class: "om-tile is-waiting", "aria-hidden": "true" })));
    new ResizeObserver(() => this.#balance()).observe(this.element);
  }

  /** @param {{id: string, label: string, title: string, value: string, unit: string, rows: [string, string][], note: string, waiting?: boolean}[]} tiles  `waiting`: its value comes with the next answer */
  show(tiles) {
    arrange(this.element, tiles.map((tile) => {
      const view = this.views.get(tile.id) || new Tile(tile);
      this.views.set(tile.id, view);
      view.show(tile);
      return view.element;
    }));
    this.#balance();
  }

  /** Rows that are as long as each other, as far as they can be. */
  #balance() {
    const width = this.element.clientWidth, tiles = this.element.children.length;
    const most = width < NARROW ? 2 : Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP))), columns = Math.ceil(tiles / Math.ceil(tiles / most)) || 1;
    if (width && columns !== this.columns) this.element.style.gridTemplateColumns = `repeat(${this.columns = columns}, minmax(0, 1fr))`;
  }
}

class Tile {
  constructor(tile) {
    this.drawn = "";
    this.value = make("span", { class: "om-tile-value" });
    this.unit = make("span", { class: "om-tile-unit" });
    this.rows = make("div", { class: "om-tile-rows" });
    this.note = make("div", { class: "om-tile-note" });
    this.element = make("div", { class: "om-tile", role: "listitem", "data-tile": tile.id },
      make("div", { class: "om-tile-head" }, make("span", { class: "om-tile-label" }, tile.label), explained(tile.id, tile.label, tile.title)),
      make("div", { class: "om-tile-main" }, this.value, this.unit), this.rows, this.note);
  }

  show(tile) {
    const drawn = JSON.stringify(tile);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.value.textContent = tile.value;
    this.unit.textContent = /\d/.test(tile.value) ? tile.unit || "" : ""; // a dash has no unit
    this.element.classList.toggle("is-pale", Boolean(tile.waiting));
    this.element.querySelector(".om-why").title = tile.title || tile.label;
    this.rows.replaceChildren(...(tile.rows || []).map(([name, value]) => make("span", {}, make("i", {}, name), ` ${value}`)));
    this.note.textContent = tile.note || "";
  }
}
