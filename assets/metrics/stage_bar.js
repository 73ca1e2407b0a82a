// The stages of one request as one bar, with a legend that has the numbers.

import { make } from "../chat/dom.js";

const NARROWEST_PERCENT = 0.6;
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A7D00", "#7d8896", "#4B5D9B", "#A0522D"]; // Okabe and Ito's, the yellow darker

const STRIPE = "rgba(255, 255, 255, .72) 0 1.5px, transparent 1.5px 5px", DOT = "radial-gradient(rgba(255, 255, 255, .8) 1.1px, transparent 1.3px) 0 0 / 5px 5px";
const stripes = (...angles) => angles.map((angle) => `repeating-linear-gradient(${angle}deg, ${STRIPE})`).join(", ");
/** Plotly's pattern -> the same as layers of a background. */
const PATTERNS = { "/": stripes(-45), "\\": stripes(45), x: stripes(45, -45), "-": stripes(0), "|": stripes(90), "+": stripes(0, 90), ".": DOT };

/** A background for each stage: as the figure has it, and no two alike. */
function looksOf(stages, figure) {
  const taken = new Set();
  return stages.map((stage, index) => {
    const marker = figure?.data?.find((trace) => stage.id && /^stage[-:]/.test(trace.uid) && trace.uid.slice(6) === stage.id)?.marker;
    const look = (colour, shape) => [PATTERNS[shape], colour].filter(Boolean).join(", "), colour = marker?.color || COLOURS[index % COLOURS.length];
    const wanted = [marker?.pattern?.shape || "", "", ...Object.keys(PATTERNS)].map((shape) => look(colour, shape)).find((each) => !taken.has(each));
    taken.add(wanted);
    return wanted;
  });
}

/** "812 ms", "0.31 ms", "12.4 s". @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds >= 100) return `${Math.round(milliseconds)} ms`;
  return `${milliseconds.toFixed(milliseconds >= 10 ? 1 : 2)} ms`;
}

/**
 * @param {{id?: string, label: string, meaning: string, milliseconds: number, value?: string}[]} stages
 * @param {import("./plot.js").Figure} [figure] the same stages as a plot, whose colours are those of the page's other plots
 * @returns {HTMLElement}
 */
export function stageBar(stages, figure) {
  const looks = looksOf(stages, figure);
  const total = stages.reduce((sum, stage) => sum + stage.milliseconds, 0), known = stages.map((stage, index) => ({ ...stage, value: stage.value || duration(stage.milliseconds), look: looks[index], percent: total ? 100 * stage.milliseconds / total : 0 })).filter((stage) => stage.milliseconds > 0);
  if (!known.length) return make("p", { class: "om-none" }, "No stage of it was measured.");
  return make("div", { class: "om-stages" },
    make("div", { class: "om-stage-bar", role: "img", "aria-label": known.map((stage) => `${stage.label} ${stage.value}`).join(", ") },
      ...known.map((stage) => make("i", { style: `flex: ${Math.max(stage.percent, NARROWEST_PERCENT)} 1 0; background: ${stage.look}`, title: `${stage.label}: ${stage.value}, ${stage.percent.toFixed(1)}%` }))),
    make("ul", { class: "om-stage-list" }, ...known.map((stage) => make("li", { title: stage.meaning }, make("i", { style: `background: ${stage.look}` }), make("span", {}, stage.label), make("b", {}, stage.value), make("em", {}, `${stage.percent.toFixed(stage.percent < 10 ? 1 : 0)}%`)))));
}
