"""A static page with the view of one tab alone: the server's functions are played with made-up answers, and what is asked is kept."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import plotly
from playwright.sync_api import Browser, Page

from tests.browser.conftest import DESKTOP, Watched
from tests.browser.view_page import StaticHandler, serve_view

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
LIGHT = (
    "--body-text-color: #17212e; --body-text-color-subdued: #5a6878; --block-background-fill: #fff; "
    "--body-background-fill: #f8fafc; --border-color-primary: #dde3ea;"
)
DARK = (
    "--body-text-color: #e4eaf2; --body-text-color-subdued: #93a1b3; --block-background-fill: #151c26; "
    "--body-background-fill: #0d1219; --border-color-primary: #273140;"
)
PAGE = """<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/openarc.css"><link rel="stylesheet" href="/page-assets/chat/chat.css">
<link rel="stylesheet" href="/page-assets/metrics/metrics.css">
<style>body { margin: 0; font-family: sans-serif; --font: sans-serif; --font-mono: monospace; LIGHT
 background: var(--body-background-fill); color: var(--body-text-color); } body.dark { DARK } main { padding: 0 20px; }
 select, input, textarea { color-scheme: light; } body.dark :is(select, input, textarea) { color-scheme: dark; }</style></head><body>
<div id="oa-header" style="display: flex; height: 34px; position: sticky; top: 0; background: var(--body-background-fill); z-index: 900">OpenArc</div>
<main><div id="oa-tabs"><button role="tab" aria-selected="true">Chat</button><button role="tab" aria-selected="false">LABEL</button></div>
<div id="panel" hidden><div id="ELEMENT"><div class="oa-FOLDER"></div></div></div></main><script type="module">
if (new URLSearchParams(location.search).get("__theme") === "dark") document.body.classList.add("dark");
const panel = document.querySelector("#panel"), tabs = [...document.querySelectorAll("[role=tab]")];
tabs.forEach((tab) => tab.addEventListener("click", () => {
  for (const each of tabs) each.setAttribute("aria-selected", String(each === tab));
  panel.hidden = tab.textContent !== "LABEL";
}));
Object.assign(window, { asked: [], answers: {}, isAway: false, held: null });
const play = (question) => async (text) => {
  const asked = JSON.parse(text);
  window.asked.push({ question, ...asked });
  await window.held;
  if (window.isAway) throw new Error("connection refused");
  const answers = window.answers[question], answer = (Array.isArray(answers) ? answers.shift() : answers) || {};
  const isKnown = answer.revision !== undefined && answer.revision === asked.since_revision;
  return JSON.stringify(isKnown ? { revision: answer.revision } : answer);
};
const server = Object.fromEntries(FUNCTIONS.map((name) => [name, play(name)]));
const view = await import("/page-assets/FOLDER/view.js");
window.start = (hasServer) => view.mount(document.querySelector(".oa-FOLDER"), {}, () => {}, () => {}, hasServer ? server : undefined);
window.isReady = true;
</script></body></html>"""

Json = dict[str, Any]


@dataclass(frozen=True)
class Tab:
    """A tab whose view is served: its label, its folder of assets/, its component, the server's functions."""

    label: str
    folder: str
    element: str
    functions: tuple[str, ...]

    @property
    def page(self) -> str:
        words = {"LIGHT": LIGHT, "DARK": DARK, "LABEL": self.label, "FOLDER": self.folder, "ELEMENT": self.element}
        words["FUNCTIONS"] = str(list(self.functions))
        return functools.reduce(lambda text, word: text.replace(word, words[word]), words, PAGE)


class TabPage:
    """The view on its page.

    Args:
        answers: what the server's functions give: one for always, or a list for one after another.
        is_open: whether the tab is opened at once.
        has_server: whether there are functions at all.

    Attributes:
        tab_of: whose view it is.
        asks_at_once: whether a new answer is asked for at once; not where each question takes one of a list.
    """

    tab_of: ClassVar[Tab]
    asks_at_once: ClassVar[bool] = True

    def __init__(
        self,
        page: Page,
        address: str,
        *,
        answers: Json,
        link: str = "",
        is_dark: bool = False,
        is_open: bool = True,
        has_server: bool = True,
    ) -> None:
        self.page = page
        page.goto(f"{address}{'?__theme=dark' if is_dark else ''}{link}")
        page.wait_for_function("window.isReady")
        self.answer(answers)
        page.evaluate("(has) => window.start(has)", has_server)
        if is_open:
            self.tab(self.tab_of.label)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def answer(self, answers: Json) -> None:
        """What the server answers from now on; what carries a revision needs another one to be seen."""
        self.page.evaluate("(answers) => Object.assign(window.answers, answers)", answers)
        if self.asks_at_once:
            self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def hold(self) -> None:
        """From now on what is asked waits for `let_go`, however long a slow machine takes until then."""
        self.page.evaluate("() => { window.held = new Promise((done) => { window.letGo = done; }); }")

    def let_go(self) -> None:
        """What waits is answered now, in the order in which it was asked."""
        self.page.evaluate("() => { window.letGo(); window.held = null; }")

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

    def do(self, action: str) -> None:
        self.page.locator(f'[data-action="{action}"]:visible').first.click()

    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider


class TabHandler(StaticHandler):
    """Plotly and an export too."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        own = {
            "/page-assets/plotly/plotly.min.js": ("text/javascript", PLOTLY.read_bytes),
            "/metrics/export": ("text/csv", lambda: b"request_id"),
        }.get(self.path.partition("?")[0])
        if own is None:
            super().do_GET()
        else:
            kind, content = own
            self.answer(kind, content())


class Windows:
    """Windows on one tab's view, in one profile of the browser: the views keep nothing in it, and its cache saves a second each.

    A window is used by one test after another, with a document of its own for each: a new one costs more than the whole view.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.context = browser.new_context(reduced_motion="reduce", accept_downloads=True)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self._free: list[Page] = []

    @contextmanager
    def opening(self, kind: type[TabPage], usual: Json) -> Iterator[Any]:
        """A function that opens one; an outside request or an error on the console fails the test."""
        pages: list[Page] = []
        watched = Watched()

        def opened(answers: Json | None = None, *, size: tuple[int, int] = DESKTOP, **named: Any) -> TabPage:
            page = self._free.pop() if self._free else self.context.new_page()
            pages.append(page)
            page.bring_to_front()
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.set_default_timeout(8000)
            watched.watch(page)
            return kind(page, self.address, answers=usual if answers is None else answers, **named)

        yield opened
        for page in pages:
            self._empty(page)
            watched.leave(page)
        self._free += pages
        assert not watched.outside, f"the view called outside hosts: {watched.outside}"
        assert not watched.errors, f"the browser's console has errors: {watched.errors}"

    def _empty(self, page: Page) -> None:
        """Ends its document with all that the test did to it, and takes the pointer out of the window."""
        page.goto("about:blank")
        page.mouse.up()
        page.mouse.move(-1, -1)


@contextmanager
def serve_tab(browser: Browser, tab: Tab) -> Iterator[Windows]:
    """Serves a tab's view until it is left."""
    handler = type(f"{tab.label}Handler", (TabHandler,), {"page": tab.page})
    with serve_view(handler) as address:
        windows = Windows(browser, address)
        yield windows
        windows.context.close()
