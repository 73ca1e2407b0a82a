// One option of the installed version as a field: a choice, a switch, a number, a text. What is left out is the version's default.

import { make } from "../chat/dom.js";
import { check, field, number, select } from "../tune/fields.js";

/**
 * @param {Object} option an OptionSpec @param {any} value undefined: left out @param {(value: any) => void} choose undefined: leave it out
 */
export function optionField(option, value, choose) {
  const { name, kind, help, text, choices, minimum, maximum } = option, more = text && text !== help ? text : null, told = option.default ? `default: ${option.default}` : "not set";
  if (kind === "switch") {
    const box = check("on", value === true, (isOn) => choose(isOn ? true : undefined), { "data-name": name, "aria-label": words(name) });
    return titled(field(words(name), box, help, box.querySelector("input")), more);
  }
  if (kind === "choice") {
    const control = select([["", told], ...choices.map((each) => [each.value, each.words ? `${each.value}: ${each.words}` : each.value])], value ?? "", (chosen) => choose(chosen || undefined), { "data-name": name });
    return titled(field(words(name), control, help), more);
  }
  if (kind === "integer" || kind === "number") {
    const control = number(value ?? null, (chosen) => choose(chosen ?? undefined), { least: minimum ?? -1e9, most: maximum ?? 1e9, isWhole: kind === "integer", isOptional: true, name });
    control.input.placeholder = told;
    return titled(field(words(name), control, help, control.input), more);
  }
  const input = make("input", { type: "text", class: "oc-field", value: value ?? "", placeholder: told, autocomplete: "off", spellcheck: "false", "data-name": name, oninput: () => choose(input.value.trim() || undefined) });
  return titled(field(words(name), input, help), more);
}

/** "weight-format" -> "Weight format". @param {string} name */
export function words(name) {
  const known = { awq: "AWQ", gptq: "GPTQ", sym: "Symmetric", "lora-correction": "LoRA correction", ratio: "Ratio of 4-bit layers", "group-size": "Group size" };
  const text = name.replaceAll("-", " ");
  return known[name] || text[0].toUpperCase() + text.slice(1);
}

function titled(frame, more) {
  if (more) frame.title = more;
  return frame;
}
