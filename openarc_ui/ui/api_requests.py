"""What the endpoints about prompts and answers are given, as the fields of the engine's requests."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from pydantic import TypeAdapter, ValidationError

from openarc_ui.conversations.owner import owner_of
from openarc_ui.engine.explain import explain
from openarc_ui.engine.formats import tools_from_json, tools_from_text
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.api_shown import JsonList, JsonObject, as_list, as_object, is_given

MESSAGES = TypeAdapter(tuple[Message, ...])
IDS = TypeAdapter(list[int])


def owner_from(request: gr.Request) -> str:
    """Whose conversations a call is about: a browser's by its cookie; all programs without one share theirs."""
    return owner_of(dict(request.cookies))


def read_messages(given: JsonList | None, what: str) -> tuple[Message, ...]:
    """Messages in OpenAI's form, as a list or its text.

    Raises:
        InvalidRequest: they are none; with the place.
    """
    try:
        return MESSAGES.validate_python(as_list(given, what))
    except ValidationError as error:
        problems: list[Any] = error.errors(include_url=False)
        for each in problems:
            each["loc"] = (what, *each["loc"])
        known = {f"{what}.*": list(Message.model_fields)}
        raise explain(problems, known, hint='Send a list of {"role", "content"}.') from None


def read_ids(given: list[int] | str) -> list[int]:
    """Token ids, as a list or its JSON text.

    Raises:
        InvalidRequest: they are none.
    """
    try:
        return IDS.validate_python(json.loads(given) if isinstance(given, str) else given, strict=True)
    except (RecursionError, ValueError):
        raise InvalidRequest("tokens must be a list of whole numbers.", "For example [19556, 28].") from None


def prompt_fields(
    tools: JsonList | None,
    documents: JsonList | None,
    template_arguments: JsonObject | None,
    chat_template: str | None,
) -> dict[str, Any]:
    """The fields of PromptOptions that were given.

    Raises:
        InvalidRequest: a text can't be read; with line and column.
    """
    fields: dict[str, Any] = {}
    if is_given(tools):
        fields["tools"] = tools_from_text(tools) if isinstance(tools, str) else tools_from_json(json.dumps(tools))
    if is_given(documents):
        fields["documents"] = as_list(documents, "documents")
    if is_given(template_arguments):
        fields["template_arguments"] = as_object(template_arguments, "template_arguments")
    if chat_template is not None:
        fields["chat_template"] = chat_template
    return fields
