// Writing a message in its place: a new text or role for one that is there, or one between two others.

import { fitHeight, isComposing, make } from "./dom.js";
import { wordButton } from "./buttons.js";

export const BUSY = "An answer is still being written. Esc stops it; what you wrote stays here.";
export const EMPTY = "A message of the user can't be empty.";
/** The word for a role. */
export const ROLE_WORDS = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };

/**
 * @typedef {{roles: string[], label: string, save: (text: string, role: string) => void,
 *   answer?: (text: string) => void, leave: () => void, writing: import("./writing.js").Writing}} Editing
 * @param {Editing} editing `answer` is offered for messages of the user; `writing` follows what is typed
 * @returns {HTMLElement}
 */
export function editor(editing) {
  const area = make("textarea", { class: "oc-field oc-editor-text", "aria-label": editing.label, rows: "2", dir: "auto" });
  const role = make("select", { class: "oc-select", "aria-label": "Role" }, ...editing.roles.map((name) => make("option", { value: name }, ROLE_WORDS[name] || name)));
  const { writing } = editing;
  area.value = writing.text;
  role.value = writing.role;
  writing.area = area;
  const save = () => editing.save(area.value, role.value);
  const answer = editing.answer ? wordButton("Save and answer", () => editing.answer(area.value), { class: "is-primary", "data-action": "save-and-answer" }) : null;
  const showAnswer = () => { if (answer) answer.hidden = role.value !== "user"; };
  role.addEventListener("change", () => { writing.role = role.value; showAnswer(); });
  area.addEventListener("input", () => { writing.text = area.value; fitHeight(area); });
  const box = make("div", { class: "oc-editor", role: "group", "aria-label": editing.label }, area,
    make("div", { class: "oc-buttons" }, role, make("span", { class: "oc-hint" }, "Ctrl+Enter saves, Esc leaves"),
      wordButton("Cancel", editing.leave, { "data-action": "cancel-edit" }), wordButton("Save", save, { "data-action": "save-edit", class: answer ? "" : "is-primary" }), answer));
  box.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); editing.leave(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
  });
  showAnswer();
  queueMicrotask(() => { // by then it is in the page
    fitHeight(area);
    if (writing.selection === null) return; // it came back by itself
    area.focus();
    area.setSelectionRange(...(writing.selection || [area.value.length, area.value.length]));
    box.scrollIntoView({ block: "nearest" });
  });
  return box;
}
