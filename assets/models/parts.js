// Parts that several sections use: boxes with an error, empty places, a copy button, a bar, what waits.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { copied } from "../tune/tools.js";

const OURS = "openarc_ui.models.conversion.";

/** @typedef {{root: HTMLElement, around: Object, ask: (name: string, asked: Object) => Promise<Object>, toast: (words: string, tone?: string) => void, now: () => Now, go: (place: Object) => void, again: () => void}} Desk */
/** @typedef {{tasks: Object[], loaded: string[], loading: string[], may: boolean, why: string, free_bytes: number|null, hub: {endpoint: string, has_token: boolean}, verifying: Object|null}} Now */

/** @param {Error} error @param {(() => void)|null} [again] @param {...any} more */
export const problemBox = (error, again = null, ...more) => make("div", { class: "om-box is-bad", role: "alert" }, make("p", {}, error.message), again ? wordButton("Try again", again, { class: "is-small", "data-action": "try-again" }) : null, ...more);

export const emptyBox = (title, words, ...more) => make("div", { class: "om-empty ol-empty" }, make("b", {}, title), make("p", {}, words), ...more);

/** What is waited for, in words, above the place it will take. */
export const waits = (words, rows = 3) => make("div", { class: "ot-waits ol-waits", role: "status" }, make("p", { class: "ot-help" }, `${words} …`), ...Array.from({ length: rows }, () => make("i", { class: "is-waiting" })));

/** @param {Desk} desk @param {() => string} text @param {string} [words] */
export function copyButton(desk, text, words = "Copy", attributes = {}) {
  const button = wordButton(words, () => copied(button, text()).catch((error) => desk.toast(error.message, "bad")), { class: "is-small", ...attributes });
  return button;
}

/** A button for what needs the administrator's key; off with the reason where it is missing. @param {Desk} desk @param {string} words @param {(event: Event) => void} run @param {Object} [attributes] */
export function guarded(desk, words, run, attributes = {}) {
  const { may, why } = desk.now();
  return wordButton(words, run, { ...attributes, disabled: !may || attributes.disabled, title: may ? attributes.title : why });
}

/** A bar of progress. */
export function bar(label) {
  const fill = make("i"), element = make("div", { class: "ot-bar ol-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": label }, fill);
  const set = (fraction) => {
    element.classList.toggle("is-unknown", fraction === null);
    fill.style.width = `${fraction === null ? 0 : Math.min(100, fraction * 100).toFixed(1)}%`;
    if (fraction === null) element.removeAttribute("aria-valuenow");
    else element.setAttribute("aria-valuenow", String(Math.round(fraction * 100)));
  };
  return { element, set };
}

/** A list of facts. @param {[string, any][]} rows */
export const facts = (rows) => make("dl", { class: "om-facts" }, ...rows.filter(Boolean).map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value))));

export const part = (title, ...children) => make("section", { class: "om-part" }, make("h4", {}, title), ...children);

/** The task that makes a folder of this name now, or a repository's, or has yet to go on with it. @param {Now} now @param {string} name @param {string} [repository] */
export const makerOf = (now, name, repository = "") => now.tasks.find((task) => (task.name === name || repository && task.request.repository === repository) && ["waiting", "running", "paused", "interrupted"].includes(task.state));

/** Whether a model is loaded, or being loaded; "" where neither. @param {Now} now @param {string} name @returns {"loaded"|"loading"|""} */
export const loadOf = (now, name) => now.loading.includes(name) ? "loading" : now.loaded.includes(name) ? "loaded" : "";

/** What a task that was just started does, as a sentence. @param {string} what "The download of x" @param {Object} task */
export const begunWords = (what, { state, progress: { stage } }) => state !== "waiting" ? `${what} has begun.` : stage ? `${what} ${stage[0].toLowerCase()}${stage.slice(1)}; see Tasks.` : `${what} begins; see Tasks.`;

/** How a conversion's command is run by hand; what unpacks a GGUF or gives own texts is a module of OpenArc, which is not installed as a package. @param {string} command */
export const commandWords = (command) => `In a terminal: in the model folder, with OpenArc’s Python environment active${command.includes(OURS) ? " and, for the part that is OpenArc’s own, PYTHONPATH set to OpenArc’s folder" : ""}.`;

/** Loads a model and says what came of it. @param {Desk} desk @param {string} model @param {HTMLButtonElement} button */
export async function loadModel(desk, model, button) {
  const words = button.textContent;
  button.disabled = true;
  button.textContent = "Loading …";
  try {
    desk.toast((await desk.ask("models_load", { model })).words);
  } catch (error) {
    desk.toast(error.message, "bad");
  }
  button.disabled = false;
  button.textContent = words;
  desk.again();
}
