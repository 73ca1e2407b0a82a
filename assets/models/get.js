// Before a download begins: what it is, how large, whether there is room. One dialog for a model of the library.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { field } from "../tune/fields.js";
import { dialog } from "../tune/tools.js";
import { begunWords, facts } from "./parts.js";
import { folderOf, nameProblem } from "./repository.js";
import { Standing } from "./standing.js";
import { NONE, bytes } from "./values.js";

const SPARE_BYTES = 1e8; // as hub/download.py demands

/** What room there is, as a sentence; with whether it is enough. @param {number|null} wanted @param {number|null} free @param {boolean} [isReckoned] the size is none that anybody told */
export function room(wanted, free, isReckoned = false) {
  const size = `${isReckoned ? "About " : ""}${bytes(wanted)}`;
  if (wanted === null || wanted === undefined) return { words: free === null ? "Neither its size nor the free space is known." : `Its size is not known; ${bytes(free)} are free.`, isEnough: true };
  if (free === null) return { words: `${size}; the free space is not known.`, isEnough: true };
  const left = free - wanted, missing = wanted + SPARE_BYTES - free;
  return missing <= 0 ? { words: `${size} of ${bytes(free)} that are free; ${bytes(left)} stay free.`, isEnough: true } : { words: `${size} and ${bytes(SPARE_BYTES)} to spare are needed, and ${bytes(free)} are free: ${bytes(missing)} are missing. My models shows what takes the room.`, isEnough: isReckoned };
}

/**
 * @param {import("./parts.js").Desk} desk
 * @param {{repository: string, name: string, bytes: number|null, reckoned: number|null, licence: string|null, words: string}} model `bytes`: as its publisher tells it; `reckoned`: where nobody does
 */
export function askDownload(desk, model) {
  const { free_bytes: free } = desk.now(), size = make("span"), about = make("p", { role: "status" }), heard = make("p", { class: "ot-help", role: "status" }, "Asking the Hub for its files …"), problem = make("p", { class: "ot-bad", role: "alert" });
  const state = { wanted: model.bytes ?? model.reckoned ?? null, isReckoned: (model.bytes ?? null) === null, isEnough: true };
  const name = make("input", { class: "oc-field", value: folderOf(model.repository), autocomplete: "off", spellcheck: "false", maxlength: "96", "data-name": "folder", oninput: () => tell() });
  const request = () => ({ kind: "download", repository: model.repository, name: name.value.trim() }), standing = new Standing(desk, () => box.close());
  /** What stands in the way of this name; a download that stopped on the way is gone on with instead. */
  const tell = () => {
    problem.textContent = nameProblem(name.value.trim(), []);
    begin.disabled = standing.show(name.value.trim(), request()) || !state.isEnough;
  };
  const measure = () => {
    const { words, isEnough } = room(state.wanted, free, state.isReckoned), known = state.wanted === null ? NONE : `${state.isReckoned ? "≈ " : ""}${bytes(state.wanted)}`;
    Object.assign(state, { isEnough });
    size.textContent = known;
    about.textContent = words;
    about.className = isEnough ? "ot-help" : "ot-bad";
    begin.textContent = state.wanted === null ? "Download" : `Download ${known}`;
    tell();
  };
  const begin = wordButton("Download", async () => {
    if (nameProblem(name.value.trim(), [])) { problem.textContent = nameProblem(name.value.trim(), []); name.focus(); return; }
    begin.disabled = true;
    problem.textContent = "";
    try {
      const { task } = await desk.ask("models_download", { request: request() });
      box.close();
      desk.toast(begunWords(`The download of ${task.name}`, task));
      desk.again();
    } catch (error) {
      problem.textContent = error.message;
      begin.disabled = false;
    }
  }, { class: "is-primary", "data-action": "download" });
  const files = wordButton("Choose files …", () => { box.close(); desk.go({ view: "hub", repository: model.repository }); }, { "data-action": "choose-files" });
  const box = dialog(desk.root, `Get ${model.name}`, facts([["From", model.repository], ["Size", size], ["Licence", model.licence || NONE]]), about, heard, make("p", { class: "ot-help" }, model.words),
    field("Folder in the model folder", name), standing.words, problem, make("div", { class: "oc-buttons" }, standing.button, begin, files, wordButton("Cancel", () => box.close())));
  measure();
  (standing.button.hidden ? begin : standing.button).focus();
  askFiles(desk, model.repository, heard).then((wanted) => { if (wanted !== null && box.isConnected) { Object.assign(state, { wanted, isReckoned: false }); measure(); } });
}

/** What the Hub tells of its files, in words; with the bytes of those that are needed, or null where it tells nothing. */
async function askFiles(desk, repository, heard) {
  try {
    const { files, commit, words } = await desk.ask("models_files", { request: { kind: "download", repository } }), wanted = files.filter((each) => each.is_wanted);
    heard.textContent = [`${wanted.length} of ${files.length} files, as the Hub tells them now (commit ${commit.slice(0, 10)}).`, words].filter(Boolean).join(" ");
    return wanted.reduce((sum, each) => sum + each.size_bytes, 0);
  } catch (error) {
    heard.textContent = `Its files can’t be told: ${error.message}`;
    return null;
  }
}

