"""What every answer to a program has in common, whether it leaves over HTTP or through Gradio.

No path of this machine, no echo without an end, at most so many findings, and what a model recommends where a load says
nothing. It knows neither of the two.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.catalogue.catalogue import Catalogue, ModelEntry
from openarc_ui.engine.catalogue.details import ModelDetails
from openarc_ui.engine.compile_cache import Cleared, LoadNote
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.memory.estimate import FitEstimate
from openarc_ui.engine.types import LoadRequest, ModelInfo
from openarc_ui.errors import InvalidRequest, ModelNotFound

LONGEST_ECHO = 200
LONGEST_TEXT = 2000
MOST_FINDINGS = 100
LONGEST_NAME = 1000
"""Of a model, in characters; the longest path most systems take is not much longer."""
MOST_CONTEXT_TOKENS = 100_000_000
MOST_SEQUENCES = 100_000
ECHO = re.compile(rf"'[^']{{{LONGEST_ECHO},}}'|\S{{{LONGEST_ECHO + 1},}}")
"""Something quoted or without a space that is longer than any word of ours: it came in with the request."""


def without_long_echoes(text: str) -> str:
    """A sentence with what it repeats of the request cut to 200 characters, and cut itself where it has no end."""
    short = ECHO.sub(lambda found: f"{found.group()[:LONGEST_ECHO]}…", text)
    return short if len(short) <= LONGEST_TEXT else f"{short[:LONGEST_TEXT]}…"


def recommended(engine: Engine, model_path: str) -> dict[str, Any]:
    """The ov_config for a load that gives none: what the model's profile recommends; empty where there is no such model."""
    try:
        return dict(engine.catalogue.find(model_path).ov_config)
    except ModelNotFound:
        return {}


def with_recommended(engine: Engine, load: LoadRequest) -> LoadRequest:
    """The load as it would be done now, where its ov_config was left out.

    Raises:
        InvalidRequest: what the model recommends is no ov_config.
    """
    if "ov_config" in load.model_fields_set:
        return load
    values = load.model_dump(exclude_unset=True)
    try:
        return LoadRequest.model_validate({**values, "ov_config": recommended(engine, load.model_path)})
    except ValidationError as error:
        raise recommendation_refused(load.model_path, error) from None


def recommendation_refused(model_path: str, error: ValidationError) -> InvalidRequest:
    """What is wrong with an ov_config that came from the model and not from the request."""
    reason = explain(error.errors(), {}).message
    return InvalidRequest(
        f"The openarc_profile.json of {model_path} is wrong: {reason}", "Mend it, or send an ov_config with the load."
    )


def cache_note(engine: Engine, info: ModelInfo) -> LoadNote | None:
    """What the compile cache did for a load; None where it has no part in it, or where the model has gone since."""
    try:
        return engine.cache_note(info)
    except ModelNotFound:
        return None


def listed(catalogue: Catalogue) -> list[tuple[ModelEntry, ModelDetails]]:
    """Every model with what its files say about it; reading them is slow the first time only."""
    found = [(entry, catalogue.describe(entry)) for entry in catalogue.entries()]
    return [
        (dataclasses.replace(entry, backends=each.backends, cannot_run=each.cannot_run, problems=each.problems), each)
        for entry, each in found
    ]


def empty_cache(engine: Engine, model: str | None) -> Cleared:
    """Delete what is kept for one model, or for all. What is kept for a model that has gone counts too.

    Raises:
        ModelNotFound: nothing is kept for it and it is not in the model folder; with the nearest name.
    """
    cache = engine.compile_cache
    if cache is None:
        return Cleared(0, 0, ())
    if model is not None and model not in {each.model for each in cache.usage().models}:
        model = engine.catalogue.find(model).name
    return cache.clear(model)


def context_note(estimate: FitEstimate, asked_tokens: int | None) -> str:
    """What is to be said when the estimate is for a shorter context than was asked for; empty when it is not."""
    if asked_tokens is None or estimate.context_tokens >= asked_tokens:
        return ""
    return f"The model takes at most {estimate.context_tokens} tokens, so the estimate is for these, not for {asked_tokens}."


def first_findings(found: Sequence[Finding]) -> tuple[list[Finding], int]:
    """At most 100 findings, errors before warnings where some have to go, without long echoes; and how many more there are."""
    kept: Iterable[Finding] = found
    if len(found) > MOST_FINDINGS:
        kept = sorted(found, key=lambda each: not each.is_error)[:MOST_FINDINGS]
    return [
        dataclasses.replace(
            each,
            field=without_long_echoes(each.field),
            message=without_long_echoes(each.message),
            hint=without_long_echoes(each.hint),
        )
        for each in kept
    ], max(0, len(found) - MOST_FINDINGS)
