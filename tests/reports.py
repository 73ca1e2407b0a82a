"""Made-up reports for tests of what keeps and shows them."""

from __future__ import annotations

import dataclasses
from typing import Any

from openarc_ui.engine.types import FinishReason, PerformanceReport

WHOLE = PerformanceReport(
    request_id="r",
    model="model",
    backend="genai",
    device="CPU",
    configuration_id="abc",
    source="chat",
    submitted_at=1_700_000_000.0,
    finish_reason=FinishReason.STOP,
    error_code=None,
    error_message=None,
    seed=7,
    queue_seconds=0.001,
    template_seconds=0.002,
    tokenize_seconds=0.003,
    ttft_seconds=0.2,
    prefill_seconds=0.19,
    decode_seconds=0.3,
    detokenize_seconds=0.001,
    total_seconds=0.6,
    prompt_tokens=50,
    cached_prompt_tokens=None,
    generated_tokens=4,
    tpot_seconds=0.1,
    prefill_tokens_per_second=263.0,
    decode_tokens_per_second=10.0,
    inter_token_latencies_seconds=(0.1, 0.05, 0.15),
    concurrent_requests=1,
    decode_inference_seconds=0.28,
    decode_sampling_seconds=0.01,
    stream_seconds=0.002,
    kv_cache_percent=12.5,
)


def report(**changes: Any) -> PerformanceReport:
    """WHOLE with some fields changed."""
    return dataclasses.replace(WHOLE, **changes)


def unmeasured(**changes: Any) -> PerformanceReport:
    """A request that ended before anything could be measured."""
    names = [field.name for field in dataclasses.fields(WHOLE) if field.name.endswith(("_seconds", "_per_second"))]
    empty = {name: None for name in names if name not in ("total_seconds", "inter_token_latencies_seconds")}
    return report(
        **{
            **empty,
            "kv_cache_percent": None,
            "prompt_tokens": None,
            "generated_tokens": 0,
            "inter_token_latencies_seconds": (),
            **changes,
        }
    )
