// Differences with their intervals around zero, each as one row. HTML, so that they stand in a card and on a phone.

import { make } from "../chat/dom.js";
import { verdictMark } from "./marks.js";
import { differenceWords, inUnit, NONE } from "./values.js";

const LEAST_SPAN = 5, MOST_SPAN = 100, TONES = { better: "is-good", worse: "is-bad" };

/** Half the width of the scale, in percent. @param {Object[]} differences */
export function spanOf(differences) {
  const far = differences.flatMap(({ low_percent: low, high_percent: high, difference_percent: by }) => [low, high, by]).filter((each) => each !== null && each !== undefined).map(Math.abs);
  return Math.min(MOST_SPAN, Math.max(LEAST_SPAN, ...far.map((each) => each * 1.08)));
}

/** The interval as a bar on a scale from −span to +span. */
export function interval(difference, span) {
  const { low_percent: low, high_percent: high, difference_percent: by, verdict } = difference, place = (value) => 50 + 50 * Math.min(1, Math.max(-1, value / span));
  const bar = make("span", { class: `om-interval ${TONES[verdict] || ""}`, "aria-hidden": "true" });
  if (by === null) return bar;
  if (low !== null && high !== null) bar.append(make("i", { style: `left: ${place(low)}%; width: ${Math.max(0.5, place(high) - place(low))}%` }));
  bar.append(make("b", { style: `left: ${place(by)}%` }));
  if (Math.max(low ?? by, high ?? by, by) > span) bar.classList.add("goes-right");
  else if (Math.min(low ?? by, high ?? by, by) < -span) bar.classList.add("goes-left");
  return bar;
}

/** "99% intervals", "99 to 99.75% intervals" where some had to be surer. @param {Object[]} differences */
export function levelWords(differences) {
  const told = [...new Set(differences.map(({ confidence_percent: level }) => Number(level.toFixed(2))))].sort((a, b) => a - b);
  return `${told.length > 1 ? `${told[0]} to ${told.at(-1)}` : told[0]}% intervals`;
}

/** @param {Object[]} differences @param {Map<string, import("./values.js").Figure>} figures @param {{withSides?: boolean}} [options] */
export function differenceRows(differences, figures, { withSides = false } = {}) {
  const span = spanOf(differences);
  return make("div", { class: "ot-differences", role: "list" }, ...differences.map((difference) => {
    const figure = figures.get(difference.figure), side = (value) => value === null || !figure ? NONE : inUnit(figure, value);
    return make("div", { class: "ot-difference", role: "listitem", "data-figure": difference.figure, title: difference.words },
      make("span", { class: "ot-difference-name" }, figure?.label || difference.figure), withSides ? make("span", { class: "ot-difference-sides" }, `${side(difference.median_a)} → ${side(difference.median_b)}${figure?.unit ? ` ${figure.unit}` : ""}`) : null,
      interval(difference, span), make("span", { class: "ot-difference-by" }, differenceWords(difference)), verdictMark(difference));
  }));
}
