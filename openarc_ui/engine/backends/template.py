"""The chat template of a model: where it is found, what its special tokens are, and the plain one of a model without.

Nothing is rendered here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from openarc_ui.engine.backends.files import read_json

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_FOLDER = "additional_chat_templates"
JSON_FILES = ("chat_template.json", "tokenizer_config.json")
TOOL_TEMPLATE = "tool_use"
"""The name under which a model keeps a second template, for conversations with tools."""
PLAIN_ORIGIN = "OpenArc's plain template; the model has none"
PLAIN_STOP = ("\nUser:", "\nUser (")
"""A model without a template goes on with the other's next words; its answer ends before them."""

PLAIN_TEMPLATE = """\
{#- A transcript with names. A model that was never taught a chat format has read many of them; marks such as ChatML's
    it has not. System messages stand as they are, and so do documents and tools, before everything else. -#}
{%- for document in documents or [] -%}
    {{- 'Document ' ~ loop.index ~ ((': ' ~ document.title) if document.title) ~ '\\n' -}}
    {{- (document.text or document.contents or (document | tojson)) ~ '\\n\\n' -}}
{%- endfor -%}
{%- if tools -%}
    {{- 'The assistant may call these functions:\\n' -}}
    {%- for tool in tools -%}{{- (tool.function | tojson) ~ '\\n' -}}{%- endfor -%}
    {{- 'A call is written as <tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call>\\n\\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- if message.role == 'system' -%}
        {{- message.content | trim -}}
    {%- else -%}
        {{- message.role | capitalize ~ ((' (' ~ message.name ~ ')') if message.name) ~ ':' -}}
        {%- if message.content | trim -%}{{- ' ' ~ message.content | trim -}}{%- endif -%}
        {%- for call in message.tool_calls or [] -%}
            {{- '\\n<tool_call>\\n{"name": "' ~ call.function.name ~ '", "arguments": ' -}}
            {{- (call.function.arguments | tojson) ~ '}\\n</tool_call>' -}}
        {%- endfor -%}
    {%- endif -%}
    {{- '\\n\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- 'Assistant:' -}}
{%- endif -%}
"""


@dataclass(frozen=True, slots=True)
class ModelTemplates:
    """What a model has for its conversations.

    Attributes:
        with_tools: a second template for conversations with tools, where there is one.
        origin: where they were found, in words.
    """

    text: str
    with_tools: str | None
    origin: str
    is_plain: bool


def find_templates(folder: Path, own_template: str | None, begins_with_bos: bool) -> ModelTemplates:
    """The templates of a model.

    As transformers looks for them: chat_template.jinja, else chat_template.json or the entry of tokenizer_config.json, else
    what the tokenizer itself carries; of several named ones `default`, and `tool_use` for a conversation with tools.

    Args:
        own_template: of the tokenizer's metadata, as in a GGUF.
        begins_with_bos: the tokenizer begins a text with its beginning-of-text token, so the plain template does.

    Raises:
        ValueError: a file is not readable as what it is.
    """
    with_tools = folder / TEMPLATE_FOLDER / f"{TOOL_TEMPLATE}.jinja"
    named = {TOOL_TEMPLATE: with_tools.read_text(encoding="utf-8")} if with_tools.is_file() else {}
    file = folder / TEMPLATE_FILE
    if file.is_file():
        return ModelTemplates(file.read_text(encoding="utf-8"), named.get(TOOL_TEMPLATE), TEMPLATE_FILE, is_plain=False)
    for name in JSON_FILES:
        named = {**_named(read_json(folder / name).get("chat_template")), **named}
        if "default" in named:
            return ModelTemplates(named["default"], named.get(TOOL_TEMPLATE), name, is_plain=False)
    if own_template:
        return ModelTemplates(own_template, None, "the metadata of the model's tokenizer", is_plain=False)
    beginning = "{{- bos_token -}}\n" if begins_with_bos else ""
    return ModelTemplates(beginning + PLAIN_TEMPLATE, None, PLAIN_ORIGIN, is_plain=True)


def tokenizer_ir_template(folder: Path) -> str | None:
    """The template in a converted tokenizer's metadata, where GenAI finds it; for backends that do not look there."""
    file = folder / "openvino_tokenizer.xml"
    if not file.is_file():
        return None
    try:
        found = ElementTree.parse(file).find("rt_info/chat_template")
    except ElementTree.ParseError as error:
        raise ValueError(f"{file.name}: {error}") from error
    return found.get("value") if found is not None else None


def special_tokens(folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    """The special tokens that templates refer to: of tokenizer_config.json, else special_tokens_map.json, else `own`."""
    found = dict(own)
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        config = read_json(folder / file)
        texts = {name: _text_of(config.get(name)) for name in SPECIAL_TOKENS}
        found |= {name: text for name, text in texts.items() if text is not None}
    return found


def _named(template: object) -> dict[str, str]:
    """The templates of an entry that holds one, or several by name."""
    if isinstance(template, str):
        return {"default": template}
    each = template if isinstance(template, list) else []
    pairs = [(one.get("name"), one.get("template")) for one in each if isinstance(one, dict)]
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _text_of(token: object) -> str | None:
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
