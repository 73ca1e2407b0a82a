// The two kinds of button: a picture with a label for those who hear it, and a word.

import { make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @param {string} picture name of an icon
 * @param {string} label
 * @param {(event: Event) => void} run
 * @param {Object} [attributes]
 */
export function iconButton(picture, label, run, attributes = {}) {
  const { class: extra = "", ...rest } = attributes;
  return make("button", { type: "button", class: `oc-icon ${extra}`.trim(), "aria-label": label, title: label, onclick: run, ...rest }, icon(picture));
}

/** @param {string} words @param {(event: Event) => void} run @param {Object} [attributes] */
export function wordButton(words, run, attributes = {}) {
  const { class: extra = "", ...rest } = attributes;
  return make("button", { type: "button", class: `oc-button ${extra}`.trim(), onclick: run, ...rest }, words);
}

/** A button whose first click asks and whose second, within four seconds, does it. */
export function confirmingButton(picture, label, question, run, attributes = {}) {
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    button.classList.remove("is-asking");
    button.replaceChildren(icon(picture));
    button.setAttribute("aria-label", label);
  };
  const button = iconButton(picture, label, () => {
    if (button.classList.contains("is-asking")) { calm(); run(); return; }
    button.classList.add("is-asking");
    button.replaceChildren(question);
    button.setAttribute("aria-label", `${label}: ${question}`);
    timer = setTimeout(calm, 4000);
  }, attributes);
  button.addEventListener("blur", calm);
  return button;
}
