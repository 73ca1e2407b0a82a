"""A static page with the Chat view alone: what Gradio gives a component is played, and every action it asks for is kept."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from openarc_ui.server.security import PROTECTING_HEADERS

ASSETS = Path(__file__).parent.parent.parent / "assets"
PAGE = """<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/openarc.css"><link rel="stylesheet" href="/page-assets/chat/chat.css">
<style>body { margin: 0; font-family: sans-serif; --font: sans-serif; --font-mono: monospace; --body-text-color: #17212e;
 --body-text-color-subdued: #5a6878; --block-background-fill: #fff; --body-background-fill: #f8fafc; --border-color-primary: #dde3ea; }
</style></head><body><div id="oa-chat"><div class="oa-chat"></div></div><script type="module">
const props = { value: null }, watchers = [];
window.actions = [];
window.show = (snapshot) => { props.value = JSON.stringify(snapshot); for (const call of watchers) call(); };
const trigger = (event, action) => window.actions.push({ event, ...action });
const view = await import("/page-assets/chat/view.js");
view.mount(document.querySelector(".oa-chat"), props, trigger, (names, call) => watchers.push(call), {
  growth: async () => ({ seen: 0, live: null, is_over: true }) });
window.isMounted = true;
</script></body></html>"""

Json = dict[str, Any]


def message(identifier: str, role: str, content: str, **more: Any) -> Json:
    """A message as a snapshot holds it."""
    usual: Json = {"name": "", "tool_call_id": "", "reasoning": None, "tool_calls": [], "group": [], "prefill": 0}
    usual |= {"answer": None, "note": "", "failed": False, "versions": versions()}
    return {"id": identifier, "role": role, "content": content, **usual, **more}


def versions(index: int = 0, count: int = 1) -> Json:
    """The versions v0, v1, … of which `index` is shown."""
    before, after = f"v{index - 1}" if index else None, f"v{index + 1}" if index + 1 < count else None
    return {"index": index, "count": count, "previous": before, "next": after}


def answer(identifier: str, content: str, **more: Any) -> Json:
    """A message that a model generated."""
    figures: Json = {"model": "starter", "figures": "3 tokens · TTFT 316 ms · 70.1 tok/s · stop", "seed": None}
    figures |= {"has_tokens": True, "dropped": 0, "problems": []}
    figures["timeline"] = [{"label": "prefill", "seconds": 0.3}, {"label": "decode", "seconds": 1.7}]
    return message(identifier, "assistant", content, answer=figures | more.pop("answer", {}), **more)


def snapshot(*messages: Json, **more: Any) -> Json:
    """A whole snapshot of the conversation "c1"."""
    listed = [
        {"id": "c1", "title": "First", "when": "today 14:02", "messages": 2, "snippet": ""},
        {"id": "c2", "title": "Second", "when": "12 Nov", "messages": 4, "snippet": ""},
    ]
    usual: Json = {"revision": 1, "conversations": listed, "search": "", "more": False, "running": [], "notice": None}
    usual |= {"empty": {"title": "Ask something", "text": "It **streams**.", "examples": ["Why?"]}, "gauge": None}
    usual |= {"can": {"send": True, "tools": True, "prefill": True}, "roles": ["user", "assistant", "system", "tool"]}
    usual["conversation"] = {"id": "c1", "title": "First", "messages": list(messages)}
    return {**usual, **more}


class ViewPage:
    """The view on its page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.goto(address)
        page.wait_for_function("window.isMounted")
        self.composer = page.get_by_label("Message", exact=True)

    def show(self, *messages: Json, **more: Any) -> None:
        """A snapshot comes from Python."""
        self.page.evaluate("(snapshot) => window.show(snapshot)", snapshot(*messages, **more))

    def live(
        self, identifier: str, content: str, thought: str | None = None, *, is_thinking: bool = False, revision: int = 1
    ) -> None:
        """The text of a running answer comes, and is drawn."""
        news = {
            "id": identifier,
            "content": content,
            "reasoning": thought,
            "reasoning_is_open": is_thinking,
            "note": "",
        }
        value = {"revision": revision, "conversation": "c1", "answers": [news]}
        self.page.evaluate(
            "async (value) => { openarcChat.live(value); await new Promise(requestAnimationFrame); }", value
        )

    def reply(self, **value: Any) -> None:
        """An answer to a look-up comes."""
        self.page.evaluate("(value) => openarcChat.reply(value)", {"revision": 1, **value})

    def asked(self) -> list[Json]:
        """What the view asked for since the last call, without drafts."""
        actions: list[Json] = self.page.evaluate("() => window.actions.splice(0)")
        return [each for each in actions if each.get("do") != "draft"]

    def view(self, identifier: str) -> Locator:
        """A message on the page."""
        return self.page.locator(f'.oc-message[data-id="{identifier}"]')

    def act(self, identifier: str, action: str) -> None:
        """A click on one of a message's buttons, or on the row of its menu."""
        view = self.view(identifier)
        view.hover()
        button = view.locator(f'[data-action="{action}"]')
        if button.count() and button.first.is_visible():
            button.first.click()
            return
        view.locator('[data-action="more"]').click()
        self.page.locator(f'.oc-menu [data-action="{action}"]').click()


class StaticHandler(http.server.SimpleHTTPRequestHandler):
    """The view's own files and its page, under the program's own headers."""

    page = PAGE
    # A connection for all of a page's files: without Nagle's wait for the second half of a short answer.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    extensions_map: Mapping[str, str] = {".js": "text/javascript", ".css": "text/css", "": "text/html"}  # type: ignore[assignment]

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a page that was closed
            super().handle()

    def end_headers(self) -> None:
        for name, value in PROTECTING_HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/":
            self.path = self.path.removeprefix("/page-assets")
            super().do_GET()
            return
        self.answer("text/html; charset=utf-8", self.page.encode())

    def answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: a request is no news."""


@contextmanager
def serve_view(handler: type[StaticHandler] = StaticHandler) -> Iterator[str]:
    """Serves the page and the view's own files until it is left; the address."""
    bound = functools.partial(handler, directory=str(ASSETS))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
