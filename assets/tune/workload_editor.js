// What is asked of a configuration: a preset, its numbers, or own prompts.

import { make } from "../chat/dom.js";
import { field, numberField } from "./fields.js";
import { segments } from "./tools.js";

const PRESET_WORDS = { chat: "Chat", document: "Long document", agent: "Agent", users: "Many users" };
const ABOUT = {
  chat: "A short question and a short answer.", document: "A long text to read, a short answer.",
  agent: "Several turns; each has the whole history before it.", users: "Several users ask at the same moment.", custom: "Your own numbers.",
};
/** field -> label, least, most, help */
const NUMBERS = {
  prompt_tokens: ["Prompt", 1, 131_072, "new tokens in each turn"], generated_tokens: ["Generated", 1, 131_072, "tokens in each turn, exactly"], depth_tokens: ["Depth", 0, 131_072, "tokens of context read before"],
  concurrent_requests: ["Users", 1, 256, "at the same time"], turns: ["Turns", 1, 64, "of each user"],
};
const USUAL_PROMPT_TOKENS = 512, OWN_LENGTH = "none: own prompts are as long as they are";
const BETWEEN = /^\s*-{3,}\s*$/m;

/** "128 prompt + 128 generated tokens, 1 user". @param {Object} workload */
export function workloadWords({ prompt_tokens: prompt, generated_tokens: generated, depth_tokens: depth, concurrent_requests: users, turns, prompts }) {
  const asked = prompts?.length ? `${prompts.length} own prompt${prompts.length === 1 ? "" : "s"}` : `${prompt} prompt`;
  return [`${asked} + ${generated} generated tokens`, depth ? `after ${depth} of context` : "", turns > 1 ? `${turns} turns` : "", `${users} user${users === 1 ? "" : "s"}`].filter(Boolean).join(", ");
}

export class WorkloadEditor {
  /** @param {() => Object<string, Object>} presets @param {(workload: Object) => void} changed */
  constructor(presets, changed) {
    Object.assign(this, { presets, changed, workload: null });
    this.choice = segments("Workload", [...Object.entries(PRESET_WORDS), ["custom", "Custom"]], (name) => this.#choose(name));
    this.about = make("p", { class: "ot-help" });
    this.numbers = Object.fromEntries(Object.entries(NUMBERS).map(([name, [label, least, most, help]]) => [name, numberField(label, null, (value) => this.#set({ [name]: value }), { least, most, help, name })]));
    this.prompts = make("textarea", { class: "oc-field ot-prompts", rows: "4", placeholder: "Your own prompts, in turn; a line with --- between two of them.", "data-name": "prompts", oninput: () => this.#set({ prompts: this.prompts.value.split(BETWEEN).map((each) => each.trim()).filter(Boolean) }) });
    this.own = make("details", { class: "om-details" }, make("summary", {}, "Own prompts"), field("Prompts", this.prompts, "In place of the bundled text; the prompt’s length is then their own."));
    this.element = make("div", { class: "ot-workload" }, make("div", { class: "ot-scroll" }, this.choice.element), this.about, make("div", { class: "ot-numbers" }, ...Object.values(this.numbers)), this.own);
  }

  /** @param {Object} workload */
  show(workload) {
    workload = this.workload = { prompt_tokens: this.workload?.prompt_tokens ?? USUAL_PROMPT_TOKENS, ...workload }; // beside own prompts it is not sent, and comes back after them
    const name = Object.hasOwn(PRESET_WORDS, workload.name) && this.#is(workload.name) ? workload.name : "custom";
    this.choice.show(name);
    this.about.textContent = ABOUT[name];
    for (const [each, frame] of Object.entries(this.numbers)) frame.set(workload[each]);
    if (document.activeElement !== this.prompts) this.prompts.value = (workload.prompts || []).join("\n---\n");
    const isOwn = Boolean(workload.prompts?.length), length = this.numbers.prompt_tokens;
    length.classList.toggle("is-off", isOwn);
    length.querySelector("input").disabled = isOwn;
    length.querySelector(".ot-help").textContent = isOwn ? OWN_LENGTH : NUMBERS.prompt_tokens[3];
  }

  #is(name) {
    const preset = this.presets()[name];
    return preset && Object.keys(NUMBERS).every((each) => preset[each] === this.workload[each]) && !this.workload.prompts?.length;
  }

  #choose(name) {
    const preset = this.presets()[name];
    this.#take(preset ? structuredClone(preset) : { ...this.workload, name: "custom" });
  }

  #set(part) {
    const next = { ...this.workload, ...part }, of = Object.entries(this.presets()).find(([, preset]) => Object.keys(NUMBERS).every((each) => preset[each] === next[each]) && !next.prompts?.length);
    this.#take({ ...next, name: of ? of[0] : "custom" });
  }

  #take(workload) {
    this.show(workload);
    const { prompt_tokens, ...others } = this.workload;
    this.changed(this.workload.prompts?.length ? others : { ...others, prompt_tokens });
  }
}
