// What the view of a tab does beside drawing: asks while it is seen, keeps the address in step, follows the page around it.

import { make } from "../chat/dom.js";
import { toaster } from "../chat/toast.js";
import { hint } from "../metrics/notes.js";
import { Poller, question, Told } from "../metrics/poll.js";

const AWAY = "The server does not answer; trying again.";

/** Styles of a view, before anything of it is seen. @param {...string} addresses */
export const styled = (...addresses) => Promise.all(addresses.map((href) => document.querySelector(`link[href="${href}"]`) ? null
  : new Promise((done) => document.head.append(make("link", { rel: "stylesheet", href, onload: done, onerror: done })))));

/**
 * @typedef {Object} Wishes
 * @property {() => Promise<boolean>} ask  one question and its answer; whether to ask again at once
 * @property {() => string} hash  of the place that is shown, beginning with `name`
 * @property {(hash: string) => void} opened  the address names this
 * @property {() => void} seen  the tab was opened
 * @property {() => void} retheme
 */

export class Live {
  /**
   * @param {string} name beginning of the tab's addresses: "#tune"
   * @param {string} classes of the root
   * @param {Object<string, (asked: string) => Promise<string>>} server
   * @param {Wishes} wishes
   */
  constructor(name, classes, server, wishes) {
    Object.assign(this, { name, wishes, isSeen: false, away: new AbortController() });
    this.root = make("div", { class: classes });
    this.around = { root: this.root, leaving: this.away.signal, spent: 0, toast: toaster(this.root) };
    this.lost = make("p", { class: "om-hint is-lost", role: "status", hidden: true });
    this.question = (which, asked) => question(server, which, asked);
  }

  /** Once the root holds all of the view. @param {HTMLElement} element of the component */
  begin(element) {
    const { around } = this, spent = () => { const drawn = around.spent; around.spent = 0; return drawn; };
    element.replaceChildren(this.root);
    this.poller = new Poller({ ask: this.wishes.ask, isSeen: () => this.isSeen && !document.hidden, lost: (error) => hint(this.lost, error instanceof Told ? error.message : AWAY), found: () => this.answered(), spent });
    this.wishes.opened(window.location.hash);
    this.#watchPage();
  }

  end() {
    this.isSeen = false; // the address is the next view's
    this.away.abort();
    this.poller.stop();
  }

  get hasEnded() { return this.away.signal.aborted; }

  /** The server is there. */
  answered() { hint(this.lost, ""); }

  /** Ask soon. */
  now() { this.poller.now(); }

  /** The address says what is shown. */
  write() {
    if (!this.isSeen) return;
    const address = new URL(window.location.href);
    address.hash = this.wishes.hash();
    history.replaceState(history.state, "", address.href);
  }

  /** When the view is seen, how high the page's header is, which theme it has. */
  #watchPage() {
    const { signal } = this.away, header = document.querySelector("#oa-header"), { wishes } = this;
    const measure = () => {
      const isSeen = this.root.getClientRects().length > 0;
      if (header) this.root.style.setProperty("--om-top", `${Math.max(0, Math.round(header.offsetHeight + (Number.parseFloat(getComputedStyle(header).top) || 0)))}px`);
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (isSeen) { this.write(); wishes.seen(); this.now(); } else if (window.location.hash.startsWith(this.name)) history.replaceState(history.state, "", window.location.pathname + window.location.search);
    };
    const size = new ResizeObserver(measure), theme = new MutationObserver(() => wishes.retheme());
    for (const each of [this.root, header]) if (each) size.observe(each);
    theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    document.addEventListener("visibilitychange", () => this.now(), { signal });
    window.addEventListener("hashchange", () => wishes.opened(window.location.hash), { signal });
    signal.addEventListener("abort", () => { size.disconnect(); theme.disconnect(); });
    measure();
  }
}
