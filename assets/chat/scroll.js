// Keeps the newest in sight until the reader scrolls up, and offers the way back.

import { make } from "./dom.js";
import { icon } from "./icons.js";

const NEAR_PIXELS = 48;

export class Follower {
  /** @param {HTMLElement} scroller @param {HTMLElement} content */
  constructor(scroller, content) {
    Object.assign(this, { scroller, isFollowing: true, last: 0, lastHeight: 0 });
    this.button = make("button", { type: "button", class: "oc-newest", hidden: true, onclick: () => this.follow() }, icon("arrowDown"), "Newest");
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    scroller.addEventListener("wheel", (event) => { if (event.deltaY < 0 && scroller.scrollTop > 0) this.isFollowing = false; }, { passive: true });
    new ResizeObserver(() => this.#grown()).observe(content);
    new ResizeObserver(() => this.#grown()).observe(scroller);
  }

  /** To the newest, and stay there. */
  follow() {
    this.isFollowing = true;
    this.#grown();
  }

  #grown() {
    const { scroller } = this;
    if (this.isFollowing) scroller.scrollTop = scroller.scrollHeight;
    this.last = scroller.scrollTop;
    this.lastHeight = scroller.scrollHeight;
    this.#show();
  }

  #scrolled() {
    const { scroller } = this, isShorter = scroller.scrollHeight < this.lastHeight;
    if (scroller.scrollTop < this.last - 1 && !isShorter) this.isFollowing = false;
    else if (scroller.scrollTop > this.last && this.#gap() < NEAR_PIXELS) this.isFollowing = true;
    this.last = scroller.scrollTop;
    this.lastHeight = scroller.scrollHeight;
    this.#show();
  }

  #gap() { return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight; }

  #show() {
    const isHidden = this.isFollowing || this.#gap() < NEAR_PIXELS / 4;
    if (this.button.hidden !== isHidden) this.button.hidden = isHidden;
  }
}
