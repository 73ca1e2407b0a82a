// A figure's arrays as lists: plotly's JSON has numbers as base64. And what new points of a trace change.

const KINDS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

/** @param {any} values a list, or {dtype, bdata, shape} @returns {any} a list, or what was given */
export function plain(values) {
  if (!values || typeof values !== "object" || Array.isArray(values) || !values.bdata) return values;
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0)), kind = KINDS[values.dtype];
  if (!kind) throw new Error(`arrays of ${values.dtype} are unknown`);
  const flat = [...new kind(bytes.buffer)], columns = String(values.shape ?? "").split(",").map(Number)[1];
  return columns ? Array.from({ length: flat.length / columns }, (_, row) => flat.slice(row * columns, (row + 1) * columns)) : flat;
}

/** A place on an axis as a number: dates are texts, which no zone of this browser may move. */
export const place = (value) => typeof value === "string" ? Date.parse(/\d[T ]\d/.test(value) ? `${value.replace(" ", "T")}Z` : value) : Number(value);

/** The text of such a place on an axis of dates. @param {number} milliseconds */
export const dateText = (milliseconds) => new Date(milliseconds).toISOString().replace("T", " ").slice(0, 23);

/**
 * What a trace becomes without the points from `from` on and those before `begin`, and with the new ones.
 * @param {Object} trace @param {Object<string, any>} news @param {any} from @param {number} begin
 * @param {(before: any, after: any) => boolean} isAlike whether two values are drawn at the same place
 * @returns {{added: Object<string, any[]>|null, whole: Object<string, any[]>}|null} null: it looks as before; `added`: its points stay, these follow
 */
export function changeOf(trace, news, from, begin, isAlike) {
  const x = plain(trace.x) || [], fresh = Object.fromEntries(Object.entries(news).map(([name, values]) => [name, plain(values) || []])), limit = place(from);
  if (!fresh.x) return null;
  let first = 0, kept = x.length;
  while (kept > 0 && place(x[kept - 1]) >= limit) kept -= 1;
  while (first < kept && place(x[first]) < begin) first += 1;
  const tail = x.length - kept, old = Object.fromEntries(Object.keys(fresh).map((name) => [name, plain(trace[name]) || []]));
  const isSame = (name, at) => name === "y" ? isAlike(old.y[kept + at], fresh.y[at]) : old[name][kept + at] === fresh[name][at];
  const stays = tail <= fresh.x.length && Object.keys(fresh).filter((name) => fresh[name].length).every((name) => Array.from({ length: tail }, (_, at) => at).every((at) => isSame(name, at)));
  if (stays && tail === fresh.x.length) return null;
  const names = Object.keys(fresh).filter((name) => trace[name] !== undefined || fresh[name].length);
  return { added: stays && names.every((name) => Array.isArray(trace[name])) ? Object.fromEntries(names.map((name) => [name, fresh[name].slice(tail)])) : null,
    whole: Object.fromEntries(names.map((name) => [name, [...old[name].slice(first, kept), ...fresh[name]]])) };
}
