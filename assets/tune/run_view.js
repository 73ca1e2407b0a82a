// One run: its name and how it stands, how far it is, what came of it, pictures, the table.

import { iconButton, wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { toggleMenu } from "../chat/menu.js";
import { Drawer } from "./drawer.js";
import { field } from "./fields.js";
import { exportAddress, KINDS, reportAddress } from "./link.js";
import { runMark } from "./marks.js";
import { Outcome } from "./outcome.js";
import { Pictures } from "./pictures.js";
import { ProgressView } from "./progress.js";
import { Results } from "./table.js";
import { confirming, dialog, redraw } from "./tools.js";
import { counted, duration, moment } from "./values.js";
import { workloadWords } from "./workload_editor.js";

const FORMATS = [["markdown", "Markdown"], ["csv", "CSV"], ["json", "JSON"]], WORKING = new Set(["running", "waiting"]), RESUMABLE = new Set(["interrupted", "cancelled", "failed"]), DAMAGED = "tuning_record_damaged";

export class RunPanel {
  /**
   * @param {import("../metrics/plot.js").Around} around @param {import("./actions.js").Desk} desk
   * @param {{opened: (id: string|null) => void, chooseAxes: (x: string, y: string) => void, again: (request: Object) => void, changed: () => void, gone: (run: string) => void}} wishes
   */
  constructor(around, desk, wishes) {
    Object.assign(this, { around, desk, wishes, view: null, figures: new Map(), place: null, isBusy: "" });
    this.words = make("div", { class: "ot-head-words" });
    this.buttons = make("div", { class: "oc-buttons ot-head-buttons" });
    this.head = make("header", { class: "ot-head" }, this.words, this.buttons);
    this.problem = make("p", { class: "ot-bad", role: "alert", hidden: true });
    this.progress = new ProgressView(around.leaving);
    this.drawer = new Drawer(around, desk, { beside: (id, step) => this.results.beside(id, step), opened: wishes.opened, focusBack: (id) => this.results.focus(id) });
    const open = (id, from = null) => this.drawer.open(id, from);
    this.outcome = new Outcome(desk, open);
    this.pictures = new Pictures(around, { open, chooseAxes: wishes.chooseAxes });
    this.results = new Results(open);
    this.about = make("div", { class: "ot-about" });
    this.element = make("article", { class: "ot-run-view" }, this.head, this.problem, this.progress.element, this.outcome.element, this.pictures.element, this.results.element, this.about);
  }

  /** @param {Object} view @param {Map<string, Object>} figures @param {import("./link.js").Place} place */
  show(view, figures, place) {
    if (this.view && this.view.head.run_id !== view.head.run_id) this.#say("");
    Object.assign(this, { view, figures, place });
    const { may, active } = this.desk.may();
    const { run_id: run, name, state, configurations } = view.head;
    redraw(this.words, [run, name, state, configurations], () => this.#headWords());
    redraw(this.buttons, [run, state, view.problem?.code, may, active?.run_id, this.isBusy], () => this.#headButtons());
    this.progress.show(view);
    this.outcome.show(view, figures);
    this.pictures.show(view, figures, place);
    this.results.show(view, figures, place.configuration);
    this.drawer.show(view, figures);
    redraw(this.about, [view.machine, view.request], () => this.#about());
  }

  retheme() { this.pictures.retheme(); }

  #headButtons() {
    const { head, problem } = this.view, { may, active } = this.desk.may(), isWorking = WORKING.has(head.state), buttons = [];
    const act = (name, words, attributes = {}) => wordButton(this.isBusy === name ? `${words} …` : words, () => this.#do(name), { disabled: Boolean(this.isBusy), "data-action": name, ...attributes });
    if (may && isWorking) buttons.push(act("tune_pause", "Pause", { title: "End it so that it can be resumed" }), confirming("Cancel", "Really cancel?", () => this.#do("tune_cancel"), { "data-action": "tune_cancel", title: "End it; what was measured is kept, and Resume goes on with it", disabled: Boolean(this.isBusy) }));
    if (may && RESUMABLE.has(head.state) && problem?.code !== DAMAGED) buttons.push(act("tune_resume", "Resume", { class: "is-primary", disabled: Boolean(this.isBusy || active), title: active ? `“${active.name}” is at work` : "Go on with the time that is left" }));
    const exports = wordButton("Export", () => toggleMenu(exports, FORMATS.map(([format, label]) => ({ label, name: `export-${format}`, picture: "file", run: () => save(exportAddress(head.run_id, format)) })), "Export the run"), { "aria-haspopup": "menu", "data-action": "export" });
    buttons.push(make("a", { class: "oc-button", href: reportAddress(head.run_id), target: "_blank", rel: "noopener", "data-action": "report", title: "One page that can be posted" }, "Report"), exports);
    const more = iconButton("more", "More", () => toggleMenu(more, this.#menu(), "More about this run"), { "aria-haspopup": "menu", "data-action": "more" });
    buttons.push(more);
    return buttons;
  }

  #headWords() {
    const { head, request } = this.view, workload = request.workload ? workloadWords(request.workload) : "", facts = [KINDS[head.kind] || head.kind, moment(head.created_at), counted(head.configurations, "configuration"), workload].filter(Boolean);
    return [make("h2", {}, head.name), make("p", { class: "ot-head-facts" }, runMark(head.state), ...facts.map((words) => make("span", {}, words)))];
  }

  #menu() {
    const { may } = this.desk.may(), { head, request } = this.view;
    return [{ label: "Set one up like this", name: "again", picture: "copy", run: () => this.wishes.again(request) }, may ? { label: "Rename", name: "rename", picture: "edit", run: () => this.#rename() } : null,
      may && !WORKING.has(head.state) ? { label: "Delete", name: "delete", picture: "delete", isBad: true, question: "Really delete?", run: () => this.#do("tune_delete") } : null].filter(Boolean);
  }

  #rename() {
    const { head } = this.view, input = make("input", { class: "oc-field", value: head.name, maxlength: "100", autocomplete: "off", onkeydown: (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); save.click(); } } }), problem = make("p", { class: "ot-bad", role: "alert" });
    const save = wordButton("Rename", async () => {
      try { await this.desk.ask("tune_rename", { run_id: head.run_id, name: input.value.trim() }); box.close(); this.wishes.changed(); } catch (error) { problem.textContent = error.message; }
    }, { class: "is-primary" }), box = dialog(this.around.root, "Rename the run", field("Name", input), problem, make("div", { class: "oc-buttons" }, save, wordButton("Cancel", () => box.close())));
    input.select();
  }

  async #do(name) {
    const run = this.view.head.run_id;
    this.isBusy = name;
    this.#say("");
    this.show(this.view, this.figures, this.place);
    try {
      await this.desk.ask(name, { run_id: run });
      if (name === "tune_delete") this.wishes.gone(run);
    } catch (error) {
      this.#say(error.message);
    }
    this.isBusy = "";
    if (this.view.head.run_id === run && name !== "tune_delete") this.show(this.view, this.figures, this.place);
    this.wishes.changed();
  }

  #about() {
    const { machine, request } = this.view, budget = request.budget_minutes ? [["Budget", duration(request.budget_minutes * 60)]] : [];
    const facts = [...Object.entries(machine), ...budget, ["Repetitions", String(request.repetitions)], ["Seed", String(request.seed)]];
    return [make("details", { class: "om-details" }, make("summary", {}, "Machine and request"), make("dl", { class: "om-facts" }, ...facts.map(([label, words]) => make("div", {}, make("dt", {}, label), make("dd", {}, words)))), make("pre", { class: "om-code", tabindex: "0" }, JSON.stringify(request, null, 2)))];
  }

  #say(words) {
    this.problem.textContent = words;
    this.problem.hidden = !words;
  }
}

function save(address) {
  const link = make("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
