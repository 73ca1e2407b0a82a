"""docs/tuning.md against the code: every figure, field, state and preset is explained, and its numbers are the code's."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from openarc_ui.tuning import requests
from openarc_ui.tuning.command.arguments import parse
from openarc_ui.tuning.figures import FIGURES, Figure
from openarc_ui.tuning.judging import drift, statistics, steadiness
from openarc_ui.tuning.measuring import background
from openarc_ui.tuning.quality import distributions, text_blocks, verdict
from openarc_ui.tuning.requests import (
    Axis,
    BenchRequest,
    ComparisonRequest,
    Measured,
    QualityOptions,
    SweepRequest,
    Workload,
)
from openarc_ui.tuning.results import ConfigurationState, RunState
from openarc_ui.tuning.search import importance
from openarc_ui.tuning.search import studies as search
from openarc_ui.tuning.work import budget, comparison, confirming, exploring, scores
from openarc_ui.tuning.workloads import PRESETS

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
PLACES = {
    BenchRequest: "Bench",
    Measured: "What all runs have",
    Workload: "Workloads",
    ComparisonRequest: "Comparison",
    SweepRequest: "Sweep",
    Axis: "Sweep",
    QualityOptions: "How the text is compared",
}
"""Where the fields of each request are explained."""


def sections() -> dict[str, str]:
    """Heading -> what stands below it, up to the next heading."""
    parts = HEADING.split(TEXT)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def anchors() -> set[str]:
    """What a link may lead to, as Markdown makes it of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(TEXT)}


def rows(section: str) -> dict[str, str]:
    """Name -> words, of the tables of a section."""
    found = {}
    for line in sections()[section].splitlines():
        if line.startswith("| `"):
            names, words = line.strip("| ").split(" | ", 1)
            for name in re.findall(r"`([^`]+)`", names):
                found[name] = words
    return found


def one_line(text: str) -> str:
    return " ".join(text.split())


WHOLE = one_line(TEXT)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda each: each.name)
def test_every_figure_has_a_section_with_words_formula_unit_source_and_what_it_is_not(figure: Figure) -> None:
    body = sections()[figure.name]
    assert body.strip().startswith(f"**{figure.label}: {figure.words}**")
    assert re.search(r"^- Formula: `", body, re.MULTILINE)
    assert re.search(rf"^- Unit: {re.escape(figure.unit or 'none')}(\s|$)", body, re.MULTILINE)
    assert re.search(r"\b(not|no|none)\b", body.split("- Source:")[1])


def test_no_figure_is_explained_that_is_not_there() -> None:
    named = {heading for heading in HEADING.findall(TEXT) if re.fullmatch(r"[a-z_]+", heading)}
    assert named == {figure.name for figure in FIGURES}


def test_every_source_is_in_the_code() -> None:
    found = re.findall(r"- Source: `([^`]+)`, `([^`]+)`", TEXT)
    assert len(found) > len(FIGURES)
    for path, symbol in found:
        assert re.search(rf"\b{symbol}\b", (ROOT / path).read_text(encoding="utf-8")), f"{symbol} is not in {path}"


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert not file or (ROOT / "docs" / file).is_file(), target
        assert not anchor or file or anchor in anchors(), target


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model.__name__)
def test_every_field_of_a_request_is_explained_where_it_belongs(model: type[Measured]) -> None:
    inherited = set() if model is Measured else set(Measured.model_fields)
    own = set(model.model_fields) - inherited
    assert own <= rows(PLACES[model]).keys()


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model.__name__)
def test_defaults_are_those_of_the_code(model: type[Measured]) -> None:
    told = rows(PLACES[model])
    for name, field in model.model_fields.items():
        is_number = type(field.default) in (int, float) and field.default is not PydanticUndefined
        if is_number and (model is Measured or name not in Measured.model_fields):
            assert f"({field.default:g})" in told[name], name


def test_no_field_is_explained_that_is_not_there() -> None:
    known = {name for model in PLACES for name in model.model_fields} | set(PRESETS)
    known |= {state.value for state in (*RunState, *ConfigurationState)}
    assert {name for section in sections() for name in rows(section)} <= known


def test_every_state_is_explained() -> None:
    told = rows("Time, pausing, resuming")
    assert {state.value for state in RunState} | {state.value for state in ConfigurationState} == told.keys()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_those_of_the_code(name: str) -> None:
    workload, words = PRESETS[name], rows("Workloads")[name]  # type: ignore[index]
    assert words.startswith(f"{workload.prompt_tokens} prompt tokens, {workload.generated_tokens} generated")
    assert (f"{workload.turns} turns" in words) == (workload.turns > 1)
    assert (f"{workload.concurrent_requests} users" in words) == (workload.concurrent_requests > 1)


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"From {statistics.FEWEST_VISITS} visits on" in WHOLE
    assert f"at least {statistics.FEWEST_SAMPLES} repetitions" in WHOLE
    assert f"fewer than {statistics.FEWEST_ROUNDS} rounds" in WHOLE
    assert f"The interval is at {statistics.CONFIDENCE_PERCENT:g}%" in WHOLE
    assert f"{statistics.PAIRED_RESAMPLES:,} resampled rounds" in WHOLE
    assert f"batches of {exploring.BATCH}" in WHOLE and budget.ROUNDS_OF_A_BATCH == 2
    assert f"about {budget.EXPLORING_SHARE:.0%} of the time" in WHOLE
    assert f"{scores.CLEARLY_WORSE:g} times as bad" in WHOLE and f"{scores.CLEARLY_DOMINATED:g} times as good" in WHOLE
    assert f"the first {scores.MOST_FINALISTS} by the objective, or up to {scores.MOST_OF_A_FRONT} of a front" in WHOLE
    assert f"at least {confirming.FEWEST_ROUNDS} where time allows" in WHOLE
    assert f"in the {statistics.FEWEST_ROUNDS} rounds that a verdict needs" in WHOLE
    assert f"its first {search.FIRST_AT_RANDOM} at random" in WHOLE
    assert f"from {importance.FEWEST_FOR_IMPORTANCE} measured configurations on" in WHOLE
    assert f"more than {drift.BUSY_CORES:g} is marked" in WHOLE
    assert f"shorter than {background.SHORTEST_SECONDS:g} s" in WHOLE
    assert f"at least {drift.FEWEST_VISITS}: the median of all slopes" in WHOLE
    assert f"**{verdict.MOST_KL_DIVERGENCE:g} nats**" in sections()["When a text counts as changed"]
    assert f"perplexity more than {verdict.MOST_LOSS:.0%} above" in sections()["When a text counts as changed"]
    assert f"at most {steadiness.CHANCE:.0%} of random orders" in WHOLE
    assert f"with {steadiness.FEWEST_BEFORE} visits of the base on either side" in WHOLE
    blocks = text_blocks.FEWEST_BLOCKS, text_blocks.FEWEST_BLOCKS * distributions.BLOCK_TOKENS
    assert f"mean of each block of {distributions.BLOCK_TOKENS} neighbouring tokens" in WHOLE
    assert (
        f"Of fewer than {blocks[0]} blocks ({blocks[1]} tokens)" in WHOLE
        and f"Of fewer than {blocks[1]} there" in WHOLE
    )
    factors = (math.sqrt(each) for each in (scores.CLEARLY_WORSE, scores.CLEARLY_DOMINATED))
    assert "{:.2f} times as fast or slow then (with several objectives {:.2f} times)".format(*factors) in WHOLE
    assert len(comparison.PRIMARY) == 4 and "Decode, TTFT, Latency and Throughput" in WHOLE
    assert f"values` | 1 to {requests.MOST_VALUES};" in WHOLE and f"1 to {requests.MOST_AXES} fields" in WHOLE


def test_commands_in_the_text_are_understood() -> None:
    block = TEXT.split("## Command line")[1].split("```")[1]
    lines = [line.removeprefix("python -m openarc_ui.tuning ") for line in block.strip().splitlines()]
    assert len(lines) == 6
    for line in lines:
        parse(line.split(" > ")[0].split())
