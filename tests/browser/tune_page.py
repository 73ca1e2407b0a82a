"""A static page with the Tune view alone: the server's functions are played with made-up answers, and what is asked is kept."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.metrics_page import DARK, LIGHT, MetricsHandler

NAMES = [
    "tune_view",
    "tune_offers",
    "tune_code",
    "tune_start",
    "tune_pause",
    "tune_cancel",
    "tune_resume",
    "tune_rename",
    "tune_delete",
    "tune_apply",
    "tune_profile",
]
PAGE = f"""<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/openarc.css"><link rel="stylesheet" href="/page-assets/chat/chat.css">
<link rel="stylesheet" href="/page-assets/metrics/metrics.css">
<style>body {{ margin: 0; font-family: sans-serif; --font: sans-serif; --font-mono: monospace; {LIGHT}
 background: var(--body-background-fill); color: var(--body-text-color); }} body.dark {{ {DARK} }} main {{ padding: 0 20px; }}
 select, input, textarea {{ color-scheme: light; }} body.dark :is(select, input, textarea) {{ color-scheme: dark; }}</style></head><body>
<div id="oa-header" style="display: flex; height: 34px">OpenArc</div>
<main><div id="oa-tabs"><button role="tab" aria-selected="true">Chat</button><button role="tab" aria-selected="false">Tune</button></div>
<div id="panel" hidden><div id="oa-tune"><div class="oa-tune"></div></div></div></main><script type="module">
if (new URLSearchParams(location.search).get("__theme") === "dark") document.body.classList.add("dark");
const panel = document.querySelector("#panel"), tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((tab) => tab.addEventListener("click", () => {{
  for (const each of tabs) each.setAttribute("aria-selected", String(each === tab));
  panel.hidden = tab.textContent !== "Tune";
}}));
Object.assign(window, {{ asked: [], answers: {{}}, isAway: false }});
const play = (name) => async (text) => {{
  const asked = JSON.parse(text);
  window.asked.push({{ question: name, ...asked }});
  if (window.isAway) throw new Error("connection refused");
  const answer = window.answers[name] || {{}};
  const isKnown = name === "tune_view" && answer.revision === asked.since_revision;
  return JSON.stringify(isKnown ? {{ revision: answer.revision }} : answer);
}};
const server = Object.fromEntries({NAMES}.map((name) => [name, play(name)]));
const view = await import("/page-assets/tune/view.js");
window.start = () => view.mount(document.querySelector(".oa-tune"), {{}}, () => {{}}, () => {{}}, server);
window.isReady = true;
</script></body></html>"""

Json = dict[str, Any]


class TunePage:
    """The view on its page. `answers` are what the server's functions give."""

    def __init__(self, page: Page, address: str, *, answers: Json, link: str = "", is_dark: bool = False) -> None:
        self.page = page
        page.goto(f"{address}{'?__theme=dark' if is_dark else ''}{link}")
        page.wait_for_function("window.isReady")
        self.answer(answers)
        page.evaluate("window.start()")
        page.get_by_role("tab", name="Tune").click()

    def answer(self, answers: Json) -> None:
        """What the server answers from now on; another run's view needs another revision to be seen."""
        self.page.evaluate("(answers) => Object.assign(window.answers, answers)", answers)

    def asked(self, name: str) -> list[Json]:
        """What was asked of one function since the last call."""
        take = """(name) => {
          const of = window.asked.filter((each) => each.question === name);
          window.asked = window.asked.filter((each) => each.question !== name);
          return of;
        }"""
        questions: list[Json] = self.page.evaluate(take, name)
        return questions

    def figure(self, name: str) -> Locator:
        return self.page.locator(f'.ot-picture[data-figure="{name}"]')

    def do(self, action: str) -> None:
        self.page.locator(f'[data-action="{action}"]:visible').first.click()

    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider


class TuneHandler(MetricsHandler):
    """The page with this view."""

    page = PAGE
