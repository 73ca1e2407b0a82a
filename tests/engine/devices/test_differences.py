"""Requested beside effective: which differences count, and what is said of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.devices.differences import compare
from openarc_ui.engine.devices.values import as_text, is_same


def test_differences_come_first_and_are_explained() -> None:
    rows = compare(
        {"INFERENCE_NUM_THREADS": 1000, "PERF_COUNT": True, "WEIGHTS_PATH": "x"},
        {"INFERENCE_NUM_THREADS": "2", "PERF_COUNT": "YES", "NUM_STREAMS": "1"},
    )
    assert [row.name for row in rows] == ["INFERENCE_NUM_THREADS", "PERF_COUNT", "WEIGHTS_PATH", "NUM_STREAMS"]
    threads, counting, weights, streams = rows
    assert threads.is_different and "asked for 1000 threads, the device gave 2" in threads.explanation
    assert not counting.is_different and counting.requested == "true"
    assert weights.effective is None and "does not report" in weights.explanation
    assert streams.requested is None and not streams.is_different


def test_the_same_value_in_other_words_is_no_difference() -> None:
    for requested, effective in (
        (True, "YES"),
        ("fp16", "f16"),
        ("F32", "f32"),
        (0.3, "0.30000001192092896"),
        (0, "0"),
    ):
        assert is_same(requested, effective), (requested, effective)
    for requested, effective in ((1, "true"), ("f16", "bf16"), (0, "false"), (2, "1")):
        assert not is_same(requested, effective), (requested, effective)


def test_false_and_zero_are_values_that_were_asked_for() -> None:
    rows = {row.name: row for row in compare({"ENABLE_CPU_PINNING": False, "NUM_STREAMS": 0}, {})}
    assert (rows["ENABLE_CPU_PINNING"].requested, rows["NUM_STREAMS"].requested) == ("false", "0")


@given(st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=20)))
def test_a_value_is_the_same_as_itself(value: bool | int | str) -> None:
    assert is_same(value, as_text(value))
