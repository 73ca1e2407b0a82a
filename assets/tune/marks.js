// Marks of runs and configurations: a sign and a word, never a colour alone.

import { make } from "../chat/dom.js";
import { isBestSure } from "./results.js";

/** state -> sign, word, tone */
export const RUN_STATES = {
  waiting: ["○", "Waiting", "busy"], running: ["▶", "Running", "busy"], interrupted: ["‖", "Interrupted", "warn"],
  cancelled: ["■", "Cancelled", ""], finished: ["✓", "Finished", "good"], failed: ["✕", "Failed", "bad"],
};
export const CONFIGURATION_STATES = {
  waiting: ["○", "waiting", ""], measuring: ["▶", "measuring now", "busy"], measured: ["✓", "measured", ""],
  pruned: ["–", "given up early", ""], failed: ["✕", "failed", "bad"],
};
export const VERDICTS = { better: ["▲", "better", "good"], worse: ["▼", "worse", "bad"], "no real difference": ["≈", "no real difference", ""], "too few": ["…", "too few rounds", ""] };

/** @param {[string, string, string]} mark @param {string} [title] */
export function mark([sign, words, tone], title = "") {
  return make("span", { class: `ot-mark${tone ? ` is-${tone}` : ""}`, title: title || null }, make("span", { class: "ot-sign", "aria-hidden": "true" }, sign), words);
}

export const runMark = (state) => mark(RUN_STATES[state] || ["?", state, ""]);

/** There is no figure of it because the run's time was over, which is no fault of its. */
export const isTimeOver = (result) => result.failure?.code === "time_over";

export const stateMark = (result) => isTimeOver(result) ? mark(["○", "not measured: the time was over", ""], result.failure.hint) : mark(CONFIGURATION_STATES[result.state] || ["?", result.state, ""], result.failure?.message);

export const verdictMark = (difference) => mark(VERDICTS[difference.verdict] || ["?", difference.verdict, ""], difference.words);

/** Whether it still writes the same; null where nothing was compared, unless it is the one to take, of which that is to be known. */
export function qualityMark(result, isReference, isBest = false) {
  if (isReference) return mark(["◎", "the reference", ""]);
  const quality = result.quality;
  if (!quality && isBest) return mark(["?", "text not compared", "warn"]);
  if (!quality) return null;
  if (quality.changes_text === null) return mark(["?", "not known", "warn"], quality.words);
  if (quality.is_sure === false) return mark(quality.changes_text ? ["≠", "changes the text, not surely", "warn"] : ["?", "writes like it, not surely", "warn"], quality.words);
  if (quality.changes_text) return mark(["≠", "changes the text", "warn"], quality.words);
  return mark((quality.identical_share ?? 1) < 1 ? ["≈", "writes like it", "good"] : ["=", "same text", "good"], quality.words);
}

/** Best, front, base. @param {Object} result @param {Object} view */
export function standing(result, view) {
  const found = [];
  if (result.is_best) found.push(view.head.kind !== "sweep" || isBestSure(view, result) ? mark(["★", "best", "best"]) : mark(["☆", "best so far", "best"], "By too few rounds beside the base for a verdict."));
  else if (result.is_on_front) found.push(mark(["◆", "front", "best"], "No other one is better in one objective and no worse in the others."));
  if (result.configuration.configuration_id === view.reference_id) found.push(mark(["□", view.head.kind === "comparison" ? "A" : "base", ""]));
  return found;
}
