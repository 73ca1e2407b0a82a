"""What Chat Completions and Responses ask alike, in the engine's words: the model, tools and whether one must be called,
the answer's form, effort, and how long an answer may be. What the loaded model can't do is refused by the parameter's name.

It knows no body and no HTTP; both are told by the name of the parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.not_loaded import BY_ROUTE, not_loaded
from openarc_ui.engine.notices import not_ready
from openarc_ui.engine.prompts import StructuredOutput, Tool
from openarc_ui.engine.types import ModelInfo, ModelState
from openarc_ui.errors import ModelNotLoaded, nearest
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong
from openarc_ui.server.openai.forced import check_tool, structure_for_calls

DEFAULT_MODEL = "default"
UNLIMITED_TOKENS = 1_000_000
"""As many as a request may name, for a model whose context has no bound."""
ChoiceKind = Literal["none", "auto", "required", "named"]
Forced = Literal["named", "one", "several"]


@dataclass(frozen=True, slots=True)
class CallChoice:
    """Whether tools are called: `tool_choice`. `name` is that of the one function to call, for "named"."""

    kind: ChoiceKind = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a request wants of tools.

    Attributes:
        tools: those the model is shown; () where it is shown none.
        forced: the answer is one call of `name`, one call of any tool, or several; None: it is free.
        name: of the function that is to be called, for "named".
        most_calls: further calls are left out; None: all count.
        structure: what a forced answer looks like.
    """

    tools: tuple[Tool, ...] = ()
    forced: Forced | None = None
    name: str = ""
    most_calls: int | None = None
    structure: StructuredOutput | None = None


def ready_model(engine: Engine, name: str | None) -> ModelInfo:
    """The model that answers: the one of that name; without a name, or by the name "default", the one loaded last.

    Raises:
        EngineReserved: somebody has the machine alone. It comes first: "load one first" would be refused too.
        ModelNotLoaded: it is not ready: with why, how to load it, or the nearest names of those that are.
    """
    engine.require_leave()
    return loaded_model(engine, name)


def loaded_model(engine: Engine, name: str | None) -> ModelInfo:
    """The same, to be told of; that of whoever has the machine alone is nobody's to ask for.

    Raises:
        ModelNotLoaded: it is not ready: with why, how to load it, or the nearest names of those that are.
    """
    info = engine.ready_info(name)
    if info is not None:
        return info
    status = engine.status()
    models = status.users_models
    ready = {model.name: model.info for model in models if model.state is ModelState.READY and model.info}
    wanted = name if name is not None and (name != DEFAULT_MODEL or name in ready) else status.default_model
    info = ready.get(wanted) if wanted is not None else None
    if info is not None:
        return info
    found = next((model for model in models if model.name == wanted), None)
    if wanted is None or (found is None and name == DEFAULT_MODEL):
        found = next((model for model in reversed(models)), None)
    if found is not None and found.state is ModelState.FAILED:
        raise not_ready(found.name, found.state, found.failure)
    if found is not None:
        what = f"The model '{found.name}' is not ready: it is {found.state.value}."
        raise ModelNotLoaded(what, nearest(found.name, ready) or "Try again in a moment.")
    raise not_loaded(engine, wanted, BY_ROUTE)


def tool_use(
    tools: Sequence[Tool],
    choice: CallChoice,
    parallel: bool,
    where: str = "tool_choice",
    schema_at: str = "function.parameters",
) -> ToolUse:
    """What a request wants of its tools.

    Args:
        parallel: several calls may be in one answer.
        where: the parameter that chooses, for errors.
        schema_at: where a tool has its schema, for errors.

    Raises:
        ParameterWrong: two tools have one name, or a call is wanted of a tool that is not given.
        StructureWrong: a call is forced, and a tool's schema can't be kept to.
    """
    names = [tool.function.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterWrong(f"There are two tools '{twice}'.", "Rename one of them.", param="tools")
    if choice.kind in ("required", "named") and not tools:
        raise ParameterWrong(f"{where} wants a call, and no tools are given.", "Give tools.", param=where)
    most_calls = None if parallel else 1
    if choice.kind == "none" or not tools:
        return ToolUse()
    if choice.kind == "auto":
        return ToolUse(tuple(tools), most_calls=most_calls)
    if choice.kind == "named" and choice.name not in names:
        raise ParameterWrong(f"There is no tool '{choice.name}'.", nearest(choice.name, names), param=where)
    for index, tool in enumerate(tools):
        if choice.kind == "required" or tool.function.name == choice.name:
            check_tool(tool, f"tools[{index}].{schema_at}")
    forced: Forced = "named" if choice.kind == "named" else "several" if parallel else "one"
    structure = structure_for_calls(tools, choice.name or None, parallel)
    return ToolUse(tuple(tools), forced, choice.name, most_calls, structure)


def structure_of(kind: str, schema: Mapping[str, Any] | None) -> StructuredOutput | None:
    """What a format wants the answer to look like; None for text.

    Args:
        kind: text, json_object or json_schema.
        schema: for the last.
    """
    if kind == "text":
        return None
    return StructuredOutput(
        json_schema=dict(schema) if kind == "json_schema" and schema is not None else {"type": "object"}
    )


def one_structure(
    info: ModelInfo, use: ToolUse, wanted: StructuredOutput | None, wanted_by: str, where: str = "tool_choice"
) -> StructuredOutput | None:
    """The one thing the answer has to look like: a forced call, or the format that is wanted.

    Args:
        wanted_by: the parameter that wants the format.

    Raises:
        ParameterRefused: the model's backend has no structured output.
        ParameterWrong: tools and a format are wanted together, so that the model could not call a tool.
    """
    if wanted is not None and use.tools:
        raise ParameterWrong(
            f"{wanted_by} holds the whole answer to a form, in which no tool could be called.",
            f'Leave one of {wanted_by} and tools out, or set {where} to "none".',
            param=wanted_by,
        )
    structure = use.structure or wanted
    if structure is not None and not info.abilities.has_structured_output:
        name = wanted_by if use.structure is None else where
        raise ParameterRefused(
            f"The {info.backend} backend can't hold an answer to a form, which {name} needs.",
            f"Leave {name} out, or load the model with the genai backend.",
            param=name,
        )
    return structure


def effort_arguments(template: str, effort: str, param: str = "reasoning_effort") -> dict[str, Any]:
    """The arguments of the chat template that say how hard to think.

    Args:
        template: the text of the chat template that is used.

    Raises:
        ParameterRefused: the template knows no such thing, or only on and off.
    """
    if "reasoning_effort" in template:
        return {"reasoning_effort": effort}
    if "enable_thinking" in template:
        if effort == "none":
            return {"enable_thinking": False}
        raise ParameterRefused(
            f"The model's chat template knows no degrees of {param}.",
            f'Leave {param} out, or set it to "none".',
            param=param,
        )
    raise ParameterRefused(f"The model's chat template knows no {param}.", f"Leave {param} out.", param=param)


def room_for_answer(info: ModelInfo) -> int | None:
    """`max_new_tokens` of a request that names none: until the model ends or its context is full.

    None where the load or the model names a number of its own, which is taken then.
    """
    if "max_new_tokens" in info.generation_defaults:
        return None
    return info.context_length or UNLIMITED_TOKENS


def check_sampling(info: ModelInfo, given: Iterable[tuple[str, str]]) -> None:
    """See that the model's backend has every sampling parameter that was given.

    Args:
        given: (the parameter's name in the body, its name in the engine).

    Raises:
        ParameterRefused: it lacks one.
    """
    for param, name in given:
        if name not in info.abilities.supported_sampling:
            raise ParameterRefused(
                f"The {info.backend} backend has no parameter '{param}'.",
                f"Leave '{param}' out, or load the model with another backend.",
                param=param,
            )


def check_probabilities(info: ModelInfo, alternatives: int, param: str, alternatives_param: str) -> None:
    """See that the model's backend tells how likely tokens are, and so many alternatives.

    Raises:
        ParameterRefused: it does not.
    """
    if not info.abilities.tells_probabilities:
        raise ParameterRefused(
            f"The {info.backend} backend does not tell how likely tokens are, as {param} wants.",
            f"Leave {param} out, or load the model with another backend.",
            param=param,
        )
    most = info.abilities.most_alternatives
    if alternatives > most:
        fewer = f"Set {alternatives_param} to {most} or less" if most else f"Leave {alternatives_param} out"
        told = f"no alternatives to a token; the optimum backend does, so {alternatives_param} needs that"
        raise ParameterRefused(
            f"The {info.backend} backend tells "
            + (
                f"at most {most} alternatives to a token, {alternatives_param} is {alternatives}."
                if most
                else f"{told}."
            ),
            f"{fewer}, or load the model with another backend.",
            param=alternatives_param,
        )
