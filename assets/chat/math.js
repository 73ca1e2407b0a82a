// LaTeX as MathML: $$…$$, \[…\], \(…\), and $…$ where it can't be a price. KaTeX is loaded when the first formula is seen.

const LONGEST = 8000;
let loading = null, katex = null;

function load() {
  loading ??= import("../vendor/katex/katex.min.js").then(() => { katex = globalThis.katex; });
  return loading;
}

const escaped = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const formula = ({ raw, isDisplay }) => `<span class="oc-math" data-display="${isDisplay ? "1" : "0"}">${escaped(raw.trim())}</span>`;
const DELIMITED = /^(?:\$\$([\s\S]+)\$\$|\\\[([\s\S]+)\\\]|\\\(([\s\S]+)\\\)|\$([\s\S]+)\$)$/;
const SINGLE = /^\$(?![\s$])((?:\\.|[^$\n\\])+?)(?<![\s/:;,|])\$(?![\d$])/;
const LIKE_A_FORMULA = /[a-z\\^_]/i, LIKE_A_PRICE = /^\d[\d.,]*\s+[a-z]{2,}/i; // "$5 or 10$"

function singleDollars(source) {
  const found = SINGLE.exec(source);
  return found && LIKE_A_FORMULA.test(found[1]) && !LIKE_A_PRICE.test(found[1]) ? found : null;
}

/** What marked is taught. @param {boolean} isOpen a formula at the end may still lack its end */
export function mathExtensions(isOpen) {
  const block = {
    name: "mathBlock", level: "block",
    start: (source) => { const found = /(?:^|\n) {0,3}(?:\$\$|\\\[)/.exec(source); return found ? found.index + (found[0].startsWith("\n") ? 1 : 0) : undefined; },
    tokenizer: (source) => {
      const whole = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n+|$)/.exec(source);
      if (whole) return { type: "mathBlock", raw: whole[0], isDisplay: true };
      const begun = isOpen && source.length < LONGEST && (/^ {0,3}\$\$(?![\s\S]*\$\$)[\s\S]*$/.exec(source) || /^ {0,3}\\\[(?![\s\S]*\\\])[\s\S]*$/.exec(source));
      return begun ? { type: "mathBegun", raw: begun[0] } : undefined;
    },
    renderer: (token) => `<p>${formula(token)}</p>`,
  };
  const begun = { name: "mathBegun", renderer: (token) => `<p><code>${escaped(token.raw)}</code></p>` };
  const inline = {
    name: "math", level: "inline",
    start: (source) => { const at = source.search(/\$|\\\(|\\\[/); return at < 0 ? undefined : at; },
    tokenizer: (source) => {
      const found = /^\$\$([^\n]+?)\$\$/.exec(source) || /^\\\[([\s\S]+?)\\\]/.exec(source);
      if (found) return { type: "math", raw: found[0], isDisplay: true };
      const small = /^\\\(([\s\S]+?)\\\)/.exec(source) || singleDollars(source);
      return small ? { type: "math", raw: small[0], isDisplay: false } : undefined;
    },
    renderer: formula,
  };
  return [block, begun, inline];
}

/** Turns the source in `place` into a formula, now or when KaTeX is there; what KaTeX can't read stays source, with its delimiters. */
export function showMath(place) {
  const whole = place.textContent, source = (DELIMITED.exec(whole)?.slice(1).find((text) => text !== undefined) ?? whole).trim(), isDisplay = place.dataset.display === "1";
  if (source.length > LONGEST) return;
  const show = () => {
    try {
      place.innerHTML = katex.renderToString(source, { displayMode: isDisplay, output: "mathml", maxSize: 40, maxExpand: 500, strict: "ignore" });
      place.classList.add("is-shown");
    } catch (error) {
      place.title = String(error.message || error);
      place.classList.add("is-wrong");
    }
  };
  if (katex) show();
  else load().then(show);
}
