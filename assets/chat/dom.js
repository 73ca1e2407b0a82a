// Small tools for the DOM. Text always goes in as text.

/**
 * An element. Attributes named on… are listeners; false, null and undefined are left out.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...any} children nodes or texts; null and false are left out
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/**
 * The call, `milliseconds` after the last one. `.now()` does not wait; `.cancel()` forgets it.
 * @param {(...values: any[]) => void} call
 * @param {number} milliseconds
 */
export function debounced(call, milliseconds) {
  let timer = 0, waiting = null;
  const run = () => { const values = waiting; waiting = null; clearTimeout(timer); if (values) call(...values); };
  const later = (...values) => { waiting = values; clearTimeout(timer); timer = setTimeout(run, milliseconds); };
  later.now = run;
  later.cancel = () => { waiting = null; clearTimeout(timer); };
  return later;
}

/** Whether an input method is composing; its Enter chooses a word. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** A textarea as high as its text. @param {HTMLTextAreaElement} area */
export function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** Children in this order, touching only those that are elsewhere, so that focus and selections stay. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null); });
}

/** "1.2 s", "16 ms", "0.3 ms". @param {number} value */
export function seconds(value) {
  if (value >= 100) return `${Math.round(value)} s`;
  if (value >= 1) return `${value.toFixed(1)} s`;
  const milliseconds = value * 1000;
  return `${milliseconds >= 10 ? Math.round(milliseconds) : milliseconds.toFixed(1)} ms`;
}

/** "812 bytes", "14 kB", "1.2 MB". @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "1 message", "3 messages". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
