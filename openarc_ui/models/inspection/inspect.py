"""One model looked into: its graph as numbers, its tokenizer tried on texts, its chat template on conversations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.models.inspection.graph_report import graph_report
from openarc_ui.models.inspection.reports import GraphReport, Inspection, LayerSize, Part, Trial
from openarc_ui.models.inspection.template_facts import template_facts
from openarc_ui.models.inspection.template_trials import TemplateTrials, try_template
from openarc_ui.models.inspection.tokenizer_trials import TokenizerTrials, try_tokenizers

__all__ = ["GraphReport", "Inspection", "LayerSize", "Part", "Trial", "inspect_model"]

PARTS: tuple[Part, ...] = ("graph", "tokenizer", "template")
NO_TEMPLATE, NO_TOKENIZER = TemplateTrials(()), TokenizerTrials((), ())
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
    template = _looked_at("template", wanted, lambda: try_template(template_facts(entry)), NO_TEMPLATE, problems)
    tokenizer = _looked_at("tokenizer", wanted, lambda: try_tokenizers(entry), NO_TOKENIZER, problems)
    problems += [*template.problems, *tokenizer.problems]
    return Inspection(
        model=entry.name,
        graph=graph,
        tokenizer=_hidden(engine, tokenizer.trials),
        template=_hidden(engine, template.trials),
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


def _hidden(engine: Engine, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Without paths of this machine: a library's own words may name any, the others quote texts that look like some."""
    places = engine.places
    return tuple(
        dataclasses.replace(
            each,
            words=places.hidden_output(each.words) if each.verdict == "refused" else places.hidden_sentence(each.words),
        )
        for each in trials
    )
