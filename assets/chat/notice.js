// A sentence above the composer, with what can be done about it.

import { make } from "./dom.js";
import { iconButton, wordButton } from "./buttons.js";

const OF_EDITS = new Set(["edit", "delete", "delete_from", "insert", "move", "select", "undo", "replace", "new", "open", "rename", "remove", "search", "more", "import", "draft", "dismiss"]);

export class NoticeView {
  /** @param {import("./types.js").Chat} chat */
  constructor(chat) {
    Object.assign(this, { chat, drawn: "null" });
    this.element = make("div", { class: "oc-notice", role: "status", "aria-live": "polite", hidden: true });
  }

  /** @param {import("./types.js").Notice|null} notice */
  show(notice) {
    const drawn = JSON.stringify(notice);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.element.hidden = !notice;
    if (!notice) return;
    this.element.className = `oc-notice ${notice.tone ? `is-${notice.tone}` : ""}`;
    this.element.replaceChildren(make("div", { class: "oc-notice-words" }, make("b", {}, notice.text), notice.hint ? make("span", {}, ` ${notice.hint}`) : null,
      ...(notice.link ? [" ", make("a", { href: notice.link.address }, notice.link.label)] : [])),
      make("div", { class: "oc-buttons" }, ...(notice.actions || []).map((each, index) => wordButton(each.label, () => this.#run(each.action), { class: `is-small${index ? "" : " is-primary"}` }))),
      iconButton("close", "Dismiss", () => this.chat.edit({ do: "dismiss" }), { class: "is-small" }));
  }

  #run(action) {
    if (OF_EDITS.has(action.do)) this.chat.edit(action);
    else this.chat.submit(action);
  }
}
