// A title that becomes a field in its place: Enter and leaving save, Escape does not.

import { isComposing, make } from "./dom.js";

/**
 * @param {HTMLElement} shown
 * @param {string} value
 * @param {string} label
 * @param {(text: string) => void} save called only when the text changed and is not empty
 */
export function editInline(shown, value, label, save) {
  const field = make("input", { type: "text", class: "oc-inline-edit", dir: "auto", "aria-label": label, maxlength: "200", autocomplete: "off" });
  let isOver = false;
  const end = (isSaved) => {
    if (isOver) return;
    isOver = true;
    const text = field.value.trim();
    field.replaceWith(shown);
    if (isSaved && text && text !== value) { shown.textContent = text; save(text); }
    shown.focus?.();
  };
  field.value = value;
  field.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); event.stopPropagation(); end(event.key === "Enter"); }
  });
  field.addEventListener("blur", () => end(true));
  field.addEventListener("click", (event) => event.stopPropagation());
  shown.replaceWith(field);
  field.focus();
  field.select();
}
