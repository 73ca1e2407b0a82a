"""The tiles: a figure's median with its percentiles, and counts; each with its unit, its definition, and why it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import pandas

from openarc_ui.metrics.definitions import BY_NAME, INTER_TOKEN, Definition
from openarc_ui.metrics.frames import FigureSummary, Totals
from openarc_ui.ui.html import NOT_MEASURED, number
from openarc_ui.ui.metrics.style import counted

Tile = dict[str, Any]

ORDER = (
    "ttft_seconds",
    "decode_tokens_per_second",
    "prefill_tokens_per_second",
    "tpot_seconds",
    INTER_TOKEN.name,
    "total_seconds",
    "queue_seconds",
)
MISSING = {
    "ttft_seconds": "No request here brought a token",
    "queue_seconds": "No request here was taken up",
    "total_seconds": "No request here has ended",
    "prefill_tokens_per_second": "No request here brought a token",
}
"""Two lines of about 26 characters, as the other notes."""
NO_DECODING = "No request here brought more than one token"
WAITING = "…"


def figure_tiles(summaries: Mapping[str, FigureSummary], sample: pandas.DataFrame | None = None) -> list[Tile]:
    """A tile for each figure, also for one that nothing has.

    Args:
        sample: what the percentiles are of, for the slow tail of figures of which a higher value is better.
    """
    return [_figure(BY_NAME[name], summaries.get(name), sample) for name in ORDER]


def waiting_tiles() -> list[Tile]:
    """The same tiles while their figures are read."""
    return [
        {
            **_named(BY_NAME[name]),
            "title": _explained(BY_NAME[name]),
            "value": WAITING,
            "rows": [],
            "note": "",
            "waiting": True,
        }
        for name in ORDER
    ]


def count_tiles(totals: Totals) -> list[Tile]:
    """Requests, errors, tokens and the prefix cache."""
    return [_requests(totals), _errors(totals), _tokens(totals), _prefix_cache(totals)]


def value_of(definition: Definition, stored: float | None) -> str:
    """A figure as it is shown, without its unit."""
    return number(None if stored is None else stored * definition.scale, definition.digits)


def _named(definition: Definition) -> Tile:
    return {"id": definition.name, "label": definition.label, "unit": definition.unit}


def _explained(definition: Definition) -> str:
    return f"{definition.words}: {definition.formula}, in {definition.unit}."


def _figure(definition: Definition, found: FigureSummary | None, sample: pandas.DataFrame | None) -> Tile:
    tile, title = _named(definition), _explained(definition)
    if found is None or not found.sampled:
        why = MISSING.get(definition.name, NO_DECODING) if found is None else "None of those drawn has it"
        ends = ("p10", "p1") if definition.is_better_higher else ("p90", "p99")
        rows = [[end, NOT_MEASURED] for end in ends]
        return {**tile, "unit": "", "title": f"{title} {why}.", "value": NOT_MEASURED, "rows": rows, "note": why}
    noun = "gap" if definition is INTER_TOKEN else "request"
    title += f" Median of {counted(found.count, noun)}; "
    if definition.is_better_higher:
        title += "p10: nine of ten are at least this; p1: 99 of 100."
        slow = _slow(definition.name, sample)
        rows = [[name, value_of(definition, value)] for name, value in zip(("p10", "p1"), slow, strict=True)]
    else:
        title += "p90: nine of ten are at most this; p99: 99 of 100."
        rows = [["p90", value_of(definition, found.p90)], ["p99", value_of(definition, found.p99)]]
    drawn = f"from {number(found.sampled, 0)} of {counted(found.count, noun)}" if found.sampled < found.count else ""
    return {**tile, "title": title, "value": value_of(definition, found.p50), "rows": rows, "note": drawn}


def _slow(name: str, sample: pandas.DataFrame | None) -> tuple[float | None, float | None]:
    """The 10th and the 1st percentile, of the rows that the others come from."""
    known = sample[name].dropna().to_numpy(dtype=float) if sample is not None else ()
    if not len(known):
        return None, None
    tenth, first = numpy.percentile(known, (10, 1)).tolist()
    return tenth, first


def _tile(name: str, label: str, title: str, value: str, unit: str, rows: list[list[str]], note: str = "") -> Tile:
    return {"id": name, "label": label, "title": title, "value": value, "unit": unit, "rows": rows, "note": note}


def _requests(totals: Totals) -> Tile:
    finished = totals.requests - totals.failed - totals.cancelled - totals.refused
    title = "Requests that were submitted in this span, however they ended."
    rows = [["finished", number(finished, 0)], ["cancelled", number(totals.cancelled, 0)]]
    return _tile("requests", "Requests", title, number(totals.requests, 0), "", rows)


def _errors(totals: Totals) -> Tile:
    title = (
        "Requests that failed, over all requests. Cancelled ones are no errors, and refused ones were wrong themselves."
    )
    share = 100 * totals.failed / totals.requests if totals.requests else None
    # One error in a million must not look like none.
    digits = 0 if not share else 1 if share >= 0.1 else 4
    rows = [["failed", number(totals.failed, 0)], ["refused", number(totals.refused, 0)]]
    return _tile("errors", "Errors", title, number(share, digits), "%" if share is not None else "", rows)


def _tokens(totals: Totals) -> Tile:
    title = "Tokens that were generated, end-of-text included; below, the tokens of all prompts."
    mean = totals.generated_tokens / totals.requests if totals.requests else None
    rows = [["in prompts", number(totals.prompt_tokens, 0)], ["per request", number(mean, 1)]]
    unit = "token" if totals.generated_tokens == 1 else "tokens"
    return _tile("tokens", "Generated", title, number(totals.generated_tokens, 0), unit, rows)


def _prefix_cache(totals: Totals) -> Tile:
    title = "Prompt tokens found in the prefix cache, over prompt tokens of requests whose backend tells."
    if totals.cached_prompt_tokens is None or not totals.told_prompt_tokens:
        why = "No backend here tells what its prefix cache found"
        return _tile("prefix_cache", "Prefix cache", f"{title} {why}.", NOT_MEASURED, "", [], why)
    share = 100 * totals.cached_prompt_tokens / totals.told_prompt_tokens
    rows = [
        ["found", counted(totals.cached_prompt_tokens, "token")],
        ["of", counted(totals.told_prompt_tokens, "token")],
    ]
    return _tile("prefix_cache", "Prefix cache", title, number(share, 1), "%", rows)
