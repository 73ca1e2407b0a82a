"""What is measured of a request: one table that feeds the tiles, REST, the plots, comparisons and the checks of docs/metrics.md.

Prometheus has a table of its own in counts.py, under the names that are known there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure of a request.

    Attributes:
        name: column of `requests`, field of a PerformanceReport, and anchor in docs/metrics.md.
        label: as the page says it, as short as the field does: "TTFT".
        words: the label in full.
        unit: as it is shown; `scale` times the stored value is in it.
        digits: decimals that mean something.
        is_better_higher: None where neither is better.
        formula: from moments of the request.
    """

    name: str
    label: str
    words: str
    unit: str
    scale: float
    digits: int
    is_better_higher: bool | None
    formula: str


FIGURES: tuple[Definition, ...] = (
    Definition("ttft_seconds", "TTFT", "Time to first token", "ms", 1000.0, 0, False, "first token - submitted"),
    Definition(
        "tpot_seconds",
        "TPOT",
        "Time per output token",
        "ms",
        1000.0,
        1,
        False,
        "(last step - first step) / (steps - 1)",
    ),
    Definition(
        "prefill_tokens_per_second",
        "Prefill",
        "Prefill throughput",
        "tok/s",
        1.0,
        0,
        True,
        "prompt tokens / (first token - ids handed to the backend)",
    ),
    Definition(
        "decode_tokens_per_second",
        "Decode",
        "Decode throughput",
        "tok/s",
        1.0,
        1,
        True,
        "(generated tokens - first tokens) / (last step - first step)",
    ),
    Definition("queue_seconds", "Queue", "Queue time", "ms", 1000.0, 0, False, "taken up - submitted"),
    Definition("total_seconds", "End to end", "End-to-end latency", "s", 1.0, 2, False, "ended - submitted"),
)
"""Figures that every request has once; their percentiles are over requests."""

INTER_TOKEN = Definition(
    "inter_token_latencies_seconds",
    "ITL",
    "Inter-token latency",
    "ms",
    1000.0,
    1,
    False,
    "step n - step n-1, one for each step after the first",
)
"""Its percentiles are over all gaps of all requests, not over requests."""
BY_NAME: dict[str, Definition] = {each.name: each for each in (*FIGURES, INTER_TOKEN)}


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of where a request's time went; the stages of a request add up to its `total_seconds`."""

    name: str
    label: str
    meaning: str


STAGES: tuple[Stage, ...] = (
    Stage("queue", "Queue", "waiting for the model"),
    Stage("template", "Template", "rendering the chat template"),
    Stage("tokenize", "Tokenize", "turning the prompt into ids"),
    Stage("prefill", "Prefill", "reading the prompt, until the first token"),
    Stage("inference", "Decode inference", "the device computing the tokens after the first"),
    Stage("sampling", "Sampling", "choosing those tokens"),
    Stage("decode", "Decode, not divided", "the tokens after the first, where the backend does not tell its parts"),
    Stage("detokenize", "Detokenize", "turning ids into text"),
    Stage("stream", "Stream", "handing text to the main process"),
    Stage("other", "Other", "what is left: scheduling, bookkeeping, other requests' turns"),
)
