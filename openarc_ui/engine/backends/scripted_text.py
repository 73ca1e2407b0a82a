"""The words of the scripted backend: a vocabulary that grows with what it reads, and a template of its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from openarc_ui.engine.backends.base import TemplateSource
from openarc_ui.engine.backends.chat_renderer import ChatRenderer
from openarc_ui.engine.backends.template import ModelTemplates
from openarc_ui.engine.prompts import PromptOptions, PromptToken
from openarc_ui.engine.types import Message
from openarc_ui.errors import InvalidRequest

END_OF_TEXT = 0
END_TEXT = "<|end|>"
SCRIPTED_TEMPLATE = """\
{#- The scripted backend's: a line for each message, tools and calls as Hermes writes them, thoughts as Qwen does. -#}
{%- for document in documents or [] -%}
    {{- '<document> ' ~ (document | tojson) ~ '\\n' -}}
{%- endfor -%}
{%- if tools -%}
    {{- '<tools> ' ~ (tools | tojson) ~ ' </tools>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {{- '<' ~ message.role ~ '> ' -}}
    {%- if message.reasoning_content -%}
        {{- '<think>\\n' ~ message.reasoning_content ~ '\\n</think>\\n\\n' -}}
    {%- endif -%}
    {{- message.content -}}
    {%- for call in message.tool_calls or [] -%}
        {{- '\\n<tool_call>\\n{"name": "' ~ call.function.name ~ '", "arguments": ' -}}
        {{- (call.function.arguments | tojson) ~ '}\\n</tool_call>' -}}
    {%- endfor -%}
    {{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<assistant> ' -}}
    {%- if enable_thinking is defined and enable_thinking is false -%}
        {{- '<think>\\n\\n</think>\\n\\n' -}}
    {%- endif -%}
{%- endif -%}
"""


def _render(order: Mapping[str, Any]) -> dict[str, Any]:
    """Our own template ends by itself, so it needs no process of its own."""
    from openarc_ui.engine.backends.jinja_process import answer

    return answer(dict(order))


class ScriptedText:
    """`ModelText` without a model: a word with the white space before it is a token."""

    def __init__(self) -> None:
        self._vocabulary: list[str] = [""]
        self._ids: dict[str, int] = {"": END_OF_TEXT}
        self._lock = threading.Lock()
        templates = ModelTemplates(SCRIPTED_TEMPLATE, None, "the scripted backend", is_plain=False)
        self._renderer = ChatRenderer(templates, {"eos_token": END_TEXT}, _render)

    def template(self) -> TemplateSource:
        return self._renderer.source()

    def render(
        self, conversation: Sequence[Message], options: PromptOptions, *, add_generation_prompt: bool = True
    ) -> str:
        return self._renderer.render(conversation, options, add_generation_prompt=add_generation_prompt)

    def encode(self, text: str) -> list[int]:
        return [self._id_of(piece) for piece in _pieces(text)]

    def encode_plain(self, text: str) -> list[int]:
        return self.encode(text)

    def check_ids(self, token_ids: Sequence[int]) -> None:
        for token_id in token_ids:
            self.token(token_id)

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(self._vocabulary[token_id] for token_id in token_ids)

    def decode_whole(self, token_ids: Sequence[int]) -> str:
        return "".join(self.token(token_id).text for token_id in token_ids)

    def tokens(self, text: str) -> tuple[PromptToken, ...]:
        return tuple(PromptToken(self._id_of(piece), piece, piece, False) for piece in _pieces(text))

    def token(self, token_id: int) -> PromptToken:
        if not 0 <= token_id < len(self._vocabulary):
            raise InvalidRequest(
                f"{token_id} is not the id of a token.", f"Ids go from 0 to {len(self._vocabulary) - 1}."
            )
        text = self._vocabulary[token_id] if token_id != END_OF_TEXT else END_TEXT
        return PromptToken(token_id, text, text, token_id == END_OF_TEXT)

    def _id_of(self, piece: str) -> int:
        with self._lock:
            if piece not in self._ids:
                self._ids[piece] = len(self._vocabulary)
                self._vocabulary.append(piece)
            return self._ids[piece]


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)
