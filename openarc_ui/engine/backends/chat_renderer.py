"""From a conversation to the prompt text, by a model's template or one that came with the request.

It says what a template is given, refuses what it never reads, and finds the place where an answer is gone on with. The
rendering itself is `jinja_process`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openarc_ui.engine.backends.base import TemplateSource
from openarc_ui.engine.backends.render_process import RenderProcess
from openarc_ui.engine.backends.template import SPECIAL_TOKENS, ModelTemplates
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS, RESERVED_ARGUMENTS, PromptOptions, plain_conversation
from openarc_ui.engine.types import Message
from openarc_ui.errors import InvalidRequest, PromptTooLong, TemplateRefused, nearest

Render = Callable[[Mapping[str, Any]], dict[str, Any]]
Messages = list[dict[str, Any]]
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class _Call:
    """One template with all it is given but the messages.

    Attributes:
        where: how the template is called in a hint.
    """

    render: Render
    template: str
    variables: dict[str, Any]
    wanted: tuple[str, ...]
    where: str


class ChatRenderer:
    """Renders conversations. Any thread may call it.

    Args:
        own: what renders the model's own template; left out, a process for it.
    """

    def __init__(self, templates: ModelTemplates, special_tokens: Mapping[str, str], own: Render | None = None) -> None:
        self._templates = templates
        self._special_tokens = dict(special_tokens)
        self._own = own or RenderProcess()
        self._given = RenderProcess()

    def source(self) -> TemplateSource:
        """The model's own template, or the plain one."""
        templates = self._templates
        return TemplateSource(templates.text, templates.origin, templates.is_plain, dict(self._special_tokens))

    def render(
        self, conversation: Sequence[Message], options: PromptOptions, *, add_generation_prompt: bool = True
    ) -> str:
        """The prompt.

        Raises:
            TemplateRefused: the template is broken, or refuses the conversation.
            InvalidRequest: the request gives the template something that it never reads.
            PromptTooLong: the text is longer than any model reads.
        """
        call = self._call(options)
        messages = plain_conversation(tuple(conversation))
        if options.continue_final_message:
            return self._continued(call, messages)
        return self._text(call, messages, add_generation_prompt)[0]

    def _call(self, options: PromptOptions) -> _Call:
        """What is rendered with what; an empty list of tools or documents is none."""
        tools = [tool.model_dump(exclude_none=True) for tool in options.tools or ()] or None
        documents = list(options.documents or ()) or None
        variables = {**self._special_tokens, **options.template_arguments, "tools": tools, "documents": documents}
        given = [name for name in ("tools", "documents") if variables[name] is not None]
        wanted = (*sorted(options.template_arguments), *given)
        if options.chat_template is not None:
            return _Call(self._given, options.chat_template, variables, wanted, "the chat_template of the request")
        templates = self._templates
        text = (templates.with_tools if tools else None) or templates.text
        return _Call(self._own, text, variables, wanted, templates.origin)

    def _text(self, call: _Call, messages: Messages, add_generation_prompt: bool) -> tuple[str, frozenset[str]]:
        """The rendered text, and the names of the variables the template reads."""
        variables = {**call.variables, "messages": messages, "add_generation_prompt": add_generation_prompt}
        order = {"template": call.template, "variables": variables, "wanted": call.wanted}
        reply = call.render({**order, "longest": MAX_TEXT_CHARACTERS})
        if "unread" in reply:
            raise _unread(reply["unread"], reply["names"])
        if "refused" in reply:
            raise _refused(reply, call.where)
        if "text" not in reply:
            raise PromptTooLong(
                f"The chat template makes a text of more than {MAX_TEXT_CHARACTERS:,} characters.",
                "Shorten the conversation; if it is short, the template repeats it.",
            )
        text = str(reply["text"])
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise TemplateRefused(
                "The chat template makes a text with half of a surrogate pair, which is no character.",
                f"Look for \\ud800 to \\udfff in it; it is {call.where}.",
            ) from None
        return text, frozenset(reply["names"])

    def _continued(self, call: _Call, messages: Messages) -> str:
        """The prompt that ends where the last message's text ends.

        A mark is put behind that text, and what the template writes from the mark on is left out. Where the template does
        not keep the text as it is (it takes thoughts out of it, or strips it), the text is put behind the beginning of an
        answer instead: that is where a model wrote it.
        """
        last = messages[-1]
        field = "reasoning_content" if not last["content"] and last.get("reasoning_content") else "content"
        given: str = last[field]
        mark = f"openarc{secrets.token_hex(8)}"
        marked = [*messages[:-1], {**last, field: given + mark}]
        text, names = self._text(call, marked, add_generation_prompt=False)
        prompt, found, _ = text.rpartition(mark)
        if found and prompt.endswith(given) and not _thinks_twice(prompt, given):
            return prompt
        begun = self._begun(call, messages[:-1], names)
        if begun is not None and field == "content":
            return begun + given
        if begun is not None and THINK_OPEN in call.template:
            return begun + ("" if begun.rstrip().endswith(THINK_OPEN) else f"{THINK_OPEN}\n") + given
        if found and prompt.endswith(given.lstrip()):
            return prompt
        raise TemplateRefused(
            "The chat template does not keep the text of the last message, so it can't be gone on with.",
            f"Change the message, or give a chat_template that writes it out; this one is {call.where}.",
        )

    def _begun(self, call: _Call, messages: Messages, names: frozenset[str]) -> str | None:
        """The conversation with the beginning of an answer; None where the template writes none."""
        if "add_generation_prompt" not in names or not messages:
            return None
        try:
            return self._text(call, messages, add_generation_prompt=True)[0]
        except TemplateRefused:
            return None


def _thinks_twice(prompt: str, given: str) -> bool:
    """The template wrote thoughts of its own, empty ones, before a text that begins with thoughts."""
    before = prompt[: len(prompt) - len(given)]
    return given.lstrip().startswith(THINK_OPEN) and before.rstrip().endswith(THINK_CLOSE)


def _unread(name: str, names: Sequence[str]) -> InvalidRequest:
    """What was given and is not read by the template."""
    if name in ("tools", "documents"):
        return InvalidRequest(
            f"The chat template has no place for {name}: it never reads the variable.",
            "Say it in a system message, or give a chat_template that reads it.",
        )
    free = [each for each in names if each not in RESERVED_ARGUMENTS and each not in SPECIAL_TOKENS]
    return InvalidRequest(
        f"template_arguments: the chat template never reads '{name}'.",
        nearest(name, free) or "It reads no arguments; leave it out.",
    )


def _refused(reply: Mapping[str, Any], where: str) -> TemplateRefused:
    words, kind = str(reply["refused"]).rstrip("."), str(reply["kind"])
    line = f" (line {reply['line']} of the template)" if reply["line"] else ""
    if kind in ("TemplateSyntaxError", "TemplateAssertionError", "SyntaxError"):
        return TemplateRefused(
            f"The chat template is broken: {words}{line}.",
            f"{'Mend that line' if line else 'Mend it'}; it is in {where}.",
        )
    if kind == "TemplateError":
        return TemplateRefused(
            f"The chat template refuses this conversation: {words}{line}.",
            f"Check the roles and their order, or give another template; this one is {where}.",
        )
    named = words if kind in ("UndefinedError", "SecurityError") else f"{kind}: {words}"
    return TemplateRefused(
        f"The chat template fails: {named}{line}.",
        f"That line expects something else of messages, tools or template_arguments; it is in {where}.",
    )
