// How far a run is: what is done now, a bar, the time that passed and that is left; the clock goes on between two answers.

import { make } from "../chat/dom.js";
import { decimal, duration } from "./values.js";

const SECOND_MS = 1000;

/** What is counted at the moment. @param {Object} view a RunView */
function unitOf({ head, progress, request }) {
  if (head.kind === "comparison") return "rounds";
  if (head.kind === "bench") return request.quality?.is_wanted ? "steps" : "visits";
  if (progress.phase.startsWith("Confirming")) return "rounds";
  return progress.phase === "Comparing texts" ? "texts" : "configurations";
}

export class ProgressView {
  /** @param {AbortSignal} leaving */
  constructor(leaving) {
    Object.assign(this, { view: null, at: 0 });
    this.phase = make("b", { class: "ot-phase" });
    this.now = make("span", { class: "ot-now" });
    this.fill = make("i");
    this.bar = make("div", { class: "ot-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Progress of the run" }, this.fill);
    this.done = make("span", {});
    this.elapsed = make("span", {});
    this.left = make("span", {});
    this.heard = make("p", { class: "oc-heard", role: "status", "aria-live": "polite" }); // the phase alone: each second would be too much to hear
    this.element = make("section", { class: "om-card ot-progress", "aria-label": "Progress" }, make("div", { class: "ot-progress-head" }, this.phase, this.now), this.bar, make("div", { class: "ot-progress-foot" }, this.done, this.elapsed, this.left), this.heard);
    const timer = setInterval(() => this.#tick(), SECOND_MS);
    leaving.addEventListener("abort", () => clearInterval(timer));
  }

  /** @param {Object} view a RunView */
  show(view) {
    const { state } = view.head, isOver = state === "finished" || state === "failed" || state === "cancelled";
    this.element.hidden = isOver;
    this.view = view;
    this.at = performance.now();
    const { phase, now, done, planned } = view.progress, words = state === "interrupted" ? "Interrupted" : state === "waiting" ? "Waiting" : phase || "Starting";
    this.phase.textContent = words;
    this.now.textContent = state === "interrupted" ? "What was measured is kept; Resume goes on with the time that is left." : now;
    this.now.title = this.now.textContent;
    const what = unitOf(view);
    this.done.textContent = planned === null ? `${decimal(done, 0)} ${what}` : `${decimal(done, 0)} of ${decimal(planned, 0)} ${what}`;
    if (this.heard.textContent !== words) this.heard.textContent = words;
    this.element.classList.toggle("is-still", state !== "running");
    this.#tick();
  }

  #tick() {
    if (!this.view || this.element.hidden) return;
    const { progress, head } = this.view, since = head.state === "running" ? (performance.now() - this.at) / 1000 : 0, elapsed = progress.elapsed_seconds + since;
    const left = progress.left_seconds === null ? null : Math.max(0, progress.left_seconds - since);
    this.elapsed.textContent = `${duration(elapsed)} passed`;
    this.left.textContent = left === null ? "time left: not known yet" : `${head.kind === "sweep" ? "at most" : "about"} ${duration(left)} left`;
    const share = left !== null && elapsed + left > 0 ? elapsed / (elapsed + left) : progress.planned ? progress.done / progress.planned : null;
    this.bar.classList.toggle("is-unknown", share === null);
    this.fill.style.width = `${share === null ? 0 : Math.min(100, share * 100).toFixed(1)}%`;
    if (share === null) this.bar.removeAttribute("aria-valuenow");
    else this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }
}
