"""The filter of the metrics as parameters of named Gradio endpoints, with the choices there are and what each means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from openarc_ui.metrics.filters import DIMENSIONS
from openarc_ui.metrics.queries import CUSTOM, LONGEST_VALUE, RANGES, VALUES

Ask = Callable[..., Any]
"""What a question to the store comes to, on a thread."""
MOMENT = "Seconds since the epoch, or a time with its zone such as 2026-11-26T04:30:00Z"


def _names(dimension: str) -> dict[str, Any]:
    """One value or several; told as a choice where there is one, and not held against it: `filter_of` says it better."""
    one: dict[str, Any] = {"type": "string", "maxLength": LONGEST_VALUE}
    known = VALUES.get(dimension)
    one = one if known is None else {"type": "string", "enum": list(known)}
    return {"anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}


Span = Annotated[
    str,
    Field(
        description="A span that ends now, or custom for since and until.",
        json_schema_extra={"enum": [*RANGES, CUSTOM]},
    ),
]
Since = Annotated[str, Field(description=f"Begin of the span, inclusive. {MOMENT}; empty: open.")]
Until = Annotated[str, Field(description=f"End of the span, exclusive. {MOMENT}; empty: open.")]
Models = Annotated[
    list[str] | str | None,
    WithJsonSchema(_names("model") | {"description": "Only requests to this model, or to these; left out: all."}),
]
Backends = Annotated[
    list[str] | str | None,
    WithJsonSchema(
        _names("backend") | {"examples": ["genai"], "description": "Only of this backend, or of these; left out: all."}
    ),
]
Devices = Annotated[
    list[str] | str | None,
    WithJsonSchema(
        _names("device")
        | {
            "examples": ["CPU"],
            "description": "Only on this device, or on these, as they were loaded: CPU, GPU.0, ...; left out: all.",
        }
    ),
]
Configurations = Annotated[
    list[str] | str | None,
    WithJsonSchema(
        _names("configuration")
        | {
            "description": "A configuration_id, or several: model, backend, versions, device and effective properties; left out: all."
        }
    ),
]
Outcomes = Annotated[
    list[str] | str | None,
    WithJsonSchema(_names("outcome") | {"description": "How the request ended, one or several; left out: all."}),
]
Sources = Annotated[
    list[str] | str | None,
    WithJsonSchema(
        _names("source")
        | {
            "description": "Where the request came from, one or several; left out: everywhere but from tuning runs, "
            "whose hundreds of requests would be most of all."
        }
    ),
]


def asked(range: str, since: str, until: str, *dimensions: list[str] | str | None) -> dict[str, Any]:
    """The arguments of `filter_of`. A span that is given needs no range beside it.

    Args:
        dimensions: in the order of DIMENSIONS.
    """
    is_custom = range == "all" and bool(since or until)
    span = {"range": "custom" if is_custom else range, "since": since, "until": until}
    return {**span, **dict(zip(DIMENSIONS, dimensions, strict=True))}
