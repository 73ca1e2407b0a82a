// One message: who, what, and under it its figures and its buttons. Only what changed is drawn anew.

import { count, make } from "./dom.js";
import { wordButton } from "./buttons.js";
import { BUSY, editor, EMPTY, ROLE_WORDS } from "./editor.js";
import { plainText } from "./markdown.js";
import { MarkdownView } from "./markdown_view.js";
import { actionRow, versionSwitch } from "./message_actions.js";
import { ReasoningView } from "./reasoning.js";
import { timeLine } from "./time_line.js";
import { tokenView } from "./token_view.js";
import { toolCards, toolText } from "./tool_calls.js";

const LONG_LINES = 18, LONG_CHARACTERS = 1600;

/** @typedef {import("./types.js").Message} Message */

export class MessageView {
  /** @param {import("./types.js").Chat} chat @param {import("./message_actions.js").Hands} hands */
  constructor(chat, hands) {
    Object.assign(this, { chat, hands, message: null, drawn: "", mode: "", isRunning: false, isUnfolded: false, editing: null, writing: null });
    this.head = make("div", { class: "oc-head" });
    this.reasoning = new ReasoningView();
    this.markdown = new MarkdownView();
    this.content = make("div", { class: "oc-content" });
    this.calls = make("div", { class: "oc-calls" });
    this.facts = make("div", { class: "oc-facts" });
    this.foot = make("div", { class: "oc-foot" });
    this.body = make("div", { class: "oc-body" }, this.reasoning.element, this.content, this.calls);
    this.element = make("article", { class: "oc-message", tabindex: "-1" }, this.head, this.body, this.foot);
  }

  /**
   * @param {Message} message
   * @param {import("./message_actions.js").Place} place
   * @param {{isRunning: boolean, live: import("./types.js").LiveAnswer|undefined, inGroup: boolean, isChosen: boolean}} now
   */
  update(message, place, now) {
    const { element } = this, words = ROLE_WORDS[message.role] || message.role, label = `${words}, message ${place.index + 1} of ${place.count}`;
    this.place = place;
    if (this.writing) this.writing.index = place.index;
    if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
    const drawn = JSON.stringify([{ ...message, group: now.inGroup }, now.isRunning, now.isChosen]);
    if (drawn === this.drawn) return;
    Object.assign(this, { drawn, message, isRunning: now.isRunning });
    element.className = `oc-message is-${message.role}${now.isRunning ? " is-running" : ""}${now.isChosen ? " is-chosen" : ""}${message.failed ? " is-failed" : ""}`;
    element.dataset.id = message.id;
    element.dataset.role = message.role;
    this.#drawHead(words, now);
    this.#drawCalls();
    this.#drawFoot(now);
    this.#drawContent(now.isRunning ? now.live : undefined);
  }

  /** News of a running answer: nothing but its texts. @param {import("./types.js").LiveAnswer} live */
  stream(live) {
    if (!this.message || !this.isRunning || this.editing) return;
    this.#drawTexts(live.content, live.reasoning === null || live.reasoning === undefined ? null
      : { text: live.reasoning, tokens: null, seconds: null, is_open: live.reasoning_is_open }, true);
    const note = live.note || "Writing …";
    if (this.facts.firstChild?.textContent !== note) this.#showNote(note);
  }

  /** Text, or tokens coloured by something. @param {string} mode */
  colourBy(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    // What grows has no tokens yet: it is coloured at its end, and keeps its text until then.
    if (this.message && !this.editing && !this.isRunning) this.#drawContent(undefined);
  }

  /** Opens the editor in place of the text. @param {import("./writing.js").Writing} [kept] what was typed before */
  edit(kept) {
    if (this.editing) { this.editing.querySelector("textarea").focus(); return; }
    const { message, chat, hands } = this, { id } = message, writings = hands.writings();
    const writing = Object.assign(kept || { text: withLineEnds(message.content), role: message.role }, { content: message.content, index: this.place.index, versions: message.versions.count });
    writings.set(id, writing);
    this.writing = writing;
    const leave = () => { writings.delete(id); this.#closeEditor(); };
    const handOver = (isAnswered) => { leave(); chat.handed.add((conversation) => hands.giveBack(conversation, id, { ...writing, selection: undefined }), isAnswered); };
    const mayNot = (content, role) => chat.isRunning() ? BUSY : role === "user" && !content.trim() ? EMPTY : "";
    this.editing = editor({
      writing, roles: chat.snapshot.roles, label: `Edit this ${message.role} message`, leave,
      save: (content, role) => {
        if (content === withLineEnds(this.message.content) && role === this.message.role) { leave(); return; }
        if (mayNot(content, role)) { chat.toast(mayNot(content, role)); return; }
        handOver(false);
        chat.edit({ do: "edit", id, content, role });
      },
      answer: message.role === "user" ? (content) => {
        if (mayNot(content, "user")) { chat.toast(mayNot(content, "user")); return; }
        handOver(true);
        chat.submit({ do: "resend", id, content });
      } : undefined,
    });
    this.element.classList.add("is-editing");
    this.body.before(this.editing);
  }

  /** The focus goes back to where the editor was opened. */
  #closeEditor() {
    this.editing?.remove();
    this.editing = this.writing = null;
    this.element.classList.remove("is-editing");
    const button = ["edit", "more"].map((name) => this.foot.querySelector(`[data-action="${name}"]`)).find((each) => each?.offsetParent);
    (button || this.element).focus();
  }

  #drawHead(words, now) {
    const { message, chat } = this, name = message.role === "assistant" ? message.answer?.model || message.name : message.name;
    this.head.replaceChildren(make("span", { class: "oc-role" }, words), ...[name ? make("span", { class: "oc-dim oc-model" }, name) : null,
      message.role === "tool" && message.tool_call_id ? make("span", { class: "oc-dim" }, message.tool_call_id) : null,
      now.inGroup ? now.isChosen ? make("span", { class: "oc-badge" }, "In use")
        : wordButton("Use this one", () => chat.edit({ do: "select", id: message.id }), { "data-action": "use", class: "is-small" }) : null, versionSwitch(chat, message.versions)].filter(Boolean));
  }

  /** Only when they changed: somebody may be typing a result. */
  #drawCalls() {
    const drawn = JSON.stringify([this.message.id, this.message.tool_calls]);
    if (this.drawnCalls === drawn) return;
    this.drawnCalls = drawn;
    this.calls.replaceChildren(...toolCards(this.chat, this.message));
  }

  #drawContent(live) {
    const { message } = this;
    if (message.role === "assistant" && this.mode && message.answer?.has_tokens && !this.isRunning) { this.#drawTokens(); return; }
    if (live) { this.stream(live); return; }
    this.#drawTexts(message.content, message.reasoning, this.isRunning);
  }

  #drawTexts(text, reasoning, isOpen) {
    const { message, content } = this;
    this.reasoning.update(reasoning);
    if (message.role === "assistant") {
      if (content.firstChild !== this.markdown.element) content.replaceChildren(this.markdown.element);
      this.markdown.update(text, { isOpen, given: message.prefill || 0 });
      this.element.classList.toggle("is-empty", !text && !message.tool_calls?.length);
    } else if (message.role === "tool") content.replaceChildren(toolText(text));
    else this.#drawPlain(text);
  }

  #drawPlain(text) {
    const shown = plainText(text), isLong = text.length > LONG_CHARACTERS || text.split("\n").length > LONG_LINES;
    this.content.replaceChildren(shown);
    if (!isLong) return;
    const button = wordButton("", () => { this.isUnfolded = !this.isUnfolded; show(); }, { class: "is-small oc-unfold", "data-action": "unfold" });
    const show = () => {
      shown.classList.toggle("is-folded", !this.isUnfolded);
      button.setAttribute("aria-expanded", String(this.isUnfolded));
      button.textContent = this.isUnfolded ? "Show less" : `Show all ${count(text.length, "character")}`;
    };
    this.content.append(button);
    show();
  }

  #drawTokens() {
    const { message, mode } = this;
    this.reasoning.update(null);
    if (!this.content.firstChild || !this.chat.tokens.of(message.id)) this.#drawTexts(message.content, message.reasoning, false);
    const draw = () => this.chat.tokens.want(message.id, (tokens) => {
      if (this.mode !== mode || this.message !== message || this.editing) return;
      this.reasoning.update(null);
      this.content.replaceChildren(tokenView(mode, tokens));
    });
    if (this.chat.tokens.of(message.id)) { draw(); return; }
    whenSeen(this.element, () => { if (this.mode === mode && this.message === message) draw(); });
  }

  #drawFoot(now) {
    const { message, chat } = this, { answer } = message;
    const line = timeLine(answer?.timeline), problems = answer?.problems || [];
    if (now.isRunning) this.#showNote(now.live?.note || message.note || "Writing …");
    else this.facts.replaceChildren(...[
      message.note ? make("span", { class: message.failed ? "oc-bad" : "oc-warn" }, message.note) : null,
      answer?.figures ? make("span", { class: "oc-figures" }, answer.figures) : null,
      answer && answer.seed !== null && answer.seed !== undefined ? make("span", {}, `seed ${answer.seed}`) : null,
      answer?.dropped ? make("span", { class: "oc-warn" }, `${count(answer.dropped, "earlier message")} left out`) : null,
      line, ...problems.map((problem) => make("span", { class: "oc-warn" }, problem))].filter(Boolean));
    this.foot.replaceChildren(...[this.facts, now.isRunning ? null : actionRow(chat, message, () => this.place, this.hands)].filter(Boolean));
  }

  #showNote(note) {
    this.facts.replaceChildren(make("span", { class: "oc-now" }, note));
  }
}

/** As a field of text has it. */
const withLineEnds = (text) => text.replace(/\r\n?/g, "\n");

/** Calls once, when the element is first on the screen. */
function whenSeen(element, call) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    call();
  });
  observer.observe(element);
}
