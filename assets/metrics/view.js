// The Metrics view: asks the server for what changed while it is seen, hands each part to who draws it, and keeps the address
// in step. What a part looks like is in its own module; numbers come as texts, and figures as Plotly's JSON.

import { copyText } from "../chat/clipboard.js";
import { make } from "../chat/dom.js";
import { toaster } from "../chat/toast.js";
import { Bar } from "./bar.js";
import { Cards } from "./cards.js";
import { Compare } from "./compare.js";
import { Drawer } from "./drawer.js";
import { copyOf, hashOf, hasFilter, readHash, usualView } from "./link.js";
import { emptyView, grouped, hint, leftOut } from "./notes.js";
import { Poller, question, Told } from "./poll.js";
import { Requests } from "./requests.js";
import { Roofs } from "./roofs.js";
import { Tiles } from "./tiles.js";

const AWAY = "The server does not answer; trying again.", BUSY_MS = 300;

/**
 * Called by Gradio when the component is there.
 * @param {HTMLElement} element
 * @param {Object} props
 * @param {(event: string, data?: Object) => void} trigger
 * @param {(names: string[], call: () => void) => void} watch
 * @param {Object<string, (asked: string) => Promise<string>>} server  metrics, metrics_request, metrics_requests, metrics_again, metrics_compare, metrics_bandwidth
 */
export function mount(element, props, trigger, watch, server) {
  window.openarcMetrics?.unmount();
  const view = new View(element, server);
  window.openarcMetrics = { unmount: () => view.unmount() };
}

class View {
  constructor(element, server) {
    this.server = server;
    this.away = new AbortController();
    /** @type {import("./link.js").Place} */
    this.place = { view: usualView(), request: null, other: null };
    Object.assign(this, { seen: null, options: {}, zone: null, isSeen: false, hasAnswer: false, busyTimer: 0 });
    this.root = make("div", { class: "oc om is-ready is-first" });
    this.around = { root: this.root, leaving: this.away.signal, spent: 0, toast: toaster(this.root) };
    this.#build();
    element.replaceChildren(this.root);
    this.poller = new Poller({ ask: () => this.#ask(), isSeen: () => this.isSeen && !document.hidden, lost: (error) => this.#lost(error), found: () => hint(this.lost, ""), spent: () => this.#takeSpent() });
    this.#openAddress();
    this.#watchPage();
  }

  unmount() {
    this.isSeen = false; // the address is the next view's
    this.away.abort();
    this.poller.stop();
    this.drawer.close();
  }

  #build() {
    const view = () => this.place.view, ask = (name, asked) => question(this.server, name, asked);
    this.bar = new Bar({ view, change: (next) => this.#change(next), copyLink: () => this.#copyLink(), compare: () => this.#compareWith(this.place.other ? null : copyOf(this.place.view)), zoomed: () => this.cards.zoomed() });
    this.lost = make("p", { class: "om-hint is-lost", role: "status", hidden: true });
    this.told = make("p", { class: "om-hint", role: "status", hidden: true });
    this.health = make("div", { class: "om-health", role: "status" });
    this.leftOut = make("p", { class: "om-left-out", hidden: true });
    this.compare = new Compare(this.around, { ask, a: () => copyOf(this.place.view), changed: () => { this.place.other = copyOf(this.compare.other); this.#write(); }, swap: (a, b) => this.#swap(a, b), close: () => { this.#compareWith(null); this.bar.compare.focus(); } });
    this.tiles = new Tiles();
    this.roofs = new Roofs(async (device) => { const { words } = await ask("metrics_bandwidth", { device }); this.poller.now(); return words; });
    this.cards = new Cards(this.around, view, (id) => this.drawer.open(id));
    this.requests = new Requests((id, from) => this.drawer.open(id, from), (asked) => ask("metrics_requests", { view: copyOf(this.place.view), ...asked }));
    this.empty = make("div", { class: "om-empty", hidden: true });
    this.kept = make("p", { class: "om-kept" });
    this.drawer = new Drawer(this.around, { ask, beside: (id, step) => this.requests.beside(id, step), hasNext: () => this.requests.hasNext(), loadNext: () => this.requests.loadNext(), opened: (id) => this.#opened(id),
      link: (id) => this.#address({ ...this.place, request: id }), focusBack: (id) => this.requests.focus(id) });
    this.body = make("div", { class: "om-body" }, this.tiles.element, this.roofs.element, this.cards.timeline, this.requests.element, this.cards.element);
    this.root.append(this.bar.element, this.lost, this.told, this.health, this.leftOut, this.compare.element, this.empty, this.body, this.kept, this.drawer.element);
    this.#showBar();
  }

  #takeSpent() {
    const { spent } = this.around;
    this.around.spent = 0;
    return spent;
  }

  /** One question and its answer, unless another view is wanted by then. @returns {Promise<boolean>} whether the rest is to be asked for at once */
  async #ask() {
    const asked = JSON.stringify(this.place.view), seen = this.seen;
    const answer = await question(this.server, "metrics", { view: this.place.view, seen });
    if (this.away.signal.aborted || asked !== JSON.stringify(this.place.view)) return false;
    this.seen = answer.seen ?? seen;
    if (!answer.more) this.#setBusy(false);
    this.#show(answer);
    return answer.more === true;
  }

  #show(answer) {
    if (answer.kept) this.#showKept(answer.kept);
    if (answer.empty !== undefined) this.#showEmpty(answer.empty);
    if (answer.health) this.health.replaceChildren(...answer.health.map((sentence) => make("p", {}, sentence)));
    if (answer.left_out !== undefined) leftOut(this.leftOut, answer.left_out, (source) => this.#change({ ...copyOf(this.place.view), source }));
    if (answer.zone) this.zone = answer.zone;
    if (answer.options) this.options = answer.options;
    if (answer.options || answer.zone) { this.#showBar(); this.compare.offer(this.options, this.zone); }
    if (answer.tiles) this.tiles.show(answer.tiles);
    if (answer.roofs) this.roofs.show(answer.roofs); else if (answer.more) this.roofs.wait();
    if (answer.figures) this.cards.show(answer.figures);
    if (answer.extend) this.cards.extend(answer.extend);
    if (answer.requests) this.requests.show(answer.requests);
    hint(this.told, "");
    this.hasAnswer = true;
    if (!answer.more) this.root.classList.remove("is-first");
  }

  #showEmpty(empty) {
    this.empty.hidden = !empty;
    this.body.hidden = Boolean(empty);
    if (!empty) return;
    const isWhole = this.place.view.range === "all" && !hasFilter(this.place.view) || this.keptRequests === 0;
    this.empty.replaceChildren(...emptyView(empty, isWhole ? null : () => this.#change({ ...usualView(), range: "all" })));
  }

  #showKept({ texts, size, requests, oldest }) {
    this.keptRequests = requests;
    this.kept.textContent = [`${grouped(requests)} request${requests === 1 ? "" : "s"} kept`, size, oldest ? `since ${oldest}` : "", texts ? "with prompts and answers" : "without prompts and answers"].filter(Boolean).join(" · ");
  }

  #showBar() { this.bar.show(this.place.view, this.options, Boolean(this.place.other), this.zone); }

  #lost(error) {
    if (error instanceof Told) { hint(this.told, error.message); hint(this.lost, ""); } else hint(this.lost, AWAY);
    this.#setBusy(false);
    if (!this.hasAnswer) this.root.classList.add("is-lost");
  }

  /** @param {import("./link.js").View} view */
  #change(view) {
    this.place.view = copyOf(view);
    this.requests.forget();
    this.#write();
    this.#showBar();
    this.#setBusy(true);
    this.poller.now();
    if (this.place.other) this.compare.soon();
  }

  #compareWith(other) {
    this.place.other = other;
    this.compare.show(other);
    this.#showBar();
    this.#write();
    if (other) this.compare.element.scrollIntoView({ block: "start" });
  }

  #swap(a, b) {
    this.place.other = b;
    this.#change(a);
    this.compare.soon.cancel();
    this.compare.show(b);
  }

  #opened(id) {
    this.place.request = id;
    this.root.classList.toggle("has-drawer", Boolean(id));
    this.requests.choose(id);
    this.#write();
  }

  /** What is shown stays, paler, while another view is on its way. */
  #setBusy(isBusy) {
    clearTimeout(this.busyTimer);
    if (isBusy) this.busyTimer = setTimeout(() => this.body.setAttribute("aria-busy", "true"), BUSY_MS);
    else this.body.removeAttribute("aria-busy");
  }

  async #copyLink() {
    try {
      await copyText(this.#address(this.place));
      this.around.toast("The link to this view is copied.");
    } catch (error) {
      this.around.toast(error.message, "bad");
    }
  }

  #address(place) {
    const address = new URL(window.location.href);
    address.hash = hashOf(place);
    return address.href;
  }

  #write() { if (this.isSeen) history.replaceState(history.state, "", this.#address(this.place)); }

  /** Shows what the address names, and opens the tab for it. */
  #openAddress() {
    const place = readHash(window.location.hash);
    if (!place) return;
    if (place.problems.length) this.around.toast(`A part of the link can’t be read: ${place.problems.join("; ")}. The rest of it is shown.`, "warn");
    const tab = [...document.querySelectorAll('#oa-tabs [role="tab"]')].find((each) => each.textContent.trim() === "Metrics");
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    this.place = { view: place.view, other: place.other, request: null };
    this.requests.forget();
    this.compare.show(this.place.other);
    this.#showBar();
    if (place.request) this.drawer.open(place.request);
    else this.drawer.close();
    this.#setBusy(true);
    this.poller.now();
  }

  /** When the view is seen, how high the page's header is, which theme it has. */
  #watchPage() {
    const { signal } = this.away, header = document.querySelector("#oa-header");
    const measure = () => {
      const isSeen = this.root.getClientRects().length > 0;
      if (header) this.root.style.setProperty("--om-top", `${Math.max(0, Math.round(header.offsetHeight + (Number.parseFloat(getComputedStyle(header).top) || 0)))}px`);
      this.root.style.setProperty("--om-right", `${Math.max(0, Math.round(document.documentElement.clientWidth - this.root.getBoundingClientRect().right))}px`);
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (isSeen) { this.#write(); this.poller.now(); } else if (window.location.hash.startsWith("#metrics")) history.replaceState(history.state, "", window.location.pathname + window.location.search);
    };
    const size = new ResizeObserver(measure), theme = new MutationObserver(() => { this.cards.retheme(); this.drawer.retheme(); });
    for (const each of [this.root, header]) if (each) size.observe(each);
    theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    const { element: bar } = this.bar, stick = () => bar.classList.toggle("is-stuck", bar.getBoundingClientRect().top <= Number.parseFloat(getComputedStyle(bar).top) + 1);
    document.addEventListener("scroll", stick, { signal, passive: true });
    document.addEventListener("visibilitychange", () => this.poller.now(), { signal });
    window.addEventListener("hashchange", () => this.#openAddress(), { signal });
    signal.addEventListener("abort", () => { size.disconnect(); theme.disconnect(); });
    measure();
  }
}
