// The Plotly figure of a bench and of a comparison: small bars for each figure, of each workload, or of A and B. Pure.

import { idOf, summaryOf, workloadsOf } from "./results.js";
import { directionWords, intervalWords, inUnit, NONE, reach } from "./values.js";

const BLUE = "#1f6fb5", GREY = "#5f6f82", INTERVAL = "#e08a2e", COLUMNS = 2, ROW = 25, AROUND = 76, LONGEST = 22;
export const MOST_ROWS = 12;
const SHOWN = ["ttft_seconds", "prefill_tokens_per_second", "decode_tokens_per_second", "total_seconds", "throughput_tokens_per_second", "memory_bytes"];
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const short = (text) => text.length > LONGEST ? `${text.slice(0, LONGEST / 2)}…${text.slice(1 - LONGEST / 2)}` : text;

/** What has a bar: in a bench each workload, in a comparison A and B. @param {Object} view */
export function rowsOf(view) {
  const isBench = view.head.kind === "bench", of = (result, workload) => ({ result, workload, name: isBench ? workload : result.configuration.label, isBase: idOf(result) === view.reference_id });
  return view.results.flatMap((result) => workloadsOf(view).filter((workload) => result.figures[workload]).map((workload) => of(result, workload)));
}

/** @param {Object} view @param {Map<string, Object>} figures @param {boolean} isNarrow one below the other */
export function panels(view, figures, isNarrow) {
  const all = rowsOf(view), rows = all.slice(0, MOST_ROWS).reverse(), shown = SHOWN.map((name) => figures.get(name)).filter((figure) => figure && rows.some(({ result, workload }) => summaryOf(result, figure.name, workload)));
  if (!shown.length) return { data: [], layout: { meta: { empty: "Shown once something is measured." } } };
  const columns = isNarrow ? 1 : COLUMNS, lines = Math.ceil(shown.length / columns), each = AROUND + ROW * rows.length, height = lines * each, layout = { height, margin: { l: 16, r: 16, t: 30, b: 30 }, bargap: 0.38, showlegend: false, hovermode: "closest", annotations: [] }, data = [], inner = height - 60;
  const text = (name, figure, summary) => `${safe(short(name))}  <b>${summary ? inUnit(figure, summary.median) : NONE}</b>`, longest = Math.max(...rows.map(({ name }) => short(name).length)) + 7, names = Math.min(0.5 / columns, 0.02 + longest * (isNarrow ? 0.02 : 0.0078));
  shown.forEach((figure, at) => {
    const column = at % columns, line = Math.floor(at / columns), number = at ? String(at + 1) : "", top = 1 - line * each / inner, found = rows.map(({ result, workload, name, isBase }) => ({ id: idOf(result), name, isBase, workload, summary: summaryOf(result, figure.name, workload) }));
    const values = found.map(({ summary }) => summary ? summary.median * figure.scale : null), side = (end) => found.map(({ summary }) => summary && reach(summary) !== null ? Math.abs(summary[end] - summary.median) * figure.scale : null), most = Math.max(...found.map(({ summary }) => summary ? Math.max(summary.high ?? 0, summary.median) * figure.scale : 0));
    data.push({ uid: figure.name, type: "bar", orientation: "h", x: values, y: found.map((_, row) => row), xaxis: `x${number}`, yaxis: `y${number}`, customdata: found.map(({ id }) => id),
      hovertext: found.map(({ name, summary }) => `<b>${safe(name)}</b><br>${safe(intervalWords(figure, summary))}`), hovertemplate: "%{hovertext}<extra></extra>", marker: { color: found.map(({ isBase }) => isBase ? GREY : BLUE) }, error_x: { type: "data", symmetric: false, array: side("high"), arrayminus: side("low"), thickness: 2, width: 4, color: INTERVAL } });
    const across = [column / columns + names, (column + 1) / columns - (column + 1 < columns ? 0.03 : 0)], down = [Math.max(0, top - (each - 62) / inner), top];
    layout[`xaxis${number}`] = { domain: across, anchor: `y${number}`, range: [0, most * 1.06 || 1], showspikes: false, nticks: 5, zeroline: false };
    layout[`yaxis${number}`] = { domain: down, anchor: `x${number}`, tickvals: found.map((_, row) => row), ticktext: found.map(({ name, summary }) => text(name, figure, summary)), range: [-0.6, rows.length - 0.4], showgrid: false, zeroline: false, showspikes: false };
    layout.annotations.push({ xref: "paper", yref: "paper", x: across[0], y: top, xanchor: "left", yanchor: "bottom", yshift: 4, showarrow: false, text: `<b>${safe(figure.label)}</b>${figure.unit ? `, ${safe(figure.unit)}` : ""} (${directionWords(figure)})`, font: { size: 12 } });
  });
  if (all.length > rows.length) layout.meta = { note: `the first ${MOST_ROWS}; the table has ${all.length - rows.length} more` };
  return { data, layout };
}
