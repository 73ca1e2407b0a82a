// One figure on the page: drawn when it comes near the window, redrawn only when it changed, in the page's colours.

import { make } from "../chat/dom.js";
import { changeOf, dateText, place, plain } from "./arrays.js";
import { picture } from "./picture.js";
import { plotly } from "./plotly.js";
import { coloursOf, narrowed, themed } from "./theme.js";

const NEAR = "400px 0px", AGAIN_MS = 5000, MOST_MARKERS = 80, IMAGE_WIDTH = 1100, TITLE_PIXELS = 44, SEEN_SHARE = 0.004;
/** No mouse at all: nothing is dragged, a finger scrolls the page. */
export const isTouch = () => matchMedia("(any-hover: none)").matches;

/**
 * @typedef {{data: Object[], layout: Object}} Figure
 * @typedef {{root: HTMLElement, leaving: AbortSignal, spent: number, toast: (text: string, tone?: string) => void}} Around
 */
export class Plot {
  /**
   * @param {Around} around
   * @param {{name: string, height: number, title: () => string, file: () => string, choose?: ((id: string) => void)|null}} options  `choose`: a point whose customdata is a request was clicked
   */
  constructor(around, options) {
    Object.assign(this, { around, options, figure: null, isNear: false, isDrawn: false, isStale: false, revision: 0, busy: Promise.resolve(), uirevision: "", given: null });
    this.box = make("div", { class: "om-plot-box" });
    this.words = make("p", { class: "om-plot-words", hidden: true });
    this.element = make("div", { class: "om-plot", style: `height: ${options.height}px` }, this.box, this.words);
    const near = new IntersectionObserver((seen) => { this.isNear = seen.at(-1).isIntersecting; if (this.isNear) this.#draw(); }, { rootMargin: NEAR });
    const size = new ResizeObserver(() => this.#resize());
    near.observe(this.element);
    size.observe(this.box);
    this.forget = () => { near.disconnect(); size.disconnect(); around.leaving.removeEventListener("abort", this.forget); if (this.isDrawn) window.Plotly.purge(this.box); this.isDrawn = false; };
    around.leaving.addEventListener("abort", this.forget);
  }

  /** @param {Figure|null} figure @param {string} [uirevision] while it is the same, what was zoomed stays so */
  show(figure, uirevision = "") {
    const words = emptyWords(figure);
    this.figure = words ? null : { ...figure, data: figure.data.map((trace) => ({ ...calm(trace), uid: safeName(trace.uid) })) };
    this.uirevision = uirevision;
    this.revision += 1;
    this.isStale = true;
    this.words.textContent = words;
    this.words.hidden = !words;
    this.box.style.visibility = words ? "hidden" : "";
    const height = `${(!words && figure.layout?.height) || this.options.height}px`;
    if (this.element.style.height !== height) this.element.style.height = height;
    this.#draw();
  }

  /**
   * Replaces the newest points of some traces. Nothing is drawn where all of them look as before.
   * @param {{from: any, traces: Object<string, Object>}} part
   * @param {number} spanSeconds points older than that, seen from the newest, go
   */
  extend(part, spanSeconds) {
    const { figure } = this;
    if (figure) this.#queue(() => figure === this.figure ? this.#timed(() => this.#extend(figure, part, spanSeconds)) : null);
  }

  #extend({ data, layout }, part, spanSeconds) {
    const named = Object.entries(part.traces).map(([uid, news]) => [data.findIndex((each) => each.uid === safeName(uid)), news]).filter(([index]) => index >= 0);
    const newest = Math.max(...named.map(([, news]) => place((plain(news.x) || []).at(-1) ?? part.from)));
    const begin = spanSeconds ? newest - spanSeconds * 1000 : -Infinity;
    const changes = named.map(([index, news]) => ({ index, ...changeOf(data[index], news, part.from, begin, this.#isAlike(data[index])) })).filter((each) => each.whole);
    if (!changes.length) return null;
    this.revision += 1;
    const isShown = this.isDrawn && this.isNear && !this.isStale && this.box.data?.[0] === data[0], indices = changes.map(({ index }) => index);
    this.#follow(layout, newest, isShown);
    const names = Object.keys(changes[0].added || {}), isOnlyAdded = changes.every(({ added }) => added && Object.keys(added).join() === names.join());
    if (isShown && isOnlyAdded) {
      const lists = (of) => Object.fromEntries(names.map((name) => [name, changes.map(of(name))]));
      return window.Plotly.extendTraces(this.box, lists((name) => ({ added }) => added[name]), indices, lists((name) => ({ whole }) => whole[name].length));
    }
    for (const { index, whole } of changes) Object.assign(data[index], whole);
    if (!isShown) { this.isStale = true; this.#draw(); return null; }
    const every = [...new Set(changes.flatMap(({ whole }) => Object.keys(whole)))];
    return window.Plotly.restyle(this.box, Object.fromEntries(every.map((name) => [name, indices.map((index) => data[index][name])])), indices);
  }

  /** Whether two values of a trace lie less than about half a pixel from each other on its axis. */
  #isAlike(trace) {
    const [low, high] = this.box.layout?.[`yaxis${(trace.yaxis || "y").slice(1)}`]?.range || [0, 0], step = Math.abs(high - low) * SEEN_SHARE;
    return (before, after) => before === after || typeof before === "number" && typeof after === "number" && Math.abs(before - after) < step;
  }

  /** An axis of time that the server ends at now goes on with the newest point, unless a part of it is looked at. */
  #follow(layout, newest, isShown) {
    const range = layout.xaxis?.range, ahead = range ? newest - place(range[1]) : 0;
    if (!(ahead > 0)) return;
    const isZoomed = this.#isZoomed();
    layout.xaxis = { ...layout.xaxis, range: range.map((each) => dateText(place(each) + ahead)) };
    if (isShown && !isZoomed) this.box.layout.xaxis.range = this.given = [...layout.xaxis.range];
  }

  #isZoomed() {
    const shown = this.box.layout?.xaxis?.range;
    return this.isDrawn && Boolean(this.given && shown) && shown.some((each, at) => Math.abs(place(each) - place(this.given[at])) > 1);
  }

  /** The part of the time axis that is looked at, as texts of the axis; null: all of it. @returns {[string, string]|null} */
  zoomed() {
    const axis = this.isDrawn ? this.box.layout?.xaxis : null;
    return axis?.range && axis.type === "date" && (this.given ? this.#isZoomed() : axis.autorange === false) ? [...axis.range] : null;
  }

  retheme() { if (this.figure) { this.isStale = true; this.#draw(); } }

  /** Saves it as a picture with its title and the page's background. */
  async save() {
    try {
      const Plotly = await plotly(), { figure } = this;
      if (!figure) { this.around.toast("There is nothing to save yet."); return; }
      const colours = coloursOf(this.around.root), layout = themed(figure.layout, colours), height = this.element.clientHeight + TITLE_PIXELS;
      for (const name of this.isDrawn ? axesOf(layout) : []) // what is zoomed, as it is seen
        if (this.box.layout[name]?.range) layout[name] = { ...layout[name], range: [...this.box.layout[name].range], autorange: false };
      layout.title = { text: this.options.title(), x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 14, l: 8 }, font: { size: 16, color: colours.text } };
      layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 20) + TITLE_PIXELS };
      const data = this.isDrawn ? this.box.data : figure.data, address = await picture(Plotly, { data, layout }, Math.max(IMAGE_WIDTH, this.element.clientWidth), height);
      make("a", { href: address, download: `${this.options.file()}.png` }).click();
    } catch (error) {
      this.around.toast(`The picture could not be made. ${error.message}`, "bad");
    }
  }

  /** What drawing took is time that the model beside it did not have; the view asks more rarely for it. */
  async #timed(draw) {
    const began = performance.now();
    await draw();
    this.around.spent += performance.now() - began;
  }

  #queue(work) {
    this.busy = this.busy.then(work).catch((error) => {
      this.words.textContent = error.message;
      this.words.hidden = false;
      setTimeout(() => { if (!this.isDrawn && this.figure) { this.words.hidden = true; this.isStale = true; this.#draw(); } }, AGAIN_MS);
    });
  }

  #draw() {
    if (!this.isNear || !this.isStale || !this.figure) return;
    this.isStale = false;
    this.#queue(async () => {
      const Plotly = await plotly(), { figure } = this;
      if (!figure || this.around.leaving.aborted || !this.box.isConnected) return;
      const layout = { ...narrowed(themed(figure.layout, coloursOf(this.around.root)), this.box.clientWidth), datarevision: this.revision, uirevision: this.uirevision };
      if (layout.xaxis?.range) this.#keepZoom(layout);
      else this.given = null;
      if (isTouch()) layout.dragmode = false;
      await this.#timed(() => Plotly.react(this.box, figure.data, layout, this.#config(Plotly)));
      if (!this.isDrawn) this.box.on("plotly_doubleclick", () => this.#unzoom());
      if (!this.isDrawn && this.options.choose) this.box.on("plotly_click", ({ points }) => { if (typeof points[0]?.customdata === "string") this.options.choose(points[0].customdata); });
      this.isDrawn = true;
      this.words.hidden = true;
    });
  }

  /** A range that the server gives would end a zoom, as it is another one at each answer. */
  #keepZoom(layout) {
    const shown = this.#isZoomed() && this.drawnFor === this.uirevision ? this.box.layout.xaxis.range : null;
    this.given = [...layout.xaxis.range];
    this.drawnFor = this.uirevision;
    layout.xaxis = { ...layout.xaxis, range: [...(shown || this.given)] };
  }

  #unzoom() {
    const { layout } = this.figure, all = axesOf(this.box.layout).map((name) => layout[name]?.range ? [`${name}.range`, [...layout[name].range]] : [`${name}.autorange`, true]);
    window.Plotly.relayout(this.box, Object.fromEntries(all));
  }

  /** The same object each time: with another one Plotly would draw everything from the start, and forget what was zoomed. */
  #config(Plotly) {
    const save = { name: "PNG", title: "Save as PNG", icon: Plotly.Icons.camera, click: () => this.save() };
    const whole = { name: "All", title: "All of it", icon: Plotly.Icons.home, click: () => this.#unzoom() };
    this.config ??= { displaylogo: false, responsive: true, displayModeBar: isTouch() ? false : "hover", modeBarButtons: [["zoom2d", "pan2d", whole, save]], doubleClick: false };
    return this.config;
  }

  #resize() {
    cancelAnimationFrame(this.resizing);
    this.resizing = requestAnimationFrame(() => {
      if (this.isDrawn && this.box.offsetParent && this.box.clientWidth) window.Plotly.Plots.resize(this.box);
    });
  }
}

const axesOf = (layout) => Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));

/** A trace's name as Plotly can take it: it puts the name into selectors as it is. */
const safeName = (uid) => uid === undefined ? undefined : String(uid).replace(/[^A-Za-z0-9-]/g, (letter) => `_${letter.codePointAt(0).toString(16)}_`);

/** A line with many points without its markers, which cost most of the drawing; a point without neighbours keeps them all. */
function calm(trace) {
  if (trace.mode !== "lines+markers" || !trace.y) return trace;
  const y = plain(trace.y), isNone = (value) => value === null || value === undefined || Number.isNaN(value);
  const isAlone = (value, at) => !isNone(value) && isNone(y[at - 1]) && isNone(y[at + 1]);
  return y.length > MOST_MARKERS && !y.some(isAlone) ? { ...trace, mode: "lines" } : trace;
}

/** Why there is nothing to draw, as the figure says it; "" where there is something. */
function emptyWords(figure) {
  if (figure?.data?.length) return "";
  return figure?.layout?.meta?.empty || "Nothing to show yet.";
}
