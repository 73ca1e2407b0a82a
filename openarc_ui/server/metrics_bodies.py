"""Bodies of the routes about metrics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from openarc_ui.engine.frozen import Frozen
from openarc_ui.metrics.queries import LONGEST_VALUE

NOTES = "Names in the filter that no request ever had."


class TotalsBody(BaseModel):
    """Counts over the requests of a filter."""

    requests: int
    failed: int
    cancelled: int
    refused: int = Field(description="Wrong themselves, so they did not fail.")
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
    notes: list[str] = Field(description=NOTES)


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
    cores: list[dict[str, Any]] = Field(
        description="Of each bucket narrower than five minutes: percent of each core, the least and the most of them."
    )
    load: list[dict[str, Any]] = Field(
        description="Of each bucket, all requests together: tokens a second, requests and errors a minute; 0 where there was none."
    )
    notes: list[str] = Field(description=NOTES)


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
    notes: list[str] = Field(description=NOTES)


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
    notes: list[str] = Field(description=NOTES)


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
