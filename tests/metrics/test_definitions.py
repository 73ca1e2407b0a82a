"""docs/metrics.md against the code: everything is defined there once, as it is computed, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from openarc_ui.engine.types import EngineStatus, PerformanceReport
from openarc_ui.metrics import compare, frames, rollups, roofline, schema
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, STAGES, Definition, Stage
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import StoreHealth
from openarc_ui.settings import Settings

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
SUMS = ("requests", "errors", "tokens", "prefix_cache", "concurrent_requests")
MACHINE = ("kv_cache", "memory", "cpu", "power", "bandwidth")
DERIVED = ("timeline", "stages", "roofline", "comparison", "percentiles", "rollups", "kept", "retention", "prometheus")
"""What is no figure of a request and no stage; the page links to these names too."""


def sections() -> dict[str, str]:
    """Heading -> what stands below it, up to the next heading."""
    parts = HEADING.split(TEXT)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lines(name: str, begins: str) -> str:
    """The one line of a section that begins like that, without the beginning."""
    (line,) = [line for line in sections()[name].splitlines() if line.startswith(begins)]
    return line.removeprefix(begins).strip()


def test_every_name_is_documented_once_and_nothing_that_is_not_there() -> None:
    names = [*(each.name for each in (*FIGURES, INTER_TOKEN, *STAGES)), *SUMS, *MACHINE, *DERIVED]
    headings = HEADING.findall(TEXT)
    assert len(headings) == len(set(headings))
    assert set(headings) == set(names)


@pytest.mark.parametrize("figure", (*FIGURES, INTER_TOKEN), ids=lambda each: each.name)
def test_a_figure_has_the_formula_and_unit_of_the_code(figure: Definition) -> None:
    assert sections()[figure.name].strip().startswith(f"**{figure.label}: {figure.words}**")
    assert lines(figure.name, "- Formula:") == f"`{figure.formula}`"
    assert lines(figure.name, "- Unit:") == figure.unit


@pytest.mark.parametrize("stage", STAGES, ids=lambda each: each.name)
def test_a_stage_has_the_meaning_of_the_code(stage: Stage) -> None:
    assert sections()[stage.name].strip().startswith(f"**{stage.label}: {stage.meaning}**")


@pytest.mark.parametrize("name", [name for name in sections() if name != "prometheus"])
def test_every_section_says_title_formula_unit_source_and_what_it_is_not(name: str) -> None:
    body = sections()[name]
    assert body.strip().startswith("**"), "a title in words"
    if name != "kept":
        assert "`" in lines(name, "- Formula:")
        assert lines(name, "- Unit:")
    assert re.search(r"\b(not|no|never)\b", body.split("- Source:")[1], re.IGNORECASE), "what it is not"


@pytest.mark.parametrize("name", [name for name in sections() if name != "prometheus"])
def test_the_source_of_a_section_is_in_the_code(name: str) -> None:
    path, symbol = re.findall(r"`([^`]+)`", lines(name, "- Source:"))
    assert re.search(rf"\b{symbol}\b", (ROOT / path).read_text(encoding="utf-8")), f"{symbol} is not in {path}"


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert not anchor or anchor in sections(), target
        assert not file or (ROOT / "docs" / file).exists(), target


def test_every_question_mark_of_the_page_leads_somewhere() -> None:
    scripts = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "assets" / "metrics").glob("*.js")}
    cards = re.findall(r'\bid: "(\w+)"', scripts["cards.js"])
    named = [name for text in scripts.values() for name in re.findall(r'explained\("(\w+)"', text)]
    assert cards and named
    assert {*cards, *named} <= sections().keys()


def test_figures_and_stages_are_columns_that_are_kept() -> None:
    assert {each.name for each in (*FIGURES, INTER_TOKEN)} <= set(schema.REQUEST_COLUMNS)
    assert set(schema.REQUEST_COLUMNS) == set(PerformanceReport.__dataclass_fields__)
    assert list(schema.STAGE_SQL) == [stage.name for stage in STAGES]


def test_the_prometheus_table_is_what_a_scrape_says() -> None:
    exposition = Exposition(
        lambda: EngineStatus((), None, None, queue_size=1),
        lambda: StoreHealth(waiting=0, dropped=0, problem=None, notice=None, size_bytes=0, capacity=1),
    )
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(exposition.text()[0].decode())
    }
    rows = [line.split("|")[1] for line in sections()["prometheus"].splitlines() if line.startswith("| `")]
    documented = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(documented) == len(set(documented))
    assert set(documented) == told


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"{compare.RESAMPLES} times each group" in sections()["comparison"]
    assert f"fewer than {compare.FEWEST_REQUESTS} requests" in sections()["comparison"]
    assert re.search(rf"At most {frames.GAP_REQUESTS}\s+requests", sections()["comparison"])
    assert len(compare.DIRECTED) == 7
    assert "seven figures" in sections()["comparison"]
    assert f"Up to {frames.SAMPLE_ROWS:,} requests" in sections()["percentiles"]
    assert f"at most {frames.GAP_REQUESTS} drawn requests" in sections()["percentiles"]
    assert f"floor(submitted_at / {rollups.PERIOD_SECONDS})" in sections()["rollups"]
    assert f"newest {roofline.NEWEST_REQUESTS}" in sections()["roofline"]
    assert f"below {roofline.LOW:.0%}".replace("%", " %") in sections()["roofline"]
    assert f"above {roofline.HIGH:.0%}".replace("%", " %") in sections()["roofline"]
    for name in ("metrics_days", "metrics_megabytes"):
        flag = f"`--{name.replace('_', '-')}`"
        assert f"{flag} ({Settings.model_fields[name].default})" in sections()["retention"]
