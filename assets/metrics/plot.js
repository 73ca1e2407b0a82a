// One figure on the page: drawn when it comes near the window, redrawn only when it changed, in the page's colours.

import { make } from "../chat/dom.js";
import { place, plain, replaced } from "./arrays.js";
import { plotly } from "./plotly.js";
import { coloursOf, themed } from "./theme.js";

const NEAR = "400px 0px", AGAIN_MS = 5000, SCALE = 2, MOST_MARKERS = 80, IMAGE_WIDTH = 1100, TITLE_PIXELS = 44;
const isTouch = () => matchMedia("(hover: none)").matches;

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
    Object.assign(this, { around, options, figure: null, isNear: false, isDrawn: false, isStale: false, revision: 0, busy: Promise.resolve(), uirevision: "" });
    this.box = make("div", { class: "om-plot-box" });
    this.words = make("p", { class: "om-plot-words", hidden: true });
    this.element = make("div", { class: "om-plot", style: `height: ${options.height}px` }, this.box, this.words);
    const near = new IntersectionObserver((seen) => { this.isNear = seen.at(-1).isIntersecting; if (this.isNear) this.#draw(); }, { rootMargin: NEAR });
    const size = new ResizeObserver(() => this.#resize());
    near.observe(this.element);
    size.observe(this.box);
    this.forget = () => { near.disconnect(); size.disconnect(); if (this.isDrawn) window.Plotly.purge(this.box); this.isDrawn = false; };
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
   * Replaces the newest points of some traces.
   * @param {{from: any, traces: Object<string, Object>}} part
   * @param {number} spanSeconds points older than that, seen from the newest, go
   */
  extend(part, spanSeconds) {
    if (!this.figure) return;
    const { data } = this.figure, named = Object.entries(part.traces).map(([uid, news]) => [data.findIndex((each) => each.uid === safeName(uid)), news]).filter(([index]) => index >= 0);
    if (!named.length) return;
    const newest = Math.max(...named.map(([, news]) => place((plain(news.x) || []).at(-1) ?? part.from)));
    const changes = named.map(([index, news]) => replaced(data[index], news, part.from, spanSeconds ? newest - spanSeconds * 1000 : -Infinity));
    const indices = named.map(([index]) => index);
    changes.forEach((change, at) => Object.assign(data[indices[at]], change));
    this.revision += 1;
    if (!this.isDrawn || !this.isNear) { this.isStale = true; return; }
    const names = [...new Set(changes.flatMap((each) => Object.keys(each)))];
    this.#queue(() => this.#timed(() => window.Plotly.restyle(this.box, Object.fromEntries(names.map((name) => [name, indices.map((index) => data[index][name])])), indices)));
  }

  retheme() { if (this.figure) { this.isStale = true; this.#draw(); } }

  /** Saves it as a picture with its title and the page's background. */
  async save() {
    try {
      const Plotly = await plotly(), { figure } = this;
      if (!figure) { this.around.toast("There is nothing to save yet."); return; }
      const colours = coloursOf(this.around.root), layout = themed(figure.layout, colours), height = this.element.clientHeight + TITLE_PIXELS;
      layout.title = { text: this.options.title(), x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 14, l: 8 }, font: { size: 16, color: colours.text } };
      layout.margin = { ...layout.margin, t: (layout.margin?.t ?? 20) + TITLE_PIXELS };
      const address = await Plotly.toImage({ data: figure.data, layout }, { format: "png", scale: SCALE, width: Math.max(IMAGE_WIDTH, this.element.clientWidth), height });
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
      const layout = { ...themed(figure.layout, coloursOf(this.around.root)), datarevision: this.revision, uirevision: this.uirevision };
      if (isTouch()) layout.dragmode = false; // a finger scrolls the page
      await this.#timed(() => Plotly.react(this.box, figure.data, layout, this.#config(Plotly)));
      if (!this.isDrawn && this.options.choose) this.box.on("plotly_click", ({ points }) => { if (typeof points[0]?.customdata === "string") this.options.choose(points[0].customdata); });
      this.isDrawn = true;
      this.words.hidden = true;
    });
  }

  /** The same object each time: with another one Plotly would draw everything from the start, and forget what was zoomed. */
  #config(Plotly) {
    const save = { name: "PNG", title: "Save as PNG", icon: Plotly.Icons.camera, click: () => this.save() };
    this.config ??= { displaylogo: false, responsive: true, displayModeBar: isTouch() ? false : "hover", modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", save]] };
    return this.config;
  }

  #resize() {
    cancelAnimationFrame(this.resizing);
    this.resizing = requestAnimationFrame(() => {
      if (this.isDrawn && this.box.offsetParent && this.box.clientWidth) window.Plotly.Plots.resize(this.box);
    });
  }
}

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
