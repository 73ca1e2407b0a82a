"""Which part of an answer each token completed, and what else is told of a token, one sequence at a time.

Pure bookkeeping: it detokenizes nothing and reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from openarc_ui.engine.backends.base import TokenOdds
from openarc_ui.engine.prompts import PromptToken, TokenDetail

LookUp = Callable[[int], PromptToken]


@dataclass(slots=True)
class _Waiting:
    """A token whose text is not settled: its character is not whole, or what it says may begin a stop string."""

    token_id: int
    mark: str
    seconds: float
    odds: TokenOdds | None
    text: str
    is_whole: bool


class TokenLog:
    """The tokens of one sequence as they come.

    The texts of all, marks left out, are the text of the answer. A token is told of when its text is settled, so a character
    of several tokens is at the last of them, and what a stop string cut is nowhere.

    Args:
        look_up: an id's entry in the vocabulary.
        submitted_at: when the request was submitted, by the clock of `add`'s moments.
    """

    def __init__(self, look_up: LookUp, submitted_at: float) -> None:
        self._look_up = look_up
        self._last_at = submitted_at
        self._waiting: deque[_Waiting] = deque()
        self._passed = 0

    def add(self, token_id: int, text: str, moment: float, odds: TokenOdds | None, *, is_mark: bool = False) -> None:
        """A token came at `moment` and completed `text`, before stop strings were looked for.

        Args:
            is_mark: it only ends the answer, whatever it spells.
        """
        entry = self._look_up(token_id)
        is_left_out = is_mark or (entry.is_special and not text)
        mark = _spelling(entry) if is_left_out else ""
        if text:
            for each in self._waiting:
                each.is_whole = True
        self._waiting.append(
            _Waiting(token_id, mark, moment - self._last_at, odds, text, is_whole=bool(text) or is_left_out)
        )
        self._last_at = moment

    def settle(self, passed: str) -> tuple[TokenDetail, ...]:
        """So much text went on to the reader; returns the tokens that are settled by it."""
        self._passed += len(passed)
        settled = []
        while self._waiting and self._waiting[0].is_whole and len(self._waiting[0].text) <= self._passed:
            settled.append(self._settled(self._waiting.popleft()))
        return tuple(settled)

    def end(self, flushed: str, passed: str) -> tuple[TokenDetail, ...]:
        """No more tokens come: `flushed` was held back by the detokenizer, `passed` went on. Returns all that wait."""
        unfinished = [each for each in self._waiting if not each.mark]
        if flushed and unfinished:
            unfinished[-1].text += flushed
        self._passed += len(passed)
        settled = tuple(map(self._settled, self._waiting))
        self._waiting.clear()
        return settled

    def _settled(self, token: _Waiting) -> TokenDetail:
        text = token.text[: self._passed]
        self._passed -= len(text)
        odds = token.odds
        return TokenDetail(
            id=token.token_id,
            text=token.mark or text,
            is_special=bool(token.mark),
            seconds=token.seconds,
            log_probability=odds.log_probability if odds is not None else None,
            alternatives=tuple(
                (_spelling(self._look_up(other)), log_probability) for other, log_probability in odds.alternatives
            )
            if odds is not None
            else (),
        )


def _spelling(entry: PromptToken) -> str:
    """What an entry of the vocabulary shows as; one without a text of its own by its piece."""
    return entry.text or entry.piece
