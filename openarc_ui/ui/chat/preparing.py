"""From a job to the requests that answer it: one for each model, with one seed for all. Blocks: it asks the models."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from openarc_ui.conversations.answer_format import AnswerFormat, answer_format, reasoning_tags
from openarc_ui.conversations.answer_request import Beginning, answer_request
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain
from openarc_ui.engine.types import GenerationRequest
from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.ui.chat.run import Job
from openarc_ui.ui.chat.settings import ChatSettings

SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, how its answer is to be read, and what that begins with."""

    request: GenerationRequest
    form: AnswerFormat
    beginning: Beginning


def prepare(engine: Engine, conversation: Conversation, job: Job) -> tuple[list[Prepared], list[OpenArcError]]:
    """The requests of a job, one a model; and why there is none for the others.

    Raises:
        InvalidRequest: the settings can't be read.
    """
    fields = {**job.settings.request_fields(), "token_details": True, "source": "chat"}
    models = models_of(job.settings, engine.status().default_model)
    if job.shorten:
        fields["when_too_long"] = "shorten"
    if job.continued is not None:
        fields.pop("num_return_sequences", None)
        models = models[:1]
    is_side_by_side = len(models) > 1 or fields.get("num_return_sequences", 1) > 1
    if is_side_by_side and "seed" not in fields and not job.settings.is_greedy:
        fields["seed"] = secrets.randbelow(SEEDS)
    prepared: list[Prepared] = []
    problems: list[OpenArcError] = []
    for model in models:
        try:
            prepared.append(_prepare_one(engine, conversation, job, {**fields, "model": model}))
        except OpenArcError as error:
            problems.append(error)
    return prepared, problems


def _prepare_one(engine: Engine, conversation: Conversation, job: Job, fields: dict[str, Any]) -> Prepared:
    continued = conversation.node(job.continued) if job.continued is not None else None
    tags = None
    if continued is not None and continued.reasoning and not continued.content:
        tags = reasoning_tags(engine, fields["model"], fields.get("chat_template"))
    beginning = Beginning.of(job.prefill, continued, tags)
    try:
        request = answer_request(conversation, job.parent_id, beginning, **fields)
    except ValidationError as error:
        known = {"": list(GenerationRequest.model_fields)}
        raise explain(error.errors(include_url=False), known, hint="Correct it in the settings.") from None
    form = answer_format(engine, request, job.settings.tool_format, beginning.text)
    return Prepared(request, form, beginning)


def models_of(settings: ChatSettings, default: str | None) -> list[str | None]:
    """The models that answer by these settings; None: the one loaded last.

    Raises:
        InvalidRequest: a model would be compared with itself.
    """
    first, second = settings.model or None, settings.compare_with or None
    if second is not None and second == (first or default):
        raise InvalidRequest(
            f"{second} can't be compared with itself.",
            "Choose another model in Settings, or load it under a second name.",
        )
    return [first, second] if second is not None else [first]
