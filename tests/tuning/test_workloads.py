"""Names of workloads, and the pieces of text that are sent."""

from __future__ import annotations

import pytest

from openarc_ui.tuning.requests import MOST_TOKENS, Workload
from openarc_ui.tuning.workloads import PRESETS, Slices, grid, text, tokens_needed


def test_a_grid_is_every_combination_named_as_llama_bench_does() -> None:
    found = grid([128, 512], [64], [0, 1024], [1, 4])
    assert [each.name for each in found] == [
        "pp128+tg64",
        "pp512+tg64",
        "pp128+tg64 x4",
        "pp512+tg64 x4",
        "pp128+tg64 @ d1024",
        "pp512+tg64 @ d1024",
        "pp128+tg64 @ d1024 x4",
        "pp512+tg64 @ d1024 x4",
    ]
    last = found[-1]
    assert (last.prompt_tokens, last.generated_tokens, last.depth_tokens, last.concurrent_requests) == (
        512,
        64,
        1024,
        4,
    )


def test_a_number_that_stands_twice_is_measured_once() -> None:
    assert len(grid([128, 128], [64, 64])) == 1


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_named_as_it_is_chosen_and_fits_a_small_context(name: str) -> None:
    preset = PRESETS[name]  # type: ignore[index]
    assert preset.name == name
    assert tokens_needed(preset) <= 4096 < MOST_TOKENS


def test_what_a_conversation_needs_is_its_context_and_all_its_turns() -> None:
    assert tokens_needed(Workload(depth_tokens=100, turns=3, prompt_tokens=20, generated_tokens=10)) == 190


def test_the_bundled_text_is_long_enough_for_a_thousand_beginnings() -> None:
    assert len(set(text().split())) > 1000


def test_no_two_pieces_begin_with_the_same_token_while_others_are_left() -> None:
    slices = Slices([1, 2, 1, 3, 1, 2, 4] * 50, "seed")
    firsts = [slices.take(20)[0] for _ in range(8)]
    assert sorted(firsts[:4]) == [1, 2, 3, 4]
    assert sorted(firsts[4:]) == [1, 2, 3, 4]


def test_a_piece_is_the_text_and_goes_on_at_its_beginning() -> None:
    ids = list(range(100))
    piece = Slices(ids, "seed").take(100)
    start = piece[0]
    assert piece == (*ids[start:], *ids[:start])


def test_a_piece_longer_than_the_text_does_not_repeat_itself() -> None:
    ids = list(range(100))
    piece = Slices(ids, "seed").take(300)
    assert len(piece) == 300
    assert set(piece) == set(ids)
    assert len({piece[start : start + 100] for start in (0, 100, 200)}) == 3


def test_the_same_seed_gives_the_same_pieces_and_another_one_others() -> None:
    def pieces(seed: str) -> list[tuple[int, ...]]:
        slices = Slices(list(range(500)), seed)
        return [slices.take(10) for _ in range(5)]

    assert pieces("0 1") == pieces("0 1")
    assert pieces("0 1") != pieces("0 2")
