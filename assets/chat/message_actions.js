// What can be done with a message: the row of buttons under it and the menu with all of it.

import { copyText } from "./clipboard.js";
import { count, make } from "./dom.js";
import { confirmingButton, iconButton } from "./buttons.js";
import { toggleMenu } from "./menu.js";

const BUSY = "An answer is still being written. Esc stops it.";

/**
 * @typedef {{index: number, count: number, nextId: string|null, isLastUser: boolean}} Place
 * @typedef {{edit: (id: string) => void, insertBefore: (id: string|null) => void}} Hands what the conversation does itself
 */

/**
 * The row and what it holds.
 * @param {import("./types.js").Chat} chat
 * @param {import("./types.js").Message} message
 * @param {() => Place} placeOf asked when it matters: a place changes more often than a message
 * @param {Hands} hands
 */
export function actionRow(chat, message, placeOf, hands) {
  const all = () => actionsOf(chat, message, placeOf(), hands);
  const quick = all().filter((action) => action && action.isQuick).map((action) => action.question
    ? confirmingButton(action.picture, action.label, action.question, action.run, { "data-action": action.name, class: "is-quick" })
    : iconButton(action.picture, action.label, action.run, { "data-action": action.name, class: "is-quick" }));
  const more = iconButton("more", "More", () => toggleMenu(more, all(), "What to do with this message"), { "data-action": "more", "aria-haspopup": "menu" });
  const row = make("div", { class: "oc-tools", role: "toolbar", "aria-label": "Actions", onkeydown: (event) => walk(event, row) }, ...quick, more);
  quick.forEach((button) => { button.tabIndex = -1; }); // one stop of the Tab key a message; arrows go on
  return row;
}

function walk(event, row) {
  const buttons = [...row.children].filter((button) => button.offsetParent), at = buttons.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  buttons[(to + buttons.length) % buttons.length].focus();
}

function actionsOf(chat, message, place, hands) {
  const isAssistant = message.role === "assistant", id = message.id;
  const answering = (action) => () => chat.isRunning() ? chat.toast(BUSY) : chat.submit(action);
  const last = place.count - 1 - place.index;
  return [
    { name: "copy", label: "Copy", picture: "copy", isQuick: true, run: () => copy(chat, message.content) },
    { name: "edit", label: "Edit", picture: "edit", isQuick: true, run: () => hands.edit(id) },
    isAssistant && { name: "retry", label: "Retry", picture: "retry", isQuick: true, run: answering({ do: "retry", id }) },
    isAssistant && { name: "continue", label: "Continue", picture: "continue", isQuick: true, run: answering({ do: "continue", id }) },
    message.role === "user" && { name: "resend", label: "Answer this again", picture: "retry", run: answering({ do: "resend", id, content: message.content }) },
    place.isLastUser && { name: "undo", label: "Take back into the composer", picture: "undo", run: () => chat.isRunning() ? chat.toast(BUSY) : chat.edit({ do: "undo" }) },
    null,
    { name: "insert-before", label: "Insert before …", picture: "insertBefore", run: () => hands.insertBefore(id) },
    { name: "insert-after", label: "Insert after …", picture: "insertAfter", run: () => hands.insertBefore(place.nextId) },
    place.index > 0 && { name: "move-up", label: "Move up", picture: "moveUp", run: () => chat.edit({ do: "move", id, by: -1 }) },
    last > 0 && { name: "move-down", label: "Move down", picture: "moveDown", run: () => chat.edit({ do: "move", id, by: 1 }) },
    null,
    { name: "delete", label: "Delete", picture: "delete", isBad: true, isQuick: true, question: "Delete?", run: () => chat.edit({ do: "delete", id }) },
    last > 0 && { name: "delete-from", label: "Delete from here", picture: "delete", isBad: true, question: `Delete ${count(last + 1, "message")}?`,
      run: () => chat.edit({ do: "delete_from", id }) },
  ].filter((action) => action !== false);
}

async function copy(chat, text) {
  try { await copyText(text); chat.toast("Copied"); } catch (error) { chat.toast("The browser does not let this page copy.", "bad"); }
}

/**
 * "‹ 2/3 ›"; nothing where there is one version.
 * @param {import("./types.js").Chat} chat
 * @param {import("./types.js").Versions} versions
 */
export function versionSwitch(chat, versions) {
  if (!versions || versions.count < 2) return null;
  const select = (id) => () => chat.edit({ do: "select", id });
  return make("div", { class: "oc-versions", role: "group", "aria-label": `Version ${versions.index + 1} of ${versions.count}` },
    iconButton("chevronLeft", "Previous version", select(versions.previous), { "data-action": "previous", disabled: !versions.previous }),
    make("span", {}, `${versions.index + 1}/${versions.count}`),
    iconButton("chevronRight", "Next version", select(versions.next), { "data-action": "next", disabled: !versions.next }));
}
