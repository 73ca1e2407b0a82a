// What is to be best, in plain words, and how much memory it may need.

import { make } from "../chat/dom.js";
import { check, number, numberField } from "./fields.js";

const GIGABYTE = 1e9, USUAL_USERS = 8, MOST_OBJECTIVES = 4;
export const OBJECTIVES = {
  total_seconds: "Shortest whole answer", ttft_seconds: "Soonest first token", throughput_tokens_per_second: "Most tokens of all users", decode_tokens_per_second: "Fastest decoding",
  prefill_tokens_per_second: "Fastest reading of the prompt", memory_bytes: "Least memory", load_seconds: "Shortest load", mean_kl_divergence: "Text closest to the reference",
};
const CHOICES = { total_seconds: "Fastest answers for one user", throughput_tokens_per_second: "Most tokens for several users", memory_bytes: "Least memory", several: "Several at once" };

export class ObjectiveEditor {
  /** @param {(part: {objectives?: string[], memory_limit_bytes?: number|null, users?: number}) => void} changed */
  constructor(changed) {
    Object.assign(this, { changed, several: false, objectives: ["total_seconds"] });
    this.radios = {};
    this.users = number(USUAL_USERS, (users) => this.changed({ users }), { least: 2, most: 256, label: "How many users" });
    const rows = Object.entries(CHOICES).map(([name, words]) => {
      const radio = this.radios[name] = make("input", { type: "radio", name: "ot-objective", value: name, onchange: () => this.#choose(name) });
      const row = make("label", { class: "ot-choice" }, radio, make("span", {}, words));
      return name === "throughput_tokens_per_second" ? make("div", { class: "ot-choice-row" }, row, make("span", { class: "ot-inline" }, this.users, " users")) : row;
    });
    this.list = make("div", { class: "ot-several", role: "group", "aria-label": "Objectives" });
    this.told = make("p", { class: "ot-help" });
    this.limit = numberField("Memory at most", null, (value) => this.changed({ memory_limit_bytes: value === null ? null : Math.round(value * GIGABYTE) }), { least: 0.05, most: 100_000, isWhole: false, isOptional: true, unit: "GB", help: "what needs more can’t win; empty: no limit", name: "memory-limit" });
    this.element = make("div", { class: "ot-objective" }, make("div", { role: "radiogroup", "aria-label": "What is to be best", class: "ot-choices" }, ...rows), this.list, this.told, this.limit);
  }

  /** @param {{objectives: string[], memory_limit_bytes: number|null, workload: {concurrent_requests: number}}} request */
  show({ objectives, memory_limit_bytes: limit, workload }) {
    this.objectives = [...objectives];
    const isOne = objectives.length === 1 && Object.hasOwn(CHOICES, objectives[0]) && !this.several, chosen = isOne ? objectives[0] : "several";
    for (const [name, radio] of Object.entries(this.radios)) radio.checked = name === chosen;
    this.users.set(workload.concurrent_requests > 1 ? workload.concurrent_requests : USUAL_USERS);
    this.users.classList.toggle("is-off", chosen !== "throughput_tokens_per_second");
    this.limit.set(limit === null ? null : limit / GIGABYTE);
    this.list.hidden = chosen !== "several";
    this.list.replaceChildren(...Object.entries(OBJECTIVES).map(([name, words]) => check(words, objectives.includes(name), (isIn) => this.#toggle(name, isIn), { value: name, disabled: objectives.length >= MOST_OBJECTIVES && !objectives.includes(name) })));
    this.told.textContent = chosen === "several" ? `The front shows what can’t be had together; the winner is best in “${OBJECTIVES[objectives[0]]}”. At most ${MOST_OBJECTIVES}.` : "";
    this.told.hidden = !this.told.textContent;
  }

  #choose(name) {
    this.several = name === "several";
    if (this.several) this.changed({ objectives: this.objectives.length > 1 ? this.objectives : ["total_seconds", "memory_bytes"] });
    else this.changed({ objectives: [name], users: name === "throughput_tokens_per_second" ? Number(this.users.input.value) || USUAL_USERS : undefined });
  }

  #toggle(name, isIn) {
    const held = name, next = isIn ? [...this.objectives, name] : this.objectives.filter((each) => each !== name);
    this.changed({ objectives: next.length ? next : [name] });
    this.list.querySelector(`input[value="${held}"]`)?.focus();
  }
}
