// A block of code: its language, a copy button, colours. highlight.js is loaded when the first one is seen.

import { copyText } from "./clipboard.js";
import { wordButton } from "./buttons.js";
import { make } from "./dom.js";

const LONGEST_COLOURED = 40_000;
const paced = new WeakMap();
let loading = null, highlighter = null;

function load() {
  loading ??= import("../vendor/highlight/highlight.min.js").then((module) => { highlighter = module.default; });
  return loading;
}

/**
 * @param {string} text
 * @param {string} info what stands behind the fence; its first word is the language
 * @returns {HTMLElement}
 */
export function codeBlock(text, info) {
  const language = info.trim().split(/[\s{,]/)[0];
  const code = make("code", {}, text);
  const copy = wordButton("Copy", async () => {
    try { await copyText(code.textContent); copy.textContent = "Copied"; } catch (error) { copy.textContent = "Not allowed"; }
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  }, { class: "oc-code-copy", "aria-label": "Copy the code" });
  const block = make("div", { class: "oc-code", dir: "ltr", "data-language": language },
    make("div", { class: "oc-code-bar" }, make("span", {}, language || "text"), copy),
    make("pre", { tabindex: "0", "aria-label": `Code${language ? ` in ${language}` : ""}` }, code));
  colour(code, language);
  return block;
}

/** More text in the same block, so that its button and its scrolling stay. @returns {boolean} whether it was the same kind of block */
export function growCode(block, text, info) {
  if (!block || block.dataset.language !== info.trim().split(/[\s{,]/)[0]) return false;
  const code = block.querySelector("code"), before = code.textContent;
  if (before === text) return true;
  if (text.startsWith(before)) code.append(text.slice(before.length));
  else code.textContent = text;
  colourSoon(code, block.dataset.language);
  return true;
}

/** Colours are found anew for the whole block, so a long one gets them less often: they take a twentieth of the time. */
function colourSoon(code, language) {
  const state = paced.get(code) || { notBefore: 0, timer: 0 };
  paced.set(code, state);
  state.timer ||= setTimeout(() => {
    state.timer = 0;
    const began = performance.now();
    colour(code, language);
    state.notBefore = performance.now() + 20 * (performance.now() - began);
  }, Math.max(0, state.notBefore - performance.now()));
}

function colour(code, language) {
  if (!language || code.textContent.length > LONGEST_COLOURED) return;
  if (!highlighter) { load().then(() => colour(code, language)); return; }
  if (!highlighter.getLanguage(language)) return;
  code.innerHTML = highlighter.highlight(code.textContent, { language, ignoreIllegals: true }).value;
}
