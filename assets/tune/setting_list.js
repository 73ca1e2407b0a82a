// The searchable list of everything that can be set or varied, in a box under its button.

import { make } from "../chat/dom.js";
import { openPopup } from "../metrics/popup.js";
import { fieldWords } from "./values.js";

/**
 * @typedef {{field: string, label: string, help: string, group: string, values: any[], choices: any[], is_suggested: boolean}} Offer
 * @param {HTMLElement} anchor @param {Offer[]} offers without those that are there already @param {(offer: Offer) => void} choose @param {string} label
 */
export function chooseSetting(anchor, offers, choose, label) {
  if (anchor.getAttribute("aria-expanded") === "true") return;
  const list = make("div", { class: "om-picker-list ot-setting-list", role: "group", "aria-label": label });
  const search = make("input", { type: "search", class: "oc-search om-picker-search", placeholder: "Search settings", "aria-label": "Search settings", autocomplete: "off", oninput: () => fill() });
  const popup = openPopup(anchor, make("div", { class: "om-picker-box", onkeydown: (event) => onKey(event) }, search, list), label);
  const fill = () => {
    const sought = search.value.trim().toLowerCase(), found = offers.filter((each) => `${each.field} ${each.label} ${each.group} ${each.help}`.toLowerCase().includes(sought));
    const groups = [...new Set(found.map((each) => each.group))];
    list.replaceChildren(...groups.flatMap((group) => [make("p", { class: "ot-group" }, group), ...found.filter((each) => each.group === group).map((offer) => make("button", { type: "button", class: "ot-setting-choice", title: offer.help || null, "data-field": offer.field, onclick: () => { popup.close(true); choose(offer); } },
      make("span", {}, offer.label || fieldWords(offer.field)), offer.label && offer.label !== fieldWords(offer.field) ? make("code", {}, fieldWords(offer.field)) : null))]));
    if (!found.length) list.append(make("p", { class: "om-none" }, offers.length ? "Nothing like that." : "Everything is there already."));
  };
  const onKey = (event) => {
    const buttons = [...list.querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target === search && buttons.length) { event.preventDefault(); buttons[0].click(); return; }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) search.focus(); else buttons[Math.min(to, buttons.length - 1)]?.focus();
  };
  fill();
  search.focus({ preventScroll: true });
}
