// A sentence that goes away by itself.

import { make } from "./dom.js";

const SHOWN_MS = 5000;

/** @param {HTMLElement} root @returns {(text: string, tone?: string) => void} */
export function toaster(root) {
  const place = make("div", { class: "oc-toasts", role: "status", "aria-live": "polite" });
  root.append(place);
  return (text, tone = "") => {
    const toast = make("div", { class: `oc-toast ${tone}`.trim(), onclick: () => toast.remove() }, text);
    place.replaceChildren(toast);
    setTimeout(() => toast.remove(), SHOWN_MS);
  };
}
