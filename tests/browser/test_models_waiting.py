"""The Models view while something is unknown, refused or on its way: what is said instead, and that nothing moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from openarc_ui.models.hub.wanted import ONLY_PICKLES
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.results import TaskProgress, TaskState
from tests.browser import models_answers as made_up
from tests.browser.models_page import ModelsPage
from tests.browser.tab_page import Windows, serve_tab
from tests.browser.test_models_view import CONVERT, FILES, HUB, UNREACHABLE

pytestmark = pytest.mark.browser

OpenModels = Callable[..., ModelsPage]
REFUSED: dict[str, Any] = {"error": {"message": "The options contradict each other.", "hint": "", "code": "invalid"}}


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    with serve_tab(browser, ModelsPage.tab_of) as served:
        yield served


@pytest.fixture
def open_models(windows: Windows) -> Iterator[OpenModels]:
    with windows.opening(ModelsPage, made_up.answers()) as opened:
        yield opened


def library_with(name: str, **changes: Any) -> dict[str, Any]:
    """All answers, one model of the library changed: fields of its entry, or of what is told of it."""
    answers = made_up.answers()
    item = next(each for each in answers["models_library"]["items"] if each["entry"]["name"] == name)
    for key, value in changes.items():
        (item["entry"] if key in item["entry"] else item)[key] = value
    return answers


# Getting


def test_the_dialog_asks_the_hub_and_tells_the_size_that_comes(open_models: OpenModels) -> None:
    models = open_models(library_with("Qwen3-0.6B-int4-ov", size_bytes=None, reckoned_bytes=385_000_000))
    models.hold()
    models.row("Qwen3-0.6B-int4-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    expect(box.locator(".om-facts")).to_contain_text("≈ 385 MB")
    expect(box).to_contain_text("About 385 MB of 38.40 GB that are free")
    expect(box).to_contain_text("Asking the Hub for its files …")
    expect(box.get_by_role("button", name="Download ≈ 385 MB")).to_be_enabled()
    models.let_go()
    expect(box.get_by_role("button", name="Download 400 MB")).to_be_enabled()
    expect(box.locator(".om-facts")).not_to_contain_text("≈")
    expect(box).to_contain_text("3 of 5 files, as the Hub tells them now (commit 0123456789).")
    assert models.wait_asked("models_files") == {"request": {"kind": "download", "repository": made_up.REPOSITORY}}


def test_a_size_that_nobody_knows_is_not_said_of_the_free_space(open_models: OpenModels) -> None:
    answers = library_with("Qwen3-0.6B-int4-ov", size_bytes=None, reckoned_bytes=None)
    models = open_models({**answers, "models_files": UNREACHABLE})
    models.row("Qwen3-0.6B-int4-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    expect(box).to_contain_text("Its size is not known; 38.40 GB are free.")
    expect(box).to_contain_text("Its files can’t be told: The Hub does not answer.")
    expect(box.get_by_role("button", name="Download", exact=True)).to_be_enabled()


def test_a_reckoned_size_alone_keeps_nobody_from_trying(open_models: OpenModels) -> None:
    answers = library_with("Qwen3-0.6B-int4-ov", size_bytes=None, reckoned_bytes=39_000_000_000)
    models = open_models({**answers, "models_files": UNREACHABLE})
    models.row("Qwen3-0.6B-int4-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    expect(box).to_contain_text("About 39.00 GB and 100 MB to spare are needed")
    expect(box.get_by_role("button", name="Download")).to_be_enabled()


def test_a_starter_that_is_not_here_says_how_it_is_made(open_models: OpenModels) -> None:
    command = "python -m openarc_ui.models.prepare --precision int8"
    changes = {"installed_as": None, "prepare_command": command}
    models = open_models(
        {
            **library_with("SmolLM2-135M-Instruct-int4", **changes),
            "models_view": made_up.view(loaded=[]),
        }
    )
    row = models.row("SmolLM2-135M-Instruct-int4")
    expect(row).not_to_contain_text("made at the start")
    row.get_by_role("button", name="How SmolLM2-135M-Instruct-int4 is made").click()
    box = models.page.get_by_role("dialog")
    expect(box.locator(".om-code")).to_have_text(command)
    expect(box).to_contain_text("It is made in a terminal")
    expect(box.get_by_role("button", name="Copy")).to_be_visible()


def test_a_repository_of_pickles_has_no_file_chosen_and_says_why(open_models: OpenModels) -> None:
    files = {
        **dataclasses.asdict(made_up.FILES),
        "files": [dataclasses.asdict(dataclasses.replace(each, is_wanted=False)) for each in made_up.FILES.files],
        "words": ONLY_PICKLES,
        "wanted_bytes": 0,
        "free_bytes": 38_400_000_000,
        "names": [],
    }
    models = open_models(made_up.answers(models_files=files), link=FILES)
    expect(models.page.get_by_role("note").filter(has_text="pickles of PyTorch")).to_be_visible()
    expect(models.page.locator('[data-action="download"]:visible')).to_be_disabled()
    models.page.get_by_label("pytorch_model.bin").check()
    models.page.locator('[data-action="download"]:visible').click()
    assert models.wait_asked("models_download")["request"]["files"] == ["pytorch_model.bin"]


def test_a_repository_s_name_in_the_list_opens_its_files_too(open_models: OpenModels) -> None:
    models = open_models(link=HUB)
    models.page.get_by_label("Search the Hub").fill("qwen")
    models.page.keyboard.press("Enter")
    models.page.get_by_role("button", name=made_up.REPOSITORY, exact=True).click()
    expect(models.page.get_by_role("heading", name=made_up.REPOSITORY)).to_be_visible()


# Converting


@pytest.mark.parametrize(("name", "wrong"), [("group-size", "abc"), ("ratio", "2")])
def test_a_command_that_is_not_the_form_s_can_not_be_copied(open_models: OpenModels, name: str, wrong: str) -> None:
    models = open_models(link=CONVERT)
    copy, command = models.page.locator('[data-action="copy-command"]'), models.page.locator(".ol-command")
    expect(copy).to_be_enabled()
    field = models.page.locator(f'input[data-name="{name}"]')
    field.fill(wrong)
    expect(copy).to_be_disabled()
    expect(command).to_have_class("om-code ol-command is-old")
    field.fill("1" if name == "ratio" else "64")
    expect(copy).to_be_enabled()
    expect(command).to_have_class("om-code ol-command")


def test_a_command_that_the_server_refuses_can_not_be_copied(open_models: OpenModels) -> None:
    models = open_models(link=CONVERT)
    expect(models.page.locator('[data-action="copy-command"]')).to_be_enabled()
    models.answer({"models_command": REFUSED})
    models.page.locator('input[data-name="group-size"]').fill("0")
    expect(models.page.get_by_role("alert").filter(has_text="contradict")).to_be_visible()
    expect(models.page.locator('[data-action="copy-command"]')).to_be_disabled()


def test_what_is_being_made_is_no_mistake_and_what_waits_has_not_begun(open_models: OpenModels) -> None:
    waiting = dataclasses.replace(
        made_up.conversion(state=TaskState.WAITING), progress=TaskProgress(stage="Waits for 'other'")
    )
    started = {"task": made_up.TASK.dump_python(waiting, mode="json")}
    models = open_models(made_up.answers(models_convert=started), link=CONVERT)
    models.page.locator('[data-action="convert"]').click()
    ConversionRequest.model_validate(models.wait_asked("models_convert")["request"])
    expect(models.page.get_by_text("The conversion to SmolLM2-135M-int4 waits for 'other'; see Tasks.")).to_be_visible()
    models.answer({"models_view": made_up.view(waiting, revision="2")})
    made = models.page.locator(".ol-convert .ot-start .ot-help")
    expect(made).to_have_text("SmolLM2-135M-int4 is being made, see Tasks.")
    expect(models.page.locator(".ol-convert .ot-start .ot-bad")).to_be_hidden()
    expect(models.page.locator('[data-action="convert"]')).to_be_disabled()


# Waiting


def test_a_slow_speed_has_a_decimal(open_models: OpenModels) -> None:
    task = made_up.download()
    slow = dataclasses.replace(task, progress=dataclasses.replace(task.progress, bytes_per_second=1_540_000.0))
    expect(open_models(made_up.answers(slow)).task("d1")).to_contain_text("1.5 MB/s")


def test_the_library_says_that_it_is_read_and_its_toolbar_stays_where_it_is(open_models: OpenModels) -> None:
    models = open_models(is_open=False)
    models.hold()
    models.tab("Models")
    words = models.page.get_by_text("Reading the library …")
    expect(words).to_be_visible()
    expect(models.page.locator(".ol-library")).to_be_hidden()
    tools = models.page.locator(".ol-toolbar:visible")
    before = tools.bounding_box()
    models.let_go()
    expect(models.row("Falcon3-10B-Instruct-int4_asym-ov")).to_be_visible()
    expect(words).to_have_count(0)
    assert tools.bounding_box() == before


def test_a_look_inside_says_what_it_waits_for(open_models: OpenModels) -> None:
    models = open_models(link="#models?view=mine")
    look = models.row("SmolLM2-135M-Instruct-int4").get_by_role("button", name="Look inside")
    expect(look).to_be_enabled()
    models.hold()
    look.click()
    card = models.page.get_by_role("region", name="Tokenizer", exact=True)
    expect(card).to_contain_text("Trying its tokenizer …")
    models.let_go()
    expect(card).not_to_contain_text("Trying its tokenizer …")
