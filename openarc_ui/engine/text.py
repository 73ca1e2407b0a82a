"""From token ids to text while they come: incremental detokenizing, and ending before a stop string.

Both backends use these, so the same ids give the same text and the same end whichever produced them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

REPLACEMENT_CHARACTER = "�"

Decode = Callable[[Sequence[int]], str]


class IncrementalDetokenizer:
    """Turns a growing list of ids into text, never splitting a character that takes several tokens.

    Some decoders change the text of a token by what stands before it (a leading space, a joined emoji). So each new id is
    decoded together with those of the last piece, and what that piece already gave is cut off. The method is that of
    Hugging Face's text-generation-inference and of vLLM.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._piece_start = 0
        self._read_until = 0
        self._piece_text = ""

    def push(self, token_ids: Sequence[int]) -> str:
        """Take new ids; return the text that is certain now, possibly empty."""
        self._ids.extend(token_ids)
        text = self._decode(self._ids[self._piece_start :])
        if len(text) <= len(self._piece_text) or text.endswith(REPLACEMENT_CHARACTER):
            return ""
        return self._advance(text)

    def flush(self) -> str:
        """No more ids will come; return what was held back."""
        text = self._decode(self._ids[self._piece_start :])
        return self._advance(text) if len(text) > len(self._piece_text) else ""

    def _advance(self, text: str) -> str:
        new_text = text[len(self._piece_text) :]
        self._piece_start, self._read_until = self._read_until, len(self._ids)
        self._piece_text = self._decode(self._ids[self._piece_start : self._read_until])
        return new_text


class StopStrings:
    """Passes text on until one of the stop strings appears; the stop string itself is not passed on."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """Take new text; return what can't be the beginning of a stop string."""
        if self.found or not self._stop:
            return "" if self.found else text
        self._held += text
        position = min((at for at in map(self._held.find, self._stop) if at >= 0), default=-1)
        if position >= 0:
            self.found = True
            passed, self._held = self._held[:position], ""
            return passed
        keep = self._length_of_possible_stop()
        passed, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return passed

    def flush(self) -> str:
        """No more text will come; return what was held back."""
        passed, self._held = self._held, ""
        return passed

    def _length_of_possible_stop(self) -> int:
        longest = min(len(self._held), max(map(len, self._stop)) - 1)
        for length in range(longest, 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0
