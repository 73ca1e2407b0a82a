// Rows of a table as one stop of the Tab key: arrows, Home and End go from row to row, Enter and Space open one.

/** What a key does in such a table. @param {KeyboardEvent} event @param {HTMLElement} body */
export function moveAlong(event, body) {
  const rows = [...body.children], at = rows.indexOf(document.activeElement);
  if (at < 0) return;
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); rows[at].click(); return; }
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined || !rows[to]) return;
  event.preventDefault();
  rows[at].tabIndex = -1;
  rows[to].tabIndex = 0;
  rows[to].focus();
}

/** One of the rows has to be reached by Tab. @param {HTMLElement} body */
export function keepReachable(body) {
  if (!body.querySelector('tr[tabindex="0"]') && body.firstChild) body.firstChild.tabIndex = 0;
}

/**
 * The rows that are shown: drawn anew only where what they show changed, the same element for the same row.
 * @param {Map<string, {drawn: string, element: HTMLElement}>} views @param {string} key @param {any} shown @param {() => HTMLElement} create @param {(element: HTMLElement) => void} fill
 */
export function drawnRow(views, key, shown, create, fill) {
  const drawn = JSON.stringify(shown), known = views.get(key);
  if (known?.drawn === drawn) return known.element;
  const element = known?.element || create();
  fill(element);
  views.set(key, { drawn, element });
  return element;
}
