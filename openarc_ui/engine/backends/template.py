"""Rendering a chat template outside a Hugging Face tokenizer, with transformers' own Jinja environment.

GenAI's built-in renderer differs from it in small ways (research: engine, section 3.6), so that both backends would not
see the same prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.types import Message
from openarc_ui.errors import InvalidRequest

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def find_template(folder: Path) -> str | None:
    """The template of a model folder: chat_template.jinja, else the entry of tokenizer_config.json."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    template = read_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, list):
        named = {each["name"]: each["template"] for each in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def special_tokens(folder: Path) -> dict[str, str]:
    """The special tokens of tokenizer_config.json that templates refer to."""
    config = read_json(folder / "tokenizer_config.json")
    texts = {name: _text_of(config.get(name)) for name in SPECIAL_TOKENS}
    return {name: text for name, text in texts.items() if text is not None}


def import_renderer() -> None:
    """Import what `render` needs (a second of work), so that it can be done while the model is compiled."""
    import transformers.utils.chat_template_utils  # noqa: F401


def render(template: str, conversation: Sequence[Message], tokens: Mapping[str, str]) -> str:
    """The prompt of a conversation, ending where the answer begins.

    Raises:
        InvalidRequest: the template refuses the conversation, or is broken.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    with refusing_template():
        prompts, _ = render_jinja_template(
            conversations=[as_dicts(conversation)], chat_template=template, add_generation_prompt=True, **tokens
        )
    return str(prompts[0])


def as_dicts(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as chat templates want them."""
    return [message.model_dump() for message in conversation]


class refusing_template:  # noqa: N801 - reads as a statement: `with refusing_template():`
    """Turns what Jinja raises into an InvalidRequest with the template's own words."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from jinja2 import TemplateError

        if isinstance(error, TemplateError):
            number = getattr(error, "lineno", None)
            line = f" (line {number})" if number else ""
            raise InvalidRequest(
                f"The chat template refuses this conversation: {error}{line}", "Check the roles and their order."
            ) from error


def _text_of(token: object) -> str | None:
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
