// From a token's cost or certainty to one of six shades, and the legend that says what a shade means.

import { make } from "./dom.js";

export const SHADES = 6;
const PROBABILITIES = [0.9, 0.7, 0.5, 0.3, 0.1]; // at least this: shade 0, 1, …

/** What can be coloured: mode, words, and why it may be empty. */
export const MODES = [
  { mode: "", words: "Text", help: "Answers as text" },
  { mode: "latency", words: "Latency", help: "Colour each token by the time it took" },
  { mode: "probability", words: "Probability", help: "Colour each token by how probable it was" },
];

/**
 * @param {string} mode
 * @param {import("./types.js").Token[]} tokens
 * @returns {{shadeOf: (token: Object) => number|null, labels: string[], unit: string}}
 */
export function scaleOf(mode, tokens) {
  if (mode === "probability") {
    return {
      shadeOf: (token) => token.log_probability === null ? null : shadeOfProbability(Math.exp(token.log_probability)),
      labels: ["≥ 90", "70–90", "50–70", "30–50", "10–30", "< 10"], unit: "%",
    };
  }
  const times = tokens.slice(1).map((token) => token.seconds * 1000).sort((one, other) => one - other);
  const middle = times.length ? times[Math.floor(times.length / 2)] : tokens.length ? tokens[0].seconds * 1000 : 1;
  const bounds = [1.15, 1.4, 1.8, 2.5, 4].map((factor) => nice(middle * factor));
  return {
    shadeOf: (token) => { const at = bounds.findIndex((bound) => token.seconds * 1000 <= bound); return at < 0 ? SHADES - 1 : at; },
    labels: [...bounds.map((bound) => `≤ ${bound}`), `> ${bounds[bounds.length - 1]}`], unit: "ms",
  };
}

function shadeOfProbability(probability) {
  const at = PROBABILITIES.findIndex((bound) => probability >= bound);
  return at < 0 ? SHADES - 1 : at;
}

/** Two digits that read well. */
function nice(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const digits = value / power >= 3 ? Math.round(value / power * 2) / 2 : Math.round(value / power * 10) / 10;
  return Number((digits * power).toPrecision(3));
}

/** @param {string} mode @param {{labels: string[], unit: string}} scale */
export function legend(mode, scale) {
  return make("div", { class: `oc-legend is-${mode}`, "aria-label": `Colours by ${mode}` },
    make("span", { class: "oc-dim" }, mode === "latency" ? `Time of each token, ${scale.unit}` : `Probability of each token, ${scale.unit}`),
    ...scale.labels.map((label, shade) => make("span", { class: "oc-legend-key" }, make("i", { class: `oc-heat-${shade}` }), label)));
}
