// Looking things up in a RunView: figures of a configuration, its objectives, what varies. Pure.

import { fieldWords } from "./values.js";

/** @param {Object} view @returns {string[]} workload names in the order they were asked for */
export function workloadsOf(view) {
  const { request, results } = view, named = request.workloads ? request.workloads.map((each) => each.name) : request.workload ? [request.workload.name] : [];
  return named.length ? [...new Set(named)] : [...new Set(results.flatMap((result) => Object.keys(result.figures)))];
}

/** @param {Object} result @param {string} figure @param {string|null} [workload] null: the first that has it */
export function summaryOf(result, figure, workload = null) {
  const found = workload !== null && result.figures[workload]?.[figure];
  return found || (workload === null ? Object.values(result.figures).map((each) => each[figure]).find(Boolean) : undefined);
}

/** What the run is to be best in; a bench and a comparison have none. @param {Object} view @returns {string[]} */
export const objectivesOf = (view) => view.request.objectives || [];

/** @param {Object} view @returns {string[]} the fields that vary, in their order */
export const axesOf = (view) => (view.request.axes || []).map((axis) => axis.field);

/** A field in plain words: "KV cache precision". @param {Object} view @param {string} field */
export const labelOf = (view, field) => view.fields?.[field]?.label || fieldWords(field);

/** The same with its own name: "KV cache precision (KV_CACHE_PRECISION)". @param {Object} view @param {string} field */
export function wordsOf(view, field) {
  const name = view.fields?.[field]?.name;
  return name ? `${labelOf(view, field)} (${name})` : labelOf(view, field);
}

/** States of a run to which nothing comes any more. */
export const OVER = new Set(["finished", "cancelled", "failed"]);

/** In a sweep what differs from the base, for where there is little room: "2 threads · LATENCY · u8"; else its label. @param {Object} view @param {Object} result */
export function shortLabel(view, result) {
  const { label, settings } = result.configuration, axes = view.request.axes || [];
  if (!axes.length || !Object.keys(settings).length || idOf(result) === view.reference_id) return label;
  const base = { configuration: { settings: {}, load: view.request.base } }, parts = axes.map(({ field }) => [field, settingOf(result, field)]).filter(([field, value]) => value !== settingOf(base, field)).map(([field, value]) => {
    const named = labelOf(view, field), small = named[0].toLowerCase() + named.slice(1), isShared = axes.some((axis) => axis.field !== field && axis.values.includes(value));
    if (typeof value === "boolean") return `${named} ${value ? "on" : "off"}`;
    if (value === null) return `default ${small}`;
    return typeof value === "string" && !isShared ? value.split("/").pop() : `${value} ${value === 1 ? small.replace(/s$/, "") : small}`;
  });
  return parts.join(" · ") || label;
}

/** There is a verdict of the best against the base (where that is the best, of another against it), by its objective. @param {Object} view @param {Object} best */
export function isBestSure(view, best) {
  const [first] = objectivesOf(view), asked = idOf(best) === view.reference_id ? view.results : [best];
  return asked.some((result) => result.against_reference.some(({ figure, verdict }) => figure === first && verdict !== "too few"));
}

/** It needs more memory than the run allows. @param {Object} view @param {Object} result */
export const isOverLimit = ({ request: { memory_limit_bytes: limit } }, result) => Boolean(limit) && summaryOf(result, "memory_bytes")?.median > limit;

export const idOf = (result) => result.configuration.configuration_id;

/** A field's value: as an axis set it, else as the load has it. @param {Object} result @param {string} field */
export function settingOf({ configuration: { settings, load } }, field) {
  if (Object.hasOwn(settings, field)) return settings[field];
  const [section, ...rest] = field.split(".");
  return (rest.length ? load[section]?.[rest.join(".")] : load[section]) ?? null;
}

/** @param {Object} view @param {string|null} id */
export const find = (view, id) => view.results.find((result) => idOf(result) === id) || null;

/** Figures that at least one configuration has. @param {Object} view @param {Map<string, Object>} figures @returns {Object[]} */
export const measuredFigures = (view, figures) => [...figures.values()].filter(({ name }) => view.results.some((result) => summaryOf(result, name)));

/** Those no other one beats in both figures, from the least x on. @param {{x: number, y: number}[]} points @param {boolean} isMoreX @param {boolean} isMoreY */
export function frontOf(points, isMoreX, isMoreY) {
  const better = (a, b, isMore) => isMore ? a > b : a < b;
  return points.filter((point) => !points.some((other) => !better(point.x, other.x, isMoreX) && !better(point.y, other.y, isMoreY) && (better(other.x, point.x, isMoreX) || better(other.y, point.y, isMoreY)))).sort((a, b) => a.x - b.x);
}

/** What the device made of what varies, as [name, text]. @param {Object} result @param {string[]} fields */
export function effectiveOf(result, fields) {
  if (!result.loaded) return [];
  const { backend, execution_devices: devices, effective_properties: properties } = result.loaded;
  const named = fields.filter((field) => field.startsWith("ov_config.")).map((field) => field.slice("ov_config.".length)).filter((name) => Object.hasOwn(properties, name));
  return [["backend", backend], ["device", devices.join(", ") || result.loaded.device], ...named.map((name) => [name, properties[name]])];
}
