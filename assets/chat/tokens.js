// The tokens of answers: asked for once each, one after the other, and kept.

const PATIENCE_MS = 8000;

export class TokenShelf {
  /** @param {(id: string) => void} ask */
  constructor(ask) {
    this.ask = ask;
    this.known = new Map();
    this.waiting = new Map();
    this.queue = [];
    this.asked = null;
    this.timer = 0;
  }

  /** @param {string} id @returns {import("./types.js").Token[]|undefined} */
  of(id) { return this.known.get(id); }

  /** Calls back when the tokens are there; answers asked for already are not asked for again. */
  want(id, callback) {
    if (this.known.has(id)) { callback(this.known.get(id)); return; }
    const isNew = !this.waiting.has(id);
    this.waiting.set(id, callback);
    if (isNew) { this.queue.push(id); this.#next(); }
  }

  /** An answer to one of the questions. @param {string} id @param {import("./types.js").Token[]} tokens */
  put(id, tokens) {
    this.known.set(id, tokens);
    this.waiting.get(id)?.(tokens);
    this.waiting.delete(id);
    if (this.asked === id) { this.asked = null; this.#next(); }
  }

  #next() {
    if (this.asked || !this.queue.length) return;
    clearTimeout(this.timer);
    this.asked = this.queue.shift();
    const id = this.asked;
    this.timer = setTimeout(() => { if (this.asked === id) { this.asked = null; this.waiting.delete(id); this.#next(); } }, PATIENCE_MS);
    this.ask(id);
  }
}
