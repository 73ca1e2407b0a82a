// A configuration's text held against the reference's: numbers, and the answers side by side with the first difference marked.

import { make } from "../chat/dom.js";
import { decimal, NONE } from "./values.js";
import { explained } from "./tools.js";

const FACTS = [["mean_kl_divergence", "Mean KL divergence", 5, 1, " nats"], ["p99_kl_divergence", "99th percentile of KL", 4, 1, " nats"], ["same_top_share", "Same likeliest token", 1, 100, "%"], ["perplexity", "Perplexity", 3, 1, ""], ["reference_perplexity", "Perplexity of the reference", 3, 1, ""], ["perplexity_change_percent", "Change of perplexity", 1, 1, "%"], ["backend_perplexity", "Perplexity by its own pipeline", 3, 1, ""], ["identical_share", "Identical answers", 0, 100, "%"]];

const EXPLAINED = new Set(["mean_kl_divergence", "perplexity", "identical_share"]); // with a heading of their own in docs/tuning.md

/** "0.00170 nats (0.00130 to 0.00220)": with its interval, where it has one. */
function factWords(quality, name, digits, scale, unit) {
  if (quality[name] === null || quality[name] === undefined) return NONE;
  const isChange = name.endsWith("_percent"), [low, high] = ["low", "high"].map((end) => quality[isChange ? name.replace("_percent", `_${end}_percent`) : `${name}_${end}`]);
  const told = (value) => `${isChange && value > 0 ? "+" : ""}${decimal(value * scale, digits)}`, between = low === null || high === null || low === undefined || high === undefined ? "" : ` (${told(low)} to ${told(high)})`;
  return `${told(quality[name])}${unit}${between}`;
}

/** @param {Object} quality @returns {Node[]} */
export function qualityView(quality) {
  const differing = quality.divergences.filter((each) => each.first_difference !== null), same = quality.divergences.length - differing.length;
  return [make("p", {}, quality.words), make("dl", { class: "om-facts" }, ...FACTS.map(([name, label, digits, scale, unit]) => make("div", {}, make("dt", {}, label, " ", explained(EXPLAINED.has(name) ? name : "how-the-text-is-compared", label)), make("dd", {}, factWords(quality, name, digits, scale, unit))))),
    make("p", { class: "ot-help" }, `${quality.method} ${decimal(quality.text_tokens, 0)} tokens of text.`),
    ...differing.map(answers), same ? make("p", { class: "ot-help" }, `${same} of ${quality.divergences.length} answers ${same === 1 ? "is" : "are"} the same to the last token.`) : null].filter(Boolean);
}

/** One prompt and both answers. */
function answers({ prompt, first_difference: at, tokens, reference_text: reference, text }) {
  return make("div", { class: "ot-answers" }, make("p", { class: "ot-prompt", dir: "auto" }, prompt), make("p", { class: "ot-help" }, `The same for ${at} of ${tokens} tokens.`), make("div", { class: "ot-answer-pair" }, answer("Reference", reference, text), answer("This one", text, reference)));
}

function answer(title, own, other) {
  let same = 0;
  while (same < own.length && same < other.length && own[same] === other[same]) same += 1;
  while (same > 0 && /\S/.test(own[same - 1])) same -= 1; // from the beginning of the word
  return make("div", {}, make("span", { class: "om-role" }, title), make("div", { class: "om-text-body", dir: "auto" }, own.slice(0, same), same < own.length ? make("mark", { class: "ot-differs" }, own.slice(same)) : null));
}
