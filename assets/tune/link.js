// The place in the Tune tab as an address and back: which run and configuration is open, or which form. Knows nothing of the page.

const NAME = "#tune", LONGEST = 200;
export const KINDS = { sweep: "Sweep", bench: "Bench", comparison: "Compare" };

/**
 * @typedef {{run: string|null, configuration: string|null, form: string|null, x: string|null, y: string|null}} Place
 *   `run` "active" is the one that works now; `form` is a kind of run; `x`, `y`: the figures of the trade-off
 */

/** @returns {Place} */
export const usualPlace = () => ({ run: null, configuration: null, form: null, x: null, y: null });

/** @param {Place} place */
export function hashOf(place) {
  const query = new URLSearchParams();
  if (place.form) query.set("new", place.form);
  else for (const name of ["run", "configuration", "x", "y"]) if (place[name]) query.set(name, place[name]);
  return query.size ? `${NAME}?${query}` : NAME;
}

/** The place a hash names; null: the hash is not of this tab. @param {string} hash @returns {Place|null} */
export function readHash(hash) {
  if (hash === NAME) return usualPlace();
  if (!hash.startsWith(`${NAME}?`)) return null;
  const query = new URLSearchParams(hash.slice(NAME.length + 1)), place = usualPlace(), form = query.get("new");
  if (form && Object.hasOwn(KINDS, form)) return { ...place, form };
  for (const name of ["run", "configuration", "x", "y"]) {
    const value = query.get(name);
    if (value && value.length <= LONGEST) place[name] = value;
  }
  return place;
}

/** @param {string} run @param {string} format */
export const exportAddress = (run, format) => `/tuning/runs/${encodeURIComponent(run)}/export?format=${format}`;

/** @param {string} run */
export const reportAddress = (run) => `/tuning/runs/${encodeURIComponent(run)}/report`;
