// What a conversion was measured to cost: size, perplexity and speed of the result beside the source's.

import { make } from "../chat/dom.js";
import { NONE, bytes, decimal, duration } from "./values.js";
import { facts, part } from "./parts.js";

const percent = (result, source) => source > 0 && result !== null && result !== undefined ? `${result >= source ? "+" : "−"}${decimal(Math.abs(result / source - 1) * 100, 1)}%` : NONE;

/** What came of it in one line; "" where nothing was measured. @param {Object} card a ConversionCard */
export function checkWords({ source_bytes: from, result_bytes: to, source_check: before, result_check: after }) {
  const pair = (one, two, digits) => two === null || two === undefined ? "" : `${one === null || one === undefined ? "" : `${decimal(one, digits)} → `}${decimal(two, digits)}`;
  const perplexity = pair(before?.perplexity, after?.perplexity, 2), speed = pair(before?.decode_tokens_per_second, after?.decode_tokens_per_second, 1);
  return [`${bytes(from)} → ${bytes(to)}`, perplexity && `perplexity ${perplexity}`, speed && `${speed} tok/s`].filter(Boolean).map((words) => words.replaceAll(" ", "\u00a0")).join(" · ");
}

/** The table of a card. @param {Object} card a ConversionCard */
export function checkTable(card) {
  const { source_check: before, result_check: after } = card, rows = [["Size", bytes(card.source_bytes), bytes(card.result_bytes), percent(card.result_bytes, card.source_bytes)]];
  if (before || after) {
    rows.push(["Perplexity", number(before?.perplexity, 2), number(after?.perplexity, 2), percent(after?.perplexity, before?.perplexity)]);
    rows.push(["Decode, tok/s", number(before?.decode_tokens_per_second, 1), number(after?.decode_tokens_per_second, 1), percent(after?.decode_tokens_per_second, before?.decode_tokens_per_second)]);
    rows.push(["Run by", before?.runtime || NONE, after?.runtime || NONE, ""]);
  }
  const head = make("tr", {}, ...["", "Source", "Result", "Change"].map((words, at) => make("th", { scope: "col", class: at ? "is-number" : null }, words)));
  return make("div", { class: "om-table-frame" }, make("table", { class: "om-table ol-check" }, make("thead", {}, head), make("tbody", {}, ...rows.map(([name, ...cells]) => make("tr", { "data-row": name }, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", { class: "is-number" }, cell)))))));
}

/** A card of a finished conversion. @param {Object} card */
export function conversionParts(card) {
  const { source_check: before, result_check: after } = card, problems = [before?.problem && `Source: ${before.problem}`, after?.problem && `Result: ${after.problem}`].filter(Boolean), of = after || before;
  return [card.notes?.length ? part("Worth knowing", ...card.notes.map((words) => make("p", { class: "ot-mark-words" }, words))) : null, part("What it cost and what it brought", checkTable(card), ...problems.map((words) => make("p", { class: "ot-mark-words" }, words)),
    of ? make("p", { class: "ot-help" }, `Perplexity over the first ${decimal(of.tokens, 0)} tokens of the bundled text, less is better; one greedy answer of ${decimal(of.generated_tokens, 0)} tokens. Source and result run by different programs, so their speeds compare those too.`) : make("p", { class: "ot-help" }, "No check was wanted.")),
  part("How it was made", facts([["Source", `${card.source} (${card.source_kind})`], ["Weights", card.weights || NONE], ["Took", duration(card.seconds)], ["Memory at most", bytes(card.peak_memory_bytes)], ...Object.entries(card.versions)]))].filter(Boolean);
}

const number = (value, digits) => value === null || value === undefined ? NONE : decimal(value, digits);
