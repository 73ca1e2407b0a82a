// What is shown as an address and back: the permalink in the hash, and the filter of exports. Knows nothing of the page.

export const RANGES = { "15m": "15 min", "1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", all: "All", custom: "Custom" };
export const RANGE_WORDS = { "15m": "last 15 minutes", "1h": "last hour", "6h": "last 6 hours", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", all: "all time", custom: "custom" };
export const RANGE_SECONDS = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };
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
 * The place a hash names, and in `problems` what of it can't be read; the rest counts. null: the hash is not of this tab.
 * @param {string} hash
 * @returns {(Place & {problems: string[]})|null}
 */
export function readHash(hash) {
  if (hash === NAME) return { view: usualView(), request: null, other: null, problems: [] };
  if (!hash.startsWith(`${NAME}?`)) return null;
  const query = new URLSearchParams(hash.slice(NAME.length + 1)), compare = query.get("compare"), request = query.get("request");
  for (const name of ["compare", "request"]) query.delete(name);
  const { view, problems } = viewOf(query), isRequest = request === null || request && request.length <= LONGEST_ID;
  if (!isRequest) problems.push("it names no request");
  const other = compare === null ? null : viewOf(new URLSearchParams(compare));
  problems.push(...(other?.problems || []));
  return { view, request: isRequest ? request : null, other: other?.problems.length && !other.good ? null : other?.view ?? null, problems };
}

/** @returns {{view: View, problems: string[], good: number}} `good`: how many parts could be read */
function viewOf(query) {
  const view = usualView(), problems = [];
  let good = 0;
  for (const [name, value] of query) {
    const isMoment = name === "since" || name === "until";
    const problem = name === "range" ? Object.hasOwn(RANGES, value) ? "" : `“${value}” is no range`
      : isMoment ? value.trim() && Number(value) >= 0 && Number.isFinite(Number(value)) ? "" : `“${name}” is no moment in seconds`
        : Object.hasOwn(DIMENSIONS, name) ? "" : `“${name}” is no filter`;
    if (problem) { problems.push(problem); continue; }
    good += 1;
    if (name === "range") view.range = value;
    else if (isMoment) view[name] = Number(value);
    else if (!view[name].includes(value)) view[name].push(value);
  }
  const span = spanProblem(view);
  if (!span) return { view, problems, good };
  const range = view.range === "custom" ? USUAL_RANGE : view.range;
  return { view: { ...view, range, since: null, until: null }, problems: [...problems, span], good: good - 1 };
}

function spanProblem({ range, since, until }) {
  if (range !== "custom") return since !== null || until !== null ? "“since” and “until” go with range=custom" : "";
  if (since === null && until === null) return "range=custom needs “since” or “until”";
  return since !== null && until !== null && since >= until ? "it ends before it begins" : "";
}
