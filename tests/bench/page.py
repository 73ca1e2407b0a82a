"""What the Chat tab costs a generation: the same conversation answered through an open page and without one, in turn.

Both sides are the same request to the same worker; what differs is Gradio, the database and Chromium on the same cores.
The time is the worker's own, from the report.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.application import Application

OPENED_MS = 3_000
"""An open page, not one that opens: what it loads lazily has come by then."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUESTION = "Tell me a very long story about a ship."
WORDS_OF_HISTORY = "It was a quiet morning at the harbor, and nobody had seen the captain yet. "
ANSWER_SECONDS = 120


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """A browser without a window; None where none is installed."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class ThroughPage:
    """A conversation of so many messages, answered through the page and by REST with the page elsewhere."""

    def __init__(self, browser: Browser, application: Application, messages: int, tokens: int) -> None:
        self._address = application.address
        self._history = history_of(messages)
        self._sampling = {"max_new_tokens": tokens, "do_sample": False, "ignore_eos": True}
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self._page: Page = self._context.new_page()
        self._page.goto(self._address)
        expect(self._message).to_be_visible(timeout=60_000)

    @property
    def _message(self) -> Any:
        return self._page.get_by_role("textbox", name="Message", exact=True)

    def through_page(self) -> float:
        """Seconds from the first token to the last, of an answer that is watched."""
        body = {"messages": self._history, "settings": {"sampling": self._sampling}}
        made = self._context.request.post(f"{self._address}/conversations", data=body)
        assert made.ok, made.text()
        conversation = made.json()["id"]
        self._page.goto(self._address)
        self._page.locator("#oa-chat .oc-item-open").first.click()
        expect(self._page.locator("#oa-chat .oc-message")).to_have_count(len(self._history), timeout=60_000)
        self._page.wait_for_timeout(OPENED_MS)
        self._message.fill(QUESTION)
        self._message.press("Enter")
        facts = self._page.locator("#oa-chat .oc-message.is-assistant").last.locator(".oc-figures")
        expect(facts).to_contain_text("tok/s", timeout=ANSWER_SECONDS * 1000)
        kept = self._context.request.get(f"{self._address}/conversations/{conversation}").json()
        figures = kept["messages"][-1]["answer"]["figures"]
        self._page.goto("about:blank")
        return float(figures["decode_seconds"])

    def without_page(self) -> float:
        """The same of an answer that nobody watches."""
        conversation = [*self._history, {"role": "user", "content": QUESTION}]
        answer = httpx.post(
            f"{self._address}/generate/text",
            json={"conversation": conversation, **self._sampling},
            timeout=ANSWER_SECONDS,
        )
        answer.raise_for_status()
        return float(answer.json()["performance_metrics"]["decode_seconds"])

    def close(self) -> None:
        """Leave the page."""
        self._context.close()


def history_of(messages: int) -> list[dict[str, str]]:
    """Questions and answers in turn, of 150 characters each; one message is a system prompt."""
    if messages == 1:
        return [{"role": "system", "content": "Tell long stories."}]
    return [
        {"role": "assistant" if number % 2 else "user", "content": WORDS_OF_HISTORY * 2} for number in range(messages)
    ]


def missing_browser() -> None:
    """Say that the page was not measured."""
    print("The page was not measured: Chromium is not installed.", file=sys.stderr)
