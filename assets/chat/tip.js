// One box for what is said on hover and focus, in the top layer.

import { make } from "./dom.js";
import { place } from "./menu.js";

/**
 * @param {HTMLElement} anchor
 * @param {() => Node} content asked each time
 */
export function showTip(anchor, content) {
  const show = () => openTip(anchor, content());
  anchor.addEventListener("pointerenter", show);
  anchor.addEventListener("focus", show);
  anchor.addEventListener("click", show);
  anchor.addEventListener("pointerleave", () => { if (document.activeElement !== anchor) closeTip(); });
  anchor.addEventListener("blur", closeTip);
}

/** @param {HTMLElement} anchor @param {Node} content */
export function openTip(anchor, content) {
  closeTip();
  const tip = make("div", { class: "oc-tip", role: "tooltip", popover: "manual" }, content);
  anchor.closest(".oc").append(tip);
  tip.showPopover();
  place(tip, anchor);
  for (const moved of ["wheel", "touchmove"]) document.addEventListener(moved, closeTip, { once: true, passive: true });
}

export function closeTip() {
  document.querySelectorAll(".oc-tip").forEach((tip) => tip.remove());
}
