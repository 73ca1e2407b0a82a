// Where a message is written. Enter sends, Shift+Enter breaks the line (with fingers Enter does, and the button sends), ArrowUp in the empty field edits the last message.

import { withFiles } from "./attached.js";
import { acceptDrops, Attachments, LONG_PASTE } from "./attachments.js";
import { debounced, isComposing, make } from "./dom.js";
import { iconButton } from "./buttons.js";
import { BUSY, ROLE_WORDS } from "./editor.js";
import { gaugeView } from "./gauge.js";
import { toggleMenu } from "./menu.js";
import { NoticeView } from "./notice.js";
import { draftOf, keepDraft } from "./preferences.js";

const DRAFT_MS = 400, HIGHEST_PIXELS = 260;

/** A keyboard on the screen has no Shift+Enter. */
const withFingers = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

export class Composer {
  /** @param {import("./types.js").Chat} chat @param {{send: (draft: Object) => void, editLast: () => boolean}} wishes */
  constructor(chat, wishes) {
    Object.assign(this, { chat, wishes, conversation: undefined });
    this.files = new Attachments(chat.toast, { changed: () => this.#changed(), asText: (text) => this.#insert(text) });
    this.area = make("textarea", { class: "oc-text", rows: "1", "aria-label": "Message", dir: "auto",
      placeholder: withFingers() ? "Write a message; the button sends it" : "Write a message", autocomplete: "off", enterkeyhint: withFingers() ? "enter" : "send" });
    this.prefill = make("textarea", { class: "oc-text oc-prefill", rows: "1", "aria-label": "Start the reply with", dir: "auto", placeholder: "The reply begins with …", spellcheck: "false" });
    this.prefillRow = make("div", { class: "oc-prefill-row", hidden: true }, make("span", { class: "oc-dim" }, "Start the reply with"), this.prefill,
      iconButton("close", "Without a given beginning", () => this.#togglePrefill(false), { class: "is-small" }));
    this.notice = new NoticeView(chat);
    this.picker = make("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1", onchange: () => { this.files.add([...this.picker.files]); this.picker.value = ""; } });
    this.prefillButton = iconButton("prefill", "Start the reply with …", () => this.#togglePrefill(this.prefillRow.hidden), { "data-action": "prefill", "aria-expanded": "false" });
    this.roleButton = iconButton("role", "Add without an answer …", () => this.#chooseRole(), { "data-action": "role", "aria-haspopup": "menu" });
    this.sendButton = iconButton("send", "Send", () => this.send(), { class: "oc-send", "data-action": "send" });
    this.stopButton = iconButton("stop", "Stop (Esc)", () => chat.stop(), { class: "oc-send is-stop", "data-action": "stop", hidden: true });
    this.gauge = make("div", { class: "oc-gauge-place" });
    this.box = make("div", { class: "oc-composer-box" }, this.files.element, this.area, this.prefillRow,
      make("div", { class: "oc-composer-bar" },
        iconButton("attach", "Attach texts", () => this.picker.click(), { "data-action": "attach" }), this.prefillButton, this.roleButton,
        make("span", { class: "oc-space" }), this.gauge, this.sendButton, this.stopButton, this.picker));
    this.element = make("div", { class: "oc-composer" }, this.notice.element, this.box);
    this.tellDraft = debounced(() => this.#tellDraft(), DRAFT_MS);
    this.#listen();
  }

  /** From the newest snapshot. */
  show() {
    const { conversation, gauge, notice, can } = this.chat.snapshot, isRunning = this.chat.isRunning();
    if (this.conversation !== conversation.id) this.#openDraft(conversation.id);
    const hadFocus = document.activeElement === this.sendButton || document.activeElement === this.stopButton;
    this.sendButton.hidden = isRunning;
    this.stopButton.hidden = !isRunning;
    if (hadFocus) this.area.focus();
    this.prefillButton.hidden = !can.prefill;
    this.notice.show(notice);
    gaugeView(this.gauge, gauge);
    this.#showSend();
  }

  /** Sends what is written. While an answer runs it stays here. */
  send() {
    const draft = this.draft(), { chat } = this;
    if (!draft.text.trim() && !draft.files.length) return;
    if (chat.isRunning()) { chat.toast("An answer is still being written. Esc stops it; what you wrote stays here."); return; }
    if (!chat.snapshot.can.send) { chat.toast("There is no model to answer. Load one in the Load tab."); return; }
    this.tellDraft.cancel();
    this.set({ text: "", prefill: "", files: [] });
    this.wishes.send(draft);
  }

  /** @returns {import("./preferences.js").Draft} */
  draft() {
    return { text: this.area.value, prefill: this.prefillRow.hidden ? "" : this.prefill.value, files: this.files.files };
  }

  /** @param {import("./preferences.js").Draft} draft */
  set(draft) {
    this.area.value = draft.text;
    this.prefill.value = draft.prefill;
    this.prefillRow.hidden = !draft.prefill;
    this.prefillButton.setAttribute("aria-expanded", String(!this.prefillRow.hidden));
    this.files.set(draft.files);
    this.#fit();
    this.#showSend();
    keepDraft(this.conversation ?? null, draft);
  }

  /** Text that comes back: a message taken back or refused. What was written meanwhile stays. @param {Object} draft */
  giveBack(draft) {
    const now = this.draft();
    this.set({ text: now.text ? `${draft.text}\n${now.text}` : draft.text, prefill: now.prefill || draft.prefill || "", files: [...(draft.files || []), ...now.files] });
    this.focus();
    this.tellDraft();
  }

  focus() { this.area.focus({ preventScroll: true }); }

  #listen() {
    this.area.addEventListener("input", () => this.#changed());
    this.prefill.addEventListener("input", () => this.#changed());
    for (const area of [this.area, this.prefill]) area.addEventListener("keydown", (event) => this.#onKey(event, area));
    this.area.addEventListener("paste", (event) => this.#onPaste(event));
    window.addEventListener("pagehide", () => this.#keep(), { signal: this.chat.leaving });
  }

  #onKey(event, area) {
    if (isComposing(event)) return;
    const sends = event.ctrlKey || event.metaKey || !withFingers();
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && sends) { event.preventDefault(); this.send(); }
    else if (event.key === "ArrowUp" && area === this.area && !area.value && !event.shiftKey && this.wishes.editLast()) event.preventDefault();
  }

  #onPaste(event) {
    const files = [...(event.clipboardData?.files || [])], text = event.clipboardData?.getData("text/plain") || "";
    if (files.length && !text) { event.preventDefault(); this.files.add(files); }
    else if (text.length > LONG_PASTE && this.files.addText("Pasted text.txt", text)) event.preventDefault();
  }

  #insert(text) {
    this.focus();
    this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
    this.#changed();
  }

  #changed() {
    this.#fit();
    this.#showSend();
    this.#keep();
    this.tellDraft();
  }

  #keep() { if (this.conversation !== undefined) keepDraft(this.conversation, this.draft()); }

  #tellDraft() {
    const { text, prefill, files } = this.draft();
    this.chat.edit({ do: "draft", text, prefill, files });
  }

  #openDraft(id) {
    const isFirst = this.conversation === undefined, isSame = this.conversation === null && this.chat.isNaming, written = this.draft();
    this.tellDraft.cancel();
    this.conversation = id;
    if (isSame) { keepDraft(null, { text: "", prefill: "", files: [] }); this.set(written); return; }
    const kept = draftOf(id);
    this.set(kept);
    if (kept.text || kept.files.length) this.tellDraft();
    if (!isFirst && !matchMedia("(hover: none)").matches) this.focus();
  }

  #togglePrefill(isOpen) {
    this.prefillRow.hidden = !isOpen;
    this.prefillButton.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) this.prefill.value = "";
    (isOpen ? this.prefill : this.area).focus();
    this.#changed();
  }

  #chooseRole() {
    toggleMenu(this.roleButton, this.chat.snapshot.roles.map((role) => ({
      label: `Add as ${ROLE_WORDS[role] || role}`, picture: "add", name: `add-${role}`, run: () => this.#addAs(role),
    })), "Add the text as a message, without an answer");
  }

  #addAs(role) {
    const { text, files } = this.draft(), { chat } = this;
    if (!text.trim() && !files.length) { chat.toast("Write the message first; then choose its role here."); this.focus(); return; }
    if (chat.isRunning()) { chat.toast(BUSY); return; }
    this.tellDraft.cancel();
    chat.handed.add((conversation) => this.#refused(conversation, { text, prefill: "", files }));
    chat.edit({ do: "insert", before: null, role, content: withFiles(text, files) });
    this.set({ ...this.draft(), text: "", files: [] });
    this.focus();
  }

  /** @param {string|null} conversation @param {import("./preferences.js").Draft} draft */
  #refused(conversation, draft) {
    if (conversation === this.conversation) { this.giveBack(draft); return; }
    const now = draftOf(conversation);
    keepDraft(conversation, { ...now, text: [draft.text, now.text].filter(Boolean).join("\n"), files: [...draft.files, ...now.files] });
  }

  #showSend() {
    const { text, files } = this.draft();
    this.sendButton.classList.toggle("is-ready", Boolean(text.trim() || files.length));
  }

  #fit() {
    for (const area of [this.area, this.prefill]) {
      area.style.height = "auto";
      area.style.height = `${Math.min(area.scrollHeight, HIGHEST_PIXELS)}px`;
    }
  }
}

/** Files dropped on the conversation are attached. @param {HTMLElement} target @param {Composer} composer */
export const attachDrops = (target, composer) => acceptDrops(target, (files) => composer.files.add(files));
