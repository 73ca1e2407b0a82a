"""A run's results as Markdown, CSV or JSON. Pure."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from pydantic import TypeAdapter

from openarc_ui.tuning.export.tables import (
    Table,
    difference_table,
    failure_table,
    importance_table,
    quality_table,
    result_tables,
    settings_table,
)
from openarc_ui.tuning.figures import FIGURES, Figure
from openarc_ui.tuning.reading import in_order, marks_told, workloads_of
from openarc_ui.tuning.results import ConfigurationResult, RunState, RunView, Summary

ExportFormat = Literal["markdown", "csv", "json"]
KINDS: dict[ExportFormat, tuple[str, str]] = {
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "json": ("application/json", "json"),
}
"""Format -> media type and the ending of a file's name."""
UNITS: Mapping[str, str] = {"_seconds": "seconds", "_bytes": "bytes", "_per_second": "tokens_per_second"}
"""What a figure's name ends with where it says its unit itself."""
STATISTICS = tuple(field.name for field in dataclasses.fields(Summary))
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes a cell that begins so."""


def export(view: RunView, kind: ExportFormat) -> str:
    """The whole run as text."""
    writers: dict[ExportFormat, Callable[[RunView], str]] = {"markdown": _markdown, "csv": _csv, "json": _json}
    return writers[kind](view)


def _json(view: RunView) -> str:
    return _views().dump_json(view, indent=1).decode() + "\n"


def _markdown(view: RunView) -> str:
    tables = [
        settings_table(view),
        *result_tables(view),
        difference_table(view),
        quality_table(view),
        importance_table(view),
    ]
    tables.append(failure_table(view))
    parts = [f"# {_escaped(view.head.name)}", _escaped(view.head.words)]
    if view.problem is not None:
        parts.append(f"**It failed:** {_escaped(view.problem.message)}")
    if view.head.state is not RunState.FINISHED:
        parts.append(f"The run is {view.head.state.value}, so this is not all of it.")
    parts += [_markdown_table(table) for table in tables if table is not None]
    marks = marks_told(view, in_order(view))
    parts += [_markdown_list("Notes", (*view.notes, *marks))] if view.notes or marks else []
    parts += [_markdown_list("Machine", (f"{name}: {words}" for name, words in view.machine.items()))]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    """Columns are padded, so that it can be read as it is too."""
    rows = [
        [f"**{cell}**" if cell and place in table.strong else cell for cell in map(_escaped, row)]
        for place, row in enumerate(table.rows)
    ]
    columns = [_escaped(column) for column in table.columns]
    widths = [max(3, *(len(row[place]) for row in (columns, *rows))) for place in range(len(columns))]
    marks = [
        "-" * (width - 1) + (":" if is_number else "-") for width, is_number in zip(widths, table.numbers, strict=True)
    ]

    def line(cells: Iterable[str]) -> str:
        padded = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, table.numbers, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    lines = [f"## {_escaped(table.heading)}", "", line(columns), line(marks), *map(line, rows)]
    return "\n".join([*lines, "", _escaped(table.note)] if table.note else lines)


def _markdown_list(heading: str, sentences: Iterable[str]) -> str:
    return "\n".join([f"## {heading}", "", *(f"- {_escaped(each)}" for each in sentences)])


def _escaped(text: str) -> str:
    """Names are other people's words: none of them is markup, and none ends a row. A name in capitals keeps its "_"."""
    for mark in ("\\", "|", "`", "*", "<", "[", "]"):
        text = text.replace(mark, f"\\{mark}")
    text = " ".join(text.split())
    return f"\\{text}" if text.startswith(("#", ">")) else text


def _csv(view: RunView) -> str:
    """A row for each configuration and workload; what was not measured is empty, and every value in its base unit."""
    text = io.StringIO()
    columns = [*_plain_columns(view.results[0] if view.results else None, ""), *_figure_columns()]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    names = [workload.name for workload in workloads_of(view)]
    for result in in_order(view):
        for workload in [name for name in names if name in result.figures] or [""]:
            row = {**_plain_columns(result, workload), **_figure_values(result, workload)}
            writer.writerow({name: _safe(value) for name, value in row.items()})
    return text.getvalue()


def _plain_columns(result: ConfigurationResult | None, workload: str) -> dict[str, object]:
    """Everything but the figures; of None only the names."""
    known = {} if result is None else _plain_values(result)
    names = (
        *("configuration_id", "number", "label", "state", "is_best", "is_on_front"),
        *("text_changed", "text_is_sure", "same_as"),
    )
    more = ("backend", "device", "loads", "load", "effective_properties", "scheduler", "failure", "marks")
    return {
        **{name: known.get(name) for name in names},
        "workload": workload,
        **{name: known.get(name) for name in more},
    }


def _plain_values(result: ConfigurationResult) -> dict[str, object]:
    loaded, load = result.loaded, result.configuration.load
    return {
        "configuration_id": result.configuration.configuration_id,
        "number": result.number,
        "label": result.configuration.label,
        "state": result.state.value,
        "is_best": result.is_best,
        "is_on_front": result.is_on_front,
        "text_changed": result.quality.changes_text if result.quality is not None else None,
        "text_is_sure": result.quality.is_sure if result.quality is not None else None,
        "same_as": result.same_as,
        "backend": loaded.backend if loaded is not None else load.backend,
        "device": loaded.device if loaded is not None else load.device,
        "loads": result.visits,
        "load": load.model_dump_json(exclude_defaults=True),
        "effective_properties": json.dumps(loaded.effective_properties, sort_keys=True) if loaded is not None else None,
        "scheduler": json.dumps(loaded.scheduler, sort_keys=True) if loaded is not None else None,
        "failure": f"{result.failure.stage}: {result.failure.message}" if result.failure is not None else None,
        "marks": " ".join(result.marks),
    }


def _figure_columns() -> list[str]:
    return [_column(figure, name) for figure in FIGURES for name in _statistics(figure)]


def _figure_values(result: ConfigurationResult, workload: str) -> dict[str, object]:
    found = {}
    for figure in FIGURES:
        summary = result.figures.get(workload, {}).get(figure.name)
        for name in _statistics(figure):
            found[_column(figure, name)] = None if summary is None else getattr(summary, name)
    return found


def _statistics(figure: Figure) -> tuple[str, ...]:
    """A figure of the text is computed once, so it has no spread; of answers there is no interval either."""
    if figure.place == "quality":
        return ("median",) if figure.name == "identical_share" else ("median", "low", "high")
    return STATISTICS


def _column(figure: Figure, statistic: str) -> str:
    """ "ttft_median_seconds": the unit last, as in every name; a count has none."""
    if figure.place == "quality":
        name = figure.name if statistic == "median" else f"{figure.name}_{statistic}"
        return f"{name}_nats" if figure.unit == "nats" else name
    for ending, unit in UNITS.items():
        if figure.name.endswith(ending):
            name = figure.name.removesuffix(f"_{unit}")
            return f"{name}_count" if statistic == "count" else f"{name}_{statistic}_{unit}"
    raise AssertionError(f"{figure.name} does not say its unit")


def _safe(value: object) -> object:
    """No text that a spreadsheet would compute: a name of a run or a path is somebody's own words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(BEGINS_A_FORMULA) else value


@functools.cache
def _views() -> TypeAdapter[RunView]:
    return TypeAdapter(RunView)
