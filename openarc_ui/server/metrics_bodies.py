"""Bodies of the routes about metrics, and the filter as query parameters."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from openarc_ui.engine.frozen import Frozen
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.queries import CUSTOM, LONGEST_VALUE, MOST_VALUES, RANGES, VALUES, filter_of

MOMENT = "Seconds since the epoch, or a time with its zone such as 2026-11-26T04:30:00Z."
DESCRIPTIONS: dict[str, str] = {
    "range": "A span that ends now; left out: everything, or since and until.",
    "since": f"Begin of the span, inclusive. {MOMENT}",
    "until": f"End of the span, exclusive. {MOMENT}",
    "model": "Name the model was served under.",
    "backend": "genai, optimum or scripted.",
    "device": "As it was loaded on: CPU, GPU.0, ...",
    "configuration": "A configuration_id: model, backend, versions, device and effective properties.",
    "outcome": "How the request ended.",
    "source": "Where it came from.",
}
EXAMPLES: dict[str, Any] = {
    "range": "24h",
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
        prefix: before each name, such as "a." for a route that takes two filters.

    Attributes:
        query_names: name of each parameter -> it may be there several times; see server/queries.py.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.query_names = {f"{prefix}{name}": name in DIMENSIONS for name in DESCRIPTIONS}

    async def __call__(self, request: Request) -> Filter:
        """Raises InvalidRequest for what can't be, with the nearest right name."""
        queries = request.query_params
        given: dict[str, Any] = {
            name: (queries.getlist if name in DIMENSIONS else queries.get)(f"{self._prefix}{name}")
            for name in DESCRIPTIONS
        }
        return filter_of(**given)

    def described(self) -> list[dict[str, Any]]:
        """The parameters as OpenAPI has them."""
        return [
            {
                "name": f"{self._prefix}{name}",
                "in": "query",
                "required": False,
                "description": words + (" May be there several times." if name in DIMENSIONS else ""),
                "schema": _schema(name),
                "example": EXAMPLES[name],
            }
            for name, words in DESCRIPTIONS.items()
        ]


def _schema(name: str) -> dict[str, Any]:
    known = (*RANGES, CUSTOM) if name == "range" else VALUES.get(name)
    one = {"type": "string", "maxLength": LONGEST_VALUE} | ({} if known is None else {"enum": list(known)})
    return {"type": "array", "items": one, "maxItems": MOST_VALUES} if name in DIMENSIONS else one


class TotalsBody(BaseModel):
    """Counts over the requests of a filter."""

    requests: int
    failed: int
    cancelled: int
    prompt_tokens: int
    cached_prompt_tokens: int | None = Field(description="From the prefix cache; null when no request told.")
    told_prompt_tokens: int = Field(description="Prompt tokens of the requests that told how many were cached.")
    generated_tokens: int


class FigureBody(BaseModel):
    """One figure over the requests of a filter."""

    name: str = Field(examples=["ttft_seconds"])
    label: str = Field(examples=["TTFT"])
    unit: Literal["s", "tokens/s"]
    count: int = Field(description="How many requests have it (gaps, for inter-token latencies); exact.")
    sampled: int = Field(description="From how many of them the percentiles come.")
    mean: float | None
    p50: float | None
    p90: float | None
    p99: float | None
    least: float | None
    most: float | None


class GroupBody(BaseModel):
    """How many requests and tokens, and how much of the prompts came from the prefix cache."""

    totals: TotalsBody
    prefix_cache_percent: float | None = Field(description="Of told_prompt_tokens; null when no request told.")


class SummaryBody(GroupBody):
    """Answer of `/metrics/summary`."""

    since: float | None = Field(description="Seconds since the epoch, inclusive; null: from the beginning.")
    until: float | None = Field(description="Seconds since the epoch, exclusive; null: to the end.")
    figures: dict[str, FigureBody] = Field(description="By name; what nothing has is absent.")
    notes: list[str] = Field(description="Why there is nothing: a name that no request ever had.")


class GridBody(BaseModel):
    """Buckets on a time axis."""

    start: float
    width_seconds: float
    points: int


class SeriesBody(BaseModel):
    """Answer of `/metrics/series`. `time` is the begin of a bucket, in seconds since the epoch."""

    grid: GridBody | None = Field(description="null: there is nothing in the span.")
    requests: list[dict[str, Any]] = Field(
        description="Of each bucket and model: requests, and the mean of each figure."
    )
    machine: list[dict[str, Any]] = Field(
        description='Of each bucket and worker ("" is the machine): processor, memory.'
    )
    power: list[dict[str, Any]] = Field(description="Of each bucket and source: watts.")


class StagesBody(BaseModel):
    """Where the time of one configuration's requests went."""

    model: str
    configuration_id: str
    requests: int
    mean_seconds: dict[str, float | None] = Field(description="By stage; together the mean of total_seconds.")


class RequestsBody(BaseModel):
    """Answer of `/metrics/requests`."""

    requests: list[dict[str, Any]] = Field(description="Newest first, every column but the inter-token latencies.")
    next_before_id: int | None = Field(description="`before_id` of the next page; null: there is none.")


class StageBody(BaseModel):
    """One part of one request's time."""

    name: str = Field(examples=["prefill"])
    label: str
    meaning: str
    seconds: float


class RequestBody(BaseModel):
    """Answer of `/metrics/requests/{request_id}`."""

    request: dict[str, Any] = Field(description="Every column but the inter-token latencies.")
    inter_token_latencies_seconds: list[float]
    stages: list[StageBody] = Field(description="Together they are total_seconds.")
    settings: dict[str, Any] | None = Field(description="What was asked, without its texts; null: not kept.")
    messages: dict[str, Any] | None = Field(description="The whole request; null unless the server keeps texts.")
    answers: list[str] | None = Field(description="null unless the server keeps texts.")
    configuration: dict[str, Any] | None = Field(description="The loaded model it ran on; null: not kept.")


class DifferenceBody(BaseModel):
    """One figure of two groups."""

    name: str = Field(examples=["decode_tokens_per_second"])
    label: str
    unit: Literal["s", "tokens/s"]
    a: FigureBody | None
    b: FigureBody | None
    median_a: float | None
    median_b: float | None
    difference_percent: float | None = Field(description="Of b's median, relative to a's.")
    low_percent: float | None = Field(description="Lower end of the 95% interval.")
    high_percent: float | None
    verdict: Literal["better", "worse", "no real difference", "too few"]
    words: str


class ComparisonBody(BaseModel):
    """Answer of `/metrics/compare`."""

    a: GroupBody
    b: GroupBody
    figures: list[DifferenceBody]


class DefinitionBody(BaseModel):
    """What a figure is."""

    name: str
    label: str
    words: str
    unit: Literal["s", "tokens/s"]
    is_better_higher: bool | None
    formula: str
    documentation: str = Field(examples=["/docs/metrics#ttft_seconds"])


class StageMeaningBody(BaseModel):
    """What a stage is."""

    name: str
    label: str
    meaning: str


class DefinitionsBody(BaseModel):
    """Answer of `/metrics/definitions`."""

    figures: list[DefinitionBody]
    stages: list[StageMeaningBody]


class BandwidthBody(BaseModel):
    """How fast a device reads its memory, measured here."""

    device: str = Field(examples=["CPU"])
    device_name: str
    bytes_per_second: float
    measured_at: float = Field(description="Seconds since the epoch.")
    method: str


class RoofBody(BaseModel):
    """How near one configuration comes to what the memory can give."""

    model: str
    configuration_id: str
    device: str | None
    decode_tokens_per_second: float | None = Field(description="Median of the newest requests that ran alone.")
    context_tokens: float | None
    bandwidth: BandwidthBody | None
    fraction: float | None = Field(description="Bytes read a second over the bandwidth; null: `missing` says why.")
    bytes_per_token: float | None
    bytes_per_second: float | None
    bandwidth_bytes_per_second: float | None
    words: str
    missing: str | None


class BandwidthAsked(Frozen):
    """Body of `POST /metrics/bandwidth`."""

    model_config = Frozen.model_config | {"json_schema_extra": {"examples": [{"device": "CPU"}]}}

    device: str = Field(min_length=1, max_length=LONGEST_VALUE, description="A single device: CPU, GPU.0, ...")
