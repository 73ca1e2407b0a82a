// One task, from the right: how far it is, its command, what came of it, its log.

import { iconButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { redraw } from "../tune/tools.js";
import { conversionParts } from "./checks.js";
import { taskMark } from "./marks.js";
import { bar, commandWords, copyButton, facts, loadOf, part } from "./parts.js";
import { figuresOf, taskButtons, troubleOf, whyUnloadable } from "./tasks.js";
import { NONE, bytes, duration, moment, shell } from "./values.js";

const NEAR_END = 40;

export class TaskDrawer {
  /** @param {import("./parts.js").Desk} desk @param {{opened: (id: string|null) => void, focusBack: (id: string) => void}} wishes @param {AbortSignal} leaving */
  constructor(desk, wishes, leaving) {
    Object.assign(this, { desk, wishes, id: null, from: null });
    this.title = make("h3", { class: "om-drawer-title", id: "ol-drawer-title" });
    this.head = make("div", { class: "ot-marks" });
    this.bar = bar("Progress of the task");
    this.stage = make("p", { class: "ol-task-stage" });
    this.figures = make("p", { class: "ol-task-figures" });
    this.buttons = make("div", { class: "oc-buttons" });
    this.told = make("div", { class: "ol-told" });
    this.log = make("pre", { class: "om-code ol-log", tabindex: "0", "aria-label": "Log" });
    this.logPart = part("Log", this.log, make("div", { class: "oc-buttons" }, copyButton(desk, () => this.log.textContent, "Copy the log", { "data-action": "copy-log" })));
    this.body = make("div", { class: "om-drawer-body", tabindex: "-1" }, this.head, make("div", { class: "ol-now" }, this.stage, this.bar.element, this.figures), this.buttons, this.told, this.logPart);
    this.element = make("aside", { class: "om-drawer ol-drawer", role: "dialog", "aria-labelledby": "ol-drawer-title", hidden: true }, make("header", {}, this.title, iconButton("close", "Close (Esc)", () => this.close(), { "data-action": "close" })), this.body);
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal: leaving });
  }

  open(id, from = null) {
    if (this.element.hidden) this.from = from;
    this.id = id;
    this.element.hidden = false;
    this.body.scrollTop = 0;
    this.log.textContent = "";
    this.isNew = true;
    this.wishes.opened(id);
    if (!this.element.contains(document.activeElement)) this.body.focus({ preventScroll: true });
  }

  close(goesBack = true) {
    if (this.element.hidden) return;
    const { id, from } = this;
    this.id = null;
    this.element.hidden = true;
    this.wishes.opened(null);
    if (!goesBack) return;
    if (from?.isConnected) from.focus({ preventScroll: true });
    else this.wishes.focusBack(id);
  }

  /** @param {import("./parts.js").Now} now */
  show(now) {
    if (!this.id) return;
    const task = now.tasks.find((each) => each.task_id === this.id);
    if (!task) { this.title.textContent = "Not there"; for (const each of [this.head, this.buttons, this.told]) redraw(each, null, () => []); this.stage.textContent = "There is no such task any more."; this.stage.hidden = false; this.figures.textContent = ""; this.bar.element.hidden = this.logPart.hidden = true; return; }
    const { state, progress } = task, isOver = ["finished", "failed", "cancelled"].includes(state), isLoaded = Boolean(loadOf(now, task.result_model));
    this.title.textContent = task.name;
    redraw(this.head, [state], () => [taskMark(state)]);
    this.stage.textContent = isOver ? "" : [progress.stage, progress.detail].filter(Boolean).join(" · ");
    this.bar.element.hidden = this.stage.hidden = isOver;
    this.figures.hidden = isOver && Boolean(task.card);
    this.bar.element.classList.toggle("is-still", state !== "running");
    this.bar.set(state === "running" ? progress.fraction : progress.fraction ?? 0);
    this.figures.textContent = figuresOf(task).join(" · ");
    redraw(this.buttons, [state, task.can_pause, task.can_resume, task.result_model, task.can_load, isLoaded, now.may], () => taskButtons(this.desk, task, isLoaded));
    redraw(this.told, [state, task.problem, whyUnloadable(task), task.command, task.card, task.notes, task.ended_at, isOver ? progress.peak_memory_bytes : null], () => this.#tell(task));
    this.#showLog(task.log);
  }

  #tell(task) {
    const { request, problem, card, command } = task, took = task.ended_at ? task.ended_at - task.created_at : null;
    const asked = task.kind === "download" ? [["Repository", request.repository], ["Revision", request.revision], ["Files", request.files?.length ? `${request.files.length} chosen` : "all that are needed"]] : [["Source", request.source], ["Check afterwards", request.check ? "yes" : "no"]];
    return [problem ? make("div", { class: "om-box is-bad" }, make("p", {}, problem.message), problem.hint ? make("p", { class: "ot-help" }, problem.hint) : null) : null, ...(problem ? [] : troubleOf(task)),
      ...task.notes.map((words) => make("p", { class: "ot-mark-words" }, words)), ...(card ? conversionParts(card) : []),
      command.length ? part("The equal command", make("pre", { class: "om-code ol-command", tabindex: "0" }, shell(command)), make("p", { class: "ot-help" }, commandWords(shell(command))), make("div", { class: "oc-buttons" }, copyButton(this.desk, () => shell(command), "Copy the command"))) : null,
      part("Asked for", facts([...asked, ["Begun", moment(task.created_at)], took !== null ? ["From begin to end", duration(took)] : null, task.progress.peak_memory_bytes && !card ? ["Memory at most", bytes(task.progress.peak_memory_bytes)] : null]))];
  }

  /** New lines come at the end; who reads further up is not moved. */
  #showLog(lines) {
    const text = lines.join("\n");
    this.logPart.hidden = !lines.length;
    if (text === this.log.textContent) return;
    const follows = this.isNew || this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END;
    this.isNew = false;
    this.log.textContent = text || NONE;
    if (follows) this.log.scrollTop = this.log.scrollHeight;
  }

  #onKey(event) {
    if (this.element.hidden || event.defaultPrevented || !this.desk.root.offsetParent || document.querySelector(".oc-dialog[open]")) return;
    if (event.key === "Escape") { event.preventDefault(); this.close(); return; }
    if (event.key !== "Tab" || this.element.offsetWidth < window.innerWidth) return;
    const able = [...this.element.querySelectorAll("button:not(:disabled), a[href], summary, pre[tabindex]")].filter((each) => each.offsetParent), at = able.indexOf(document.activeElement);
    if (!(event.shiftKey ? at <= 0 : at === able.length - 1)) return;
    event.preventDefault();
    able.at(event.shiftKey ? -1 : 0)?.focus();
  }
}
