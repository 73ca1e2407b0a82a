"""The Models view alone: what it shows of the server's answers, what its buttons ask for, and what may be done with which key."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import TaskState
from tests.browser import models_answers as made_up
from tests.browser.conftest import PHONE
from tests.browser.models_page import ModelsPage
from tests.browser.tab_page import Windows, serve_tab

pytestmark = pytest.mark.browser

OpenModels = Callable[..., ModelsPage]
HUB, CONVERT, MINE = "#models?view=hub", "#models?view=convert", "#models?view=mine"
FILES = f"{HUB}&repository={made_up.REPOSITORY}"
BEGIN = '[data-action="download"]:visible'
INSIDE = "#models?view=inside&model=SmolLM2-135M-Instruct-int4"
USE_ONLY: dict[str, Any] = {
    "may_administer": False,
    "why_not": "Getting models needs the administration key. Sign in with it.",
}
UNREACHABLE: dict[str, Any] = {
    "error": {"message": "The Hub does not answer.", "hint": "Check the network.", "code": "hub_unreachable"}
}


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    with serve_tab(browser, ModelsPage.tab_of) as served:
        yield served


@pytest.fixture
def open_models(windows: Windows) -> Iterator[OpenModels]:
    """Opens the view; an outside request or an error on the console fails the test."""
    with windows.opening(ModelsPage, made_up.answers()) as opened:
        yield opened


# The library


def test_the_library_tells_each_model_s_facts_and_whether_it_fits(open_models: OpenModels) -> None:
    models = open_models()
    row = models.row("Falcon3-10B-Instruct-int4_asym-ov")
    for words in ("5.74 GB", "10 B", "INT4 asym", "32 k", "falcon-llm-license", "tight"):
        expect(row).to_contain_text(words)
    row.locator(".ol-fit summary").click()
    expect(row.locator(".ol-fit p")).to_have_text("It needs about 6.60 GB with 4 096 tokens, and 6.9 GB are free.")
    expect(row.locator(".ol-sources li").first).to_be_hidden()
    row.locator(".ol-sources summary").click()
    expect(row.locator(".ol-sources li")).to_have_text(["size: the README of a test", "licence: its card"])
    expect(models.row("SmolLM2-135M-Instruct-int4")).to_contain_text("✓loaded")
    heads = models.page.locator(".ol-group").all_inner_texts()
    assert heads == ["To begin with", "Launched with OpenArc", "From OpenVINO"]
    assert models.asked("models_search") == models.asked("models_files") == [], "the Hub is asked by nobody"


def test_a_size_that_is_not_told_is_reckoned_and_marked_so(open_models: OpenModels) -> None:
    answers = made_up.answers()
    item = next(each for each in answers["models_library"]["items"] if each["entry"]["name"].startswith("Falcon3"))
    item["entry"]["size_bytes"], item["reckoned_bytes"] = None, 5_640_000_000
    size = open_models(answers).row("Falcon3-10B-Instruct-int4_asym-ov").locator('[data-name="Size"]')
    expect(size).to_have_text("≈ 5.64 GB")
    expect(size).to_have_attribute("title", re.compile("reckoned from its parameters"))


def test_the_library_is_filtered_sorted_and_held_against_another_device(open_models: OpenModels) -> None:
    models = open_models()
    rows = models.page.locator("tr[data-model]:visible")
    expect(rows).to_have_count(7)
    models.page.get_by_label("Only what fits").check()
    expect(rows).to_have_count(5)
    models.page.get_by_label("Only what fits").uncheck()
    models.page.get_by_label("Order").select_option("size")
    expect(rows.first).to_have_attribute("data-model", "SmolLM2-135M-Instruct-int4")
    expect(rows.last).to_have_attribute("data-model", "Qwen2.5-72B-Instruct-int4-ns-ov")
    models.page.get_by_label("Filter the library").fill("reasoning mit")
    expect(rows).to_have_count(1)
    models.page.get_by_label("Filter the library").fill("nothing like this")
    expect(models.page.get_by_text("Nothing of that kind")).to_be_visible()
    models.asked("models_library")
    models.page.get_by_label("Device to fit on").select_option("GPU")
    assert models.wait_asked("models_library") == {"device": "GPU", "context_tokens": 4096}


def test_the_fit_follows_free_memory_without_being_asked_and_what_is_read_stays_open(open_models: OpenModels) -> None:
    models = open_models()
    row = models.row("Falcon3-10B-Instruct-int4_asym-ov")
    row.locator(".ol-fit summary").click()
    row.locator(".ol-sources summary").click()
    items = made_up.answers()["models_library"]
    for each in items["items"]:
        each["fit_words"] = each["fit_words"].replace("6.9 GB are free", "3.1 GB are free")
    later = "() => { const own = performance.now.bind(performance); performance.now = () => own() + 60_000; }"
    models.page.evaluate(later)
    models.answer({"models_library": items})
    expect(row.locator(".ol-fit p")).to_contain_text("3.1 GB are free")
    expect(row.locator(".ol-sources li").first).to_be_visible()
    expect(row.locator(".ol-sources summary")).to_be_focused()


def test_what_is_opened_in_a_row_moves_no_column(open_models: OpenModels) -> None:
    models = open_models()
    row = models.row("Falcon3-10B-Instruct-int4_asym-ov")
    measure = "(row) => [...row.cells].map((each) => Math.round(each.getBoundingClientRect().x))"
    before = row.evaluate(measure)
    for each in (".ol-fit", ".ol-sources"):
        row.locator(f"{each} summary").click()
        expect(row.locator(each)).to_have_attribute("open", "")
        assert row.evaluate(measure) == before


def test_the_fit_is_estimated_anew_when_the_library_is_opened_again(open_models: OpenModels) -> None:
    models = open_models()
    expect(models.row("Ministral-3b-instruct-int4_asym-ov")).to_be_visible()
    for leave in (lambda: models.part("mine"), lambda: models.tab("Chat")):
        leave()
        models.asked("models_library")
        models.tab("Models")
        models.part("library")
        assert models.wait_asked("models_library") == {"device": "CPU", "context_tokens": 4096}


def test_long_words_push_no_button_out_of_the_table(open_models: OpenModels) -> None:
    models = open_models()
    expect(models.row("Phi-4-o1-int4_asym-awq-weight_quantization_error-ov")).to_be_visible()
    frame = models.page.locator(".ol-library").locator("xpath=..")
    assert frame.evaluate("(frame) => frame.scrollWidth - frame.clientWidth") <= 0


def test_getting_a_model_says_size_and_room_before_it_begins(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(models_files=UNREACHABLE))
    models.row("Ministral-3b-instruct-int4_asym-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog", name="Get Ministral-3b-instruct-int4_asym-ov")
    expect(box).to_contain_text("1.85 GB of 38.40 GB that are free; 36.55 GB stay free.")
    assert models.asked("models_download") == []
    box.get_by_role("button", name="Download 1.85 GB").click()
    request = models.wait_asked("models_download")["request"]
    assert DownloadRequest.model_validate(request).repository == "Echo9Zulu/Ministral-3b-instruct-int4_asym-ov"
    expect(box).to_have_count(0)


def test_what_there_is_no_room_for_can_not_be_begun(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(models_files=UNREACHABLE))
    models.row("Qwen2.5-72B-Instruct-int4-ns-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    expect(box).to_contain_text("39.00 GB and 100 MB to spare are needed, and 38.40 GB are free: 700 MB are missing")
    expect(box.get_by_role("button", name="Download")).to_be_disabled()


def test_a_download_that_leaves_less_to_spare_than_the_server_wants_can_not_be_begun(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(models_view=made_up.view(free_bytes=1_900_000_000), models_files=UNREACHABLE))
    models.row("Ministral-3b-instruct-int4_asym-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    expect(box).to_contain_text("1.85 GB and 100 MB to spare are needed, and 1.90 GB are free: 50 MB are missing")
    expect(box.get_by_role("button", name="Download")).to_be_disabled()


def test_a_model_that_is_being_made_leads_to_its_task(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()))
    models.row("Qwen3-0.6B-int4-ov").get_by_role("button", name="opens its task").click()
    expect(models.page.get_by_role("dialog", name="Qwen3-0.6B-int4-ov")).to_be_visible()
    assert models.hash() == "#models?task=d1"


def stopped(**request: Any) -> Any:
    """A download that failed with a third of it there."""
    task = made_up.download(state=TaskState.FAILED, can_resume=True)
    return dataclasses.replace(task, request={**task.request, **request})


def test_a_download_that_stopped_on_the_way_is_gone_on_with_from_the_library(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(stopped(), models_files=UNREACHABLE))
    models.row("Qwen3-0.6B-int4-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog", name="Get Qwen3-0.6B-int4-ov")
    expect(box.get_by_role("note")).to_have_text("This download failed on the way; 340 MB came. Go on with it.")
    expect(box.get_by_role("button", name="Download 410 MB")).to_be_disabled()
    box.get_by_label("Folder in the model folder").fill("another")
    expect(box.get_by_role("note")).to_be_hidden()
    expect(box.get_by_role("button", name="Download 410 MB")).to_be_enabled()
    box.get_by_label("Folder in the model folder").fill("qwen3-0.6b-INT4-ov")
    box.get_by_role("button", name="Resume").click()
    assert models.wait_asked("models_resume") == {"task_id": "d1"} and models.asked("models_download") == []
    expect(box).to_have_count(0)


# The Hub


def test_a_download_that_stopped_on_the_way_is_gone_on_with_from_the_files(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(stopped()), link=FILES)
    begin = models.page.locator(BEGIN)
    note = models.page.get_by_role("note").filter(has_text="This download failed")
    expect(note).to_have_text("This download failed on the way; 340 MB came. Go on with it.")
    expect(begin).to_be_disabled()
    models.page.locator('[data-path="README.md"]').check()
    others = f"A download of this name failed on the way: other files of {made_up.REPOSITORY} at main."
    expect(models.page.get_by_role("note").filter(has_text=others)).to_be_visible()
    expect(begin).to_be_disabled()
    models.page.locator('[data-path="README.md"]').uncheck()
    models.do("resume-standing")
    assert models.wait_asked("models_resume") == {"task_id": "d1"} and models.asked("models_download") == []


def test_another_download_of_the_same_name_is_told_and_leads_to_its_task(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(stopped(revision="v1")), link=FILES)
    expect(models.page.get_by_role("note").filter(has_text=f"{made_up.REPOSITORY} at v1")).to_be_visible()
    name = models.page.get_by_label("Folder in the model folder")
    name.fill("another")
    expect(models.page.locator(BEGIN)).to_be_enabled()
    name.fill("Qwen3-0.6B-int4-ov")
    models.do("see-standing")
    expect(models.page.get_by_role("dialog", name="Qwen3-0.6B-int4-ov")).to_be_visible()


def test_a_failure_before_the_first_byte_stands_in_nobody_s_way(open_models: OpenModels) -> None:
    nothing = dataclasses.replace(stopped().progress, done_bytes=0, fraction=0.0)
    models = open_models(made_up.answers(dataclasses.replace(stopped(), progress=nothing)), link=FILES)
    expect(models.page.locator(BEGIN)).to_be_enabled()
    expect(models.page.get_by_role("note").filter(has_text="This download")).to_be_hidden()


def test_the_hub_is_asked_only_when_somebody_searches(open_models: OpenModels) -> None:
    models = open_models(link=HUB)
    expect(models.page.get_by_text("Search, or paste a name")).to_be_visible()
    assert models.asked("models_search") == []
    models.page.get_by_label("Search the Hub").fill("qwen")
    models.page.keyboard.press("Enter")
    assert models.wait_asked("models_search") == {"words": "qwen", "only_openvino": True, "limit": 30}
    first = models.page.locator(f'tr[data-repository="{made_up.REPOSITORY}"]')
    for words in ("120 k", "23", "Sept 2026", "apache-2.0"):
        expect(first).to_contain_text(words)
    expect(models.page.locator('tr[data-repository="meta/gated-8b-ov"]')).to_contain_text("gated")
    expect(models.page.locator('tr[data-repository="someone/untold"]')).to_contain_text("–")
    models.page.get_by_label("OpenVINO models only").uncheck()
    assert models.wait_asked("models_search")["only_openvino"] is False


def test_offline_is_said_with_what_can_be_done_without_the_hub(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(models_search=UNREACHABLE), link=HUB)
    models.page.get_by_label("Search the Hub").fill("qwen")
    models.do("search")
    alert = models.page.get_by_role("alert").filter(has_text="The Hub does not answer. Check the network.")
    expect(alert).to_contain_text("copy a model's folder into the model folder")
    models.answer(made_up.answers())
    alert.get_by_role("button", name="Try again").click()
    expect(models.page.locator("tr[data-repository]")).to_have_count(3)


@pytest.mark.parametrize(
    ("typed", "revision"),
    [
        (made_up.REPOSITORY, "main"),
        (f"https://huggingface.co/{made_up.REPOSITORY}", "main"),
        (f"https://huggingface.co/{made_up.REPOSITORY}/tree/v2", "v2"),
        (f"https://huggingface.co/{made_up.REPOSITORY}/tree/refs/pr/1", "refs/pr/1"),
        (f"https://huggingface.co/{made_up.REPOSITORY}/blob/refs%2Fpr%2F1/config.json", "refs/pr/1"),
        (f"hf.co/{made_up.REPOSITORY}/blob/v2/config.json?a=b#c", "v2"),
    ],
)
def test_a_pasted_name_or_address_opens_its_files(open_models: OpenModels, typed: str, revision: str) -> None:
    models = open_models(link=HUB)
    models.page.get_by_label("Search the Hub").fill(typed)
    models.do("search")
    wanted = (
        f"""window.asked.some((each) => each.question === "models_files" && each.request.revision === "{revision}")"""
    )
    models.page.wait_for_function(wanted)
    expect(models.page.locator(BEGIN)).to_be_visible()
    asked = [(each["request"]["repository"], each["request"]["revision"]) for each in models.asked("models_files")]
    assert asked == [(made_up.REPOSITORY, revision)], "no other revision is asked for first"
    assert models.asked("models_search") == []


def test_a_search_before_the_first_answer_is_done_once_it_is_there(open_models: OpenModels) -> None:
    models = open_models(link=HUB, is_open=False)
    models.hold()
    models.tab("Models")
    models.page.get_by_label("Search the Hub").fill(made_up.REPOSITORY)
    models.page.keyboard.press("Enter")
    assert models.asked("models_files") == []
    models.let_go()
    assert models.wait_asked("models_files")["request"]["repository"] == made_up.REPOSITORY
    expect(models.page.locator(BEGIN)).to_be_visible()
    assert models.asked("models_files") == []


def test_an_address_of_another_revision_of_what_is_open_asks_for_that(open_models: OpenModels) -> None:
    models = open_models(link=HUB)
    search = models.page.get_by_label("Search the Hub")
    for revision in ("v2", "v3", "main"):
        search.fill(f"https://huggingface.co/{made_up.REPOSITORY}/tree/{revision}")
        models.do("search")
        assert models.wait_asked("models_files")["request"]["revision"] == revision
        expect(models.page.locator(BEGIN)).to_be_visible()
        expect(models.page.get_by_label("Revision: a branch, tag or commit")).to_have_value(revision)
        models.do("back")  # what is open stays so behind the search
    assert models.asked("models_files") == []


def test_files_are_chosen_with_their_sum_and_a_revision(open_models: OpenModels) -> None:
    models = open_models(link=FILES)
    total = models.page.locator(".ol-section .ot-start .ot-words")
    expect(total).to_have_text("3 of 5 files: 400 MB of 38.40 GB that are free; 38.00 GB stay free.")
    models.do("download")
    assert models.wait_asked("models_download")["request"]["files"] == [], "all that are needed"
    models.page.get_by_label("README.md").check()
    models.page.get_by_label("openvino_model.xml").uncheck()
    expect(total).to_contain_text("398 MB")
    models.page.get_by_label("Folder in the model folder").fill("mine")
    models.do("download")
    request = DownloadRequest.model_validate(models.wait_asked("models_download")["request"])
    assert set(request.files) == {"README.md", "config.json", "openvino_model.bin"} and request.name == "mine"
    models.asked("models_files")
    models.page.get_by_label("Revision: a branch, tag or commit").fill("v2")
    models.page.keyboard.press("Enter")
    assert models.wait_asked("models_files")["request"]["revision"] == "v2"


def test_a_name_that_is_taken_or_impossible_can_not_be_used(open_models: OpenModels) -> None:
    models = open_models(link=FILES)
    name = models.page.get_by_label("Folder in the model folder")
    name.fill("SmolLM2-135M-Instruct-int4")
    expect(models.page.get_by_text("There is a model of this name.")).to_be_visible()
    name.fill("../outside")
    expect(models.page.get_by_text("Letters, digits, dots")).to_be_visible()
    expect(models.page.locator('[data-action="download"]:visible')).to_be_disabled()


IMPOSSIBLE = [
    ("con", "Windows keeps this name for a device."),
    ("LPT1.v2", "Windows keeps this name for a device."),
    ("small.", "No dot at the end"),
    ("small.gguf", "would look like a file"),
    ("small.tmp", "is none of a model"),
    ("Default", "stands for a model where a name is asked for"),
]


@pytest.mark.parametrize(("name", "words"), IMPOSSIBLE, ids=[name for name, _ in IMPOSSIBLE])
def test_a_folder_s_name_that_the_server_refuses_is_refused_before_it_is_sent(
    open_models: OpenModels, name: str, words: str
) -> None:
    models = open_models(link=FILES)
    field, begin = models.page.get_by_label("Folder in the model folder"), models.page.locator(BEGIN)
    field.fill(name)
    expect(models.page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(begin).to_be_disabled()
    field.fill("console.v2")
    expect(begin).to_be_enabled()


def test_the_same_names_are_refused_for_a_result_and_for_a_model_of_the_library(open_models: OpenModels) -> None:
    models = open_models()
    models.row("Ministral-3b-instruct-int4_asym-ov").get_by_role("button", name="Get").click()
    box = models.page.get_by_role("dialog")
    box.get_by_label("Folder in the model folder").fill("nul")
    expect(box).to_contain_text("Windows keeps this name for a device.")
    box.locator('[data-action="download"]').click()
    assert models.asked("models_download") == []
    box.get_by_role("button", name="Cancel").click()
    models.part("convert")
    models.page.get_by_label("Name of the result").fill("small.gguf")
    expect(models.page.get_by_role("alert").filter(has_text="would look like a file")).to_be_visible()
    expect(models.page.locator('[data-action="convert"]:visible')).to_be_disabled()


def test_a_revision_that_can_be_none_is_said_and_not_sent(open_models: OpenModels) -> None:
    models = open_models(link=FILES)
    expect(models.page.locator(BEGIN)).to_be_enabled()
    models.asked("models_files")
    revision = models.page.get_by_label("Revision: a branch, tag or commit")
    revision.fill("my branch")
    models.page.keyboard.press("Enter")
    expect(models.page.get_by_text("Letters, digits, dots, slashes, dashes and underscores.")).to_be_visible()
    expect(revision).to_have_attribute("aria-invalid", "true")
    expect(models.page.locator('[data-action="look"]')).to_be_disabled()
    expect(models.page.locator(BEGIN)).to_be_disabled()
    revision.fill("refs/pr/1")
    models.page.keyboard.press("Enter")
    assert [each["request"]["revision"] for each in [models.wait_asked("models_files")]] == ["refs/pr/1"]


SEVERAL = ("smol.Q4_K_M.gguf", "smol.Q8_0.gguf", "smol.F16-00001-of-00002.gguf", "smol.F16-00002-of-00002.gguf")


@pytest.mark.parametrize(
    ("file", "chosen", "words"),
    [
        ("smol.Q8_0.gguf", {"config.json", "smol.Q8_0.gguf"}, "The address names smol.Q8_0.gguf"),
        ("smol.F16-00001-of-00002.gguf", {"config.json", *SEVERAL[2:]}, "The address names"),
        ("README.md", {"README.md"}, "The address names README.md"),
        ("gone.gguf", {"config.json", "smol.Q4_K_M.gguf"}, "There is no gone.gguf at this revision"),
    ],
    ids=["a GGUF", "a part", "no weights", "not there"],
)
def test_the_address_of_a_file_chooses_that_file(
    open_models: OpenModels, file: str, chosen: set[str], words: str
) -> None:
    small = [file for file in made_up.FILES.files if file.path in ("README.md", "config.json")]
    ggufs = [made_up.HubFile(path, 90_000_000, "a" * 64, None, path == SEVERAL[0]) for path in SEVERAL]
    answer = made_up.answers()["models_files"] | {"words": "Q4_K_M is taken of 3 GGUF models in there."}
    answer["files"] = [dataclasses.asdict(each) for each in (*small, *ggufs)]
    models = open_models(made_up.answers(models_files=answer), link=HUB)
    models.page.get_by_label("Search the Hub").fill(f"https://huggingface.co/{made_up.REPOSITORY}/blob/main/{file}")
    models.do("search")
    expect(models.page.get_by_role("note").filter(has_text=words)).to_be_visible()
    ticked = "(all) => all.filter((each) => each.checked).map((each) => each.dataset.path)"
    assert set(models.page.eval_on_selector_all(".ol-files input[data-path]", ticked)) == chosen
    models.do("download")
    sent = set(models.wait_asked("models_download")["request"]["files"])
    assert sent == (set() if "gone" in file else chosen), "none named: all that are needed"
    models.do("needed-files")
    expect(models.page.get_by_text("Q4_K_M is taken of 3 GGUF models in there.", exact=True)).to_be_visible()


def test_a_half_of_an_ir_is_chosen_with_the_other_and_with_its_tokenizers(open_models: OpenModels) -> None:
    models = open_models(link=HUB)
    address = f"https://huggingface.co/{made_up.REPOSITORY}/resolve/main/openvino_model.bin"
    models.page.get_by_label("Search the Hub").fill(address)
    models.do("search")
    expect(models.page.locator(".ol-section .ot-start .ot-words")).to_contain_text("3 of 5 files: 400 MB")


def test_a_token_is_typed_hidden_sent_once_and_forgotten(open_models: OpenModels) -> None:
    models = open_models(link=HUB)
    models.page.get_by_text("Token for gated models: not set").click()
    field = models.page.get_by_label("Token of your account")
    assert field.get_attribute("type") == "password"
    field.fill("hf_secret")
    models.do("set-token")
    assert models.wait_asked("models_token") == {"token": "hf_secret"}
    models.answer(
        {"models_view": made_up.view(revision="2", hub={"endpoint": "http://127.0.0.1:9", "has_token": True})}
    )
    expect(models.page.get_by_text("Token for gated models: set")).to_be_visible()
    assert "hf_secret" not in models.page.content()
    models.page.get_by_text("Token for gated models: set").click()
    models.do("clear-token")
    assert models.wait_asked("models_token") == {"token": None}


def test_a_gated_model_says_where_to_ask(open_models: OpenModels) -> None:
    denied = {"error": {"message": "It is gated.", "hint": "Ask on its page.", "code": "hub_access_denied"}}
    models = open_models(made_up.answers(models_files=denied), link=FILES)
    alert = models.page.get_by_role("alert").filter(has_text="It is gated. Ask on its page.")
    expect(alert.get_by_role("link")).to_have_attribute("href", f"http://127.0.0.1:9/{made_up.REPOSITORY}")


def test_a_gated_model_takes_a_token_where_it_is_refused(open_models: OpenModels) -> None:
    denied = {"error": {"message": "It is gated.", "hint": "Ask on its page.", "code": "hub_access_denied"}}
    models = open_models(made_up.answers(models_files=denied), link=FILES)
    alert = models.page.get_by_role("alert").filter(has_text="It is gated.")
    field = alert.get_by_label("Token of your account")
    expect(field).to_have_attribute("type", "password")
    field.fill("hf_secret")
    models.asked("models_files")
    models.answer({"models_files": made_up.answers()["models_files"]})
    models.page.keyboard.press("Enter")
    assert models.wait_asked("models_token") == {"token": "hf_secret"}
    assert models.wait_asked("models_files")["request"]["repository"] == made_up.REPOSITORY
    expect(models.page.locator(BEGIN)).to_be_enabled()
    assert models.asked("models_token") == [], "it is sent once"
    values = models.page.eval_on_selector_all("input", "(all) => all.map((each) => each.value)")
    assert "hf_secret" not in values and "hf_secret" not in models.page.content()


def test_a_token_that_is_refused_is_said_beside_its_field_and_forgotten(open_models: OpenModels) -> None:
    denied = {"error": {"message": "It is gated.", "hint": "", "code": "hub_access_denied"}}
    bad = {"error": {"message": "This is no token.", "hint": "", "code": "invalid_request"}}
    models = open_models(made_up.answers(models_files=denied, models_token=bad), link=FILES)
    alert = models.page.get_by_role("alert").filter(has_text="It is gated.")
    alert.get_by_label("Token of your account").fill("hf_secret")
    models.asked("models_files")
    models.do("set-token")
    expect(alert).to_contain_text("This is no token.")
    expect(alert.get_by_label("Token of your account")).to_have_value("")
    assert models.asked("models_files") == []


# Tasks


def test_a_task_tells_stage_bytes_speed_time_left_and_memory(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download(), made_up.conversion()))
    task = models.task("d1")
    expect(task).to_contain_text("Downloading · openvino_model.bin")
    expect(task).to_contain_text("0.34 of 1.00 GB · 12 MB/s · 56 s left · 91 MB of memory")
    expect(task.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "34")
    expect(models.task("c1")).to_contain_text("62% · 1.40 GB of memory")
    task.get_by_role("button", name="Pause").click()
    assert models.wait_asked("models_pause") == {"task_id": "d1"}
    models.answer({"models_view": made_up.view(made_up.download(state=TaskState.PAUSED), revision="2")})
    task.get_by_role("button", name="Resume").click()
    assert models.wait_asked("models_resume") == {"task_id": "d1"}


def test_cancelling_what_has_come_far_asks_once_more(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()))
    task = models.task("d1")
    task.get_by_role("button", name="Cancel").click()
    expect(task.get_by_role("button", name="340 MB are thrown away. Really?")).to_be_visible()
    assert models.asked("models_cancel") == []
    task.locator('[data-action="cancel"]').click()
    assert models.wait_asked("models_cancel") == {"task_id": "d1"}


def test_what_cancelling_throws_away_is_told_as_it_is_at_the_click(open_models: OpenModels) -> None:
    now = time.time()
    begun = dataclasses.replace(made_up.download(fraction=0.34), created_at=now)
    models = open_models(made_up.answers(begun))
    expect(models.task("d1")).to_contain_text("0.34 of 1.00 GB")
    further = dataclasses.replace(made_up.download(fraction=0.41), created_at=now)
    models.answer({"models_view": made_up.view(further, revision="2")})
    expect(models.task("d1")).to_contain_text("0.41 of 1.00 GB")
    models.task("d1").get_by_role("button", name="Cancel").click()
    expect(models.task("d1").get_by_role("button", name="410 MB are thrown away. Really?")).to_be_visible()


@pytest.mark.parametrize("link", ["#models", "#models?task=d1"], ids=["list", "drawer"])
def test_clearing_a_failed_download_that_could_go_on_asks_first(open_models: OpenModels, link: str) -> None:
    failed = made_up.download(state=TaskState.FAILED, can_resume=True)
    models = open_models(made_up.answers(failed), link=link)
    place = models.page.locator(".ol-drawer") if "task" in link else models.task("d1")
    place.get_by_role("button", name="Clear").click()
    expect(place.get_by_role("button", name="340 MB are thrown away. Really?")).to_be_visible()
    assert models.asked("models_forget") == []
    place.locator('[data-action="forget"]').click()
    assert models.wait_asked("models_forget") == {"task_id": "d1"}


def test_a_downloaded_gguf_is_loaded_and_looked_into_by_its_file(open_models: OpenModels) -> None:
    finished, gguf = made_up.download(state=TaskState.FINISHED), "Qwen3-0.6B-int4-ov/model.gguf"
    models = open_models(made_up.answers(models_view=made_up.view(finished, results={"d1": gguf})))
    models.task("d1").get_by_role("button", name="Load it").click()
    assert models.wait_asked("models_load") == {"model": gguf}
    models.task("d1").get_by_role("button", name="Look inside").click()
    assert models.wait_asked("models_inspect")["model"] == gguf
    models.answer({"models_view": made_up.view(finished, results={"d1": gguf}, loaded=[gguf], revision="2")})
    expect(models.task("d1")).to_contain_text("✓loaded")


@pytest.mark.parametrize("link", ["#models", "#models?task=d1"], ids=["list", "drawer"])
def test_what_can_not_be_run_says_why_and_offers_no_load(open_models: OpenModels, link: str) -> None:
    finished, why = made_up.download(state=TaskState.FINISHED), "There are no weights in it."
    told = made_up.view(finished, unloadable={"d1": why})
    models = open_models(made_up.answers(models_view=told), link=link)
    place = models.page.locator(".ol-drawer") if "task" in link else models.task("d1")
    expect(place.get_by_role("note").filter(has_text=why)).to_be_visible()
    expect(place.get_by_role("button", name="Load it")).to_have_count(0)
    models.answer({"models_view": made_up.view(finished, revision="2")})
    expect(place.get_by_role("button", name="Load it")).to_be_visible()
    expect(place.get_by_text(why)).to_have_count(0)


def test_a_question_that_waits_outlives_a_poll(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()))
    models.task("d1").get_by_role("button", name="Cancel").click()
    models.answer({"models_view": made_up.view(made_up.download(fraction=0.41), revision="2")})
    expect(models.task("d1")).to_contain_text("0.41 of 1.00 GB")
    expect(models.task("d1").locator('[data-action="cancel"]')).to_have_text("340 MB are thrown away. Really?")


def test_nothing_moves_while_a_task_goes_on(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download(), made_up.conversion()))
    expect(models.row("Ministral-3b-instruct-int4_asym-ov")).to_be_visible()
    measure = """() => [...document.querySelectorAll('.ol-task, tr[data-model]')].map((each) => { const { x, y, width, height } = each.getBoundingClientRect(); return [x, y, width, height]; })"""
    before = models.page.evaluate(measure)
    for at, fraction in enumerate((0.5, 0.75, 0.99)):
        models.answer(
            {"models_view": made_up.view(made_up.download(fraction=fraction), made_up.conversion(), revision=f"r{at}")}
        )
        expect(models.task("d1").get_by_role("progressbar")).to_have_attribute(
            "aria-valuenow", str(round(fraction * 100))
        )
        assert models.page.evaluate(measure) == before


def test_a_failure_says_why_and_what_to_do_and_can_begin_anew(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.conversion(state=TaskState.FAILED)))
    task = models.task("c1")
    expect(task).to_contain_text("The conversion ended with exit code 1.")
    expect(task).to_contain_text("Read the log.")
    task.get_by_role("button", name="Begin anew").click()
    assert models.wait_asked("models_resume") == {"task_id": "c1"}
    task.get_by_role("button", name="Clear").click()
    assert models.wait_asked("models_forget") == {"task_id": "c1"}


def test_a_finished_conversion_shows_what_it_cost_beside_the_source(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.conversion(state=TaskState.FINISHED)))
    task = models.task("c1")
    expect(task).to_contain_text("98 MB → 110 MB · perplexity 16.33 → 17.02 · 21.4 → 74.9 tok/s")
    task.get_by_role("button", name="SmolLM2-135M-int4", exact=True).click()
    drawer = models.page.get_by_role("dialog", name="SmolLM2-135M-int4")
    rows = {row: drawer.locator(f'tr[data-row="{row}"]') for row in ("Size", "Perplexity", "Decode, tok/s")}
    expect(rows["Perplexity"]).to_contain_text(re.compile(r"16\.33.*17\.02.*\+4\.2%"))
    expect(rows["Size"]).to_contain_text(re.compile(r"98 MB.*110 MB.*\+12\.2%"))
    expect(drawer).to_contain_text("PyTorch, float32")
    expect(drawer).to_contain_text("Its weights were rounded twice")
    expect(drawer.locator(".ol-command")).to_have_text(made_up.COMMAND)
    drawer.get_by_role("button", name="Load it").click()
    assert models.wait_asked("models_load") == {"model": "SmolLM2-135M-int4"}
    models.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(task.locator(".ol-task-name")).to_be_focused()


def test_the_log_follows_and_leaves_who_reads_further_up_alone(open_models: OpenModels) -> None:
    lines = tuple(f"line {at}" for at in range(100))

    def shown(count: int, revision: str) -> dict[str, Any]:
        return made_up.view(made_up.conversion(log=lines[:count]), revision=revision, log_of="c1")

    models = open_models(made_up.answers(models_view=shown(60, "1")), link="#models?task=c1")
    log = models.page.locator(".ol-log")
    at_end = "() => { const log = document.querySelector('.ol-log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 3; }"
    expect(log).to_contain_text("line 59")
    assert models.page.evaluate(at_end)
    models.answer({"models_view": shown(80, "2")})
    expect(log).to_contain_text("line 79")
    assert models.page.evaluate(at_end)
    log.evaluate("(log) => { log.scrollTop = 0; }")
    models.answer({"models_view": shown(100, "3")})
    expect(log).to_contain_text("line 99")
    assert log.evaluate("(log) => log.scrollTop") == 0
    asked = models.asked("models_view")
    assert asked[-1]["log_of"] == "c1"


def test_a_server_that_does_not_answer_is_said(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()))
    expect(models.task("d1")).to_be_visible()
    models.page.evaluate("window.isAway = true")
    expect(models.page.locator(".is-lost")).to_have_text("The server does not answer; trying again.")
    models.page.evaluate("window.isAway = false")
    expect(models.page.locator(".is-lost")).to_be_hidden()


# Convert


def test_a_conversion_is_what_the_form_shows(open_models: OpenModels) -> None:
    models = open_models(link=CONVERT)
    models.page.get_by_role("radio", name="INT8").click()
    expect(models.page.locator(".ol-command:visible")).to_have_text(made_up.COMMAND)
    models.asked("models_command")
    models.page.get_by_role("radio", name="INT4 symmetric").click()
    expect(models.page.get_by_label("Group size")).to_have_value("-1")
    models.page.get_by_label("Group size").fill("128")
    models.page.get_by_label("Name of the result").fill("small")
    models.page.get_by_label(re.compile("^Check afterwards")).uncheck()
    models.page.wait_for_function(
        "window.asked.some((each) => each.question === 'models_command' && each.request.name === 'small')"
    )
    expect(models.page.locator('[data-action="convert"]:visible')).to_be_enabled()
    models.do("convert")
    request = ConversionRequest.model_validate(models.wait_asked("models_convert")["request"])
    assert request == ConversionRequest(
        source="SmolLM2-135M.gguf",
        name="small",
        options={"weight-format": "int4", "sym": True, "group-size": 128, "ratio": 1},
        check=False,
    )


@pytest.mark.parametrize(
    ("first_step", "is_said"), [("python -m openarc_ui.models.conversion.unpack a b\n", True), ("", False)]
)
def test_a_command_says_where_it_runs(open_models: OpenModels, first_step: str, is_said: bool) -> None:
    command = made_up.answers()["models_command"] | {"command": first_step + made_up.COMMAND}
    models = open_models(made_up.answers(models_command=command), link=CONVERT)
    card = models.page.get_by_role("region", name="Command")
    expect(card).to_contain_text("In a terminal: in the model folder, with OpenArc’s Python environment active")
    assert ("PYTHONPATH set to OpenArc’s folder" in card.inner_text()) is is_said


def test_what_one_should_know_before_a_conversion_is_told_and_goes_with_its_reason(open_models: OpenModels) -> None:
    words = "Its weights have 4 bits already: INT4 rounds them twice."
    command = made_up.answers()["models_command"]
    models = open_models(made_up.answers(models_command=command | {"notes": [words]}), link=CONVERT)
    note = models.page.get_by_role("region", name="Weights").get_by_text(words)
    expect(note).to_be_visible()
    models.answer({"models_command": command})
    models.page.get_by_role("radio", name="INT8").click()
    expect(note).to_have_count(0)


def test_what_a_conversion_needs_is_told_and_marked_where_it_is_short(open_models: OpenModels) -> None:
    models = open_models(link=CONVERT)
    needs = models.page.locator(".ot-start:visible .ot-words")
    expect(needs).to_have_text(
        "About 1.33 GB of memory (9.10 GB are free) and 630 MB of disk while it runs (38.40 GB are free)."
    )
    expect(needs).not_to_have_class(re.compile("oc-warn"))
    short = made_up.answers()["models_command"] | {"needs": made_up.NEEDS | {"free_memory_bytes": 500_000_000}}
    models.answer({"models_command": short})
    models.page.get_by_role("radio", name="FP16").click()
    expect(needs).to_have_class(re.compile("oc-warn"))


def test_every_option_of_the_installed_version_is_there_once(open_models: OpenModels) -> None:
    models = open_models(link=CONVERT)
    models.page.get_by_text("All 7 options of the installed version").click()
    names = models.page.eval_on_selector_all(".ol-convert [data-name]", "(all) => all.map((each) => each.dataset.name)")
    assert {option.name for option in made_up.OPTIONS} <= set(names) and len(names) == len(set(names))
    models.page.get_by_label("Weight format").select_option("nf4")
    models.page.get_by_label("Dataset").fill("auto")
    models.asked("models_command")
    models.page.wait_for_timeout(400)
    models.do("convert")
    assert models.wait_asked("models_convert")["request"]["options"] == {
        "weight-format": "nf4",
        "group-size": 64,
        "dataset": "auto",
    }


def test_what_the_installed_version_refuses_is_said_before_anything_runs(open_models: OpenModels) -> None:
    refused = {"message": "'awq' needs data.", "hint": "Set dataset to auto.", "code": "invalid_request"}
    models = open_models(made_up.answers(models_command={"error": refused}), link=CONVERT)
    expect(models.page.get_by_role("alert").filter(has_text="'awq' needs data. Set dataset to auto.")).to_be_visible()
    expect(models.page.locator('[data-action="convert"]:visible')).to_be_disabled()


def test_a_number_that_can_not_be_read_is_marked_and_nothing_can_start(open_models: OpenModels) -> None:
    models = open_models(link=CONVERT)
    begin = models.page.locator('[data-action="convert"]:visible')
    expect(begin).to_be_enabled()
    ratio = models.page.get_by_label("Ratio of 4-bit layers")
    ratio.fill("2")
    expect(ratio).to_have_attribute("aria-invalid", "true")
    expect(models.page.get_by_role("alert").filter(has_text="A field can’t be read; it is marked.")).to_be_visible()
    expect(begin).to_be_disabled()
    ratio.fill("0.8")
    expect(begin).to_be_enabled()


def test_without_a_source_the_way_to_one_is_shown(open_models: OpenModels) -> None:
    answers = made_up.answers()
    answers["models_options"]["sources"] = []
    models = open_models(answers, link=CONVERT)
    expect(models.page.get_by_text("Nothing to convert")).to_be_visible()
    to_hub = models.page.locator('[data-action="to-hub"]')
    expect(to_hub).to_have_css("color", "rgb(255, 255, 255)")
    models.do("to-hub")
    assert models.hash() == "#models?view=hub"


def test_a_source_that_can_not_be_converted_says_so_and_is_not_chosen_by_itself(open_models: OpenModels) -> None:
    answers = made_up.answers()
    broken = {"name": "half", "kind": "checkpoint", "size_bytes": 5, "problem": "2 of 3 parts are missing."}
    answers["models_options"]["sources"].insert(0, broken)
    source = open_models(answers, link=CONVERT).page.get_by_label("Source", exact=True)
    expect(source).to_have_value("SmolLM2-135M.gguf")
    expect(source.locator("option").last).to_contain_text("can’t be converted")


# My models


def test_the_folder_is_shown_largest_first_with_what_can_be_done(open_models: OpenModels) -> None:
    models = open_models(link=MINE)
    expect(models.page.locator(".ol-mine tbody tr")).to_have_count(3)
    assert "2 models, 204 MB; 38.40 GB are free" in models.page.locator(".om-card-unit:visible").first.inner_text()
    loaded = models.row("SmolLM2-135M-Instruct-int4")
    expect(loaded.get_by_role("button", name="Delete")).to_be_disabled()
    loaded.get_by_role("button", name="Unload").click()
    assert models.wait_asked("models_unload") == {"model": "SmolLM2-135M-Instruct-int4"}
    models.row("SmolLM2-135M.gguf").get_by_role("button", name="Convert").click()
    assert models.hash() == "#models?view=convert&source=SmolLM2-135M.gguf"
    expect(models.page.get_by_label("Source", exact=True)).to_have_value("SmolLM2-135M.gguf")


def test_a_model_that_is_being_loaded_is_not_called_loaded(open_models: OpenModels) -> None:
    name = made_up.FOLDERS[0].name
    finished = dataclasses.replace(made_up.conversion(state=TaskState.FINISHED), name=name)
    answers = made_up.answers(models_view=made_up.view(finished, loaded=[], loading=[name]))
    models = open_models(answers)
    for place in (models.row(name), models.task("c1")):
        expect(place).to_contain_text("loading")
        expect(place).not_to_contain_text("loaded")
    models.answer({"models_view": made_up.view(finished, revision="2")})
    expect(models.task("c1")).to_contain_text("✓loaded")
    models.part("mine")
    expect(models.row(name)).to_contain_text("✓loaded")


def test_a_model_that_can_not_be_run_says_why(open_models: OpenModels) -> None:
    told, why = made_up.folders(), "Its copy was interrupted."
    told["folders"][1] |= {"problems": [why]}
    models = open_models(made_up.answers(models_sizes=told), link=MINE)
    row = models.row("SmolLM2-135M.gguf")
    expect(row.get_by_text(why, exact=True)).to_be_visible()
    expect(row).to_contain_text("can’t be run")
    expect(row).not_to_contain_text("to be converted")
    expect(row.get_by_role("button", name="Load", exact=True)).to_have_count(0)
    expect(row.get_by_role("button", name="Convert")).to_be_disabled()
    expect(row.get_by_role("button", name="Convert")).to_have_attribute("title", why)


def test_what_another_tab_renamed_is_seen_here(open_models: OpenModels) -> None:
    models = open_models(link=MINE)
    expect(models.row("SmolLM2-135M.gguf")).to_be_visible()
    told = made_up.folders()
    told["folders"][1] |= {"name": "renamed.gguf"}
    models.answer({"models_sizes": told, "models_view": made_up.view(revision="2", folder_revision="f2")})
    expect(models.row("renamed.gguf")).to_be_visible()
    expect(models.row("SmolLM2-135M.gguf")).to_have_count(0)


def test_nothing_is_measured_anew_while_the_folder_stays_as_it_is(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()), link=MINE)
    expect(models.row("SmolLM2-135M.gguf")).to_be_visible()
    models.page.wait_for_timeout(200)
    models.asked("models_sizes")
    models.answer({"models_view": made_up.view(made_up.download(fraction=0.41), revision="2")})
    expect(models.task("d1")).to_contain_text("0.41 of 1.00 GB")
    assert models.asked("models_sizes") == []


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("SmolLM2-135M.gguf", "con", "Windows keeps this name for a device."),
        ("notes-ov", "small.gguf", "would look like a file"),
        ("notes-ov", "small.", "No dot at the end"),
    ],
)
def test_renaming_to_what_the_server_refuses_is_not_sent(
    open_models: OpenModels, model: str, name: str, words: str
) -> None:
    told = made_up.folders()
    told["folders"][2] |= {"name": "notes-ov", "is_model": True, "kind": "ir"}
    models = open_models(made_up.answers(models_sizes=told), link=MINE)
    models.row(model).get_by_role("button", name="Rename").click()
    box = models.page.get_by_role("dialog")
    box.get_by_label("New name").fill(name)
    models.page.keyboard.press("Enter")
    expect(box).to_contain_text(words)
    assert models.asked("models_rename") == []


def test_deleting_wants_the_whole_name(open_models: OpenModels) -> None:
    models = open_models(link=MINE)
    models.row("SmolLM2-135M.gguf").get_by_role("button", name="Delete").click()
    box = models.page.get_by_role("dialog", name="Delete SmolLM2-135M.gguf")
    delete = box.get_by_role("button", name="Delete 98 MB")
    expect(delete).to_be_disabled()
    box.get_by_role("textbox").fill("SmolLM2")
    expect(delete).to_be_disabled()
    box.get_by_role("textbox").fill("SmolLM2-135M.gguf")
    delete.click()
    assert models.wait_asked("models_delete") == {"model": "SmolLM2-135M.gguf", "confirm": "SmolLM2-135M.gguf"}
    expect(box).to_have_count(0)


def test_renaming_sends_the_new_name_and_says_what_is_wrong(open_models: OpenModels) -> None:
    exists = {"message": "There is one.", "hint": "", "code": "model_exists"}
    models = open_models(made_up.answers(models_rename={"error": exists}), link=MINE)
    models.row("SmolLM2-135M.gguf").get_by_role("button", name="Rename").click()
    box = models.page.get_by_role("dialog")
    box.get_by_label("New name").fill("other.gguf")
    models.page.keyboard.press("Enter")
    assert models.wait_asked("models_rename") == {"model": "SmolLM2-135M.gguf", "new_name": "other.gguf"}
    expect(box).to_contain_text("There is one.")


def test_renaming_names_the_profiles_that_keep_the_old_name(open_models: OpenModels) -> None:
    said = (
        "'a' is called 'b' now. Its old name still stands in the profile 'fast': choose the model anew there, and save."
    )
    renamed = {"model": "b", "profiles": ["fast"], "words": said}
    models = open_models(made_up.answers(models_rename=renamed), link=MINE)
    models.row("SmolLM2-135M.gguf").get_by_role("button", name="Rename").click()
    models.page.get_by_role("dialog").get_by_label("New name").fill("other.gguf")
    models.page.keyboard.press("Enter")
    expect(models.page.get_by_text(said)).to_be_visible()


def test_a_verification_shows_its_progress_and_a_verdict_for_each_file(open_models: OpenModels) -> None:
    models = open_models(link=MINE)
    models.row("SmolLM2-135M.gguf").get_by_role("button", name="Verify").click()
    assert models.wait_asked("models_verify") == {"model": "SmolLM2-135M.gguf"}
    state = {"model": "SmolLM2-135M.gguf", "is_running": True, "fraction": 0.4, "files": None, "problem": None}
    models.answer({"models_view": made_up.view(revision="2", verifying=state)})
    card = models.page.locator('[data-verified="SmolLM2-135M.gguf"]')
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    files = [dataclasses.asdict(each) for each in made_up.VERIFIED]
    models.answer({"models_view": made_up.view(revision="3", verifying={**state, "is_running": False, "files": files})})
    expect(card).to_contain_text("1 of 3 files is not what it was.")
    expect(card.locator("tbody tr").first).to_contain_text(re.compile(r"openvino_model\.bin.*changed.*other bytes"))


# Look inside


def test_a_look_inside_has_numbers_pictures_and_both_tables(open_models: OpenModels) -> None:
    models = open_models(link=INSIDE)
    short = models.page.get_by_role("region", name="In short")
    for words in ("97 MB", "stateful", "1\u202f955", "input_ids, attention_mask", "54.9%"):
        expect(short).to_contain_text(words)
    for name in ("layers", "operations"):
        figure = models.page.locator(f'[data-figure="{name}"]')
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg").first).to_be_attached()
    bars = models.page.evaluate("document.querySelector('[data-figure=layers] .om-plot-box').data")
    assert [bar["name"] for bar in bars] == ["u4", "u8", "f16", "f32"]
    assert len(bars[0]["x"]) == 32 and bars[0]["y"][1] == 1.77
    assert "layer 0" in bars[0]["text"][1] and "1.8 MB" in bars[0]["text"][1]
    expect(models.page.get_by_role("region", name="Tokenizer")).to_contain_text("1 of 2 to look at")
    expect(models.page.get_by_role("region", name="Chat template")).to_contain_text("the tools are not in it")
    parts = [tuple(each["parts"]) for each in models.asked("models_inspect")]
    assert sorted(parts) == [("graph",), ("template",), ("tokenizer",)]


def test_a_look_inside_a_gguf_says_nothing_of_a_graph_it_has_not(open_models: OpenModels) -> None:
    graph = dataclasses.replace(
        made_up.INSPECTION.graph, operations=(), is_stateful=False, inputs=(), outputs=(), ir_version=None
    )
    told = {"inspection": dataclasses.asdict(dataclasses.replace(made_up.INSPECTION, graph=graph))}
    models = open_models(made_up.answers(models_inspect=told), link=INSIDE)
    short = models.page.get_by_role("region", name="In short")
    expect(short).to_contain_text("97 MB")
    for words in ("stateless", "Operations", "IR version", "Inputs"):
        expect(short).not_to_contain_text(words)
    expect(models.page.locator('[data-figure="layers"]')).to_have_count(1)
    expect(models.page.locator('[data-figure="operations"]')).to_have_count(0)
    expect(models.page.get_by_role("region", name="Tokenizer")).to_contain_text("where a model has two tokenizers")


# Everywhere


def test_without_the_administrator_s_key_the_library_is_there_and_the_buttons_say_why(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(models_view=made_up.view(made_up.download(), **USE_ONLY)))
    expect(models.page.locator(".ot-why")).to_have_text(USE_ONLY["why_not"])
    get = models.row("Ministral-3b-instruct-int4_asym-ov").get_by_role("button", name="Get")
    expect(get).to_be_disabled()
    expect(get).to_have_attribute("title", USE_ONLY["why_not"])
    expect(models.task("d1").get_by_role("button", name="Pause")).to_be_disabled()
    for part in ("hub", "convert", "mine"):
        models.part(part)
        models.page.wait_for_timeout(400)
    expect(models.row("SmolLM2-135M.gguf").get_by_role("button", name="Verify")).to_be_disabled()
    expect(models.row("notes")).to_have_count(0)
    names = {each["question"] for each in models.page.evaluate("window.asked")}
    looked = {"models_view", "models_library", "models_installed", "models_options", "models_command"}
    assert names == looked, "nothing is asked that would be refused"
    models.part("convert")
    expect(models.page.locator(".ol-command")).to_contain_text("--weight-format int4")
    expect(models.page.locator('[data-action="convert"]')).to_be_disabled()
    expect(models.page.locator(".ol-convert .ot-start")).to_contain_text(USE_ONLY["why_not"])


@pytest.mark.parametrize(
    "link", ["#models", HUB, FILES, CONVERT, MINE, INSIDE, "#models?view=tasks", "#models?task=c1"]
)
def test_nothing_is_wider_than_a_phone(open_models: OpenModels, link: str) -> None:
    tasks = (made_up.conversion(state=TaskState.FINISHED), made_up.download())
    models = open_models(made_up.answers(*tasks), link=link, size=PHONE)
    expect(models.page.locator(".ol-section:visible, .ol-tasks:visible, .ol-drawer:visible").first).to_be_visible()
    models.page.wait_for_timeout(300)
    assert models.overflow() == 0


def test_on_a_phone_tasks_are_a_part_of_their_own_with_their_number(open_models: OpenModels) -> None:
    models = open_models(made_up.answers(made_up.download()), size=PHONE)
    expect(models.task("d1")).to_be_hidden()
    models.page.get_by_role("radio", name="Tasks (1)").click()
    expect(models.task("d1")).to_be_visible()


def test_everything_that_is_pressed_or_filled_has_a_name(open_models: OpenModels) -> None:
    unnamed = """() => [...document.querySelectorAll('.oc.ol :is(button, input, select, summary, a)')].filter((each) => each.checkVisibility() && !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length && [...each.labels].some((label) => label.textContent.trim()))).map((each) => each.outerHTML.slice(0, 120))"""
    models = open_models(made_up.answers(made_up.download(), made_up.conversion(state=TaskState.FINISHED)))
    for part in ("library", "hub", "convert", "mine"):
        models.part(part)
        models.page.wait_for_timeout(150)
        assert models.page.evaluate(unnamed) == []


def test_the_parts_are_reached_by_the_keyboard(open_models: OpenModels) -> None:
    models = open_models()
    models.page.get_by_role("radio", name="Library").focus()
    models.page.keyboard.press("ArrowRight")
    expect(models.page.get_by_role("radio", name="Hub")).to_be_focused()
    assert models.hash() == "#models?view=hub"
    models.page.keyboard.press("ArrowRight")
    models.page.keyboard.press("ArrowRight")
    expect(models.row("SmolLM2-135M.gguf")).to_be_visible()


def test_a_name_with_markup_is_text(open_models: OpenModels) -> None:
    name = "<img src=x onerror=alert(1)>"
    task = dataclasses.replace(made_up.conversion(state=TaskState.FAILED), name=name, notes=(name,))
    answers = made_up.answers(task)
    answers["models_library"]["items"][1]["entry"]["good_for"] = name
    models = open_models(answers, link="#models?task=c1")
    expect(models.page.get_by_role("dialog", name=name)).to_be_visible()
    assert models.page.locator(".oc.ol img").count() == 0
