// The Models view: asks the server what changed while it is seen, hands it to its parts, and keeps the address in step.

import { make } from "../chat/dom.js";
import { toaster } from "../chat/toast.js";
import { hint } from "../metrics/notes.js";
import { Poller, question, Told } from "../metrics/poll.js";
import { segments } from "../tune/tools.js";
import { Convert } from "./convert.js";
import { HubView } from "./hub.js";
import { Inside } from "./inside.js";
import { Library } from "./library.js";
import { hashOf, PARTS, readHash, usualPlace } from "./link.js";
import { isUnderWay } from "./marks.js";
import { Mine } from "./mine.js";
import { TaskDrawer } from "./task_drawer.js";
import { Tasks } from "./tasks.js";

const AWAY = "The server does not answer; trying again.", STYLES = ["/page-assets/tune/tune.css", "/page-assets/models/models.css"];

/**
 * Called by Gradio when the component is there.
 * @param {HTMLElement} element
 * @param {Object} props
 * @param {(event: string, data?: Object) => void} trigger
 * @param {(names: string[], call: () => void) => void} watch
 * @param {Object<string, (asked: string) => Promise<string>>} server  models_view, models_library and the others of questions.py
 */
export async function mount(element, props, trigger, watch, server) {
  window.openarcModels?.unmount();
  await Promise.all(STYLES.map(styled));
  const view = new View(element, server);
  window.openarcModels = { unmount: () => view.unmount() };
}

/** Its own styles, before anything is seen. */
function styled(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((done) => document.head.append(make("link", { rel: "stylesheet", href, onload: done, onerror: done })));
}

class View {
  constructor(element, server) {
    this.server = server;
    this.away = new AbortController();
    /** @type {import("./link.js").Place} */
    this.place = usualPlace();
    Object.assign(this, { revision: null, isSeen: false, hasAnswer: false, outline: "" });
    /** @type {import("./parts.js").Now} */
    this.now = { tasks: [], loaded: [], loading: [], may: false, why: "", free_bytes: null, hub: { endpoint: "", has_token: false }, verifying: null };
    this.root = make("div", { class: "oc om ot ol is-ready" });
    this.around = { root: this.root, leaving: this.away.signal, spent: 0, toast: toaster(this.root) };
    this.#build();
    element.replaceChildren(this.root);
    this.poller = new Poller({ ask: () => this.#ask(), isSeen: () => this.isSeen && !document.hidden, lost: (error) => hint(this.lost, error instanceof Told ? error.message : AWAY), found: () => hint(this.lost, ""), spent: () => { const { spent } = this.around; this.around.spent = 0; return spent; } });
    this.#openAddress();
    this.#watchPage();
  }

  unmount() {
    this.isSeen = false; // the address is the next view's
    this.away.abort();
    this.poller.stop();
  }

  #build() {
    /** @type {import("./parts.js").Desk} */
    const desk = { root: this.root, around: this.around, ask: (name, asked) => question(this.server, name, asked), toast: this.around.toast, now: () => this.now, go: (place) => this.#go(place), again: () => this.#again() };
    this.lost = make("p", { class: "om-hint is-lost", role: "status", hidden: true });
    this.why = make("p", { class: "ot-why", role: "note", hidden: true });
    this.choice = segments("Part of the tab", Object.entries(PARTS), (view) => this.#go({ view }));
    this.tasks = new Tasks(desk, (id, from) => { this.drawer.open(id, from); this.#again(); });
    this.drawer = new TaskDrawer(desk, { opened: (task) => { this.place.task = task; this.#write(); this.#draw(); }, focusBack: (id) => this.tasks.focus(id) }, this.away.signal);
    this.parts = { library: new Library(desk), hub: new HubView(desk), convert: new Convert(desk), mine: new Mine(desk), inside: new Inside(desk) };
    this.main = make("div", { class: "ot-main ol-main" }, this.why, ...Object.values(this.parts).map((each) => each.element));
    this.root.append(this.lost, make("div", { class: "ol-top" }, this.choice.element), make("div", { class: "ol-columns" }, this.main, this.tasks.element), this.drawer.element);
    for (const each of Object.values(this.parts)) each.element.hidden = true;
    this.tasksButton = this.choice.element.querySelector('[data-value="tasks"]');
  }

  /** One question and its answer. */
  async #ask() {
    const log = this.place.task, since = log === this.shownLog ? this.revision : null, answer = await question(this.server, "models_view", { since_revision: since, log_of: log });
    if (this.away.signal.aborted || log !== this.place.task) return true;
    hint(this.lost, "");
    this.revision = answer.revision;
    this.shownLog = log;
    if (answer.tasks) this.#take(answer);
    return false;
  }

  #take(answer) {
    const { tasks, loaded, loading, may_administer: may, why_not: why, free_bytes, hub, verifying } = answer;
    this.now = { tasks, loaded, loading, may, why, free_bytes, hub, verifying };
    const isFirst = !this.hasAnswer, outline = JSON.stringify([loaded, tasks.filter((task) => task.state === "finished").map((task) => task.task_id).sort()]);
    this.hasAnswer = true;
    if (isFirst) this.#openPart();
    else if (outline !== this.outline) this.#refresh();
    this.outline = outline;
    this.#draw();
  }

  /** What is in the folder changed. */
  #refresh() {
    if (this.place.view === "library") this.parts.library.ask();
    if (this.place.view === "mine") this.parts.mine.ask();
    if (this.place.view === "convert") this.parts.convert.open(null);
  }

  #draw() {
    const { now, place } = this, busy = now.tasks.filter(isUnderWay).length, shown = place.view === "tasks" ? "library" : place.view;
    this.root.classList.toggle("shows-tasks", place.view === "tasks");
    this.choice.show(place.view === "inside" ? "mine" : place.view);
    this.tasksButton.textContent = busy ? `Tasks (${busy})` : "Tasks";
    for (const [name, each] of Object.entries(this.parts)) each.element.hidden = name !== shown;
    hint(this.why, this.hasAnswer && !now.may ? now.why : "");
    this.tasks.show(now.tasks, place.task);
    this.drawer.show(now);
    if (this.hasAnswer) this.parts[shown].follow();
  }

  /** Another part, or a task's details. @param {Partial<import("./link.js").Place>} place */
  #go(place) {
    const isTask = place.task && !place.view;
    this.place = isTask ? { ...this.place, ...place } : { ...usualPlace(), ...place };
    if (place.task) this.drawer.open(place.task);
    else this.drawer.close(false);
    if (!isTask) { this.#openPart(); this.root.scrollIntoView({ block: "nearest" }); }
    this.#write();
    this.#draw();
    this.#again();
  }

  #openPart() {
    if (!this.hasAnswer) return;
    const { view, repository, source, model } = this.place, of = { library: null, tasks: null, hub: repository, convert: source, mine: null, inside: model }[view];
    this.parts[view === "tasks" ? "library" : view].open(of);
  }

  #again() {
    this.revision = null;
    this.poller.now();
  }

  #write() {
    if (!this.isSeen) return;
    const address = new URL(window.location.href);
    address.hash = hashOf(this.place);
    history.replaceState(history.state, "", address.href);
  }

  /** Shows what the address names. */
  #openAddress() {
    const place = readHash(window.location.hash);
    if (place && hashOf(place) !== hashOf(this.place)) this.#go(place);
    else this.#draw();
  }

  /** When the view is seen, how high the page's header is, which theme it has. */
  #watchPage() {
    const { signal } = this.away, header = document.querySelector("#oa-header");
    const measure = () => {
      const isSeen = this.root.getClientRects().length > 0;
      if (header) this.root.style.setProperty("--om-top", `${Math.max(0, Math.round(header.offsetHeight + (Number.parseFloat(getComputedStyle(header).top) || 0)))}px`);
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (isSeen) { this.#write(); this.#openPart(); this.poller.now(); } else if (window.location.hash.startsWith("#models")) history.replaceState(history.state, "", window.location.pathname + window.location.search);
    };
    const size = new ResizeObserver(measure), theme = new MutationObserver(() => this.parts.inside.retheme());
    for (const each of [this.root, header]) if (each) size.observe(each);
    theme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    document.addEventListener("visibilitychange", () => this.poller.now(), { signal });
    window.addEventListener("hashchange", () => this.#openAddress(), { signal });
    signal.addEventListener("abort", () => { size.disconnect(); theme.disconnect(); });
    measure();
  }
}
