"""The questions of one model that wait for their answers, on the side of the main process. It knows no pipe."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from openarc_ui.engine.questions import unpack
from openarc_ui.errors import EngineBusy, OpenArcError


@dataclass(slots=True)
class OpenQuestion:
    """A question without an answer yet."""

    question_id: int
    answered: threading.Event = field(default_factory=threading.Event)
    outcome: bytes | OpenArcError | None = None


class OpenQuestions:
    """Thread-safe: one thread for each question waits, another brings the answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, OpenQuestion] = {}
        self._ids = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def add(self) -> OpenQuestion:
        """Begin to wait."""
        question = OpenQuestion(next(self._ids))
        with self._lock:
            self._open[question.question_id] = question
        return question

    def wait(self, question: OpenQuestion, model: str, seconds: float) -> Any:
        """The answer.

        Raises:
            OpenArcError: what the worker raised, or what ended the question.
            EngineBusy: no answer in time.
        """
        is_answered = question.answered.wait(seconds)
        with self._lock:
            self._open.pop(question.question_id, None)
        outcome = question.outcome
        if not is_answered or outcome is None:
            raise EngineBusy(
                f"{model} gave no answer within {seconds:g} seconds.",
                "Ask again with a shorter text, or when it has less to do.",
            )
        if isinstance(outcome, OpenArcError):
            raise type(outcome)(outcome.message, outcome.hint, outcome.properties) from outcome
        return unpack(outcome)

    def answer(self, question_id: int, outcome: bytes | OpenArcError) -> None:
        """An answer came; nobody may wait for it any more."""
        with self._lock:
            question = self._open.pop(question_id, None)
        if question is not None:
            question.outcome = outcome
            question.answered.set()

    def end_all(self, error: OpenArcError) -> None:
        """No answer will come."""
        with self._lock:
            waiting, self._open = list(self._open.values()), {}
        for question in waiting:
            question.outcome = error
            question.answered.set()
