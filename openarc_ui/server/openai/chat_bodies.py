"""The body of `POST /v1/chat/completions`, and what it comes to for a loaded model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from openarc_ui.conversations.answer_format import AUTOMATIC, ToolFormatChoice, check_tool_format
from openarc_ui.engine.explain import explain
from openarc_ui.engine.message import JsonObject
from openarc_ui.engine.prompts import MAX_TEMPLATE_CHARACTERS, WhenTooLong
from openarc_ui.engine.types import GenerationRequest, ModelInfo
from openarc_ui.server.openai.answering import Order
from openarc_ui.server.openai.asked import (
    CallChoice,
    ToolUse,
    check_probabilities,
    effort_arguments,
    one_structure,
    structure_of,
    tool_use,
)
from openarc_ui.server.openai.bodies import GenerationBody, Only, longest_answer
from openarc_ui.server.openai.errors import ParameterWrong
from openarc_ui.server.openai.messages import ResponseFormat, SentChoice, SentMessage, SentTool
from openarc_ui.server.openai.words import SHARED, Words

MAX_MESSAGES = 10_000
EXAMPLES: list[Any] = [
    {
        "model": "default",
        "messages": [
            {"role": "system", "content": "Answer in one sentence."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
        "max_tokens": 64,
        "temperature": 0.2,
    },
    {
        "messages": [{"role": "user", "content": "How warm is it in Paris?"}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "temperature",
                    "description": "The temperature in a city, in degrees Celsius.",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                },
            }
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
]
KEPT_NOWHERE = "answers are not kept here"


class ChatBody(GenerationBody):
    """Body of `POST /v1/chat/completions`: OpenAI's parameters, then OpenArc's. A parameter that is not here is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": EXAMPLES})
    refused: ClassVar[Mapping[str, str]] = {
        "audio": "The models here write text; leave it out.",
        "function_call": "Use tool_choice.",
        "functions": "Use tools.",
        "logit_bias": "No backend here can shift single tokens; structured_output can hold the answer to a form.",
        "moderation": "Leave it out; nothing is judged here.",
        "prediction": "Leave it out; the answer is the same without it.",
        "prompt_cache_options": "Leave it out; how prompts are cached is a setting of the load.",
        "prompt_cache_retention": "Leave it out; how prompts are cached is a setting of the load.",
        "verbosity": "Say in a system message how long answers are to be, or set max_tokens.",
        "web_search_options": "Leave it out, or give a tool of your own that searches.",
    }

    messages: tuple[SentMessage, ...] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="The conversation so far, oldest first."
    )
    max_completion_tokens: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=1_000_000,
        description="The newer name of max_tokens; left out: until the model ends or its context is full.",
    )
    logprobs: bool = Field(False, strict=True, description="Tell how likely each token was, where the backend does.")
    top_logprobs: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=20,
        description="With logprobs: so many likeliest tokens at each place, where the backend tells them.",
    )
    response_format: ResponseFormat | None = Field(
        None, description="What the answer looks like; json_object and json_schema need the genai backend."
    )
    tools: tuple[SentTool, ...] | None = Field(None, max_length=256, description="Tools the model may call.")
    tool_choice: SentChoice | None = Field(
        None,
        description='none, auto, required, or {"type": "function", "function": {"name": …}}; the last two need the genai backend.',
    )
    parallel_tool_calls: bool = Field(True, strict=True, description="False: only the first call of an answer counts.")
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
        None, description="How hard to think, where the model's chat template knows it; else refused."
    )
    safety_identifier: str | None = Field(None, max_length=200, description="The newer name of user.")
    prompt_cache_key: str | None = Field(
        None, max_length=1000, description="Needed nowhere: prompts that begin alike share the cache of their model."
    )
    store: Annotated[Any, Only((False,), KEPT_NOWHERE)] = Field(None, description="Only false.")
    metadata: Annotated[Any, Only(({},), KEPT_NOWHERE)] = Field(None, description="Only empty.")
    service_tier: Annotated[Any, Only(("auto", "default"), "all requests are served alike")] = Field(
        None, description='Only "auto" or "default".'
    )
    modalities: Annotated[Any, Only((["text"],), "the models here write text")] = Field(
        None, description='Only ["text"].'
    )
    chat_template_kwargs: JsonObject | None = Field(
        None,
        description="More arguments of the chat template, such as enable_thinking; by the name of vLLM and llama.cpp.",
    )
    chat_template: str | None = Field(
        None, min_length=1, max_length=MAX_TEMPLATE_CHARACTERS, description="A Jinja template in place of the model's."
    )
    documents: tuple[JsonObject, ...] | None = Field(None, max_length=1000, description="Documents, for the template.")
    continue_final_message: bool = Field(
        False,
        strict=True,
        description="Go on with the last message, which is the assistant's, in place of beginning an answer.",
    )
    when_too_long: WhenTooLong = Field(
        "refuse", description="A conversation that does not fit: refuse it, or leave out the oldest messages."
    )
    tool_format: ToolFormatChoice = Field(
        AUTOMATIC,
        description="How the model writes tool calls: auto takes it from the chat template, none leaves them.",
    )

    @field_validator("messages", mode="after")
    @classmethod
    def _results_follow_calls(cls, messages: tuple[SentMessage, ...]) -> tuple[SentMessage, ...]:
        called: set[str | None] = set()
        for index, message in enumerate(messages):
            called |= {call.id for call in message.tool_calls or ()}
            if message.tool_call_id is not None and not called & {message.tool_call_id, None}:
                raise ParameterWrong(
                    f"messages[{index}] answers a call '{message.tool_call_id[:80]}' that no message before it makes.",
                    "Send the assistant's message with its tool_calls along.",
                    param=f"messages[{index}].tool_call_id",
                )
        return messages

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> ChatBody:
        for one, other in (("max_tokens", "max_completion_tokens"), ("user", "safety_identifier")):
            values = getattr(self, one), getattr(self, other)
            if None not in values and values[0] != values[1]:
                raise ParameterWrong(
                    f"{one} and {other} differ.", f"They mean the same; give {other} alone.", param=other
                )
        if self.top_logprobs is not None and not self.logprobs:
            raise ParameterWrong("top_logprobs is for logprobs.", "Set logprobs to true.", param="top_logprobs")
        return self

    @property
    def alternatives(self) -> int | None:
        """So many are told of each token; None: nothing is told of tokens."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def needs_template(self) -> bool:
        """Whether `order` depends on what the model's chat template knows."""
        return self.reasoning_effort is not None and self.chat_template is None

    def order(self, info: ModelInfo, request_id: str, template: str) -> Order:
        """What it comes to for a model.

        Args:
            template: the text of the model's chat template, where `needs_template`.

        Raises:
            ParameterRefused, ParameterWrong, InvalidRequest: it can't be answered by this model, or not at all.
        """
        tools = [each.tool() for each in self.tools or ()]
        use = tool_use(tools, self.tool_choice or CallChoice(), self.parallel_tool_calls)
        words = self._words(use)
        with words.spoken():
            check_tool_format(self.tool_format, use.tools)
        if self.logprobs:
            check_probabilities(info, self.top_logprobs or 0, "logprobs", "top_logprobs")
        fields: dict[str, Any] = {
            **self.sampling_for(info),
            **longest_answer(info, self.max_completion_tokens or self.max_tokens),
            "conversation": tuple(each.message() for each in self.messages),
            "model": info.name,
            "request_id": request_id,
            "source": "openai",
            "structured_output": self._structure(info, use),
            "template_arguments": self._template_arguments(template),
            "token_details": self.logprobs,
            "tools": use.tools or None,
            "user": self.safety_identifier or self.user,
        }
        shared = ("chat_template", "documents", "continue_final_message", "when_too_long")
        try:
            request = GenerationRequest(**fields, **{name: getattr(self, name) for name in shared})
        except ValidationError as error:
            raise words.of(explain(error.errors(), {})) from None
        return Order((request,), use, self.tool_format, words)

    def _words(self, use: ToolUse) -> Words:
        """How errors of this request are said."""
        names = {"max_new_tokens": "max_completion_tokens"} if self.max_completion_tokens is not None else {}
        form = "tools" if use.structure is not None else "response_format.json_schema.schema"
        if use.structure is None and self.structured_output is not None:
            form = f"structured_output.{self.structured_output.kind}"
        return Words({**SHARED, **names}, form)

    def _structure(self, info: ModelInfo, use: ToolUse) -> Any:
        """The one form the answer is held to, from whichever parameter wants one."""
        form = self.response_format
        wanted = structure_of(form.type, form.json_schema.json_schema if form.json_schema else None) if form else None
        if wanted is not None and self.structured_output is not None:
            raise ParameterWrong(
                "response_format and structured_output both want a form.",
                "Give one of them.",
                param="structured_output",
            )
        wanted_by = "structured_output" if self.structured_output is not None else "response_format"
        return one_structure(info, use, wanted or self.structured_output, wanted_by)

    def _template_arguments(self, template: str) -> dict[str, Any]:
        given = self.chat_template_kwargs or {}
        if self.reasoning_effort is None:
            return given
        effort = effort_arguments(self.chat_template or template, self.reasoning_effort)
        twice = next((name for name in effort if given.get(name, effort[name]) != effort[name]), None)
        if twice is not None:
            raise ParameterWrong(
                f"chat_template_kwargs has another '{twice}' than reasoning_effort.",
                "Give one of them.",
                param="reasoning_effort",
            )
        return {**given, **effort}
