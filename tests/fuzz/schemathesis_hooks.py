"""What schemathesis is told about OpenArc: which things exist, and which answers are meant. Read by its own process."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.checks import negative_data_rejection
from schemathesis.core.transport import Response

MODEL = "script"
MEANT = {
    502: {"worker_died"},
    503: {
        "engine_busy",
        "engine_reserved",
        "metrics_unreadable",
        "conversations_unusable",
        "tuning_folder_unusable",
        "hub_unreachable",
    },
    504: {"time_limit_reached"},
}
"""Status -> codes of the failures that are no mistakes; 500 never is one here, where model, folders and databases are sound."""
KNOWN = {"model": MODEL, "id_model": MODEL, "model_path": MODEL, "backend": "auto"}
EVENTS = "text/event-stream"
WORDS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"})
"""Texts that pydantic reads as true or false."""


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """The schema of an event stream is that of the whole text; schemathesis would hold it against each event."""
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                answer.get("content", {}).get(EVENTS, {}).pop("schema", None)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A request that is meant to be right asks for the model that is there, so that more than the refusals is reached."""
    if case.meta is not None and case.meta.generation.mode.is_positive and isinstance(case.body, dict):
        case.body = _with_known_names(case.body)


@schemathesis.check
def no_mistake_of_the_server(context: schemathesis.CheckContext, response: Response, case: schemathesis.Case) -> None:
    """A status from 500 on has one of the codes that are meant."""
    if response.status_code < 500:
        return
    answer = response.json()
    code = answer.get("code") or answer["error"]["code"]
    assert code in MEANT.get(response.status_code, set()), f"{response.status_code} with the code {code}"


@schemathesis.check
def wrong_requests_are_refused(context: schemathesis.CheckContext, response: Response, case: schemathesis.Case) -> None:
    """What the schema forbids is refused, apart from what is only written otherwise."""
    if not _is_only_written_otherwise(case):
        negative_data_rejection(context, response, case)


def _is_only_written_otherwise(case: schemathesis.Case) -> bool:
    """All that is wrong is of another type with the same meaning: 0 for false, a number written as a text, and below /v1 null.

    Every reader of JSON here takes the first two; OpenAI's clients send null for what they leave out.
    """
    if case.meta is None or case.meta.phase.data.description is None:
        return False
    where, _, wrong = case.meta.phase.data.description.rpartition(": ")
    values = _named(case.body, where.rpartition(" ")[2])
    takes_null = case.path.startswith("/v1/")
    return wrong == "Incorrect type" and all(_is_scalar(value) or (takes_null and value is None) for value in values)


def _named(body: object, name: str) -> list[object]:
    """Every value of that name in a body; the body itself where nothing has it."""
    if isinstance(body, dict):
        inside = [found for each in body.values() for found in _named(each, name) if isinstance(each, dict | list)]
        return ([body[name]] if name in body else []) + inside
    return [found for each in body for found in _named(each, name)] if isinstance(body, list) else []


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lstrip("+-").replace(".", "", 1).isdigit() or value.lower() in WORDS
    return isinstance(value, bool | int | float)


def _with_known_names(body: dict[str, Any]) -> dict[str, Any]:
    """The same body, about things that exist."""
    named = {name: KNOWN[name] if name in KNOWN and value is not None else value for name, value in body.items()}
    return {name: _with_known_names(value) if isinstance(value, dict) else value for name, value in named.items()}
