// One configuration in a form: model, device, backend, and what else is set. It changes a LoadRequest in JSON.

import { iconButton, wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { field, select } from "./fields.js";
import { chooseSetting } from "./setting_list.js";
import { fieldWords, typed, valueWords } from "./values.js";

const SECTIONS = ["ov_config", "scheduler"];

/** What of a load is set beyond model, device and backend. @param {Object} load @returns {[string, any][]} */
export const settingsOf = (load) => SECTIONS.flatMap((section) => Object.entries(load[section] || {}).filter(([, value]) => value !== null && typeof value !== "object").map(([name, value]) => [`${section}.${name}`, value]));

/** Fields of a load that change nothing of what is measured. */
const BESIDE = new Set(["name", "allow_overcommit"]);
const isGroup = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** The whole of a load, a setting of a group as "group.name"; what is null is left out. @returns {Map<string, any>} */
const flat = (load) => new Map(Object.entries(load).filter(([name]) => !BESIDE.has(name)).flatMap(([name, value]) => isGroup(value) ? Object.entries(value).map(([inner, each]) => [`${name}.${inner}`, each]) : [[name, value]]).filter(([, value]) => value !== null && value !== undefined));

/** What B has otherwise than A: field, A's, B's; undefined: left out. @returns {[string, any, any][]} */
export function differences(a, b) {
  const ofA = flat(a), ofB = flat(b);
  return [...new Set([...ofA.keys(), ...ofB.keys()])].filter((name) => JSON.stringify(ofA.get(name)) !== JSON.stringify(ofB.get(name))).map((name) => [name, ofA.get(name), ofB.get(name)]);
}

/** A load with one field set, or left out where the value is undefined. @param {Object} load @param {string} field as `differences` names it */
export function withField(load, field, value) {
  const [name, ...rest] = field.split("."), whole = { ...load }, inner = { ...load[name] }, key = rest.length ? rest.join(".") : name, target = rest.length ? inner : whole;
  if (value === undefined) delete target[key];
  else target[key] = value;
  if (rest.length) whole[name] = inner;
  return whole;
}

export class LoadEditor {
  /**
   * @param {() => Object} offers as `tune_offers` answers
   * @param {(load: Object, isAnother: boolean) => void} changed  `isAnother`: another model, device or backend, for which other settings may be offered
   * @param {{name: string, hasStart?: boolean}} options
   */
  constructor(offers, changed, { name, hasStart = true }) {
    Object.assign(this, { offers, changed, name, hasStart, load: null });
    this.element = make("div", { class: "ot-load", "data-editor": name });
  }

  /** @param {Object} load */
  show(load) {
    this.load = load;
    this.#draw();
  }

  #draw() {
    const { load } = this, { models, devices, backends, axes } = this.offers();
    const names = models.filter((each) => each.can_run || each.name === load.model_path).map((each) => [each.name, each.name]);
    const device = make("input", { class: "oc-field", value: load.device, list: `ot-devices-${this.name}`, autocomplete: "off", spellcheck: "false", "data-name": "device", onchange: () => { if (device.value.trim()) this.#set({ device: device.value.trim() }, true); } });
    const list = make("datalist", { id: `ot-devices-${this.name}` }, ...devices.map((each) => make("option", { value: each.name }, each.label)));
    const taken = new Set(settingsOf(load).map(([each]) => each)), open = axes.filter((each) => SECTIONS.includes(each.field.split(".")[0]) && !taken.has(each.field));
    const add = wordButton("Set something else", () => chooseSetting(add, open, (offer) => this.#add(offer), "Settings"), { class: "is-small", "aria-haspopup": "dialog", "aria-expanded": "false", "data-action": `add-setting-${this.name}` });
    this.element.replaceChildren(
      make("div", { class: "ot-fields" }, this.hasStart ? this.#start() : null, field("Model", select(names, load.model_path, (model) => this.#set({ model_path: model }, true), { "data-name": "model" })),
        field("Device", device), list, field("Backend", select(backends.map((each) => [each.name, each.label]), load.backend, (backend) => this.#set({ backend }, true), { "data-name": "backend" }))),
      make("div", { class: "ot-settings", role: "list", "aria-label": "Settings" }, ...settingsOf(load).map(([name, value]) => this.#setting(name, value, axes.find((each) => each.field === name)))),
      add);
  }

  #start() {
    const { bases } = this.offers(), groups = [...new Set(bases.map((each) => each.group))];
    const element = make("select", { class: "oc-select ot-select", "data-name": "start-from", onchange: () => { if (element.value) this.changed(this.load = structuredClone(bases[Number(element.value)].load), true); } }, make("option", { value: "" }, "as it is below"),
      ...groups.map((group) => make("optgroup", { label: group }, ...bases.map((each, at) => each.group === group ? make("option", { value: String(at) }, each.label) : null))));
    return field("Take over from", element);
  }

  #setting(name, value, offer) {
    const known = offer ? [...new Set([...offer.choices, ...offer.values])].filter((each) => each !== null && typeof each !== "object") : [];
    const words = fieldWords(name), put = (next) => this.#put(name, next);
    const control = offer?.choices.length ? select(known.map((each) => [JSON.stringify(each), valueWords(each)]), JSON.stringify(value), (text) => put(JSON.parse(text)), { "aria-label": words })
      : make("input", { class: "oc-field", value: typeof value === "boolean" ? String(value) : value, "aria-label": words, spellcheck: "false", autocomplete: "off", onchange: (event) => { const next = typed(event.target.value, known.length ? known : [value]); if (next !== null && next !== "") put(next); else event.target.value = value; } });
    return make("div", { class: "ot-setting", role: "listitem", title: offer?.help || null }, make("span", { class: "ot-setting-name" }, offer && offer.label !== words ? make("span", {}, offer.label) : null, make("code", {}, words)), control, iconButton("close", `Leave ${words} out`, () => this.#remove(name), { class: "is-small" }));
  }

  #add(offer) {
    const value = [...offer.values, ...offer.choices].find((each) => each !== null);
    this.#put(offer.field, value ?? "");
    this.#draw();
    this.element.querySelector(".ot-setting:last-child :is(select, input)")?.focus();
  }

  #put(name, value) {
    const [section, ...rest] = name.split(".");
    this.#set({ [section]: { ...this.load[section], [rest.join(".")]: value } });
  }

  #remove(name) {
    const [section, ...rest] = name.split("."), left = { ...this.load[section] };
    delete left[rest.join(".")];
    this.#set({ [section]: left });
    this.#draw();
    this.element.querySelector(`[data-action="add-setting-${this.name}"]`)?.focus();
  }

  #set(part, isAnother = false) {
    this.load = { ...this.load, ...part };
    this.changed(this.load, isAnother);
  }
}
