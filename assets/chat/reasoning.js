// What a model thought before it answered: open while it is being written, folded afterwards unless the reader opened it.

import { make, seconds } from "./dom.js";
import { MarkdownView } from "./markdown_view.js";

export class ReasoningView {
  constructor() {
    this.words = make("span");
    this.text = new MarkdownView();
    this.isTouched = false;
    this.isOpen = false;
    const summary = make("summary", { onclick: () => { this.isTouched = true; } }, this.words);
    this.element = make("details", { class: "oc-reasoning", hidden: true }, summary, this.text.element);
  }

  /** @param {import("./types.js").Reasoning|null} reasoning */
  update(reasoning) {
    this.element.hidden = !reasoning || (!reasoning.text && !reasoning.is_open);
    if (!reasoning) return;
    this.words.textContent = wordsOf(reasoning);
    this.element.classList.toggle("is-open", reasoning.is_open);
    if (!this.isTouched && reasoning.is_open !== this.isOpen) this.element.open = reasoning.is_open;
    this.isOpen = reasoning.is_open;
    this.text.update(reasoning.text || "", { isOpen: reasoning.is_open });
  }
}

function wordsOf(reasoning) {
  if (reasoning.is_open) return "Thinking …";
  const figures = [];
  if (reasoning.seconds !== null && reasoning.seconds !== undefined) figures.push(seconds(reasoning.seconds));
  if (reasoning.tokens !== null && reasoning.tokens !== undefined) figures.push(`${reasoning.tokens} tokens`);
  if (!figures.length) return "Thought before answering";
  return reasoning.seconds !== null && reasoning.seconds !== undefined ? `Thought for ${figures.join(" · ")}` : `Thought · ${figures[0]}`;
}
