// Above the conversation: its title, what answers are coloured by, and what can be done with the whole.

import { make } from "./dom.js";
import { iconButton } from "./buttons.js";
import { MODES } from "./heat.js";
import { editInline } from "./inline_edit.js";
import { exportItems } from "./list.js";
import { toggleMenu } from "./menu.js";
import { remember, remembered } from "./preferences.js";

export class Header {
  /** @param {import("./types.js").Chat} chat @param {{openList: () => void, colourBy: (mode: string) => void}} wishes */
  constructor(chat, wishes) {
    Object.assign(this, { chat, wishes });
    this.mode = MODES.some((each) => each.mode === remembered("colour", "")) ? remembered("colour", "") : "";
    this.title = make("button", { type: "button", class: "oc-title", dir: "auto", title: "Rename", "data-action": "title", onclick: () => this.#rename() });
    this.opener = iconButton("list", "Show the conversations", wishes.openList, { class: "oc-opener", "data-action": "open-list" });
    this.newButton = iconButton("new", "New chat", () => chat.edit({ do: "new" }), { class: "oc-opener", "data-action": "new-here" });
    this.switch = make("div", { class: "oc-switch", role: "radiogroup", "aria-label": "Colour answers by" }, ...MODES.map(({ mode, words, help }) =>
      make("button", { type: "button", role: "radio", "data-mode": mode, title: help, onclick: () => this.choose(mode) }, words)));
    this.switch.addEventListener("keydown", (event) => this.#onKey(event));
    this.colour = iconButton("colour", "Colour answers by …", () => toggleMenu(this.colour, MODES.map(({ mode, words }) => (
      { label: words, name: `colour-${mode || "none"}`, isChecked: mode === this.mode, run: () => this.choose(mode) })), "Colour answers by"), { class: "oc-colour", "data-action": "colour" });
    this.export = iconButton("export", "Export", () => toggleMenu(this.export, exportItems(chat, chat.snapshot.conversation.id), "Export this conversation"), { "data-action": "export", "aria-haspopup": "menu" });
    this.element = make("header", { class: "oc-header" }, this.opener, this.newButton, make("h2", { class: "oc-title-frame" }, this.title), this.switch, this.colour, this.export);
    this.#mark();
  }

  show() {
    const { conversation } = this.chat.snapshot, title = conversation.title || "New conversation";
    if (this.title.textContent !== title) this.title.textContent = title;
    this.export.hidden = !conversation.id;
  }

  /** @param {string} mode */
  choose(mode) {
    this.mode = mode;
    remember("colour", mode);
    this.#mark();
    this.wishes.colourBy(mode);
  }

  #mark() {
    this.colour.classList.toggle("is-on", this.mode !== "");
    for (const button of this.switch.children) {
      const isChosen = button.dataset.mode === this.mode;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  }

  #onKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.switch.children], to = buttons[(buttons.findIndex((each) => each.dataset.mode === this.mode) + step + buttons.length) % buttons.length];
    this.choose(to.dataset.mode);
    to.focus();
  }

  #rename() {
    const { id, title } = this.chat.snapshot.conversation;
    if (!id) { this.chat.toast("A conversation gets its name with its first message."); return; }
    editInline(this.title, title, "Title of the conversation", (text) => this.chat.edit({ do: "rename", id, title: text }));
  }
}
