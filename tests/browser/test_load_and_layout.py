"""The Load tab by hand, and the page in every size and colour."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.dashboard import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.model]


def load_as(dashboard: Dashboard, name: str, backend: str) -> None:
    page = dashboard.page
    page.get_by_role("radio", name=backend).check()
    page.get_by_role("tab", name="More").click()
    page.get_by_role("textbox", name="Name").fill(name)
    expect(page.get_by_label("eos_token_id")).to_have_value("")
    page.get_by_label("eos_token_id").fill("2")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.locator("#oa-load-result")).to_contain_text(f"{name} is ready", timeout=90_000)


def test_a_second_model_by_optimum_answers_beside_the_first_and_is_unloaded(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    about = page.locator(".oa-about").first
    expect(about).to_contain_text("LlamaForCausalLM · 135 M parameters, u4 in groups of 32")
    expect(about).to_contain_text("context 8 192 tokens".replace(" 192", "\u202f192"))
    load_as(dashboard, "second", "Optimum-Intel")
    result = page.locator("#oa-load-result")
    for words in ("Loaded in", "Memory", "optimum", "KV_CACHE_PRECISION", "f16"):
        expect(result).to_contain_text(words)
    dashboard.picture("load")
    dashboard.tab("Chat")
    page.locator("#oa-chat-model").get_by_role("combobox").click()
    page.get_by_role("option", name="second", exact=True).click()
    dashboard.send("What is the capital of France?")
    expect(dashboard.answers.last).to_contain_text("Paris")
    dashboard.figures()
    dashboard.tab("Load")
    page.get_by_label("Loaded model").click()
    page.get_by_role("option", name="second").click()
    page.get_by_role("button", name="Unload").click()
    expect(result).to_contain_text("MB")
    expect(result).to_contain_text("second")
    expect(page.locator("#oa-models")).not_to_contain_text("second")


def test_a_mistake_in_ov_config_is_told_before_a_load(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    editor = page.locator("#oa-config .cm-content")
    for text, says in (
        ('{"INFERENCE_PRECISION_HNT": "f32"}', "INFERENCE_PRECISION_HINT"),
        ('{"NUM_STREAMS": }', "ov_config is not JSON"),
    ):
        editor.click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(text)
        page.get_by_role("button", name="Load", exact=True).click()
        expect(page.locator("#oa-load-result [role=alert]")).to_contain_text(says)
    expect(dashboard.state).to_have_text("Ready")


def test_a_load_can_be_cancelled(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("tab", name="More").click()
    page.get_by_role("textbox", name="Name").fill("never")
    page.get_by_role("button", name="Load", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#oa-load-result")).to_contain_text("cancelled")
    expect(page.locator("#oa-models")).not_to_contain_text("never")
    expect(page.get_by_role("button", name="Load", exact=True)).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_tab_fits_the_window(
    open_page: OpenPage, size: tuple[int, int], scheme: str, request: pytest.FixtureRequest
) -> None:
    dashboard, kind = open_page(size, scheme), "desktop" if size == DESKTOP else "phone"
    dashboard.send("Name three rivers in Europe.")
    dashboard.figures()
    for tab in ("Load", "Chat", "Metrics"):
        dashboard.tab(tab)
        dashboard.page.wait_for_timeout(700)
        assert dashboard.overflow() <= 0, f"{tab} is wider than the window"
        dashboard.page.mouse.wheel(0, 400)
        expect(dashboard.state).to_be_in_viewport()
        dashboard.page.evaluate("() => window.scrollTo(0, 0)")
        dashboard.page.wait_for_timeout(300)
        dashboard.picture(f"{tab.lower()}-{kind}-{scheme}")
    dashboard.tab("Chat")
    if size == PHONE:
        dashboard.page.get_by_role("button", name="Settings, prompt and JSON").click()
    for panel in ("Settings", "JSON", "Prompt"):
        dashboard.tab(panel)
        dashboard.page.wait_for_timeout(500)
        assert dashboard.overflow() <= 0, f"{panel} is wider than the window"
        dashboard.picture(f"{panel.lower()}-{kind}-{scheme}")
    dashboard.page.locator("[data-mode=tokens]").click()
    expect(dashboard.page.locator(".oa-token").first).to_be_visible()
    dashboard.picture(f"prompt-{kind}-{scheme}")


def test_the_keyboard_reaches_everything_from_the_message_box(open_page: OpenPage) -> None:
    dashboard = open_page()
    expect(dashboard.message).to_be_focused()
    page = dashboard.page
    reached: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => { const e = document.activeElement;"
                " return e.getAttribute('aria-label') || e.innerText || (e.labels && e.labels[0] && e.labels[0].innerText) || e.id }"
            )
        )
    for name in (
        "Attach texts",
        "Start the reply with",
        "Settings",
        "Model",
        "Temperature",
        "Max new tokens",
    ):
        assert any(name in each for each in reached), f"{name} is not reached by Tab: {reached}"
