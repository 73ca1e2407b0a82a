// Moments in the zone of the server, as its tables and axes have them. Knows nothing of the page.

const MINUTE_MS = 60_000;

/** @typedef {{name: string, offset_seconds: number}} Zone  its distance from UTC is the same for all moments, as on the axes */

/** The browser's own, until the server has told its. @returns {Zone} */
export const ownZone = () => ({ name: "", offset_seconds: -60 * new Date().getTimezoneOffset() });

/** "CET (UTC+01:00)". @param {Zone} zone */
export function zoneWords({ name, offset_seconds: offset }) {
  const minutes = Math.round(Math.abs(offset) / 60), two = (number) => String(number).padStart(2, "0");
  const distance = offset ? `UTC${offset < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}` : "UTC";
  return !name || name === "UTC" || /^[+-]?\d+$/.test(name) ? distance : `${name} (${distance})`;
}

/** "2026-11-26T14:00:00", as `datetime-local` takes it. @param {number} seconds since the epoch @param {Zone} zone */
export const localText = (seconds, zone) => new Date((seconds + zone.offset_seconds) * 1000).toISOString().slice(0, 19);

/** Such a text, or a moment of an axis, as seconds since the epoch. @param {string} text @param {Zone} zone */
export const secondsOf = (text, zone) => Date.parse(`${text.replace(" ", "T")}Z`) / 1000 - zone.offset_seconds;

/** "25 Nov, 14:00". @param {number} seconds @param {Zone} zone */
export const momentWords = (seconds, zone) => new Date(Math.round((seconds + zone.offset_seconds) * 1000 / MINUTE_MS) * MINUTE_MS).toLocaleString(undefined, { timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false }).replace(",", "");
