"""The figures of a repetition from its reports: plain arithmetic."""

from __future__ import annotations

import pytest

from openarc_ui.tuning.measuring.repetition import Told, sample_of
from tests.reports import report, unmeasured


def test_figures_are_medians_over_the_requests_and_throughput_is_of_all_together() -> None:
    slow, middle, fast = (
        report(
            ttft_seconds=ttft,
            prefill_tokens_per_second=1000 * ttft,
            decode_tokens_per_second=10 / ttft,
            tpot_seconds=ttft / 10,
            total_seconds=2 * ttft,
            prompt_tokens=100,
            generated_tokens=50,
        )
        for ttft in (4.0, 2.0, 1.0)
    )
    told = [Told(10.0, 14.0, (slow, middle)), Told(10.5, 15.0, (fast,))]
    sample = sample_of(123.0, told, 0.25)
    assert (sample.began_at, sample.wall_seconds, sample.others_cores) == (123.0, 5.0, 0.25)
    assert (sample.ttft_seconds, sample.total_seconds, sample.tpot_seconds) == (2.0, 4.0, 0.2)
    assert (sample.prefill_tokens_per_second, sample.decode_tokens_per_second) == (2000.0, 5.0)
    assert (sample.prompt_tokens, sample.generated_tokens) == (300, 150)
    assert sample.throughput_tokens_per_second == pytest.approx(30.0)


def test_what_was_not_measured_is_none_and_not_nothing() -> None:
    sample = sample_of(
        0.0, [Told(0.0, 1.0, (unmeasured(generated_tokens=1, total_seconds=1.0, prompt_tokens=8),))], None
    )
    assert sample.ttft_seconds is None and sample.decode_tokens_per_second is None and sample.tpot_seconds is None
    assert sample.total_seconds == 1.0 and sample.throughput_tokens_per_second == 1.0


def test_a_request_without_a_figure_does_not_count_for_it() -> None:
    told = [Told(0.0, 1.0, (report(tpot_seconds=0.5), report(tpot_seconds=None), report(tpot_seconds=0.25)))]
    assert sample_of(0.0, told, None).tpot_seconds == 0.375
