"""Summaries, intervals and verdicts; how often a verdict is wrong is tried out with noise of which the truth is known."""

from __future__ import annotations

import math

import numpy
import pytest

from openarc_ui.tuning.figures import BY_NAME, FIGURES
from openarc_ui.tuning.judging.statistics import (
    CONFIDENCE_PERCENT,
    FEWEST_ROUNDS,
    half_width_percent,
    mean_interval,
    paired,
    paired_together,
    summary,
)
from tests.tuning.noise import NOISES, rounds_of_noise

DECODE, TTFT, MEMORY = (BY_NAME[name] for name in ("decode_tokens_per_second", "ttft_seconds", "memory_bytes"))
SLIGHTLY_DIFFERENT = (1.004, 0.997, 1.002, 1.001, 0.996, 1.003, 0.999, 0.998)


def rounds(ratios: list[float] | tuple[float, ...], base: float = 50.0) -> list[tuple[float, float]]:
    return [(base, base * ratio) for ratio in ratios]


class TestSummary:
    def test_of_nothing_there_is_none(self) -> None:
        assert summary([]) is None
        assert summary([[], []]) is None
        assert summary([[float("nan")]]) is None

    def test_it_is_of_all_samples(self) -> None:
        found = summary([[1.0, 2.0], [3.0, 10.0]])
        assert found is not None
        assert (found.count, found.median, found.mean, found.least, found.most) == (4, 2.5, 4.0, 1.0, 10.0)
        assert found.spread == pytest.approx(math.sqrt((9 + 4 + 1 + 36) / 3))

    def test_one_value_has_no_spread_and_no_interval(self) -> None:
        found = summary([[5.0]])
        assert found is not None
        assert (found.spread, found.low, found.high) == (None, None, None)

    def test_two_visits_of_two_samples_are_too_few_for_an_interval(self) -> None:
        found = summary([[1.0, 2.0], [3.0, 4.0]])
        assert found is not None
        assert (found.low, found.high) == (None, None)

    def test_one_visit_of_five_samples_has_an_interval_within_their_range(self) -> None:
        found = summary([[1.0, 2.0, 3.0, 4.0, 5.0]])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert 1.0 <= found.low < 3.0 < found.high <= 5.0

    def test_samples_of_a_visit_are_not_taken_for_independent(self) -> None:
        """Loads differ by far more than repetitions, of which many do not help."""
        visits = [[level + 0.01 * step for step in range(50)] for level in (10.0, 11.0, 12.0, 13.0)]
        by_visits, pooled = summary(visits), summary([[each for visit in visits for each in visit]])
        assert by_visits is not None
        assert pooled is not None
        assert by_visits.high - by_visits.low > 1.5 * (pooled.high - pooled.low)  # type: ignore[operator]

    def test_the_same_value_again_and_again_is_an_interval_without_width(self) -> None:
        found = summary([[0.1, 0.1], [0.1], [0.1, 0.1]])
        assert found is not None
        assert (found.spread, found.low, found.high) == (0.0, 0.1, 0.1)

    def test_the_interval_holds_the_median_that_is_shown(self) -> None:
        found = summary([[1.0] * 100, [2.0], [2.0], [2.0], [2.0], [2.0], [2.0], [2.0], [2.0]])
        assert found is not None
        assert found.low is not None
        assert found.low <= found.median == 1.0

    def test_the_same_seed_gives_the_same(self) -> None:
        visits = [[1.0, 2.0], [1.5], [1.2, 1.9], [3.0]]
        assert summary(visits, seed=3) == summary(visits, seed=3)

    @pytest.mark.parametrize("visits", [3, 4, 6])
    def test_the_interval_holds_the_truth_about_as_often_as_it_says(self, visits: int) -> None:
        generator, held, trials = numpy.random.default_rng(visits), 0, 200
        for _ in range(trials):
            loads = 100.0 * numpy.exp(
                generator.normal(0.0, 0.03, (visits, 1)) + generator.normal(0.0, 0.01, (visits, 3))
            )
            found = summary(loads.tolist())
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            held += found.low <= 100.0 <= found.high
        assert held / trials > 0.92


class TestVerdict:
    def test_a_planted_difference_is_found_and_said(self) -> None:
        found = paired(DECODE, rounds([1.12 * each for each in SLIGHTLY_DIFFERENT]))
        assert found.verdict == "better"
        assert found.difference_percent == pytest.approx(12.0, abs=0.1)
        assert found.low_percent < 12.0 < found.high_percent  # type: ignore[operator]
        assert (found.median_a, found.rounds, found.confidence_percent) == (50.0, 8, CONFIDENCE_PERCENT)
        assert found.words == (
            f"Decode throughput is 12.0% higher in B, better (99% interval +{found.low_percent:.1f}% to "
            f"+{found.high_percent:.1f}%)."
        )

    def test_what_is_better_lower_is_better_lower(self) -> None:
        lower, higher = paired(TTFT, rounds([0.9] * 6)), paired(TTFT, rounds([1.1] * 6))
        assert (lower.verdict, higher.verdict) == ("better", "worse")
        assert lower.words == "TTFT is 10.0% lower in B, better (99% interval -10.0% to -10.0%)."

    def test_what_scatters_around_nothing_is_no_real_difference_and_it_says_what_could_have_been_seen(self) -> None:
        found = paired(DECODE, rounds(SLIGHTLY_DIFFERENT))
        half = half_width_percent(found)
        assert found.verdict == "no real difference"
        assert half is not None
        assert 0.2 < half < 0.6
        assert found.words.startswith("Decode throughput: no real difference, 0.0% (99% interval -0.")
        assert found.words.endswith(f"; one smaller than about {half:.1f}% would not show.")

    @pytest.mark.parametrize("count", range(FEWEST_ROUNDS))
    def test_fewer_than_five_rounds_are_too_few(self, count: int) -> None:
        found = paired(DECODE, rounds([2.0] * count))
        assert found.verdict == "too few"
        assert (found.low_percent, found.high_percent) == (None, None)
        assert found.difference_percent == (pytest.approx(100.0) if count else None)
        assert "5 are needed" in found.words

    def test_no_round_has_no_median(self) -> None:
        found = paired(DECODE, [])
        assert (found.median_a, found.median_b, found.words) == (
            None,
            None,
            "Decode throughput: no round to compare, 5 are needed.",
        )

    def test_all_the_same_is_a_difference_of_exactly_nothing(self) -> None:
        found = paired(MEMORY, rounds([1.0] * 6, base=512e6))
        assert (found.difference_percent, found.low_percent, found.high_percent) == (0.0, 0.0, 0.0)
        assert found.words == "Memory: no real difference, 0.0% (99% interval 0.0% to 0.0%)."

    def test_the_same_difference_in_every_round_is_an_interval_without_width(self) -> None:
        found = paired(MEMORY, rounds([1.25] * 6, base=512e6))
        assert found.verdict == "worse"
        assert found.low_percent == pytest.approx(found.high_percent) == pytest.approx(25.0)

    def test_a_difference_that_would_be_shown_as_nothing_is_none(self) -> None:
        found = paired(MEMORY, [(512_000_000.0, 512_004_096.0)] * 6)
        assert found.verdict == "no real difference"
        assert found.difference_percent == pytest.approx(0.0008)

    def test_zero_in_both_is_a_tie(self) -> None:
        found = paired(MEMORY, [(0.0, 0.0)] * 6)
        assert (found.verdict, found.difference_percent) == ("no real difference", 0.0)

    def test_of_a_zero_in_one_there_is_no_percentage_but_a_verdict(self) -> None:
        found = paired(TTFT, [(0.0, 0.2 + 0.001 * number) for number in range(6)])
        assert (found.verdict, found.difference_percent, found.low_percent) == ("worse", None, None)
        assert "0 ms in A and 202 ms in B" in found.words

    def test_a_single_zero_among_good_rounds_does_not_make_a_difference(self) -> None:
        found = paired(DECODE, [*rounds(SLIGHTLY_DIFFERENT), (50.0, 0.0)])
        assert (found.verdict, found.difference_percent) == ("no real difference", None)

    def test_what_is_not_a_number_is_left_out(self) -> None:
        odd = [(math.nan, 1.0), (1.0, math.inf), (-1.0, 1.0)]
        assert paired(DECODE, [*odd, *rounds(SLIGHTLY_DIFFERENT)]) == paired(DECODE, rounds(SLIGHTLY_DIFFERENT))

    def test_scatter_beyond_all_sense_is_told_and_not_an_error(self) -> None:
        found = paired(DECODE, [(1e-300, 1e300), (1e300, 1e-300)] * 3)
        assert found.verdict == "no real difference"
        assert "more than 10000%" in found.words

    def test_swapping_the_sides_swaps_the_verdict(self) -> None:
        noisy = [(50.0 * each, 55.0 / each) for each in SLIGHTLY_DIFFERENT]
        there, back = paired(DECODE, noisy), paired(DECODE, [(b, a) for a, b in noisy])
        assert (there.verdict, back.verdict) == ("better", "worse")

    def test_the_same_seed_gives_the_same(self) -> None:
        assert paired(DECODE, rounds(SLIGHTLY_DIFFERENT), 4) == paired(DECODE, rounds(SLIGHTLY_DIFFERENT), 4)

    def test_every_figure_has_a_sentence_for_every_verdict(self) -> None:
        for figure in FIGURES:
            for ratios in ([1.3] * 6, [0.7] * 6, SLIGHTLY_DIFFERENT, [1.0]):
                words = paired(figure, rounds(ratios)).words
                assert words[0].isupper()
                assert words.endswith(".")


class TestHowOftenItIsWrong:
    """Seeded; docs/tuning.md tells the shares of 10,000 trials each, made with `python -m tests.tuning.noise`."""

    @pytest.mark.parametrize("count", [5, 6, 10, 20])
    @pytest.mark.parametrize("noise", sorted(NOISES))
    def test_against_itself_a_configuration_is_rarely_called_different(self, noise: str, count: int) -> None:
        generator, trials = numpy.random.default_rng(count), 100
        wrong = sum(
            paired(DECODE, rounds_of_noise(noise, count, generator)).verdict != "no real difference"
            for _ in range(trials)
        )
        assert wrong / trials <= 0.03  # 1% is promised: more than 3 of 100 then come in one seed of 50

    def test_five_percent_are_found_through_noise_of_two_in_ten_rounds(self) -> None:
        generator, trials = numpy.random.default_rng(1), 150
        found = sum(
            paired(DECODE, rounds_of_noise("even", 10, generator, 0.02, planted=1.05)).verdict == "better"
            for _ in range(trials)
        )
        assert found / trials > 0.85

    def test_the_bootstrap_alone_would_be_wrong_too_often_of_five_rounds(self) -> None:
        """Why the interval is also as wide as Student's: no resample leaves the range of the values."""
        values = numpy.asarray([0.01, 0.02, 0.03, 0.04, 0.05])
        low, high = mean_interval(values, 99.0, numpy.random.default_rng(0))
        assert low < 0.0 < 0.05 < high

    def test_of_skewed_values_the_interval_reaches_further_to_the_long_side(self) -> None:
        values = numpy.concatenate([numpy.zeros(95) + numpy.linspace(0.0, 0.01, 95), numpy.full(5, 0.7)])
        low, high = mean_interval(values, 99.0, numpy.random.default_rng(0))
        assert high - values.mean() > 1.03 * (values.mean() - low)


class TestTogether:
    def test_several_figures_are_each_judged_as_one_of_all_and_the_rest_as_one_of_the_rest(self) -> None:
        clear = rounds([1.1 * each for each in SLIGHTLY_DIFFERENT])
        none = rounds(SLIGHTLY_DIFFERENT)
        found = paired_together([(DECODE, clear), (TTFT, none), (MEMORY, none), (DECODE, none)])
        assert [each.verdict for each in found] == ["better", *["no real difference"] * 3]
        assert [round(each.confidence_percent, 2) for each in found] == [99.75, 99.67, 99.67, 99.67]
        assert "99.75% interval" in found[0].words

    def test_what_alone_would_just_differ_does_not_as_one_of_four(self) -> None:
        ratios = [math.exp(0.0115 + each) for each in (0.011, -0.008, 0.004, -0.009, 0.006, -0.004, 0.008, -0.008)]
        alone = paired(DECODE, rounds(ratios))
        assert alone.verdict == "better"
        still = rounds(SLIGHTLY_DIFFERENT)
        together = paired_together([(DECODE, rounds(ratios)), (TTFT, still), (MEMORY, still), (TTFT, still)])
        assert together[0].verdict == "no real difference"
        assert paired(DECODE, rounds(ratios), among=4).verdict == "no real difference"

    def test_what_has_too_few_rounds_is_none_of_them(self) -> None:
        found = paired_together([(DECODE, rounds([1.1] * 3)), (TTFT, rounds(SLIGHTLY_DIFFERENT))])
        assert [(each.verdict, each.confidence_percent) for each in found] == [
            ("too few", 99.0),
            ("no real difference", 99.0),
        ]
