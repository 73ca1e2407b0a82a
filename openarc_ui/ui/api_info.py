"""Named endpoints that describe themselves: what `/gradio_api/info` and the page's "view API" tell comes from here.

Everything is taken from the function: its docstring (text, `Args:`, `Returns:`), its annotations with their bounds and
choices, and an example for each parameter. `gr.api` would leave all of that empty.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.context import get_blocks_context
from pydantic import TypeAdapter

from openarc_ui.ui.api_examples import EXAMPLES

ARGUMENTS, RETURNS = "Args:", "Returns:"
OTHER_SECTIONS = ("Raises:", "Attributes:")
ACRONYMS = {"id": "ID", "ids": "IDs", "eos": "EOS", "ov": "OpenVINO"}


@dataclass(frozen=True, slots=True)
class Documentation:
    """A docstring in its parts."""

    text: str
    arguments: Mapping[str, str]
    returns: str


def add_endpoint(function: Callable[..., Any]) -> None:
    """Register a function under its name, inside open gr.Blocks.

    Args:
        function: as `endpoint` makes it; what it does not say of a parameter is an error here and not a gap in the page.

    Raises:
        ValueError: a parameter, an answer or the function itself is not described, or its name is taken.
    """
    blocks = get_blocks_context()
    if blocks is None:
        raise ValueError("an endpoint belongs into gr.Blocks")
    told = documentation_of(function)
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = [
        _parameter(function.__name__, each, hints[name], told.arguments.get(name, ""))
        for name, each in inspect.signature(function).parameters.items()
        if hints[name] is not gr.Request
    ]
    if not told.text or not told.returns:
        raise ValueError(f"{function.__name__}: what it does, or what it returns, is not described")
    answer = _described(None, {**_answer_schema(hints["return"]), "description": told.returns}, "Answer", None)
    registered, _ = blocks.set_event_trigger(
        [],
        function,
        parameters,
        [answer],
        preprocess=False,
        postprocess=False,
        show_progress="hidden",
        api_name=function.__name__,
        api_description=told.text,
        trigger_mode=None,
        concurrency_limit=None,
    )
    if registered.api_name != function.__name__:
        raise ValueError(f"the name {function.__name__} is taken")


def documentation_of(function: Callable[..., Any]) -> Documentation:
    """A function's docstring in its parts; lines that go on are joined."""
    section, name = "", ""
    text: list[str] = []
    returns: list[str] = []
    arguments: dict[str, list[str]] = {}
    for line in (inspect.getdoc(function) or "").splitlines():
        words = line.strip()
        if words in (ARGUMENTS, RETURNS, *OTHER_SECTIONS):
            section = words
        elif words and not section:
            text.append(words)
        elif words and section == RETURNS:
            returns.append(words)
        elif words and section == ARGUMENTS and not line.startswith(" " * 8):
            name, _, words = words.partition(": ")
            arguments[name] = [words]
        elif words and section == ARGUMENTS:
            arguments[name].append(words)
    joined = {argument: " ".join(lines) for argument, lines in arguments.items()}
    return Documentation(" ".join(text), joined, " ".join(returns))


def label_of(name: str) -> str:
    """A parameter's name in words: "Max new tokens", "Conversation ID"."""
    words = " ".join(ACRONYMS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def _parameter(endpoint: str, parameter: inspect.Parameter, hint: Any, told: str) -> Api:
    name = parameter.name
    schema = _schema(hint)
    text = told or schema.pop("description", "")
    if not text:
        raise ValueError(f"{endpoint}: {name} is not described")
    default = None if parameter.default is inspect.Parameter.empty else parameter.default
    examples = schema.pop("examples", [])
    own = EXAMPLES.get(f"{endpoint}.{name}", EXAMPLES.get(name, default))
    example = examples[0] if examples else own
    schema |= {"description": text, "additional_description": text}
    return _described(default, schema, label_of(name), example)


def _described(value: Any, schema: dict[str, Any], label: str, example: Any) -> Api:
    """A parameter or an answer. Not a class of its own: Gradio writes a file beside the module of every component it sees made."""
    described: Any = Api(value, schema, label)
    described.example_payload = described.example_value = lambda: example
    component: Api = described
    return component


def _answer_schema(hint: Any) -> dict[str, Any]:
    if typing.get_origin(hint) is AsyncIterator:
        (hint,) = typing.get_args(hint)
    return _schema(hint)


def _schema(hint: Any) -> dict[str, Any]:
    schema = TypeAdapter(hint).json_schema()
    schema.pop("title", None)
    return schema
