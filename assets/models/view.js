// The Models view: asks the server what changed while it is seen, hands it to its parts, and keeps the address in step.

import { make } from "../chat/dom.js";
import { hint } from "../metrics/notes.js";
import { Live, styled } from "../shared/live.js";
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

const STYLES = ["/page-assets/tune/tune.css", "/page-assets/models/models.css"];

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
  await styled(...STYLES);
  const view = new View(element, server);
  window.openarcModels = { unmount: () => view.unmount() };
}

class View {
  constructor(element, server) {
    /** @type {import("./link.js").Place} */
    this.place = usualPlace();
    Object.assign(this, { revision: null, hasAnswer: false, outline: "" });
    /** @type {import("./parts.js").Now} */
    this.now = { tasks: [], loaded: [], loading: [], may: false, why: "", free_bytes: null, hub: { endpoint: "", has_token: false }, verifying: null };
    this.live = new Live("#models", "oc om ot ol is-ready", server, { ask: () => this.#ask(), hash: () => hashOf(this.place), opened: (hash) => this.#opens(readHash(hash)), seen: () => this.#openPart(), retheme: () => this.parts.inside.retheme() });
    this.root = this.live.root;
    this.#build();
    this.live.begin(element);
  }

  unmount() { this.live.end(); }

  #build() {
    const { around, question: ask, away } = this.live;
    /** @type {import("./parts.js").Desk} */
    const desk = { root: this.root, around, ask, toast: around.toast, now: () => this.now, go: (place) => this.#go(place), again: () => this.#again() };
    this.why = make("p", { class: "ot-why", role: "note", hidden: true });
    this.choice = segments("Part of the tab", Object.entries(PARTS), (view) => this.#go({ view }));
    this.tasks = new Tasks(desk, (id, from) => { this.drawer.open(id, from); this.#again(); });
    this.drawer = new TaskDrawer(desk, { opened: (task) => { this.place.task = task; this.live.write(); this.#draw(); }, focusBack: (id) => this.tasks.focus(id) }, away.signal);
    this.parts = { library: new Library(desk), hub: new HubView(desk), convert: new Convert(desk), mine: new Mine(desk), inside: new Inside(desk) };
    this.main = make("div", { class: "ot-main ol-main" }, this.why, ...Object.values(this.parts).map((each) => each.element));
    this.root.append(this.live.lost, make("div", { class: "ol-top" }, this.choice.element), make("div", { class: "ol-columns" }, this.main, this.tasks.element), this.drawer.element);
    for (const each of Object.values(this.parts)) each.element.hidden = true;
    this.tasksButton = this.choice.element.querySelector('[data-value="tasks"]');
  }

  /** One question and its answer. */
  async #ask() {
    const log = this.place.task, since = log === this.shownLog ? this.revision : null, answer = await this.live.question("models_view", { since_revision: since, log_of: log });
    if (this.live.hasEnded || log !== this.place.task) return true;
    this.live.answered();
    this.revision = answer.revision;
    this.shownLog = log;
    if (answer.tasks) this.#take(answer);
    if (this.hasAnswer && !this.parts.library.element.hidden) this.parts.library.poll();
    return false;
  }

  #take(answer) {
    const { tasks, loaded, loading, may_administer: may, why_not: why, free_bytes, hub, verifying, folder_revision: folder = null } = answer;
    this.now = { tasks, loaded, loading, may, why, free_bytes, hub, verifying };
    const isFirst = !this.hasAnswer, outline = JSON.stringify([loaded, folder, tasks.filter((task) => task.state === "finished").map((task) => task.task_id).sort()]);
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
    this.live.write();
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
    this.live.now();
  }

  /** Shows what the address names. @param {import("./link.js").Place|null} place */
  #opens(place) {
    if (place && hashOf(place) !== hashOf(this.place)) this.#go(place);
    else this.#draw();
  }
}
