// One configuration, from the right: its numbers, what the device made of it, its text, and what can be done with it.

import { iconButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { configurationButtons } from "./actions.js";
import { differenceRows } from "./differences.js";
import { isTimeOver, qualityMark, standing, stateMark } from "./marks.js";
import { figureTiles, settingChips } from "./outcome.js";
import { qualityView } from "./quality.js";
import { axesOf, find, idOf, workloadsOf } from "./results.js";
import { redraw } from "./tools.js";
import { valueWords } from "./values.js";

export class Drawer {
  /**
   * @param {{root: HTMLElement, leaving: AbortSignal}} around @param {import("./actions.js").Desk} desk
   * @param {{beside: (id: string, step: number) => string|null, opened: (id: string|null) => void, focusBack: (id: string) => void}} wishes
   */
  constructor(around, desk, wishes) {
    Object.assign(this, { around, desk, wishes, id: null, from: null });
    this.title = make("h3", { class: "om-drawer-title", id: "ot-drawer-title" });
    this.previous = iconButton("moveUp", "Previous in the table ( [ )", () => this.#step(-1), { "data-action": "previous" });
    this.next = iconButton("moveDown", "Next in the table ( ] )", () => this.#step(1), { "data-action": "next" });
    this.body = make("div", { class: "om-drawer-body", tabindex: "-1" });
    this.element = make("aside", { class: "om-drawer ot-drawer", role: "dialog", "aria-labelledby": "ot-drawer-title", hidden: true }, make("header", {}, this.title, this.previous, this.next, iconButton("close", "Close (Esc)", () => this.close(), { "data-action": "close" })), this.body);
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal: around.leaving });
  }

  /** @param {string} id @param {HTMLElement|null} [from] where the focus goes back to */
  open(id, from = null) {
    if (this.element.hidden) this.from = from;
    this.id = id;
    this.element.hidden = false;
    this.body.scrollTop = 0;
    this.wishes.opened(id);
    if (!this.element.contains(document.activeElement)) this.body.focus({ preventScroll: true });
  }

  close(goesBack = true) {
    if (this.element.hidden) return;
    const { id, from } = this;
    this.id = null;
    this.element.hidden = true;
    this.body.replaceChildren();
    delete this.body.openarcShown;
    this.wishes.opened(null);
    if (!goesBack) return;
    if (from?.isConnected) from.focus({ preventScroll: true });
    else this.wishes.focusBack(id);
  }

  /** @param {Object} view @param {Map<string, Object>} figures */
  show(view, figures) {
    if (!this.id) return;
    const result = find(view, this.id), { may, active } = this.desk.may();
    if (!result) { this.title.textContent = "Not there"; redraw(this.body, null, () => [make("p", { class: "om-none" }, "The run has no such configuration.")]); return; }
    this.title.textContent = result.configuration.label;
    this.title.title = result.configuration.label;
    this.previous.disabled = !this.wishes.beside(this.id, -1);
    this.next.disabled = !this.wishes.beside(this.id, 1);
    redraw(this.body, [result, may, active?.run_id, view.reference_id, view.head.state], () => this.#draw(view, result, figures));
  }

  #draw(view, result, figures) {
    const { buttons, said, blocked } = configurationButtons(this.desk, view.head.run_id, result), { failure, loaded, quality, configuration } = result, isReference = idOf(result) === quality?.reference_id;
    const same = result.same_as ? find(view, result.same_as) : null, names = [...figures.keys()], against = result.against_reference;
    return [make("div", { class: "ot-marks" }, stateMark(result), ...standing(result, view), qualityMark(result, isReference)), make("div", { class: "oc-buttons om-drawer-tools" }, ...buttons), blocked ? make("p", { class: "ot-help" }, blocked) : null, said,
      failure && !isTimeOver(result) ? make("div", { class: "om-box is-bad" }, make("p", {}, make("b", {}, `Failed at: ${failure.stage}. `), failure.message), failure.hint ? make("p", { class: "ot-help" }, failure.hint) : null) : null,
      same ? make("p", { class: "ot-mark-words" }, `Its effective settings are those of ${same.configuration.label}.`) : null, ...result.marks.map((words) => make("p", { class: "ot-mark-words" }, words)),
      axesOf(view).length ? part("Settings", settingChips(view, result)) : null,
      ...workloadsOf(view).filter((workload) => result.figures[workload]).map((workload) => part(`Measured · ${workload} · ${result.visits} visit${result.visits === 1 ? "" : "s"}`, figureTiles(result, names, figures, workload))),
      against.length ? part(view.head.kind === "comparison" ? "Against A" : "Against the base", differenceRows(against, figures, { withSides: true })) : null,
      quality && !isReference ? part("Text", ...qualityView(quality)) : quality ? part("Text", make("p", {}, quality.words)) : null,
      loaded ? part("Effective", facts([["Backend", loaded.backend], ["Device", loaded.execution_devices.join(", ") || loaded.device], ...(loaded.scheduler ? Object.entries(loaded.scheduler).map(([name, value]) => [name, value !== null && typeof value === "object" ? JSON.stringify(value) : valueWords(value)]) : [])]),
        ...loaded.warnings.map((words) => make("p", { class: "ot-mark-words" }, words)), details("All properties", facts(Object.entries(loaded.effective_properties))), details("Versions", facts(Object.entries(loaded.versions)))) : null,
      part("Load", details("As JSON", make("pre", { class: "om-code", tabindex: "0" }, JSON.stringify(configuration.load, null, 2))))];
  }

  #step(step) {
    const to = this.wishes.beside(this.id, step);
    if (to) this.open(to);
  }

  #onKey(event) {
    if (this.element.hidden || event.defaultPrevented || !this.around.root.offsetParent || document.querySelector(".oc-menu, .oc-dialog[open]")) return;
    if (event.key === "Tab" && this.element.offsetWidth >= window.innerWidth) { this.#keepInside(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
    const step = { "[": -1, "]": 1 }[event.key];
    if (event.key === "Escape") { event.preventDefault(); this.close(); } else if (step) { event.preventDefault(); this.#step(step); }
  }

  /** On a phone it covers the page, so Tab stays in it. */
  #keepInside(event) {
    const able = [...this.element.querySelectorAll("button:not(:disabled), a[href], summary, pre[tabindex]")].filter((each) => each.offsetParent), at = able.indexOf(document.activeElement);
    if (!(event.shiftKey ? at <= 0 : at === able.length - 1)) return;
    event.preventDefault();
    able.at(event.shiftKey ? -1 : 0)?.focus();
  }
}

const part = (title, ...children) => make("section", { class: "om-part" }, make("h4", {}, title), ...children);
const details = (words, child) => make("details", { class: "om-details" }, make("summary", {}, words), child);
/** @param {[string, string][]} rows */
const facts = (rows) => make("dl", { class: "om-facts" }, ...rows.map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value === "" ? "–" : value))));
