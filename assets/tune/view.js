// The Tune view: asks the server what changed while it is seen, hands it to who draws it, and keeps the address in step.

import { make } from "../chat/dom.js";
import { hint } from "../metrics/notes.js";
import { Live, styled } from "../shared/live.js";
import { hashOf, readHash, usualPlace } from "./link.js";
import { NewRun } from "./new_run.js";
import { RunPanel } from "./run_view.js";
import { Runs } from "./runs.js";

const STYLES = "/page-assets/tune/tune.css";

/**
 * Called by Gradio when the component is there.
 * @param {HTMLElement} element
 * @param {Object} props
 * @param {(event: string, data?: Object) => void} trigger
 * @param {(names: string[], call: () => void) => void} watch
 * @param {Object<string, (asked: string) => Promise<string>>} server  tune_view, tune_offers, tune_code and those that start, end and change
 */
export async function mount(element, props, trigger, watch, server) {
  window.openarcTune?.unmount();
  await styled(STYLES);
  const view = new View(element, server);
  window.openarcTune = { unmount: () => view.unmount() };
}

class View {
  constructor(element, server) {
    /** @type {import("./link.js").Place} */
    this.place = usualPlace();
    Object.assign(this, { revision: null, shownRun: undefined, now: { may_administer: false, why_not: "", active: null }, heads: [], figures: new Map(), view: null, hasAnswer: false });
    this.live = new Live("#tune", "oc om ot is-ready is-first", server, { ask: () => this.#ask(), hash: () => hashOf(this.place), opened: (hash) => this.#opens(readHash(hash)), seen: () => {}, retheme: () => this.panel.retheme() });
    this.root = this.live.root;
    this.#build();
    this.live.begin(element);
  }

  unmount() { this.live.end(); }

  #build() {
    const { around, question: ask } = this.live, desk = { root: this.root, ask, toast: around.toast, may: () => ({ may: this.now.may_administer, why: this.now.why_not, active: this.now.active }) };
    this.why = make("p", { class: "ot-why", role: "note", hidden: true });
    this.runs = new Runs((run) => this.#go({ ...usualPlace(), run }), () => this.#go({ ...usualPlace(), form: "sweep" }));
    this.form = new NewRun({ ask, started: (head) => { this.#go({ ...usualPlace(), run: head.run_id }); this.root.scrollIntoView({ block: "start" }); }, chose: (form) => { this.place.form = form; this.live.write(); }, pace: () => paceOf(this.view) });
    this.panel = new RunPanel(around, desk, { opened: (id) => this.#opened(id), chooseAxes: (x, y) => { Object.assign(this.place, { x, y }); this.live.write(); this.#draw(); }, again: (shown) => { const request = asGiven(shown); this.form.open(request.kind, request); this.#go({ ...usualPlace(), form: request.kind }); }, changed: () => this.#again(), gone: (run) => this.#go({ ...usualPlace(), run: this.heads.find((head) => head.run_id !== run)?.run_id ?? null, form: this.heads.length > 1 ? null : "sweep" }) });
    this.waits = make("div", { class: "ot-waits", role: "status" }, make("p", { class: "ot-help" }, "Reading the runs …"), ...Array.from({ length: 3 }, () => make("i", { class: "is-waiting" })));
    this.missing = make("div", { class: "om-empty", hidden: true });
    this.main = make("div", { class: "ot-main" }, this.why, this.waits, this.missing, this.form.element, this.panel.element);
    this.root.append(this.live.lost, make("div", { class: "ot-columns" }, this.runs.element, this.main), this.panel.drawer.element);
    this.form.element.hidden = this.panel.element.hidden = true;
  }

  /** One question and its answer, unless another run is wanted by then. @returns {Promise<boolean>} whether to ask again at once */
  async #ask() {
    const run = this.#wantedRun(), since = run === this.shownRun ? this.revision : null, answer = await this.live.question("tune_view", { run_id: run, since_revision: since });
    if (this.live.hasEnded || run !== this.#wantedRun()) return true;
    this.live.answered();
    this.revision = answer.revision;
    if (!answer.heads) return false;
    this.shownRun = run;
    this.#take(answer);
    return this.#wantedRun() !== run;
  }

  /** Id of the run to ask for; "active" and no choice are known only by the list. */
  #wantedRun() {
    const { run, form } = this.place;
    return form || run === "active" ? null : run;
  }

  #take(answer) {
    const isFirst = !this.hasAnswer, before = this.place.form;
    this.hasAnswer = true;
    this.now = { may_administer: answer.may_administer, why_not: answer.why_not, active: answer.active };
    this.heads = answer.heads;
    this.figures = new Map(answer.figures.map((figure) => [figure.name, figure]));
    if (answer.view || answer.missing) this.view = answer.view && { ...answer.view, fields: answer.fields };
    this.gone = answer.missing;
    const { place } = this;
    if (place.run === "active" || !place.run && !place.form) Object.assign(place, answer.active ? { run: answer.active.run_id } : this.heads.length ? { run: this.heads[0].run_id } : { run: null, form: "sweep" });
    if (place.form && (isFirst || !before)) this.form.open(place.form); // asking for what can vary costs the machine something
    this.root.classList.remove("is-first");
    this.live.write();
    this.#draw();
  }

  #draw() {
    const { place, view } = this, isShown = Boolean(!place.form && view && view.head.run_id === place.run), isGone = Boolean(!place.form && this.gone && !isShown);
    this.runs.show(this.heads, place.form ? null : place.run);
    this.form.follow(this.now);
    this.form.element.hidden = !place.form;
    this.panel.element.hidden = !isShown;
    this.missing.hidden = !isGone;
    this.waits.hidden = Boolean(place.form) && this.hasAnswer || isShown || isGone;
    hint(this.why, this.hasAnswer && !this.now.may_administer ? this.now.why_not : "");
    if (isGone) this.missing.replaceChildren(make("b", {}, "This run is not there"), make("p", {}, this.gone));
    if (isShown) this.panel.show(view, this.figures, place);
  }

  /** Another run, or the form. @param {import("./link.js").Place} place */
  #go(place) {
    const before = this.place, { configuration } = place;
    this.place = place;
    if (place.run !== before.run || place.form) this.panel.drawer.close(false);
    if (place.form && before.form !== place.form) { this.form.open(place.form); this.form.refresh(); }
    if (configuration) this.panel.drawer.open(configuration);
    this.gone = null;
    this.live.write();
    this.#draw();
    this.#again();
  }

  #again() {
    this.revision = null;
    this.live.now();
  }

  #opened(id) {
    this.place.configuration = id;
    this.root.classList.toggle("has-drawer", Boolean(id));
    this.live.write();
    if (this.hasAnswer) this.#draw();
  }

  /** Shows what the address names. @param {import("./link.js").Place|null} place */
  #opens(place) {
    if (place && hashOf(place) !== hashOf(this.place)) this.#go(place);
  }
}

/** A request as it can be sent again: what is in the model folder is known by its name there. */
const asGiven = (request) => JSON.parse(JSON.stringify(request), (_, value) => typeof value === "string" ? value.replace(/^model folder\//, "") : value);

/** Seconds that a visit of the run that was seen last took, all in all; null: none was. */
function paceOf(view) {
  const visits = view ? view.results.reduce((sum, result) => sum + result.visits, 0) : 0;
  return visits && view.head.kind === "sweep" ? { seconds: view.progress.elapsed_seconds / visits, name: view.head.name } : null;
}
