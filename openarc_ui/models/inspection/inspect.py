"""One model looked into: its graph as numbers, its tokenizer tried on texts, its chat template on conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.models.inspection.graph_report import graph_report
from openarc_ui.models.inspection.reports import GraphReport, Inspection, LayerSize, Part, Trial

__all__ = ["GraphReport", "Inspection", "LayerSize", "Part", "Trial", "inspect_model"]

PARTS: tuple[Part, ...] = ("graph", "tokenizer", "template")
Found = TypeVar("Found")


def inspect_model(engine: Engine, model: str, parts: Sequence[Part] = ()) -> Inspection:
    """Look into a model of the folder; the tokenizer is tried in a process of its own. Seconds.

    Args:
        parts: only these; left out: all.

    Raises:
        ModelNotFound.
    """
    entry = engine.catalogue.find(model)
    wanted = parts or PARTS
    problems: list[str] = []
    graph = _looked_at("graph", wanted, lambda: graph_report(entry), None, problems)
    return Inspection(
        model=entry.name,
        graph=graph,
        tokenizer=(),
        template=(),
        problems=tuple(engine.places.hidden_output(each) for each in problems),
    )


def _looked_at(
    part: Part, wanted: Sequence[Part], look: Callable[[], Found], otherwise: Found, problems: list[str]
) -> Found:
    """What a look gives; where it can't, `otherwise` and why."""
    if part not in wanted:
        return otherwise
    try:
        return look()
    except OpenArcError as error:
        problems.append(f"{error.message} {error.hint}".strip())
        return otherwise
