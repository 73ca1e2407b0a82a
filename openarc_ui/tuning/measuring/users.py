"""The users of a workload: what each sends in each of its turns, and what it keeps of the answers. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from openarc_ui.engine.types import GenerationRequest, GenerationResult, Message
from openarc_ui.tuning.measuring.asking import Asking
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.workloads import Slices

Tokenize = Callable[[str], Sequence[int]]
Detokenize = Callable[[Sequence[int]], str]


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

    A depth is so much of the bundled text before the first prompt, in the same message.
    """

    def __init__(
        self, workload: Workload, prompts: Iterator[str], slices: Slices, asking: Asking, detokenize: Detokenize
    ) -> None:
        self._workload, self._asking = workload, asking
        self._prompts = iter([next(prompts) for _ in range(workload.turns)])
        self._depth = detokenize(slices.take(workload.depth_tokens)) if workload.depth_tokens else ""
        self._messages: tuple[Message, ...] = ()

    def context(self) -> GenerationRequest | None:
        return self._asking.measured(1, (Message(role="user", content=self._depth),)) if self._depth else None

    def request(self) -> GenerationRequest:
        prompt = next(self._prompts)
        if self._depth and not self._messages:
            prompt = f"{self._depth}\n\n{prompt}"
        self._messages += (Message(role="user", content=prompt),)
        return self._asking.measured(self._workload.generated_tokens, self._messages)

    def heard(self, result: GenerationResult) -> None:
        self._messages += (Message(role="assistant", content=result.texts[0]),)
