// A menu under a button, in the top layer: arrows move, Escape and a click elsewhere close, focus goes back to the button.

import { make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {{label: string, picture?: string, run: () => void, question?: string, isBad?: boolean, isChecked?: boolean, name?: string}} MenuItem
 * @param {HTMLElement} anchor
 * @param {(MenuItem|null)[]} items null is a line between
 * @param {string} label
 */
export function openMenu(anchor, items, label) {
  const menu = make("div", { class: "oc-menu", role: "menu", "aria-label": label, popover: "manual" });
  const close = (goesBack) => {
    if (!menu.isConnected) return;
    away.abort();
    menu.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (goesBack && anchor.isConnected) anchor.focus();
  };
  const away = new AbortController();
  menu.append(...items.map((item) => item === null ? make("div", { class: "oc-menu-line", role: "separator" }) : row(item, close)));
  menu.addEventListener("keydown", (event) => onKey(event, menu, close));
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target) && !anchor.contains(event.target)) close(false);
  }, { signal: away.signal, capture: true });
  window.addEventListener("resize", () => close(false), { signal: away.signal });
  anchor.setAttribute("aria-haspopup", "menu");
  anchor.setAttribute("aria-expanded", "true");
  anchor.closest(".oc").append(menu);
  menu.showPopover();
  place(menu, anchor);
  menu.querySelector("button").focus({ preventScroll: true });
}

/** Opens it, or closes the one that is open. */
export function toggleMenu(anchor, items, label) {
  const open = anchor.getAttribute("aria-expanded") === "true";
  document.querySelectorAll(".oc-menu").forEach((menu) => menu.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
  if (!open) openMenu(anchor, items, label);
}

function row(item, close) {
  const words = make("span", {}, item.label);
  const button = make("button", {
    type: "button", class: `oc-menu-item${item.isBad ? " is-bad" : ""}`, role: item.isChecked === undefined ? "menuitem" : "menuitemradio",
    "aria-checked": item.isChecked === undefined ? null : String(item.isChecked), "data-action": item.name, tabindex: "-1",
    onclick: () => {
      if (item.question && !button.classList.contains("is-asking")) {
        button.classList.add("is-asking");
        words.textContent = item.question;
        return;
      }
      close(true);
      item.run();
    },
  }, icon(item.isChecked ? "check" : item.picture || "more"), words);
  if (item.isChecked === false || (!item.picture && !item.isChecked)) button.firstChild.style.visibility = "hidden";
  return button;
}

function onKey(event, menu, close) {
  const items = [...menu.querySelectorAll("button")], at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) items[(to + items.length) % items.length].focus();
  else if (event.key === "Escape") close(true);
  else if (event.key === "Tab") close(false);
  else return;
  event.stopPropagation();
  if (event.key !== "Tab") event.preventDefault();
}

/** Below the anchor and inside the window, above it where there is no room below. */
export function place(box, anchor) {
  const from = anchor.getBoundingClientRect(), own = box.getBoundingClientRect(), gap = 4, edge = 8;
  const below = from.bottom + gap + own.height <= window.innerHeight - edge;
  const top = below ? from.bottom + gap : Math.max(edge, from.top - gap - own.height);
  const left = Math.min(Math.max(edge, from.left), window.innerWidth - own.width - edge);
  box.style.top = `${top}px`;
  box.style.left = `${Math.max(edge, left)}px`;
}
