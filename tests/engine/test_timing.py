"""Every figure of a report against a scripted timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from openarc_ui.engine.timing import ServedBy, Stopwatch
from openarc_ui.engine.types import FinishReason
from openarc_ui.errors import GenerationFailed
from tests.conftest import ask

SERVED_BY = ServedBy("model", "genai", "CPU", "abc")


def clock_of(*moments: float) -> Callable[[], float]:
    """A clock that shows these moments, one each time it is read."""
    remaining: Iterator[float] = iter(moments)
    return lambda: next(remaining)


def test_a_whole_request_to_the_microsecond() -> None:
    stopwatch = Stopwatch(
        100.0, 1_700_000_000.0, clock_of(100.5, 100.501, 100.503, 100.510, 100.710, 100.730, 100.760, 100.761)
    )
    stopwatch.take_up()
    stopwatch.templated(stopwatch.clock())
    stopwatch.tokenized(50)
    stopwatch.started()
    for first in (1, 0, 0):
        stopwatch.step(1, first)
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.STOP, None)
    assert report.queue_seconds == pytest.approx(0.5, abs=1e-6)
    assert report.template_seconds == pytest.approx(0.001, abs=1e-6)
    assert report.tokenize_seconds == pytest.approx(0.002, abs=1e-6)
    assert report.ttft_seconds == pytest.approx(0.710, abs=1e-6)
    assert report.prefill_seconds == pytest.approx(0.200, abs=1e-6)
    assert report.decode_seconds == pytest.approx(0.050, abs=1e-6)
    assert report.inter_token_latencies_seconds == pytest.approx((0.020, 0.030), abs=1e-6)
    assert report.tpot_seconds == pytest.approx(0.025, abs=1e-6)
    assert report.prefill_tokens_per_second == pytest.approx(250.0, rel=1e-6)
    assert report.decode_tokens_per_second == pytest.approx(40.0, rel=1e-6)
    assert report.total_seconds == pytest.approx(0.761, abs=1e-6)
    assert (report.submitted_at, report.prompt_tokens, report.generated_tokens) == (1_700_000_000.0, 50, 3)


def test_what_never_happened_is_none_and_not_zero() -> None:
    report = Stopwatch(1.0, 0.0, clock_of(3.0)).report(ask("hi"), SERVED_BY, FinishReason.CANCELLED, None)
    nothing = (
        report.prefill_seconds,
        report.ttft_seconds,
        report.tpot_seconds,
        report.decode_tokens_per_second,
        report.prompt_tokens,
    )
    assert nothing == (None,) * 5
    assert report.total_seconds == 2.0


def test_a_request_that_was_never_taken_up_waited_all_its_time() -> None:
    report = Stopwatch(1.0, 0.0, clock_of(3.5)).report(ask("hi"), SERVED_BY, FinishReason.CANCELLED, None)
    assert report.queue_seconds == report.total_seconds == 2.5


def test_a_request_that_ended_while_its_prompt_was_read_shows_that_stage_and_no_rate() -> None:
    stopwatch = Stopwatch(0.0, 0.0, clock_of(1.0, 1.25, 1.5, 4.0))
    stopwatch.take_up()
    stopwatch.templated_at = 1.125
    stopwatch.tokenized(1000)
    stopwatch.started()
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.CANCELLED, None)
    assert (report.queue_seconds, report.prefill_seconds) == (1.0, 2.5)
    assert (report.ttft_seconds, report.prefill_tokens_per_second, report.decode_seconds) == (None,) * 3


def test_one_token_has_a_ttft_and_no_decode() -> None:
    stopwatch = Stopwatch(0.0, 0.0, clock_of(0.1, 0.2))
    stopwatch.step(1, 1)
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.LENGTH, None)
    assert (report.ttft_seconds, report.decode_seconds, report.tpot_seconds) == (0.1, None, None)
    assert report.inter_token_latencies_seconds == ()


def test_several_sequences_count_their_later_tokens_only() -> None:
    stopwatch = Stopwatch(0.0, 0.0, clock_of(1.0, 2.0, 3.0, 3.0))
    for tokens, first in ((3, 3), (3, 0), (3, 0)):
        stopwatch.step(tokens, first)
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.LENGTH, None)
    assert report.generated_tokens == 9
    assert report.decode_tokens_per_second == pytest.approx(3.0)
    assert report.tpot_seconds == pytest.approx(1.0)


def test_an_error_is_in_the_report() -> None:
    report = Stopwatch(0.0, 0.0, clock_of(1.0)).report(
        ask("hi"), SERVED_BY, FinishReason.ERROR, GenerationFailed("no", "hint")
    )
    assert (report.error_code, report.error_message) == ("generation_failed", "no")


def decoding(*moments: float) -> Stopwatch:
    """A stopwatch that saw its first step at the first of these moments."""
    stopwatch = Stopwatch(0.0, 0.0, clock_of(*moments))
    stopwatch.step(1, 1)
    return stopwatch


def test_what_comes_before_the_first_step_or_after_the_last_is_no_part_of_the_decode() -> None:
    stopwatch = Stopwatch(0.0, 0.0, clock_of(1.0, 2.0, 9.0))
    stopwatch.detokenized(0.3)
    stopwatch.streamed(0.4)
    stopwatch.step(1, 1)
    stopwatch.detokenized(0.01)
    stopwatch.streamed(0.02)
    stopwatch.step(1)
    stopwatch.streamed(5.0)
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.STOP, None)
    assert (report.detokenize_seconds, report.stream_seconds) == (0.01, 0.02)


def test_inference_that_overlaps_with_handing_over_is_never_more_than_is_left() -> None:
    stopwatch = decoding(1.0, 2.0, 2.0)
    stopwatch.streamed(0.3)
    stopwatch.detokenized(0.1)
    stopwatch.step(1)
    stopwatch.told(0.99, 0.05)
    report = stopwatch.report(ask("hi"), SERVED_BY, FinishReason.STOP, None)
    assert report.decode_sampling_seconds == 0.05
    assert report.decode_inference_seconds == pytest.approx(0.55)


def test_the_cache_was_as_full_as_in_its_fullest_step() -> None:
    stopwatch = decoding(1.0, 2.0)
    for percent in (0.0, 40.0, 10.0):
        stopwatch.saw_cache(percent)
    assert stopwatch.report(ask("hi"), SERVED_BY, FinishReason.STOP, None).kv_cache_percent == 40.0
    unseen = decoding(1.0, 2.0).report(ask("hi"), SERVED_BY, FinishReason.STOP, None)
    assert unseen.kv_cache_percent is None, "not zero, where nobody told"
