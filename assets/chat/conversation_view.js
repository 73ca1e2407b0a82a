// The messages of a conversation, one under the other, answers made together side by side.

import { arrange, make } from "./dom.js";
import { wordButton } from "./buttons.js";
import { BUSY, editor } from "./editor.js";
import { keepingFocus } from "./focus.js";
import { plainText } from "./markdown.js";
import { MarkdownView } from "./markdown_view.js";
import { MessageView } from "./message_view.js";
import { Follower } from "./scroll.js";
import { INSERTION, Writings } from "./writing.js";

export class ConversationView {
  /** @param {import("./types.js").Chat} chat @param {{ask: (text: string) => void}} wishes an example was chosen */
  constructor(chat, wishes) {
    Object.assign(this, { chat, wishes, mode: "", live: new Map(), rows: new Map(), insertion: null, pending: null, frame: 0, lastNews: 0, shownId: undefined });
    this.messages = make("div", { class: "oc-messages", role: "log", "aria-label": "Conversation", "aria-live": "off" });
    this.element = make("div", { class: "oc-scroll" }, this.messages);
    this.follower = new Follower(this.element, this.messages);
    this.writings = new Writings();
    this.hands = { edit: (id) => this.view(id)?.edit(), insertBefore: (id) => this.insertBefore(id),
      writings: () => this.writings.of(chat.snapshot.conversation.id), giveBack: (conversation, id, writing) => this.#giveBack(conversation, id, writing) };
    this.system = wordButton("+ Add a system prompt", () => this.insertBefore(this.#ids()[0] ?? null, "system"), { class: "oc-add-system", "data-action": "add-system" });
    this.answer = wordButton("Let the model answer", () => chat.submit({ do: "answer" }), { class: "oc-answer", "data-action": "answer" });
    this.emptyText = new MarkdownView();
  }

  /** Everything, from the newest snapshot. */
  show() {
    const { conversation, running } = this.chat.snapshot, isNamed = this.shownId === null && conversation.id !== null && this.chat.isNaming;
    if (this.shownId !== undefined) this.writings.look(this.shownId);
    if (isNamed) this.writings.named(conversation.id);
    else if (this.shownId !== undefined && conversation.id !== this.shownId) { this.insertion = null; this.live.clear(); this.rows.clear(); }
    this.writings.follow(conversation.id, conversation.messages, new Set(running));
    for (const id of [...this.live.keys()]) if (!running.includes(id) && this.view(id)) this.live.delete(id);
    keepingFocus(this.messages, () => this.#draw(conversation.messages, new Set(running)));
    this.#reopen();
    if (this.shownId !== conversation.id) this.follower.follow();
    this.shownId = conversation.id;
  }

  /** @param {import("./types.js").Live} news drawn at most once in a frame */
  stream(news) {
    const { snapshot } = this.chat;
    if (news.revision < this.lastNews) return;
    this.lastNews = news.revision;
    if (news.conversation && snapshot.conversation.id && news.conversation !== snapshot.conversation.id) return;
    for (const answer of news.answers || []) {
      if (this.view(answer.id) && !snapshot.running.includes(answer.id)) continue;
      this.live.set(answer.id, answer);
    }
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      for (const [id, answer] of this.live) this.view(id)?.stream(answer);
    });
  }

  /** @param {string} mode */
  colourBy(mode) {
    this.mode = mode;
    for (const row of this.rows.values()) for (const view of row.views.values()) view.colourBy(mode);
  }

  /** A message that was sent and is not in a snapshot yet. @param {string} text */
  showPending(text) {
    this.forgetPending();
    const element = make("article", { class: "oc-message is-user is-pending" }, make("div", { class: "oc-head" }, make("span", { class: "oc-role" }, "User")),
      make("div", { class: "oc-body" }, plainText(text)), make("div", { class: "oc-foot" }, make("div", { class: "oc-facts" }, make("span", { class: "oc-now" }, "Sending …"))));
    this.pending = { element: make("div", { class: "oc-row" }, element) };
    this.#arrange();
    this.follower.follow();
  }

  /** @returns {MessageView|undefined} */
  view(id) {
    for (const row of this.rows.values()) if (row.views.has(id)) return row.views.get(id);
    return undefined;
  }

  /** Opens the editor of the last message of the user. @returns {boolean} whether there is one */
  editLastUser() {
    const last = this.chat.snapshot.conversation.messages.findLast((message) => message.role === "user");
    if (last) this.view(last.id)?.edit();
    return Boolean(last);
  }

  /** An empty message to write, before another or at the end. @param {string|null} id @param {string} [role] */
  insertBefore(id, role = "user") {
    const typed = this.insertion?.writing.text || "";
    this.#openInsertion({ before: id, role, text: typed });
  }

  /** @param {import("./writing.js").Writing} writing */
  #openInsertion(writing) {
    const { chat } = this, writings = this.hands.writings();
    const leave = () => { writings.delete(INSERTION); this.insertion?.element.remove(); this.insertion = null; this.#arrange(); };
    this.insertion?.element.remove();
    const element = make("div", { class: "oc-row" }, make("article", { class: "oc-message is-new" }, editor({
      writing, roles: chat.snapshot.roles, label: "New message", leave,
      save: (content, role) => {
        if (!content.trim()) { leave(); return; }
        if (chat.isRunning()) { chat.toast(BUSY); return; }
        leave();
        chat.handed.add((conversation) => this.#giveBack(conversation, INSERTION, { ...writing, selection: undefined }));
        chat.edit({ do: "insert", before: writing.before, role, content });
      },
    })));
    writings.set(INSERTION, writing);
    this.insertion = { writing, element };
    this.#arrange();
  }

  /** What was refused, or was being typed when another conversation was opened, is there again. */
  #reopen() {
    for (const [id, writing] of [...this.hands.writings()]) {
      if (id === INSERTION) { if (!this.insertion) this.#openInsertion(writing); } else if (!this.view(id)?.editing) this.view(id)?.edit(writing);
    }
  }

  #giveBack(conversation, id, writing) {
    const kept = this.writings.of(conversation);
    if (!kept.has(id)) kept.set(id, writing);
    if (conversation === this.chat.snapshot.conversation.id) this.#reopen();
    else writing.selection = null;
  }

  #ids() { return this.chat.snapshot.conversation.messages.map((message) => message.id); }

  /** What was sent arrived, or was refused. */
  forgetPending() { this.pending?.element.remove(); this.pending = null; }

  #draw(messages, running) {
    const rows = new Map(), lastUser = messages.findLastIndex((message) => message.role === "user");
    messages.forEach((message, index) => {
      const together = [message, ...(message.group || [])], key = together.map((each) => each.id).sort()[0], known = this.rows.get(key)?.ids || [];
      together.sort((one, other) => known.indexOf(one.id) - known.indexOf(other.id)); // columns stay where they are when another is chosen
      const row = this.rows.get(key) || { views: new Map(), element: make("div", { class: "oc-row" }) };
      const place = { index, count: messages.length, nextId: messages[index + 1]?.id ?? null, isLastUser: index === lastUser };
      const isGroup = together.length > 1, views = new Map();
      for (const each of together) {
        const view = row.views.get(each.id) || new MessageView(this.chat, this.hands);
        view.update(each, place, { isRunning: running.has(each.id), live: this.live.get(each.id), inGroup: isGroup, isChosen: isGroup && each.id === message.id });
        view.colourBy(this.mode);
        views.set(each.id, view);
      }
      row.element.classList.toggle("is-group", isGroup);
      row.element.style.setProperty("--oc-columns", String(together.length));
      arrange(row.element, [...views.values()].map((view) => view.element));
      rows.set(key, { element: row.element, views, ids: together.map((each) => each.id) });
    });
    this.rows = rows;
    this.#arrange();
  }

  #arrange() {
    const { conversation, running, can } = this.chat.snapshot, { messages } = conversation, nodes = [];
    const inserted = this.insertion?.writing, at = messages.findIndex((message) => message.id === inserted?.before);
    if (at >= 0) inserted.index = at;
    else if (inserted?.before) inserted.before = messages[inserted.index]?.id ?? null; // its place stays, whatever is there now
    if (!messages.some((message) => message.role === "system") && inserted?.before !== (messages[0]?.id ?? null)) nodes.push(this.system);
    if (!messages.length && !this.pending && !this.insertion) nodes.push(this.#empty());
    for (const row of this.rows.values()) {
      if (this.insertion && row.ids.includes(inserted.before)) nodes.push(this.insertion.element);
      nodes.push(row.element);
    }
    if (this.insertion && inserted.before === null) nodes.push(this.insertion.element);
    const last = messages[messages.length - 1];
    if (last && last.role !== "assistant" && !running.length && can.send && !this.pending && !this.insertion) nodes.push(this.answer);
    if (this.pending) nodes.push(this.pending.element);
    arrange(this.messages, nodes);
  }

  #empty() {
    const { title, text, link, examples } = this.chat.snapshot.empty;
    this.emptyText.update(text);
    this.emptyBox ||= make("div", { class: "oc-empty" });
    const drawn = JSON.stringify([title, link, examples]);
    if (this.emptyBox.dataset.drawn !== drawn) {
      this.emptyBox.dataset.drawn = drawn;
      this.emptyBox.replaceChildren(make("h2", {}, title), this.emptyText.element, ...(link ? [make("a", { href: link.address }, link.label)] : []),
        make("div", { class: "oc-examples" }, ...examples.map((example) => wordButton(example, () => this.wishes.ask(example), { class: "oc-example" }))));
    }
    return this.emptyBox;
  }
}
