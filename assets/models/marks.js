// Marks of tasks, fits and verdicts: a sign and a word, never a colour alone.

import { mark } from "../tune/marks.js";

export { mark };

/** state -> sign, word, tone */
const TASK_STATES = {
  waiting: ["○", "Waiting", "busy"], running: ["▶", "Running", "busy"], paused: ["‖", "Paused", "warn"], interrupted: ["‖", "Interrupted", "warn"],
  finished: ["✓", "Finished", "good"], failed: ["✕", "Failed", "bad"], cancelled: ["■", "Cancelled", ""],
};
const FITS = { fits: ["✓", "fits", "good"], tight: ["!", "tight", "warn"], "too large": ["✕", "too large", "bad"], unknown: ["?", "not known", ""] };
const VERDICTS = {
  good: ["✓", "good", "good"], differs: ["≠", "differs", "bad"], warning: ["!", "look", "warn"], refused: ["✕", "refused", "bad"],
  changed: ["≠", "changed", "bad"], missing: ["✕", "missing", "bad"], unknown: ["?", "nothing noted", ""],
};

export const loadMark = (load) => load === "loading" ? mark(["…", "loading", "busy"]) : mark(["✓", "loaded", "good"]);
export const isUnderWay = (task) => task.state === "running" || task.state === "waiting";
export const taskMark = (state) => mark(TASK_STATES[state] || ["?", state, ""]);
export const taskWord = (state) => TASK_STATES[state]?.[1] || state;
export const fitMark = (fit, words) => mark(FITS[fit] || ["?", fit, ""], words);
export const verdictMark = (verdict) => mark(VERDICTS[verdict] || ["?", verdict, ""]);
export const isTrouble = (verdict) => verdict !== "good" && verdict !== "unknown";
