// How much of the context is used.

import { make } from "./dom.js";
import { showTip } from "./tip.js";

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** @param {HTMLElement} place @param {import("./types.js").Gauge|null} gauge */
export function gaugeView(place, gauge) {
  const drawn = JSON.stringify(gauge);
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  if (!gauge) { place.replaceChildren(); return; }
  const words = gauge.used === null ? "not counted" : gauge.limit ? `${grouped(gauge.used)} / ${grouped(gauge.limit)}` : `${grouped(gauge.used)} tokens`;
  const bar = make("span", { class: "oc-gauge-bar" }, make("i"), make("i"));
  const parts = gauge.limit ? [gauge.used, gauge.answer || 0].map((each) => Math.min(100, 100 * each / gauge.limit)) : [0, 0];
  bar.children[0].style.width = `${parts[0]}%`;
  bar.children[1].style.width = `${Math.min(parts[1], 100 - parts[0])}%`;
  const view = make("span", { class: `oc-gauge ${gauge.tone ? `is-${gauge.tone}` : ""}`, tabindex: "0", role: "img", "aria-label": `Context: ${gauge.text}${gauge.source ? `; limit from ${gauge.source}` : ""}` },
    gauge.limit ? bar : null, make("span", { class: "oc-gauge-words" }, words));
  showTip(view, () => make("div", {}, make("div", {}, gauge.text), gauge.source ? make("div", { class: "oc-dim" }, `Limit from ${gauge.source}`) : null));
  place.replaceChildren(view);
}
