"""Ids to text: nothing is split, lost or said twice, and a stop string never shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.text import IncrementalDetokenizer, StopStrings


def decode_bytes(token_ids: Sequence[int]) -> str:
    """A tokenizer with one token a byte: the worst case for characters of several bytes."""
    return bytes(token_ids).decode("utf-8", errors="replace")


@given(st.text(max_size=60), st.integers(1, 5))
def test_pieces_join_to_the_whole_text(text: str, step: int) -> None:
    token_ids = list(text.encode("utf-8"))
    detokenizer = IncrementalDetokenizer(decode_bytes)
    pieces = [detokenizer.push(token_ids[at : at + step]) for at in range(0, len(token_ids), step)]
    assert "".join(pieces) + detokenizer.flush() == text


def test_a_character_of_several_tokens_comes_in_one_piece() -> None:
    detokenizer = IncrementalDetokenizer(decode_bytes)
    pieces = [detokenizer.push([byte]) for byte in "aé👩".encode()]
    assert pieces == ["a", "", "é", "", "", "", "👩"]


def test_an_unfinished_character_is_said_at_the_end() -> None:
    detokenizer = IncrementalDetokenizer(decode_bytes)
    assert detokenizer.push(list("👩".encode()[:2])) == ""
    assert detokenizer.flush() == "�"


def test_a_decoder_that_strips_leading_spaces_loses_none() -> None:
    words = ["", " the", " quick", " fox"]

    def strip_first(token_ids: Sequence[int]) -> str:
        return "".join(words[token_id] for token_id in token_ids).removeprefix(" ")

    detokenizer = IncrementalDetokenizer(strip_first)
    assert [detokenizer.push([token_id]) for token_id in (1, 2, 3)] == ["the", " quick", " fox"]


@pytest.mark.parametrize(
    ("pieces", "stop", "passed", "found"),
    [
        (["one ", "STOP", " two"], ("STOP",), "one ", True),
        (["one S", "T", "OP two"], ("STOP",), "one ", True),
        (["one ST", "AND"], ("STOP",), "one STAND", False),
        (["abcabcabd"], ("abd",), "abcabc", True),
        (["x END y STOP"], ("STOP", "END"), "x ", True),
        (["nothing"], (), "nothing", False),
        (["ends with ST"], ("STOP",), "ends with ST", False),
    ],
)
def test_text_ends_before_a_stop_string(pieces: list[str], stop: tuple[str, ...], passed: str, found: bool) -> None:
    stop_strings = StopStrings(stop)
    text = "".join(stop_strings.push(piece) for piece in pieces) + stop_strings.flush()
    assert (text, stop_strings.found) == (passed, found)


@given(st.text("ab ", max_size=30), st.text("ab", min_size=1, max_size=3), st.integers(1, 4))
def test_stopping_does_not_depend_on_how_the_text_is_cut(text: str, stop: str, step: int) -> None:
    stop_strings = StopStrings((stop,))
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    passed = "".join(stop_strings.push(piece) for piece in pieces) + stop_strings.flush()
    assert passed == text.partition(stop)[0]
