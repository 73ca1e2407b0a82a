// The conversations: search, open, rename, delete, import and export. On a narrow view it is a drawer.

import { acceptDrops } from "./attachments.js";
import { arrange, count, debounced, make } from "./dom.js";
import { iconButton, wordButton } from "./buttons.js";
import { editInline } from "./inline_edit.js";
import { toggleMenu } from "./menu.js";
import { icon } from "./icons.js";

const SEARCH_MS = 220, MOST_IMPORT_BYTES = 4_000_000;

/** What an export can be; `id` null is the open conversation. */
export const exportItems = (chat, id) => [["json", "Export as JSON"], ["json-tree", "Export as JSON with versions"], ["markdown", "Export as Markdown"]].map(([format, label]) => (
  { label, picture: "export", name: `export-${format}`, run: () => chat.look({ do: "export", id, format }) }));

export class ConversationList {
  /** @param {import("./types.js").Chat} chat @param {{fold: () => void, opened: () => void}} wishes */
  constructor(chat, wishes) {
    Object.assign(this, { chat, wishes, items: new Map() });
    this.search = make("input", { type: "search", class: "oc-search", dir: "auto", placeholder: "Search", "aria-label": "Search conversations", autocomplete: "off" });
    const tell = debounced(() => chat.edit({ do: "search", text: this.search.value.trim() }), SEARCH_MS);
    this.search.addEventListener("input", () => tell());
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.search.value) return;
      event.stopPropagation();
      this.search.value = "";
      tell.now();
      tell();
    });
    this.picker = make("input", { type: "file", accept: ".json,.md,.markdown,.txt,application/json,text/markdown", multiple: true, hidden: true, tabindex: "-1", "aria-hidden": "true",
      onchange: () => { this.#import([...this.picker.files]); this.picker.value = ""; } });
    this.body = make("div", { class: "oc-list-body", role: "list" });
    this.element = make("nav", { class: "oc-list", "aria-label": "Conversations" },
      make("div", { class: "oc-list-top" },
        make("button", { type: "button", class: "oc-new", "data-action": "new", onclick: () => { chat.edit({ do: "new" }); wishes.opened(); } }, icon("new"), "New chat"),
        iconButton("import", "Import a conversation", () => this.picker.click(), { "data-action": "import" }),
        iconButton("list", "Fold the list away", wishes.fold, { "data-action": "fold" })),
      make("div", { class: "oc-search-frame" }, icon("search"), this.search), this.body, this.picker);
    acceptDrops(this.element, (files) => this.#import(files));
  }

  show() {
    const { conversations, conversation, search, more } = this.chat.snapshot, nodes = [], items = new Map();
    if (document.activeElement !== this.search && this.search.value.trim() !== search) this.search.value = search;
    let day = null;
    for (const summary of conversations) {
      const heading = search ? null : dayOf(summary.when);
      if (heading && heading !== day) nodes.push(this.#heading(day = heading));
      const item = this.items.get(summary.id) || { element: make("div", { class: "oc-item", role: "listitem" }), drawn: "" };
      this.#drawItem(item, summary, summary.id === conversation.id, search);
      items.set(summary.id, item);
      nodes.push(item.element);
    }
    if (!conversations.length) nodes.push(make("p", { class: "oc-list-none" }, search ? "Nothing matches." : "Conversations are kept here."));
    if (more) nodes.push(wordButton("Show more", () => this.chat.edit({ do: "more" }), { class: "is-small" }));
    this.items = items;
    arrange(this.body, nodes);
  }

  #heading(words) { return make("h4", { class: "oc-day" }, words); }

  #drawItem(item, summary, isOpen, search) {
    const drawn = JSON.stringify([summary, isOpen, search]);
    if (item.drawn === drawn) return;
    item.drawn = drawn;
    const { chat } = this, title = summary.title || "Untitled";
    const open = make("button", { type: "button", class: "oc-item-open", "aria-current": isOpen ? "true" : null, title: `${title} · ${summary.when} · ${count(summary.messages, "message")}`,
      onclick: () => { if (!isOpen) chat.edit({ do: "open", id: summary.id }); this.wishes.opened(); } },
      make("span", { class: "oc-item-title", dir: "auto" }, title), summary.snippet ? make("span", { class: "oc-item-snippet", dir: "auto" }, ...marked(summary.snippet, search)) : null);
    const rename = () => editInline(open.querySelector(".oc-item-title"), title, "Title", (text) => chat.edit({ do: "rename", id: summary.id, title: text }));
    open.addEventListener("dblclick", rename);
    const more = iconButton("more", `More about ${title}`, () => toggleMenu(more, [
      { label: "Rename", picture: "edit", name: "rename", run: rename }, null, ...exportItems(chat, summary.id), null,
      { label: "Delete", picture: "delete", isBad: true, name: "remove", question: "Delete for good?", run: () => chat.edit({ do: "remove", id: summary.id }) },
    ], title), { class: "oc-item-more", "aria-haspopup": "menu" });
    item.element.classList.toggle("is-open", isOpen);
    item.element.replaceChildren(open, more);
  }

  async #import(files) {
    for (const file of files) {
      if (file.size > MOST_IMPORT_BYTES) this.chat.toast(`${file.name} is too large; 4 MB can be imported.`, "bad");
      else this.chat.edit({ do: "import", name: file.name, text: await file.text() });
    }
    this.wishes.opened();
  }
}

/** "today 14:02" is Today; "12 Nov" is itself. */
function dayOf(when) {
  const day = (when || "").replace(/\s*\d{1,2}:\d{2}$/, "").trim();
  return day ? day[0].toUpperCase() + day.slice(1) : "Earlier";
}

/** As the search does it: "STRASSE" finds "Straße". */
const folded = (text) => text.toUpperCase().toLowerCase();

function marked(text, search) {
  const wanted = [...search].map(folded).join(""), places = []; // of each folded character: where its own begins and ends
  let all = "", from = 0;
  for (const character of text) {
    const fold = folded(character), to = from + character.length;
    all += fold;
    for (let number = 0; number < fold.length; number += 1) places.push([from, to]);
    from = to;
  }
  const at = wanted ? all.indexOf(wanted) : -1;
  if (at < 0) return [text];
  const [begin] = places[at], [, end] = places[at + wanted.length - 1];
  return [text.slice(0, begin), make("mark", {}, text.slice(begin, end)), text.slice(end)];
}
