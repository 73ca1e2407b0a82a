// A download that stopped on the way and has the name that is asked for: what it is, and the button that goes on with it.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { hint } from "../metrics/notes.js";
import { taskWord } from "./marks.js";
import { bytes } from "./values.js";

/** As the server has it (models/work/standing.py): one that failed counts where something came. @param {import("./parts.js").Now} now @param {string} name */
const standingOf = (now, name) => now.tasks.find((task) => task.kind === "download" && task.can_resume && task.name.toLowerCase() === name.toLowerCase() && (task.state !== "failed" || task.progress.done_bytes));

const asked = ({ repository, revision = "main", files = [] }) => JSON.stringify([repository, revision, [...files].sort()]);

/** Whether it fetches the same. @param {Object} task @param {Object} request a DownloadRequest */
const isSame = (task, request) => asked(task.request) === asked(request);

/** What it is, as a sentence. @param {Object} task @param {Object} request */
function wordsOf(task, request) {
  const { state, progress: { done_bytes: done }, request: of } = task, stands = state === "failed" ? "failed on the way" : `is ${taskWord(state).toLowerCase()}`;
  const whose = of.repository === request.repository && of.revision === (request.revision || "main") ? "other files of " : "";
  return isSame(task, request) ? `This download ${stands}${done ? `; ${bytes(done)} came` : ""}. Go on with it.` : `A download of this name ${stands}: ${whose}${of.repository} at ${of.revision}. Choose another name, or see to that one.`;
}

/** Says it and offers the way on. */
export class Standing {
  /** @param {import("./parts.js").Desk} desk @param {() => void} [gone] called when it leads elsewhere */
  constructor(desk, gone = () => {}) {
    Object.assign(this, { desk, gone });
    this.words = make("p", { class: "ot-mark-words", role: "note", hidden: true });
    this.button = wordButton("Resume", () => this.#act(), { hidden: true });
  }

  /** Whether there is one. @param {string} name @param {Object} request what would be asked for */
  show(name, request) {
    const now = this.desk.now(), task = standingOf(now, name), same = Boolean(task) && isSame(task, request);
    hint(this.words, task ? wordsOf(task, request) : "");
    Object.assign(this, { task, isSame: same });
    this.button.hidden = !task;
    this.button.disabled = same && !now.may;
    this.button.textContent = same ? "Resume" : "See its task";
    this.button.classList.toggle("is-primary", same);
    this.button.dataset.action = same ? "resume-standing" : "see-standing";
    return Boolean(task);
  }

  async #act() {
    const { task } = this;
    if (!this.isSame) { this.gone(); this.desk.go({ task: task.task_id }); return; }
    try {
      await this.desk.ask("models_resume", { task_id: task.task_id });
      this.desk.toast(`The download of ${task.name} goes on.`);
      this.gone();
    } catch (error) {
      this.desk.toast(error.message, "bad");
    }
    this.desk.again();
  }
}
