// A look inside a model: its graph as numbers and pictures, its tokenizer tried on texts, its template on conversations.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { Plot } from "../metrics/plot.js";
import { layersFigure, operationsFigure } from "./inside_figures.js";
import { isTrouble, mark, verdictMark } from "./marks.js";
import { emptyBox, facts, problemBox, waits } from "./parts.js";
import { NONE, bytes, decimal } from "./values.js";

const PARTS = { graph: "Reading its graph", tokenizer: "Trying its tokenizer", template: "Trying its template" };

export class Inside {
  /** @param {import("./parts.js").Desk} desk */
  constructor(desk) {
    Object.assign(this, { desk, model: null, plots: [], number: 0, isWaiting: false });
    this.title = make("h2", {});
    this.graph = make("div", { class: "ol-stack" });
    this.tokenizer = make("section", { class: "om-card", "aria-label": "Tokenizer" });
    this.template = make("section", { class: "om-card", "aria-label": "Chat template" });
    this.problems = make("div");
    this.element = make("section", { class: "ol-stack ol-section", "aria-label": "Look inside" }, make("div", { class: "ol-head" }, wordButton("‹ My models", () => desk.go({ view: "mine" }), { class: "is-small", "data-action": "back" }), this.title, wordButton("Look again", () => this.#ask(), { class: "is-small", "data-action": "look-again" })), this.problems, this.graph, this.tokenizer, this.template);
  }

  /** @param {string} model */
  open(model) {
    if (model === this.model) return;
    this.model = model;
    this.title.textContent = model;
    this.#ask();
  }

  follow() {
    const { may, why } = this.desk.now();
    if (this.isWaiting && may) this.#ask();
    else if (this.isWaiting && why) { this.graph.replaceChildren(emptyBox("For administrators", why)); this.tokenizer.hidden = this.template.hidden = true; }
  }

  retheme() { for (const plot of this.plots) plot.retheme(); }

  #ask() {
    this.isWaiting = !this.desk.now().may;
    if (this.isWaiting) { this.follow(); return; }
    const number = this.number += 1;
    for (const plot of this.plots) plot.forget();
    this.plots = [];
    this.problems.replaceChildren();
    this.tokenizer.hidden = this.template.hidden = false;
    const draw = { graph: (found) => this.#drawGraph(found.graph), tokenizer: (found) => this.#drawTrials(this.tokenizer, "Tokenizer", "Each text is encoded and decoded again; where a model has two tokenizers, OpenVINO’s and the checkpoint’s own, their ids are compared.", found.tokenizer, true), template: (found) => this.#drawTrials(this.template, "Chat template", "Each conversation is rendered as it would be for an answer.", found.template, false) };
    for (const [name, words] of Object.entries(PARTS)) {
      this[name].replaceChildren(...(name === "graph" ? [] : [make("h3", {}, name === "tokenizer" ? "Tokenizer" : "Chat template")]), waits(words, name === "graph" ? 2 : 1));
      this.#part(number, name, draw[name]);
    }
  }

  /** Each part comes when it is ready. */
  async #part(number, name, draw) {
    try {
      const { inspection } = await this.desk.ask("models_inspect", { model: this.model, parts: [name] });
      if (number !== this.number) return;
      draw(inspection);
      if (inspection.problems.length) this.problems.append(...inspection.problems.map((words) => make("p", { class: "ot-mark-words" }, words)));
    } catch (error) {
      if (number === this.number) this[name].replaceChildren(problemBox(error, () => this.#ask()));
    }
  }

  #drawGraph(graph) {
    if (!graph) { this.graph.replaceChildren(emptyBox("No graph to look at", "Only an OpenVINO model has one that can be read here.")); return; }
    // A GGUF has tensors and no graph: nothing to count, and nothing to say of a cache.
    const layers = this.#plot("layers", "Size by layer and precision", 330), operations = graph.operations.length ? this.#plot("operations", "Operations", 300) : null;
    this.graph.replaceChildren(summary(graph), layers.card, ...(operations ? [operations.card] : []));
    this.#show(layers, layersFigure(graph));
    if (operations) this.#show(operations, operationsFigure(graph));
    layers.card.append(make("details", { class: "om-details" }, make("summary", {}, "As a table"), layerTable(graph)));
  }

  #plot(name, title, height) {
    const plot = new Plot(this.desk.around, { name, height, title: () => `${title}, ${this.model}`, file: () => `${this.model}-${name}`.replace(/[^\w.-]+/g, "-") }), note = make("span", { class: "om-card-unit" });
    this.plots.push(plot);
    return { plot, note, card: make("section", { class: "om-card", "data-figure": name, "aria-label": title }, make("div", { class: "om-card-head" }, make("h3", {}, title), note, wordButton("PNG", () => plot.save(), { class: "is-small om-png", "aria-label": `Save ${title} as PNG` })), plot.element) };
  }

  #show({ plot, note }, figure) {
    note.textContent = figure.layout.meta?.note || "";
    plot.show(figure, this.model);
  }

  #drawTrials(host, title, about, trials, hasTokens) {
    const bad = trials.filter((each) => isTrouble(each.verdict)).length;
    host.replaceChildren(make("div", { class: "om-card-head" }, make("h3", {}, title), make("span", { class: "om-card-unit" }, trials.length ? bad ? `${bad} of ${trials.length} to look at` : `${trials.length} tried, all good` : "")), make("p", { class: "ot-help" }, about),
      trials.length ? make("div", { class: "om-table-frame" }, make("table", { class: "om-table ol-trials" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, hasTokens ? "Text" : "Conversation"), make("th", { scope: "col" }, "Verdict"), hasTokens ? make("th", { scope: "col", class: "is-number" }, "Tokens") : null, make("th", { scope: "col" }, "Words"))),
        make("tbody", {}, ...trials.map((each) => make("tr", {}, make("th", { scope: "row" }, each.what), make("td", { "data-name": "Verdict" }, verdictMark(each.verdict)), hasTokens ? make("td", { class: "is-number", "data-name": "Tokens" }, each.token_count === null ? NONE : decimal(each.token_count, 0)) : null, make("td", { class: "ol-trial-words" }, each.words)))))) : make("p", { class: "om-none" }, "It could not be tried."));
  }
}

/** A model in short: its weights, its cache, its operations, its precisions. @param {Object} graph a GraphReport */
function summary(graph) {
  const total = Math.max(1, graph.precisions.reduce((sum, [, size]) => sum + size, 0)), count = graph.operations.reduce((sum, [, often]) => sum + often, 0), share = (size) => decimal(size / total * 100, 1);
  const cache = graph.is_stateful ? mark(["✓", "kept by the model (stateful)", "good"]) : mark(["–", "given from outside (stateless)", "warn"]);
  return make("section", { class: "om-card", "aria-label": "In short" }, facts([["Weights", bytes(graph.weights_bytes)], ...(count ? [["Key-value cache", cache], ["Operations", decimal(count, 0)], ["IR version", graph.ir_version ?? NONE], ["Inputs", graph.inputs.join(", ") || NONE], ["Outputs", graph.outputs.join(", ") || NONE]] : [])]),
    make("h4", { class: "ol-sub" }, "Precisions"), make("ul", { class: "ol-precisions" }, ...graph.precisions.map(([name, size]) => make("li", {}, make("b", {}, name), make("span", {}, bytes(size)), make("i", { class: "ol-size", style: `width: ${share(size)}%`, "aria-hidden": "true" }), make("span", { class: "ot-help" }, `${share(size)}%`)))));
}

/** The numbers of the first figure. @param {Object} graph a GraphReport */
function layerTable({ layers, precisions }) {
  const names = precisions.map(([name]) => name), number = (value) => make("td", { class: "is-number" }, bytes(value));
  const head = ["Layer", "Size", ...names].map((words, at) => make("th", { scope: "col", class: at ? "is-number" : null }, words));
  const rows = layers.map((layer) => make("tr", {}, make("th", { scope: "row" }, layer.name), number(layer.size_bytes), ...names.map((name) => number(layer.by_precision.find(([type]) => type === name)?.[1]))));
  return make("div", { class: "om-table-frame ol-file-frame", tabindex: "0", role: "region", "aria-label": "Size by layer" }, make("table", { class: "om-table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}
