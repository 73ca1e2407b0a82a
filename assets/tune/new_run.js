// A new run: which kind, its form, and the row that stays at the bottom, with what it comes to and Start.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { BenchForm } from "./bench_form.js";
import { CompareForm } from "./compare_form.js";
import { hasProblem } from "./fields.js";
import { KINDS } from "./link.js";
import { othersNote } from "./measure_editor.js";
import { redraw, segments } from "./tools.js";
import { SweepForm } from "./sweep_form.js";

const ABOUT = { sweep: "Tries many settings and finds the best, within a time.", bench: "Measures one configuration, like llama-bench.", comparison: "Two configurations in turn: is there a difference?" };
const CHECK_AFTER_MS = 350;
const REFUSED = "While it runs, chats and loads are refused with the reason.";

export class NewRun {
  /**
   * @param {{ask: (name: string, asked: Object) => Promise<Object>, started: (head: Object) => void, chose: (kind: string) => void, pace: () => Object|null}} wishes
   */
  constructor(wishes) {
    Object.assign(this, { wishes, offers: null, requests: {}, forms: {}, kind: "sweep", isAsking: false, may: true, why: "", active: null });
    this.choice = segments("Kind of run", Object.entries(KINDS), (kind) => { wishes.chose(kind); this.open(kind); });
    this.about = make("p", { class: "ot-help" });
    this.place = make("div");
    this.waits = make("div", { class: "ot-waits", role: "status" }, make("p", { class: "ot-help" }, "Looking at what can be tuned …"), ...Array.from({ length: 3 }, () => make("i", { class: "is-waiting" })));
    this.told = make("p", { class: "ot-words" });
    this.problem = make("p", { class: "ot-bad", role: "alert", hidden: true });
    this.others = make("div");
    this.start = wordButton("Start", () => this.#start(), { class: "is-primary", "data-action": "start" });
    this.foot = make("div", { class: "ot-start" }, make("div", { class: "ot-start-words" }, this.told, this.others, make("p", { class: "ot-help" }, REFUSED), this.problem), this.start);
    this.element = make("section", { class: "ot-new", "aria-label": "New run" }, make("div", { class: "ot-new-head" }, this.choice.element, this.about), this.place, this.foot);
  }

  /** @param {string} kind @param {Object|null} [request] one to begin from */
  open(kind, request = null) {
    this.kind = kind;
    if (request) this.requests[kind] = structuredClone(request);
    this.choice.show(kind);
    this.about.textContent = ABOUT[kind];
    this.#say("");
    if (this.offers) this.#draw();
    else this.#ask(request ? baseOf(request) : null);
  }

  /** What may be done, and what runs. @param {{may_administer: boolean, why_not: string, active: Object|null}} now */
  follow({ may_administer: may, why_not: why, active }) {
    Object.assign(this, { may, why, active });
    this.#tell();
  }

  /** What is offered may be another by now. */
  refresh() { if (this.offers && !this.element.contains(document.activeElement)) this.#ask(this.requests[this.kind] ? baseOf(this.requests[this.kind]) : null); }

  async #ask(base) {
    if (this.isAsking) { if (base) this.next = base; return; }
    this.isAsking = true;
    if (!this.offers) this.place.replaceChildren(this.waits);
    try {
      this.#take(await this.wishes.ask("tune_offers", { base }));
      for (const [kind, request] of Object.entries(this.offers.requests)) this.requests[kind] ??= request;
      this.#draw();
    } catch (error) {
      if (!this.offers) this.place.replaceChildren(make("div", { class: "om-box is-bad", role: "alert" }, make("p", {}, error.message), wordButton("Try again", () => this.#ask(base), { class: "is-small" })));
      else this.#say(error.message);
    }
    this.isAsking = false;
    if (this.next !== undefined) { const next = this.next; delete this.next; this.#ask(next); }
  }

  /** Axes that nobody touched follow the base; of others the variants of the model do. */
  #take(offers) {
    const before = JSON.stringify(this.offers?.requests.sweep?.axes), { sweep } = this.requests, fresh = offers.requests.sweep?.axes || [];
    if (sweep && JSON.stringify(sweep.axes) === before) this.requests.sweep = { ...sweep, axes: fresh };
    else if (sweep && this.offers && this.offers.base?.model_path !== offers.base?.model_path) {
      const variants = fresh.find((axis) => axis.field === "model_path");
      this.requests.sweep = { ...sweep, axes: sweep.axes.map((axis) => axis.field === "model_path" ? variants : axis).filter(Boolean) };
    }
    this.offers = offers;
  }

  #draw() {
    const request = this.requests[this.kind];
    if (!request) { this.place.replaceChildren(this.#nothing()); this.#tell(); return; }
    const kinds = { sweep: SweepForm, bench: BenchForm, comparison: CompareForm };
    const form = this.forms[this.kind] ??= new kinds[this.kind]({ offers: () => this.offers, changed: (next) => { const before = this.requests[this.kind]; this.requests[this.kind] = next; this.#say(""); this.#tell(); this.#check(before, next); }, another: (base) => this.#ask(base) });
    if (this.place.firstChild !== form.element) this.place.replaceChildren(form.element);
    const held = form.element.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    form.show(request);
    if (held && !form.element.contains(document.activeElement)) form.element.querySelector(`[data-name="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    this.#tell();
  }

  /** What would fail is said where it stands, once nothing more is changed for a moment. */
  #check(before, next) {
    const shown = (request) => JSON.stringify(request && [baseOf(request), request.axes]), kind = this.kind;
    if (shown(before) === shown(next)) return;
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      try {
        const { refused = [], problem = null } = await this.wishes.ask("tune_offers", { base: baseOf(next), axes: (next.axes || []).filter(({ values }) => values.length) });
        if (shown(this.requests[kind]) !== shown(next)) return;
        if (kind === "sweep") this.forms.sweep.mark(refused);
        this.offers.problem = problem;
        this.#tell();
      } catch (error) {
        this.#say(error.message);
      }
    }, CHECK_AFTER_MS);
  }

  #nothing() {
    const { problem, models } = this.offers, isEmpty = !models.length;
    return make("div", { class: "om-empty" }, make("b", {}, isEmpty ? "No model yet" : "There is nothing to vary"), make("p", {}, problem ? `${problem.message} ${problem.hint}` : isEmpty ? "The model folder is empty. The Load tab says how to add one." : "The device offers no setting for this model."));
  }

  #tell() {
    const request = this.requests[this.kind], form = this.forms[this.kind], isReady = Boolean(this.offers && request && form);
    this.foot.hidden = !isReady;
    if (!isReady) return;
    this.told.textContent = form.words(this.wishes.pace());
    redraw(this.others, [this.offers.loaded, request.unload_others, this.kind], () => [othersNote(this.offers.loaded, request.unload_others, (isUnloaded) => { this.requests[this.kind] = { ...this.requests[this.kind], unload_others: isUnloaded }; form.show(this.requests[this.kind]); this.#tell(); })]);
    this.start.textContent = `Start ${{ sweep: "the sweep", bench: "the bench", comparison: "comparing" }[this.kind]}`;
    const why = !this.may ? this.why : this.active ? `“${this.active.name}” is at work; one run at a time.` : this.offers.problem ? `${this.offers.problem.message} ${this.offers.problem.hint}` : form.problem();
    this.start.disabled = Boolean(why);
    if (why && !this.told.textContent.includes(why)) this.told.textContent = why;
  }

  async #start() {
    const form = this.forms[this.kind];
    if (hasProblem(form.element)) { this.#say("A field can’t be read; it is marked."); form.element.querySelector('[aria-invalid="true"]').focus(); return; }
    this.start.disabled = true;
    this.#say("");
    try {
      const { head } = await this.wishes.ask("tune_start", { request: this.requests[this.kind] });
      this.wishes.started(head);
    } catch (error) {
      this.#say(error.message);
    }
    this.#tell();
  }

  #say(words) {
    this.problem.textContent = words;
    this.problem.hidden = !words;
  }
}

/** What a request is about, as one load. */
const baseOf = (request) => request.base || request.configuration || request.a;
