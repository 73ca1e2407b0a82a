// Numbers as words: a figure with its interval and unit, settings, times. Pure.

export const NONE = "–", MINUS = "−", THIN = "\u202f", DAY_SECONDS = 86_400;

/**
 * @typedef {{name: string, label: string, words: string, place: string, unit: string, scale: number, digits: number, is_better_higher: boolean}} Figure
 * @typedef {{count: number, median: number, mean: number, spread: number|null, least: number, most: number, low: number|null, high: number|null}} Summary
 */

/** "1 204.5", with the sign of a minus. @param {number} value @param {number} digits */
export function decimal(value, digits) {
  const [whole, part] = Math.abs(value).toFixed(digits).split("."), text = whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (part ? `.${part}` : "");
  return (value < 0 && Number(value.toFixed(digits)) !== 0 ? MINUS : "") + text;
}

/** @param {Figure} figure @param {number} value as it is stored */
export const inUnit = (figure, value) => decimal(value * figure.scale, figure.digits);

/** Half the interval, so far as it reaches on its longer side; null where there is none. @param {Summary} summary */
export const reach = ({ median, low, high }) => low === null || high === null || low === undefined || high === undefined ? null : Math.max(high - median, median - low);

/** "87.1 ± 1.2", without the unit. @param {Figure} figure @param {Summary|undefined} summary */
export function withInterval(figure, summary) {
  if (!summary) return NONE;
  const side = reach(summary), value = inUnit(figure, summary.median);
  if (side === null) return value;
  const shown = Number((side * figure.scale).toFixed(figure.digits)) === 0 && side > 0 ? `<${THIN}${decimal(10 ** -figure.digits, figure.digits)}` : inUnit(figure, side);
  return `${value} ± ${shown}`;
}

/** "±" of it: interval, unit and count in words. @param {Figure} figure @param {Summary|undefined} summary */
export function intervalWords(figure, summary) {
  if (!summary) return `${figure.words}: not measured`;
  const unit = figure.unit ? ` ${figure.unit}` : "", of = `${summary.count} sample${summary.count === 1 ? "" : "s"}`;
  if (figure.place === "quality") return `${figure.words}: ${inUnit(figure, summary.median)}${unit}${reach(summary) === null ? "" : `, 95% interval ${inUnit(figure, summary.low)} to ${inUnit(figure, summary.high)}${unit}, by blocks of the text`}`;
  const span = reach(summary) === null ? "too few for an interval" : `95% interval ${inUnit(figure, summary.low)} to ${inUnit(figure, summary.high)}${unit}`;
  return `${figure.words}: median ${inUnit(figure, summary.median)}${unit}, ${span}, ${of}`;
}

/** "less is better". @param {Figure} figure */
export const directionWords = (figure) => figure.is_better_higher ? "more is better" : "less is better";

/** "+12.3%". @param {number|null} value */
export const percent = (value) => value === null || value === undefined ? NONE : `${value > 0 ? "+" : ""}${decimal(value, 1)}%`;

/** "−23.4% (−25.1 to −21.5)". @param {{difference_percent: number|null, low_percent: number|null, high_percent: number|null}} difference */
export function differenceWords({ difference_percent: by, low_percent: low, high_percent: high }) {
  if (by === null) return NONE;
  return low === null || high === null ? percent(by) : `${percent(by)} (${percent(low)} to ${percent(high)})`;
}

/** "6 s", "4 min 12 s", "2 h 5 min". @param {number|null} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const whole = Math.max(0, Math.round(seconds)), hours = Math.floor(whole / 3600), minutes = Math.floor(whole % 3600 / 60), rest = whole % 60;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (!minutes) return `${rest} s`;
  return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** "14:02", "25 Nov, 14:02". @param {number} epoch @param {number} now both in seconds */
export function moment(epoch, now = Date.now() / 1000) {
  const at = new Date(epoch * 1000), time = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  const isToday = at.toDateString() === new Date(now * 1000).toDateString();
  return isToday ? time : `${at.toLocaleDateString(undefined, { day: "numeric", month: "short", ...(now - epoch > 300 * DAY_SECONDS ? { year: "numeric" } : {}) })}, ${time}`;
}

/** A setting's value. @param {string|number|boolean|null} value */
export const valueWords = (value) => value === null ? "default" : value === "" ? "(empty)" : value === true ? "on" : value === false ? "off" : typeof value === "object" ? JSON.stringify(value) : String(value);

/** The name of a field without the section it is in. @param {string} field */
export const fieldWords = (field) => ({ model_path: "Model", backend: "Backend", device: "Device" })[field] || field.replace(/^(ov_config|scheduler)\./, "");

/** What was typed, as the kind of value that stands there already. @param {string} text @param {any[]} alike @returns {any} */
export function typed(text, alike) {
  const words = text.trim(), kinds = new Set(alike.filter((each) => each !== null).map((each) => typeof each));
  if (/^(default|unset)$/i.test(words)) return null;
  if (kinds.has("string") && !kinds.has("number") && !kinds.has("boolean")) return words;
  if (/^(true|on|yes)$/i.test(words) && (kinds.has("boolean") || !kinds.size)) return true;
  if (/^(false|off|no)$/i.test(words) && (kinds.has("boolean") || !kinds.size)) return false;
  return words !== "" && Number.isFinite(Number(words)) ? Number(words) : words;
}

/** "3 runs", "1 run". @param {number} number @param {string} noun */
export const counted = (number, noun) => `${decimal(number, 0)} ${noun}${number === 1 ? "" : "s"}`;
