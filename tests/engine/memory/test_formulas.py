"""The formulas alone: more never needs less."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.catalogue.weights import WeightSummary
from openarc_ui.engine.memory.formulas import Situation
from openarc_ui.engine.memory.shape import ModelShape


def situation(**changes: Any) -> Situation:
    weights = WeightSummary(10**9, {"u4": 10**9}, {}, 6 * 10**8, 6 * 10**8)
    values: dict[str, Any] = {
        "shape": ModelShape(weights, 16, 8, 64, 64, 2048, 8192, 128_256, 131_072),
        "runner": "paged",
        "device_kind": "CPU",
        "key_precision": "u8",
        "value_precision": "u8",
        "key_group": 0,
        "value_group": 0,
        "activation_bits": 16,
        "batched_tokens": 256,
        "has_cache": True,
        "cache_limit_bytes": 0,
        "cache_limit_blocks": 0,
        "evicted_to_tokens": None,
        "is_in_system_memory": True,
    }
    return Situation(**{**values, **changes})


def needed(where: Situation, tokens: int, sequences: int) -> int:
    return sum(each.memory_bytes for each in where.parts(tokens, sequences))


@given(
    tokens=st.integers(1, 200_000),
    more=st.integers(0, 100_000),
    sequences=st.integers(1, 64),
    runner=st.sampled_from(["paged", "stateful", "optimum"]),
    kind=st.sampled_from(["CPU", "GPU", "NPU"]),
    precision=st.sampled_from(["f32", "f16", "u8", "u4"]),
    blocks=st.sampled_from([0, 1, 1000]),
    evicted=st.sampled_from([None, 672]),
)
def test_more_context_or_more_sequences_never_need_less(
    tokens: int, more: int, sequences: int, runner: str, kind: str, precision: str, blocks: int, evicted: int | None
) -> None:
    where = situation(
        runner=runner,
        device_kind=kind,
        key_precision=precision,
        value_precision=precision,
        cache_limit_blocks=blocks,
        evicted_to_tokens=evicted,
    )
    assert needed(where, tokens, sequences) <= needed(where, tokens + more, sequences)
    assert needed(where, tokens, sequences) <= needed(where, tokens, sequences + 1)


def test_a_finer_precision_of_the_cache_never_needs_less() -> None:
    sizes = [situation(key_precision=each, value_precision=each).block_bytes for each in ("u4", "u8", "f16", "f32")]
    assert sizes == sorted(sizes)
    assert situation(value_group=16).block_bytes > situation().block_bytes
