"""The parts of an answer that take longer to read: percentiles, distributions, stages, roofs, and what can be chosen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openarc_ui.metrics import frames, recorded, roofline
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import size
from openarc_ui.ui.metrics import dependence, distributions, roof_view, stages_figure, tiles
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.configurations_view import labels
from openarc_ui.ui.metrics.requests_view import outcome
from openarc_ui.ui.metrics.style import Styles

MOST_DESCRIBED = 60
"""Configurations that are read to be called by what differs; the others are called by their id."""


@dataclass(frozen=True, slots=True)
class Costly:
    """What was read.

    Attributes:
        names: who has which style, in order.
    """

    parts: dict[str, Any]
    figure_tiles: list[tiles.Tile]
    names: tuple[str, ...]


def read(
    connection: sqlite3.Connection,
    chosen: Filter,
    counted: frames.Totals,
    store: MetricsStore,
    hidden: Callable[[Any], Any],
) -> Costly:
    """All of them.

    Args:
        hidden: JSON without paths of this machine.
    """
    choices = frames.options(connection, chosen)
    ids = choices.get("configuration", [])
    described = hidden(frames.configurations(connection, ids[:MOST_DESCRIBED]))
    called = labels(ids, described)
    names = tuple(choices.get("model", []))
    parts: dict[str, Any] = {"options": _options(choices, called), "kept": _kept(connection, store)}
    if not counted.requests:
        return Costly(parts, tiles.figure_tiles({}), names)
    sample = frames.sample(connection, chosen)
    summaries = frames.summary(connection, chosen, sample)
    styles = Styles(names)
    parts["roofs"] = roof_view.cards(roofline.latest(connection, chosen, sample), described, called)
    parts["figures"] = {
        "ttft": distributions.distribution(sample, "ttft_seconds", styles),
        "decode": distributions.distribution(sample, "decode_tokens_per_second", styles),
        "itl": distributions.inter_token(frames.gaps(connection, chosen), styles),
        "prompt_length": dependence.prompt_length(sample, styles),
        "concurrency": dependence.concurrency(sample, styles),
        "stages": stages_figure.stages(frames.stages(connection, chosen), called),
    }
    return Costly(parts, tiles.figure_tiles(summaries), names)


def _options(choices: dict[str, list[str]], called: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [{"value": value, "label": _label(name, value, called)} for value in values]
        for name, values in choices.items()
    }


def _label(dimension: str, value: str, called: dict[str, str]) -> str:
    if dimension == "configuration":
        return called.get(value, value)
    return outcome(value) if dimension == "outcome" else value


def _kept(connection: sqlite3.Connection, store: MetricsStore) -> dict[str, Any]:
    requests, oldest = recorded.everything(connection)
    since = Clock.at(oldest).day(oldest) if oldest is not None else ""
    return {"texts": store.keep_texts, "size": size(store.health().size_bytes), "requests": requests, "oldest": since}
