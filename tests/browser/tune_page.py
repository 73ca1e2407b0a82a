"""The Tune view on a page of its own."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.tab_page import Tab, TabPage

NAMES = (
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
)


class TunePage(TabPage):
    """The view on its page."""

    tab_of = Tab("Tune", "tune", "oa-tune", NAMES)

    def figure(self, name: str) -> Locator:
        return self.page.locator(f'.ot-picture[data-figure="{name}"]')
