"""A chat template on conversations that really come: which it refuses, and what it does without a word.

Rendered as the engine renders, in the same sandboxed process; nothing of the model is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from openarc_ui.engine.backends.chat_renderer import ChatRenderer
from openarc_ui.engine.backends.render_process import RenderProcess
from openarc_ui.engine.backends.template import ModelTemplates
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS, PromptOptions, Tool, ToolFunction
from openarc_ui.errors import InvalidRequest, OpenArcError, TemplateRefused
from openarc_ui.models.inspection.reports import Trial

LIMIT_SECONDS = 20.0
ALL_SAID = "Everything said is in it."
SYSTEM, QUESTION, ANSWER, MORE = "Answer in rhyme zqsystem.", "What is zqquestion?", "It is zqanswer.", "And zqmore?"
RESULT = '{"zqresult": 21}'
WEATHER = Tool(
    function=ToolFunction(
        name="zq_weather",
        description="The weather of a place.",
        parameters={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    )
)


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """A template with what its tokenizer does.

    Attributes:
        adds_bos: the tokenizer begins every text with its own token; None: not known.
    """

    templates: ModelTemplates
    special_tokens: dict[str, str]
    adds_bos: bool | None


@dataclass(frozen=True, slots=True)
class TemplateTrials:
    """What came of it."""

    trials: tuple[Trial, ...]
    problems: tuple[str, ...] = ()


def try_template(facts: TemplateFacts, limit_seconds: float = LIMIT_SECONDS) -> TemplateTrials:
    """Every conversation through the template; a second, and longer where it does not come to an end."""
    trials: list[Trial] = []
    ends_at = time.monotonic() + limit_seconds
    for what, look, good in _Lint(facts).looks():
        if time.monotonic() > ends_at:
            return TemplateTrials(tuple(trials), ("The chat template takes so long that the rest was not tried.",))
        trials.append(_tried(what, look, good))
    return TemplateTrials(tuple(trials))


def _tried(what: str, look: Callable[[], list[str]], good: str) -> Trial:
    try:
        warnings = look()
    except TemplateRefused as error:
        return Trial(what, "refused", error.message)
    except InvalidRequest as error:
        return Trial(what, "warning", error.message)
    except OpenArcError as error:
        return Trial(what, "refused", error.message)
    return Trial(what, "warning", " ".join(warnings)) if warnings else Trial(what, "good", good)


class _Lint:
    """Each method renders one conversation and says in sentences what is odd."""

    def __init__(self, facts: TemplateFacts) -> None:
        self._facts = facts
        self._process = RenderProcess()
        self._renderer = ChatRenderer(facts.templates, facts.special_tokens, self._process)

    def looks(self) -> Iterator[tuple[str, Callable[[], list[str]], str]]:
        """What is looked at, how, and what is said where nothing is odd."""
        yield "One user", self._one_user, ALL_SAID
        yield "System and user", self._system, ALL_SAID
        yield "Several turns", self._turns, "Everything said is in it, in its order."
        yield "Ends with the assistant", self._ends_with_assistant, ALL_SAID
        yield "Begins an answer", self._generation_prompt, "It writes where the answer begins when it is asked to."
        yield "Beginning-of-text token", self._beginning, "The prompt has it once, or the model has none."
        yield "Tools", self._tools, "The tool is described in it."
        yield "A tool's result", self._tool_result, "The call and its result are in it."
        yield "Content as a list of parts", self._parts, "It takes parts as well as plain text."
        yield "Empty system message", self._empty_system, ALL_SAID
        yield "Two users in a row", self._two_users, "Both messages are in it."
        yield "Unknown role", self._unknown_role, "It is written under the name it came with."

    def _one_user(self) -> list[str]:
        return _missing(self._render(_user()), question="the user's message")

    def _system(self) -> list[str]:
        return _missing(self._render(_system(), _user()), system="the system message", question="the user's message")

    def _turns(self) -> list[str]:
        text = self._render(_user(), _assistant(), _user(MORE))
        warnings = _missing(text, question="the first message", answer="the answer before", more="the last message")
        if not warnings and not text.index("zqquestion") < text.index("zqanswer") < text.index("zqmore"):
            warnings.append("It changes the order of the messages.")
        return warnings

    def _ends_with_assistant(self) -> list[str]:
        text = self._render(_user(), _assistant(), begins_answer=False)
        return _missing(text, answer="the assistant's message")

    def _generation_prompt(self) -> list[str]:
        begun, plain = self._render(_user()), self._render(_user(), begins_answer=False)
        if begun == plain:
            after = plain.rpartition("zqquestion?")[2].strip()
            if not after:
                return ["It never reads add_generation_prompt, and nothing marks where the answer begins."]
            return [f"It never reads add_generation_prompt; the prompt ends with {after[-40:]!r} either way."]
        if not begun.startswith(plain):
            return ["With add_generation_prompt the conversation itself is written otherwise."]
        if begun[-1:] in (" ", "\t"):
            return ["It ends with a space, which many tokenizers would join with the answer's first word."]
        return []

    def _beginning(self) -> list[str]:
        bos = self._facts.special_tokens.get("bos_token", "")
        if not bos:
            return []
        text = self._render(_user())
        if text.startswith(bos + bos):
            return [f"It writes {bos} twice at the beginning."]
        if self._facts.adds_bos and text.startswith(bos):
            return [
                f"It writes {bos}, and the tokenizer would add another one: OpenArc lets it add none, "
                "other programs may double it."
            ]
        if self._facts.adds_bos and not text.startswith(bos):
            return [f"The tokenizer begins every text with {bos}, and the template writes none: prompts go without it."]
        return []

    def _tools(self) -> list[str]:
        text = self._render(_user(), options=PromptOptions(tools=(WEATHER,)))
        if "zq_weather" not in text:
            return ["It reads the tools and leaves them out of the prompt."]
        return _missing(text, question="the user's message")

    def _tool_result(self) -> list[str]:
        call = ToolCall(id="call000001", function=FunctionCall(name="zq_weather", arguments={"place": "Oslo"}))
        text = self._render(
            _user(),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", name="zq_weather", tool_call_id="call000001", content=RESULT),
            options=self._tool_options(),
        )
        warnings = _missing(text, result="the tool's result")
        return [*warnings, *([] if "zq_weather" in text else ["It leaves out the call that is answered."])]

    def _tool_options(self) -> PromptOptions:
        """With tools, where the template has a place for them."""
        options = PromptOptions(tools=(WEATHER,))
        try:
            self._render(_user(), options=options)
        except OpenArcError:
            return PromptOptions()
        return options

    def _parts(self) -> list[str]:
        content = [{"type": "text", "text": QUESTION}]
        reply = self._raw([{"role": "user", "content": content}])
        text = str(reply.get("text", ""))
        if "zqquestion" in text and "{'type'" not in text and '"type"' not in text:
            return []
        why = "refuses it" if "refused" in reply else "writes it as a list" if "zqquestion" in text else "leaves it out"
        return [f"It takes no parts ({why}). OpenArc joins them to one text first; other programs may not."]

    def _empty_system(self) -> list[str]:
        text = self._render(Message(role="system", content=""), _user())
        return _missing(text, question="the user's message")

    def _two_users(self) -> list[str]:
        text = self._render(_user(), _user(MORE))
        return _missing(text, question="the first message", more="the second message")

    def _unknown_role(self) -> list[str]:
        reply = self._raw([{"role": "zqrole", "content": SYSTEM}, {"role": "user", "content": QUESTION}])
        if "refused" in reply:
            raise TemplateRefused(f"The chat template refuses this conversation: {str(reply['refused']).rstrip('.')}.")
        return _missing(str(reply.get("text", "")), system="the message of a role that it does not know")

    def _render(self, *messages: Message, begins_answer: bool = True, options: PromptOptions | None = None) -> str:
        return self._renderer.render(messages, options or PromptOptions(), add_generation_prompt=begins_answer)

    def _raw(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Messages that OpenArc itself would never pass on."""
        variables = {
            **self._facts.special_tokens,
            "messages": messages,
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        order = {"template": self._facts.templates.text, "variables": variables, "wanted": ()}
        return self._process({**order, "longest": MAX_TEXT_CHARACTERS})


def _system() -> Message:
    return Message(role="system", content=SYSTEM)


def _user(text: str = QUESTION) -> Message:
    return Message(role="user", content=text)


def _assistant() -> Message:
    return Message(role="assistant", content=ANSWER)


def _missing(text: str, **wanted: str) -> list[str]:
    """A sentence for each thing that was said and is not in the prompt; a mark is "zq" and its name."""
    return [f"It leaves out {what} without a word." for mark, what in wanted.items() if f"zq{mark}" not in text]
