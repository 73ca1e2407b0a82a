// A box under a button, in the top layer, for more than a menu holds. Escape and a click elsewhere close; focus goes back.

import { make } from "../chat/dom.js";
import { place } from "../chat/menu.js";

/**
 * @param {HTMLElement} anchor
 * @param {HTMLElement} content
 * @param {string} label
 * @returns {{close: (goesBack?: boolean) => void}}
 */
export function openPopup(anchor, content, label) {
  const popup = make("div", { class: "oc-menu om-popup", role: "dialog", "aria-label": label, popover: "manual" }, content), away = new AbortController();
  const close = (goesBack = false) => {
    if (!popup.isConnected) return;
    away.abort();
    popup.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (goesBack && anchor.isConnected) anchor.focus();
  };
  popup.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close(true);
  });
  popup.addEventListener("focusout", (event) => { if (event.relatedTarget && !popup.contains(event.relatedTarget) && event.relatedTarget !== anchor) close(); });
  document.addEventListener("pointerdown", (event) => { if (!popup.contains(event.target) && !anchor.contains(event.target)) close(); }, { signal: away.signal, capture: true });
  window.addEventListener("resize", () => place(popup, anchor), { signal: away.signal }); // a phone's keyboard resizes too
  anchor.setAttribute("aria-expanded", "true");
  anchor.closest(".oc").append(popup);
  popup.showPopover();
  place(popup, anchor);
  return { close };
}
