"""What is wrong with something that came in, as one sentence; an unknown field with the nearest right name.

It reads pydantic's list of problems. It knows no HTTP and no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from openarc_ui.errors import InvalidRequest, nearest

SHOWN_CHARACTERS = 80
"""Of a name that came in: enough to find it again, and no echo of a whole file."""
PLAIN_VALUES = ("bool", "int", "float", "str")
"""How pydantic calls the branches of a union that takes any plain value; the first branch's complaint would mislead."""
OF_PYTHON = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dataclass_type": "must be an object",
}
"""Where pydantic speaks of Python's types: what JSON calls them."""
ELSEWHERE = {
    "content": "text",
    "messages": "conversation",
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "n_predict": "max_new_tokens",
    "num_predict": "max_new_tokens",
    "n": "num_return_sequences",
    "repeat_penalty": "repetition_penalty",
}
"""What OpenAI, llama.cpp and Ollama call a field -> its name here, where what is asked has that."""
LENGTHS = {"too_long": ("at most", "max_length"), "too_short": ("at least", "min_length")}
"""Of lists: the bound that was broken, and where pydantic has it."""


def explain(
    problems: Sequence[Any],
    known: Mapping[str, Sequence[str]],
    *,
    what: str = "The body",
    hint: str = "See /openapi.json for what is expected.",
) -> InvalidRequest:
    """The first problem of a validation as one sentence; an unknown field comes first, with the nearest right name.

    Args:
        known: path of an object in what came in ("" for the whole) -> names of its fields.
        what: how what came in is called when it is no JSON.
        hint: what to do about a value that is wrong.
    """
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = [str(part) for part in first["loc"] if part != "body"]
    unions = ("list[", "tuple[", "nullable[", "function-", "Message", "constrained-")
    path = ".".join(_shown(part) for part in where if not part.startswith(unions))
    if not path and first["type"] == "missing":
        return InvalidRequest(f"{what} is missing.", hint)
    if first["type"] == "extra_forbidden":
        parent, _, name = path.rpartition(".")
        names = known.get(parent, known.get(_without_numbers(parent), ()))
        here = ELSEWHERE.get(name, "")
        near = f"It is called '{here}' here." if here in names else nearest(name, names)
        return InvalidRequest(f"There is no field '{name}'" + (f" in '{parent}'." if parent else "."), near)
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "unreadable")
        return InvalidRequest(f"{what} is not JSON: {reason}.", "Check the quotes and commas.")
    message = _words(first)
    if where and where[-1] in PLAIN_VALUES and first["type"] == f"{where[-1]}_type":
        path, message = path.rpartition(".")[0], "must be true or false, a number or a text"
    if path:
        return InvalidRequest(f"{path}: {message}.", hint)
    return InvalidRequest(f"{what} {message}." if message.startswith("must ") else f"{message}.", hint)


def _words(problem: Any) -> str:
    """What pydantic complains of, without its full stop; where it speaks of Python, in the words of JSON."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in OF_PYTHON:
        return OF_PYTHON[kind]
    if kind in LENGTHS and LENGTHS[kind][1] in context:  # A validator of ours may have words of its own.
        bound, name = LENGTHS[kind]
        number = context[name]
        return f"must have {bound} {number} item{'' if number == 1 else 's'}, not {context['actual_length']}"
    return str(problem["msg"]).removeprefix("Value error, ").rstrip(".")


def fields_by_path(model: type[BaseModel], path: str = "") -> dict[str, Sequence[str]]:
    """Names of a model's fields and of the models below it; list positions in a path are `*`."""
    found: dict[str, Sequence[str]] = {path: list(model.model_fields)}
    for name, field in model.model_fields.items():
        below = f"{path}.{name}" if path else name
        for inner, depth in _models_in(field.annotation):
            found |= fields_by_path(inner, below + ".*" * depth)
    return found


def _shown(name: str) -> str:
    """A name that came in, cut where it is too long to be one; what is no character shows as ?."""
    text = name.encode("utf-8", "replace").decode()
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _without_numbers(path: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in path.split("."))


def _models_in(annotation: Any, depth: int = 0) -> list[tuple[type[BaseModel], int]]:
    """Pydantic models in an annotation, with how many lists are around each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, depth)]
    origin = getattr(annotation, "__origin__", None)
    inner_depth = depth + 1 if origin in (list, tuple) else depth
    return [found for each in getattr(annotation, "__args__", ()) for found in _models_in(each, inner_depth)]
