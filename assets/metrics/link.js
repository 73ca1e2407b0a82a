// What is shown as an address and back: the permalink in the hash, and the filter of exports. Knows nothing of the page.

export const RANGES = { "15m": "15 min", "1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", all: "All", custom: "Custom" };
export const RANGE_WORDS = { "15m": "last 15 minutes", "1h": "last hour", "6h": "last 6 hours", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", all: "all time", custom: "custom" };
export const DIMENSIONS = { model: "Model", backend: "Backend", device: "Device", configuration: "Configuration", outcome: "Outcome", source: "Source" };
const USUAL_RANGE = "1h", NAME = "#metrics", LONGEST_ID = 200;

/**
 * @typedef {{range: string, since: number|null, until: number|null, model: string[], backend: string[], device: string[], configuration: string[], outcome: string[], source: string[]}} View
 * @typedef {{view: View, request: string|null, other: View|null}} Place  `other`: what the view is compared with
 */

/** @returns {View} */
export const usualView = () => ({ range: USUAL_RANGE, since: null, until: null, ...Object.fromEntries(Object.keys(DIMENSIONS).map((name) => [name, []])) });

/** @param {View} view @returns {View} */
export const copyOf = (view) => structuredClone(view);

/** @param {View} view */
export const hasFilter = (view) => Object.keys(DIMENSIONS).some((name) => view[name].length);

/**
 * The filter as a query, as REST and exports take it.
 * @param {View} view
 * @param {boolean} [isForPage] says "custom" too, which only the page knows
 */
export function queryOf(view, isForPage = false) {
  const query = new URLSearchParams();
  if (view.range !== "custom" || isForPage) query.set("range", view.range);
  if (view.range === "custom") for (const bound of ["since", "until"]) if (view[bound] !== null) query.set(bound, String(view[bound]));
  for (const name of Object.keys(DIMENSIONS)) for (const value of view[name]) query.append(name, value);
  return query;
}

/** @param {View} view @param {string} format */
export function exportAddress(view, format) {
  return `/metrics/export?${new URLSearchParams([["format", format], ...queryOf(view)])}`;
}

/** @param {Place} place */
export function hashOf(place) {
  const query = queryOf(place.view, true);
  if (place.other) query.set("compare", queryOf(place.other, true).toString());
  if (place.request) query.set("request", place.request);
  return `${NAME}?${query}`;
}

/**
 * The place a hash names; null: the hash is not of this tab.
 * @param {string} hash
 * @returns {Place|null}
 * @throws {Error} what is wrong with it, in words
 */
export function readHash(hash) {
  if (hash === NAME) return { view: usualView(), request: null, other: null };
  if (!hash.startsWith(`${NAME}?`)) return null;
  const query = new URLSearchParams(hash.slice(NAME.length + 1)), compare = query.get("compare"), request = query.get("request");
  for (const name of ["compare", "request"]) query.delete(name);
  if (request !== null && (!request || request.length > LONGEST_ID)) throw new Error("it names no request");
  return { view: viewOf(query), request, other: compare === null ? null : viewOf(new URLSearchParams(compare)) };
}

function viewOf(query) {
  const view = usualView();
  for (const [name, value] of query) {
    if (name === "range") view.range = knownRange(value);
    else if (name === "since" || name === "until") view[name] = moment(name, value);
    else if (name in DIMENSIONS) { if (!view[name].includes(value)) view[name].push(value); }
    else throw new Error(`“${name}” is no filter`);
  }
  if (view.range !== "custom" && (view.since !== null || view.until !== null)) throw new Error("“since” and “until” go with range=custom");
  if (view.range === "custom" && view.since === null && view.until === null) throw new Error("range=custom needs “since” or “until”");
  if (view.since !== null && view.until !== null && view.since >= view.until) throw new Error("it ends before it begins");
  return view;
}

function knownRange(value) {
  if (!Object.hasOwn(RANGES, value)) throw new Error(`“${value}” is no range`);
  return value;
}

function moment(name, value) {
  const number = Number(value);
  if (!value.trim() || !Number.isFinite(number) || number < 0) throw new Error(`“${name}” is no moment in seconds`);
  return number;
}
