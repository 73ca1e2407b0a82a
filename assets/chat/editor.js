// Writing a message in its place: a new text or role for one that is there, or one between two others.

import { fitHeight, isComposing, make } from "./dom.js";
import { wordButton } from "./buttons.js";

/** The word for a role. */
export const ROLE_WORDS = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };

/**
 * @typedef {{text: string, role: string, roles: string[], label: string, save: (text: string, role: string) => void,
 *   answer?: (text: string) => void, leave: () => void}} Editing
 * @param {Editing} editing `answer` is offered for messages of the user
 * @returns {HTMLElement}
 */
export function editor(editing) {
  const area = make("textarea", { class: "oc-field oc-editor-text", "aria-label": editing.label, rows: "2" });
  const role = make("select", { class: "oc-select", "aria-label": "Role" }, ...editing.roles.map((name) => make("option", { value: name }, ROLE_WORDS[name] || name)));
  area.value = editing.text;
  role.value = editing.role;
  const save = () => editing.save(area.value, role.value);
  const answer = editing.answer ? wordButton("Save and answer", () => editing.answer(area.value), { class: "is-primary", "data-action": "save-and-answer" }) : null;
  const showAnswer = () => { if (answer) answer.hidden = role.value !== "user"; };
  role.addEventListener("change", showAnswer);
  area.addEventListener("input", () => fitHeight(area));
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
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    box.scrollIntoView({ block: "nearest" });
  });
  return box;
}
