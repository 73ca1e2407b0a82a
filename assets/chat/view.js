// The Chat view: list, conversation and composer in one component. Python gives snapshots, live texts and replies; the view
// gives actions. It keeps nothing that is not in the newest snapshot, except what is being typed.

import { download } from "./clipboard.js";
import { attachDrops, Composer } from "./composer.js";
import { ConversationView } from "./conversation_view.js";
import { make } from "./dom.js";
import { Header } from "./header.js";
import { ConversationList } from "./list.js";
import { remember, remembered } from "./preferences.js";
import { toaster } from "./toast.js";
import { TokenShelf } from "./tokens.js";
import { Handed } from "./writing.js";

const NARROW_PIXELS = 700, SETTLED_MS = 15_000, OPENED_MS = 3_000, SLOWEST_REDRAW_MS = 400, REDRAW_SHARE = 0.05, LOST_MS = 1_000;
/** Where the browser draws on the model's own few cores, each redraw is taken from the model. */
const isBesideModel = ["localhost", "127.0.0.1", "[::1]"].includes(window.location.hostname);
const REDRAW_MS = isBesideModel && navigator.hardwareConcurrency <= 2 ? 300 : isBesideModel && navigator.hardwareConcurrency <= 4 ? 150 : 100;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
/** After the next frame; a hidden page has none. */
const painted = () => document.hidden ? pause(0) : new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
const NAMING = new Set(["send", "insert", "replace"]), OPENING = new Set(["open", "new", "import", "remove"]);
const NOTHING = { revision: -1, conversations: [], search: "", more: false, conversation: { id: null, title: "", messages: [] }, running: [],
  empty: { title: "", text: "", examples: [] }, notice: null, gauge: null, can: { send: false, tools: false, prefill: true }, roles: ["user", "assistant", "system", "tool"] };

/**
 * Called by Gradio when the component is there.
 * @param {HTMLElement} element
 * @param {{value: string}} props  a Snapshot as JSON
 * @param {(event: string, action: Object) => void} trigger
 * @param {(names: string[], call: () => void) => void} watch
 * @param {{growth: (asked: {page: string, conversation: string, seen: number}) => Promise<import("./types.js").Growth>}} server
 */
export function mount(element, props, trigger, watch, server) {
  window.openarcChat?.unmount?.();
  const view = new View(element, trigger, server);
  const show = () => { if (props.value) view.show(JSON.parse(props.value)); };
  watch(["value"], show);
  show();
  window.openarcChat = { show: (snapshot) => view.show(snapshot), live: (value) => view.live(value), reply: (value) => view.reply(value), page: () => view.chat.snapshot.page, unmount: () => view.unmount() };
}

/** On a phone the column unfolds below what is seen. */
function showUnfolded(event) {
  const fold = event.target.closest?.("#oa-chat-fold");
  if (!fold || fold.getAttribute("aria-expanded") === "true") return;
  const observer = new MutationObserver(() => { observer.disconnect(); fold.scrollIntoView({ block: "start" }); });
  observer.observe(fold, { attributes: true, attributeFilter: ["aria-expanded"] });
}

class View {
  constructor(element, trigger, server) {
    this.leaving = new AbortController();
    this.server = server;
    this.growing = null;
    this.sent = null;
    this.awaited = undefined;
    this.postponed = null;
    const root = make("div", { class: "oc" });
    const act = (event) => (action) => {
      const { id } = this.chat.snapshot.conversation;
      if (event === "submit" || event === "edit") this.chat.isNaming = id === null && NAMING.has(action.do) || this.chat.isNaming && !OPENING.has(action.do);
      trigger(event, { conversation: id, ...action });
      if (action.do === "open") this.#await(action.id);
      if (action.do === "new") { this.#await(null); this.#showEmpty(); }
    };
    /** @type {import("./types.js").Chat} */
    this.chat = { root, snapshot: NOTHING, isNaming: false, leaving: this.leaving.signal, toast: toaster(root), submit: act("submit"), edit: act("edit"), look: act("select"), stop: () => act("stop")({}),
      isRunning: () => this.chat.snapshot.running.length > 0 || this.sent !== null, tokens: new TokenShelf((id) => this.chat.look({ do: "tokens", id })) };
    this.chat.handed = new Handed(this.chat);
    this.chat.focusComposer = () => { if (!matchMedia("(hover: none)").matches) this.composer.focus(); };
    this.list = new ConversationList(this.chat, { fold: () => this.#fold(true), opened: () => this.#closeDrawer() });
    this.header = new Header(this.chat, { openList: () => this.#openList(), colourBy: (mode) => this.conversation.colourBy(mode) });
    this.conversation = new ConversationView(this.chat, { ask: (text) => { this.#send({ text, prefill: "", files: [] }); this.chat.focusComposer(); } });
    this.composer = new Composer(this.chat, { send: (draft) => this.#send(draft), editLast: () => this.conversation.editLastUser() });
    const main = make("section", { class: "oc-main", "aria-label": "Conversation" }, this.header.element, this.conversation.element,
      make("div", { class: "oc-newest-place" }, this.conversation.follower.button), this.composer.element);
    this.heard = make("div", { class: "oc-heard", role: "status" });
    root.append(this.heard, this.list.element, make("div", { class: "oc-shade", onclick: () => this.#closeDrawer() }), main);
    this.conversation.mode = this.header.mode;
    attachDrops(main, this.composer);
    element.replaceChildren(root);
    this.#fold(remembered("folded", false));
    this.#measure(element);
    document.addEventListener("click", showUnfolded, { capture: true, signal: this.leaving.signal });
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal: this.leaving.signal });
  }

  /** @param {import("./types.js").Snapshot} snapshot */
  show(snapshot) {
    if (snapshot.revision < this.chat.snapshot.revision) return; // events overtake each other
    this.#tellEnd(this.chat.snapshot, snapshot);
    this.chat.snapshot = snapshot;
    this.#keepOpen(snapshot);
    this.#settle(snapshot);
    this.chat.handed.show(snapshot);
    this.list.show();
    this.header.show();
    this.conversation.show();
    this.composer.show();
    this.chat.root.classList.add("is-ready");
    if (snapshot.conversation.id !== null) this.chat.isNaming = false;
    if (snapshot.conversation.id === this.awaited) this.#arrive();
    if (snapshot.running.length) this.#grow(snapshot.conversation.id);
    else if (this.growing !== snapshot.conversation.id) this.growing = null;
  }

  /** A reload, or another tab, finds the conversation that is open; before the page's own was opened nothing is known of it. */
  #keepOpen({ revision, conversation }) {
    const open = conversation.id ?? "";
    if (revision === 0 || open === this.keptOpen) return;
    this.keptOpen = open;
    remember("open", open);
  }

  /**
   * Ask how far the answers are until they end; the first token as soon as it is there, then ten times a second, or as often
   * as a twentieth of the time pays for: the model may need the processor that draws.
   */
  async #grow(conversation) {
    if (this.growing === conversation) return;
    this.growing = conversation;
    for (let seen = -1; this.growing === conversation && !this.leaving.signal.aborted;) {
      let news = null;
      try { news = await this.server.growth({ page: this.chat.snapshot.page, conversation, seen }); } catch { await pause(LOST_MS); continue; }
      if (news.is_over) break;
      seen = news.seen;
      const hasText = news.live?.answers.some((answer) => answer.content || answer.reasoning);
      const began = performance.now();
      if (news.live && this.growing === conversation) this.live(news.live);
      if (!hasText) continue;
      await painted();
      await pause(Math.min(Math.max((performance.now() - began) / REDRAW_SHARE, REDRAW_MS), SLOWEST_REDRAW_MS));
    }
    if (this.growing === conversation) this.growing = null;
  }

  /** Another conversation comes; what is sent meanwhile is for that one. */
  #await(id) {
    this.awaited = id;
    setTimeout(() => this.#arrive(), OPENED_MS);
  }

  #arrive() {
    this.awaited = undefined;
    const draft = this.postponed;
    this.postponed = null;
    if (draft) this.#send(draft);
  }

  /** A new conversation is empty before Python says so. */
  #showEmpty() {
    this.show({ ...this.chat.snapshot, conversation: NOTHING.conversation, running: [], notice: null, gauge: null });
    this.awaited = null;
  }

  /** Those who don't see it hear that an answer ended. */
  #tellEnd(before, now) {
    const ended = now.conversation.messages.findLast((message) => before.running.includes(message.id) && !now.running.includes(message.id));
    if (ended) this.heard.textContent = `The answer is there. ${ended.answer?.figures || ended.note || ""}`;
  }

  /** @param {import("./types.js").Live|null} value */
  live(value) { if (value) this.conversation.stream(value); }

  /** @param {Object|null} value */
  reply(value) {
    if (!value) return;
    if (value.kind === "tokens") this.chat.tokens.put(value.id, value.tokens || []);
    else if (value.kind === "export") download(value.name, value.mime, value.text);
    else if (value.kind === "undo") this.composer.giveBack({ text: value.text, prefill: "", files: [] });
    else if (value.kind === "told") {
      this.chat.toast(value.text, value.tone);
      if (value.tone === "bad") this.chat.handed.refused();
    }
  }

  unmount() { this.leaving.abort(); }

  #send(draft) {
    const { snapshot } = this.chat;
    if (this.awaited !== undefined) {
      this.postponed = draft;
      this.conversation.showPending(draft.text);
      return;
    }
    if (this.chat.isRunning()) { this.chat.toast("An answer is still being written. Esc stops it."); return; }
    this.chat.submit({ do: "send", ...draft });
    this.sent = { draft, messages: snapshot.conversation.messages.length, notice: JSON.stringify(snapshot.notice), timer: setTimeout(() => this.#refused(), SETTLED_MS) };
    this.conversation.showPending([draft.text, ...draft.files.map((file) => file.name)].filter(Boolean).join("\n"));
    this.composer.show();
  }

  /** Whether what was sent is in the conversation, or was refused with a word; then it goes back to the composer. */
  #settle({ conversation, running, notice }) {
    if (!this.sent) return;
    if (conversation.messages.length !== this.sent.messages || running.length) {
      clearTimeout(this.sent.timer);
      this.sent = null;
      this.conversation.forgetPending();
    } else if (notice && JSON.stringify(notice) !== this.sent.notice) this.#refused();
  }

  #refused() {
    const { draft, timer } = this.sent;
    clearTimeout(timer);
    this.sent = null;
    this.conversation.forgetPending();
    this.composer.giveBack(draft);
  }

  /** Escape closes the drawer, or stops, unless it is for an editor, a menu, a dialog or something outside the view. */
  #onKey(event) {
    const { root } = this.chat, isHere = root.offsetParent && (root.contains(event.target) || event.target === document.body);
    if (event.key !== "Escape" || event.defaultPrevented || !isHere) return;
    if (document.querySelector("dialog[open], [role='dialog']:not([hidden]), .oc-menu, .oc-inline-edit")) return;
    const target = event.target;
    if (target.closest?.(".oc-editor, .cm-editor, [role='combobox'][aria-expanded='true']")) return;
    if (root.classList.contains("has-drawer")) { event.preventDefault(); this.#closeDrawer(); this.header.opener.focus(); return; }
    if (!this.chat.isRunning()) return;
    event.preventDefault();
    this.chat.stop();
  }

  #isNarrow() { return this.chat.root.clientWidth < NARROW_PIXELS; }

  #fold(isFolded) {
    if (this.#isNarrow() && this.chat.root.clientWidth) { this.#closeDrawer(); return; }
    this.chat.root.classList.toggle("is-folded", isFolded);
    remember("folded", isFolded);
  }

  #openList() {
    if (!this.#isNarrow()) { this.#fold(false); this.list.search.focus(); return; }
    this.chat.root.classList.add("has-drawer");
    this.list.element.querySelector("button").focus();
  }

  #closeDrawer() { this.chat.root.classList.remove("has-drawer"); }

  /** As high as the window leaves room; a drawer instead of a column where it is narrow. */
  #measure(element) {
    const { root } = this.chat;
    const measure = () => {
      if (!root.offsetParent) return;
      root.classList.toggle("is-narrow", this.#isNarrow());
      root.style.setProperty("--oc-above", `${Math.round(root.getBoundingClientRect().top + window.scrollY)}px`);
    };
    const observer = new ResizeObserver(measure);
    for (const each of [element, document.querySelector("#oa-header")]) if (each) observer.observe(each);
    window.addEventListener("resize", measure, { signal: this.leaving.signal });
    this.leaving.signal.addEventListener("abort", () => observer.disconnect());
    measure();
  }
}
