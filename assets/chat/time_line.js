// Where the time of an answer went, as a bar: queue, template, tokenize, prefill, decode, detokenize.

import { make, seconds } from "./dom.js";
import { showTip } from "./tip.js";

/** @param {import("./types.js").Span[]} spans @returns {HTMLElement|null} */
export function timeLine(spans) {
  const known = (spans || []).filter((span) => span.seconds > 0), total = known.reduce((sum, span) => sum + span.seconds, 0);
  if (!total) return null;
  const words = known.map((span) => `${span.label} ${seconds(span.seconds)}`).join(", ");
  const bar = make("span", { class: "oc-time", role: "img", tabindex: "0", "aria-label": `${seconds(total)} in all: ${words}` },
    ...known.map((span) => {
      const part = make("i", { class: `oc-time-part is-${span.label.replace(/\W/g, "-")}` });
      part.style.flexGrow = String(span.seconds / total);
      return part;
    }));
  showTip(bar, () => make("table", { class: "oc-tip-table" },
    ...known.map((span) => make("tr", {},
      make("td", {}, make("i", { class: `oc-time-key is-${span.label.replace(/\W/g, "-")}` }), span.label),
      make("td", {}, seconds(span.seconds)), make("td", { class: "oc-dim" }, `${(100 * span.seconds / total).toFixed(span.seconds / total < 0.1 ? 1 : 0)} %`))),
    make("tr", { class: "is-total" }, make("td", {}, "in all"), make("td", {}, seconds(total)), make("td"))));
  return bar;
}
