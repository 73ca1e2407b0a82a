"""What every named endpoint has around it: its parameters held against their types, and errors as one sentence.

`gr.api` checks nothing, and what escapes an endpoint reaches the client as Gradio's own words with a traceback in the log.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.prompts import PromptRequest, StructuredOutput
from openarc_ui.engine.types import GenerationRequest, LoadRequest
from openarc_ui.errors import InvalidRequest, OpenArcError

WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "list_type": "a list",
}
"""What pydantic's complaints about a type ask for."""
REQUESTS: Mapping[str, type[BaseModel]] = {
    each.__name__: each for each in (GenerationRequest, LoadRequest, PromptRequest, StructuredOutput)
}
"""What endpoints make of their parameters; a field they do not know is answered with the nearest one."""
PARAMETERS = "openarc_parameters"


class as_gradio_error:  # noqa: N801 - reads as a statement: `with as_gradio_error():`
    """Raises gr.Error in place of an OpenArcError or a ValidationError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValidationError):
            model = REQUESTS.get(error.title)
            known = {} if model is None else fields_by_path(model)
            error = explain(error.errors(include_url=False), known, hint="")
        if isinstance(error, OpenArcError):
            words = f"{error.message} {error.hint}".strip().encode("utf-8", "replace").decode("utf-8")
            raise gr.Error(without_long_echoes(words), print_exception=False) from error


def endpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint whose parameters have the types it declares, and nothing else: "no" is not false, and 1.5 is not 1.

    Args:
        function: a coroutine function, or an asynchronous generator whose values replace each other; what is an endpoint
            already, perhaps with a right in front, stays as it is.
    """
    if hasattr(function, PARAMETERS):
        return function
    parameters = _parameters_of(function)
    signature = inspect.signature(function)

    def checked(given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(signature.bind(*given, **named).arguments)
        return values | _check(parameters, {name: values[name] for name in values if name in parameters.model_fields})

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def streamed(*given: Any, **named: Any) -> AsyncIterator[Any]:
            with as_gradio_error():
                async with contextlib.aclosing(function(**checked(given, named))) as values:
                    async for value in values:
                        yield value

        return _kept(streamed, parameters)

    @functools.wraps(function)
    async def answered(*given: Any, **named: Any) -> Any:
        with as_gradio_error():
            return await function(**checked(given, named))

    return _kept(answered, parameters)


def parameters_of(function: Callable[..., Any]) -> type[BaseModel]:
    """The model that the parameters of an endpoint are held against."""
    parameters: type[BaseModel] = getattr(function, PARAMETERS)
    return parameters


def _kept(wrapper: Callable[..., Any], parameters: type[BaseModel]) -> Callable[..., Any]:
    setattr(wrapper, PARAMETERS, parameters)
    return wrapper


def _parameters_of(function: Callable[..., Any]) -> type[BaseModel]:
    """A function's parameters as a strict model; what Gradio fills in itself is none of them."""
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if each.default is inspect.Parameter.empty else each.default)
        for name, each in inspect.signature(function).parameters.items()
        if hints[name] is not gr.Request
    }
    config = ConfigDict(strict=True, extra="forbid", protected_namespaces=())
    return create_model(function.__name__, __config__=config, **fields)


def _check(parameters: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are, once their types are right.

    Raises:
        InvalidRequest: one is not; with the parameter's name and what it should be.
    """
    try:
        parameters.model_validate(dict(values))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        name = problems[0]["loc"][0]
        of_it = [each for each in problems if each["loc"][0] == name]
        # Where it may have several types: what breaks a bound of one of them has that type, and so has a list whose item is wrong.
        bounds = [each for each in of_it if each["type"] not in WANTED]
        if bounds:
            raise explain(bounds, {}, hint="") from None
        items = [(part, each) for each in of_it for part in each["loc"] if isinstance(part, int)]
        told = [each for part, each in items if part == items[0][0]] or of_it
        wanted = [WANTED[each["type"]] for each in told]
        where = f"{name}[{items[0][0]}]" if items else name
        raise InvalidRequest(f"{where} must be {' or '.join(dict.fromkeys(wanted))}.") from None
    return dict(values)
