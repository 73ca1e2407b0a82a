// The model folder: what is in it and how large, and what keeps it in order: rename, delete, verify.

import { iconButton, wordButton } from "../chat/buttons.js";
import { arrange, make } from "../chat/dom.js";
import { field } from "../tune/fields.js";
import { dialog, redraw } from "../tune/tools.js";
import { isTrouble, loadMark, mark, verdictMark } from "./marks.js";
import { bar, emptyBox, guarded, loadModel, loadOf, part, problemBox, waits } from "./parts.js";
import { nameProblem } from "./repository.js";
import { bytes, decimal } from "./values.js";

const KINDS = { ir: "OpenVINO", gguf: "GGUF", checkpoint: "checkpoint", script: "scripted" };
const last = (name) => name.split("/").at(-1);
const isSource = ({ kind }) => kind === "checkpoint" || kind === "gguf";

export class Mine {
  /** @param {import("./parts.js").Desk} desk */
  constructor(desk) {
    Object.assign(this, { desk, answer: null, rows: new Map() });
    this.sum = make("span", { class: "om-card-unit" });
    this.body = make("tbody");
    this.table = make("table", { class: "om-table ol-mine" }, make("thead", {}, make("tr", {}, ...["Name", "Size", "What", ""].map((words) => make("th", { scope: "col" }, words || make("span", { class: "oc-heard" }, "Actions"))))), this.body);
    this.frame = make("div", { class: "om-table-frame" }, this.table);
    this.said = make("div");
    this.verified = make("div");
    this.element = make("div", { class: "ol-stack ol-section" }, make("section", { class: "om-card", "aria-label": "My models" }, make("div", { class: "om-card-head" }, make("h3", {}, "The model folder"), this.sum, wordButton("Look again", () => this.ask(), { class: "is-small", "data-action": "look-again" })), this.said, this.frame), this.verified);
  }

  open() { if (!this.answer) this.said.replaceChildren(waits("Measuring the model folder")); this.ask(); }

  /** What else lies in the folder is the administrator's to know, as over REST. */
  async ask() {
    const number = this.number = (this.number || 0) + 1, { may } = this.desk.now();
    this.isWhole = may;
    try {
      const answer = await this.desk.ask(may ? "models_sizes" : "models_installed", {});
      if (number !== this.number) return;
      this.answer = answer;
      this.said.replaceChildren();
      this.#draw();
    } catch (error) {
      if (number === this.number) this.said.replaceChildren(problemBox(error, () => this.ask()));
    }
  }

  follow() {
    if (this.answer && this.isWhole !== this.desk.now().may) this.ask();
    if (this.answer) this.#draw();
    this.#drawVerified();
  }

  #draw() {
    const { folders, free_bytes: free } = this.answer, total = folders.reduce((sum, each) => sum + each.size_bytes, 0), most = Math.max(1, ...folders.map((each) => each.size_bytes)), models = folders.filter((each) => each.is_model).length;
    this.sum.textContent = `${decimal(models, 0)} model${models === 1 ? "" : "s"}, ${bytes(total)}; ${bytes(free)} are free`;
    arrange(this.body, folders.map((folder) => this.#row(folder, most)));
    this.frame.hidden = !folders.length;
    redraw(this.said, folders.length, () => folders.length ? [] : [emptyBox("No model yet", "Get one from the library or from the Hub, or copy a folder into the model folder.", wordButton("To the library", () => this.desk.go({ view: "library" }), { class: "is-primary", "data-action": "to-library" }))]);
  }

  #row(folder, most) {
    const { name } = folder, element = this.rows.get(name) || make("tr", { "data-model": name }), now = this.desk.now(), load = loadOf(now, name), reading = now.verifying?.is_running ? now.verifying.model : null;
    this.rows.set(name, element);
    redraw(element, [folder, most, load, now.may, reading !== null], () => [
      make("th", { scope: "row", class: "ol-of-model" }, make("span", { class: "ol-name" }, name), make("span", { class: "ot-marks" }, load ? loadMark(load) : null, folder.is_model && !folder.can_run ? mark(["–", isSource(folder) && !folder.problems.length ? "to be converted" : "can’t be run", ""], folder.problems.join(" ")) : null)),
      make("td", { "data-name": "Size", class: "ol-of-size" }, make("span", {}, bytes(folder.size_bytes)), make("i", { class: "ol-size", style: `width: ${Math.max(1, folder.size_bytes / most * 100).toFixed(1)}%`, "aria-hidden": "true" })),
      make("td", { "data-name": "What", class: "ol-of-what" }, folder.what || KINDS[folder.kind] || "", ...folder.problems.slice(0, 2).map((words) => make("span", { class: "ot-mark-words" }, words))),
      make("td", { class: "ol-of-button" }, folder.is_model ? this.#buttons(folder, load, reading) : null),
    ]);
    return element;
  }

  #buttons(folder, isLoaded, reading) {
    const { name } = folder, isBroken = !folder.can_run && folder.problems.length > 0, { may, why } = this.desk.now(), off = (words, blocked = "") => ({ disabled: !may || Boolean(blocked), title: !may ? why : blocked || words }), icon = (picture, label, run, action, blocked) => iconButton(picture, `${label} ${name}`, run, { class: "is-small", "data-action": `${action}-${name}`, ...off(label, blocked) });
    const load = guarded(this.desk, "Load", () => loadModel(this.desk, name, load), { class: "is-small", "data-action": `load-${name}`, "aria-label": `Load ${name}` }), used = isLoaded ? "It is loaded; unload it first." : "", unload = guarded(this.desk, "Unload", () => this.#unload(name), { class: "is-small", "data-action": `unload-${name}`, "aria-label": `Unload ${name}` });
    return make("div", { class: "oc-buttons ol-row-buttons" }, isLoaded ? unload : folder.can_run ? load : null, isSource(folder) ? guarded(this.desk, "Convert", () => this.desk.go({ view: "convert", source: name }), { class: "is-small", disabled: isBroken, title: isBroken ? folder.problems[0] : null, "data-action": `convert-${name}`, "aria-label": `Convert ${name}` }) : null,
      guarded(this.desk, "Look inside", () => this.desk.go({ view: "inside", model: name }), { class: "is-small", "data-action": `inside-${name}`, "aria-label": `Look inside ${name}` }),
      icon("check", "Verify", () => this.#verify(name), "verify", reading !== null ? `${reading} is verified now.` : ""), icon("edit", "Rename", () => this.#rename(folder), "rename", used), icon("delete", "Delete", () => this.#delete(folder), "delete", used));
  }

  async #unload(name) {
    try { await this.desk.ask("models_unload", { model: name }); } catch (error) { this.desk.toast(error.message, "bad"); }
    this.desk.again();
  }

  async #verify(name) {
    try { await this.desk.ask("models_verify", { model: name }); } catch (error) { this.desk.toast(error.message, "bad"); }
    this.desk.again();
    this.verified.scrollIntoView({ block: "nearest" });
  }

  #rename({ name, kind }) {
    const names = this.answer.folders.map((each) => each.name), isFile = kind === "gguf", input = make("input", { class: "oc-field", value: last(name), autocomplete: "off", spellcheck: "false", maxlength: "96", "data-name": "new-name" }), problem = make("p", { class: "ot-bad", role: "alert" });
    const save = wordButton("Rename", async () => {
      const wanted = input.value.trim();
      const whole = isFile && wanted && !/\.gguf$/i.test(wanted) ? `${wanted}.gguf` : wanted; // the server adds it
      problem.textContent = nameProblem(whole, names, { own: last(name), isFile });
      if (problem.textContent || whole === last(name)) return;
      save.disabled = true;
      try {
        const { model, profiles = [], words } = await this.desk.ask("models_rename", { model: name, new_name: wanted });
        box.close();
        this.desk.toast(profiles.length ? words : `It is called ${model} now.`);
        this.ask();
      } catch (error) {
        problem.textContent = error.message;
        save.disabled = false;
      }
    }, { class: "is-primary", "data-action": "rename-now" });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); save.click(); } });
    const box = dialog(this.desk.root, `Rename ${name}`, field("New name", input), make("p", { class: "ot-help" }, "Profiles and settings that name it keep the old name."), problem, make("div", { class: "oc-buttons" }, save, wordButton("Cancel", () => box.close())));
    input.select();
  }

  #delete({ name, size_bytes: size }) {
    const input = make("input", { class: "oc-field", autocomplete: "off", spellcheck: "false", "data-name": "confirm", oninput: () => { remove.disabled = input.value !== name; } }), problem = make("p", { class: "ot-bad", role: "alert" });
    const remove = wordButton(`Delete ${bytes(size)}`, async () => {
      remove.disabled = true;
      try {
        const { freed_bytes: freed } = await this.desk.ask("models_delete", { model: name, confirm: input.value });
        box.close();
        this.desk.toast(`${name} is gone; ${bytes(freed)} are free again.`);
        this.ask();
      } catch (error) {
        problem.textContent = error.message;
        remove.disabled = false;
      }
    }, { class: "is-asking", disabled: true, "data-action": "delete-now" });
    const box = dialog(this.desk.root, `Delete ${name}`, make("p", {}, "Its files are deleted from the disk. This can’t be undone."), field("Write its whole name to confirm", input, name), problem, make("div", { class: "oc-buttons" }, remove, wordButton("Cancel", () => box.close())));
    input.focus();
  }

  #drawVerified() {
    const { verifying: state, may } = this.desk.now();
    redraw(this.verified, [state && { ...state, fraction: null }, may], () => state && (state.is_running || state.files || state.problem) ? [this.#verdict(state)] : []);
    if (state?.is_running) this.reading?.set(state.fraction);
  }

  #verdict({ model, is_running: isRunning, files, problem }) {
    this.reading = bar(`Reading the files of ${model}`);
    const found = files || [], bad = found.filter((each) => isTrouble(each.verdict)), unknown = found.filter((each) => each.verdict === "unknown"), good = found.length - bad.length - unknown.length;
    const words = bad.length ? `${bad.length} of ${found.length} files ${bad.length === 1 ? "is not what it was" : "are not what they were"}.` : unknown.length === found.length ? "Nothing was noted of its files, so nothing can be compared." : `${good === 1 ? "1 file is as it came" : `${good} files are as they came`}${unknown.length ? `; of ${unknown.length} nothing was noted` : ""}.`;
    return make("section", { class: "om-card", "aria-label": "Verified", "data-verified": model }, make("div", { class: "om-card-head" }, make("h3", {}, `${isRunning ? "Verifying" : "Verified"}: ${model}`), make("span", { class: "om-card-unit" }), isRunning ? wordButton("Stop", () => this.desk.ask("models_verify_stop", {}).catch((error) => this.desk.toast(error.message, "bad")), { class: "is-small", "data-action": "stop-verify" }) : null), isRunning ? this.reading.element : null,
      problem ? make("div", { class: "om-box is-bad" }, make("p", {}, problem.message), make("p", { class: "ot-help" }, problem.hint)) : null, files ? make("p", { class: bad.length ? "ot-bad" : "ot-words", role: "status" }, words) : null,
      files ? part("Files", make("div", { class: "om-table-frame ol-file-frame", tabindex: "0" }, make("table", { class: "om-table ol-verdicts" }, make("tbody", {}, ...[...bad, ...found.filter((each) => !bad.includes(each))].map((each) => make("tr", {}, make("th", { scope: "row" }, each.path), make("td", { class: "is-number" }, bytes(each.size_bytes)), make("td", {}, verdictMark(each.verdict)), make("td", { class: "ot-help" }, each.words))))))) : null);
  }
}
