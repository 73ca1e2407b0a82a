"""What goes to Gradio's clients as JSON, and objects that come from them, as such or as a text."""

from __future__ import annotations

import dataclasses
from typing import Any

from openarc_ui.engine.answers import Places
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, ModelInfo
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.load_form import read_object

JsonObject = dict[str, Any] | str
"""A JSON object, or one as a text; an empty text where none is given."""


def shown(value: Any) -> dict[str, Any]:
    """A dataclass as JSON. Gradio's clients take whatever has a `path` for a file to fetch, so that key stays behind."""
    fields = {name: field for name, field in dataclasses.asdict(value).items() if name != "path"}
    return {name: field.model_dump() if isinstance(field, LoadRequest) else field for name, field in fields.items()}


def shown_load(engine: Engine, info: ModelInfo, note: Any) -> dict[str, Any]:
    """A loaded model as JSON, without paths of this machine.

    Args:
        note: what the compile cache did for it, or None.
    """
    body = {"state": "ready", **shown(info), "compile_cache": None if note is None else dataclasses.asdict(note)}
    hidden: dict[str, Any] = Places.of(engine).hidden(body)
    return hidden


def as_object(given: JsonObject, what: str) -> dict[str, Any]:
    """A parameter that is an object or its text, as the object; an empty text is an empty one.

    Raises:
        InvalidRequest: it is no JSON object.
    """
    if not isinstance(given, str):
        return given
    try:
        return read_object(given, what)
    except (RecursionError, ValueError):
        raise InvalidRequest(
            f"{what} is nested too deeply, or has a number that is too long.", 'For example {"NUM_STREAMS": 1}.'
        ) from None


def is_given(value: JsonObject) -> bool:
    """Something was said, be it an empty object; an empty text says nothing."""
    return not isinstance(value, str) or bool(value.strip())
