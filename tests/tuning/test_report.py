"""The report is one page that shows everything, runs nothing, asks nobody, and tells nothing of the machine's folders."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from collections import Counter
from typing import Any

import pytest

from openarc_ui import __version__
from openarc_ui.tuning.export.report import report
from openarc_ui.tuning.results import Failure, RunState, RunView
from openarc_ui.tuning.views import run_view as views
from tests.tuning.made_up_runs import PROGRESS, bench_record, comparison_record, quality, sweep_record

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(html.parser.HTMLParser):
    """What a page consists of; a tag that is left open or closed twice is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def view(record: Any, state: RunState = RunState.FINISHED) -> RunView:
    return views.view_of(record, state, PROGRESS)


@pytest.fixture(scope="module")
def text() -> str:
    return report(view(sweep_record()))


@pytest.mark.parametrize("make", [sweep_record, comparison_record, bench_record])
def test_it_is_a_whole_page_without_scripts_or_outside_addresses(make: Any) -> None:
    text = report(view(make()))
    page = Page(text)
    assert (page.tags["html"], page.tags["h1"], page.tags["main"]) == (1, 1, 1)
    assert not page.tags.keys() & {"script", "link", "img", "iframe", "object", "form", "base", "image"}
    assert not [each for each in page.attributes if each[1].startswith("on") or each[1] in ("src", "href")]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "xlink:href")
    addresses = set(re.findall(r"https?://[\w.:/-]+", text))
    assert addresses <= {
        "http://127.0.0.1:7860/model/load",
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "url(" not in text.split("</style>")[0]
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_it_says_the_outcome_first_then_what_to_take_and_how(text: str) -> None:
    words = Page(text).words
    order = [
        words.index(each)
        for each in (
            "Best: KV_CACHE_PRECISION=u8, genai, 14% lower latency than the base.",
            "The one to take: KV_CACHE_PRECISION=u8, genai",
            "How to load it",
            "curl --fail-with-body",
            "One whole request against resident memory",
            "chat: 128 prompt + 128 generated tokens",
            "Text against the reference",
            "Not measured",
            "Notes",
            "How it was measured",
            "Machine",
            f"Measured with OpenArc {__version__}",
        )
    ]
    assert order == sorted(order)


def test_the_command_loads_exactly_the_winner(text: str) -> None:
    words = Page(text).words
    assert '"KV_CACHE_PRECISION": "u8"' in words and '"backend": "genai"' in words


def test_every_picture_has_its_words(text: str) -> None:
    page = Page(text)
    labels = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert page.tags["svg"] == page.tags["figure"] == len(labels) == 4
    assert all(len(label) > 40 for label in labels)


def test_texts_that_differ_stand_side_by_side_and_are_no_markup(text: str) -> None:
    assert "Where answers first differ" in text
    assert "Is &lt;b&gt; bold?" in text and "Yes, &amp; more &lt;i&gt;" in text
    assert "Token 3 of 5 is the first that differs." in text
    assert "<b> bold" not in text


def test_names_of_others_are_no_markup() -> None:
    record = comparison_record()
    record.name = "<script>alert(1)</script>"
    record.notes = ['<img src="x" onerror="alert(2)">']
    record.machine = {"<b>": "</dd><script>"}
    page = Page(report(view(record)))
    assert not page.tags.keys() & {"script", "img"}
    assert "<script>alert(1)</script>" in page.words


def test_a_model_of_a_whole_path_is_told_without_it() -> None:
    record = bench_record()
    (configuration,) = record.configurations
    load = configuration.load.model_copy(update={"model_path": "/home/somebody/models/small"})
    record.configurations = [dataclasses.replace(configuration, load=load)]
    text = report(view(record))
    assert "somebody" not in text and "small" in text


def test_a_run_that_is_not_over_or_failed_says_so_before_all_else() -> None:
    shown = report(view(sweep_record(), RunState.CANCELLED))
    assert shown.index("The run is cancelled, so this is not all of it.") < shown.index("The one to take")
    record = sweep_record()
    record.problem = Failure("run", "internal_error", "Something went wrong.", "Look into the log.")
    assert "It failed: Something went wrong. Look into the log." in report(view(record, RunState.FAILED))


def test_a_run_without_results_is_a_page_too() -> None:
    record = sweep_record()
    record.configurations, record.visits, record.qualities, record.notes = [], [], {}, []
    page = Page(report(view(record, RunState.INTERRUPTED)))
    assert "Nothing is measured yet." in page.words and page.tags["figure"] == 0


def test_the_method_is_that_of_the_run() -> None:
    sweep, comparison, bench = (
        Page(report(view(make()))).words for make in (sweep_record, comparison_record, bench_record)
    )
    assert "minutes were given, and latency decided" in sweep
    assert "A and B were measured in turn" in comparison and "B's text was compared with A's." in comparison
    assert "One configuration, loaded 3 times." in bench and "was not looked at" in bench
    assert "interval of the rounds' ratios, of 99% or more" in sweep
    assert "made after they were chosen" in sweep and "judged together (Holm)" in comparison


def test_the_method_of_a_sweep_tells_only_what_came_about() -> None:
    record = sweep_record()
    whole = Page(report(view(record))).words
    assert "After one round 1 was given up" in whole and "The best were measured on" in whole
    record.pruned, record.visits = frozenset(), [each for each in record.visits if each.round_number <= 2]
    short = Page(report(view(record))).words
    assert "given up" not in short and "measured on" not in short
    assert "None was measured in the 5 rounds beside it that a verdict needs." in short
    base = record.configurations[0].configuration_id
    record.visits = [each for each in record.visits if each.configuration_id == base]
    assert "No configuration was measured beside the base." in Page(report(view(record))).words


def test_a_faster_b_that_writes_another_text_has_no_heading_to_take_it() -> None:
    record = comparison_record()
    a, b = record.configurations
    assert "The one to take: B" in Page(report(view(record))).words
    record.qualities[b.configuration_id] = quality(b, a, changes_text=True)
    words = Page(report(view(record))).words
    assert "The one to take" not in words and "Its text is changed." in words


def test_it_has_a_dark_look_and_one_for_paper_and_pictures_stay_on_white(text: str) -> None:
    style = text.split("</style>")[0]
    assert "prefers-color-scheme: dark" in style and "@media print" in style
    assert "figure { background: #fff; color: #17212e; }" in style


def test_the_same_run_is_the_same_page(text: str) -> None:
    assert report(view(sweep_record())) == text


def test_the_best_is_the_one_to_take_only_once_there_is_a_verdict() -> None:
    record = sweep_record()
    record.visits = [each for each in record.visits if each.round_number <= 2]
    words = Page(report(view(record))).words
    assert "Best so far: " in words and "The one to take: " not in words
