"""A request for a response in the engine's words. It asks no model and knows no HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.explain import explain
from openarc_ui.engine.prompts import Tool, ToolFunction
from openarc_ui.engine.types import GenerationRequest, ModelInfo
from openarc_ui.ids import new_id
from openarc_ui.server.openai.answering import Order
from openarc_ui.server.openai.asked import (
    CallChoice,
    check_probabilities,
    check_sampling,
    effort_arguments,
    one_structure,
    room_for_answer,
    structure_of,
    tool_use,
)
from openarc_ui.server.openai.bodies import NEUTRAL
from openarc_ui.server.openai.errors import ParameterWrong
from openarc_ui.server.openai.responses_body import SAMPLING, ResponseBody
from openarc_ui.server.openai.responses_conversation import conversation_of
from openarc_ui.server.openai.responses_tools import NamedTool, SchemaFormat
from openarc_ui.server.openai.words import OF_RESPONSES, Words


def order_of(body: ResponseBody, info: ModelInfo, template: str) -> Order:
    """The engine's own request, and what is wanted of tools.

    Args:
        info: of the model that answers.
        template: its chat template, where `needs_template` says so; else "".

    Raises:
        ParameterRefused: the model can't do what a parameter wants; with its name.
        ParameterWrong, InvalidRequest: parameters that don't go together, or a value that can't be.
    """
    use = tool_use(_tools(body), _choice(body), body.parallel_tool_calls, schema_at="parameters")
    structure = one_structure(info, use, structure_of(body.text.format.type, _schema(body)), "text.format")
    words = Words(OF_RESPONSES, "tools" if use.structure is not None else "text.format.schema")
    fields: dict[str, Any] = {
        "tools": use.tools or None,
        "structured_output": structure,
        "user": body.user or body.safety_identifier or None,
        "template_arguments": _template_arguments(template, body),
        **_sampling(info, body),
    }
    given = {name: value for name, value in fields.items() if value not in (None, {})}
    try:
        request = GenerationRequest(
            conversation=conversation_of(body.input, body.instructions),
            when_too_long="shorten" if body.truncation == "auto" else "refuse",
            token_details=_checked_alternatives(info, body),
            model=info.name,
            request_id=f"resp_{new_id()}",
            source="openai",
            **given,
        )
    except ValidationError as error:
        raise words.of(explain(error.errors(), {})) from None
    return Order((request,), use, words=words)


def needs_template(body: ResponseBody) -> bool:
    """Something is asked for that only the chat template tells."""
    return body.reasoning is not None and body.reasoning.effort is not None


def _tools(body: ResponseBody) -> list[Tool]:
    fields = ("name", "description", "parameters", "strict")
    return [
        Tool(function=ToolFunction(**{name: getattr(tool, name) for name in fields if name in tool.model_fields_set}))
        for tool in body.tools
    ]


def _choice(body: ResponseBody) -> CallChoice:
    choice = body.tool_choice
    return CallChoice("named", choice.name) if isinstance(choice, NamedTool) else CallChoice(choice)


def _schema(body: ResponseBody) -> dict[str, Any] | None:
    return body.text.format.schema_ if isinstance(body.text.format, SchemaFormat) else None


def _checked_alternatives(info: ModelInfo, body: ResponseBody) -> bool:
    """Whether anything is told of tokens, and whether the model can.

    Raises:
        ParameterRefused: it can't.
    """
    if body.include:
        check_probabilities(info, body.top_logprobs or 0, "include", "top_logprobs")
    return bool(body.include)


def _template_arguments(template: str, body: ResponseBody) -> dict[str, Any]:
    effort = body.reasoning.effort if body.reasoning else None
    if effort is None:
        return dict(body.chat_template_kwargs)
    arguments = effort_arguments(template, effort, "reasoning.effort")
    given = body.chat_template_kwargs
    twice = next((name for name in arguments if given.get(name, arguments[name]) != arguments[name]), None)
    if twice is not None:
        raise ParameterWrong(
            f"chat_template_kwargs has another '{twice}' than reasoning.effort.",
            "Give one of them.",
            param="reasoning.effort",
        )
    return {**body.chat_template_kwargs, **arguments}


def _sampling(info: ModelInfo, body: ResponseBody) -> dict[str, Any]:
    """Sampling parameters by their names in the engine."""
    names = {param: name for param, name in SAMPLING.items() if _is_asked(info, param, name, getattr(body, param))}
    check_sampling(info, names.items())
    return {"max_new_tokens": room_for_answer(info), **{name: getattr(body, param) for param, name in names.items()}}


def _is_asked(info: ModelInfo, param: str, name: str, value: Any) -> bool:
    """It was given, and not a value that asks a backend without the parameter for nothing."""
    asks_nothing = param in NEUTRAL and value == NEUTRAL[param]
    return value is not None and not (asks_nothing and name not in info.abilities.supported_sampling)
