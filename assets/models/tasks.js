// The list of tasks: how far each is, and what can be done with it. Elements stay, so that a poll moves and steals nothing.

import { iconButton, wordButton } from "../chat/buttons.js";
import { arrange, make } from "../chat/dom.js";
import { asking } from "../shared/asking.js";
import { redraw } from "../tune/tools.js";
import { checkWords } from "./checks.js";
import { isUnderWay, loadMark, taskMark, taskWord } from "./marks.js";
import { bar, guarded, loadModel, loadOf } from "./parts.js";
import { bytes, bytesOf, decimal, duration, moment } from "./values.js";

const STANDING = { waiting: "Waits for its turn", paused: "Resume goes on from here", interrupted: "The server ended meanwhile" };
const KINDS = { download: "Download", conversion: "Conversion" }, MUCH = 0.1, MUCH_SECONDS = 30;

/** How far, in one line of figures. @param {Object} task */
export function figuresOf({ progress, kind }) {
  const { done_bytes: done, total_bytes: total, bytes_per_second: speed, left_seconds: left, memory_bytes: memory, peak_memory_bytes: peak, fraction } = progress;
  return [total ? bytesOf(done ?? 0, total) : done ? bytes(done) : fraction !== null ? `${decimal(fraction * 100, 0)}%` : "", speed !== null ? `${bytes(speed)}/s` : "", left !== null ? `${duration(left)} left` : "",
    memory !== null ? `${bytes(memory)} of memory` : kind === "conversion" && peak !== null ? `${bytes(peak)} of memory at most` : ""].filter(Boolean);
}

const thrown = (size) => size ? `${bytes(size)} are thrown away. Really?` : "What was done is thrown away. Really?";

/** What cancelling throws away, as a question; "" where it is little. @param {Object} task */
const lostByCancel = ({ progress, created_at: begun }) => (progress.fraction ?? 0) > MUCH || Date.now() / 1000 - begun > MUCH_SECONDS ? thrown(progress.done_bytes) : "";

/** A failed download could go on with what came. @param {Object} task */
const lostByClear = ({ progress, can_resume: canResume }) => canResume && progress.done_bytes ? thrown(progress.done_bytes) : "";

/** Why what a finished task made can't be loaded; "" where it can. @param {Object} task */
export const whyUnloadable = ({ state, can_load: canLoad, result_problem: words }) => state === "finished" && canLoad === false ? words || "" : "";

/** What went wrong, or what can't be done with what came of it. @param {Object} task */
export function troubleOf(task) {
  const { problem } = task, why = whyUnloadable(task);
  if (problem) return [make("p", { class: "ot-bad" }, problem.message), problem.hint ? make("p", { class: "ot-help" }, problem.hint) : null];
  return why ? [make("p", { class: "ot-mark-words", role: "note" }, `It can’t be loaded: ${why}`)] : [];
}

/** Buttons for what makes sense now. @param {import("./parts.js").Desk} desk @param {Object} task @param {boolean} isLoaded */
export function taskButtons(desk, task, isLoaded) {
  const act = (question, said) => async () => {
    try { await desk.ask(question, { task_id: task.task_id }); if (said) desk.toast(said); } catch (error) { desk.toast(error.message, "bad"); }
    desk.again();
  };
  const { state, progress } = task, { may, why } = desk.now(), off = { disabled: !may, title: may ? null : why }, isOver = ["finished", "failed", "cancelled"].includes(state);
  const latest = () => desk.now().tasks.find((each) => each.task_id === task.task_id) || task, model = state === "finished" ? task.result_model : null, canLoad = task.can_load !== false;
  const load = wordButton("Load it", () => loadModel(desk, model, load), { class: "is-small is-primary", "data-action": "load-result", ...off });
  return [
    task.can_pause ? wordButton("Pause", act("models_pause"), { class: "is-small", "data-action": "pause", ...off }) : null,
    task.can_resume ? wordButton(task.kind === "conversion" || state === "failed" && !progress.done_bytes ? "Begin anew" : "Resume", act("models_resume"), { class: "is-small", "data-action": "resume", ...off }) : null,
    !isOver ? asking("Cancel", () => lostByCancel(latest()), act("models_cancel"), { class: "is-small", "data-action": "cancel", ...off }) : null,
    model && !isLoaded && canLoad ? load : null,
    model ? guarded(desk, "Look inside", () => desk.go({ view: "inside", model }), { class: "is-small", "data-action": "look-inside" }) : null,
    isOver ? asking("Clear", () => lostByClear(latest()), act("models_forget"), { class: "is-small", "data-action": "forget", ...off, "aria-label": `Clear ${task.name} from the list`, title: off.title || (state === "finished" ? "Takes it out of this list; the model stays" : "Takes it out of this list, with what is left of it") }) : null,
  ].filter(Boolean);
}

class Card {
  constructor(desk, open) {
    Object.assign(this, { desk, open });
    this.name = make("button", { type: "button", class: "ol-task-name", "data-action": "open-task", onclick: () => open(this.task.task_id, this.name) });
    this.facts = make("span", { class: "ot-run-facts" });
    this.stage = make("p", { class: "ol-task-stage" });
    this.bar = bar("Progress");
    this.figures = make("p", { class: "ol-task-figures" });
    this.problem = make("div");
    this.buttons = make("div", { class: "oc-buttons ol-task-buttons" });
    this.heard = make("span", { class: "oc-heard", role: "status", "aria-live": "polite" });
    this.element = make("article", { class: "ol-task", role: "listitem" }, this.name, this.facts, this.stage, this.bar.element, this.figures, this.problem, this.buttons, this.heard);
  }

  show(task, isOpen, load) {
    this.task = task;
    const { state, progress, problem } = task, isOver = ["finished", "failed", "cancelled"].includes(state), { may } = this.desk.now();
    this.element.dataset.task = task.task_id;
    this.element.dataset.state = state;
    this.element.classList.toggle("is-open", isOpen);
    this.element.setAttribute("aria-label", `${KINDS[task.kind] || task.kind} of ${task.name}`);
    this.name.textContent = task.name;
    this.name.title = `${task.name}: all about it`;
    redraw(this.facts, [state, task.kind, isOver, load], () => [taskMark(state), make("span", {}, KINDS[task.kind] || task.kind), load && state === "finished" ? loadMark(load) : null, isOver && task.ended_at ? make("span", {}, moment(task.ended_at)) : null]);
    this.stage.textContent = isOver ? "" : [progress.stage || STANDING[state] || "", progress.detail].filter(Boolean).join(" · ");
    this.stage.title = this.stage.textContent;
    this.stage.hidden = isOver;
    this.figures.hidden = isOver && !task.card;
    this.bar.element.hidden = isOver;
    this.bar.element.classList.toggle("is-still", state !== "running");
    this.bar.element.setAttribute("aria-label", `Progress of ${task.name}`);
    this.bar.set(state === "running" ? progress.fraction : progress.fraction ?? 0);
    this.figures.textContent = task.card ? checkWords(task.card) : figuresOf(task).join(" · ");
    redraw(this.problem, [problem, whyUnloadable(task)], () => troubleOf(task));
    redraw(this.buttons, [state, task.can_pause, task.can_resume, task.result_model, task.can_load, load, may], () => taskButtons(this.desk, task, Boolean(load)));
    const words = isUnderWay(task) ? "" : `${task.name}: ${taskWord(state)}`;
    if (this.heard.textContent !== words) this.heard.textContent = words;
  }
}

export class Tasks {
  /** @param {import("./parts.js").Desk} desk @param {(id: string, from: HTMLElement) => void} open */
  constructor(desk, open) {
    Object.assign(this, { desk, open, cards: new Map() });
    this.list = make("div", { class: "ol-task-list", role: "list" });
    this.none = make("p", { class: "om-none" }, "Downloads and conversions stand here, with what they are at. They go on when this page is closed.");
    this.clear = iconButton("delete", "Clear all that have ended", () => this.#clear(), { class: "is-small", "data-action": "clear-ended" });
    this.element = make("section", { class: "ol-tasks", "aria-label": "Tasks" }, make("div", { class: "om-card-head" }, make("h3", {}, "Tasks"), make("span", { class: "om-card-unit" }), this.clear), this.none, this.list);
  }

  /** @param {Object[]} tasks the newest first @param {string|null} open */
  show(tasks, open) {
    const now = this.desk.now(), { may } = now, order = (task) => isUnderWay(task) ? 0 : ["paused", "interrupted"].includes(task.state) ? 1 : 2;
    const sorted = tasks.map((task, at) => [task, at]).sort(([a, x], [b, y]) => order(a) - order(b) || x - y).map(([task]) => task);
    arrange(this.list, sorted.map((task) => {
      const card = this.cards.get(task.task_id) || new Card(this.desk, this.open);
      this.cards.set(task.task_id, card);
      card.show(task, task.task_id === open, loadOf(now, task.result_model));
      return card.element;
    }));
    this.none.hidden = tasks.length > 0;
    this.clear.hidden = !may || !tasks.some((task) => ["finished", "cancelled"].includes(task.state));
  }

  focus(id) { this.cards.get(id)?.name.focus({ preventScroll: true }); }

  async #clear() {
    const ended = this.desk.now().tasks.filter((task) => ["finished", "cancelled"].includes(task.state));
    try { for (const task of ended) await this.desk.ask("models_forget", { task_id: task.task_id }); } catch (error) { this.desk.toast(error.message, "bad"); }
    this.desk.again();
  }
}
