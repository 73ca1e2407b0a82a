"""The dashboard as its user handles it: what can be seen and pressed, by the names that stand on it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

RESULTS = Path(os.environ.get("OPENARC_TEST_SCREENSHOTS") or Path(__file__).parent.parent.parent / "test-results")
FIGURES = re.compile("(\\d+) tokens · TTFT ([\\d.]+) (?:ms|s) · ([\\d.\u202f]+) tok/s · (.+)")

# Collects every text the last answer had, so that streaming is seen and not only its end.
WATCH_ANSWER = """() => {
  window.seenTexts = [];
  const note = () => {
    const answers = document.querySelectorAll("#oa-chat .oc-message.is-assistant");
    const text = answers.length ? answers[answers.length - 1].querySelector(".oc-content").innerText : "";
    if (text && text !== window.seenTexts[window.seenTexts.length - 1]) window.seenTexts.push(text);
  };
  new MutationObserver(note).observe(document.querySelector("#oa-chat"), {childList: true, subtree: true, characterData: true});
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
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def messages(self) -> Locator:
        return self.page.locator("#oa-chat .oc-messages > .oc-row .oc-message")

    @property
    def answers(self) -> Locator:
        return self.page.locator("#oa-chat .oc-message.is-assistant")

    @property
    def texts(self) -> list[str]:
        """What each message says, the first one first."""
        return [text.strip() for text in self.page.locator("#oa-chat .oc-content").all_inner_texts()]

    @property
    def facts(self) -> Locator:
        """The line under the last answer."""
        return self.answers.last.locator(".oc-facts")

    @property
    def versions(self) -> Locator:
        return self.page.locator("#oa-chat .oc-versions")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#oa-chat .oc-notice")

    @property
    def stop(self) -> Locator:
        return self.page.locator('#oa-chat [data-action="stop"]')

    @property
    def conversations(self) -> Locator:
        return self.page.locator("#oa-chat .oc-item-open")

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def send(self, text: str) -> None:
        """Write a message, send it with Enter, and wait until its answer has begun."""
        before = self.answers.count()
        self.message.fill(text)
        self.message.press("Enter")
        expect(self.answers.nth(before)).to_be_attached()

    def ask(self, text: str) -> None:
        """Send a message and wait for the end of its answer."""
        self.send(text)
        self.figures()

    def settled(self) -> None:
        """Wait until nothing runs."""
        expect(self.stop).to_be_hidden(timeout=60_000)
        expect(self.page.locator("#oa-chat .oc-now")).to_have_count(0)

    def do(self, position: int, action: str) -> None:
        """A button or a line of the menu of a message, which counts from 0; negative from the end."""
        message = self.messages.nth(position)
        message.hover()
        button = message.locator(f'[data-action="{action}"]')
        if button.count() == 0:
            message.locator('[data-action="more"]').click()
            button = self.page.locator(f'.oc-menu [data-action="{action}"], .oc-menu [data-name="{action}"]')
        button.first.click()

    def setting(self, label: str, value: str) -> None:
        """Fill one of the sampling fields."""
        field = self.page.get_by_role("textbox", name=label, exact=True)
        field.fill(value)
        field.blur()

    def start_long_answer(self) -> None:
        """Ask for an answer that goes on for a minute, and wait until it runs."""
        self.page.get_by_label("Ignore end of text", exact=True).check()
        self.setting("Max new tokens", "2000")
        self.send("Tell me a very long story about a ship.")
        expect(self.answers.last.locator(".oc-content")).to_contain_text(re.compile(r"\w+ \w+ \w+"))
        expect(self.stop).to_be_visible()

    def figures(self) -> re.Match[str]:
        """The finished answer's figures: tokens, TTFT, throughput, ending."""
        self.settled()
        line = self.answers.last.locator(".oc-figures")
        expect(line).to_have_text(FIGURES)
        found = FIGURES.search(line.inner_text())
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
