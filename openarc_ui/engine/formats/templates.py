"""What a chat template's text tells of how its model writes tool calls and thoughts. Nothing is rendered.

The marks are from the models' own templates; which of them are special tokens, and so left out of an answer's text, from
their tokenizers.
"""

from __future__ import annotations

from dataclasses import dataclass

from openarc_ui.errors import InvalidRequest, nearest


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """One way to write tool calls.

    Attributes:
        name: for settings and requests.
        title: for people.
        description: what a call looks like, and what happens where its marks are special tokens.
        opens: the marks a call begins with.
        closes: the marks it may end with.
    """

    name: str
    title: str
    description: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]


TOOL_FORMATS = (
    ToolFormat(
        "hermes",
        "Hermes, Qwen",
        'One or more <tool_call>{"name": …, "arguments": {…}}</tool_call>, or <function=…> with <parameter=…> as the newer '
        "Qwen models write them. In some models the marks are special tokens and missing from the text; then an object "
        "that calls one of the given tools counts.",
        ("<tool_call>", "<function="),
        ("</tool_call>", "</function>"),
    ),
    ToolFormat(
        "llama3",
        "Llama 3 and 4",
        'An object {"name": …, "parameters": {…}}, several separated by ;, or a Python list [f(a=1), g()]. The mark '
        "<|python_tag|> is a special token and missing from the text, so only calls of the given tools count.",
        ("<|python_tag|>", "<|python_start|>", "<function="),
        ("<|python_end|>", "</function>"),
    ),
    ToolFormat(
        "mistral",
        "Mistral",
        '[TOOL_CALLS][{"name": …, "arguments": {…}, "id": …}], or [TOOL_CALLS]name[ARGS]{…} in the newer models. The marks '
        "are special tokens and missing from the text, so only calls of the given tools count. Ids have nine characters, "
        "as the templates want them.",
        ("[TOOL_CALLS]",),
        (),
    ),
    ToolFormat(
        "phi4",
        "Phi-4-mini",
        '<|tool_call|>[{"name": …, "arguments": {…}}]<|/tool_call|>, or functools[…] without marks. Where the marks are '
        "missing from the text, an object or a list that calls the given tools counts.",
        ("<|tool_call|>", "<|tool_calls|>", "functools"),
        ("<|/tool_call|>", "<|/tool_calls|>"),
    ),
)
TEMPLATE_SIGNS = (
    ("mistral", ("[TOOL_CALLS]",)),
    ("phi4", ("<|tool_call|>", "<|tool_calls|>", "functools[", "<|/tool|>")),
    ("llama3", ("<|python_tag|>", "<|python_start|>", "ipython")),
    ("hermes", ("<tool_call>",)),
)
OTHER_SIGNS = ("<arg_key>",)
"""GLM-4.5 and its like write <tool_call>name<arg_key>…, which no format here reads."""


def tool_format_named(name: str) -> ToolFormat:
    """A format by its name.

    Raises:
        InvalidRequest: there is none; with the nearest names.
    """
    formats = {each.name: each for each in TOOL_FORMATS}
    if name not in formats:
        raise InvalidRequest(f"There is no tool format '{name[:80]}'.", nearest(name, formats))
    return formats[name]


def tool_format_of(template: str) -> str | None:
    """The format a template's model was trained on; None where it has no tools, or writes calls in a way not read here."""
    if any(sign in template for sign in OTHER_SIGNS):
        return None
    return next((name for name, signs in TEMPLATE_SIGNS if any(sign in template for sign in signs)), None)


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """What a model writes before and after its thoughts."""

    open: str
    close: str


REASONING_TAGS = (
    ReasoningTags("<think>", "</think>"),
    ReasoningTags("[THINK]", "[/THINK]"),
    ReasoningTags("<|START_THINKING|>", "<|END_THINKING|>"),
    ReasoningTags("<seed:think>", "</seed:think>"),
    ReasoningTags("<thinking>", "</thinking>"),
    ReasoningTags("<thought>", "</thought>"),
    ReasoningTags("<reasoning>", "</reasoning>"),
    ReasoningTags("◁think▷", "◁/think▷"),
)
"""Qwen, DeepSeek and most; Magistral; Cohere; Seed; then seldom ones."""

ANSWER_MARKS = (
    *dict.fromkeys(mark for each in TOOL_FORMATS for mark in (*each.opens, *each.closes)),
    *("[ARGS]", "[CALL_ID]"),
    *(mark for each in REASONING_TAGS for mark in (each.open, each.close)),
)
"""What tells calls and thoughts apart from text; an answer has to keep it, also where a tokenizer treats it as special."""


def reasoning_tags_of(template: str) -> ReasoningTags | None:
    """The tags a template knows. The closing one decides: DeepSeek's first templates have only that."""
    return next((tags for tags in REASONING_TAGS if tags.close in template), None)


def prompt_opens_reasoning(prompt: str, tags: ReasoningTags | None) -> bool:
    """A rendered prompt ends with the opening tag, so that the answer begins within the thoughts.

    A prefill at its end has to be taken off before: it belongs to the answer.
    """
    return tags is not None and prompt.rstrip().endswith(tags.open)
