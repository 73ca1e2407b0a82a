// Fields of the forms: a label above, what is wrong below. They tell a value, or why there is none.

import { make } from "../chat/dom.js";

let numbers = 0;

/** @param {string} label @param {HTMLElement} control @param {string} [help] @param {HTMLElement} [input] what the label is for, where it is inside the control */
export function field(label, control, help = "", input = control) {
  const id = input.id || `ot-field-${numbers += 1}`;
  input.id = id;
  if (help) input.setAttribute("aria-describedby", `${id}-help`);
  return make("div", { class: "ot-field" }, make("label", { for: id }, label), control, help ? make("span", { class: "ot-help", id: `${id}-help` }, help) : null);
}

/** @param {[string, string][]} options @param {string} value @param {(value: string) => void} choose @param {Object} [attributes] */
export function select(options, value, choose, attributes = {}) {
  const element = make("select", { class: "oc-select ot-select", onchange: () => choose(element.value), ...attributes }, ...options.map(([name, words]) => make("option", { value: name, selected: name === value }, words)));
  if (![...element.options].some((each) => each.value === value) && value) element.append(make("option", { value, selected: true }, value));
  return element;
}

/**
 * A whole or decimal number within bounds; what can't be read is marked and kept as it was.
 * @param {number|null} value @param {(value: number|null) => void} choose
 * @param {{least?: number, most?: number, isWhole?: boolean, isOptional?: boolean, unit?: string, label?: string, name?: string}} rules
 */
export function number(value, choose, { least = 0, most = 1e9, isWhole = true, isOptional = false, unit = "", label = null, name = null } = {}) {
  const words = make("span", { class: "ot-problem", role: "alert" });
  const input = make("input", { type: "text", inputmode: isWhole ? "numeric" : "decimal", class: "oc-field ot-number", value: value ?? "", autocomplete: "off", "aria-label": label, "data-name": name, oninput: () => {
    const text = input.value.trim().replace(",", "."), read = Number(text);
    const problem = text === "" ? isOptional ? "" : "A number is needed." : !Number.isFinite(read) || isWhole && !Number.isInteger(read) ? isWhole ? "A whole number." : "A number." : read < least ? `At least ${least}.` : read > most ? `At most ${most}.` : "";
    words.textContent = problem;
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    if (!problem) choose(text === "" ? null : read);
  } });
  const element = make("span", { class: "ot-number-frame" }, input, unit ? make("span", { class: "ot-unit", "aria-hidden": "true" }, unit) : null, words);
  element.set = (next) => { if (document.activeElement !== input) { input.value = next ?? ""; input.removeAttribute("aria-invalid"); words.textContent = ""; } };
  element.input = input;
  return element;
}

/** A number under a label. */
export function numberField(label, value, choose, rules = {}) {
  const control = number(value, choose, rules), frame = field(label, control, rules.help || "", control.input);
  frame.set = control.set;
  return frame;
}

/** A list of whole numbers, separated by commas. @param {number[]} values @param {(values: number[]) => void} choose */
export function listField(label, values, choose, { least = 0, help = "", name = null } = {}) {
  const words = make("span", { class: "ot-problem", role: "alert" });
  const input = make("input", { type: "text", class: "oc-field", value: values.join(", "), autocomplete: "off", "data-name": name, oninput: () => {
    const read = input.value.split(/[\s,;]+/).filter(Boolean).map(Number), isRight = read.length > 0 && read.every((each) => Number.isInteger(each) && each >= least);
    words.textContent = isRight ? "" : `Whole numbers from ${least}, separated by commas.`;
    input.setAttribute("aria-invalid", String(!isRight));
    if (isRight) choose([...new Set(read)]);
  } });
  const frame = field(label, input, help);
  frame.append(words);
  return frame;
}

/** @param {string} words @param {boolean} isChecked @param {(isChecked: boolean) => void} choose @param {Object} [attributes] */
export function check(words, isChecked, choose, attributes = {}) {
  const input = make("input", { type: "checkbox", checked: isChecked, onchange: () => choose(input.checked), ...attributes });
  return make("label", { class: "ot-check" }, input, make("span", {}, words));
}

/** Whether a part of the form holds something that can't be read. @param {HTMLElement} element */
export const hasProblem = (element) => element.querySelector('[aria-invalid="true"]') !== null;
