"""Bodies of the routes about metrics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from openarc_ui.engine.frozen import Frozen
from openarc_ui.metrics.queries import LONGEST_VALUE

NOTES = "Names in the filter that no request ever had."


class TotalsBody(BaseModel):
    """Counts over the requests of a filter."""

    requests: int = Field(description="All of them.")
    failed: int = Field(description="Ended with an error that was not theirs.")
    cancelled: int = Field(description="Ended by who asked.")
    refused: int = Field(description="Wrong themselves, so they did not fail.")
    prompt_tokens: int = Field(description="Together.")
    cached_prompt_tokens: int | None = Field(description="From the prefix cache; null when no request told.")
    told_prompt_tokens: int = Field(description="Prompt tokens of the requests that told how many were cached.")
    generated_tokens: int = Field(description="Together.")


class FigureBody(BaseModel):
    """One figure over the requests of a filter."""

    name: str = Field(description="Of the figure.", examples=["ttft_seconds"])
    label: str = Field(description="As it is shown.", examples=["TTFT"])
    unit: Literal["s", "tokens/s"] = Field(description="Of all its numbers.")
    count: int = Field(description="How many requests have it (gaps, for inter-token latencies); exact.")
    sampled: int = Field(description="From how many of them the percentiles come.")
    mean: float | None = Field(description="Exact; null where nothing has it.")
    p50: float | None = Field(description="The median.")
    p90: float | None = Field(description="Nine of ten are at most this.")
    p99: float | None = Field(description="99 of 100 are at most this.")
    least: float | None = Field(description="The smallest.")
    most: float | None = Field(description="The largest.")


class GroupBody(BaseModel):
    """How many requests and tokens, and how much of the prompts came from the prefix cache."""

    totals: TotalsBody = Field(description="Requests and tokens.")
    prefix_cache_percent: float | None = Field(description="Of told_prompt_tokens; null when no request told.")


class MetricsSummaryBody(GroupBody):
    """Answer of `/metrics/summary`."""

    since: float | None = Field(description="Seconds since the epoch, inclusive; null: from the beginning.")
    until: float | None = Field(description="Seconds since the epoch, exclusive; null: to the end.")
    figures: dict[str, FigureBody] = Field(description="By name; what nothing has is absent.")
    notes: list[str] = Field(description=NOTES)


class GridBody(BaseModel):
    """Buckets on a time axis."""

    start: float = Field(description="Begin of the first bucket, seconds since the epoch.")
    width_seconds: float = Field(description="Of each bucket.")
    points: int = Field(description="How many buckets there are.")


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

    model: str = Field(description="Name it was served under.")
    configuration_id: str = Field(description="What it ran as.")
    requests: int = Field(description="How many these are means of.")
    mean_seconds: dict[str, float | None] = Field(description="By stage; together the mean of total_seconds.")


class RequestsBody(BaseModel):
    """Answer of `/metrics/requests`."""

    requests: list[dict[str, Any]] = Field(description="Newest first, every column but the inter-token latencies.")
    next_before_id: int | None = Field(description="`before_id` of the next page; null: there is none.")
    notes: list[str] = Field(description=NOTES)


class StageBody(BaseModel):
    """One part of one request's time."""

    name: str = Field(description="Of the stage.", examples=["prefill"])
    label: str = Field(description="As it is shown.")
    meaning: str = Field(description="What happens in it.")
    seconds: float = Field(description="How long it took.")


class RequestBody(BaseModel):
    """Answer of `/metrics/requests/{request_id}`."""

    request: dict[str, Any] = Field(description="Every column but the inter-token latencies.")
    inter_token_latencies_seconds: list[float] = Field(description="The gap before every step but the first, in order.")
    stages: list[StageBody] = Field(description="Together they are total_seconds.")
    settings: dict[str, Any] | None = Field(description="What was asked, without its texts; null: not kept.")
    messages: dict[str, Any] | None = Field(
        description="The whole request; null unless texts are kept and the key is the administrator's."
    )
    answers: list[str] | None = Field(description="null unless messages are there too.")
    configuration: dict[str, Any] | None = Field(description="The loaded model it ran on; null: not kept.")


class DifferenceBody(BaseModel):
    """One figure of two groups."""

    name: str = Field(description="Of the figure.", examples=["decode_tokens_per_second"])
    label: str = Field(description="As it is shown.")
    unit: Literal["s", "tokens/s"] = Field(description="Of its numbers.")
    a: FigureBody | None = Field(description="In group a; null where nothing has it.")
    b: FigureBody | None = Field(description="In group b.")
    median_a: float | None = Field(description="Of group a.")
    median_b: float | None = Field(description="Of group b.")
    difference_percent: float | None = Field(description="Of b's median, relative to a's.")
    low_percent: float | None = Field(description="Lower end of the 95% interval.")
    high_percent: float | None = Field(description="Upper end of it.")
    verdict: Literal["better", "worse", "no real difference", "too few"] = Field(
        description="b against a; too few: no interval can be given."
    )
    words: str = Field(description="The same as a sentence.")


class ComparisonBody(BaseModel):
    """Answer of `/metrics/compare`."""

    a: GroupBody = Field(description="The first group.")
    b: GroupBody = Field(description="The second group.")
    figures: list[DifferenceBody] = Field(description="Each with its difference.")
    notes: list[str] = Field(description=NOTES)


class DefinitionBody(BaseModel):
    """What a figure is."""

    name: str = Field(description="Of the figure.")
    label: str = Field(description="As it is shown.")
    words: str = Field(description="What it is.")
    unit: Literal["s", "tokens/s"] = Field(description="Of its numbers.")
    is_better_higher: bool | None = Field(description="False: lower is better; null: neither.")
    formula: str = Field(description="How it is computed.")
    documentation: str = Field(description="Where more is said.", examples=["/docs/metrics#ttft_seconds"])


class StageMeaningBody(BaseModel):
    """What a stage is."""

    name: str = Field(description="Of the stage.")
    label: str = Field(description="As it is shown.")
    meaning: str = Field(description="What happens in it.")


class DefinitionsBody(BaseModel):
    """Answer of `/metrics/definitions`."""

    figures: list[DefinitionBody] = Field(description="Every figure there is.")
    stages: list[StageMeaningBody] = Field(description="Every stage of a request, in order.")


class BandwidthBody(BaseModel):
    """How fast a device reads its memory, measured here."""

    device: str = Field(description="As OpenVINO names it.", examples=["CPU"])
    device_name: str = Field(description="Its full name.")
    bytes_per_second: float = Field(description="Of its fast stretches, without outliers.")
    measured_at: float = Field(description="Seconds since the epoch.")
    method: str = Field(description="What was run to find out.")


class RoofBody(BaseModel):
    """How near one configuration comes to what the memory can give."""

    model: str = Field(description="Name it was served under.")
    configuration_id: str = Field(description="What it ran as.")
    device: str | None = Field(description="Whose memory it reads; null: not kept.")
    decode_tokens_per_second: float | None = Field(description="Median of the newest requests that ran alone.")
    context_tokens: float | None = Field(description="Mean length of what was attended to.")
    bandwidth: BandwidthBody | None = Field(description="Of the device; null: not measured.")
    fraction: float | None = Field(description="Bytes read a second over the bandwidth; null: `missing` says why.")
    bytes_per_token: float | None = Field(description="Weights and KV cache, read for each token.")
    bytes_per_second: float | None = Field(description="Of them, at the decode throughput.")
    bandwidth_bytes_per_second: float | None = Field(description="Of the device's memory.")
    words: str = Field(description="The same as a sentence.")
    missing: str | None = Field(description="Why there is no fraction; null where there is one.")


class BandwidthAsked(Frozen):
    """Body of `POST /metrics/bandwidth`."""

    model_config = Frozen.model_config | {"json_schema_extra": {"examples": [{"device": "CPU"}]}}

    device: str = Field(min_length=1, max_length=LONGEST_VALUE, description="A single device: CPU, GPU.0, ...")
