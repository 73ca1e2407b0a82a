// Before a download begins: what it is, how large, whether there is room. One dialog for a model of the library.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { field } from "../tune/fields.js";
import { dialog } from "../tune/tools.js";
import { facts } from "./parts.js";
import { folderOf, nameProblem } from "./repository.js";
import { Standing } from "./standing.js";
import { NONE, bytes } from "./values.js";

const SPARE_BYTES = 1e8; // as hub/download.py demands

/** What room there is, as a sentence; with whether it is enough. @param {number|null} wanted @param {number|null} free */
export function room(wanted, free) {
  if (wanted === null || free === null) return { words: `${bytes(wanted)}; the free space is not known.`, isEnough: true };
  const left = free - wanted, missing = wanted + SPARE_BYTES - free;
  return missing <= 0 ? { words: `${bytes(wanted)} of ${bytes(free)} that are free; ${bytes(left)} stay free.`, isEnough: true } : { words: `${bytes(wanted)} and ${bytes(SPARE_BYTES)} to spare are needed, and ${bytes(free)} are free: ${bytes(missing)} are missing. My models shows what takes the room.`, isEnough: false };
}

/**
 * @param {import("./parts.js").Desk} desk
 * @param {{repository: string, name: string, bytes: number|null, licence: string|null, words: string}} model
 */
export function askDownload(desk, model) {
  const { free_bytes: free } = desk.now(), { words, isEnough } = room(model.bytes, free), problem = make("p", { class: "ot-bad", role: "alert" });
  const name = make("input", { class: "oc-field", value: folderOf(model.repository), autocomplete: "off", spellcheck: "false", maxlength: "96", "data-name": "folder", oninput: () => tell() });
  const request = () => ({ kind: "download", repository: model.repository, name: name.value.trim() }), standing = new Standing(desk, () => box.close());
  /** What stands in the way of this name; a download that stopped on the way is gone on with instead. */
  const tell = () => {
    problem.textContent = nameProblem(name.value.trim(), []);
    begin.disabled = standing.show(name.value.trim(), request()) || !isEnough;
  };
  const begin = wordButton(model.bytes ? `Download ${bytes(model.bytes)}` : "Download", async () => {
    if (nameProblem(name.value.trim(), [])) { problem.textContent = nameProblem(name.value.trim(), []); name.focus(); return; }
    begin.disabled = true;
    problem.textContent = "";
    try {
      await desk.ask("models_download", { request: request() });
      box.close();
      desk.toast(`The download of ${name.value.trim()} has begun.`);
      desk.again();
    } catch (error) {
      problem.textContent = error.message;
      begin.disabled = false;
    }
  }, { class: "is-primary", "data-action": "download", disabled: !isEnough });
  const files = wordButton("Choose files …", () => { box.close(); desk.go({ view: "hub", repository: model.repository }); }, { "data-action": "choose-files" });
  const box = dialog(desk.root, `Get ${model.name}`, facts([["From", model.repository], ["Size", bytes(model.bytes)], ["Licence", model.licence || NONE]]), make("p", { class: isEnough ? "ot-help" : "ot-bad" }, words), make("p", { class: "ot-help" }, model.words),
    field("Folder in the model folder", name), standing.words, problem, make("div", { class: "oc-buttons" }, standing.button, begin, files, wordButton("Cancel", () => box.close())));
  tell();
  (standing.button.hidden ? begin : standing.button).focus();
}
