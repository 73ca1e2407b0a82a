"""The tiles: a figure's median with its percentiles, and counts; each with its unit, its definition, and why it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, Definition
from openarc_ui.metrics.frames import FigureSummary, Totals
from openarc_ui.ui.html import NOT_MEASURED, number

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
BY_NAME = {each.name: each for each in (*FIGURES, INTER_TOKEN)}
MISSING = {
    "ttft_seconds": "No request in this selection brought a token.",
    "queue_seconds": "No request in this selection was taken up.",
    "total_seconds": "No request in this selection has ended.",
    "prefill_tokens_per_second": "No request in this selection brought a token.",
}
NO_DECODING = "No request in this selection brought more than one token."


def figure_tiles(summaries: Mapping[str, FigureSummary]) -> list[Tile]:
    """A tile for each figure, also for one that nothing has."""
    return [_figure(BY_NAME[name], summaries.get(name)) for name in ORDER]


def count_tiles(counted: Totals) -> list[Tile]:
    """Requests, errors, tokens and the prefix cache."""
    return [_requests(counted), _errors(counted), _tokens(counted), _prefix_cache(counted)]


def value_of(definition: Definition, stored: float | None) -> str:
    """A figure as it is shown, without its unit."""
    return number(None if stored is None else stored * definition.scale, definition.digits)


def _figure(definition: Definition, found: FigureSummary | None) -> Tile:
    title = f"{definition.words}: {definition.formula}, in {definition.unit}."
    tile = {"id": definition.name, "label": definition.label, "unit": definition.unit}
    if found is None:
        why = MISSING.get(definition.name, NO_DECODING)
        rows = [["p90", NOT_MEASURED], ["p99", NOT_MEASURED]]
        return {**tile, "title": f"{title} {why}", "value": NOT_MEASURED, "rows": rows, "note": why}
    counted = "gaps between tokens" if definition is INTER_TOKEN else "requests"
    title += f" Median of {number(found.count, 0)} {counted}; p90: nine of ten are at most this; p99: 99 of 100."
    rows = [["p90", value_of(definition, found.p90)], ["p99", value_of(definition, found.p99)]]
    drawn = (
        f"from {number(found.sampled, 0)} of {number(found.count, 0)} {counted}" if found.sampled < found.count else ""
    )
    return {**tile, "title": title, "value": value_of(definition, found.p50), "rows": rows, "note": drawn}


def _tile(name: str, label: str, title: str, value: str, unit: str, rows: list[list[str]], note: str = "") -> Tile:
    return {"id": name, "label": label, "title": title, "value": value, "unit": unit, "rows": rows, "note": note}


def _requests(counted: Totals) -> Tile:
    finished = counted.requests - counted.failed - counted.cancelled
    title = "Requests that were submitted in this span, however they ended."
    rows = [["finished", number(finished, 0)], ["cancelled", number(counted.cancelled, 0)]]
    return _tile("requests", "Requests", title, number(counted.requests, 0), "", rows)


def _errors(counted: Totals) -> Tile:
    title = "Requests that ended in an error, over all requests. Cancelled ones are no errors."
    share = 100 * counted.failed / counted.requests if counted.requests else None
    # One error in a million must not look like none.
    digits = 0 if not share else 1 if share >= 0.1 else 4
    rows = [["failed", number(counted.failed, 0)], ["cancelled", number(counted.cancelled, 0)]]
    return _tile("errors", "Errors", title, number(share, digits), "%" if share is not None else "", rows)


def _tokens(counted: Totals) -> Tile:
    title = "Tokens that were generated, end-of-text included; below, the tokens of all prompts."
    mean = counted.generated_tokens / counted.requests if counted.requests else None
    rows = [["in prompts", number(counted.prompt_tokens, 0)], ["per request", number(mean, 1)]]
    return _tile("tokens", "Generated", title, number(counted.generated_tokens, 0), "tokens", rows)


def _prefix_cache(counted: Totals) -> Tile:
    title = "Prompt tokens found in the prefix cache, over prompt tokens of requests whose backend tells."
    if counted.cached_prompt_tokens is None or not counted.told_prompt_tokens:
        why = "No backend in this selection tells what its prefix cache found."
        return _tile("prefix_cache", "Prefix cache", f"{title} {why}", NOT_MEASURED, "", [], why)
    share = 100 * counted.cached_prompt_tokens / counted.told_prompt_tokens
    rows = [
        ["found", f"{number(counted.cached_prompt_tokens, 0)} tokens"],
        ["of", f"{number(counted.told_prompt_tokens, 0)} tokens"],
    ]
    return _tile("prefix_cache", "Prefix cache", title, number(share, 1), "%", rows)
