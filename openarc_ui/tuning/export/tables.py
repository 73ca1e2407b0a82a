"""A run's results as tables of texts, for Markdown and for the report. Pure; it knows neither."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openarc_ui.snippets import given_fields
from openarc_ui.tuning.figures import BY_NAME, FIGURES, Figure
from openarc_ui.tuning.judging.statistics import signed
from openarc_ui.tuning.reading import (
    field_words,
    figures_in,
    in_order,
    is_best_sure,
    number_text,
    objectives_of,
    shareable,
    summary_of,
    unit_text,
    with_interval,
    workload_words,
    workloads_of,
)
from openarc_ui.tuning.results import ConfigurationResult, ConfigurationState, Difference, Quality, RunView

NOTHING = "–"
"""In a cell: not measured, which is not 0."""
LEGEND = "Medians; ± is how far the 95% interval of the median reaches, where there is one. n: repetitions in loads."
QUALITY_FIGURES = frozenset(figure.name for figure in FIGURES if figure.place == "quality")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts.

    Attributes:
        numbers: whether each column is of numbers, which stand on the right.
        strong: places of rows that are the one to take.
    """

    heading: str
    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    strong: frozenset[int] = frozenset()


def result_tables(view: RunView) -> list[Table]:
    """One with a row for each workload of a bench; else one with a row for each configuration that was measured."""
    if view.head.kind == "bench":
        return [_workloads(view, each) for each in view.results[:1] if any(each.figures.values())]
    return [
        table
        for workload in workloads_of(view)
        if (table := _results(view, workload.name, f"{workload.name}: {workload_words(workload)}")) is not None
    ]


def difference_table(view: RunView) -> Table | None:
    """The one to take against the base, or B against A; None where there is no pair of rounds."""
    result = shown_against(view)
    if result is None or not result.against_reference:
        return None
    base = next(each for each in view.results if each.configuration.configuration_id == view.reference_id)
    names = base.configuration.label, result.configuration.label
    columns = ("Figure", *names, "Difference", "Interval", "Rounds", "Verdict")
    return Table(
        heading=f"{names[1]} against {names[0]}",
        columns=columns,
        numbers=(False, True, True, True, True, True, False),
        rows=tuple(_difference(each) for each in result.against_reference),
    )


def shown_against(view: RunView) -> ConfigurationResult | None:
    """Which one is held against the base: B in a comparison, else the one to take, or the best that is not the base."""
    others = [each for each in in_order(view) if each.configuration.configuration_id != view.reference_id]
    if view.reference_id is None or not others:
        return None
    measured = [each for each in others if each.against_reference]
    return next((each for each in measured if each.is_best), measured[0] if measured else None)


def quality_table(view: RunView) -> Table | None:
    """How far each text is from the reference's; None where none was looked at."""
    compared = [(each, each.quality) for each in in_order(view) if each.quality is not None]
    if not compared:
        return None
    labels = (
        "KL, nats",
        "99th percentile",
        "Same top token",
        "Perplexity",
        "Reference",
        "Change",
        "GenAI's own",
        "Identical",
    )
    return Table(
        heading="Text against the reference",
        columns=("Configuration", *labels, "Text"),
        numbers=(False, *(True for _ in labels), False),
        rows=tuple((result.configuration.label, *_quality(quality)) for result, quality in compared),
        note=f"{compared[0][1].method}{_interval_note(quality for _, quality in compared)}",
        strong=frozenset(place for place, (result, _) in enumerate(compared) if result.is_best),
    )


def failure_table(view: RunView) -> Table | None:
    """What could not be measured, and why; None where all could."""
    failed = [each for each in view.results if each.failure is not None]
    if not failed:
        return None
    rows = [(each.configuration.label, each.failure.stage, _reason(each)) for each in failed if each.failure]
    return Table("Not measured", ("Configuration", "At", "Reason"), (False, False, False), tuple(rows))


def importance_table(view: RunView) -> Table | None:
    """How much each field matters; None where it is not known."""
    if not view.importances:
        return None
    rows = tuple(
        (field_words(each.field), BY_NAME[each.objective].words, f"{each.share:.0%}") for each in view.importances
    )
    return Table("What matters", ("Field", "For", "Share"), (False, False, True), rows)


def settings_table(view: RunView) -> Table | None:
    """What the loads that matter are set to: A and B, the base and the one to take, or the one of a bench."""
    shown = [each for each in view.results if view.head.kind != "sweep" or each.is_best or each.number == 1]
    if view.head.kind == "bench":
        shown = shown[:1]
    loads = [_given(each) for each in shown]
    names = list(dict.fromkeys(name for load in loads for name in load))
    if not names:
        return None
    return Table(
        heading="Settings",
        columns=("Setting", *(each.configuration.label for each in shown)),
        numbers=(False, *(False for _ in shown)),
        rows=tuple((field_words(name), *(load.get(name, "left out") for load in loads)) for name in names),
        note="What is left out has the device's or OpenArc's default.",
    )


def _given(result: ConfigurationResult) -> dict[str, str]:
    """Field -> value of what is not the default, without folders of this machine."""
    given = given_fields(shareable(result.configuration.load))
    sections = ("ov_config", "scheduler")
    flat = {name: value for name, value in given.items() if name not in sections}
    flat |= {f"{section}.{name}": value for section in sections for name, value in given.get(section, {}).items()}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in flat.items()}


def _results(view: RunView, workload: str, heading: str) -> Table | None:
    """What was searched for stands next to the names, and what to know of a row beside it."""
    results = [each for each in in_order(view) if each.figures.get(workload)]
    if not results:
        return None
    figures = [figure for figure in figures_in(results, workload) if figure.name not in QUALITY_FIGURES]
    searched = [each for each in objectives_of(view) if each in figures and view.head.kind == "sweep"]
    others = [each for each in figures if each not in searched]
    is_sure = is_best_sure(view)
    flags = [_flags(each, is_sure) for each in results]
    columns: list[tuple[str, bool, list[str]]] = [
        ("No.", True, [str(each.number) for each in results]),
        ("Configuration", False, [each.configuration.label for each in results]),
        *((unit_text(figure), True, _values(results, figure, workload)) for figure in searched),
        *([("Marks", False, flags)] if any(flags) else []),
        *((unit_text(figure), True, _values(results, figure, workload)) for figure in others),
        ("n", True, [_counts(each, figures, workload) for each in results]),
        ("Backend", False, [(each.loaded or each.configuration.load).backend for each in results]),
        ("Device", False, [(each.loaded or each.configuration.load).device for each in results]),
    ]
    return Table(
        heading=heading,
        columns=tuple(name for name, _, _ in columns),
        numbers=tuple(is_number for _, is_number, _ in columns),
        rows=tuple(zip(*(cells for _, _, cells in columns), strict=True)),
        note=LEGEND,
        strong=frozenset(place for place, result in enumerate(results) if result.is_best),
    )


def _workloads(view: RunView, result: ConfigurationResult) -> Table:
    """Of a bench's one configuration; its reference, if it has another, is only asked for its text."""
    workloads = [each for each in workloads_of(view) if result.figures.get(each.name)]
    known = [figures_in([result], each.name) for each in workloads]
    figures = [each for each in FIGURES if each.name not in QUALITY_FIGURES and any(each in told for told in known)]
    loaded = result.loaded or result.configuration.load
    columns: list[tuple[str, bool, list[str]]] = [
        ("Workload", False, [f"{each.name}: {workload_words(each)}" for each in workloads]),
        *(
            (unit_text(figure), True, [_values([result], figure, each.name)[0] for each in workloads])
            for figure in figures
        ),
        ("n", True, [_counts(result, figures, each.name) for each in workloads]),
    ]
    return Table(
        heading=f"What was measured, {loaded.backend} on {loaded.device}",
        columns=tuple(name for name, _, _ in columns),
        numbers=tuple(is_number for _, is_number, _ in columns),
        rows=tuple(zip(*(cells for _, _, cells in columns), strict=True)),
        note=LEGEND,
    )


def _values(results: Sequence[ConfigurationResult], figure: Figure, workload: str) -> list[str]:
    summaries = [summary_of(each, figure, workload) for each in results]
    return [NOTHING if summary is None else with_interval(figure, summary) for summary in summaries]


def _counts(result: ConfigurationResult, figures: Sequence[Figure], workload: str) -> str:
    """Repetitions and loads."""
    summaries = (summary_of(result, figure, workload) for figure in figures)
    return f"{max((summary.count for summary in summaries if summary is not None), default=0)} in {result.visits}"


def _flags(result: ConfigurationResult, is_sure: bool) -> str:
    """What a row says of itself in a word or two; the sentences are elsewhere."""
    changed = result.quality is not None and result.quality.changes_text is True
    found = [
        ("best" if is_sure else "best so far") if result.is_best else "",
        "on the front" if result.is_on_front and not result.is_best else "",
        "text changed" if changed else "",
        result.state.value if result.state is not ConfigurationState.MEASURED else "",
    ]
    return ", ".join(each for each in found if each)


def _difference(difference: Difference) -> tuple[str, ...]:
    figure = BY_NAME[difference.figure]
    medians = [
        NOTHING if value is None else f"{number_text(figure, value)} {figure.unit}".rstrip()
        for value in (difference.median_a, difference.median_b)
    ]
    change = NOTHING if difference.difference_percent is None else signed(difference.difference_percent)
    interval = NOTHING
    if difference.low_percent is not None and difference.high_percent is not None:
        confidence = f"{round(difference.confidence_percent, 2):g}%"
        interval = f"{signed(difference.low_percent)} to {signed(difference.high_percent)} ({confidence})"
    return (figure.words, *medians, change, interval, str(difference.rounds), difference.verdict)


def _quality(quality: Quality) -> Sequence[str]:
    def told(value: float | None, form: str) -> str:
        return NOTHING if value is None else format(value, form)

    def between(low: float | None, high: float | None, form: str) -> str:
        return "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"

    changed = {True: "changed", False: "unchanged", None: "not known"}[quality.changes_text]
    if quality.changes_text is False and quality.identical_share not in (None, 1.0):
        changed = "like it"
    if quality.is_sure is False:
        changed += ", not surely"
    low, high = quality.perplexity_change_low_percent, quality.perplexity_change_high_percent
    change = NOTHING if quality.perplexity_change_percent is None else signed(quality.perplexity_change_percent)
    return (
        told(quality.mean_kl_divergence, ".4f")
        + between(quality.mean_kl_divergence_low, quality.mean_kl_divergence_high, ".4f"),
        told(quality.p99_kl_divergence, ".3f"),
        told(quality.same_top_share, ".1%"),
        told(quality.perplexity, ".2f") + between(quality.perplexity_low, quality.perplexity_high, ".2f"),
        told(quality.reference_perplexity, ".2f"),
        change if low is None or high is None else f"{change} ({signed(low)} to {signed(high)})",
        told(quality.backend_perplexity, ".2f"),
        told(quality.identical_share, ".0%"),
        changed,
    )


def _interval_note(qualities: Iterable[Quality]) -> str:
    """What stands in brackets, where something does."""
    if all(each.mean_kl_divergence_low is None and each.perplexity_low is None for each in qualities):
        return ""
    return (
        " In brackets 95% intervals, by resampling blocks of neighbouring tokens: how far another piece of such a text would be"
        " off. Change is of the perplexity, from the reference's."
    )


def _reason(result: ConfigurationResult) -> str:
    failure = result.failure
    return " ".join(each for each in (failure.message, failure.hint) if each) if failure is not None else ""
