"""The parts of an answer that take longer to read: percentiles, distributions, stages, roofs; and what can be chosen."""

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
class Choices:
    """What can be chosen in a span, and how it is called.

    Attributes:
        names: models, in the order of their styles.
        described: configuration id -> ModelInfo as JSON, of those that are kept.
        called: configuration id -> its label.
    """

    values: dict[str, list[str]]
    names: tuple[str, ...]
    described: dict[str, Any]
    called: dict[str, str]

    def shown(self) -> dict[str, list[dict[str, str]]]:
        """As the page's filters offer it."""
        return _options(self.values, self.called)


def choices(connection: sqlite3.Connection, chosen: Filter, hidden: Callable[[Any], Any]) -> Choices:
    """Of the filter's span, whatever else it wants.

    Args:
        hidden: JSON without paths of this machine.
    """
    values = frames.options(connection, chosen)
    ids = values.get("configuration", [])
    described = hidden(frames.configurations(connection, ids[:MOST_DESCRIBED]))
    return Choices(values, tuple(values.get("model", [])), described, labels(ids, described))


def read(
    connection: sqlite3.Connection, chosen: Filter, counted: frames.Totals, found: Choices
) -> tuple[dict[str, Any], list[tiles.Tile]]:
    """Figures of the requests that were drawn, and the tiles."""
    if not counted.requests:
        return {}, tiles.figure_tiles({})
    sample = frames.sample(connection, chosen)
    summaries = frames.summary(connection, chosen, sample)
    styles = Styles(found.names)
    figures = {
        "ttft": distributions.distribution(sample, "ttft_seconds", styles),
        "decode": distributions.distribution(sample, "decode_tokens_per_second", styles),
        "itl": distributions.inter_token(frames.gaps(connection, chosen), styles),
        "prompt_length": dependence.prompt_length(sample, styles),
        "concurrency": dependence.concurrency(sample, styles),
        "concurrency_ttft": dependence.concurrency_ttft(sample, styles),
    }
    return {"figures": figures}, tiles.figure_tiles(summaries, sample)


def rest(connection: sqlite3.Connection, chosen: Filter, found: Choices) -> dict[str, Any]:
    """What stands at the end of the page: configurations held against each other."""
    return {
        "roofs": roof_view.cards(roofline.latest(connection, chosen), found.described, found.called),
        "figures": {"stages": stages_figure.stages(frames.stages(connection, chosen), found.called)},
    }


def _options(choices: dict[str, list[str]], called: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [{"value": value, "label": _label(name, value, called)} for value in values]
        for name, values in choices.items()
    }


def _label(dimension: str, value: str, called: dict[str, str]) -> str:
    if dimension == "configuration":
        return called.get(value, value)
    return outcome(value) if dimension == "outcome" else value


def kept(connection: sqlite3.Connection, store: MetricsStore) -> dict[str, Any]:
    """How much the database holds, and since when."""
    requests, oldest = recorded.everything(connection)
    since = Clock.at(oldest).day(oldest) if oldest is not None else ""
    return {"texts": store.keep_texts, "size": size(store.health().size_bytes), "requests": requests, "oldest": since}
