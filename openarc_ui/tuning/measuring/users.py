"""The users of a workload: what each sends in each of its turns, and what it keeps of the answers. Nothing is sent here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openarc_ui.engine.types import GenerationRequest, GenerationResult, Message
from openarc_ui.tuning.measuring.asking import Asking
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.workloads import Slices

Tokenize = Callable[[str], Sequence[int]]
Detokenize = Callable[[Sequence[int]], str]


@dataclass(frozen=True, slots=True)
class Texts:
    """What keeps the conversations of one visit from having a beginning in common.

    Attributes:
        slices: of the bundled text, in the loaded model's tokens.
        numbers: of conversations with own prompts, all workloads and the warm-ups counted.
    """

    slices: Slices
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def numbered_line(number: int) -> str:
    """What stands before an own prompt; as long for the first as for the ten thousandth."""
    return f"No. {number:04d}"


class User(Protocol):
    """One user of one repetition. Its requests are made in order, each after the answer before was heard."""

    def context(self) -> GenerationRequest | None:
        """What is read before the clock starts: the context alone, with one token generated. None without a depth."""

    def request(self) -> GenerationRequest:
        """The next turn's."""

    def heard(self, result: GenerationResult) -> None:
        """The answer to it; the next turn has it in its history."""


class TextUser:
    """Sends tokens of the bundled text as they are; no chat template is near.

    The history of a turn is the prompts and answers before. An answer goes back as the tokens of its text, as a client would
    send it, cut or filled with text to exactly the length that was asked for: so all configurations read equally long prompts,
    whatever they answer.
    """

    def __init__(self, workload: Workload, slices: Slices, asking: Asking, tokenize: Tokenize) -> None:
        self._workload, self._asking, self._tokenize = workload, asking, tokenize
        turn_tokens = workload.prompt_tokens + workload.generated_tokens
        piece = slices.take(workload.depth_tokens + workload.turns * turn_tokens)
        self._history = piece[: workload.depth_tokens]
        self._turns = iter(
            [piece[start : start + turn_tokens] for start in range(workload.depth_tokens, len(piece), turn_tokens)]
        )
        self._filling: tuple[int, ...] = ()

    def context(self) -> GenerationRequest | None:
        return self._asking.measured(1, self._history) if self._history else None

    def request(self) -> GenerationRequest:
        turn = next(self._turns)
        self._filling = turn[self._workload.prompt_tokens :]
        self._history += turn[: self._workload.prompt_tokens]
        return self._asking.measured(self._workload.generated_tokens, self._history)

    def heard(self, result: GenerationResult) -> None:
        if self._workload.turns == 1:
            return  # nobody asks again
        answer = tuple(self._tokenize(result.texts[0])) if result.texts[0] else ()
        self._history += (answer + self._filling[len(answer) :])[: len(self._filling)]


class PromptUser:
    """Sends the workload's own prompts as a conversation, through the chat template.

    Before the first of them, in the same message, stands what no other conversation of the visit begins with, so that no
    prefix cache serves one from another: the depth, which is so much of the bundled text, or else a line with a number.
    """

    def __init__(
        self, workload: Workload, prompts: Iterator[str], texts: Texts, asking: Asking, detokenize: Detokenize
    ) -> None:
        self._workload, self._asking = workload, asking
        self._prompts = iter([next(prompts) for _ in range(workload.turns)])
        self._depth = detokenize(texts.slices.take(workload.depth_tokens)) if workload.depth_tokens else ""
        self._opening = self._depth or numbered_line(next(texts.numbers))
        self._messages: tuple[Message, ...] = ()

    def context(self) -> GenerationRequest | None:
        return self._asking.measured(1, (Message(role="user", content=self._depth),)) if self._depth else None

    def request(self) -> GenerationRequest:
        prompt = next(self._prompts)
        if not self._messages:
            prompt = f"{self._opening}\n\n{prompt}"
        self._messages += (Message(role="user", content=prompt),)
        return self._asking.measured(self._workload.generated_tokens, self._messages)

    def heard(self, result: GenerationResult) -> None:
        self._messages += (Message(role="assistant", content=result.texts[0]),)
