// What every kind of run has: repetitions, whether the text is compared, its name, its seed.

import { make } from "../chat/dom.js";
import { check, field, numberField } from "./fields.js";

const QUALITY = { text_tokens: ["Text", 64, 8192, "tokens of the bundled text"], prompts: ["Prompts", 1, 24, "answered greedily"], answer_tokens: ["Answers", 8, 512, "tokens of each"] };

export class QualityEditor {
  /** @param {(quality: Object) => void} changed */
  constructor(changed) {
    Object.assign(this, { changed, quality: null });
    this.input = make("input", { type: "checkbox", "data-name": "quality", onchange: () => this.#set({ is_wanted: this.input.checked }) });
    this.numbers = Object.fromEntries(Object.entries(QUALITY).map(([name, [label, least, most, help]]) => [name, numberField(label, null, (value) => this.#set({ [name]: value }), { least, most, help, name: `quality-${name}` })]));
    this.fields = make("div", { class: "ot-numbers" }, ...Object.values(this.numbers));
    this.element = make("div", {}, make("label", { class: "ot-check" }, this.input, make("span", {}, "Compare the text with the reference, so that a speed-up that changes it is marked")), this.fields);
  }

  show(quality) {
    this.quality = quality;
    this.input.checked = quality.is_wanted;
    this.fields.hidden = !quality.is_wanted;
    for (const [name, frame] of Object.entries(this.numbers)) frame.set(quality[name]);
  }

  #set(part) {
    this.show({ ...this.quality, ...part });
    this.changed(this.quality);
  }
}

/** Fields of a request as they stand in a list: name, label, rules. @param {Object} request @param {[string, string, Object][]} rows @param {(part: Object) => void} changed */
export function numbersOf(request, rows, changed) {
  return make("div", { class: "ot-numbers" }, ...rows.map(([name, label, rules]) => numberField(label, request[name], (value) => changed({ [name]: value }), { ...rules, name })));
}

/** @param {Object} request @param {(part: Object) => void} changed */
export function nameField(request, changed) {
  const input = make("input", { class: "oc-field", maxlength: "100", value: request.name, placeholder: "made from what it is", autocomplete: "off", "data-name": "name", oninput: () => changed({ name: input.value }) });
  return field("Name", input);
}

/** What is loaded beside, and whether it goes first. @param {string[]} loaded @param {boolean} isUnloaded @param {(isUnloaded: boolean) => void} changed */
export function othersNote(loaded, isUnloaded, changed) {
  if (!loaded.length) return null;
  const many = loaded.length > 1;
  return make("div", { class: "ot-others", role: "note" }, make("span", { "aria-hidden": "true" }, "! "),
    check(`Unload ${loaded.join(", ")} first; ${many ? "they keep their" : "it keeps its"} memory otherwise. ${many ? "They are" : "It is"} not loaded again when the run ends`, isUnloaded, changed, { "data-name": "unload_others", "data-action": "unload-others" }));
}
