"""The dashboard as its user handles it: what can be seen and pressed, by the names that stand on it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

RESULTS = Path(os.environ.get("OPENARC_TEST_SCREENSHOTS") or Path(__file__).parent.parent.parent / "test-results")
FIGURES = re.compile(r"(\d+) tokens · TTFT ([\d.]+) (?:ms|s) · ([\d.]+) tok/s · (.+)")

# Collects every text the last answer had, so that streaming is seen and not only its end.
WATCH_ANSWER = """() => {
  window.seenTexts = [];
  const note = () => {
    const answers = document.querySelectorAll("#oa-chatbot .bot-row");
    const text = answers.length ? answers[answers.length - 1].innerText : "";
    if (text && text !== window.seenTexts[window.seenTexts.length - 1]) window.seenTexts.push(text);
  };
  new MutationObserver(note).observe(document.querySelector("#oa-chatbot"), {childList: true, subtree: true, characterData: true});
}"""


class Dashboard:
    """One open page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def state(self) -> Locator:
        return self.page.locator("#oa-strip .oa-state")

    @property
    def message(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def answers(self) -> Locator:
        return self.page.locator("#oa-chatbot .bot-row")

    @property
    def facts(self) -> Locator:
        """The line under the last answer."""
        return self.answers.last.locator(".oa-facts")

    @property
    def stop(self) -> Locator:
        return self.page.locator("#oa-message button.stop-button")

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.page.get_by_role("tab", name=name).click()

    def send(self, text: str) -> None:
        """Write a message and send it with Enter."""
        self.message.fill(text)
        self.message.press("Enter")

    def start_long_answer(self) -> None:
        """Ask for an answer that goes on for a minute, and wait until it runs."""
        self.page.get_by_label("Ignore the end-of-text token").check()
        self.page.get_by_label("Max new tokens").fill("2000")
        self.send("Tell me a very long story about a ship.")
        expect(self.answers.last).to_contain_text(re.compile(r"\w+ \w+ \w+"))
        expect(self.stop).to_be_visible()

    def figures(self) -> re.Match[str]:
        """The finished answer's figures: tokens, TTFT, throughput, ending."""
        expect(self.facts).to_have_text(FIGURES)
        found = FIGURES.search(self.facts.inner_text())
        assert found is not None
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        width: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def picture(self, name: str) -> None:
        """A screenshot into test-results, or where OPENARC_TEST_SCREENSHOTS says."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=RESULTS / f"{name}.png")
