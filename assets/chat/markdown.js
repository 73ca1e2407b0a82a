// Markdown to nodes that are safe to show: what is not markdown or harmless HTML is shown as text, and no image is loaded.

import { Marked } from "../vendor/marked/marked.esm.js";
import DOMPurify from "../vendor/dompurify/purify.es.js";
import { make } from "./dom.js";
import { codeBlock } from "./code_block.js";
import { mathExtensions, showMath } from "./math.js";

const TAGS = ("a abbr b blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark "
  + "ol p pre q rp rt ruby s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var").split(" ");
/** Tags that are taken as HTML when an answer has them. */
const KNOWN = new Set(["b", "i", "em", "strong", "sub", "sup", "br", "kbd", "details", "summary"]);
const SPOKEN = "p, li, h1, h2, h3, h4, h5, h6, td, th, blockquote, summary";
const OPTIONS = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "title", "alt", "src", "align", "colspan", "rowspan", "start", "open", "lang", "dir", "type",
  "checked", "disabled", "class", "data-lang", "data-display"], ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, RETURN_DOM_FRAGMENT: true };
const OWN_CLASSES = new Set(["oc-math", "oc-code-source"]);
const DATA_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/i;

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** All other tags, as answers explain them (<input>) or models invent them (<tool_call>), are words to be read. */
const withUnknownTagsAsText = (html) => html.replace(/<!--[\s\S]*?(-->|$)|<[?!/]?([a-zA-Z][\w:-]*)?[^>]*>?/g,
  (tag, _, name) => name && KNOWN.has(name.toLowerCase()) ? tag : escaped(tag));

const renderer = {
  code: ({ text, lang }) => `<pre class="oc-code-source" data-lang="${escaped(lang || "")}">${escaped(text)}</pre>`,
  image: ({ href, title, text }) => `<img src="${escaped(href)}" alt="${escaped(text)}" title="${escaped(title || "")}">`,
  html: ({ text }) => withUnknownTagsAsText(text),
};
/** undefined: no block of HTML, so a paragraph; false: as marked does it. */
const tokenizer = { html: (source) => KNOWN.has((/^ {0,3}<\/?([a-zA-Z][\w:-]*)/.exec(source)?.[1] || "").toLowerCase()) ? false : undefined };
const parserOf = (isOpen) => new Marked({ gfm: true, breaks: true, renderer, tokenizer, extensions: mathExtensions(isOpen) });
const finished = parserOf(false), unfinished = parserOf(true);

/**
 * Blocks of a text; their `raw`s together are the text.
 * @param {string} text with "\n" as the only line end
 * @param {boolean} isOpen the text is still being written: a formula without an end is one in the making
 */
export const blocksOf = (text, isOpen) => (isOpen ? unfinished : finished).lexer(text);

/**
 * One block as an element.
 * @param {Object} block
 * @param {Object} links the text's link definitions
 */
export function renderBlock(block, links) {
  const element = make("div", { class: "oc-block" });
  if (block.type === "code") { element.append(codeBlock(block.text, block.lang || "")); return element; }
  const tokens = Object.assign([block], { links: links || {} });
  const fragment = DOMPurify.sanitize(finished.parser(tokens), OPTIONS);
  finish(fragment); // before it is part of the page: there, a picture would be asked for at once
  element.append(fragment);
  return element;
}

/** @param {DocumentFragment} element of a document that loads nothing */
function finish(element) {
  for (const node of element.querySelectorAll("[class]"))
    if (!OWN_CLASSES.has(node.className)) node.removeAttribute("class");
  for (const image of element.querySelectorAll("img")) if (!DATA_IMAGE.test(image.getAttribute("src") || "")) image.replaceWith(asLink(image));
  for (const link of element.querySelectorAll("a")) {
    if (!link.hasAttribute("href")) { link.replaceWith(...link.childNodes); continue; } // javascript: and the like
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const input of element.querySelectorAll("input")) {
    if (input.type !== "checkbox") input.remove();
    else input.disabled = true;
  }
  for (const source of element.querySelectorAll("pre.oc-code-source")) source.replaceWith(codeBlock(source.textContent, source.dataset.lang || ""));
  for (const table of element.querySelectorAll("table")) {
    const frame = make("div", { class: "oc-table", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const node of element.querySelectorAll(SPOKEN)) if (!node.dir && !node.matches("li > p, blockquote p")) node.dir = "auto"; // those follow what they are in
  for (const formula of element.querySelectorAll("span.oc-math")) showMath(formula);
}

function asLink(image) {
  const address = image.getAttribute("src") || "", words = image.getAttribute("alt") || address || "picture";
  return /^https?:/i.test(address) ? make("a", { href: address, title: "A picture on another host; it is not loaded" }, `Picture: ${words}`)
    : make("span", {}, `Picture: ${words}`);
}

/** The text of a person: as it was typed, only fenced code is set apart. @param {string} text @returns {HTMLElement} */
export function plainText(text) {
  const element = make("div", { class: "oc-plain" });
  let last = 0;
  for (const fence of text.matchAll(/^(`{3,}|~{3,})([^\n`]*)\n([\s\S]*?)(?:\n)?^\1[ \t]*(?:\n|$)/gm)) {
    if (fence.index > last) element.append(make("p", { dir: "auto" }, text.slice(last, fence.index).replace(/\n$/, "")));
    element.append(codeBlock(fence[3].replace(/\n$/, ""), fence[2].trim()));
    last = fence.index + fence[0].length;
  }
  if (last < text.length || !text) element.append(make("p", { dir: "auto" }, text.slice(last)));
  return element;
}
