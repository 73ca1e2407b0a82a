// A repository's files: which of them, how large together, at which revision, into which folder; then the download.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { field } from "../tune/fields.js";
import { hint } from "../metrics/notes.js";
import { mark } from "./marks.js";
import { room } from "./get.js";
import { begunWords, makerOf, problemBox, waits } from "./parts.js";
import { filesWith, folderOf, nameProblem, pageOf, revisionProblem } from "./repository.js";
import { Standing } from "./standing.js";
import { tokenForm } from "./token.js";
import { bytes } from "./values.js";

const SHORT = 10;

export class HubFiles {
  /** @param {import("./parts.js").Desk} desk @param {() => void} back */
  constructor(desk, back) {
    Object.assign(this, { desk, repository: null, answer: null, chosen: new Set(), number: 0, error: "", named: "", pasted: null });
    this.title = make("h3", {});
    this.facts = make("div", { class: "ot-marks" });
    this.said = make("div");
    this.revision = make("input", { class: "oc-field", value: "main", autocomplete: "off", spellcheck: "false", "data-name": "revision", onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.#look(); } }, oninput: () => { this.#tellRevision(); if (this.answer) this.#tell(); } });
    this.revisionWords = make("span", { class: "ot-problem", role: "alert" });
    this.look = wordButton("Look", () => this.#look(), { "data-action": "look" });
    this.name = make("input", { class: "oc-field", autocomplete: "off", spellcheck: "false", maxlength: "96", "data-name": "folder", oninput: () => { this.error = ""; this.#tell(); } });
    this.rows = make("tbody");
    this.all = make("input", { type: "checkbox", "aria-label": "All files", onchange: () => { this.chosen = new Set(this.all.checked ? this.answer.files.map((file) => file.path) : []); this.#tick(); } });
    this.table = make("table", { class: "om-table ol-files" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, this.all), make("th", { scope: "col" }, "File"), make("th", { scope: "col", class: "is-number" }, "Size"), make("th", { scope: "col" }, ""))), this.rows);
    this.sum = make("p", { class: "ot-words", role: "status" });
    this.problem = make("p", { class: "ot-bad", role: "alert", hidden: true });
    this.made = make("p", { class: "ot-help", role: "status", hidden: true });
    this.standing = new Standing(desk);
    this.begin = wordButton("Download", () => this.#start(), { class: "is-primary", "data-action": "download" });
    this.usual = wordButton("What is needed", () => { this.named = ""; this.chosen = this.#wanted(); this.#draw(); }, { class: "is-small", "data-action": "needed-files" });
    this.body = make("div", { class: "ol-stack" }, make("div", { class: "ot-fields" }, field("Revision: a branch, tag or commit", make("span", { class: "ol-revision" }, make("span", { class: "ol-with-button" }, this.revision, this.look), this.revisionWords), "", this.revision), field("Folder in the model folder", this.name)), make("div", { class: "om-table-frame ol-file-frame", tabindex: "0", role: "region", "aria-label": "Files" }, this.table));
    this.foot = make("div", { class: "ot-start" }, make("div", { class: "ot-start-words" }, this.sum, this.standing.words, this.problem, this.made), this.usual, this.standing.button, this.begin);
    this.element = make("section", { class: "om-card ol-section", "aria-label": "Files of a repository", hidden: true }, make("div", { class: "om-card-head ol-head" }, wordButton("‹ Search", back, { class: "is-small", "data-action": "back" }), this.title), this.facts, this.said, this.body, this.foot);
  }

  /** @param {string|null} repository */
  open(repository) {
    const of = this.pasted?.repository === repository ? this.pasted : { revision: "main", file: "" }, isPasted = of === this.pasted;
    this.element.hidden = !repository;
    this.pasted = null;
    if (!repository) return;
    if (repository === this.repository && this.answer) { if (isPasted) this.#at(of); return; }
    this.repository = repository;
    this.revision.value = of.revision;
    this.name.value = folderOf(repository);
    this.title.textContent = repository;
    this.answer = null;
    this.named = of.file;
    this.isWaiting = true;
    this.follow();
  }

  /** What an address names, which is opened next: no other revision is asked for first. @param {{repository: string, revision: string, file: string}} pasted `file`: to be chosen with what goes with it */
  address(pasted) { this.pasted = pasted; }

  #at({ revision, file }) {
    const isOther = this.revision.value !== revision, isNew = this.named !== file;
    this.revision.value = revision;
    this.named = file;
    if (isOther) this.#look();
    else if (isNew) { this.chosen = this.#usual(); this.#draw(); }
  }

  #revision() { return this.revision.value.trim() || "main"; }

  /** What the server would refuse as it is written is not sent. */
  #look() {
    if (revisionProblem(this.#revision())) this.#tellRevision();
    else this.#ask();
  }

  #tellRevision() {
    const wrong = revisionProblem(this.#revision());
    this.revision.setAttribute("aria-invalid", String(Boolean(wrong)));
    this.revisionWords.textContent = wrong;
    this.look.disabled = Boolean(wrong);
    return wrong;
  }

  /** The Hub is asked once it is known that one may. */
  follow() {
    const { may, why } = this.desk.now();
    if (this.repository && this.isWaiting && may) { this.isWaiting = false; this.#ask(); } else if (this.repository && this.isWaiting && why) this.said.replaceChildren(make("p", { class: "ot-help" }, why));
    this.body.hidden = !this.answer;
    this.foot.hidden = !this.answer;
    if (this.answer) this.#tell();
  }

  async #ask() {
    const number = this.number += 1;
    this.error = "";
    this.answer = null;
    this.facts.replaceChildren();
    this.said.replaceChildren(waits("Asking the Hub", 2));
    this.body.hidden = this.foot.hidden = true;
    try {
      const answer = await this.desk.ask("models_files", { request: { kind: "download", repository: this.repository, revision: this.#revision() } });
      if (number !== this.number) return;
      this.answer = answer;
      this.chosen = this.#usual();
      this.said.replaceChildren();
      this.#draw();
    } catch (error) {
      if (number !== this.number) return;
      this.said.replaceChildren(problemBox(error, () => this.#ask(), ...(error.code === "hub_access_denied" ? [make("p", {}, make("a", { href: pageOf(this.desk.now().hub.endpoint, this.repository), target: "_blank", rel: "noopener noreferrer" }, "Its page on the Hub")), tokenForm(this.desk, () => this.#ask())] : [])));
    }
    this.follow();
  }

  #wanted() { return new Set(this.answer.files.filter((file) => file.is_wanted).map((file) => file.path)); }

  /** What is chosen before somebody chooses. */
  #usual() { return (this.named && filesWith(this.named, this.answer.files)) || this.#wanted(); }

  /** Why these are chosen. */
  #words() {
    if (!this.named) return this.answer.words;
    return filesWith(this.named, this.answer.files) ? `The address names ${this.named}: it is chosen, with what goes with it.` : `There is no ${this.named} at this revision, which the address names. ${this.answer.words}`;
  }

  #draw() {
    const { answer } = this, words = this.#words(), files = [...answer.files].sort((a, b) => Number(this.chosen.has(b.path)) - Number(this.chosen.has(a.path)) || Number(b.is_wanted) - Number(a.is_wanted) || b.size_bytes - a.size_bytes);
    this.facts.replaceChildren(answer.is_gated ? mark(["!", "gated", "warn"]) : "", make("span", { class: "ot-help" }, answer.licence || "licence not told"), make("span", { class: "ot-help", title: answer.commit }, `commit ${answer.commit.slice(0, SHORT)}`), make("a", { class: "ol-link", href: pageOf(this.desk.now().hub.endpoint, answer.repository), target: "_blank", rel: "noopener noreferrer" }, "Its page on the Hub"));
    this.said.replaceChildren(...(words ? [make("p", { class: "ot-help", role: "note" }, words)] : []));
    this.rows.replaceChildren(...files.map((file, at) => {
      const id = `ol-file-${at}`, box = make("input", { type: "checkbox", id, "data-path": file.path, onchange: () => { if (box.checked) this.chosen.add(file.path); else this.chosen.delete(file.path); this.#tell(); } });
      return make("tr", {}, make("td", {}, box), make("th", { scope: "row" }, make("label", { for: id }, file.path)), make("td", { class: "is-number" }, bytes(file.size_bytes)), make("td", { class: "ot-help" }, file.is_wanted ? "needed" : ""));
    }));
    this.#tick();
  }

  #tick() {
    for (const box of this.rows.querySelectorAll("input")) box.checked = this.chosen.has(box.dataset.path);
    this.#tell();
  }

  #tell() {
    const { files, names, free_bytes: free } = this.answer, chosen = files.filter((file) => this.chosen.has(file.path)), size = chosen.reduce((sum, file) => sum + file.size_bytes, 0), now = this.desk.now(), name = this.name.value.trim(), maker = makerOf(now, name);
    const wrong = nameProblem(name, names), wrongRevision = this.#tellRevision() && "The revision can’t be one; it is marked.", { words, isEnough } = room(size, now.free_bytes ?? free), stands = this.standing.show(name, this.#request()), why = !now.may ? now.why : !chosen.length ? "No file is chosen." : stands ? this.standing.words.textContent : wrong || wrongRevision || (isEnough ? "" : words);
    this.all.checked = chosen.length === files.length;
    this.all.indeterminate = chosen.length > 0 && !this.all.checked;
    this.name.setAttribute("aria-invalid", String(Boolean(wrong)));
    this.sum.textContent = `${chosen.length} of ${files.length} files: ${words}`;
    this.begin.textContent = chosen.length ? `Download ${bytes(size)}` : "Download";
    hint(this.made, maker && !stands && !why ? `${maker.name} is being made, see Tasks.` : "");
    this.begin.disabled = Boolean(why || maker);
    hint(this.problem, this.error || (why && why !== words && !(stands && now.may && chosen.length) ? why : ""));
  }

  #request() {
    const wanted = this.#wanted(), isUsual = wanted.size === this.chosen.size && [...wanted].every((path) => this.chosen.has(path));
    return { kind: "download", repository: this.repository, revision: this.#revision(), files: isUsual ? [] : [...this.chosen], name: this.name.value.trim() };
  }

  async #start() {
    this.begin.disabled = true;
    try {
      const { task } = await this.desk.ask("models_download", { request: this.#request() });
      this.desk.toast(begunWords(`The download of ${task.name}`, task));
      this.desk.again();
    } catch (error) {
      this.error = error.message;
      this.#tell();
    }
  }
}
