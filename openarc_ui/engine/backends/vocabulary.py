"""A tokenizer's entries one by one, and a text's tokens each with its part of the text.

It works over the Rust tokenizer where the model has one, else over the backend's own two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openarc_ui.engine.prompts import PromptToken
from openarc_ui.engine.text import IncrementalDetokenizer
from openarc_ui.errors import InvalidRequest

DecodeIds = Callable[[Sequence[int], bool], str]


class Vocabulary:
    """Looks entries up by id, and remembers them.

    Args:
        fast: the Rust tokenizer, or None.
        decode: text of ids; its second argument says whether special tokens are left out.
        size: ids the model knows, where its configuration says; an id below it may have no entry.
    """

    def __init__(self, fast: Any, decode: DecodeIds, size: int | None) -> None:
        self._fast = fast
        self._decode = decode
        self._entries: dict[int, PromptToken] = {}
        added = fast.get_added_tokens_decoder() if fast is not None else {}
        self._special_ids = {token_id for token_id, token in added.items() if token.special}
        known = (
            0 if fast is None else max(fast.get_vocab_size(with_added_tokens=True), *(each + 1 for each in added), 0)
        )
        self._size = max(known, size or 0) or None
        self._embedded = size or known or None

    def token(self, token_id: int) -> PromptToken:
        """One entry.

        Raises:
            InvalidRequest: the model has no such id.
        """
        known = self._entries.get(token_id)
        if known is not None:
            return known
        _check(token_id, self._size)
        text = self._decode([token_id], False)
        if self._fast is not None:
            piece, is_special = self._fast.id_to_token(token_id) or "", token_id in self._special_ids
        else:
            piece, is_special = text, bool(text) and not self._decode([token_id], True)
        entry = self._entries[token_id] = PromptToken(token_id, text, piece, is_special)
        return entry

    def check_ids(self, token_ids: Sequence[int]) -> None:
        """See that a model may be given these ids: what lies beyond its embedding reads other memory, or ends the process.

        Raises:
            InvalidRequest: one is not among those it has.
        """
        for token_id in (min(token_ids, default=0), max(token_ids, default=0)):
            _check(token_id, self._embedded)

    def with_texts(self, token_ids: Sequence[int], texts: Sequence[str]) -> tuple[PromptToken, ...]:
        """Tokens of a text: what the vocabulary says of each id, with its part of the text."""
        entries = map(self.token, token_ids)
        return tuple(
            PromptToken(entry.id, text, entry.piece, entry.is_special)
            for entry, text in zip(entries, texts, strict=True)
        )


def _check(token_id: int, size: int | None) -> None:
    if isinstance(token_id, bool) or token_id < 0 or (size is not None and token_id >= size):
        raise InvalidRequest(
            f"{token_id} is not the id of a token.",
            f"Ids go from 0 to {size - 1}." if size is not None else "An id is 0 or above.",
        )


def texts_by_offsets(text: str, encoding: Any) -> list[str]:
    """The text cut at its tokens' ends: joined it is the text again.

    A token of several characters' bytes has its part from where the one before ended; so white space that a tokenizer
    leaves out of its offsets belongs to the token after it, and the later tokens of one character have "".

    Args:
        encoding: a `tokenizers.Encoding` of the text. Its offsets are asked for one by one: all at once hold the
            interpreter lock for half a second where a prompt is long.
    """
    texts, at = [], 0
    for index in range(len(encoding)):
        span = encoding.token_to_chars(index)
        end = at if span is None else max(at, span[1])
        texts.append(text[at:end])
        at = end
    if texts:
        texts[-1] += text[at:]
    return texts


def texts_by_decoding(token_ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[str]:
    """What each id adds to the text, by decoding: for tokenizers without offsets.

    Joined it is what the ids decode to. The first token of a character has it, the later ones "".
    """
    detokenizer = IncrementalDetokenizer(decode)
    texts: list[str] = []
    first = 0
    for index, token_id in enumerate(token_ids):
        piece = detokenizer.push([token_id])
        texts.append("")
        if piece:
            texts[first] = piece
            first = index + 1
    if first < len(texts):
        texts[first] = detokenizer.flush()
    return texts
