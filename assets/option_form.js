// A form made from descriptions of settings. props.value holds only what is set: {name: value}; props.state.spec the settings
// by group; props.state.findings what is wrong with which. Runs as the body of a function with element, props, trigger, watch.
const host = element.querySelector(".oa-form");
const number = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/;
let showAll = false, sought = "", sending = null;

const make = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const values = () => props.value || {};
const spec = () => props.state?.spec || { form: "", groups: [] };
const isSet = (name) => Object.prototype.hasOwnProperty.call(values(), name);
const idOf = (name) => `${spec().form}-${name.replace(/[^\w]/g, "-")}`;

const shownDefault = (option) => option.default === null || option.default === "" ? "" : option.default;
const words = (text) => ({ true: "on", false: "off" })[text] ?? text;

function control(option) {
  const id = idOf(option.name), common = { id, "data-name": option.name, "aria-describedby": `${id}-help ${id}-finding` };
  if (option.kind === "choice" || option.kind === "switch") {
    const usual = shownDefault(option);
    const choices = option.kind === "switch"
      ? [{ value: "true", words: "" }, { value: "false", words: "" }] : option.choices;
    return make("select", common,
      make("option", { value: "\u0000" }, usual === "" ? "Default" : `Default (${option.kind === "switch" ? words(usual) : usual})`),
      ...choices.map((each) => make("option", { value: each.value },
        option.kind === "switch" ? words(each.value) : each.value === "" ? each.words : each.words ? `${each.value} – ${each.words}` : each.value)));
  }
  if (option.kind === "lines" || option.kind === "json")
    return make("textarea", { ...common, rows: 2, spellcheck: "false", placeholder: option.kind === "lines" ? "one a line" : "{ }" });
  const isNumber = option.kind === "integer" || option.kind === "number";
  const list = option.words.length ? `${id}-words` : null;
  const input = make("input", { ...common, type: "text", inputmode: isNumber && !list ? "decimal" : null, autocomplete: "off",
    spellcheck: "false", placeholder: shownDefault(option) || "Default", list });
  return list ? make("span", { class: "oa-form-joined" }, input,
    make("datalist", { id: list }, ...option.words.map((word) => make("option", { value: word })))) : input;
}

function hintOf(option) {
  const parts = [];
  if (option.minimum !== null && option.maximum !== null) parts.push(`${option.minimum} to ${option.maximum}`);
  else if (option.minimum !== null && option.minimum !== 0) parts.push(`from ${option.minimum}`);
  if (option.expected_maximum !== null) parts.push(`up to ${option.expected_maximum} ${option.unit} on this machine`);
  else if (option.unit) parts.push(`in ${option.unit}`);
  if (option.words.length) parts.push(`or ${option.words.join(" or ")}`);
  return parts.length ? `(${parts.join(", ")})` : "";
}

function row(option) {
  const id = idOf(option.name), hint = hintOf(option);
  const more = option.html ? make("details", { class: "oa-form-more" }, make("summary", {}, "More")) : null;
  if (more) more.insertAdjacentHTML("beforeend", option.html);
  return make("div", { class: "oa-form-row", "data-row": option.name, "data-common": option.is_common ? "1" : "0" },
    make("div", { class: "oa-form-words" },
      make("label", { for: id }, option.name),
      option.devices.length && spec().composite ? make("span", { class: "oa-form-devices" }, option.devices.join(", ")) : null,
      make("p", { id: `${id}-help`, class: "oa-form-help" }, [option.help, hint].filter(Boolean).join(" ")), more),
    make("div", { class: "oa-form-control" }, control(option),
      make("button", { type: "button", class: "oa-form-reset", "data-reset": option.name, title: "Back to the default",
        "aria-label": `Back to the default of ${option.name}` }, "×")),
    make("div", { id: `${id}-finding`, class: "oa-form-finding", "aria-live": "polite" }));
}

function unknownOptions() {
  const known = new Set(spec().groups.flatMap((group) => group.options.map((option) => option.name)));
  return Object.keys(values()).filter((name) => !known.has(name)).map((name) => ({ name, kind: "text", help: "", html: "", default: "",
    choices: [], words: [], devices: [], unit: "", minimum: null, maximum: null, expected_maximum: null, is_common: true }));
}

function build() {
  const unknown = unknownOptions();
  const groups = unknown.length ? [{ title: "Not known here", options: unknown }, ...spec().groups] : spec().groups;
  const total = spec().groups.reduce((sum, group) => sum + group.options.length, 0);
  const rare = spec().groups.reduce((sum, group) => sum + group.options.filter((option) => !option.is_common).length, 0);
  host.dataset.built = JSON.stringify([spec().key, unknown.map((option) => option.name)]);
  if (!total && !unknown.length) {
    host.replaceChildren(make("p", { class: "oa-form-none" }, spec().empty || "There is nothing to set here."));
    return;
  }
  host.replaceChildren(
    ...(total ? [] : [make("p", { class: "oa-form-none" }, spec().empty || "There is nothing to set here.")]),
    make("div", { class: "oa-form-bar" },
      total === 0 ? null : make("input", { type: "search", class: "oa-form-search", placeholder: `Find one of ${total} settings`, "aria-label": "Find a setting" }),
      rare ? make("label", { class: "oa-form-all" }, make("input", { type: "checkbox" }), `All ${total}`) : null,
      make("span", { class: "oa-form-count", role: "status" }),
      make("button", { type: "button", class: "oa-form-clear" }, "Reset all")),
    make("p", { class: "oa-form-none oa-form-nothing", hidden: true }, "Nothing matches."),
    ...groups.map((group) => make("fieldset", { class: "oa-form-group" }, make("legend", {}, group.title), ...group.options.map(row))));
  const search = host.querySelector(".oa-form-search") || {}, all = host.querySelector(".oa-form-all input");
  search.value = sought;
  if (all) all.checked = showAll;
}

function asText(value) {
  if (Array.isArray(value)) return value.join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function fill() {
  const failed = (props.state?.findings || []).reduce((map, each) => map.set(each.name, [...(map.get(each.name) || []), each]), new Map());
  for (const field of host.querySelectorAll("[data-name]")) {
    const name = field.dataset.name, line = field.closest(".oa-form-row"), has = isSet(name);
    if (field !== document.activeElement || field.tagName === "SELECT") {
      const text = has ? asText(values()[name]) : field.tagName === "SELECT" ? "\u0000" : "";
      if (field.tagName === "SELECT" && has && ![...field.options].some((option) => option.value === text))
        field.append(make("option", { value: text }, text));
      field.value = text;
    }
    line.classList.toggle("is-set", has);
    const found = failed.get(name) || [], place = line.querySelector(".oa-form-finding");
    line.classList.toggle("has-error", found.some((each) => each.severity === "error"));
    field.setAttribute("aria-invalid", found.some((each) => each.severity === "error") ? "true" : "false");
    place.replaceChildren(...found.map(finding));
    const wanted = sought.toLowerCase();
    line.hidden = sought ? !`${name} ${line.querySelector(".oa-form-help").textContent}`.toLowerCase().includes(wanted)
      : !(showAll || line.dataset.common === "1" || has || found.length);
  }
  for (const group of host.querySelectorAll(".oa-form-group"))
    group.hidden = ![...group.querySelectorAll(".oa-form-row")].some((line) => !line.hidden);
  const nothing = host.querySelector(".oa-form-nothing");
  if (nothing) nothing.hidden = !sought || [...host.querySelectorAll(".oa-form-row")].some((line) => !line.hidden);
  const count = host.querySelector(".oa-form-count"), set = Object.keys(values()).length;
  if (count) count.textContent = set ? `${set} set` : "all at their defaults";
  const clear = host.querySelector(".oa-form-clear");
  if (clear) clear.hidden = !set;
}

function finding(each) {
  const why = each.trap ? make("details", { class: "oa-form-why" }, make("summary", {}, "Why"), make("span", {}, each.trap)) : null;
  return make("div", { class: `oa-form-${each.severity}` }, make("span", {}, each.message, each.hint ? " " : "", each.hint || ""), why);
}

// What had the focus is gone; the next best place is the search field.
function leaveFocus() { host.querySelector(".oa-form-search")?.focus(); }

// An answer may come while somebody types: the field of that name in the new form goes on where the old one was.
function keepingFocus(change) {
  const old = host.contains(document.activeElement) ? document.activeElement : null;
  const name = old?.dataset.name, isSearch = old?.classList.contains("oa-form-search");
  const place = old && "selectionStart" in old ? [old.selectionStart, old.selectionEnd] : [null, null];
  change();
  const next = isSearch ? host.querySelector(".oa-form-search") : name ? host.querySelector(`[data-name="${CSS.escape(name)}"]`) : null;
  if (!next || next.tagName !== old.tagName) return;
  if (next.tagName !== "SELECT") next.value = old.value;
  next.focus({ preventScroll: true });
  if (place[0] !== null && "selectionStart" in next && next.selectionStart !== null) next.setSelectionRange(...place);
}

function show() {
  const wanted = JSON.stringify([spec().key, unknownOptions().map((option) => option.name)]);
  if (host.dataset.built !== wanted) keepingFocus(build);
  fill();
}

function typed(field) {
  const option = spec().groups.flatMap((group) => group.options).find((each) => each.name === field.dataset.name);
  const kind = option ? option.kind : "text", text = field.value;
  if (field.tagName === "SELECT") return text === "\u0000" ? undefined : kind === "switch" && text in { true: 1, false: 1 } ? text === "true" : text;
  if (text.trim() === "") return undefined;
  if (kind === "integer" || kind === "number") return number.test(text.trim()) ? Number(text.trim()) : text.trim();
  if (kind === "lines") return text.split("\n").filter((line) => line !== "");
  if (kind === "json") { try { return JSON.parse(text); } catch (error) { return text; } }
  return text;
}

function change(name, value, delay) {
  const next = { ...values() };
  if (value === undefined) delete next[name]; else next[name] = value;
  props.value = next;
  fill();
  clearTimeout(sending);
  sending = setTimeout(() => trigger("input"), delay);
}

host.addEventListener("input", (event) => {
  const field = event.target;
  event.stopPropagation();
  if (field.classList.contains("oa-form-search")) { sought = field.value.trim(); fill(); return; }
  if (field.closest(".oa-form-all")) { showAll = field.checked; fill(); return; }
  if (field.dataset.name) change(field.dataset.name, typed(field), field.tagName === "SELECT" ? 0 : 60);
});
host.addEventListener("click", (event) => {
  const reset = event.target.closest(".oa-form-reset");
  if (reset) {
    const field = host.querySelector(`[data-name="${CSS.escape(reset.dataset.reset)}"]`);
    field.value = field.tagName === "SELECT" ? "\u0000" : "";
    change(reset.dataset.reset, undefined, 0);
    if (host.dataset.built !== JSON.stringify([spec().key, unknownOptions().map((option) => option.name)])) { show(); leaveFocus(); }
    else field.focus();
  }
  if (event.target.closest(".oa-form-clear")) { props.value = {}; show(); leaveFocus(); trigger("input"); }
});
// Enter in a field is no reason to leave it: nothing is submitted here.
host.addEventListener("keydown", (event) => { if (event.key === "Escape" && event.target.classList.contains("oa-form-search")) { sought = ""; event.target.value = ""; fill(); } });
watch(["value", "state"], show);
show();
