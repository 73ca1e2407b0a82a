// A figure's arrays as lists: plotly's JSON has numbers as base64. And how the newest points of a trace are replaced.

const KINDS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

/** @param {any} values a list, or {dtype, bdata, shape} @returns {any} a list, or what was given */
export function plain(values) {
  if (!values || typeof values !== "object" || Array.isArray(values) || !values.bdata) return values;
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0)), kind = KINDS[values.dtype];
  if (!kind) throw new Error(`arrays of ${values.dtype} are unknown`);
  const flat = [...new kind(bytes.buffer)], columns = String(values.shape ?? "").split(",").map(Number)[1];
  return columns ? Array.from({ length: flat.length / columns }, (_, row) => flat.slice(row * columns, (row + 1) * columns)) : flat;
}

/** A place on an axis as a number: dates are texts. */
export const place = (value) => typeof value === "string" ? Date.parse(value) : Number(value);

/**
 * The trace's lists without the points from `from` on and those before `begin`, and with the new ones.
 * @param {Object} trace @param {Object<string, any>} news @param {any} from @param {number} begin
 */
export function replaced(trace, news, from, begin) {
  const x = plain(trace.x) || [], limit = place(from);
  let first = 0, last = x.length;
  while (last > 0 && place(x[last - 1]) >= limit) last -= 1;
  while (first < last && place(x[first]) < begin) first += 1;
  return Object.fromEntries(Object.entries(news).map(([name, values]) => [name, [...(plain(trace[name]) || []).slice(first, last), ...(plain(values) || [])]]));
}
