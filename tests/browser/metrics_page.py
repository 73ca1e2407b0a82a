"""A static page with the Metrics view alone: the server's six functions are played with made-up answers, and what is asked is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import plotly
from playwright.sync_api import Locator, Page

from tests.browser.view_page import StaticHandler

ASSETS = Path(__file__).parent.parent.parent / "assets"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
LIGHT = (
    "--body-text-color: #17212e; --body-text-color-subdued: #5a6878; --block-background-fill: #fff; "
    "--body-background-fill: #f8fafc; --border-color-primary: #dde3ea;"
)
DARK = (
    "--body-text-color: #e4eaf2; --body-text-color-subdued: #93a1b3; --block-background-fill: #151c26; "
    "--body-background-fill: #0d1219; --border-color-primary: #273140;"
)
PAGE = f"""<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/openarc.css"><link rel="stylesheet" href="/page-assets/chat/chat.css">
<link rel="stylesheet" href="/page-assets/metrics/metrics.css">
<style>body {{ margin: 0; font-family: sans-serif; --font: sans-serif; --font-mono: monospace; {LIGHT}
 background: var(--body-background-fill); color: var(--body-text-color); }} body.dark {{ {DARK} }} main {{ padding: 0 20px; }}</style></head><body>
<div id="oa-header" style="display: flex; height: 34px">OpenArc</div>
<main><div id="oa-tabs"><button role="tab" aria-selected="true">Chat</button><button role="tab" aria-selected="false">Metrics</button></div>
<div id="panel" hidden><div id="oa-metrics"><div class="oa-metrics"></div></div></div></main><script type="module">
if (new URLSearchParams(location.search).get("__theme") === "dark") document.body.classList.add("dark");
const panel = document.querySelector("#panel"), tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((tab) => tab.addEventListener("click", () => {{
  for (const each of tabs) each.setAttribute("aria-selected", String(each === tab));
  panel.hidden = tab.textContent !== "Metrics";
}}));
Object.assign(window, {{ asked: [], answers: {{}}, isAway: false, slowMs: 0 }});
const play = (name) => async (text) => {{
  const asked = JSON.parse(text);
  window.asked.push({{ name, ...asked }});
  if (window.slowMs) await new Promise((done) => setTimeout(done, window.slowMs));
  if (window.isAway) throw new Error("connection refused");
  const answers = window.answers[name];
  return JSON.stringify((Array.isArray(answers) ? answers.shift() : answers) || {{}});
}};
const server = Object.fromEntries(["metrics", "metrics_request", "metrics_requests", "metrics_again", "metrics_compare", "metrics_bandwidth"].map((name) => [name, play(name)]));
const view = await import("/page-assets/metrics/view.js");
window.start = (own) => view.mount(document.querySelector(".oa-metrics"), {{}}, () => {{}}, () => {{}}, own === null ? undefined : server);
window.isReady = true;
</script></body></html>"""

Json = dict[str, Any]


class MetricsPage:
    """The view on its page. `answers` are what the server's functions give: one for always, or a list for one after another."""

    def __init__(
        self, page: Page, address: str, *, answers: Json | None = None, link: str = "", is_dark: bool = False
    ) -> None:
        self.page = page
        page.goto(f"{address}{'?__theme=dark' if is_dark else ''}{link}")
        page.wait_for_function("window.isReady")
        self.answer(answers or {})

    def start(self, *, is_open: bool = True, has_server: bool = True) -> None:
        """Mounts the view, and opens its tab."""
        self.page.evaluate("(has) => window.start(has ? undefined : null)", has_server)
        if is_open:
            self.tab("Metrics")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def answer(self, answers: Json) -> None:
        """What the server answers from now on."""
        self.page.evaluate("(answers) => Object.assign(window.answers, answers)", answers)

    def asked(self, name: str) -> list[Json]:
        """What was asked of one function since the last call."""
        take = """(name) => {
          const of = window.asked.filter((each) => each.name === name);
          window.asked = window.asked.filter((each) => each.name !== name);
          return of;
        }"""
        questions: list[Json] = self.page.evaluate(take, name)
        return questions

    def figure(self, name: str) -> Locator:
        return self.page.locator(f'.om-card[data-figure="{name}"]')

    def points(self, figure: str) -> Json:
        """uid -> y of each trace that a figure shows."""
        read = """(name) => {
          const box = document.querySelector(`[data-figure='${name}'] .om-plot-box`);
          return (box.data || []).map((trace) => [trace.uid, [...trace.y]]);
        }"""
        shown: list[tuple[str, list[float]]] = self.page.evaluate(read, figure)
        return {re.sub("_([0-9a-f]+)_", lambda code: chr(int(code[1], 16)), uid): values for uid, values in shown}

    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))


class MetricsHandler(StaticHandler):
    """Plotly and an export too."""

    page = PAGE

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        own = {
            "/page-assets/plotly/plotly.min.js": ("text/javascript", PLOTLY.read_bytes),
            "/metrics/export": ("text/csv", lambda: b"request_id"),
        }.get(self.path.partition("?")[0])
        if own is None:
            super().do_GET()
            return
        kind, content = own
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(content())
