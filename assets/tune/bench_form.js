// The bench: one configuration, on sizes as llama-bench lists them, or on a preset.

import { make } from "../chat/dom.js";
import { check, listField } from "./fields.js";
import { LoadEditor } from "./load_editor.js";
import { nameField, numbersOf, QualityEditor } from "./measure_editor.js";
import { card, segments } from "./tools.js";
import { counted } from "./values.js";
import { WorkloadEditor } from "./workload_editor.js";

const USUAL_SIZES = { prompt_tokens: [128, 512], generated_tokens: [128], depth_tokens: [0], concurrent_requests: [1] }, MOST_WORKLOADS = 64;

/** Each combination, named as `tuning/workloads.py` names it. @param {typeof USUAL_SIZES} sizes @returns {Object[]} */
export function grid(sizes) {
  const found = [];
  for (const depth_tokens of sizes.depth_tokens) for (const concurrent_requests of sizes.concurrent_requests) for (const prompt_tokens of sizes.prompt_tokens) for (const generated_tokens of sizes.generated_tokens)
    found.push({ name: `pp${prompt_tokens}+tg${generated_tokens}${depth_tokens ? ` @ d${depth_tokens}` : ""}${concurrent_requests > 1 ? ` x${concurrent_requests}` : ""}`, prompt_tokens, generated_tokens, depth_tokens, concurrent_requests });
  return found;
}

export class BenchForm {
  /** @param {{offers: () => Object, changed: (request: Object) => void, another: (base: Object) => void}} wishes */
  constructor(wishes) {
    Object.assign(this, { wishes, request: null, sizes: structuredClone(USUAL_SIZES), way: "sizes" });
    const set = (part) => this.#set(part), size = (name, label, least, help) => listField(label, this.sizes[name], (values) => { this.sizes[name] = values; this.#take(); }, { least, help, name });
    this.load = new LoadEditor(wishes.offers, (configuration, isAnother) => { set({ configuration }); if (isAnother) wishes.another(configuration); }, { name: "configuration" });
    this.workload = new WorkloadEditor(() => wishes.offers().presets, (workload) => { this.preset = workload; this.#take(); });
    this.choice = segments("Workloads", [["sizes", "Sizes"], ["preset", "A workload"]], (way) => { this.way = way; this.#take(); this.#draw(); });
    this.lists = make("div", { class: "ot-numbers is-wide" }, size("prompt_tokens", "Prompt sizes", 1, "tokens, separated by commas"), size("generated_tokens", "Generated", 1, "tokens"), size("depth_tokens", "Depth", 0, "tokens of context before"), size("concurrent_requests", "Users", 1, "at the same time"));
    this.quality = new QualityEditor((quality) => set({ quality }));
    this.more = make("details", { class: "om-details" });
    this.element = make("div", { class: "ot-form" }, card("What is measured", this.load.element), card("On what", this.choice.element, this.lists, this.workload.element), card("How often", this.numbers = make("div"), this.quality.element, this.more));
  }

  /** @param {Object} request */
  show(request) {
    this.request = request;
    this.load.show(request.configuration);
    this.preset ??= request.workloads[0];
    this.quality.show(request.quality);
    const set = (part) => this.#set(part);
    this.numbers.replaceChildren(numbersOf(request, [["repetitions", "Repetitions", { least: 1, most: 100, help: "of each workload, after a warm-up" }], ["loads", "Loads", { least: 1, most: 20, help: "what differs between loads is in the spread too" }]], set));
    this.more.replaceChildren(make("summary", {}, "More"), nameField(request, set), numbersOf(request, [["seed", "Seed", { least: 0, most: 2_147_483_647 }]], set), check("Unload other models first; they are not loaded again when the run ends", request.unload_others, (unload_others) => set({ unload_others })));
    this.#draw();
    this.#take();
  }

  words() {
    const { workloads, repetitions, loads } = this.request;
    return `${counted(workloads.length, "workload")}, ${counted(repetitions, "repetition")} each${loads > 1 ? `, ${loads} loads` : ""}.`;
  }

  problem() { return this.request.workloads.length > MOST_WORKLOADS ? `More than ${MOST_WORKLOADS} workloads: take fewer sizes.` : ""; }

  #draw() {
    this.choice.show(this.way);
    this.lists.hidden = this.way !== "sizes";
    this.workload.element.hidden = this.way === "sizes";
    this.workload.show(this.preset);
  }

  #take() { this.#set({ workloads: this.way === "sizes" ? grid(this.sizes) : [this.preset] }); }

  #set(part) {
    this.request = { ...this.request, ...part };
    this.wishes.changed(this.request);
  }
}
