"""The words of the scripted backend: a vocabulary that grows with what it reads, and a template of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openarc_ui.engine.backends.base import TemplateSource
from openarc_ui.engine.prompts import PromptOptions, PromptToken
from openarc_ui.engine.types import Message

END_OF_TEXT = 0


class ScriptedText:
    """`ModelText` without a model: a word with the white space before it is a token."""

    def __init__(self) -> None:
        self._vocabulary: list[str] = [""]
        self._ids: dict[str, int] = {"": END_OF_TEXT}

    def template(self) -> TemplateSource:
        raise NotImplementedError

    def render(
        self, conversation: Sequence[Message], options: PromptOptions, *, add_generation_prompt: bool = True
    ) -> str:
        lines = [f"<{message.role}> {message.content}\n" for message in conversation]
        return "".join(lines) + "<assistant> "

    def encode(self, text: str) -> list[int]:
        return [self._id_of(piece) for piece in re.findall(r"\s*\S+|\s+$", text)]

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(self._vocabulary[token_id] for token_id in token_ids)

    def decode_whole(self, token_ids: Sequence[int]) -> str:
        raise NotImplementedError

    def tokens(self, text: str) -> tuple[PromptToken, ...]:
        raise NotImplementedError

    def token(self, token_id: int) -> PromptToken:
        raise NotImplementedError

    def _id_of(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = len(self._vocabulary)
            self._vocabulary.append(piece)
        return self._ids[piece]
