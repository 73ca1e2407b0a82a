// A button that asks once more where there is something to lose.

import { wordButton } from "../chat/buttons.js";

const ASKING_MS = 4000;

/** The first click asks, by how things are then, and the second, within four seconds, does it. @param {string} words @param {() => string} question "" where it may simply be done @param {() => void} run @param {Object} [attributes] */
export function asking(words, question, run, attributes = {}) {
  const label = attributes["aria-label"];
  let timer = 0;
  const show = (text) => { button.textContent = text || words; button.classList.toggle("is-asking", Boolean(text)); if (label) button.setAttribute("aria-label", text || label); };
  const calm = () => { clearTimeout(timer); show(""); }, button = wordButton(words, () => {
    const asked = button.classList.contains("is-asking") ? "" : question();
    if (!asked) { calm(); run(); return; }
    show(asked);
    timer = setTimeout(calm, ASKING_MS);
  }, attributes);
  button.addEventListener("blur", calm);
  return button;
}
