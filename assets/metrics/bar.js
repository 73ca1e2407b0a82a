// The row that stays at the top: the filter, and what can be done with what it shows.

import { iconButton, wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { toggleMenu } from "../chat/menu.js";
import { Filters } from "./filters.js";
import { exportAddress } from "./link.js";

const FORMATS = [["csv", "CSV"], ["json", "JSON"], ["parquet", "Parquet"]];

export class Bar {
  /** @param {{view: () => import("./link.js").View, change: (view: Object) => void, copyLink: () => void, compare: () => void, zoomed: () => [string, string]|null}} wishes */
  constructor(wishes) {
    this.filters = new Filters("Filter", wishes.change, wishes.zoomed);
    this.export = wordButton("Export", () => toggleMenu(this.export, FORMATS.map(([format, label]) => ({ label, name: `export-${format}`, picture: "file", run: () => save(exportAddress(wishes.view(), format)) })), "Export what is filtered"), { class: "is-small", "aria-haspopup": "menu", title: "What is filtered, as a file", "data-action": "export" });
    this.compare = wordButton("Compare", wishes.compare, { class: "is-small", "aria-pressed": "false", "data-action": "compare" });
    this.letter = make("b", { class: "om-letter is-a", hidden: true, title: "A of the comparison" }, "A");
    this.element = make("div", { class: "om-bar" }, this.letter, this.filters.element, make("div", { class: "om-bar-end" }, iconButton("copy", "Copy link", wishes.copyLink, { "data-action": "copy-link" }), this.export, this.compare));
  }

  /** @param {import("./link.js").View} view @param {Object} options @param {boolean} isComparing @param {import("./clock.js").Zone|null} zone */
  show(view, options, isComparing, zone) {
    this.filters.show(view, options, zone);
    this.compare.setAttribute("aria-pressed", String(isComparing));
    this.letter.hidden = !isComparing;
  }
}

function save(address) {
  const link = make("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
