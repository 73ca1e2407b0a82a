"""Which pictures a run has, what goes into each, and the same in words for those who can't see it."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Sequence

from openarc_ui.tuning.configurations import value_at
from openarc_ui.tuning.export import plots
from openarc_ui.tuning.export.canvas import Picture, draw
from openarc_ui.tuning.export.figure_bars import figures_picture
from openarc_ui.tuning.export.tables import shown_against
from openarc_ui.tuning.figures import BY_NAME, NOUNS, Figure, size_words
from openarc_ui.tuning.judging.front import front
from openarc_ui.tuning.judging.statistics import signed
from openarc_ui.tuning.reading import (
    field_label,
    field_words,
    in_order,
    is_best_sure,
    is_over_limit,
    memory_limit_of,
    number_text,
    objectives_of,
    request_of,
    short_label,
    summary_of,
    unit_text,
    workloads_of,
)
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import ConfigurationResult, ConfigurationState, Difference, RunView, Summary
from openarc_ui.tuning.views.outcomes import amount

MOST_BARS = 20
LONGEST_LABEL, LONGEST_TICK = 42, 13
"""Characters; what is cut off is in the table."""
CHARACTERS_ACROSS = 100
"""That stand beside each other below a picture."""
FEWEST_LINES = 3
TICKS = 5


def pictures_of(view: RunView) -> list[Picture]:
    """All that the run has enough for, the most telling first."""
    makers = {
        "bench": (figures_picture,),
        "comparison": (differences_picture, figures_picture),
        "sweep": (tradeoff_picture, objective_picture, differences_picture, importances_picture, parallel_picture),
    }[view.head.kind]
    return [picture for maker in makers if (picture := maker(view)) is not None]


def tradeoff_picture(view: RunView) -> Picture | None:
    """The first two objectives, or the first one and memory; None of fewer than two configurations."""
    (workload,), figures = workloads_of(view), _two_figures(view)
    marks, able = [], []
    for result in view.results:
        across, up = (summary_of(result, figure, workload.name) for figure in figures)
        if across is not None and up is not None and result.state is not ConfigurationState.FAILED:
            (x, left, right), (y, low, high) = _scaled(figures[0], across), _scaled(figures[1], up)
            number = str(result.number) if result.is_on_front or result.is_best else ""
            mark = plots.Mark(f"point-{result.number}", number, _kind(result, view), x, y, left, right, low, high)
            marks.append(mark)
            able += [] if is_over_limit(view, result) else [mark]
    if len(marks) < 2:
        return None
    x_name, y_name = (
        f"{unit_text(each)} ({'more' if each.is_better_higher else 'less'} is better)" for each in figures
    )
    heading = f"{figures[0].words} against {figures[1].words[0].lower()}{figures[1].words[1:]}"
    alt = f"{heading}, {len(marks)} configurations. {view.head.words}"
    steps, limits = _steps(able, figures), _limits(view, figures)
    svg = draw(
        "tradeoff",
        3.9,
        alt,
        lambda drawing: plots.scatter(drawing, marks, steps, x_name, y_name, limits),
        _hints(view, "point"),
    )
    return Picture("tradeoff", heading, alt, svg)


def objective_picture(view: RunView) -> Picture | None:
    """The first objective of the best ones."""
    figure, (workload,) = objectives_of(view)[0], workloads_of(view)
    lines = [
        _bar(figure, f"{result.number}  {short_label(view, result)}", _kind(result, view), summary)
        for result in in_order(view)
        if (summary := summary_of(result, figure, workload.name)) is not None
    ]
    left_out = len(lines) - MOST_BARS
    shown = f" (the best {MOST_BARS}; the table has {left_out} more)" if left_out > 0 else ""
    heading = f"{figure.words}, with 95% intervals{shown}"
    return _bars("objective", heading, lines[:MOST_BARS], unit_text(figure))


def importances_picture(view: RunView) -> Picture | None:
    """Which fields the spread of the first objective goes back to."""
    figure = objectives_of(view)[0]
    known = sorted((each for each in view.importances if each.objective == figure.name), key=lambda each: -each.share)
    lines = [
        plots.Bar(
            "\n".join(textwrap.wrap(field_words(each.field), LONGEST_LABEL)),
            "front",
            each.share * 100.0,
            f"{each.share:.0%}",
        )
        for each in known
    ]
    return _bars("importances", f"What {NOUNS[figure.name]} depends on", lines[:MOST_BARS], "Share of the spread, %")


def differences_picture(view: RunView) -> Picture | None:
    """What differs from the base, or in B from A, and how sure that is; None before there is an interval."""
    result = shown_against(view)
    if result is None:
        return None
    known = [each for each in result.against_reference if each.difference_percent is not None]
    if all(each.low_percent is None for each in known):
        return None  # nothing that a picture would make clearer
    base = next(each for each in view.results if each.configuration.configuration_id == view.reference_id)
    lines = []
    for each in known:
        value = each.difference_percent or 0.0
        text, ends = f"{signed(value)} {each.verdict}", (each.low_percent, each.high_percent)
        lines.append(plots.Bar(BY_NAME[each.figure].label, each.verdict, value, text, *ends))
    names = f"{short_label(view, result)} against {base.configuration.label}"
    heading = f"{names}, with {_levels(known)} intervals"
    alt = f"{heading}. {' '.join(each.words for each in known)}"
    height = plots.height_of(lines)
    svg = draw("differences", height, alt, lambda drawing: plots.forest(drawing, lines, "Difference, %"), {})
    return Picture("differences", heading, alt, svg)


def _levels(differences: Sequence[Difference]) -> str:
    """ "99%", or "99% to 99.75%" where some had to be surer."""
    told = sorted({round(each.confidence_percent, 2) for each in differences})
    return f"{told[0]:g}%" if len(told) == 1 else f"{told[0]:g}% to {told[-1]:g}%"


def parallel_picture(view: RunView) -> Picture | None:
    """Every configuration as a line through its settings to the first objective; None of fewer than three."""
    request, figure = request_of(view), objectives_of(view)[0]
    if not isinstance(request, SweepRequest):
        return None
    measured = [
        (result, summary)
        for result in view.results
        if (summary := summary_of(result, figure, request.workload.name)) is not None
    ]
    if len(measured) < FEWEST_LINES:
        return None
    columns = [(axis.field, _texts_on(axis.field, [result for result, _ in measured])) for axis in request.axes]
    least, most = (pick(summary.median for _, summary in measured) for pick in (min, max))
    lines = []
    for result, summary in measured:
        places = [_place(texts, _text_of(result, field)) for field, texts in columns]
        objective = (summary.median - least) / (most - least) if most > least else 0.5
        lines.append((f"line-{result.number}", _kind(result, view), [*places, objective]))
    ticks = [number_text(figure, least + (most - least) * part / (TICKS - 1)) for part in range(TICKS)]
    most_characters = min(18, max(9, CHARACTERS_ACROSS // (len(columns) + 1)))
    shown = [
        (_in_lines(field, most_characters), [plots.shortened(text, LONGEST_TICK) for text in texts])
        for field, texts in columns
    ]
    shown.append((unit_text(figure).replace(", ", ",\n"), ticks))
    heading = f"What each setting leads to, by {NOUNS[figure.name]}"
    alt = (
        f"{len(lines)} configurations as lines through their settings, to their {NOUNS[figure.name]}. {view.head.words}"
    )
    svg = draw("parallel", 3.6, alt, lambda drawing: plots.parallel(drawing, shown, lines), _hints(view, "line"))
    return Picture("parallel", heading, alt, svg)


def _bars(name: str, heading: str, lines: Sequence[plots.Bar], axis: str) -> Picture | None:
    if not lines:
        return None
    told = [" ".join([*line.label.split(), line.text]) for line in lines]
    alt = f"{heading}: {'; '.join(told)}."
    svg = draw(name, plots.height_of(lines), alt, lambda drawing: plots.bars(drawing, lines, axis), {})
    return Picture(name, heading, alt, svg)


def _bar(figure: Figure, label: str, kind: str, summary: Summary) -> plots.Bar:
    value, low, high = _scaled(figure, summary)
    lines = textwrap.wrap(label, LONGEST_LABEL, max_lines=2, placeholder=" …")
    more = f" · {plots.LOOKS[kind][0]}" if kind in ("best", "ahead", "changed", "over", "pruned") else ""
    return plots.Bar("\n".join(lines), kind, value, f"{amount(figure, summary.median)}{more}", low, high)


def _scaled(figure: Figure, summary: Summary) -> tuple[float, float | None, float | None]:
    """Median and interval in the unit that is shown."""
    low, high = (None if end is None else end * figure.scale for end in (summary.low, summary.high))
    return summary.median * figure.scale, low, high


def _two_figures(view: RunView) -> tuple[Figure, Figure]:
    """What the trade-off is between."""
    first, *others = objectives_of(view)
    other = "memory_bytes" if first.name != "memory_bytes" else "total_seconds"
    return first, others[0] if others else BY_NAME[other]


def _kind(result: ConfigurationResult, view: RunView) -> str:
    """As `plots.LOOKS` has it; the first that is true."""
    told = {
        "best": result.is_best and is_best_sure(view),
        "ahead": result.is_best,
        "base": result.configuration.configuration_id == view.reference_id,
        "changed": result.quality is not None and result.quality.changes_text is True,
        "over": is_over_limit(view, result),
        "pruned": result.state is ConfigurationState.PRUNED,
        "front": result.is_on_front,
    }
    return next((kind for kind, is_true in told.items() if is_true), "other")


def _limits(view: RunView, figures: tuple[Figure, Figure]) -> list[plots.Limit]:
    """The memory limit, where memory is one of the two."""
    limit = memory_limit_of(view)
    if limit is None:
        return []
    return [
        plots.Limit(f"limit {size_words(limit)}", is_across, limit * figure.scale)
        for figure, is_across in zip(figures, (True, False), strict=True)
        if figure.name == "memory_bytes"
    ]


def _steps(marks: Sequence[plots.Mark], figures: tuple[Figure, Figure]) -> list[tuple[float, float]]:
    """The edge of what the points on the front beat, from left to right."""
    directions = [figure.is_better_higher for figure in figures]
    beyond = zip(marks, front([(mark.x, mark.y) for mark in marks], directions), strict=True)
    points = sorted({(mark.x, mark.y) for mark, is_on_it in beyond if is_on_it})
    steps = points[:1]
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        # The corner lies where both of two neighbours are beaten: right of the one where less of x is better.
        steps += [(x, next_y) if figures[0].is_better_higher else (next_x, y), (next_x, next_y)]
    return steps


def _hints(view: RunView, begin: str) -> dict[str, str]:
    """What appears over a point: which it is, its figures, and what is in effect."""
    objectives, (workload,) = objectives_of(view), workloads_of(view)
    hints = {}
    for result in view.results:
        values = [
            f"{figure.label}: {amount(figure, summary.median)}"
            for figure in (*objectives, BY_NAME["memory_bytes"])
            if (summary := summary_of(result, figure, workload.name)) is not None
        ]
        effective = result.loaded.effective_properties if result.loaded is not None else {}
        asked = [f"{name} = {effective[name]}" for name in result.configuration.load.ov_config if name in effective]
        hints[f"{begin}-{result.number}"] = "\n".join(dict.fromkeys([result.configuration.label, *values, *asked]))
    return hints


def _in_lines(field: str, most: int) -> str:
    """A field's name in plain words, and as it is set below; broken at spaces and "_"."""
    name = field.partition(".")[2]
    told = textwrap.wrap(field_label(field), most)
    if name and name != field_label(field):
        parts = [f"{part}_" for part in name.split("_")]
        lines = [""]
        for part in (*parts[:-1], parts[-1].removesuffix("_")):
            if lines[-1] and len(lines[-1]) + len(part) > most:
                lines.append("")
            lines[-1] += part
        told += ["\n".join(lines).join("()")]
    return "\n".join(told)


def _text_of(result: ConfigurationResult, field: str) -> str:
    value = value_at(result.configuration.load, field)
    if value is None:
        return "left out"
    return value.rpartition("/")[2] if isinstance(value, str) else json.dumps(value)


def _texts_on(field: str, results: Sequence[ConfigurationResult]) -> list[str]:
    """The values that were measured, numbers in their order, "left out" first."""

    def order(text: str) -> tuple[int, float, str]:
        try:
            return 1, float(text), ""
        except ValueError:
            return (0 if text == "left out" else 2), 0.0, text

    return sorted({_text_of(result, field) for result in results}, key=order)


def _place(texts: Sequence[str], text: str) -> float:
    return texts.index(text) / (len(texts) - 1) if len(texts) > 1 else 0.5
