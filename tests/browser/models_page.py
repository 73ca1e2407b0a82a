"""A static page with the Models view alone: the server's functions are played with made-up answers, and what is asked is kept."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.metrics_page import DARK, LIGHT, MetricsHandler

NAMES = [
    "models_view",
    "models_library",
    "models_sizes",
    "models_search",
    "models_files",
    "models_token",
    "models_download",
    "models_convert",
    "models_pause",
    "models_resume",
    "models_cancel",
    "models_forget",
    "models_options",
    "models_command",
    "models_rename",
    "models_delete",
    "models_verify",
    "models_verify_stop",
    "models_load",
    "models_unload",
    "models_inspect",
]
PAGE = f"""<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/openarc.css"><link rel="stylesheet" href="/page-assets/chat/chat.css">
<link rel="stylesheet" href="/page-assets/metrics/metrics.css">
<style>body {{ margin: 0; font-family: sans-serif; --font: sans-serif; --font-mono: monospace; {LIGHT}
 background: var(--body-background-fill); color: var(--body-text-color); }} body.dark {{ {DARK} }} main {{ padding: 0 20px; }}
 select, input, textarea {{ color-scheme: light; }} body.dark :is(select, input, textarea) {{ color-scheme: dark; }}</style></head><body>
<div id="oa-header" style="display: flex; height: 34px; position: sticky; top: 0; background: var(--body-background-fill); z-index: 900">OpenArc</div>
<main><div id="oa-tabs"><button role="tab" aria-selected="true">Chat</button><button role="tab" aria-selected="false">Models</button></div>
<div id="panel" hidden><div id="oa-models-tab"><div class="oa-models"></div></div></div></main><script type="module">
if (new URLSearchParams(location.search).get("__theme") === "dark") document.body.classList.add("dark");
const panel = document.querySelector("#panel"), tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((tab) => tab.addEventListener("click", () => {{
  for (const each of tabs) each.setAttribute("aria-selected", String(each === tab));
  panel.hidden = tab.textContent !== "Models";
}}));
Object.assign(window, {{ asked: [], answers: {{}}, isAway: false }});
const play = (name) => async (text) => {{
  const asked = JSON.parse(text);
  window.asked.push({{ question: name, ...asked }});
  if (window.isAway) throw new Error("connection refused");
  const answer = window.answers[name] || {{}};
  const isKnown = name === "models_view" && answer.revision === asked.since_revision;
  return JSON.stringify(isKnown ? {{ revision: answer.revision }} : answer);
}};
const server = Object.fromEntries({NAMES}.map((name) => [name, play(name)]));
const view = await import("/page-assets/models/view.js");
window.start = () => view.mount(document.querySelector(".oa-models"), {{}}, () => {{}}, () => {{}}, server);
window.isReady = true;
</script></body></html>"""

Json = dict[str, Any]


class ModelsPage:
    """The view on its page. `answers` are what the server's functions give."""

    def __init__(self, page: Page, address: str, *, answers: Json, link: str = "", is_dark: bool = False) -> None:
        self.page = page
        page.goto(f"{address}{'?__theme=dark' if is_dark else ''}{link}")
        page.wait_for_function("window.isReady")
        self.answer(answers)
        page.evaluate("window.start()")
        page.get_by_role("tab", name="Models").click()

    def answer(self, answers: Json) -> None:
        """What the server answers from now on; another state of the tasks needs another revision to be seen."""
        self.page.evaluate("(answers) => Object.assign(window.answers, answers)", answers)

    def asked(self, name: str) -> list[Json]:
        """What was asked of one function since the last call."""
        take = """(name) => {
          const of = window.asked.filter((each) => each.question === name);
          window.asked = window.asked.filter((each) => each.question !== name);
          return of.map(({ question, ...asked }) => asked);
        }"""
        questions: list[Json] = self.page.evaluate(take, name)
        return questions

    def wait_asked(self, name: str) -> Json:
        """The first question of one function since the last call, once it is there."""
        self.page.wait_for_function("(name) => window.asked.some((each) => each.question === name)", arg=name)
        return self.asked(name)[0]

    def part(self, name: str) -> None:
        """Go to a part of the tab."""
        self.page.locator(f'.ol-top [data-value="{name}"]').click()

    def row(self, model: str) -> Locator:
        return self.page.locator(f'tr[data-model="{model}"]:visible')

    def task(self, task_id: str) -> Locator:
        return self.page.locator(f'.ol-task[data-task="{task_id}"]')

    def do(self, action: str) -> None:
        self.page.locator(f'[data-action="{action}"]:visible').first.click()

    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider


class ModelsHandler(MetricsHandler):
    """The page with this view."""

    page = PAGE
