// Recommended models: a table in groups, each row held against the device that is chosen. A row's button gets the model.

import { wordButton } from "../chat/buttons.js";
import { arrange, make } from "../chat/dom.js";
import { check, select } from "../tune/fields.js";
import { dialog, redraw } from "../tune/tools.js";
import { askDownload } from "./get.js";
import { fitMark, loadMark, mark, taskWord } from "./marks.js";
import { copyButton, emptyBox, guarded, loadModel, loadOf, makerOf, problemBox, waits } from "./parts.js";
import { pageOf } from "./repository.js";
import { NONE, bytes, context, decimal, parameters } from "./values.js";

const CONTEXTS = [1024, 4096, 8192, 16_384, 32_768, 131_072], UNKNOWN = Number.MAX_VALUE, AGAIN_MS = 10_000;
const GROUPS = { Starter: "To begin with", OpenArc: "Launched with OpenArc", OpenVINO: "From OpenVINO" };
const SORTS = { usual: "recommended", size: "smallest first", parameters: "most parameters first", context: "longest context first", name: "by name" };
const FIT_ORDER = ["fits", "tight", "unknown", "too large"];

export class Library {
  /** @param {import("./parts.js").Desk} desk */
  constructor(desk) {
    Object.assign(this, { desk, answer: null, words: "", sort: "usual", onlyFits: false, device: "CPU", contextTokens: 4096, isAsking: false, rows: new Map() });
    this.search = make("input", { type: "search", class: "oc-field ol-search", placeholder: "Filter by name, use, licence …", "aria-label": "Filter the library", autocomplete: "off", "data-name": "library-filter", oninput: () => { this.words = this.search.value; this.#draw(); } });
    this.deviceHost = make("span", { class: "ol-choice ol-of-device" });
    this.tools = make("div", { class: "ol-toolbar" }, this.search, this.deviceHost,
      make("label", { class: "ol-choice" }, "Context ", select(CONTEXTS.map((each) => [String(each), `${context(each)} tokens`]), "4096", (value) => { this.contextTokens = Number(value); this.ask(); }, { "aria-label": "Context to fit", "data-name": "library-context" })),
      make("label", { class: "ol-choice" }, "Order ", select(Object.entries(SORTS), "usual", (value) => { this.sort = value; this.#draw(); }, { "aria-label": "Order", "data-name": "library-order" })),
      check("Only what fits", false, (isOnly) => { this.onlyFits = isOnly; this.#draw(); }, { "data-name": "library-fits" }));
    this.table = make("table", { class: "om-table ol-library" }, make("thead", {}, make("tr", {}, ...["Model", "Size", "Parameters", "Weights", "Context", "Licence", "Fit", ""].map((words, at) => make("th", { scope: "col", class: at > 0 && at < 3 || at === 4 ? "is-number" : null }, words || make("span", { class: "oc-heard" }, "Get"))))));
    this.frame = make("div", { class: "om-table-frame", hidden: true }, this.table);
    this.said = make("div", {}, waits("Reading the library"));
    this.#drawDevices([{ name: "CPU", label: "" }]); // holds its place until it is known which there are
    this.foot = make("p", { class: "ot-help" }, "Sizes, licences and contexts are as their publishers tell them; the fit is estimated for this machine with its memory as it is now. Nothing is asked of the Hub until you get a model.");
    this.element = make("section", { class: "om-card ol-section", "aria-label": "Library" }, this.tools, this.said, this.frame, this.foot);
  }

  open() { this.ask(); }

  /** The verdicts change with what is loaded and what is free. */
  async ask() {
    if (this.isAsking) { this.isStale = true; return; }
    this.isAsking = true;
    this.isStale = false;
    this.askedAt = performance.now();
    try {
      this.answer = await this.desk.ask("models_library", { device: this.device, context_tokens: this.contextTokens });
      this.said.replaceChildren();
      this.#draw();
    } catch (error) {
      this.said.replaceChildren(problemBox(error, () => this.ask()));
    }
    this.isAsking = false;
    if (this.isStale) this.ask();
  }

  /** Memory that becomes free, or is taken by another program, is no news of a task. */
  poll() { if (this.answer && performance.now() - this.askedAt > AGAIN_MS) this.ask(); }

  /** Tasks and loads change what a row offers. */
  follow() { if (this.answer) this.#draw(); }

  #drawDevices(devices) {
    redraw(this.deviceHost, [devices, this.device], () => [make("label", { class: "ol-choice" }, "Fit on ", select(devices.map(({ name, label }) => [name, label && label !== name ? `${name} (${label})` : name]), this.device, (name) => { this.device = name; this.ask(); }, { "aria-label": "Device to fit on", "data-name": "library-device" }))]);
  }

  #shown() {
    const wanted = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    const items = this.answer.items.filter(({ entry, fit }) => (!this.onlyFits || fit === "fits" || fit === "tight") && wanted.every((word) => [entry.name, entry.repository, entry.good_for, entry.licence, entry.precision, entry.collection].some((text) => (text || "").toLowerCase().includes(word))));
    const keys = { size: ({ entry, reckoned_bytes: reckoned }) => entry.size_bytes ?? reckoned ?? UNKNOWN, parameters: ({ entry }) => -(entry.parameters ?? 0), context: ({ entry }) => -(entry.context_length ?? 0) };
    if (this.sort === "name") return items.sort((a, b) => a.entry.name.localeCompare(b.entry.name));
    return keys[this.sort] ? items.sort((a, b) => keys[this.sort](a) - keys[this.sort](b) || FIT_ORDER.indexOf(a.fit) - FIT_ORDER.indexOf(b.fit)) : items;
  }

  #draw() {
    const { devices } = this.answer, shown = this.#shown(), groups = new Map();
    this.#drawDevices(devices);
    for (const item of shown) {
      const group = this.sort === "usual" ? item.entry.collection : "";
      groups.set(group, [...(groups.get(group) || []), item]);
    }
    const bodies = [...groups].map(([group, items]) => {
      const body = this.rows.get(`group ${group}`) || make("tbody", { "data-group": group });
      this.rows.set(`group ${group}`, body);
      const head = group ? this.rows.get(`head ${group}`) || make("tr", { class: "ol-group" }, make("th", { scope: "rowgroup", colspan: "8" }, GROUPS[group] || group)) : null;
      if (head) this.rows.set(`head ${group}`, head);
      arrange(body, [head, ...items.map((item) => this.#row(item))].filter(Boolean));
      return body;
    });
    for (const body of [...this.table.tBodies]) if (!bodies.includes(body)) body.remove();
    arrange(this.table, [this.table.tHead, ...bodies]);
    this.frame.hidden = !shown.length;
    redraw(this.said, shown.length, () => shown.length ? [] : [emptyBox("Nothing of that kind", "No recommended model fits the filter. Search the Hub for others.", wordButton("Search the Hub", () => this.desk.go({ view: "hub" }), { "data-action": "to-hub" }))]);
  }

  #row(item) {
    const { entry } = item, key = entry.repository || entry.name, known = this.rows.get(key), element = known || make("tr", { "data-model": entry.name });
    this.rows.set(key, element);
    const now = this.desk.now(), name = item.installed_as, maker = makerOf(now, entry.name, entry.repository), load = loadOf(now, name), number = (words, value) => make("td", { class: "is-number", "data-name": words }, value);
    const isOpen = (name) => element.querySelector(`.${name}`)?.open ?? false; // what is read stays open when free memory changed
    redraw(element, [item, maker?.task_id, maker?.state, load, now.may], () => [
      make("th", { scope: "row", class: "ol-of-model" }, entry.repository ? make("a", { class: "ol-name", href: pageOf(now.hub.endpoint, entry.repository), target: "_blank", rel: "noopener noreferrer", title: `${entry.repository}: opens its page on the Hub` }, entry.name) : make("span", { class: "ol-name" }, entry.name), make("span", { class: "ol-use" }, entry.good_for), " ", sources(entry, isOpen("ol-sources"))),
      make("td", { class: "is-number", "data-name": "Size", title: item.reckoned_bytes ? "Its size is not told; reckoned from its parameters" : null }, item.reckoned_bytes ? `≈ ${bytes(item.reckoned_bytes)}` : bytes(entry.size_bytes)), number("Parameters", parameters(entry.parameters)), make("td", { "data-name": "Weights", class: "ol-of-weights" }, entry.precision), make("td", { class: "is-number", "data-name": "Context", title: entry.context_length === null ? "not told" : `${decimal(entry.context_length, 0)} tokens` }, context(entry.context_length)), make("td", { "data-name": "Licence", class: "ol-of-licence", title: entry.licence }, entry.licence || NONE),
      make("td", { "data-name": "Fit", class: "ol-of-fit" }, make("details", { class: "ol-fit", open: isOpen("ol-fit") }, make("summary", { title: item.fit_words, "data-action": "fit" }, fitMark(item.fit, item.fit_words)), make("p", { class: "ot-help" }, item.fit_words))),
      make("td", { class: "ol-of-button" }, ...this.#buttons(item, maker, load)),
    ]);
    return element;
  }

  #buttons({ entry, installed_as: name, fit, fit_words: words, reckoned_bytes: reckoned, prepare_command: command }, maker, loadState) {
    if (loadState) return [loadMark(loadState)];
    if (name) {
      const load = guarded(this.desk, "Load", () => loadModel(this.desk, name, load), { class: "is-small", "data-action": "load", "aria-label": `Load ${name}` });
      return [mark(["✓", "installed", "good"]), load];
    }
    if (maker) return [wordButton(taskWord(maker.state), () => this.desk.go({ task: maker.task_id }), { class: "is-small", "data-action": "to-task", "aria-label": `${entry.name}: ${taskWord(maker.state)}; opens its task` })];
    if (!entry.repository) return command ? [wordButton("Make …", () => tellPreparing(this.desk, entry, command), { class: "is-small", "data-action": "how", "aria-label": `How ${entry.name} is made` })] : [];
    return [guarded(this.desk, "Get", () => askDownload(this.desk, { repository: entry.repository, name: entry.name, bytes: entry.size_bytes, reckoned, licence: entry.licence, words }), { class: `is-small${fit === "too large" ? "" : " is-primary"}`, "data-action": "get", "aria-label": `Get ${entry.name}` })];
  }
}

/** A starter model comes from a Python package and not from the Hub: how it is made. @param {import("./parts.js").Desk} desk @param {Object} entry @param {string} command */
function tellPreparing(desk, entry, command) {
  const isUsual = !command.includes("--precision"), code = make("pre", { class: "om-code ol-command", tabindex: "0", "aria-label": "The command" }, command);
  const box = dialog(desk.root, `Make ${entry.name}`, make("p", {}, `${isUsual ? "OpenArc makes it when it starts and --model names no other. Or in a terminal" : "It is made in a terminal"}, in OpenArc’s folder and with its Python environment active:`), code,
    make("p", { class: "ot-help" }, `It fetches a Python package of 93 MB from the package index, and becomes ${bytes(entry.size_bytes)} in the folder “models”; another model folder is named with --model-folder. It shows here once it is made.`), make("div", { class: "oc-buttons" }, copyButton(desk, () => code.textContent, "Copy", { "data-action": "copy-preparing" }), wordButton("Close", () => box.close())));
}

/** Where its numbers come from, folded. @param {Object} entry @param {boolean} open */
const sources = ({ name, facts_from: from = [] }, open) => from.length ? make("details", { class: "ol-sources", open }, make("summary", { "data-action": "sources", "aria-label": `Sources of what is said of ${name}` }, "Sources"), make("ul", {}, ...from.map((words) => make("li", {}, words)))) : null;
