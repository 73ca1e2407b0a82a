"""The formulas alone: more never needs less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.catalogue.weights import WeightSummary
from openarc_ui.engine.memory.formulas import Situation, grouped, words
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


@pytest.mark.parametrize(
    ("memory_bytes", "said"),
    [
        (999, "999 bytes"),
        (97_400_000, "97 MB"),
        (1_850_000_000, "1.85 GB"),
        (21_725_690_000_000, "21.73 TB"),
        (1_234_567_000_000_000_000, "1\u202f234\u202f567.00 TB"),
    ],
)
def test_bytes_are_said_in_the_unit_that_reads_best(memory_bytes: int, said: str) -> None:
    assert words(memory_bytes) == said


def test_thousands_are_set_apart() -> None:
    assert [grouped(number) for number in (0, 999, 8192, 100_000)] == ["0", "999", "8\u202f192", "100\u202f000"]


def test_every_part_says_what_it_is_and_why_weights_are_more_than_the_file() -> None:
    parts = {each.name: each for each in situation().parts(4096, 100)}
    assert parts["process"].label == "Python and libraries"
    assert "more than on disk because" in parts["weights"].how and "128\u202f256" in parts["process"].how
    on_gpu = situation(device_kind="GPU").parts(4096, 1)[0]
    assert "more than on disk" not in on_gpu.how
