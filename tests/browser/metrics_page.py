"""The Metrics view on a page of its own."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator

from tests.browser.tab_page import Tab, TabPage

NAMES = (
    "metrics",
    "metrics_request",
    "metrics_requests",
    "metrics_again",
    "metrics_compare",
    "metrics_bandwidth",
)


class MetricsPage(TabPage):
    """The view on its page."""

    tab_of = Tab("Metrics", "metrics", "oa-metrics", NAMES)
    asks_at_once = False

    def figure(self, name: str) -> Locator:
        return self.page.locator(f'.om-card[data-figure="{name}"]')

    def points(self, figure: str) -> dict[str, Any]:
        """uid -> y of each trace that a figure shows."""
        read = """(name) => {
          const box = document.querySelector(`[data-figure='${name}'] .om-plot-box`);
          return (box.data || []).map((trace) => [trace.uid, [...trace.y]]);
        }"""
        shown: list[tuple[str, list[float]]] = self.page.evaluate(read, figure)
        return {re.sub("_([0-9a-f]+)_", lambda code: chr(int(code[1], 16)), uid): values for uid, values in shown}
