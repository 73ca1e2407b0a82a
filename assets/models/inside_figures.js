// The figures of a model's graph for Plotly: bytes of each layer by precision, operations by how often. Pure.

import { bytes, decimal } from "./values.js";

const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8f98"], MOST_OPERATIONS = 24, LEAST_SHARE = 0.0005;
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** @param {Object} graph a GraphReport */
export function layersFigure({ layers, precisions }) {
  if (!layers.length) return { data: [], layout: { meta: { empty: "No weights were found in its graph." } } };
  const whole = Math.max(1, precisions.reduce((sum, [, size]) => sum + size, 0)), types = precisions.map(([name]) => name), most = Math.max(...layers.map((layer) => layer.size_bytes)), [scale, unit] = most >= 1e9 ? [1e9, "GB"] : most >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  const data = types.map((type, at) => {
    const of = layers.map((layer) => layer.by_precision.find(([name]) => name === type)?.[1] ?? 0);
    return { uid: type, type: "bar", name: type, showlegend: precisions[at][1] / whole >= LEAST_SHARE, x: layers.map((layer) => layer.name), y: of.map((value) => value / scale), marker: { color: COLOURS[at % COLOURS.length] }, text: layers.map((layer, index) => `<b>${safe(layer.name)}</b><br>${safe(type)}: ${bytes(of[index])}<br>all of it: ${bytes(layer.size_bytes)}`), textposition: "none", hovertemplate: "%{text}<extra></extra>" };
  });
  return { data, layout: { height: 330, barmode: "stack", bargap: 0.18, hovermode: "closest", margin: { l: 60, r: 14, t: 12, b: 84 }, xaxis: { type: "category", tickangle: -60, automargin: true, showspikes: false }, yaxis: { title: { text: unit }, showspikes: false }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" }, showlegend: true } };
}

/** @param {Object} graph a GraphReport */
export function operationsFigure({ operations }) {
  if (!operations.length) return { data: [], layout: { meta: { empty: "It has no graph that could be read." } } };
  const shown = operations.slice(0, MOST_OPERATIONS).reverse();
  return { data: [{ uid: "operations", type: "bar", orientation: "h", x: shown.map(([, count]) => count), y: shown.map(([name]) => safe(name)), marker: { color: COLOURS[0] }, text: shown.map(([, count]) => decimal(count, 0)), textposition: "outside", cliponaxis: false, hovertemplate: "%{y}: %{x}<extra></extra>" }],
    layout: { height: Math.max(200, 60 + shown.length * 19), margin: { l: 20, r: 48, t: 8, b: 46 }, xaxis: { showspikes: false, title: { text: "how often" } }, yaxis: { automargin: true, showspikes: false, tickfont: { size: 11 } }, showlegend: false, meta: { note: operations.length > MOST_OPERATIONS ? `the ${MOST_OPERATIONS} most frequent of ${operations.length}` : `${operations.length} types` } } };
}
