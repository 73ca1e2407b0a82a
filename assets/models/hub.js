// Models of the Hub: a search when somebody searches, a repository's files, the token. Nothing is asked before that.

import { wordButton } from "../chat/buttons.js";
import { make } from "../chat/dom.js";
import { check } from "../tune/fields.js";
import { redraw } from "../tune/tools.js";
import { HubFiles } from "./hub_files.js";
import { mark } from "./marks.js";
import { emptyBox, guarded, problemBox, waits } from "./parts.js";
import { folderOf, repositoryOf } from "./repository.js";
import { tokenForm } from "./token.js";
import { NONE, day, many } from "./values.js";

export class HubView {
  /** @param {import("./parts.js").Desk} desk */
  constructor(desk) {
    Object.assign(this, { desk, found: null, asked: "", onlyOpenvino: true, number: 0 });
    this.files = new HubFiles(desk, () => this.#back());
    this.search = make("input", { type: "search", class: "oc-field ol-search", placeholder: "Words, a name such as OpenVINO/Qwen3-0.6B-int4-ov, or an address", "aria-label": "Search the Hub", autocomplete: "off", spellcheck: "false", "data-name": "hub-search" });
    this.go = wordButton("Search", () => {}, { class: "is-primary", type: "submit", "data-action": "search" });
    this.form = make("form", { class: "ol-toolbar", role: "search", onsubmit: (event) => { event.preventDefault(); this.#submit(); } }, this.search, this.go, check("OpenVINO models only", true, (isOnly) => { this.onlyOpenvino = isOnly; if (this.asked && !repositoryOf(this.search.value)) this.#submit(); }, { "data-name": "only-openvino" }));
    this.token = make("div");
    this.said = make("div");
    this.list = make("div", { class: "om-table-frame" });
    this.results = make("section", { class: "om-card ol-section", "aria-label": "The Hub" }, this.form, this.said, this.list, this.token);
    this.element = make("div", { class: "ol-stack" }, this.results, this.files.element);
    this.#invite();
  }

  /** @param {string|null} repository whose files are to be seen */
  open(repository) {
    this.files.open(repository);
    this.results.hidden = Boolean(repository);
    this.follow();
    if (repository) this.search.value = repository;
  }

  follow() {
    const { may, why, hub, tasks } = this.desk.now();
    this.go.disabled = this.search.disabled = !may;
    this.go.title = may ? "" : why;
    redraw(this.token, [hub, may], () => [make("details", { class: "om-details ol-token" }, make("summary", {}, `Token for gated models: ${hub.has_token ? "set" : "not set"} · ${hub.endpoint}`), tokenForm(this.desk))]);
    this.files.follow();
    if (this.isEarly && may) this.#submit();
    if (this.found && tasks) this.#draw();
  }

  #invite() { this.said.replaceChildren(emptyBox("Search, or paste a name", "The Hub is asked only when you search, look into a repository, or download. A mirror can be set when OpenArc is started.")); }

  async #submit() {
    const typed = this.search.value.trim(), repository = repositoryOf(typed), { may, why } = this.desk.now();
    this.isEarly = Boolean(typed) && !may && !why; // whether one may is not known yet: it is done as soon as it is
    if (!typed || !may) return;
    if (repository) { this.files.address(repository); this.desk.go({ view: "hub", repository: repository.repository }); return; }
    const number = this.number += 1;
    this.asked = typed;
    this.found = null;
    this.list.replaceChildren();
    this.said.replaceChildren(waits("Searching the Hub", 2));
    try {
      const answer = await this.desk.ask("models_search", { words: typed, only_openvino: this.onlyOpenvino, limit: 30 });
      if (number !== this.number) return;
      Object.assign(this, { found: answer.found, installed: answer.installed });
      this.#draw();
    } catch (error) {
      if (number === this.number) this.said.replaceChildren(problemBox(error, () => this.#submit(), error.code === "hub_unreachable" ? make("p", { class: "ot-help" }, "Without the Hub: copy a model's folder into the model folder, or convert a checkpoint or a GGUF that is there.") : null));
    }
  }

  #back() { this.desk.go({ view: "hub", repository: null }); this.search.focus({ preventScroll: true }); }

  #draw() {
    const { may } = this.desk.now(), shown = this.found.map((each) => [each, this.installed.includes(folderOf(each.repository))]);
    redraw(this.said, [this.asked, this.found.length, this.onlyOpenvino], () => this.found.length ? [make("p", { class: "ot-help", role: "status" }, `${this.found.length === 30 ? "The first 30" : this.found.length} for “${this.asked}”, the most downloaded first.`)]
      : [emptyBox("Nothing found", this.onlyOpenvino ? `No OpenVINO model fits “${this.asked}”. Others can be downloaded and converted.` : `No model fits “${this.asked}”.`, this.onlyOpenvino ? wordButton("Search all models", () => { this.form.querySelector("input[type=checkbox]").click(); }, { "data-action": "search-all" }) : null)]);
    redraw(this.list, [shown, may], () => this.found.length ? [make("table", { class: "om-table ol-found" }, make("thead", {}, make("tr", {}, ...["Repository", "Downloads", "Likes", "Updated", "Licence", ""].map((words, at) => make("th", { scope: "col", class: at === 1 || at === 2 ? "is-number" : null }, words || make("span", { class: "oc-heard" }, "Open"))))),
      make("tbody", {}, ...shown.map(([each, isHere]) => make("tr", { "data-repository": each.repository }, make("th", { scope: "row", class: "ol-of-model" }, may ? make("button", { type: "button", class: "ol-name ol-opens", title: `${each.repository}: its files`, "data-action": `name-${each.repository}`, onclick: () => this.desk.go({ view: "hub", repository: each.repository }) }, each.repository) : make("span", { class: "ol-name" }, each.repository), make("span", { class: "ot-marks" }, each.is_gated ? mark(["!", "gated", "warn"], "Its owner lets people in one by one: a token is needed") : null, isHere ? mark(["✓", "a folder of this name is here", "good"]) : null)),
        make("td", { class: "is-number", "data-name": "Downloads" }, many(each.downloads)), make("td", { class: "is-number", "data-name": "Likes" }, many(each.likes)), make("td", { "data-name": "Updated" }, day(each.updated_at)), make("td", { "data-name": "Licence", class: "ol-of-licence" }, each.licence || NONE),
        make("td", { class: "ol-of-button" }, guarded(this.desk, "Files", () => this.desk.go({ view: "hub", repository: each.repository }), { class: "is-small", "data-action": `files-${each.repository}`, "aria-label": `Files of ${each.repository}` }))))))] : []);
  }
}
