// Plotly figures of a run: the trade-off, parallel coordinates, importances, differences. Pure: a view in, data and layout out.

import { VERDICTS } from "./marks.js";
import { axesOf, effectiveOf, frontOf, idOf, isOverLimit, labelOf, objectivesOf, settingOf, summaryOf, wordsOf } from "./results.js";
import { counted, differenceWords, directionWords, intervalWords, inUnit, valueWords } from "./values.js";

const BLUE = "#3287c4", ORANGE = "#d9730d", GREY = "#8494a6", GOOD = "#2a9d6f", BAD = "#d1495b", MOST_LINES = 200, SHADES = 5, LONGEST = 26, ACROSS = 108;
const PARALLEL_SHADES = ["#1f78d1", "#4f94d4", "#7aa6cc", "#93a7ba", "#a3adb8"];
const empty = (words) => ({ data: [], layout: { meta: { empty: words } } });
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const short = (text, most = LONGEST) => text.length > most ? `${text.slice(0, most - 1)}…` : text;
const axisTitle = (figure) => `${figure.label}${figure.unit ? `, ${figure.unit}` : ""} (${directionWords(figure)})`;

/** Settings, effective values and these figures with their intervals, for the box under the pointer. */
function hover(view, result, figures) {
  const fields = axesOf(view), { label } = result.configuration, asked = fields.map((field) => `${labelOf(view, field)} = ${valueWords(settingOf(result, field))}`);
  const effective = effectiveOf(result, fields).map(([name, text]) => `${name} = ${text}`);
  const lines = [`<b>${safe(label)}</b>`, ...figures.map((figure) => safe(intervalWords(figure, summaryOf(result, figure.name)))), asked.length ? safe(asked.join(" · ")) : "", effective.length ? `effective: ${safe(effective.join(" · "))}` : "", result.quality ? safe(result.quality.words) : ""];
  return lines.filter(Boolean).map((line) => wrapped(line)).join("<br>");
}

/** Long lines in several. */
function wrapped(line, most = 92) {
  const rows = [""];
  for (const word of line.split(" ")) if (rows.at(-1).length + word.length > most) rows.push(word); else rows[rows.length - 1] += `${rows.at(-1) ? " " : ""}${word}`;
  return rows.join("<br>");
}

/** The upper and lower reach of the intervals, in the figure's unit. */
const reaches = (figure, points, axis) => ({ type: "data", symmetric: false, thickness: 1, width: 0, color: GREY, array: points.map((each) => upTo(figure, each[`${axis}s`], "high")), arrayminus: points.map((each) => upTo(figure, each[`${axis}s`], "low")) });
const upTo = (figure, summary, side) => summary[side] === null || summary[side] === undefined ? 0 : Math.abs(summary[side] - summary.median) * figure.scale;

/** Two figures against each other. @param {Object} view @param {Object} x @param {Object} y figures @param {string|null} chosen id of the one that is open */
export function tradeoff(view, x, y, chosen) {
  const points = view.results.map((result) => ({ result, xs: summaryOf(result, x.name), ys: summaryOf(result, y.name) })).filter(({ xs, ys }) => xs && ys).map((each) => ({ ...each, x: each.xs.median * x.scale, y: each.ys.median * y.scale }));
  if (!points.length) return empty(`Nothing has both ${x.label} and ${y.label} yet.`);
  const groups = [["Measured", "circle", BLUE, 9], ["Changes the text", "circle-open", BLUE, 9], ["Over the limit", "triangle-up-open", BAD, 9], ["Given up early", "x-thin", GREY, 8], ["Base", "square", GREY, 11], ["Best", "star", ORANGE, 16]];
  const groupOf = ({ result }) => result.is_best ? "Best" : idOf(result) === view.reference_id ? "Base" : isOverLimit(view, result) ? "Over the limit" : result.state === "pruned" ? "Given up early" : result.quality?.changes_text ? "Changes the text" : "Measured";
  const data = groups.map(([name, symbol, color, size]) => [name, symbol, color, size, points.filter((point) => groupOf(point) === name)]).filter(([, , , , of]) => of.length).map(([name, symbol, color, size, of]) => ({
    uid: name, type: "scatter", mode: "markers", name: name === "Base" && view.head.kind === "comparison" ? "A" : name, x: of.map((each) => each.x), y: of.map((each) => each.y), customdata: of.map((each) => idOf(each.result)), text: of.map((each) => hover(view, each.result, [x, y])), hovertemplate: "%{text}<extra></extra>",
    marker: { symbol, size: of.map((each) => idOf(each.result) === chosen ? size + 6 : size), color, line: { width: symbol === "x-thin" ? 2 : of.map((each) => idOf(each.result) === chosen ? 2.5 : 1), color: symbol.endsWith("open") || symbol === "x-thin" ? color : of.map((each) => idOf(each.result) === chosen ? ORANGE : "#ffffff") } }, error_x: reaches(x, of, "x"), error_y: reaches(y, of, "y") }));
  const front = x.name === y.name ? [] : frontOf(points.filter(({ result }) => result.state !== "pruned" && !isOverLimit(view, result)), x.is_better_higher, y.is_better_higher);
  if (front.length > 1) data.unshift({ uid: "front", type: "scatter", mode: "lines", name: "Front of these two", x: front.map((each) => each.x), y: front.map((each) => each.y), hoverinfo: "skip", line: { color: ORANGE, width: 1.5, dash: "dot" } });
  const limit = view.request.memory_limit_bytes, [across, up] = [x, y].map(({ name, scale }) => limit && name === "memory_bytes" ? limit * scale : null), line = { type: "line", line: { color: BAD, width: 1.5, dash: "dash" } };
  const shapes = [across === null ? null : { ...line, xref: "x", yref: "paper", x0: across, x1: across, y0: 0, y1: 1 }, up === null ? null : { ...line, xref: "paper", yref: "y", x0: 0, x1: 1, y0: up, y1: up }].filter(Boolean);
  const annotations = shapes.map((shape) => ({ text: "memory limit", showarrow: false, font: { size: 11, color: BAD }, xref: shape.xref, yref: shape.yref, x: shape.x1, y: shape.y1, xanchor: across === null ? "right" : "left", yanchor: across === null ? "bottom" : "top" }));
  return { data, layout: { shapes, annotations, height: 430, margin: { l: 66, r: 16, t: 14, b: 50 }, hovermode: "closest", xaxis: { title: { text: axisTitle(x) }, showspikes: false }, yaxis: { title: { text: axisTitle(y) }, showspikes: false }, legend: { orientation: "h", x: 0, y: -0.2 } } };
}

/** A text broken where it may be, into lines of about so many characters. @param {string} text @param {number} most @param {RegExp} where */
function inLines(text, most, where) {
  const lines = [""];
  for (const part of text.split(where)) if (lines.at(-1) && lines.at(-1).length + part.trim().length > most) lines.push(part); else lines[lines.length - 1] += part;
  return lines.map((line) => safe(line.trim())).join("<br>");
}

/** An axis of the parallel coordinates: a name, the place of a result on it, what stands beside it. */
function coordinate(view, field, results) {
  const values = [...new Set(results.map((result) => JSON.stringify(settingOf(result, field))))], of = view.request.axes.find((axis) => axis.field === field)?.values.map((value) => JSON.stringify(value)) || [];
  const order = [...of.filter((each) => values.includes(each)), ...values.filter((each) => !of.includes(each))], place = (at) => order.length > 1 ? at / (order.length - 1) : 0.5;
  return { name: labelOf(view, field), own: view.fields?.[field]?.name || "", at: (result) => place(order.indexOf(JSON.stringify(settingOf(result, field)))), ticks: ends(order.map((text) => valueWords(JSON.parse(text)))).map((words, at) => [place(at), words]) };
}

/** Names that begin alike by what they end with: "…int4", "…int8". @param {string[]} names */
function ends(names) {
  let same = 0;
  while (names.length > 1 && names.every((name) => same < name.length && name[same] === names[0][same])) same += 1;
  return same > LONGEST / 3 ? names.map((name) => `…${name.slice(same).length > 2 ? name.slice(same) : name.slice(same - 4)}`) : names;
}

function measured(view, figure, results) {
  const values = results.map((result) => summaryOf(result, figure.name)?.median).filter((value) => value !== undefined), least = Math.min(...values), most = Math.max(...values), span = most - least || 1;
  const place = (value) => most === least ? 0.5 : (value - least) / span;
  return { name: `${figure.label}${figure.unit ? `, ${figure.unit}` : ""}`, at: (result) => { const found = summaryOf(result, figure.name); return found ? place(found.median) : null; }, ticks: most === least ? [[0.5, inUnit(figure, most)]] : [[0, inUnit(figure, least)], [1, inUnit(figure, most)]] };
}

/** Every configuration as a line over what varies and what came of it. @param {Object} view @param {Map<string, Object>} figures @param {string|null} marked id of the one to bring out @param {boolean} [isNarrow] the names stand aslant */
export function parallel(view, figures, marked, isNarrow = false) {
  const objectives = objectivesOf(view).map((name) => figures.get(name)).filter(Boolean), first = objectives[0], done = first ? view.results.filter((result) => summaryOf(result, first.name)) : [], fields = axesOf(view).filter((field) => new Set(done.map((result) => JSON.stringify(settingOf(result, field)))).size > 1);
  if (done.length < 2) return empty("Shown once two configurations are measured.");
  const sign = first.is_better_higher ? -1 : 1, sorted = [...done].sort((a, b) => sign * (summaryOf(a, first.name).median - summaryOf(b, first.name).median)), results = sorted.slice(0, MOST_LINES);
  const axes = [...fields.map((field) => coordinate(view, field, results)), ...objectives.map((figure) => measured(view, figure, results))];
  const line = (of) => ({ x: of.flatMap(() => [...axes.keys(), null]), y: of.flatMap((result) => [...axes.map((axis) => axis.at(result)), null]), customdata: of.flatMap((result) => [...axes.map(() => idOf(result)), null]), text: of.flatMap((result) => { const words = hover(view, result, objectives); return [...axes.map(() => words), null]; }) });
  const shade = (at) => Math.min(SHADES - 1, Math.floor(at * SHADES / results.length)), common = { type: "scatter", mode: "lines+markers", hovertemplate: "%{text}<extra></extra>", connectgaps: false };
  const data = [...PARALLEL_SHADES.keys()].reverse().map((level) => ({ uid: `shade${level}`, ...common, ...line(results.filter((_, at) => shade(at) === level)), name: level === 0 ? "the best fifth" : level === SHADES - 1 ? "the last fifth" : `fifth ${level + 1}`, showlegend: level === 0 || level === SHADES - 1, line: { color: PARALLEL_SHADES[level], width: level === 0 ? 2 : 1.2 }, marker: { size: 5, color: PARALLEL_SHADES[level] } })).filter((trace) => trace.x.length);
  const best = results.find((result) => idOf(result) === marked) || results.find((result) => result.is_best);
  data.push({ uid: "marked", ...common, ...line(best ? [best] : []), name: best?.is_best ? "best" : "chosen", line: { color: ORANGE, width: 3.5 }, marker: { size: 9, color: ORANGE } });
  const notes = axes.flatMap((axis, at) => axis.ticks.map(([y, text]) => ({ x: at, y, xref: "x", yref: "y", text: safe(short(text)), showarrow: false, xanchor: at === axes.length - 1 ? "right" : "left", xshift: at === axes.length - 1 ? -8 : 8, yshift: y < 0.25 ? -9 : 9, font: { size: 11 } })));
  const aslant = { xanchor: "left", yanchor: "bottom", textangle: -38, xshift: -4 }, most = Math.max(10, Math.floor(ACROSS / axes.length)); // Plotly turns them around their middle
  const names = axes.map((axis, at) => ({ x: at, y: 1.12, xref: "x", yref: "y", text: isNarrow ? `<b>${safe(short(axis.name, 16))}</b>` : [`<b>${inLines(axis.name, most, /(?<= )/)}</b>`, axis.own ? `<span style="font-size: 10px">(${inLines(axis.own, most, /(?<=_)/)})</span>` : ""].filter(Boolean).join("<br>"), showarrow: false, font: { size: isNarrow ? 11 : 12 }, ...(isNarrow ? aslant : { xanchor: at === 0 ? "left" : at === axes.length - 1 ? "right" : "center", yanchor: "bottom" }) }));
  const lines = axes.map((_, at) => ({ type: "line", xref: "x", yref: "y", x0: at, x1: at, y0: 0, y1: 1, layer: "below", line: { color: GREY, width: 1 } }));
  return { data, layout: { height: 420, margin: { l: 16, r: isNarrow ? 58 : 16, t: isNarrow ? 96 : 84, b: 40 }, hovermode: "closest", annotations: [...notes, ...names], shapes: lines, xaxis: { visible: false, range: [-0.08, axes.length - 0.92], showspikes: false }, yaxis: { visible: false, range: [-0.1, 1.14], showspikes: false }, legend: { orientation: "h", x: 0, y: -0.04 }, meta: { lines: best ? 1 : 0, note: sorted.length > results.length ? `the best ${MOST_LINES} of ${sorted.length}` : "" } } };
}

/** A setting beside its bar: in plain words and below as it is set, where there is room. */
function nameOf(view, field, isNarrow) {
  const name = view.fields?.[field]?.name;
  return safe(short(labelOf(view, field), isNarrow ? 20 : 40)) + (name && !isNarrow ? `<br><span style="font-size: 10px">(${safe(short(name, 40))})</span>` : "");
}

/** How much goes back to each setting. @param {Object} view @param {Map<string, Object>} figures @param {boolean} [isNarrow] */
export function importances(view, figures, isNarrow = false) {
  const found = view.importances, objectives = [...new Set(found.map((each) => each.objective))], fields = [...new Set(found.map((each) => each.field))];
  if (!found.length) return empty("Shown once enough configurations are measured to tell.");
  const share = (field, objective) => found.find((each) => each.field === field && each.objective === objective)?.share ?? 0, order = [...fields].sort((a, b) => share(a, objectives[0]) - share(b, objectives[0])), colours = [BLUE, ORANGE, GOOD, GREY];
  const data = objectives.map((objective, at) => ({ uid: objective, type: "bar", orientation: "h", name: figures.get(objective)?.label || objective, x: order.map((field) => share(field, objective) * 100), y: order.map((field) => nameOf(view, field, isNarrow)), marker: { color: colours[at % colours.length] }, text: order.map((field) => `${(share(field, objective) * 100).toFixed(0)}%`), textposition: "outside", cliponaxis: false, customdata: order.map((field) => safe(wordsOf(view, field))), hovertemplate: "%{customdata}: %{x:.0f}%<extra></extra>" }));
  return { data, layout: { height: Math.max(230, 74 + order.length * ((isNarrow ? 18 : 30) + 16 * objectives.length)), barmode: "group", bargap: 0.35, margin: { l: 16, r: 46, t: objectives.length > 1 ? 34 : 12, b: 44 }, xaxis: { range: [0, 105], title: { text: "share of the spread, %" }, showspikes: false }, yaxis: { automargin: true, showspikes: false }, showlegend: objectives.length > 1, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" } } };
}

/** Differences with intervals around zero. @param {{name: string, difference: Object, id?: string}[]} rows @param {string} words of the axis @param {number} most characters of a name */
export function forest(rows, words, most) {
  const shown = rows.filter(({ difference }) => difference.difference_percent !== null);
  if (!shown.length) return empty("Shown once there are rounds that both were measured in.");
  const order = [...shown].reverse(), by = (each) => each.difference.difference_percent, tone = ({ difference: { verdict } }) => ({ better: GOOD, worse: BAD })[verdict] || GREY, symbol = ({ difference: { verdict } }) => ({ better: "triangle-up", worse: "triangle-down" })[verdict] || "diamond";
  const side = (each, end) => each.difference[end] === null ? 0 : Math.abs(each.difference[end] - by(each));
  const data = [{ uid: "forest", type: "scatter", mode: "markers", x: order.map(by), y: [...order.keys()], customdata: order.map((each) => each.id ?? null), text: order.map((each) => `<b>${safe(each.name)}</b><br>${safe(differenceWords(each.difference))}, ${counted(each.difference.rounds, "round")}<br>${VERDICTS[each.difference.verdict]?.[0] || ""} ${wrapped(safe(each.difference.words))}`), hovertemplate: "%{text}<extra></extra>",
    marker: { size: 11, color: order.map(tone), symbol: order.map(symbol) }, error_x: { type: "data", symmetric: false, array: order.map((each) => side(each, "high_percent")), arrayminus: order.map((each) => side(each, "low_percent")), thickness: 2, width: 5, color: GREY } }];
  return { data, layout: { height: Math.max(200, 84 + order.length * 30), margin: { l: 16, r: 20, t: 12, b: 50 }, hovermode: "closest", showlegend: false, shapes: [{ type: "line", xref: "x", yref: "paper", x0: 0, x1: 0, y0: 0, y1: 1, line: { color: GREY, width: 1.5 } }], xaxis: { title: { text: words }, ticksuffix: "%", zeroline: false, showspikes: false }, yaxis: { automargin: true, showspikes: false, tickvals: [...order.keys()], ticktext: order.map((each) => safe(short(each.name, most))), range: [-0.6, order.length - 0.4], zeroline: false } } };
}
