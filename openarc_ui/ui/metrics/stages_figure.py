"""Where the time went: frames to stacked bars; pure."""

from __future__ import annotations

from typing import Any

import pandas

from openarc_ui.metrics.definitions import STAGES
from openarc_ui.ui.metrics.style import COLOURS, GREY, PATTERNS, Figure, Trace, axis, layout, nothing, rounded, uid

MOST_BARS = 12
BAR_PIXELS = 66
GAP = 0.55
"""Of a bar's place, the part that is left free; its name stands in the upper half of it."""
LONGEST_LINE = 30
STAGE_COLOURS = dict(zip([stage.name for stage in STAGES], (GREY, *COLOURS, COLOURS[0], GREY), strict=False))
STAGE_PATTERNS = dict(
    zip([stage.name for stage in STAGES], ("", "", "/", "", "", "x", "", "", "\\", "."), strict=False)
)


def stages(frame: pandas.DataFrame, labels: dict[str, str]) -> Figure:
    """Where the time went: a bar for each model and configuration, mean milliseconds of a request in each stage.

    Args:
        frame: `frames.stages`.
        labels: configuration id -> how it is called.
    """
    if frame.empty:
        return nothing("No request yet.")
    shown = frame.sort_values("requests", ascending=False).head(MOST_BARS).iloc[::-1]
    called = [labels.get(each, each[:8]) for each in shown["configuration_id"].astype(str)]
    names = _distinct([_lines(str(model), label) for model, label in zip(shown["model"], called, strict=True)])
    columns = {stage.name: stage.name if stage.name in shown else f"{stage.name}_seconds" for stage in STAGES}
    totals: Any = sum(shown[column].fillna(0).astype(float) for column in columns.values() if column in shown) * 1000
    traces = []
    for stage in STAGES:
        if columns[stage.name] not in shown or not (shown[columns[stage.name]].fillna(0) > 0).any():
            continue
        values = shown[columns[stage.name]].fillna(0).astype(float) * 1000
        share = [100 * value / total if total else 0.0 for value, total in zip(values, totals, strict=True)]
        told = [[rounded(each), int(count)] for each, count in zip(share, shown["requests"], strict=True)]
        traces.append(
            _stage_bar(stage.name, stage.label, stage.meaning, [rounded(float(value)) for value in values], names, told)
        )
    figure_layout = layout("Mean time of a request, ms", "", barmode="stack", showlegend=True)
    figure_layout["height"] = 150 + BAR_PIXELS * len(names)
    figure_layout["xaxis"]["rangemode"] = "tozero"
    figure_layout["yaxis"] = axis("", type="category", showticklabels=False)
    figure_layout["bargap"] = GAP
    figure_layout["annotations"] = [_name_above(name, place) for place, name in enumerate(names)]
    figure_layout["legend"] = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "traceorder": "normal"}
    figure_layout["margin"] |= {"t": 72, "l": 16}
    return {"data": traces, "layout": figure_layout}


def _lines(model: str, label: str) -> str:
    """A bar's name on up to three lines, cut where they are long: model, configuration and place, what differs."""
    parts = label.split(" · ")
    lines = [model, " · ".join(parts[:2]), ", ".join(parts[2:])]
    return "<br>".join(line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…" for line in lines if line)


def _name_above(name: str, place: int) -> dict[str, Any]:
    """A bar's name, above it and not beside it: there a phone would have no room left for the bar.

    Args:
        place: of the bar on its axis. The name stands on the bar's upper edge, however tall the picture is drawn.
    """
    return {
        "text": name.replace("<br>", " · "),
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": "y",
        "y": rounded(place + (1 - GAP) / 2),
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11},
    }


def _distinct(names: list[str]) -> list[str]:
    """Bars of one name would be put on each other."""
    return [name + "\u200b" * names[:place].count(name) for place, name in enumerate(names)]


def _stage_bar(
    name: str, label: str, meaning: str, values: list[float | None], names: list[str], told: list[Any]
) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "uid": uid(f"stage-{name}"),
        "name": label,
        "y": names,
        "x": values,
        "marker": stage_style(name),
        "customdata": told,
        "hovertemplate": f"{label}: %{{x:,.1f}} ms, %{{customdata[0]:.1f}}%<br>{meaning}<br>mean of %{{customdata[1]:,}} requests<extra></extra>",
    }


def stage_style(name: str) -> dict[str, Any]:
    """How a stage's bar looks, everywhere."""
    pattern = STAGE_PATTERNS.get(name, PATTERNS[0])
    return {
        "color": STAGE_COLOURS.get(name, GREY),
        "line": {"width": 0},
        "pattern": {"shape": pattern, "solidity": 0.35, "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.7},
    }
