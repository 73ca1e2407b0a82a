"""Exports hold what was measured, in units that they name, and nothing that a reader's program would run."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from openarc_ui.tuning.export.formats import KINDS, export
from openarc_ui.tuning.figures import BY_NAME, FIGURES
from openarc_ui.tuning.reading import with_interval
from openarc_ui.tuning.results import Failure, RunState, RunView, Sample, Summary
from openarc_ui.tuning.views import run_view as views
from tests.tuning.made_up_runs import MODEL, PROGRESS, bench_record, comparison_record, sweep_record


def view(record: Any, state: RunState = RunState.FINISHED) -> RunView:
    return views.view_of(record, state, PROGRESS)


def rows(shown: RunView) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export(shown, "csv"))))


@pytest.fixture(scope="module")
def sweep() -> RunView:
    return view(sweep_record())


def test_json_is_the_view(sweep: RunView) -> None:
    assert TypeAdapter(RunView).validate_json(export(sweep, "json")) == sweep
    assert "NaN" not in export(sweep, "json") and "Infinity" not in export(sweep, "json")


def test_csv_has_a_row_for_each_configuration_the_best_first(sweep: RunView) -> None:
    found = rows(sweep)
    assert [row["number"] for row in found] == ["2", "3", "4", "1", "7", "5", "6"]
    assert [row["is_best"] for row in found] == ["true", *["false"] * 6]
    assert found[0]["text_changed"] == "false" and found[1]["text_changed"] == "true"


def test_csv_has_every_figure_with_its_unit_in_the_name(sweep: RunView) -> None:
    names = rows(sweep)[0].keys()
    assert {"ttft_median_seconds", "decode_mean_tokens_per_second", "memory_spread_bytes", "total_low_seconds"} <= names
    assert {"total_count", "load_high_seconds", "mean_kl_divergence_nats", "perplexity", "identical_share"} <= names
    statistics = len([name for name in names if name.startswith("ttft_")])
    assert statistics == 8
    assert {"mean_kl_divergence_low_nats", "perplexity_high", "text_is_sure"} <= names
    assert sum(figure.place != "quality" for figure in FIGURES) * 8 + 7 + 18 == len(names)


def test_csv_tells_values_in_base_units_and_nothing_for_what_was_not_measured(sweep: RunView) -> None:
    base, failed = (next(row for row in rows(sweep) if row["number"] == number) for number in ("1", "6"))
    assert float(base["memory_median_bytes"]) == 380_000_000
    assert float(base["total_median_seconds"]) == pytest.approx(2.0, abs=0.02)
    assert base["device_memory_median_bytes"] == ""
    assert failed["total_median_seconds"] == "" and failed["failure"].startswith("load: The CPU takes no")


def test_csv_tells_load_and_effective_properties_as_json(sweep: RunView) -> None:
    row = next(row for row in rows(sweep) if row["number"] == "4")
    assert json.loads(row["load"])["ov_config"]["INFERENCE_NUM_THREADS"] == 8
    assert json.loads(row["effective_properties"])["INFERENCE_NUM_THREADS"] == "2"
    assert json.loads(row["scheduler"]) == {"max_num_batched_tokens": 256}


def test_csv_of_a_bench_has_a_row_for_each_workload() -> None:
    assert [row["workload"] for row in rows(view(bench_record()))] == ["pp128+tg128", "pp512+tg128"]


def test_csv_of_nothing_has_its_header() -> None:
    record = bench_record()
    record.configurations, record.visits = [], []
    text = export(view(record), "csv")
    assert text.startswith("configuration_id,number,label,") and text.count("\n") == 1


def test_csv_has_no_cell_that_a_spreadsheet_would_compute(sweep: RunView) -> None:
    for begin in ("=", "+", "-", "@", "\t"):
        evil = dataclasses.replace(
            sweep.results[0],
            configuration=dataclasses.replace(sweep.results[0].configuration, label=f"{begin}cmd|' /C calc'!A0"),
        )
        (row,) = rows(dataclasses.replace(sweep, results=(evil,)))
        assert row["label"].startswith(f"'{begin}cmd")


def test_markdown_has_a_table_that_a_reader_can_line_up(sweep: RunView) -> None:
    lines = export(sweep, "markdown").splitlines()
    begin = lines.index("## chat: 128 prompt + 128 generated tokens, one user") + 2
    table = lines[begin : begin + 8]
    assert len({len(line) for line in table}) == 1
    assert table[0].split("|")[3].strip() == "Latency, s"
    assert table[2].startswith("| ")
    assert "**2**" in table[2] and "**best**" in table[2]
    assert "1.71 ± 0.01" in table[2] and "24 in 8" in table[2]


def test_markdown_says_outcome_settings_differences_quality_failures_notes_and_machine(sweep: RunView) -> None:
    text = export(sweep, "markdown")
    for part in (
        sweep.head.words,
        "## Settings",
        "## KV_CACHE_PRECISION=u8, genai against base",
        "| better",
        "## Text against the reference",
        "## Not measured",
        "Take u8.",
        "## Notes",
        "shows no drift",
        "## Machine",
        "Made-up processor",
    ):
        assert part in text
    assert MODEL in text


def test_the_workloads_of_a_bench_are_one_table_with_its_legend_once() -> None:
    text = export(view(bench_record()), "markdown")
    assert text.count("Medians; ±") == 1
    assert "## What was measured, genai on CPU" in text
    assert sum(line.startswith(("| pp128+tg128: ", "| pp512+tg128: ")) for line in text.splitlines()) == 2


def test_what_a_note_of_the_run_says_is_not_said_again_of_its_only_configuration() -> None:
    record = bench_record()
    record.visits = [
        dataclasses.replace(
            visit, workloads=tuple(dataclasses.replace(each, samples=busy(each.samples)) for each in visit.workloads)
        )
        for visit in record.visits
    ]
    assert export(view(record), "markdown").count("Other programs kept") == 1


def busy(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    return tuple(dataclasses.replace(each, others_cores=0.7) for each in samples)


def test_an_interval_too_narrow_for_its_digits_is_not_told_as_none_at_all() -> None:
    latency, median = BY_NAME["total_seconds"], 0.3
    told = with_interval(latency, Summary(9, median, median, 0.001, median, median, median - 0.001, median + 0.001))
    assert told == "0.30 ± < 0.01"
    exact = with_interval(latency, Summary(9, median, median, 0.0, median, median, median, median))
    assert exact == "0.30 ± 0.00"


def test_markdown_of_a_run_that_is_not_over_says_so() -> None:
    assert "The run is interrupted, so this is not all of it." in export(
        view(sweep_record(), RunState.INTERRUPTED), "markdown"
    )
    record = sweep_record()
    record.problem = Failure("run", "internal_error", "Something went wrong.")
    assert "**It failed:** Something went wrong." in export(view(record, RunState.FAILED), "markdown")


def test_markdown_of_other_people_s_words_is_no_markup() -> None:
    record = comparison_record()
    record.name = "# <script>alert(1)</script> | `x` [a](b)"
    text = export(view(record), "markdown")
    assert text.startswith("# \\# \\<script>alert(1)\\</script> \\| \\`x\\` \\[a\\](b)\n")


@pytest.mark.parametrize("make", [sweep_record, comparison_record, bench_record])
@pytest.mark.parametrize("kind", KINDS)
def test_no_export_tells_a_folder_of_this_machine_or_the_same_thing_twice_differently(make: Any, kind: Any) -> None:
    record = make()
    assert export(view(record), kind) == export(view(make()), kind)
    assert f"{Path.home()}/" not in export(view(record), kind)


def test_a_whole_path_is_shared_by_its_last_part_only() -> None:
    record = bench_record()
    (configuration,) = record.configurations
    load = configuration.load.model_copy(
        update={"model_path": "/home/somebody/models/small", "ov_config": {"CACHE_DIR": "C:\\Users\\somebody\\cache"}}
    )
    record.configurations = [dataclasses.replace(configuration, load=load)]
    text = export(view(record), "markdown")
    assert "somebody" not in text
    assert "| small" in text and "| cache" in text


def test_a_mark_without_an_interval_is_the_median_alone(sweep: RunView) -> None:
    line = next(line for line in export(sweep, "markdown").splitlines() if "| INFERENCE_NUM_THREADS=1 " in line)
    assert "| 4.10 |" in " ".join(line.split()) or "4.1" in line
    assert "3 in 1" in line and "pruned" in line


def test_every_kind_has_a_media_type_and_an_ending() -> None:
    assert {ending for _, ending in KINDS.values()} == {"md", "csv", "json"}
