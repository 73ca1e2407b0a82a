"""The Models view on a page of its own."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.tab_page import Tab, TabPage

NAMES = (
    "models_view",
    "models_library",
    "models_installed",
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
)


class ModelsPage(TabPage):
    """The view on its page."""

    tab_of = Tab("Models", "models", "oa-models-tab", NAMES)

    def part(self, name: str) -> None:
        """Go to a part of the tab."""
        self.page.locator(f'.ol-top [data-value="{name}"]').click()

    def row(self, model: str) -> Locator:
        return self.page.locator(f'tr[data-model="{model}"]:visible')

    def task(self, task_id: str) -> Locator:
        return self.page.locator(f'.ol-task[data-task="{task_id}"]')
