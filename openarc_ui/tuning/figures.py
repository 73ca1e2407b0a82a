"""What is measured of a configuration: one table for tables, pictures, exports, objectives and the checks of docs/tuning.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Place = Literal["sample", "visit", "quality"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a configuration.

    Attributes:
        name: field of Sample, Visit or Quality, and anchor in docs/tuning.md.
        place: which of them.
        unit: as it is shown; `scale` times the stored value is in it.
        digits: decimals that mean something.
    """

    name: str
    label: str
    words: str
    place: Place
    unit: str
    scale: float
    digits: int
    is_better_higher: bool


FIGURES: tuple[Figure, ...] = (
    Figure("ttft_seconds", "TTFT", "Time to first token", "sample", "ms", 1000.0, 0, False),
    Figure("prefill_tokens_per_second", "Prefill", "Prefill throughput", "sample", "tok/s", 1.0, 0, True),
    Figure("decode_tokens_per_second", "Decode", "Decode throughput of one request", "sample", "tok/s", 1.0, 1, True),
    Figure("tpot_seconds", "TPOT", "Time per output token", "sample", "ms", 1000.0, 1, False),
    Figure("total_seconds", "Latency", "One whole request", "sample", "s", 1.0, 2, False),
    Figure(
        "throughput_tokens_per_second", "Throughput", "Generated tokens of all users", "sample", "tok/s", 1.0, 1, True
    ),
    Figure("memory_bytes", "Memory", "Resident memory of the worker", "visit", "MB", 1e-6, 0, False),
    Figure("device_memory_bytes", "Device memory", "Memory the device holds", "visit", "MB", 1e-6, 0, False),
    Figure("load_seconds", "Load", "Until the model answers", "visit", "s", 1.0, 2, False),
    Figure("mean_kl_divergence", "KL", "Mean KL divergence from the reference", "quality", "nats", 1.0, 4, False),
    Figure("perplexity", "Perplexity", "Perplexity of the bundled text", "quality", "", 1.0, 2, False),
    Figure("identical_share", "Identical", "Greedy answers that are the same", "quality", "%", 100.0, 0, True),
)
BY_NAME = {figure.name: figure for figure in FIGURES}
NOUNS: Mapping[str, str] = {
    "ttft_seconds": "TTFT",
    "prefill_tokens_per_second": "prefill throughput",
    "decode_tokens_per_second": "decode throughput",
    "tpot_seconds": "TPOT",
    "total_seconds": "latency",
    "throughput_tokens_per_second": "throughput",
    "memory_bytes": "memory",
    "device_memory_bytes": "device memory",
    "load_seconds": "load time",
    "mean_kl_divergence": "KL divergence",
    "perplexity": "perplexity",
    "identical_share": "share of identical answers",
}
"""A figure within a sentence."""


def nouns_of(names: Iterable[str]) -> str:
    """Several within a sentence: "TTFT, latency and memory"."""
    told = [NOUNS[name] for name in names]
    return " and ".join(part for part in (", ".join(told[:-1]), *told[-1:]) if part)


def size_words(size_bytes: float) -> str:
    """Bytes in the unit of the tables, or a smaller one where little is left of them in that: "1,850 MB", "1 kB"."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:,.0f} {unit}"
    return f"{size_bytes:.0f} B"
