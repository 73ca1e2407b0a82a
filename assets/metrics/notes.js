// The quiet words of the view: a line that comes and goes, and what stands where there is nothing to show.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";

/** @param {HTMLElement} line @param {string} words "" hides it */
export function hint(line, words) {
  if (line.textContent !== words) line.textContent = words;
  line.hidden = !words;
}

/**
 * What a filter without a source does not count, with a button that shows it.
 * @param {HTMLElement} line
 * @param {{words: string, sources: string[]}|null} told null hides it
 * @param {(sources: string[]) => void} show
 */
export function leftOut(line, told, show) {
  line.hidden = !told;
  if (told) line.replaceChildren(`${told.words} · `, make("button", { type: "button", class: "om-quiet", "data-action": "show-left-out", onclick: () => show(told.sources) }, "show"));
}

/** A number with thin spaces; words stay as they are. @param {number|string} number */
export const grouped = (number) => typeof number === "number" ? String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f") : number ?? "";

/** @param {{title: string, text: string}} empty @param {(() => void)|null} showAll @returns {Node[]} */
export function emptyView({ title, text }, showAll) {
  return [make("b", {}, title), make("p", {}, text), showAll ? wordButton("Show all time, no filter", showAll, { "data-action": "show-all" }) : null].filter(Boolean);
}
