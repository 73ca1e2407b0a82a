"""The engine's sampling parameters as those of an endpoint: a new one is there, with bounds and text, without a word here."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection
from typing import Annotated, Any

from pydantic import Field

from openarc_ui.engine.sampling_parameters import SamplingParameters, StopString

ONE_OR_SEVERAL: dict[str, Any] = {"stop": StopString}
"""Parameters that may also be one value in place of a list."""


def with_sampling(function: Callable[..., Any], left_out: Collection[str] = ()) -> Callable[..., Any]:
    """The function, whose `**sampling` are the engine's sampling parameters by name.

    Args:
        function: its parameters after `**sampling` are keyword only; for Gradio they come after the sampling parameters.
        left_out: sampling parameters that mean nothing to it.
    """
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function, include_extras=True)
    own = list(signature.parameters.values())
    parameters = [each for each in own if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    sampling = {name: _hint(name) for name in SamplingParameters.model_fields if name not in left_out}
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters += [inspect.Parameter(name, plain, default=None, annotation=hint) for name, hint in sampling.items()]
    parameters += [each.replace(kind=plain) for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY]
    described: Any = function
    described.__signature__ = signature.replace(parameters=parameters)
    described.__annotations__ = {name: hint for name, hint in hints.items() if name != "sampling"} | sampling
    return function


def _hint(name: str) -> Any:
    """A field's type as JSON has it, which knows lists and no tuples, with its bounds and its text."""
    field = SamplingParameters.model_fields[name]
    text = Field(description=field.description)
    hint: Any = Annotated[(_listed(field.annotation), *field.metadata, text)]
    alone = ONE_OR_SEVERAL.get(name)
    return hint if alone is None else Annotated[alone | hint, text]


def _listed(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        listed = [_listed(each) for each in typing.get_args(hint)]
        whole = listed[0]
        for each in listed[1:]:
            whole = whole | each
        return whole
    if typing.get_origin(hint) is tuple:
        return list[typing.get_args(hint)[0]]  # type: ignore[misc]
    return hint
