"""Configuring a load by hand: widgets and JSON, mistakes at their fields, requested against effective, profiles, the fit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.application import Application
from tests.browser.conftest import OpenPage, PagesOf
from tests.browser.dashboard import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.model]


def editor(page: Page) -> Locator:
    return page.locator("#oa-config .cm-content")


def type_json(page: Page, text: str) -> None:
    """Replace what stands in the ov_config editor."""
    editor(page).click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def field(page: Page, name: str) -> Locator:
    return page.locator(f'#oa-config-form [data-name="{name}"]')


def row(page: Page, name: str) -> Locator:
    return page.locator(f'#oa-config-form [data-row="{name}"]')


def result_rows(page: Page) -> dict[str, tuple[str, str, str]]:
    """Property -> requested, effective, explanation, of what was asked for."""
    table = page.locator("#oa-load-result .oa-table").first
    cells = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    return {each[0]: (each[1], each[2], each[3]) for each in cells}


def load(dashboard: Dashboard, name: str) -> None:
    """Press Load and wait for the result."""
    result = dashboard.page.locator("#oa-load-result")
    dashboard.page.get_by_role("button", name="Load", exact=True).click()
    expect(result).to_contain_text(f"Loading {name}")
    expect(result).to_contain_text(f"{name} is ready", timeout=90_000)


def test_from_a_widget_to_a_server_that_starts_with_the_profile(
    open_page: OpenPage, pages_of: PagesOf, starter_folder: Path, tmp_path: Path
) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.locator("#oa-device input").click()
    page.get_by_role("option", name=re.compile("^CPU")).click()
    field(page, "INFERENCE_NUM_THREADS").fill("1000")
    expect(editor(page)).to_contain_text('"INFERENCE_NUM_THREADS": 1000')
    expect(row(page, "INFERENCE_NUM_THREADS")).to_contain_text("logical processors")

    type_json(page, '{"INFERENCE_PRECISION_HNT": "f32", "NUM_STREAMS": 0, "ENABLE_CPU_PINNING": false}')
    expect(row(page, "INFERENCE_PRECISION_HNT")).to_contain_text("Did you mean 'INFERENCE_PRECISION_HINT'")
    expect(field(page, "NUM_STREAMS")).to_have_value("0")
    expect(field(page, "ENABLE_CPU_PINNING")).to_have_value("false")
    expect(page.locator("#oa-verdict")).to_contain_text("1 mistake")

    type_json(page, '{"NUM_STREAMS": "banana"}')
    expect(row(page, "NUM_STREAMS")).to_contain_text("Could not read number of streams from str: banana")
    type_json(page, '{"NUM_STREAMS": }')
    expect(page.locator(".oa-form-error").filter(has_text="not JSON")).to_contain_text("line 1, column 17")

    type_json(page, json.dumps({"KV_CACHE_PRECISION": "f16", "INFERENCE_NUM_THREADS": 1000, "NUM_STREAMS": 1}))
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    load(dashboard, starter_folder.name)
    rows = result_rows(page)
    requested, effective, why = rows["INFERENCE_NUM_THREADS"]
    assert (requested, effective) != (
        requested,
        requested,
    ) and f"asked for 1000 threads, the device gave {effective}" in why
    assert rows["KV_CACHE_PRECISION"] == ("f16", "f16", "")
    dashboard.picture("load-effective")

    page.get_by_role("button", name="Save, export or import a profile").click()
    page.locator("#oa-profile-name input, #oa-profile-name textarea").fill("my tuned starter")
    page.locator("#oa-profile-save").click()
    expect(page.locator("#oa-profile-note")).to_contain_text("my tuned starter is saved")
    href = page.locator("#oa-profile-export a").get_attribute("href") or ""
    exported = page.request.get(urljoin(page.url, href))
    profile = exported.json()
    assert profile["load"]["ov_config"]["INFERENCE_NUM_THREADS"] == 1000

    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "my tuned starter.json").write_text(exported.text())
    with Application(
        starter_folder.parent, "--profile-folder", str(profiles), "--profile", "my tuned starter"
    ) as again:
        again.wait()
        assert again.status()["models"][0]["request"]["ov_config"] == profile["load"]["ov_config"]
        other = pages_of(again)
        other.tab("Load")
        other.page.locator("#oa-profile input").click()
        other.page.get_by_role("option", name="my tuned starter").click()
        expect(field(other.page, "INFERENCE_NUM_THREADS")).to_have_value("1000")
        expect(editor(other.page)).to_contain_text("KV_CACHE_PRECISION")
        other.page.close()


FIRST: dict[str, Any] = {
    "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1, "PERF_COUNT": True, "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "THROUGHPUT", "PERFORMANCE_HINT_NUM_REQUESTS": 2, "ENABLE_CPU_PINNING": False,
    "SCHEDULING_CORE_TYPE": "ANY_CORE", "MODEL_DISTRIBUTION_POLICY": "TENSOR_PARALLEL", "ENABLE_HYPER_THREADING": False,
    "DEVICE_ID": "", "CPU_DENORMALS_OPTIMIZATION": True, "LOG_LEVEL": "LOG_ERROR", "TBB_PARTITIONER": "AUTO",
    "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 0.5, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "KV_CACHE_PRECISION": "f16",
    "ENABLE_MMAP": False, "ATTENTION_BACKEND": "PA",
}  # fmt: skip
SECOND: dict[str, Any] = {
    "EXECUTION_MODE_HINT": "PERFORMANCE", "ENABLE_CPU_RESERVATION": True, "ENABLE_TENSOR_PARALLEL": True,
    "KEY_CACHE_PRECISION": "u8", "VALUE_CACHE_PRECISION": "u8", "KEY_CACHE_GROUP_SIZE": 32, "VALUE_CACHE_GROUP_SIZE": 32,
    "ENABLE_WEIGHTLESS": True, "CACHE_DIR": "", "CACHE_MODE": "OPTIMIZE_SPEED", "WEIGHTS_PATH": "{model}/openvino_model.bin",
}  # fmt: skip
NOT_REPORTED = {"CACHE_MODE", "WEIGHTS_PATH"}
"""OpenVINO takes them and has no way to read them back; the page says so."""


def set_by_widget(page: Page, name: str, value: Any) -> None:
    widget = field(page, name)
    if widget.evaluate("node => node.tagName") == "SELECT":
        widget.select_option(json.dumps(value) if isinstance(value, bool) else str(value))
    else:
        widget.fill(str(value))


def as_shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def test_every_writable_cpu_property_is_set_by_its_widget_and_seen_in_effect(
    open_page: OpenPage, starter_folder: Path
) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.locator("#oa-config-form .oa-form-all input").check()
    names = page.locator("#oa-config-form [data-name]").evaluate_all("nodes => nodes.map(node => node.dataset.name)")
    assert set(names) == set(FIRST) | set(SECOND), "a property without a value to try, or one that is not in the form"
    for chosen in (FIRST, SECOND):
        page.locator("#oa-config-form .oa-form-clear").click()
        expect(editor(page)).to_have_text("{}")
        wanted = {
            name: str(value).replace("{model}", starter_folder.name) if name == "WEIGHTS_PATH" else value
            for name, value in chosen.items()
        }
        for name, value in wanted.items():
            set_by_widget(page, name, value)
        expect(page.locator("#oa-config-form .oa-form-count")).to_have_text(f"{len(wanted)} set")
        expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
        load(dashboard, starter_folder.name)
        rows = result_rows(page)
        assert set(rows) == set(wanted)
        for name, value in wanted.items():
            requested, effective, why = rows[name]
            if name in NOT_REPORTED:
                assert effective == "not reported" and why, name
            else:
                assert (requested, effective, why) == (as_shown(value), as_shown(value), "") or same_number(
                    value, effective
                ), name


def same_number(value: Any, effective: str) -> bool:
    return isinstance(value, float) and abs(float(effective) - value) < 1e-6


def test_what_only_compiling_shows_stands_at_the_property_to_blame(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    type_json(page, '{"VALUE_CACHE_GROUP_SIZE": 7}')
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    expect(page.locator("#oa-verdict")).to_contain_text("answers until this one is ready")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.locator("#oa-load-result [role=alert]")).to_contain_text("was not loaded", timeout=60_000)
    expect(row(page, "VALUE_CACHE_GROUP_SIZE")).to_have_class(re.compile("has-error"))
    expect(dashboard.state).to_have_text("Ready")  # the model that was there still answers
    field(page, "NUM_STREAMS").fill("1")
    expect(editor(page)).to_contain_text("NUM_STREAMS")
    expect(page.locator("#oa-verdict")).to_contain_text("1 mistake")
    expect(row(page, "VALUE_CACHE_GROUP_SIZE")).to_have_class(re.compile("has-error"))
    page.locator("#oa-config-form .oa-form-clear").click()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    load(dashboard, "SmolLM2-135M-Instruct-int4")


def test_no_keystroke_is_lost_between_widgets_and_json(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    field(page, "INFERENCE_NUM_THREADS").click()
    page.keyboard.type("2")
    editor(page).click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type('{"NUM_STREAMS": 1, "ENABLE_CPU_PINNING": true', delay=15)
    expect(editor(page)).to_have_text(re.compile(r'^\{"NUM_STREAMS": 1, "ENABLE_CPU_PINNING": true\}?$'))
    type_json(page, '{"NUM_STREAMS": 1, "ENABLE_CPU_PINNING": true "PERF_COUNT": true}')
    field(page, "INFERENCE_NUM_THREADS").fill("1")
    expect(page.locator(".oa-form-error").filter(has_text="Correct the JSON first")).to_be_visible()
    expect(editor(page)).to_contain_text("PERF_COUNT")


def test_a_reload_brings_the_form_back(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    field(page, "INFERENCE_NUM_THREADS").fill("2")
    page.get_by_role("radio", name="Optimum-Intel").check()
    page.get_by_role("button", name="Copy as code").click()
    expect(page.locator("#oa-copy")).to_contain_text("optimum")  # it comes with the form that is kept
    expect(page.locator("#oa-copy")).to_contain_text("INFERENCE_NUM_THREADS")
    page.wait_for_function("() => localStorage.getItem('openarc-load-form')")
    page.wait_for_timeout(500)
    again = page.context.new_page()
    again.goto(page.url)
    again.get_by_role("tab", name="Load").click()
    expect(field(again, "INFERENCE_NUM_THREADS")).to_have_value("2")
    expect(editor(again)).to_contain_text('"INFERENCE_NUM_THREADS": 2')
    expect(again.get_by_role("radio", name="Optimum-Intel")).to_be_checked()


def test_a_mistake_leads_to_its_field(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("tab", name="Scheduler").click()
    page.locator('#oa-scheduler-form [data-name="max_num_seqs"]').fill("0")
    expect(page.locator("#oa-verdict")).to_contain_text("1 mistake")
    page.get_by_role("tab", name="ov_config").click()
    expect(page.get_by_role("tab", name="Scheduler")).to_have_class(re.compile("oa-has-mistake"))
    page.locator("#oa-verdict [data-goto]").click()
    expect(page.locator('#oa-scheduler-form [data-name="max_num_seqs"]')).to_be_focused()


def test_a_load_that_can_not_fit_is_refused_until_it_is_agreed_to(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    expect(page.locator("#oa-fit")).to_contain_text("It fits")
    expect(page.locator("#oa-fit")).to_contain_text("Largest context that fits")
    page.locator("#oa-fit-sequences input, #oa-fit-sequences textarea").fill("100000")
    expect(page.locator("#oa-fit")).to_contain_text("It does not fit")
    expect(page.locator("#oa-verdict")).to_contain_text("more memory than is free")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.locator("#oa-load-result [role=alert]")).to_contain_text("It was not loaded")
    page.get_by_label("Load it all the same").check()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    dashboard.picture("load-red")


def test_devices_are_put_together_and_run(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("button", name="Put several devices together").click()
    page.get_by_label("Devices", exact=True).click()
    page.get_by_role("option", name="CPU", exact=True).click()
    page.get_by_role("radio", name=re.compile("^BATCH")).check()
    expect(page.locator("#oa-composed")).to_contain_text("BATCH:CPU")
    page.get_by_role("radio", name=re.compile("^HETERO")).check()
    expect(page.locator("#oa-composed")).to_contain_text("HETERO:CPU")
    page.get_by_role("button", name="Use this device").click()
    expect(page.locator("#oa-device input")).to_have_value(re.compile("HETERO:CPU"))
    expect(row(page, "MODEL_DISTRIBUTION_POLICY")).to_be_visible()
    load(dashboard, "SmolLM2-135M-Instruct-int4")
    page.locator("#oa-device input").fill("HETRO:CPU")
    page.keyboard.press("Enter")
    expect(page.locator("#oa-device-note")).to_contain_text("HETERO")


def test_the_devices_and_the_model_folder_are_shown(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("tab", name="Devices").click()
    card = page.locator("#oa-devices .oa-card").first
    for words in ("CPU", "Memory", "Driver", "Matters most", "Limits"):
        expect(card).to_contain_text(words)
    card.locator("summary").click()
    expect(card.locator("tr", has_text="NUM_STREAMS")).to_contain_text("can be changed")
    expect(card.locator("tr.oa-threw").first).to_be_visible()
    page.get_by_role("button", name="Look for devices again").click()
    expect(page.locator("#oa-devices .oa-card").first).to_be_visible()
    page.get_by_role("tab", name="Model folder").click()
    folder = page.locator("#oa-folder")
    expect(folder).to_contain_text("LlamaForCausalLM")
    expect(folder).to_contain_text("u4 in groups of 32")
    expect(page.locator("#oa-view")).to_contain_text("LlamaForCausalLM")
    page.locator("#oa-view-file input").click()
    page.get_by_role("option", name=re.compile("chat template|chat_template")).click()
    expect(page.locator("#oa-view")).to_contain_text("im_start")
    expect(page.locator("#oa-cache")).to_contain_text("the compiled model")


def test_the_scheduler_is_set_like_the_device(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("tab", name="Scheduler").click()
    form = page.locator("#oa-scheduler-form")
    form.locator('[data-name="max_num_seqs"]').fill("4")
    form.locator('[data-name="enable_prefix_caching"]').select_option("false")
    expect(page.locator("#oa-scheduler .cm-content")).to_contain_text('"enable_prefix_caching": false')
    load(dashboard, "SmolLM2-135M-Instruct-int4")
    expect(page.locator("#oa-load-result")).to_contain_text("up to 4 requests at once")
    form.locator('[data-name="max_num_seqs"]').fill("0")
    expect(form.locator('[data-row="max_num_seqs"]')).to_contain_text("greater than or equal to 1")
    page.get_by_role("radio", name="Optimum-Intel").check()
    expect(form).to_contain_text("Only GenAI")


def test_the_code_to_copy_follows_the_form(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    page.get_by_role("button", name="Copy as code").click()
    code = page.locator("#oa-copy")
    expect(code).to_contain_text("curl")
    field(page, "INFERENCE_NUM_THREADS").fill("2")
    expect(code).to_contain_text("INFERENCE_NUM_THREADS")
    page.locator("#oa-copy-kind").get_by_role("radio", name="openvino_genai").check()
    expect(code).to_contain_text("ContinuousBatchingPipeline")


def test_the_keyboard_leaves_lists_and_editors_by_tab(open_page: OpenPage) -> None:
    dashboard = open_page()
    page = dashboard.page
    dashboard.tab("Load")
    for place in ("#oa-profile input", "#oa-load-model input", "#oa-device input"):
        page.locator(place).focus()
        page.keyboard.press("Tab")
        expect(page.locator(place)).to_have_attribute("aria-expanded", "false")
        expect(page.locator("ul[role=listbox]")).to_have_count(0)
    editor(page).click()
    page.keyboard.press("Tab")
    expect(editor(page)).not_to_be_focused()


def test_the_old_model_chats_on_while_its_successor_loads(open_page: OpenPage) -> None:
    chatting, loading = open_page(), open_page()
    chatting.start_long_answer()
    loading.tab("Load")
    loading.page.get_by_role("button", name="Load", exact=True).click()
    expect(loading.page.locator("#oa-strip")).to_contain_text("loading")
    expect(chatting.state).to_have_text("Generating")
    expect(loading.page.locator("#oa-load-result")).to_contain_text("is ready", timeout=60_000)
    expect(chatting.stop).to_be_visible()
    chatting.stop.click()
    expect(chatting.facts).to_contain_text("stopped by you")
