"""How one answer is to be read: which tool calls and which reasoning may be in it, by its model's chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.formats.answer import ParsedAnswer, parse_answer
from openarc_ui.engine.formats.templates import (
    ReasoningTags,
    prompt_opens_reasoning,
    reasoning_tags_of,
    tool_format_of,
)
from openarc_ui.engine.prompts import PromptOptions, PromptRequest, Tool
from openarc_ui.engine.types import GenerationRequest
from openarc_ui.errors import InvalidRequest, OpenArcError

ToolFormatChoice = Literal["auto", "none", "hermes", "llama3", "mistral", "phi4"]
AUTOMATIC: ToolFormatChoice = "auto"
NO_TOOLS: ToolFormatChoice = "none"


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What to look for in an answer's text.

    Attributes:
        tool_format: a name of TOOL_FORMATS; None: a call is plain text.
        tools: those the model was given.
        reasoning: the marks around its thoughts; None: it has none.
        is_open: the prompt ends within the thoughts, so that the answer begins with them.
        problem: why it could not be found out; then the answer is taken as plain text.
    """

    tool_format: str | None = None
    tools: tuple[Tool, ...] = ()
    reasoning: ReasoningTags | None = None
    is_open: bool = False
    problem: str = ""

    def parse(self, text: str, *, is_final: bool = True, id_prefix: str = "call") -> ParsedAnswer:
        """An answer's text, prefill included, in its parts. Never raises.

        Args:
            is_final: False while it grows: what may still become a mark is held back.
            id_prefix: what the ids of calls begin with where the model gives none.
        """
        parsed = parse_answer(
            text,
            tool_format=self.tool_format,
            reasoning=self.reasoning,
            is_open=self.is_open,
            is_final=is_final,
            tools=self.tools,
            id_prefix=id_prefix,
        )
        return replace(parsed, problems=(*parsed.problems, self.problem)) if self.problem else parsed


def answer_format(
    engine: Engine, request: GenerationRequest, tool_format: str = AUTOMATIC, prefill: str = ""
) -> AnswerFormat:
    """How the answer to a request is to be read. Blocks: it asks the model for its template.

    No template wrote a bare prompt, so none says what marks the answer has; and an answer that is held to a form is that
    form, without thoughts, also where the prompt opens them. A form may be that of a call.

    Args:
        tool_format: "auto" (by the template), "none", or a name of TOOL_FORMATS. Without tools no call is looked for.
        prefill: the beginning of the answer, where that is the request's last message and is parsed with what is new;
            "": only what is new is parsed.

    Raises:
        ModelNotLoaded, TemplateRefused, InvalidRequest, WorkerDied.
    """
    check_tool_format(tool_format, request.tools)
    if _is_plain(request, tool_format):
        return AnswerFormat()
    template = request.chat_template or engine.chat_template(request.model).text
    found = _by_template(request, tool_format, template)
    is_open = found.reasoning is not None and _is_open(engine, request, found.reasoning, prefill)
    return replace(found, is_open=is_open)


def _is_plain(request: GenerationRequest, tool_format: str) -> bool:
    """Neither thoughts nor calls can be in the answer, whatever the template says."""
    is_held = request.structured_output is not None
    return request.prompt is not None or (is_held and (not request.tools or tool_format == NO_TOOLS))


def _by_template(request: GenerationRequest, tool_format: str, template: str) -> AnswerFormat:
    """What the template's text tells; whether the prompt ends within thoughts is not in it."""
    chosen = None
    if request.tools and tool_format != NO_TOOLS:
        chosen = tool_format_of(template) if tool_format == AUTOMATIC else tool_format
    tags = None if request.structured_output is not None else reasoning_tags_of(template)
    return AnswerFormat(chosen, request.tools or (), tags)


def check_tool_format(tool_format: str, tools: Sequence[Tool] | None) -> None:
    """See that a tool format is not given for nothing.

    Raises:
        InvalidRequest: it is named, and there are no tools whose calls could be written in it.
    """
    if tool_format not in (AUTOMATIC, NO_TOOLS) and not tools:
        raise InvalidRequest(
            "tool_format says how calls of tools are written; no tools are given.", "Give tools, or leave it out."
        )


def answer_formats(engine: Engine, requests: Sequence[GenerationRequest], tool_format: str) -> list[AnswerFormat]:
    """The same for requests that are under way: what keeps it from being found out is told with the answer. Blocks."""
    found: list[AnswerFormat] = []
    for request in requests:
        try:
            found.append(answer_format(engine, request, tool_format))
        except OpenArcError as error:
            found.append(
                AnswerFormat(problem=f"The answer was not parsed: {engine.places.hidden_error(error).message}")
            )
    return found


def formats_at_hand(
    engine: Engine, requests: Sequence[GenerationRequest], tool_format: str
) -> list[AnswerFormat] | None:
    """`answer_formats` where nobody has to be asked for it; None: somebody has. Never blocks.

    So most requests need no thread, whose start lets every other thread go first.
    """
    found: list[AnswerFormat] = []
    for request in requests:
        if _is_plain(request, tool_format):
            found.append(AnswerFormat())
            continue
        known = engine.known_template(request.model) if request.chat_template is None else None
        template = request.chat_template or (known.text if known is not None else None)
        form = _by_template(request, tool_format, template) if template is not None else None
        if form is None or form.reasoning is not None:
            return None
        found.append(form)
    return found


def reasoning_tags(engine: Engine, model: str | None, chat_template: str | None = None) -> ReasoningTags | None:
    """The marks around a model's thoughts, by the template that is used. Blocks.

    Raises:
        ModelNotLoaded, WorkerDied.
    """
    return reasoning_tags_of(chat_template or engine.chat_template(model).text)


def _is_open(engine: Engine, request: GenerationRequest, tags: ReasoningTags, prefill: str) -> bool:
    """What is to be parsed begins within the model's thoughts."""
    shared = {name: getattr(request, name) for name in (*PromptOptions.model_fields, "conversation", "model")}
    room = request.max_new_tokens if request.when_too_long == "shorten" else None
    prompt = engine.render(PromptRequest(**shared, max_new_tokens=room)).text
    begun = request.conversation[-1].content if request.continue_final_message else ""
    is_open = prompt_opens_reasoning(prompt.removesuffix(begun), tags)
    if prefill or not begun:
        return is_open
    return parse_answer(begun, tool_format=None, reasoning=tags, is_open=is_open, is_final=False).reasoning_is_open
