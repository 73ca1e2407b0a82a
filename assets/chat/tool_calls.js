// A model's calls of tools as cards, with a field for the result; and the messages that hold results.

import { make, isComposing, fitHeight, count } from "./dom.js";
import { icon } from "./icons.js";
import { wordButton } from "./buttons.js";
import { codeBlock } from "./code_block.js";

const typed = new Map(); // results being typed survive a redraw, and a refusal
const keyOf = (message, call) => `${message.id} ${call.id}`;

/**
 * @param {import("./types.js").Chat} chat
 * @param {import("./types.js").Message} message
 * @returns {HTMLElement[]}
 */
export function toolCards(chat, message) {
  return (message.tool_calls || []).map((call) => make("section", { class: "oc-call", "aria-label": `Call of ${call.name}` },
    make("header", {}, icon("tool"), make("b", {}, call.name || "a tool without a name"), make("span", { class: "oc-dim" }, call.id || ""),
      call.has_result ? make("span", { class: "oc-done" }, icon("check"), "result is there") : null),
    hasArguments(call.arguments) ? codeBlock(JSON.stringify(call.arguments, null, 2), "json") : make("p", { class: "oc-dim" }, "without arguments"),
    ...(call.problems || []).map((problem) => make("p", { class: "oc-problem" }, problem)),
    call.has_result ? resultOf(chat, message, call) : resultField(chat, message, call)));
}

const hasArguments = (given) => given !== null && given !== undefined && (typeof given !== "object" || Object.keys(given).length > 0);

function resultOf(chat, message, call) {
  typed.delete(keyOf(message, call));
  const { messages } = chat.snapshot.conversation;
  const found = messages.slice(messages.findIndex((each) => each.id === message.id) + 1).find((each) => each.role === "tool" && each.tool_call_id && each.tool_call_id === call.id);
  if (!found) return null;
  return make("details", { class: "oc-call-result" }, make("summary", {}, `Result · ${count(found.content.length, "character")}`), toolText(found.content));
}

function resultField(chat, message, call) {
  const key = keyOf(message, call);
  const area = make("textarea", { rows: "2", class: "oc-field", placeholder: "Type the result", "aria-label": `Result of ${call.name}`, spellcheck: "false", dir: "auto" });
  area.value = typed.get(key) || "";
  const send = (goesOn) => {
    if (chat.isRunning()) { chat.toast("An answer is still being written. Esc stops it."); return; }
    chat.focusComposer();
    chat.submit({ do: "tool_result", id: message.id, call_id: call.id, content: area.value, go_on: goesOn });
  };
  area.addEventListener("input", () => { typed.set(key, area.value); fitHeight(area); });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !isComposing(event)) { event.preventDefault(); send(true); }
  });
  return make("div", { class: "oc-call-answer" }, area, make("div", { class: "oc-buttons" },
    wordButton("Send and go on", () => send(true), { class: "is-primary", "data-action": "tool-go-on" }),
    wordButton("Only keep it", () => send(false), { "data-action": "tool-keep", title: "Adds the result; the model is not asked" })));
}

/** A result: JSON indented, everything else as it is. @param {string} text */
export function toolText(text) {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed)) {
    try { return codeBlock(JSON.stringify(JSON.parse(trimmed), null, 2), "json"); } catch (error) { /* a text that only looks like JSON is shown as it is */ }
  }
  return make("div", { class: "oc-plain" }, make("p", { dir: "auto" }, text));
}
