// Markdown that grows: what is finished stays as it is, only the last block is made anew.

import { make } from "./dom.js";
import { growCode } from "./code_block.js";
import { blocksOf, renderBlock } from "./markdown.js";

const EXPENSIVE_MS = 12, REST = 10; // a list of hundreds of items is one block: it is drawn less often, in a tenth of the time
const MARK = "\ue000"; // a private character: where the given beginning ends inside a block

export class MarkdownView {
  constructor() {
    this.element = make("div", { class: "oc-markdown" });
    this.blocks = [];
    this.source = "";
    this.isOpen = false;
    this.given = 0;
    this.notBefore = 0;
    this.timer = 0;
  }

  /**
   * @param {string} text the whole text so far
   * @param {{isOpen?: boolean, given?: number}} [how] still being written; so many characters were given by the user
   */
  update(text, how = {}) {
    clearTimeout(this.timer);
    const wait = how.isOpen && text.startsWith(this.source.slice(0, 64)) ? this.notBefore - performance.now() : 0;
    if (wait > 0) { this.timer = setTimeout(() => this.update(text, how), wait); return; }
    const began = performance.now();
    this.#update(text, how);
    const took = performance.now() - began;
    this.notBefore = took > EXPENSIVE_MS ? began + took * (1 + REST) : 0;
  }

  #update(text, { isOpen = false, given = 0 }) {
    const source = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
    if (source === this.source && isOpen === this.isOpen && given === this.given) return;
    const kept = isOpen && given === this.given ? this.#finishedBlocks(source) : [];
    const start = kept.reduce((sum, block) => sum + block.raw.length, 0);
    const tokens = blocksOf(source.slice(start), isOpen);
    this.#show(kept, tokens, start, given);
    Object.assign(this, { source, isOpen, given });
  }

  /** Blocks that more text can't change: all but the last, where the text only grew. */
  #finishedBlocks(source) {
    const finished = this.blocks.slice(0, this.blocks.findLastIndex((block) => block.type !== "space"));
    const length = finished.reduce((sum, block) => sum + block.raw.length, 0);
    return length && source.startsWith(this.source.slice(0, length)) ? finished : [];
  }

  #show(kept, tokens, start, given) {
    const before = this.blocks.slice(kept.length), links = tokens.links;
    let at = start;
    const fresh = tokens.map((token, index) => {
      const old = before[index], mark = Math.max(0, Math.min(given - at, token.raw.length));
      at += token.raw.length;
      const isSame = old && old.type === token.type && old.mark === mark;
      if (isSame && old.raw === token.raw && token.type !== "mathBegun") return old;
      if (isSame && token.type === "code" && !mark && growCode(old.node.firstChild, token.text, token.lang || "")) return { ...old, raw: token.raw };
      const node = token.type === "space" ? null : renderMarked(token, links, mark);
      if (old?.node && node) old.node.replaceWith(node);
      else if (old?.node) old.node.remove();
      return { type: token.type, raw: token.raw, node, mark };
    });
    for (const old of before.slice(tokens.length)) old.node?.remove();
    this.blocks = [...kept, ...fresh];
    const nodes = this.blocks.filter((block) => block.node).map((block) => block.node);
    for (let index = Math.max(0, nodes.length - fresh.length - 1); index < nodes.length; index += 1)
      if (this.element.children[index] !== nodes[index]) this.element.insertBefore(nodes[index], this.element.children[index] || null);
  }
}

/** A block whose first `mark` characters of source were given by the user. */
function renderMarked(token, links, mark) {
  if (!mark) return renderBlock(token, links);
  if (mark >= token.raw.trimEnd().length || token.type === "code") {
    const node = renderBlock(token, links);
    node.classList.add("oc-given");
    return node;
  }
  const raw = token.raw.slice(0, mark) + MARK + token.raw.slice(mark);
  const tokens = blocksOf(raw, false);
  const node = make("div", { class: "oc-block" });
  for (const each of tokens) if (each.type !== "space") node.append(...renderBlock(each, links).childNodes);
  markGiven(node);
  return node;
}

function markGiven(node) {
  const texts = [], walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push(walker.currentNode);
  const last = texts.findIndex((text) => text.data.includes(MARK));
  if (last < 0) return;
  for (const text of texts.slice(0, last + 1)) {
    const at = text.data.indexOf(MARK), before = at < 0 ? text.data : text.data.slice(0, at);
    const given = make("span", { class: "oc-given" }, before);
    if (at >= 0) text.after(text.data.slice(at + 1));
    text.replaceWith(given);
  }
}
