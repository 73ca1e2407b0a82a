// The prompt as its model sees it: as text, or as tokens. props.value: {problem (HTML), figures, text, tokens, empty}, tokens being
// JSON: [[id, text, piece, is special, role]]. Runs as the body of a function with element, props, trigger, watch.
const host = element.querySelector(".oa-prompt");
const ROLES = ["template", "system", "user", "assistant", "tool"], BLOCK = 300, MODE_KEY = "openarc-prompt-mode";
let mode = "text", drawn = [], focused = 0, source = "", read = [];
try { mode = localStorage.getItem(MODE_KEY) === "tokens" ? "tokens" : "text"; } catch (error) { mode = "text"; } // storage may be forbidden

const make = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const value = () => props.value || {};
const tokens = () => {
  const written = value().tokens || "[]";
  if (written !== source) { read = JSON.parse(written); source = written; }
  return read;
};
const visible = (text) => text.replace(/ /g, "·").replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/\r/g, "␍").replace(/[\u0000-\u001f\u00a0\u200b-\u200f\u2028\u2029\ufeff]/g,
  (each) => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);

const head = make("div", { class: "oa-prompt-figures" }), problem = make("div", {}), legend = make("div", { class: "oa-prompt-legend", "aria-label": "Colours" });
const modes = make("div", { class: "oa-sampling-segments", role: "radiogroup", "aria-label": "Show the prompt as" },
  ...[["text", "Text"], ["tokens", "Tokens"]].map(([name, words]) => make("button", { type: "button", role: "radio", "data-mode": name }, words)));
const copy = make("button", { type: "button", class: "oa-prompt-copy" }, "Copy");
const bar = make("div", { class: "oa-prompt-bar" }, modes, copy);
const body = make("div", { class: "oa-prompt-body", tabindex: "0", role: "group", "aria-label": "The prompt" });
const tip = make("div", { class: "oa-prompt-tip", role: "tooltip", id: "oa-prompt-tip", hidden: true });
const nothing = make("p", { class: "oa-muted oa-small" });
host.replaceChildren(problem, nothing, head, bar, legend, body, tip);

// Blocks of chips are filled when they come near the view, so that a prompt of many thousand tokens costs no more than a short one.
const nearby = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) fillBlock(entry.target);
}, { root: body, rootMargin: "800px 0px" });

function chip(token, position) {
  const [, text, piece, isSpecial, role] = token, shown = text === "" ? "◌" : visible(text);
  const node = make("span", { class: `oa-token is-${ROLES[role]}${isSpecial ? " is-special" : ""}${text === "" ? " is-part" : ""}`,
    role: "listitem", "data-position": position, "data-id": token[0], tabindex: position === focused ? "0" : "-1" });
  node.textContent = shown || visible(piece);
  return node;
}
function fillBlock(block) {
  if (block.dataset.filled) return;
  block.dataset.filled = "1";
  nearby.unobserve(block);
  const start = Number(block.dataset.start), nodes = [];
  tokens().slice(start, start + BLOCK).forEach((token, offset) => {
    nodes.push(chip(token, start + offset));
    if (token[1].includes("\n")) nodes.push(make("br", {}));
  });
  block.replaceChildren(...nodes);
  block.style.minHeight = "";
}
function guessedHeight(part) {
  let lines = 1, characters = 0;
  for (const token of part) { characters += token[1].length + 2; if (token[1].includes("\n") || characters > 44) { lines += 1; characters = 0; } }
  return lines * 25;
}
function drawTokens() {
  const next = [], top = body.scrollTop;
  const all = tokens();
  for (let start = 0; start < all.length; start += BLOCK) {
    const part = all.slice(start, start + BLOCK), signature = JSON.stringify(part), known = drawn[next.length];
    if (known && known.signature === signature) { next.push(known); continue; }
    const block = make("div", { class: "oa-token-block", "data-start": start });
    block.style.minHeight = `${guessedHeight(part)}px`;
    next.push({ signature, block });
  }
  drawn = next;
  body.setAttribute("role", "list");
  body.replaceChildren(...drawn.map((each) => each.block));
  drawn.slice(0, 2).forEach((each) => fillBlock(each.block));
  for (const { block } of drawn) if (!block.dataset.filled) nearby.observe(block);
  body.scrollTop = top;
}
function drawText() {
  const top = body.scrollTop, spans = [];
  drawn = [];
  body.setAttribute("role", "group");
  const all = tokens(), whole = all.map((token) => token[1]).join("");
  if (whole !== value().text) spans.push(document.createTextNode(value().text || ""));
  else for (let at = 0; at < all.length;) {
    const [, , , isSpecial, role] = all[at];
    let text = "";
    while (at < all.length && all[at][3] === isSpecial && all[at][4] === role) text += all[at++][1];
    const span = make("span", { class: `oa-span is-${ROLES[role]}${isSpecial ? " is-special" : ""}` });
    span.textContent = text;
    spans.push(span);
  }
  body.replaceChildren(...spans);
  body.scrollTop = top;
}
function drawLegend() {
  const present = new Set(tokens().map((token) => token[4])), hasSpecial = tokens().some((token) => token[3]);
  legend.replaceChildren(...ROLES.map((name, role) => present.has(role) ? make("span", {}, make("i", { class: `oa-token is-${name}` }), name) : null).filter(Boolean),
    ...(hasSpecial ? [make("span", {}, make("i", { class: "oa-token is-template is-special" }), "special token")] : []),
    ...(mode === "tokens" ? [make("span", { class: "oa-prompt-signs" }, "· space  ⏎ line  ⇥ tab  ◌ part of the character before")] : []));
}
function draw() {
  problem.innerHTML = value().problem || ""; // made and escaped by the server
  nothing.textContent = value().empty || "";
  const has = tokens().length > 0 || Boolean(value().text);
  for (const part of [head, bar, legend, body]) part.hidden = !has;
  hideTip();
  if (!has) { body.replaceChildren(); drawn = []; return; }
  focused = Math.min(focused, Math.max(0, tokens().length - 1));
  head.replaceChildren(...(value().figures || []).map((each) => make("div", { title: each.more }, make("span", { class: "label" }, each.label), make("span", { class: "number" }, each.number))));
  for (const button of modes.children) {
    const isChosen = button.dataset.mode === mode;
    button.setAttribute("aria-checked", isChosen ? "true" : "false");
    button.tabIndex = isChosen ? 0 : -1;
  }
  copy.textContent = copyWords();
  body.classList.toggle("is-tokens", mode === "tokens");
  body.tabIndex = mode === "tokens" ? -1 : 0;
  drawLegend();
  if (mode === "tokens") drawTokens(); else drawText();
}
function copyWords() { return mode === "tokens" ? "Copy the ids" : "Copy"; }
function setMode(name) {
  mode = name;
  try { localStorage.setItem(MODE_KEY, mode); } catch (error) { /* not remembered where storage is forbidden */ }
  draw();
  [...modes.children].find((button) => button.dataset.mode === mode).focus();
}

function hideTip() { tip.hidden = true; }
function showTip(node) {
  const position = Number(node.dataset.position), token = tokens()[position];
  if (!token) return;
  const [id, text, piece, isSpecial, role] = token;
  tip.replaceChildren(...[["id", String(id)], ["piece", visible(piece)], ["text", text === "" ? "part of the character before" : visible(text)],
    ["role", ROLES[role] + (isSpecial ? ", special token" : "")], ["place", `${position + 1} of ${tokens().length}`]]
    .map(([label, words]) => make("div", {}, make("span", { class: "label" }, label), make("span", {}, words))));
  node.setAttribute("aria-describedby", tip.id);
  tip.hidden = false;
  const around = host.getBoundingClientRect(), place = node.getBoundingClientRect();
  const left = Math.max(0, Math.min(place.left - around.left, around.width - tip.offsetWidth));
  const above = place.top - around.top - tip.offsetHeight - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${place.top - tip.offsetHeight - 6 > 60 ? above : place.bottom - around.top + 6}px`;
}
function focusToken(position) {
  const wanted = Math.max(0, Math.min(tokens().length - 1, position)), block = drawn[Math.floor(wanted / BLOCK)];
  fillBlock(block.block);
  body.querySelector(`[data-position="${focused}"]`)?.setAttribute("tabindex", "-1");
  focused = wanted;
  const node = body.querySelector(`[data-position="${focused}"]`);
  node.setAttribute("tabindex", "0");
  node.focus();
}
const tokenOf = (event) => event.target.closest && event.target.closest("[data-position]");
body.addEventListener("mouseover", (event) => { const node = tokenOf(event); if (node) showTip(node); else hideTip(); });
body.addEventListener("mouseleave", hideTip);
body.addEventListener("focusin", (event) => { const node = tokenOf(event); if (node) { focused = Number(node.dataset.position); showTip(node); } });
body.addEventListener("focusout", hideTip);
body.addEventListener("scroll", hideTip, { passive: true });
body.addEventListener("keydown", (event) => {
  if (mode !== "tokens" || !tokenOf(event)) return;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -Infinity, End: Infinity }[event.key];
  if (event.key === "Escape") { hideTip(); return; }
  if (step === undefined) return;
  event.preventDefault();
  focusToken(focused + step);
});
host.addEventListener("click", (event) => {
  const button = event.target.closest("button"), token = tokenOf(event);
  if (token) focusToken(Number(token.dataset.position));
  if (!button) return;
  if (button.dataset.mode) setMode(button.dataset.mode);
  if (button === copy) copyText(mode === "tokens" ? JSON.stringify(tokens().map((token) => token[0])) : value().text || "");
});
modes.addEventListener("keydown", (event) => { if (event.key.startsWith("Arrow")) { event.preventDefault(); setMode(mode === "text" ? "tokens" : "text"); } });
async function copyText(text) {
  let words = "Copied";
  try { await navigator.clipboard.writeText(text); } catch (error) { words = "Not allowed here"; }
  copy.textContent = words;
  setTimeout(() => { copy.textContent = copyWords(); }, 1200);
}
watch(["value"], draw);
draw();
