"""The picture of a bench and of a comparison: a small one for each figure, with a bar for each workload, or for A and B."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.export import plots
from openarc_ui.tuning.export.canvas import Picture, draw
from openarc_ui.tuning.figures import BY_NAME, Figure
from openarc_ui.tuning.reading import number_text, summary_of, unit_text, workloads_of
from openarc_ui.tuning.results import RunView, Summary

SHOWN = (
    "ttft_seconds",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "total_seconds",
    "throughput_tokens_per_second",
    "memory_bytes",
)
"""What differs from workload to workload and from load to load; the rest is in the tables."""
MOST_ROWS = 12
LONGEST_NAME = 24
Row = tuple[str, str, dict[str, Summary]]
"""Name, kind of `plots.LOOKS`, figure -> summary."""


def figures_picture(view: RunView) -> Picture | None:
    """All figures with their intervals; None where nothing was measured."""
    rows = _rows(view)
    figures = [BY_NAME[name] for name in SHOWN if any(name in summaries for _, _, summaries in rows)]
    if not figures:
        return None
    shown = rows[:MOST_ROWS]
    panels = [
        plots.Panel(f"{unit_text(figure)} ({'more' if figure.is_better_higher else 'less'} is better)", bars)
        for figure in figures
        if (bars := _bars(figure, shown))
    ]
    left_out = f" (the first {MOST_ROWS}; the table has {len(rows) - MOST_ROWS} more)" if len(rows) > MOST_ROWS else ""
    has_interval = any(bar.low is not None for panel in panels for bar in panel.bars)
    heading = f"What was measured{', with 95% intervals' if has_interval else ''}{left_out}"
    told = [f"{panel.title}: {'; '.join(_told(bar) for bar in panel.bars)}." for panel in panels]
    alt = f"{heading}. {' '.join(told)}"
    height = plots.height_of_panels(panels)
    svg = draw("figures", height, alt, lambda drawing: plots.panels(drawing, panels), {})
    return Picture("figures", heading, alt, svg)


def _rows(view: RunView) -> list[Row]:
    """In a bench the workloads of the one that is measured; in a comparison A and B."""
    workloads = workloads_of(view)
    found = []
    for result in view.results:
        is_base = result.configuration.configuration_id == view.reference_id
        for workload in workloads:
            summaries = {name: each for name in SHOWN if (each := summary_of(result, BY_NAME[name], workload.name))}
            label = workload.name if view.head.kind == "bench" else result.configuration.label
            if summaries:
                kind = "base" if is_base else "best" if result.is_best else "front"
                found.append((plots.shortened(label, LONGEST_NAME), kind, summaries))
    return found


def _bars(figure: Figure, rows: Sequence[Row]) -> list[plots.Bar]:
    return [
        plots.Bar(
            name, kind, summary.median * figure.scale, number_text(figure, summary.median), *_ends(figure, summary)
        )
        for name, kind, summaries in rows
        if (summary := summaries.get(figure.name)) is not None
    ]


def _ends(figure: Figure, summary: Summary) -> tuple[float | None, float | None]:
    low, high = (None if end is None else end * figure.scale for end in (summary.low, summary.high))
    return low, high


def _told(bar: plots.Bar) -> str:
    interval = f" ({bar.low:,.4g} to {bar.high:,.4g})" if bar.low is not None and bar.high is not None else ""
    return f"{bar.label} {bar.text}{interval}"
