// One request, from the right: what it cost, where the time went, how it was set, and what can be done with it.

import { iconButton, wordButton } from "../chat/buttons.js";
import { copyText } from "../chat/clipboard.js";
import { make } from "../chat/dom.js";
import { Again } from "./again.js";
import { fileName } from "./cards.js";
import { Plot } from "./plot.js";
import { stageBar } from "./stage_bar.js";

/**
 * @typedef {{ask: (name: string, asked: Object) => Promise<Object>, beside: (id: string, step: number) => string|null, hasNext: () => boolean, loadNext: () => Promise<void>, opened: (id: string|null) => void,
 *   link: (id: string) => string, focusBack: (id: string|null) => void}} Wishes
 */
export class Drawer {
  /** @param {import("./plot.js").Around} around @param {Wishes} wishes */
  constructor(around, wishes) {
    Object.assign(this, { around, wishes, id: null, from: null, inside: null, again: null });
    this.title = make("h3", { class: "om-drawer-title", id: "om-drawer-title" });
    this.previous = iconButton("moveUp", "Previous in the list ( [ )", () => this.#step(-1), { "data-action": "previous" });
    this.next = iconButton("moveDown", "Next in the list ( ] )", () => this.#step(1), { "data-action": "next" });
    this.body = make("div", { class: "om-drawer-body", tabindex: "-1" });
    this.element = make("aside", { class: "om-drawer", role: "dialog", "aria-labelledby": "om-drawer-title", hidden: true },
      make("header", {}, this.title, this.previous, this.next, iconButton("close", "Close (Esc)", () => this.close(), { "data-action": "close" })), this.body);
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal: around.leaving });
  }

  /** @param {string} id @param {HTMLElement|null} [from] where the focus goes back to */
  async open(id, from = null) {
    if (this.element.hidden) this.from = from;
    this.id = id;
    this.#leave();
    this.element.hidden = false;
    this.title.textContent = "Request";
    this.previous.disabled = !this.wishes.beside(id, -1);
    this.next.disabled = !this.wishes.beside(id, 1) && !this.wishes.hasNext();
    this.body.replaceChildren(make("div", { class: "om-drawer-waits", role: "status", "aria-label": "Reading the request" }, ...Array.from({ length: 4 }, () => make("i", { class: "is-waiting" }))));
    this.body.scrollTop = 0;
    if (!this.element.contains(document.activeElement)) this.body.focus({ preventScroll: true });
    this.wishes.opened(id);
    try {
      const { request } = await this.wishes.ask("metrics_request", { request_id: id });
      if (this.id === id) this.#show(request);
    } catch (error) {
      if (this.id === id) this.body.replaceChildren(make("div", { class: "om-box is-bad", role: "alert" }, make("p", {}, error.message),
        error.code === "request_not_found" ? wordButton("Close", () => this.close(), { class: "is-small" }) : wordButton("Try again", () => this.open(id), { class: "is-small" })));
    }
  }

  close() {
    if (this.element.hidden) return;
    const { id, from } = this;
    this.#leave();
    this.id = null;
    this.element.hidden = true;
    this.body.replaceChildren();
    this.wishes.opened(null);
    if (from?.isConnected) from.focus({ preventScroll: true });
    else this.wishes.focusBack(id);
  }

  retheme() { for (const plot of this.plots || []) plot.retheme(); }

  #leave() {
    this.again?.leave();
    this.again = null;
    for (const plot of this.plots || []) plot.forget();
    this.plots = [];
  }

  #show(request) {
    this.title.textContent = request.title;
    const id = this.id, trace = this.#plot("inter-token-latency", 220, request.figure);
    this.again = new Again(request, id, { ask: this.wishes.ask, open: (next) => this.open(next) });
    const tools = make("div", { class: "oc-buttons om-drawer-tools" }, this.again.button,
      this.#copying("Copy as curl", () => request.curl), this.#copying("Copy link", () => this.wishes.link(id)));
    this.body.replaceChildren(tools, this.again.element,
      ...[request.error ? make("div", { class: "om-box is-bad", role: "alert" }, request.error) : null, facts(request.summary),
        part("Where its time went", stageBar(request.stages, request.timeline)), part("Inter-token latency", trace.element),
        part("Settings", code(request.settings)), request.configuration ? part("Configuration", facts(request.configuration.summary), make("details", { class: "om-details" }, make("summary", {}, "All of it as JSON"), code(request.configuration.json))) : null,
        texts(request)].filter(Boolean));
  }

  #plot(name, height, figure) {
    const plot = new Plot(this.around, { name, height, title: () => `Inter-token latency · ${this.title.textContent}`, file: () => fileName(name, "request") });
    this.plots.push(plot);
    plot.show(figure);
    return plot;
  }

  #copying(words, text) {
    const button = wordButton(words, async () => {
      try { await copyText(text()); button.textContent = "Copied"; } catch (error) { this.around.toast(error.message, "bad"); }
      setTimeout(() => { button.textContent = words; }, 1500);
    });
    return button;
  }

  async #step(step) {
    const { id } = this, here = this.wishes.beside(id, step);
    if (!here && step > 0) await this.wishes.loadNext();
    const to = here || this.wishes.beside(id, step);
    if (to && this.id === id) this.open(to);
    else if (this.id === id) this.next.disabled = !to && step > 0;
  }

  #onKey(event) {
    if (this.element.hidden || event.defaultPrevented || !this.around.root.offsetParent) return;
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable='true']"), isInPopup = document.querySelector(".oc-menu");
    if (event.key === "Tab" && this.element.offsetWidth >= window.innerWidth) { this.#keepInside(event); return; }
    if (isInPopup || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { event.preventDefault(); this.close(); return; }
    const isHere = this.element.contains(event.target) || event.target === document.body;
    const step = { "[": -1, "]": 1, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || isTyping || !isHere && event.key.startsWith("Arrow")) return;
    event.preventDefault();
    this.#step(step);
  }

  /** On a phone it covers the page, so Tab stays in it. */
  #keepInside(event) {
    const able = [...this.element.querySelectorAll("button:not(:disabled), a[href], textarea, summary, pre[tabindex]")].filter((each) => each.offsetParent);
    const at = able.indexOf(document.activeElement), isEnd = event.shiftKey ? at <= 0 : at === able.length - 1;
    if (!isEnd) return;
    event.preventDefault();
    able.at(event.shiftKey ? -1 : 0)?.focus();
  }
}

const part = (title, ...children) => make("section", { class: "om-part" }, make("h4", {}, title), ...children);

const code = (text) => make("pre", { class: "om-code", tabindex: "0" }, text || "–");

/** @param {[string, string][]} rows */
const facts = (rows) => make("dl", { class: "om-facts" }, ...(rows || []).map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value))));

function texts({ messages, answers, texts_note: note }) {
  if (!messages && !answers) return note ? part("Prompt and answer", make("p", { class: "om-none" }, note)) : null;
  const message = (role, text) => make("div", { class: "om-text" }, make("span", { class: "om-role" }, role), make("div", { class: "om-text-body", dir: "auto" }, text));
  return part("Prompt and answer", ...(messages || []).map((each) => message(each.role, each.text)), ...(answers || []).map((text, index) => message(answers.length > 1 ? `answer ${index + 1}` : "answer", text)), note ? make("p", { class: "om-none" }, note) : null);
}
