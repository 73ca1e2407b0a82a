// Small parts that several modules of the view use.

import { iconButton } from "../chat/buttons.js";
import { copyText } from "../chat/clipboard.js";
import { make } from "../chat/dom.js";
import { asking } from "../shared/asking.js";

/** Draws a part anew only where what it shows changed; the focus stays on the same button. @param {HTMLElement} host @param {any} shown @param {() => Node[]} draw */
export function redraw(host, shown, draw) {
  const text = JSON.stringify(shown);
  if (host.openarcShown === text) return;
  host.openarcShown = text;
  const held = host.contains(document.activeElement) ? document.activeElement.closest("[data-action]")?.dataset.action : null;
  host.replaceChildren(...draw().filter(Boolean));
  if (held) host.querySelector(`[data-action="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

/** The way to a number's explanation. @param {string} id @param {string} label @param {string} [title] */
export const explained = (id, label, title = "") => make("a", { class: "om-why", href: `/docs/tuning#${encodeURIComponent(id)}`, target: "_blank", rel: "noopener", title: title || label, "aria-label": /^What /.test(label) ? label : `What ${label} means` }, "?");

/** @param {string} title @param {...any} children */
export const card = (title, ...children) => make("section", { class: "om-card", "aria-label": title }, make("div", { class: "om-card-head" }, make("h3", {}, title)), ...children);

/** A box in front of the page. Escape and a click beside it close; the focus goes back. @param {HTMLElement} root @param {string} title @param {...Node} children */
export function dialog(root, title, ...children) {
  const from = document.activeElement, box = make("dialog", { class: "oc-dialog ot-dialog", "aria-label": title, onclose: () => { box.remove(); if (from?.isConnected) from.focus({ preventScroll: true }); }, onclick: (event) => { if (event.target === box) box.close(); } },
    make("header", {}, make("h3", {}, title), iconButton("close", "Close (Esc)", () => box.close(), { "data-action": "close-dialog" })), make("div", { class: "ot-dialog-body" }, ...children));
  root.append(box);
  box.showModal();
  return box;
}

/** Copies and says so on the button itself. @param {HTMLButtonElement} button @param {string} text */
export async function copied(button, text) {
  const words = button.textContent;
  await copyText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
}

/** Segments of which one is chosen. @param {string} label @param {[string, string][]} options @param {(value: string) => void} choose */
export function segments(label, options, choose) {
  const buttons = options.map(([value, words]) => make("button", { type: "button", role: "radio", "aria-checked": "false", "data-value": value, onclick: () => { show(value); choose(value); } }, words));
  const element = make("div", { class: "om-segments", role: "radiogroup", "aria-label": label, onkeydown: (event) => {
    const at = buttons.indexOf(document.activeElement), to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.focus();
    next.click();
  } }, ...buttons);
  const show = (value) => buttons.forEach((each, at) => {
    const isChosen = each.dataset.value === value;
    each.setAttribute("aria-checked", String(isChosen));
    each.tabIndex = isChosen || !at && !options.some(([name]) => name === value) ? 0 : -1;
  });
  return { element, show };
}

/** As `asking`, always with the same question. */
export const confirming = (words, question, run, attributes = {}) => asking(words, () => question, run, attributes);
