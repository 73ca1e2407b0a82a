// An answer as its tokens, coloured; a token tells its id, piece, time, probability and what else could have stood there.

import { make, seconds } from "./dom.js";
import { legend, scaleOf } from "./heat.js";
import { closeTip, openTip } from "./tip.js";

const visible = (text) => text.replace(/ /g, "·").replace(/\n/g, "⏎").replace(/\t/g, "⇥") || "∅";
const percent = (logarithm) => { const value = 100 * Math.exp(logarithm); return `${value >= 10 || value === 0 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : "< 0.1"} %`; };

/**
 * @param {string} mode
 * @param {import("./types.js").Token[]} tokens
 * @returns {HTMLElement}
 */
export function tokenView(mode, tokens) {
  if (!tokens.length) return make("p", { class: "oc-dim" }, "The tokens of this answer were not kept.");
  const scale = scaleOf(mode, tokens), hasNone = mode === "probability" && tokens.every((token) => token.log_probability === null);
  const text = make("div", { class: `oc-tokens is-${mode}`, role: "group", "aria-label": `${tokens.length} tokens; arrow keys go through them` });
  tokens.forEach((token, index) => {
    const shade = scale.shadeOf(token);
    text.append(make("span", {
      class: `oc-token${token.special ? " is-special" : ""}${shade ? ` oc-heat-${shade}` : ""}`, "data-index": index, tabindex: index ? "-1" : "0",
      role: "button", "aria-label": describe(token),
    }, token.special ? visible(token.text) : token.text));
  });
  const tell = (event) => {
    const place = event.target.closest?.(".oc-token");
    if (place) openTip(place, detailsOf(tokens[Number(place.dataset.index)]));
  };
  text.addEventListener("pointerover", tell);
  text.addEventListener("focusin", tell);
  text.addEventListener("click", tell);
  text.addEventListener("pointerleave", closeTip);
  text.addEventListener("focusout", closeTip);
  text.addEventListener("keydown", walk);
  return make("div", {}, hasNone ? make("p", { class: "oc-dim" }, "This backend does not tell probabilities.") : legend(mode, scale), text);
}

function walk(event) {
  const place = event.target.closest(".oc-token"), step = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
  const to = place && (step ? place[step] : { Home: place.parentElement.firstElementChild, End: place.parentElement.lastElementChild }[event.key]);
  if (!to) return;
  event.preventDefault();
  place.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function describe(token) {
  const probability = token.log_probability === null ? "" : `, probability ${percent(token.log_probability)}`;
  return `${visible(token.text)}, ${seconds(token.seconds)}${probability}`;
}

function detailsOf(token) {
  const rows = [["id", String(token.id)], ["piece", visible(token.text)], ["time", seconds(token.seconds)],
    ["probability", token.log_probability === null ? "not told" : percent(token.log_probability)]];
  const alternatives = token.alternatives || [], most = Math.max(1e-9, ...alternatives.map((each) => Math.exp(each[1])));
  return make("div", {},
    make("table", { class: "oc-tip-table" }, ...rows.map(([name, value]) => make("tr", {}, make("td", { class: "oc-dim" }, name),
      make("td", { class: name === "piece" ? "oc-mono" : null }, value)))),
    alternatives.length ? make("div", { class: "oc-dim oc-tip-head" }, "Likeliest here") : null,
    alternatives.length ? make("table", { class: "oc-tip-table" }, ...alternatives.map(([text, logarithm]) => {
      const bar = make("i", { class: "oc-bar" });
      bar.style.width = `${Math.max(2, 56 * Math.exp(logarithm) / most)}px`;
      return make("tr", { class: text === token.text ? "is-chosen" : null }, make("td", { class: "oc-mono" }, visible(text)), make("td", {}, percent(logarithm)), make("td", {}, bar));
    })) : null);
}
