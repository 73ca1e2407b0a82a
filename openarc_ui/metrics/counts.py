"""What Prometheus is told of requests: a table of histograms, and the counts of one model. Pure; nothing is formatted here."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from openarc_ui.engine.types import FinishReason, PerformanceReport
from openarc_ui.metrics.outcomes import OUTCOMES, REFUSALS, REFUSED, outcome_of

PREFIX = "openarc:"
UNKNOWN_ERROR = "unknown"
FAILURES = ("engine_closed", "generation_failed", "openarc_error", "worker_died", UNKNOWN_ERROR)
"""Codes with which a request that ran or waited can fail; they are there with 0, so that a rate sees the first one."""

# vLLM's own bounds (vllm/v1/metrics/buckets.py), all of them, so that series of both can be added up; below them the
# finer ones that a small model on a fast device needs.
FIRST_TOKEN_SECONDS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    *(20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
TOKEN_SECONDS = (
    *(0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
REQUEST_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2),
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
TOKENS = tuple(float(mantissa * 10**power) for power in range(6) for mantissa in (1, 2, 5))
"""1, 2, 5, 10, ... 500,000: vLLM's series, to a fixed end since the models here come and go."""


@dataclass(frozen=True, slots=True)
class HistogramDefinition:
    """One histogram.

    Attributes:
        name: without the prefix; vLLM's.
        field: of a PerformanceReport; one observation where it is a number, one for each where it is several, none for None.
    """

    name: str
    documentation: str
    field: str
    bounds: tuple[float, ...]


HISTOGRAMS: tuple[HistogramDefinition, ...] = (
    HistogramDefinition(
        "time_to_first_token_seconds",
        "Time to first token, from submission.",
        "ttft_seconds",
        FIRST_TOKEN_SECONDS,
    ),
    HistogramDefinition(
        "request_time_per_output_token_seconds",
        "Time per output token after the first, the mean of a request.",
        "tpot_seconds",
        TOKEN_SECONDS,
    ),
    HistogramDefinition(
        "inter_token_latency_seconds",
        "Gap between a request's steps, each one.",
        "inter_token_latencies_seconds",
        TOKEN_SECONDS,
    ),
    HistogramDefinition(
        "e2e_request_latency_seconds",
        "From submission until the request ended, however it ended.",
        "total_seconds",
        REQUEST_SECONDS,
    ),
    HistogramDefinition(
        "request_queue_time_seconds",
        "From submission until the model took the request up.",
        "queue_seconds",
        REQUEST_SECONDS,
    ),
    HistogramDefinition(
        "request_prefill_time_seconds",
        "From the prompt's ids at the backend until the first token; only requests that got one.",
        "prefill_seconds",
        REQUEST_SECONDS,
    ),
    HistogramDefinition(
        "request_decode_time_seconds",
        "From the first token to the last.",
        "decode_seconds",
        REQUEST_SECONDS,
    ),
    HistogramDefinition("request_prompt_tokens", "Prompt tokens of a request.", "prompt_tokens", TOKENS),
    HistogramDefinition("request_generation_tokens", "Generated tokens of a request.", "generated_tokens", TOKENS),
)


class Buckets:
    """How many values lie below each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, values: Sequence[float]) -> None:
        """Count each value in the first bucket whose bound is not below it."""
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)


class ModelCounts:
    """Everything counted of one model's requests since the process began."""

    __slots__ = (
        "cached_prompt_tokens",
        "failures",
        "finished",
        "generated_tokens",
        "histograms",
        "prompt_tokens",
        "refusals",
        "told_prompt_tokens",
    )

    def __init__(self) -> None:
        self.histograms = tuple(Buckets(definition.bounds) for definition in HISTOGRAMS)
        self.finished: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.failures: Counter[str] = Counter(dict.fromkeys(FAILURES, 0))
        self.refusals: Counter[str] = Counter(dict.fromkeys(sorted(REFUSALS), 0))
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.told_prompt_tokens = 0
        self.cached_prompt_tokens = 0

    def add(self, report: PerformanceReport) -> None:
        """Count one request."""
        for definition, buckets in zip(HISTOGRAMS, self.histograms, strict=True):
            value = getattr(report, definition.field)
            is_unread = definition.field == "prefill_seconds" and report.ttft_seconds is None
            if value is not None and not is_unread:
                buckets.observe(value if isinstance(value, tuple) else (value,))
        outcome = outcome_of(report)
        self.finished[outcome] += 1
        if outcome == REFUSED:
            self.refusals[str(report.error_code)] += 1
        elif outcome == FinishReason.ERROR.value:
            self.failures[report.error_code or UNKNOWN_ERROR] += 1
        self.generated_tokens += report.generated_tokens
        self.prompt_tokens += report.prompt_tokens or 0
        if report.cached_prompt_tokens is not None:
            self.told_prompt_tokens += report.prompt_tokens or 0
            self.cached_prompt_tokens += report.cached_prompt_tokens

    def copy(self) -> ModelCounts:
        """The counts as they are now, for a reader that takes its time."""
        copied = ModelCounts()
        for mine, theirs in zip(self.histograms, copied.histograms, strict=True):
            theirs.counts, theirs.total = list(mine.counts), mine.total
        copied.finished, copied.failures = self.finished.copy(), self.failures.copy()
        copied.refusals = self.refusals.copy()
        copied.prompt_tokens, copied.generated_tokens = self.prompt_tokens, self.generated_tokens
        copied.told_prompt_tokens, copied.cached_prompt_tokens = self.told_prompt_tokens, self.cached_prompt_tokens
        return copied
