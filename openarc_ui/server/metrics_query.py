"""The filter of the metrics as query parameters: read, and described for OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.queries import CUSTOM, LONGEST_VALUE, MOST_VALUES, NAMES, RANGES, VALUES, filter_of, pair_of

MOMENT = "Seconds since the epoch, or a time with its zone such as 2026-11-26T04:30:00Z."
DESCRIPTIONS: dict[str, str] = {
    "range": "A span that ends now, or custom for since and until; left out: everything, or since and until.",
    "since": f"Begin of the span, inclusive. {MOMENT}",
    "until": f"End of the span, exclusive. {MOMENT}",
    "model": "Name the model was served under.",
    "backend": "genai, optimum or scripted.",
    "device": "As it was loaded on: CPU, GPU.0, ...",
    "configuration": "A configuration_id: model, backend, versions, device and effective properties.",
    "outcome": "How the request ended; refused: it was wrong itself.",
    "source": "Where it came from; left out: everywhere but from tuning runs, whose hundreds of requests would be most of all.",
}
EXAMPLES: dict[str, Any] = {
    "range": "custom",
    "since": "2026-11-26T00:00:00Z",
    "until": "2026-11-27T00:00:00Z",
    "model": ["SmolLM2-135M-Instruct-int4"],
    "backend": ["genai"],
    "device": ["CPU"],
    "configuration": ["3f2a9c1b77d0"],
    "outcome": ["stop", "length"],
    "source": ["rest"],
}


class FilterQuery:
    """A dependency: the filter's query parameters as a Filter. Those of DIMENSIONS may be there several times.

    It reads them itself: FastAPI would make a validator for each parameter of each route, a tenth of a second together.

    Args:
        names: the parameters that it takes; one without effect is not among them.

    Attributes:
        query_names: name of each parameter -> it may be there several times; see server/queries.py.
    """

    def __init__(self, names: Sequence[str] = NAMES) -> None:
        self._names = names
        self.query_names = {name: name in DIMENSIONS for name in names}

    async def __call__(self, request: Request) -> Filter:
        """Raises InvalidRequest for what can't be, with the nearest right name."""
        return filter_of(**_given(request, self._names))

    def described(self) -> list[dict[str, Any]]:
        """The parameters as OpenAPI has them."""
        return _described(self._names)


class PairQuery:
    """A dependency: two filters, each parameter with the prefix "a." or "b."; else like FilterQuery."""

    def __init__(self) -> None:
        self.query_names = {f"{group}.{name}": name in DIMENSIONS for group in "ab" for name in NAMES}

    async def __call__(self, request: Request) -> tuple[Filter, Filter]:
        """Raises InvalidRequest as FilterQuery does, and when neither group is filtered."""
        return pair_of(_given(request, NAMES, "a."), _given(request, NAMES, "b."))

    def described(self) -> list[dict[str, Any]]:
        """The parameters as OpenAPI has them."""
        others: dict[str, Any] = {"model": ["Qwen3-0.6B-int4"]}
        return [*_described(NAMES, "a."), *_described(NAMES, "b.", EXAMPLES | others)]


def _given(request: Request, names: Sequence[str], prefix: str = "") -> dict[str, Any]:
    queries = request.query_params
    return {name: (queries.getlist if name in DIMENSIONS else queries.get)(f"{prefix}{name}") for name in names}


def _described(names: Sequence[str], prefix: str = "", examples: Mapping[str, Any] = EXAMPLES) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{prefix}{name}",
            "in": "query",
            "required": False,
            "description": DESCRIPTIONS[name] + (" May be there several times." if name in DIMENSIONS else ""),
            "schema": _schema(name),
            "example": examples[name],
        }
        for name in names
    ]


def _schema(name: str) -> dict[str, Any]:
    known = (*RANGES, CUSTOM) if name == "range" else VALUES.get(name)
    one = {"type": "string", "maxLength": LONGEST_VALUE} | ({} if known is None else {"enum": list(known)})
    return {"type": "array", "items": one, "maxItems": MOST_VALUES} if name in DIMENSIONS else one
