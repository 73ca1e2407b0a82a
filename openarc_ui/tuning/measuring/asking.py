"""Requests as measuring sends them: greedy, and of exactly the length that was asked for where the backend has a way. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openarc_ui.engine.types import GenerationRequest, Message


@dataclass(frozen=True, slots=True)
class Asking:
    """How one loaded model is asked.

    Attributes:
        model: its name.
        supported: names of the sampling parameters that its backend has (see `Abilities`).
    """

    model: str
    supported: frozenset[str]

    @property
    def is_exact(self) -> bool:
        """Measured answers have the length that was asked for; else they end where the model likes."""
        return bool(self.supported & {"ignore_eos", "min_new_tokens"})

    def measured(self, tokens: int, beginning: tuple[int, ...] | tuple[Message, ...]) -> GenerationRequest:
        """A request for `tokens` tokens after ids, or a conversation.

        `ignore_eos` makes the length exact; a backend without it gets `min_new_tokens`. Stop texts and tokens of the load's
        defaults are left out, its penalties stay: they are part of what is measured.
        """
        has_way = "ignore_eos" in self.supported
        length = {"ignore_eos": True, "min_new_tokens": 0} if has_way else {"min_new_tokens": tokens}
        return self._request(tokens, beginning, length)

    def greedy(self, tokens: int, prompt: str) -> GenerationRequest:
        """A request for an answer that is compared: the likeliest token each time, whatever the load's defaults say.

        Token details bring the ids of the answer, which its text alone would not tell for certain.
        """
        neutral = {
            "min_new_tokens": 0,
            "ignore_eos": False,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }
        return self._request(tokens, (Message(role="user", content=prompt),), neutral, token_details=True)

    def _request(
        self, tokens: int, beginning: tuple[Any, ...], sampling: dict[str, Any], **more: Any
    ) -> GenerationRequest:
        is_conversation = isinstance(beginning[0], Message)
        common = {
            "max_new_tokens": tokens,
            "do_sample": False,
            "num_return_sequences": 1,
            "stop": (),
            "stop_token_ids": (),
        }
        fields = {name: value for name, value in {**common, **sampling}.items() if name in self.supported}
        fields["conversation" if is_conversation else "prompt"] = beginning
        return GenerationRequest(model=self.model, source="tuning", **fields, **more)
