// The place in the Models tab as an address and back: which part is open, and of what. Knows nothing of the page.

const NAME = "#models", LONGEST = 300;
export const PARTS = { library: "Library", hub: "Hub", convert: "Convert", mine: "My models", tasks: "Tasks" };
const FIELDS = ["view", "repository", "source", "model", "task"];

/**
 * @typedef {{view: string, repository: string|null, source: string|null, model: string|null, task: string|null}} Place
 *   `view`: one of PARTS, or "inside"; `repository` of the Hub, `source` of a conversion, `model` that is looked into, `task` whose details are open
 */

/** @returns {Place} */
export const usualPlace = () => ({ view: "library", repository: null, source: null, model: null, task: null });

/** @param {Place} place */
export function hashOf(place) {
  const query = new URLSearchParams(), usual = usualPlace();
  for (const name of FIELDS) if (place[name] && place[name] !== usual[name]) query.set(name, place[name]);
  return query.size ? `${NAME}?${query}` : NAME;
}

/** The place a hash names; null: the hash is not of this tab. @param {string} hash @returns {Place|null} */
export function readHash(hash) {
  if (hash === NAME) return usualPlace();
  if (!hash.startsWith(`${NAME}?`)) return null;
  const query = new URLSearchParams(hash.slice(NAME.length + 1)), place = usualPlace();
  for (const name of FIELDS) {
    const value = query.get(name);
    if (value && value.length <= LONGEST) place[name] = value;
  }
  if (!Object.hasOwn(PARTS, place.view) && !(place.view === "inside" && place.model)) place.view = "library";
  return place;
}
