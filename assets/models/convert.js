// A conversion: of what, to which weights, with which options of the installed version; the equal command while it is chosen.

import { wordButton } from "../chat/buttons.js";
import { debounced, make } from "../chat/dom.js";
import { hint } from "../metrics/notes.js";
import { check, field, hasProblem, select } from "../tune/fields.js";
import { redraw, segments } from "../tune/tools.js";
import { optionField } from "./option_fields.js";
import { begunWords, commandWords, copyButton, emptyBox, makerOf, problemBox, waits } from "./parts.js";
import { nameProblem } from "./repository.js";
import { bytes } from "./values.js";

const SOON_MS = 250, KINDS = { gguf: "GGUF", checkpoint: "checkpoint" };
/** key -> word on it, what it is for, its options; a group size of 64 divides most models' layers */
const FORMATS = {
  fp16: ["FP16", "Half precision: nothing is rounded, the largest. For reference, and for fast GPUs.", { "weight-format": "fp16" }],
  int8: ["INT8", "One byte a weight: hardly any loss, half of FP16. The careful choice.", { "weight-format": "int8" }],
  int4: ["INT4", "Half a byte a weight with zero points: the smallest that stays good. The usual choice.", { "weight-format": "int4", "group-size": 64 }],
  "int4-sym": ["INT4 symmetric", "No zero points: a little less exact. For an NPU, with one scale a row (group size −1) and ratio 1.", { "weight-format": "int4", sym: true, "group-size": -1, ratio: 1 }],
};
const UNREADABLE = "A field can’t be read; it is marked.";
const FOUR_BIT_FIELDS = ["group-size", "ratio", "awq"];

export class Convert {
  /** @param {import("./parts.js").Desk} desk */
  constructor(desk) {
    Object.assign(this, { desk, offers: null, source: "", format: "int4", options: { ...FORMATS.int4[2] }, name: "", isCheckWanted: true, told: null, wrong: "", number: 0, wantedSource: null });
    this.place = make("div", { class: "ol-stack" });
    this.sourceHost = make("div");
    this.choice = segments("Weights", Object.entries(FORMATS).map(([key, [label]]) => [key, label]), (key) => this.#choose(key));
    this.about = make("p", { class: "ot-help" });
    this.simple = make("div", { class: "ot-fields" });
    this.nameInput = make("input", { class: "oc-field", autocomplete: "off", spellcheck: "false", maxlength: "96", "data-name": "result-name", oninput: () => { this.name = this.nameInput.value.trim(); this.#changed(); } });
    this.nameInput.placeholder = "from the source and the weights";
    this.all = make("div", { class: "ol-stack ol-options" });
    this.allDetails = make("details", { class: "om-details" }, this.allWords = make("summary", {}, "All options"), this.all);
    this.command = make("pre", { class: "om-code ol-command", tabindex: "0", "aria-label": "The equal command" }, "…");
    this.notes = make("div", { role: "status" });
    this.needs = make("p", { class: "ot-words", role: "status" });
    this.problem = make("p", { class: "ot-bad", role: "alert", hidden: true });
    this.made = make("p", { class: "ot-help", role: "status", hidden: true });
    this.begin = wordButton("Convert", () => this.#start(), { class: "is-primary", "data-action": "convert" });
    const copy = this.copy = copyButton(desk, () => this.command.textContent, "Copy", { "data-action": "copy-command" });
    this.form = make("div", { class: "ot-form ol-convert" },
      make("section", { class: "om-card", "aria-label": "What is converted" }, make("div", { class: "om-card-head" }, make("h3", {}, "What is converted")), make("div", { class: "ot-fields" }, this.sourceHost, field("Name of the result", this.nameInput, "A new folder in the model folder."))),
      make("section", { class: "om-card", "aria-label": "Weights" }, make("div", { class: "om-card-head" }, make("h3", {}, "Its weights")), make("div", { class: "ot-scroll" }, this.choice.element), this.about, this.simple, this.notes, check("Check afterwards: perplexity and tokens a second, of the source and of the result", true, (isWanted) => { this.isCheckWanted = isWanted; }, { "data-name": "check" }), this.allDetails),
      make("section", { class: "om-card", "aria-label": "Command" }, make("div", { class: "om-card-head" }, make("h3", {}, "The equal command"), this.versions = make("span", { class: "om-card-unit" }), copy), this.command, this.commandHelp = make("p", { class: "ot-help" })),
      make("div", { class: "ot-start" }, make("div", { class: "ot-start-words" }, this.needs, this.problem, this.made), this.begin));
    this.element = make("div", { class: "ol-section" }, this.place);
    this.form.addEventListener("input", () => this.#tell());
    this.later = debounced(() => this.#ask(), SOON_MS);
  }

  /** @param {string|null} source */
  open(source) {
    if (source) this.wantedSource = source;
    this.#load();
  }

  follow() { if (this.offers?.sources.length) this.#tell(); }

  async #load() {
    if (this.isLoading) return;
    this.isLoading = true;
    if (!this.offers) this.place.replaceChildren(waits("Reading the options of optimum-intel"));
    try {
      this.offers = await this.desk.ask("models_options", {});
      this.#draw();
    } catch (error) {
      this.offers = null;
      this.place.replaceChildren(problemBox(error, () => this.#load()));
    }
    this.isLoading = false;
  }

  #draw() {
    const { versions, options } = this.offers, sources = [...this.offers.sources].sort((a, b) => Boolean(a.problem) - Boolean(b.problem)), names = sources.map((each) => each.name);
    if (!sources.length) { this.place.replaceChildren(emptyBox("Nothing to convert", "A conversion begins with a Hugging Face checkpoint or a GGUF in the model folder. Get one from the Hub: untick “OpenVINO models only” there.", wordButton("Search the Hub", () => this.desk.go({ view: "hub" }), { class: "is-primary", "data-action": "to-hub" }))); return; }
    if (this.place.firstChild !== this.form) this.place.replaceChildren(this.form);
    if (this.wantedSource && names.includes(this.wantedSource)) this.source = this.wantedSource;
    this.wantedSource = null;
    if (!names.includes(this.source)) this.source = (sources.find((each) => !each.problem) || sources[0]).name;
    redraw(this.sourceHost, [sources, this.source], () => [field("Source", select(sources.map((each) => [each.name, `${each.name} (${KINDS[each.kind] || each.kind}, ${bytes(each.size_bytes)})${each.problem ? " – can’t be converted" : ""}`]), this.source, (source) => { this.source = source; this.#changed(); }, { "data-name": "source" }), "A checkpoint or a GGUF of the model folder.")]);
    this.versions.textContent = ["optimum-intel", "nncf", "openvino"].filter((name) => versions[name]).map((name) => `${name} ${versions[name]}`).join(" · ");
    this.allWords.textContent = `All ${options.length} options of the installed version`;
    this.#choose(this.format, false);
  }

  #choose(format, isNew = true) {
    this.format = format;
    if (isNew) this.options = { ...FORMATS[format][2] };
    this.choice.show(format);
    this.#drawOptions();
    this.#changed();
  }

  /** The few that matter for these weights; all of them folded below. */
  #drawOptions() {
    const { options } = this.offers, isFour = this.options["weight-format"] === "int4", set = (name) => (value) => { if (value === undefined) delete this.options[name]; else this.options[name] = value; this.#match(); this.#changed(); };
    this.about.textContent = FORMATS[this.format]?.[1] || "Options of your own; see below.";
    this.simple.replaceChildren(...(isFour ? options.filter((option) => FOUR_BIT_FIELDS.includes(option.name)) : []).map((option) => optionField(option, this.options[option.name], set(option.name))));
    const groups = new Map();
    for (const option of options) groups.set(option.group, [...(groups.get(option.group) || []), option]);
    this.all.replaceChildren(...[...groups].map(([group, those]) => make("fieldset", { class: "ol-option-group" }, make("legend", {}, group), make("div", { class: "ot-fields" }, ...those.filter((option) => !(isFour && FOUR_BIT_FIELDS.includes(option.name))).map((option) => optionField(option, this.options[option.name], set(option.name)))))));
  }

  /** Another weight format than that of the button: the fields that go with it, and no button. */
  #match() {
    const found = Object.keys(FORMATS).find((key) => FORMATS[key][2]["weight-format"] === this.options["weight-format"] && Boolean(FORMATS[key][2].sym) === Boolean(this.options.sym)) || "";
    if (found === this.format) return;
    this.format = found;
    this.choice.show(found);
    const held = document.activeElement?.dataset?.name;
    this.#drawOptions();
    if (held) this.form.querySelector(`[data-name="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }

  #request() { return { kind: "conversion", source: this.source, name: this.name, options: this.options, check: this.isCheckWanted }; }

  #changed() {
    this.wrong = this.name ? nameProblem(this.name, this.offers.names) : "";
    this.error = "";
    this.told = null;
    this.#tell();
    this.later();
  }

  async #ask() {
    const number = this.number += 1;
    if (this.wrong || hasProblem(this.form)) return;
    try {
      const told = await this.desk.ask("models_command", { request: this.#request() });
      if (number !== this.number) return;
      this.told = told;
      this.command.textContent = told.command;
      this.commandHelp.textContent = `This is run in processes of its own, without the Hub. ${commandWords(told.command)}`;
      this.nameInput.placeholder = told.name;
      this.wrong = nameProblem(told.name, this.offers.names);
      if (this.wrong && !this.name) this.wrong = `There is a ${told.name} already: write another name.`;
    } catch (error) {
      if (number === this.number) this.wrong = error.message;
    }
    this.#tell();
  }

  #tell() {
    const now = this.desk.now(), { told } = this, maker = told && makerOf(now, told.name), isUnreadable = hasProblem(this.form), why = !now.may ? now.why : isUnreadable ? UNREADABLE : this.wrong;
    const { words, isShort } = told ? needsWords(told.needs, now.free_bytes) : { words: " ", isShort: false };
    if (told || why) redraw(this.notes, told?.notes || [], () => (told?.notes || []).map((each) => make("p", { class: "ot-mark-words" }, each)));
    this.needs.textContent = words;
    this.needs.classList.toggle("oc-warn", isShort);
    hint(this.problem, this.error || why);
    hint(this.made, maker && !this.error && !why ? `${told.name} is being made, see Tasks.` : "");
    this.begin.disabled = Boolean(why || maker) || !told;
    // What is shown is not what the form says, while that is refused or not yet answered.
    this.command.classList.toggle("is-old", !told || isUnreadable);
    this.copy.disabled = !told || isUnreadable;
  }

  async #start() {
    this.begin.disabled = true;
    try {
      const { task } = await this.desk.ask("models_convert", { request: this.#request() });
      this.desk.toast(begunWords(`The conversion to ${task.name}`, task));
      this.name = this.nameInput.value = "";
      this.desk.again();
    } catch (error) {
      this.error = error.message;
    }
    this.#tell();
  }
}

/** What a conversion takes against what there is. @param {Object|null} needs estimates of the server @param {number|null} disk free bytes */
function needsWords(needs, disk) {
  if (!needs) return { words: "What it needs can’t be told from its files.", isShort: false };
  const { memory_bytes: memory, disk_bytes: room, free_memory_bytes: free } = needs, isShort = free !== null && memory > free || disk !== null && room > disk;
  return { words: `About ${bytes(memory)} of memory (${bytes(free)} are free) and ${bytes(room)} of disk while it runs (${bytes(disk)} are free).`, isShort };
}
