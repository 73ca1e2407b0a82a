// Focus stays where it was when what held it is drawn anew.

const OTHER = { previous: "next", next: "previous" }; // at the end of the versions there is only the way back

/**
 * Runs `draw`, and gives the focus back to the same button of the same message, or to the message that took its place.
 * @param {HTMLElement} list
 * @param {() => void} draw
 */
export function keepingFocus(list, draw) {
  const held = document.activeElement, message = held?.closest?.(".oc-message");
  if (!message || !list.contains(message)) { draw(); return; }
  const id = message.dataset.id, at = [...list.querySelectorAll(".oc-message")].indexOf(message), action = held.dataset.action;
  draw();
  if (held.isConnected && document.activeElement === held) return;
  const now = [...list.querySelectorAll(".oc-message")];
  const same = now.find((each) => each.dataset.id === id) || now[Math.min(at, now.length - 1)];
  const button = same && [action, OTHER[action]].map((name) => name && same.querySelector(`[data-action="${CSS.escape(name)}"]:not(:disabled)`)).find(Boolean);
  (button || same)?.focus({ preventScroll: true });
}
