"""What is said of a machine that changes meanwhile, of other programs and of the warm-up."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.drift import BUSY_CORES, background_words, drift, warm_up_words
from openarc_ui.tuning.results import Visit, WorkloadSamples
from tests.tuning.made_visits import sample, visit

DECODE, TTFT, MEMORY = (BY_NAME[name] for name in ("decode_tokens_per_second", "ttft_seconds", "memory_bytes"))


def visits_of(decodes: list[float], minutes: float = 12.0) -> list[Visit]:
    """Visits spread evenly over a time."""
    step = minutes * 60.0 / (len(decodes) - 1)
    return [visit([sample(each)], round_number=n, began_at=1000.0 + n * step) for n, each in enumerate(decodes)]


class TestDrift:
    def test_a_base_that_gets_slower_is_told_with_the_likely_cause(self) -> None:
        found = drift(visits_of([50.0, 49.6, 49.3, 48.9, 48.4, 47.95]), DECODE, "custom")
        assert found is not None
        assert found.is_real
        assert found.change_percent == pytest.approx(-4.0, abs=0.1)
        assert found.low_percent < -4.0 < found.high_percent < 0.0  # type: ignore[operator]
        assert found.words == (
            "Decode throughput of the base fell 4.0% over 12 minutes: the machine got slower, likely warmer."
        )

    def test_a_time_that_gets_longer_is_a_machine_that_gets_slower(self) -> None:
        found = drift(visits_of([50.0, 49.0, 48.0, 47.0, 46.0]), TTFT, "custom")
        assert found is not None
        assert "rose" in found.words
        assert "slower" in found.words

    def test_a_machine_that_gets_faster_is_told_too(self) -> None:
        found = drift(visits_of([46.0, 47.0, 48.0, 49.0, 50.0]), DECODE, "custom")
        assert found is not None
        assert "rose 8.7%" in found.words
        assert "faster" in found.words

    def test_what_goes_up_and_down_shows_no_drift_and_it_is_said_how_small_a_one_would_not_show(self) -> None:
        found = drift(visits_of([50.0, 51.0, 49.5, 50.5, 49.8, 50.2]), DECODE, "custom")
        assert found is not None
        assert not found.is_real
        assert found.words.startswith("Decode throughput of the base shows no drift: ")
        assert found.words.endswith("; one smaller than about 8.6% would not show).")

    def test_what_stays_exactly_as_it_was_did_not_drift(self) -> None:
        found = drift(visits_of([50.0] * 6), MEMORY, "custom")
        assert found is not None
        assert (found.is_real, found.change_percent) == (False, 0.0)

    def test_one_disturbed_visit_is_no_drift_and_does_not_bend_the_slope(self) -> None:
        found = drift(visits_of([50.0, 50.1, 49.9, 50.05, 49.95, 50.0, 50.1, 20.0]), DECODE, "custom")
        assert found is not None
        assert not found.is_real
        assert abs(found.change_percent) < 1.0

    @pytest.mark.parametrize("before", [4, 8, 12])
    def test_a_machine_that_gets_slower_at_one_moment_is_told(self, before: int) -> None:
        generator = numpy.random.default_rng(before)
        decodes = 50.0 * numpy.exp(generator.normal(0.0, 0.02, 16)) * numpy.where(numpy.arange(16) < before, 1.0, 0.85)
        found = drift(visits_of(decodes.tolist()), DECODE, "custom")
        assert found is not None
        assert found.is_real
        assert "fell" in found.words and "slower" in found.words

    def test_a_step_is_told_as_such_where_the_slope_sees_nothing(self) -> None:
        found = drift(visits_of([49.8, 50.0, 50.2, 50.4, 42.1, 42.2, 42.4, 42.5, 42.8]), TTFT, "custom")
        assert found is not None
        assert found.step_percent == pytest.approx(18.2, abs=0.1)
        assert found.words == (
            "TTFT of the base rose 18.2% at once: it differs between its first 4 and its last 5 visits, so the machine got "
            "slower in between."
        )

    def test_two_disturbed_visits_at_the_end_are_no_step(self) -> None:
        found = drift(visits_of([50.0, 50.1, 49.9, 50.05, 49.95, 50.0, 50.1, 49.9, 25.0, 20.0]), DECODE, "custom")
        assert found is not None
        assert not found.is_real

    def test_memory_that_grows_says_nothing_of_the_machine(self) -> None:
        grown = [visit([sample()], began_at=60.0 * n, memory_bytes=500 + 20 * n) for n in range(6)]
        found = drift(grown, MEMORY, "custom")
        assert found is not None
        assert "rose" in found.words
        assert "machine" not in found.words

    def test_four_visits_have_a_change_but_no_interval_and_nothing_is_called_real(self) -> None:
        found = drift(visits_of([50.0, 49.0, 48.0, 47.0]), DECODE, "custom")
        assert found is not None
        assert (found.low_percent, found.high_percent, found.is_real) == (None, None, False)
        assert "can be chance" in found.words

    def test_three_visits_are_too_few_and_so_is_no_time(self) -> None:
        assert drift(visits_of([50.0, 49.0, 48.0]), DECODE, "custom") is None
        assert drift([], DECODE, "custom") is None
        assert drift([visit([sample()]) for _ in range(6)], DECODE, "custom") is None

    def test_visits_without_the_figure_do_not_count(self) -> None:
        failed = [visit([], began_at=5000.0 + n) for n in range(5)]
        assert drift([*visits_of([50.0, 49.0, 48.0]), *failed], DECODE, "custom") is None

    @pytest.mark.parametrize("count", [5, 8, 60])
    def test_of_a_steady_machine_drift_is_rarely_told(self, count: int) -> None:
        generator, trials = numpy.random.default_rng(count), 200
        told = 0
        for _ in range(trials):
            found = drift(visits_of((50.0 * numpy.exp(generator.normal(0.0, 0.03, count))).tolist()), DECODE, "custom")
            assert found is not None
            told += found.is_real
        assert told <= 10, "2 of a hundred are promised, of step and trend together"

    def test_what_is_measured_beside_it_shows_a_step_that_the_base_alone_hides(self) -> None:
        """5% at a noise of 3%, 16 rounds: by A alone it is told in 5 of 10, with B in nearly all."""
        told = {"alone": 0, "both": 0}
        for seed in range(20):
            generator = numpy.random.default_rng(seed)
            of_a, of_b = (
                visits_of(
                    (speed * numpy.exp(generator.normal(0.0, 0.03, 16)) * numpy.repeat([1.0, 0.95], 8)).tolist(), 15.0
                )
                for speed in (50.0, 30.0)
            )
            alone, both = drift(of_a, DECODE, "custom"), drift(of_a, DECODE, "custom", [of_b])
            assert alone is not None and both is not None
            told["alone"] += alone.is_real
            told["both"] += both.is_real
        assert told["both"] >= 18 > told["alone"]

    def test_that_another_one_is_faster_is_no_drift(self) -> None:
        """It is visited late only, and each is held against its own mean."""
        base = visits_of([50.0, 50.4, 49.8, 50.1, 50.2, 49.9, 50.0, 50.3, 49.7, 50.1])
        late = visits_of([80.0, 80.5, 79.7, 80.2, 80.1])
        moved = [replace(each, began_at=each.began_at + 400.0) for each in late]
        found = drift(base, DECODE, "custom", [moved])
        assert found is not None and not found.is_real

    def test_a_slope_whose_interval_leaves_out_0_is_still_no_drift_where_it_can_be_chance(self) -> None:
        found = drift(visits_of([50.4, 50.1, 49.8, 49.9, 48.1, 49.8, 48.7, 48.2]), DECODE, "custom")
        assert found is not None
        assert found.high_percent is not None and found.high_percent < 0.0 and not found.is_real
        assert (
            found.words == "Decode throughput of the base changed by -4.1% over 12 minutes, no more than can be chance."
        )


class TestWarmUp:
    def test_it_says_how_much_longer_the_first_one_took(self) -> None:
        visits = [visit([sample(wall=2.0), sample(wall=2.2)], warm_up=sample(wall=slow)) for slow in (4.2, 6.5, 8.4)]
        assert warm_up_words(visits) == (
            "The warm-up, the first request after a load, took 3.1 times as long as a repetition; it is not counted."
        )

    def test_a_warm_up_that_is_no_slower_is_not_worth_a_word(self) -> None:
        assert warm_up_words([visit([sample(wall=2.0)], warm_up=sample(wall=2.1))]) is None

    def test_without_a_warm_up_or_a_repetition_there_is_nothing_to_say(self) -> None:
        assert warm_up_words([]) is None
        assert warm_up_words([visit([sample()]), visit([], warm_up=sample(wall=9.0))]) is None

    def test_a_warm_up_of_other_length_is_not_held_against_a_repetition(self) -> None:
        assert warm_up_words([visit([sample(tokens=128)], warm_up=sample(wall=30.0, tokens=16))]) is None

    def test_only_the_first_workload_of_a_visit_was_first_after_the_load(self) -> None:
        second = WorkloadSamples("second", sample(wall=90.0), (sample(wall=3.0),))
        assert warm_up_words([visit([sample(wall=3.0)], warm_up=sample(wall=3.0), more=[second])]) is None


class TestBackground:
    def test_it_names_the_share_and_how_busy_others_were(self) -> None:
        visits = [
            visit([sample(others=0.0), sample(others=0.9)]),
            visit([sample(others=0.5), sample(others=0.05)], round_number=2),
        ]
        assert background_words(visits) == (
            "Other programs kept more than 0.1 cores busy in 2 of 4 repetitions (50%), 0.7 cores on average in these."
        )

    def test_a_quiet_machine_is_not_worth_a_word(self) -> None:
        assert background_words([visit([sample(others=BUSY_CORES), sample(others=0.0)])]) is None

    def test_where_nobody_looked_nothing_is_said(self) -> None:
        assert background_words([]) is None
        assert background_words([visit([sample(), sample()])]) is None

    def test_repetitions_at_which_nobody_looked_are_not_counted(self) -> None:
        words = background_words([visit([sample(), sample(others=1.0), sample(others=1.0)])])
        assert words is not None
        assert "2 of 2" in words

    def test_the_warm_up_is_no_repetition(self) -> None:
        assert background_words([visit([sample(others=0.0)], warm_up=sample(others=2.0))]) is None
