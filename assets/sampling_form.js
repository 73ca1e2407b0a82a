// The sampling of the chat: one field a parameter. props.value holds only what is set: {name: value}; props.state what the
// fields are, the model's own values, and the seed of the last answer. Runs as the body of a function with element, props,
// trigger, watch.
const host = element.querySelector(".oa-sampling");
const PLAIN_NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const EXPLAIN_KEY = "openarc-explain-sampling";
let sending = null, showsHelp = false;
try { showsHelp = localStorage.getItem(EXPLAIN_KEY) === "1"; } catch (error) { showsHelp = false; } // storage may be forbidden

const make = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const state = () => props.state || {};
const values = () => props.value || {};
const own = () => state().defaults || {};
const isSet = (name) => Object.prototype.hasOwnProperty.call(values(), name);
const idOf = (name) => `oa-sampling-${name}`;
const shown = (value) => value === null || value === undefined ? "drawn anew" : String(value);
// "set": by the fields; "own": the model is greedy unless it is asked to sample; "": it samples.
const greedyBy = () => {
  if (values().do_sample === false || values().temperature === 0) return "set";
  const temperature = isSet("temperature") ? values().temperature : own().temperature;
  const asksForSampling = values().temperature > 0 || values().num_return_sequences > 1 || values().do_sample === true;
  return temperature === 0 || (own().do_sample === false && !asksForSampling) ? "own" : "";
};
// What makes a greedy model sample stays open where the fields don't say greedy.
const staysOpen = { temperature: (by) => values().do_sample !== false, num_return_sequences: (by) => by === "own" };

function resetButton(field) {
  return make("button", { type: "button", class: "oa-sampling-reset", "data-reset": field.name, title: "Back to the model's own value",
    "aria-label": `${field.label}: back to the model's own value` }, "×");
}
function segments(field) {
  return make("div", { class: "oa-sampling-segments", role: "radiogroup", "aria-labelledby": `${idOf(field.name)}-label` },
    ...field.choices.map(([value, words]) => make("button", { type: "button", role: "radio", "data-choice": field.name,
      "data-value": JSON.stringify(value) }, words)));
}
function control(field) {
  const common = { id: idOf(field.name), "data-name": field.name, "aria-describedby": `${idOf(field.name)}-help ${idOf(field.name)}-problem` };
  if (field.kind === "choice") return segments(field);
  if (field.kind === "switch") return make("input", { ...common, type: "checkbox" });
  if (field.kind === "lines") return make("textarea", { ...common, rows: 1, spellcheck: "false", placeholder: "none" });
  return make("input", { ...common, type: "text", inputmode: field.minimum < 0 ? "text" : "decimal", autocomplete: "off", spellcheck: "false" });
}
function row(field) {
  const label = make(field.kind === "choice" ? "span" : "label", { id: `${idOf(field.name)}-label`,
    for: field.kind === "choice" ? null : idOf(field.name), title: field.help }, field.label);
  const keep = field.name === "seed" ? make("button", { type: "button", class: "oa-sampling-keep", "aria-pressed": "false" }, "Keep the seed") : null;
  return make("div", { class: `oa-sampling-row is-${field.kind}`, "data-row": field.name }, label,
    make("div", { class: "oa-sampling-control" }, control(field), field.kind === "choice" || field.kind === "switch" ? null : resetButton(field)),
    keep ? make("div", { class: "oa-sampling-seed" }, make("span", { class: "oa-sampling-seed-words" }), keep) : null,
    make("p", { class: "oa-sampling-help", id: `${idOf(field.name)}-help` }, field.help),
    make("p", { class: "oa-sampling-problem", id: `${idOf(field.name)}-problem`, "aria-live": "polite" }));
}
function build() {
  host.replaceChildren(
    ...state().groups.map((group) => make("div", { class: "oa-sampling-group" },
      ...group.map(row), group.some((field) => field.name === "do_sample") ? make("p", { class: "oa-sampling-greedy", role: "status" }) : null)),
    make("div", { class: "oa-sampling-foot" },
      make("button", { type: "button", class: "oa-sampling-explain", "aria-pressed": "false" }, "Explain"),
      make("span", { class: "oa-sampling-count", role: "status" }),
      make("button", { type: "button", class: "oa-sampling-clear" }, "Reset all")));
  host.dataset.built = "1";
}

// What is typed is kept as it is typed; the server says the same as this, when it is sent all the same.
function problemOf(field, value) {
  if (value === undefined || field.kind === "choice" || field.kind === "switch") return "";
  if (field.kind === "ids") return !Array.isArray(value) ? "Whole numbers from 0, with spaces between." : value.length > field.most ? `At most ${field.most} tokens.` : "";
  if (field.kind === "lines") return value.length > field.most ? `At most ${field.most} lines.` : value.some((line) => line.length > 200) ? "At most 200 characters a text." : "";
  if (field.name === "seed" && /^\d{1,19}$/.test(String(value))) return ""; // beyond 2^53 it is kept as text
  if (typeof value !== "number") return field.kind === "integer" ? "Not a whole number." : "Not a number.";
  if (field.kind === "integer" && !Number.isInteger(value)) return "Not a whole number.";
  if (field.minimum !== null && (value < field.minimum || (field.above && value === field.minimum))) return `${field.above ? "Above" : "At least"} ${field.minimum}.`;
  if (field.maximum !== null && (value > field.maximum || (field.below && value === field.maximum))) return `${field.below ? "Below" : "At most"} ${field.maximum}.`;
  return "";
}
const written = (text) => String(text).replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/\t/g, "\\t");
const unwritten = (text) => text.replace(/\\(.)/g, (whole, letter) => ({ n: "\n", t: "\t", "\\": "\\" })[letter] ?? whole);
function asText(field, value) {
  if (value === undefined) return "";
  if (field.kind === "ids" && Array.isArray(value)) return value.join(" ");
  return field.kind === "lines" ? value.map(written).join("\n") : String(value);
}
function typed(field, text) {
  if (field.kind === "lines") { const lines = text.split("\n").filter((line) => line !== "").map(unwritten); return lines.length ? lines : undefined; }
  if (field.kind === "ids") {
    const parts = text.split(/[\s,]+/).filter((part) => part !== "");
    return !parts.length ? undefined : parts.every((part) => /^\d{1,10}$/.test(part)) ? parts.map(Number) : text.trim();
  }
  const plain = text.trim().replace(",", ".");
  if (plain === "") return undefined;
  const number = Number(plain);
  return PLAIN_NUMBER.test(plain) && (field.name !== "seed" || Number.isSafeInteger(number)) ? number : text.trim();
}

const fields = () => state().groups.flat();
const fieldOf = (name) => fields().find((field) => field.name === name);
function fillControl(field, line, isOff) {
  const input = line.querySelector("[data-name]"), value = values()[field.name];
  if (field.kind === "choice") {
    const chosen = JSON.stringify(isSet(field.name) ? value : field.unset);
    const buttons = [...line.querySelectorAll("[data-choice]")], known = buttons.some((each) => each.dataset.value === chosen);
    buttons.forEach((each, position) => {
      const isChosen = each.dataset.value === chosen;
      each.setAttribute("aria-checked", isChosen ? "true" : "false");
      each.tabIndex = isChosen || (!known && position === 0) ? 0 : -1;
      each.disabled = isOff;
    });
    return;
  }
  input.disabled = isOff;
  if (field.kind === "switch") { input.checked = isSet(field.name) ? value : Boolean(own()[field.name]); return; }
  if (input !== document.activeElement) input.value = asText(field, value);
  if (field.kind === "lines") { input.rows = Math.min(4, Math.max(1, input.value.split("\n").length)); input.placeholder = (own()[field.name] || []).map(written).join(" ") || "none"; }
  else input.placeholder = field.kind === "ids" ? (own()[field.name] || []).join(" ") || "none" : shown(own()[field.name]);
}
function fill() {
  const greedy = greedyBy(), off = greedy ? state().turned_off : [];
  for (const field of fields()) {
    const line = host.querySelector(`[data-row="${field.name}"]`), isOff = off.includes(field.name) && !staysOpen[field.name]?.(greedy);
    fillControl(field, line, isOff);
    const problem = isOff ? "" : problemOf(field, values()[field.name]);
    line.classList.toggle("is-set", isSet(field.name));
    line.classList.toggle("is-off", isOff);
    line.classList.toggle("has-problem", Boolean(problem));
    line.querySelector(".oa-sampling-problem").textContent = problem;
    line.querySelector("[data-name]")?.setAttribute("aria-invalid", problem ? "true" : "false");
  }
  const why = values().do_sample !== false && values().temperature === 0 ? "Temperature 0 is greedy. " : "";
  host.querySelector(".oa-sampling-greedy").textContent = { set: why + state().greedy_words, own: state().own_greedy_words }[greedy] ?? "";
  fillSeed(Boolean(greedy));
  host.classList.toggle("shows-help", showsHelp);
  host.querySelector(".oa-sampling-explain").setAttribute("aria-pressed", showsHelp ? "true" : "false");
  const set = Object.keys(values()).length;
  host.querySelector(".oa-sampling-count").textContent = set ? `${set} set` : "all the model's own";
}
function fillSeed(greedy) {
  const keep = host.querySelector(".oa-sampling-keep"), isKept = isSet("seed"), last = state().last_seed;
  keep.setAttribute("aria-pressed", isKept ? "true" : "false");
  keep.disabled = greedy || (!isKept && !last);
  host.querySelector(".oa-sampling-seed-words").textContent = isKept ? "The same for every answer." : greedy ? "Greedy answers need none." : last ? `Last answer: ${last}` : "No answer yet.";
}
function show() {
  if (!state().groups) return;
  if (!host.dataset.built) build();
  fill();
}
function change(name, value, delay) {
  const next = { ...values() };
  if (value === undefined) delete next[name]; else next[name] = value;
  props.value = next;
  fill();
  clearTimeout(sending);
  sending = setTimeout(() => trigger("input"), delay);
}
function choose(button) {
  const field = fieldOf(button.dataset.choice), value = JSON.parse(button.dataset.value);
  change(field.name, value === field.unset ? undefined : value, 0);
  button.focus();
}
function emptied(name) {
  const input = host.querySelector(`#${idOf(name)}`);
  input.value = "";
  change(name, undefined, 0);
  return input;
}

host.addEventListener("input", (event) => {
  const input = event.target;
  event.stopPropagation();
  if (!input.dataset.name) return;
  const field = fieldOf(input.dataset.name);
  if (field.kind === "switch") change(field.name, input.checked === Boolean(own()[field.name]) ? undefined : input.checked, 0);
  else change(field.name, typed(field, input.value), 120);
});
host.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.reset) emptied(button.dataset.reset).focus();
  else if (button.dataset.choice) choose(button);
  else if (button.classList.contains("oa-sampling-keep")) {
    if (isSet("seed")) emptied("seed");
    else { const seed = state().last_seed; host.querySelector(`#${idOf("seed")}`).value = seed; change("seed", typed(fieldOf("seed"), seed), 0); }
  } else if (button.classList.contains("oa-sampling-clear")) { props.value = { ...state().initial }; fill(); trigger("input"); }
  else if (button.classList.contains("oa-sampling-explain")) {
    showsHelp = !showsHelp;
    try { localStorage.setItem(EXPLAIN_KEY, showsHelp ? "1" : "0"); } catch (error) { /* not remembered where storage is forbidden */ }
    fill();
  }
});
host.addEventListener("keydown", (event) => {
  const button = event.target.closest("[data-choice]"), step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!button || !step) return;
  event.preventDefault();
  const all = [...button.parentElement.children];
  choose(all[(all.indexOf(button) + step + all.length) % all.length]);
});
host.addEventListener("focusout", () => setTimeout(show, 0)); // a field that had the focus was left as it was typed
watch(["value", "state"], show);
show();
