// Numbers of models as words: sizes, parameters, speeds, times. Pure.

import { decimal, duration, NONE } from "../tune/values.js";

export { decimal, duration, NONE };

/** "97.5 MB" as "98 MB", "1.5 MB", "1.85 GB"; powers of ten, as the Load tab has them. @param {number|null|undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  for (const [unit, scale, digits] of [["TB", 1e12, 2], ["GB", 1e9, 2], ["MB", 1e6, 0], ["kB", 1e3, 0]]) if (value >= scale) return `${(value / scale).toFixed(digits === 0 && unit === "MB" && value < 9.95 * scale ? 1 : digits)} ${unit}`;
  return `${Math.round(value)} B`;
}

/** "12.4 of 98 MB": both in the unit of the whole, so that the words keep their width. @param {number} done @param {number} total */
export function bytesOf(done, total) {
  for (const [unit, scale, digits] of [["GB", 1e9, 2], ["MB", 1e6, 1], ["kB", 1e3, 0]]) if (total >= scale) return `${(done / scale).toFixed(digits)} of ${(total / scale).toFixed(digits)} ${unit}`;
  return `${done} of ${total} B`;
}

/** "135 M", "3.0 B", "72 B". @param {number|null} value */
export function parameters(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1e9) return `${(value / 1e9).toFixed(value >= 1e10 ? 0 : 1)} B`;
  return `${Math.round(value / 1e6)} M`;
}

/** "8 k", "128 k" tokens. @param {number|null} value */
export const context = (value) => value === null || value === undefined ? NONE : value >= 1024 ? `${decimal(value / 1024, value % 1024 ? 1 : 0).replace(/\.0$/, "")} k` : String(value);

/** "1 204", "3.1 k", "2.4 M". @param {number|null} value */
export function many(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1e4 ? `${Math.round(value / 1e3)} k` : decimal(value, 0);
}

/** "3 Nov 2026" of "2026-11-03T…". @param {string|null} text */
export function day(text) {
  const moment = text ? new Date(text) : null;
  return moment && !Number.isNaN(moment.getTime()) ? moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" }) : NONE;
}

/** "14:02", "25 Nov, 14:02". @param {number} epoch in seconds */
export function moment(epoch) {
  const at = new Date(epoch * 1000), time = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** Words of a shell line, as they have to be quoted; "&&" between two steps begins a new line. @param {string[]} words */
export const shell = (words) => words.map((word) => word === "&&" ? "&& \\\n" : `${/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`} `).join("").trimEnd();
