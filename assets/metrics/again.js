// "Run again": the same settings once more, with the kept prompt or with one that is asked for.

import { wordButton } from "../chat/buttons.js";
import { isComposing, make } from "../chat/dom.js";

const SECOND_MS = 1000;

export class Again {
  /**
   * @param {Object} request as metrics_request answers
   * @param {string} id
   * @param {{ask: (name: string, asked: Object) => Promise<Object>, open: (id: string) => void}} wishes
   */
  constructor(request, id, wishes) {
    Object.assign(this, { request, id, wishes, isRunning: false, hasLeft: false });
    this.button = wordButton("Run again", () => this.#begin(), { class: "is-primary", "data-action": "again" });
    this.element = make("div", { class: "om-again", hidden: true });
    this.gone = new AbortController();
    window.addEventListener("pagehide", () => this.leave(), { signal: this.gone.signal });
  }

  /** Nobody waits for it any more. */
  leave() {
    this.hasLeft = true;
    this.gone.abort();
    if (this.isRunning) this.#cancel();
  }

  #begin() {
    if (this.request.messages) { this.#run(null); return; }
    const prompt = make("textarea", { class: "oc-field", rows: "3", "aria-label": "Prompt", placeholder: "The prompt was not kept. Write one to run with the same settings.", onkeydown: (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isComposing(event)) return;
      event.preventDefault();
      send();
    } });
    const send = () => { if (prompt.value.trim()) this.#run(prompt.value); else prompt.focus(); };
    const note = this.request.again_note ? make("p", { class: "oc-dim om-small", "data-role": "again-note" }, this.request.again_note) : null;
    this.#say(note, prompt, make("div", { class: "oc-buttons" }, wordButton("Run", send, { class: "is-primary is-small" }), wordButton("Cancel", () => { this.element.hidden = true; this.button.focus(); }, { class: "is-small" }), make("span", { class: "oc-dim om-small" }, "Ctrl+Enter runs it")));
    prompt.focus();
  }

  async #run(prompt) {
    const words = make("span", { role: "status" }, "Running with the same settings and seed …"), clock = make("span", { class: "oc-dim" }), began = Date.now();
    const timer = setInterval(() => { clock.textContent = ` ${Math.round((Date.now() - began) / SECOND_MS)} s`; }, SECOND_MS);
    this.#say(make("p", {}, words, clock), wordButton("Stop", () => { words.textContent = "Stopping …"; this.#cancel(); }, { class: "is-small" }));
    this.isRunning = true;
    this.button.disabled = true;
    try {
      const answer = await this.wishes.ask("metrics_again", { request_id: this.id, prompt });
      if (!this.hasLeft) this.#answered(answer);
    } catch (error) {
      if (!this.hasLeft) this.#say(make("p", { class: "oc-bad", role: "alert" }, error.message));
    }
    clearInterval(timer);
    this.isRunning = false;
    this.button.disabled = false;
  }

  #answered({ request_id: id, words, answer }) {
    this.#say(make("p", { role: "status" }, words || "It has run."), answer ? make("div", { class: "om-text-body", dir: "auto" }, answer) : null,
      id ? wordButton("Open the new request", () => this.wishes.open(id), { class: "is-small", "data-action": "open-again" }) : null);
  }

  #cancel() { this.wishes.ask("metrics_again", { cancel: this.id }).catch(() => { /* it is bounded in time on the server */ }); }

  #say(...children) {
    this.element.hidden = false;
    this.element.replaceChildren(...children.filter(Boolean));
  }
}
