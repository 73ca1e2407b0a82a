// A figure as a PNG in the page's own font: a picture is drawn apart from the page, so the font has to be inside it.

const SCALE = 2, FONTS = /\.woff2?(?:$|\?)/;

/** @param {any} Plotly @param {{data: Object[], layout: Object}} figure @param {number} width @param {number} height @returns {Promise<string>} its address */
export async function picture(Plotly, figure, width, height) {
  const address = await Plotly.toImage(figure, { format: "svg", width, height }), svg = decodeURIComponent(address.slice(address.indexOf(",") + 1));
  const styled = svg.replace(/(<svg[^>]*>)/, `$1<style>${await faces(figure.layout.font?.family || "")}</style>`), image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(styled)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE }), pen = canvas.getContext("2d");
  pen.scale(SCALE, SCALE);
  pen.drawImage(image, 0, 0, width, height);
  return canvas.toDataURL("image/png");
}

/** The page's rules for the first of these fonts, with the font itself in them. */
async function faces(family) {
  const first = bare(family.split(",")[0]);
  const rules = [...document.styleSheets].flatMap(rulesOf).filter(({ rule }) => rule instanceof CSSFontFaceRule && bare(rule.style.getPropertyValue("font-family")) === first);
  return (await Promise.all(rules.map(whole))).join("");
}

const bare = (family) => family.trim().replace(/^["']|["']$/g, "").toLowerCase();

function rulesOf(sheet) {
  try { return [...sheet.cssRules].map((rule) => ({ rule, base: sheet.href || document.baseURI })); } catch { return []; } // of another host: not to be read
}

async function whole({ rule, base }) {
  const source = /url\(["']?([^"')]+)["']?\)/.exec(rule.style.getPropertyValue("src"))?.[1];
  if (!source || !FONTS.test(source)) return "";
  const answer = await fetch(new URL(source, base));
  if (!answer.ok) return "";
  const bytes = new Uint8Array(await answer.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  const more = ["font-weight", "font-style", "unicode-range"].map((name) => [name, rule.style.getPropertyValue(name)]).filter(([, value]) => value).map(([name, value]) => `${name}:${value};`).join("");
  return `@font-face{font-family:${rule.style.getPropertyValue("font-family")};src:url(data:font/woff2;base64,${btoa(text)});${more}}`;
}
