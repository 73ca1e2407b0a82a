"""Whether a text counts as changed, and the sentence that says so."""

from __future__ import annotations

import math

import pytest

from openarc_ui.tuning.quality.scoring import Score
from openarc_ui.tuning.quality.verdict import changes_text, divergences_of, first_difference, loss_of, nats, words_of
from openarc_ui.tuning.results import Greedy

BASE = Score("digest", 512, perplexity=16.3, backend_perplexity=16.3)


def greedy(*token_ids: int, prompt: str = "Why?") -> Greedy:
    return Greedy(prompt, token_ids, " ".join(map(str, token_ids)))


def scored(divergence: float | None = None, perplexity: float | None = 16.9, digest: str = "digest") -> Score:
    return Score(digest, 512, perplexity=perplexity, backend_perplexity=perplexity, mean_kl_divergence=divergence)


SAME = divergences_of([greedy(1, 2, 3)], [greedy(1, 2, 3)])
OTHER = divergences_of([greedy(1, 2, 4), greedy(5, prompt="a")], [greedy(1, 2, 3), greedy(5, prompt="a")])


def test_the_first_difference_is_the_index_of_the_first_token_that_differs() -> None:
    assert first_difference(greedy(1, 2, 3), greedy(1, 2, 3)) is None
    assert first_difference(greedy(1, 9, 3), greedy(1, 2, 3)) == 1
    assert first_difference(greedy(), greedy()) is None


def test_an_answer_that_ends_sooner_differs_where_it_ends() -> None:
    assert first_difference(greedy(1, 2), greedy(1, 2, 3)) == 2
    assert first_difference(greedy(1, 2, 3), greedy(1, 2)) == 2


def test_answers_belong_together_by_their_prompt() -> None:
    mine = [greedy(1, prompt="b"), greedy(2, prompt="a"), greedy(3, prompt="nobody else's")]
    found = divergences_of(mine, [greedy(2, prompt="a"), greedy(7, prompt="b")])
    assert [(each.prompt, each.first_difference) for each in found] == [("b", 0), ("a", None)]


@pytest.mark.parametrize(("divergence", "is_changed"), [(3e-7, False), (0.0077, False), (0.018, True)])
def test_the_divergence_decides_whatever_the_answers_are(divergence: float, is_changed: bool) -> None:
    for divergences in (SAME, OTHER, ()):
        assert changes_text(scored(divergence), BASE, divergences) is is_changed


@pytest.mark.parametrize(("perplexity", "is_changed"), [(16.1, False), (16.5, False), (16.9, True)])
def test_without_a_divergence_perplexity_decides(perplexity: float, is_changed: bool) -> None:
    assert changes_text(scored(None, perplexity), BASE, OTHER) is is_changed


def test_with_answers_alone_one_that_differs_is_a_change() -> None:
    assert changes_text(None, None, SAME) is False
    assert changes_text(None, None, OTHER) is True


def test_with_nothing_to_go_by_nothing_is_said() -> None:
    assert changes_text(None, None, ()) is None
    assert words_of(None, None, ()) == "Nothing could be compared."


def test_perplexities_over_other_tokens_are_not_compared() -> None:
    assert loss_of(scored(None, 40.0, digest="other"), BASE) is None
    assert "perplexity" not in words_of(scored(None, 40.0, digest="other"), BASE, SAME)
    assert loss_of(scored(None, 16.9), BASE) == pytest.approx(0.0361, abs=1e-4)


def test_genais_own_perplexity_stands_in_for_that_of_distributions() -> None:
    own = Score("digest", 512, backend_perplexity=20.0)
    assert changes_text(own, BASE, SAME) is True
    assert words_of(own, BASE, ()) == "Changes the text: perplexity by GenAI 16.30 -> 20.00."


@pytest.mark.parametrize("divergence", [math.nan, math.inf])
def test_a_divergence_that_is_no_number_is_a_change(divergence: float) -> None:
    for divergences in (SAME, OTHER, ()):
        assert changes_text(scored(divergence), BASE, divergences) is True
    assert words_of(scored(divergence), BASE, SAME).startswith("Changes the text: the answer is identical; KL ")


@pytest.mark.parametrize("mine", [math.nan, math.inf])
def test_a_perplexity_that_is_no_number_is_a_change_and_told_as_that(mine: float) -> None:
    assert changes_text(scored(None, mine), BASE, SAME) is True
    assert words_of(scored(None, mine), BASE, ()) == "Changes the text: perplexity 16.30 -> no finite number."


@pytest.mark.parametrize("its", [math.nan, math.inf])
def test_nothing_is_held_against_a_reference_without_a_perplexity(its: float) -> None:
    base = Score("digest", 512, perplexity=its)
    assert loss_of(scored(None, 16.9), base) is None
    assert changes_text(scored(None, 16.9), base, SAME) is False
    assert words_of(scored(None, 16.9), base, SAME) == "Writes the same: the answer is identical."


def test_genais_perplexity_is_told_where_that_of_the_reference_is_no_number() -> None:
    base = Score("digest", 512, perplexity=math.nan, backend_perplexity=16.3)
    assert words_of(scored(None, 16.9), base, ()) == "Changes the text: perplexity by GenAI 16.30 -> 16.90."


def test_the_sentence_says_what_it_rests_on() -> None:
    assert words_of(scored(0.034), BASE, OTHER) == (
        "Changes the text: 1 of 2 answers differ, first at token 3; KL 0.034 nats; perplexity 16.30 -> 16.90."
    )
    assert words_of(scored(0.0017, 16.31), BASE, OTHER) == (
        "Writes like the reference: 1 of 2 answers differ, first at token 3; KL 0.0017 nats; perplexity 16.30 -> 16.31."
    )
    assert words_of(scored(3e-7, 16.3), BASE, SAME) == (
        "Writes the same: the answer is identical; KL below 0.000001 nats; perplexity 16.30 -> 16.30."
    )


@pytest.mark.parametrize(
    ("divergence", "told"),
    [
        (1.234, "1.2 nats"),
        (0.0999, "0.100 nats"),
        (0.000064, "0.000064 nats"),
        (12.3, "12 nats"),
        (0.0, "below 0.000001 nats"),
        (math.inf, "infinite"),
        (math.nan, "no number"),
    ],
)
def test_a_divergence_is_told_with_two_digits(divergence: float, told: str) -> None:
    assert nats(divergence) == told
