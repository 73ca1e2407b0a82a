// What is being typed in the editors, until it is in the conversation: it is there again when its conversation is opened
// again, when its message gets a new version, and when the server refuses it.

const SETTLED_MS = 15_000;
/** The key of a message that is yet to be inserted. */
export const INSERTION = "";

/**
 * @typedef {{text: string, role: string, before?: string|null, content?: string, index?: number, versions?: number, area?: HTMLTextAreaElement,
 *   selection?: [number, number]|null}} Writing what is typed; `content`, `index` and `versions` of the message as it was shown; `selection` null: without the focus
 */

export class Writings {
  constructor() { this.all = new Map(); }

  /** By message. @param {string|null} conversation @returns {Map<string, Writing>} */
  of(conversation) {
    if (!this.all.has(conversation)) this.all.set(conversation, new Map());
    return this.all.get(conversation);
  }

  /** A new conversation got its id. */
  named(id) {
    const kept = this.all.get(null);
    this.all.delete(null);
    if (kept) this.all.set(id, kept);
  }

  /** Where the focus is, before all is drawn. */
  look(conversation) {
    for (const writing of this.of(conversation).values())
      writing.selection = writing.area && document.activeElement === writing.area ? [writing.area.selectionStart, writing.area.selectionEnd] : null;
  }

  /**
   * What was written for a message that another one took the place of goes on there: its new version, or its copy.
   * @param {string|null} conversation @param {import("./types.js").Message[]} messages @param {Set<string>} running
   */
  follow(conversation, messages, running) {
    const kept = this.of(conversation), shown = new Set(messages.flatMap((each) => [each, ...(each.group || [])]).map((each) => each.id));
    for (const [id, writing] of [...kept]) {
      if (id === INSERTION || shown.has(id)) continue;
      const now = messages[writing.index];
      if (!now || running.has(now.id) || kept.has(now.id)) continue;
      if (now.content !== writing.content && now.versions.count <= writing.versions) continue;
      kept.delete(id);
      kept.set(now.id, writing);
    }
  }
}

/** What was handed to the server and may be refused. */
export class Handed {
  /** @param {import("./types.js").Chat} chat */
  constructor(chat) { Object.assign(this, { chat, waiting: [] }); }

  /** @param {(conversation: string|null) => void} giveBack @param {boolean} [isAnswered] a refusal comes as a notice */
  add(giveBack, isAnswered = false) {
    const { conversation, notice } = this.chat.snapshot;
    const handed = { giveBack, conversation: conversation.id, before: stateOf(conversation), notice: isAnswered ? JSON.stringify(notice) : null };
    handed.timer = setTimeout(() => { if (this.#take(handed) && this.chat.snapshot.conversation.id === handed.conversation) giveBack(handed.conversation); }, SETTLED_MS);
    this.waiting.push(handed);
  }

  /** A snapshot came: what changed the conversation was taken. */
  show({ conversation, running, notice }) {
    const isNamed = this.chat.isNaming && conversation.id !== null;
    const handed = this.waiting.find((each) => each.conversation === conversation.id || each.conversation === null && isNamed);
    if (!handed) return;
    const now = stateOf(conversation);
    if (now !== handed.before || handed.notice !== null && running.length) {
      this.#take(handed);
      for (const other of this.waiting) if (other.conversation === handed.conversation) Object.assign(other, { conversation: conversation.id, before: now });
    } else if (handed.notice !== null && notice && JSON.stringify(notice) !== handed.notice && this.#take(handed)) handed.giveBack(handed.conversation);
  }

  /** The server said no. */
  refused() {
    const handed = this.waiting[0];
    if (handed && this.#take(handed)) handed.giveBack(handed.conversation);
  }

  #take(handed) {
    clearTimeout(handed.timer);
    const at = this.waiting.indexOf(handed);
    if (at >= 0) this.waiting.splice(at, 1);
    return at >= 0;
  }
}

const stateOf = (conversation) => JSON.stringify([conversation.id, conversation.messages.map(({ id, role, content }) => [id, role, content])]);
