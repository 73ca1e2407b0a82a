// When the server is asked: one question at a time, every second and a half while the tab is seen, slower where answers are slow,
// and ever more rarely while nobody answers.

const USUAL_MS = 1500, SLOWEST_MS = 15_000, SHARE = 4, MOST_AT_ONCE = 4, LOST_MS = 2000, LOST_MOST_MS = 30_000, GIVEN_UP_MS = 60_000, DRAWN_SHARE = 8, DRAWN_MOST_MS = 5000;

export class Poller {
  /**
   * @param {{ask: () => Promise<boolean|void>, isSeen: () => boolean, lost: (error: Error) => void, found: () => void, spent: () => number}} calls  `ask` says whether there is more to ask for at once; `spent`: milliseconds that drawing took since the last question
   */
  constructor(calls) {
    Object.assign(this, { calls, isAsking: false, isWanted: false, isOver: false, failures: 0, atOnce: 0, timer: 0 });
  }

  /** Now, or as soon as the open question is answered. */
  now() {
    clearTimeout(this.timer);
    if (this.isOver || !this.calls.isSeen()) return;
    if (this.isAsking) this.isWanted = true;
    else this.#ask();
  }

  stop() { this.isOver = true; clearTimeout(this.timer); }

  async #ask() {
    this.isAsking = true;
    this.isWanted = false;
    const began = performance.now();
    try {
      this.atOnce = await answered(this.calls.ask()) && this.atOnce < MOST_AT_ONCE ? this.atOnce + 1 : 0;
      if (this.failures) this.calls.found();
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      this.atOnce = 0;
      this.calls.lost(error);
    }
    this.isAsking = false;
    if (this.isOver) return;
    const took = performance.now() - began;
    const wait = this.failures ? Math.min(LOST_MS * 2 ** (this.failures - 1), LOST_MOST_MS) : Math.min(Math.max(USUAL_MS, took * SHARE, Math.min(this.calls.spent() * DRAWN_SHARE, DRAWN_MOST_MS)), SLOWEST_MS);
    this.timer = setTimeout(() => this.now(), (this.isWanted || this.atOnce) && !this.failures ? 0 : wait);
  }
}

/** What never comes is a failure too. */
function answered(promise) {
  let timer = 0;
  const never = new Promise((_, failed) => { timer = setTimeout(() => failed(new Error("No answer came.")), GIVEN_UP_MS); });
  return Promise.race([promise, never]).finally(() => clearTimeout(timer));
}

/**
 * One of the server's functions, which take and give JSON as text.
 * @param {Object<string, (asked: string) => Promise<string>>|undefined} server @param {string} name @param {Object} asked
 * @returns {Promise<Object>}
 * @throws {Told} what the server says is wrong
 */
export async function question(server, name, asked) {
  if (typeof server?.[name] !== "function") throw new Error("The server has no such function.");
  const text = await server[name](JSON.stringify(asked)), answer = typeof text === "string" ? JSON.parse(text) : text;
  if (answer === null || typeof answer !== "object") throw new Error("The answer can’t be read.");
  if (answer.error) throw new Told(answer.error);
  return answer;
}

/** An error that the server explains. */
export class Told extends Error {
  /** @param {{message: string, hint: string, code: string}} error */
  constructor({ message, hint, code }) {
    super([message, hint].filter(Boolean).join(" "));
    this.code = code;
  }
}
