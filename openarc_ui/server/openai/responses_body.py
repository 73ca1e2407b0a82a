"""Body of `POST /v1/responses`: the parameters that have their effect here, and those that are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.message import JsonObject
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS
from openarc_ui.engine.sampling_parameters import StopString
from openarc_ui.server.openai.bodies import Only, Sent, asks_nothing, quoted, without_off
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong, Unsupported
from openarc_ui.server.openai.responses_input import Input
from openarc_ui.server.openai.responses_tools import ReasoningOptions, StreamOptions, TextOptions, ToolChoice, Tools

KEPT_NOWHERE = "responses are not kept here"
SEND_ALL = "Responses are not kept; send the whole conversation as input."
REFUSED: Mapping[str, str] = {
    "access_programs": "It is about OpenAI's own models.",
    "background_options": "Nothing runs in the background here.",
    "context_management": "Use truncation, or shorten the conversation yourself.",
    "conversation": SEND_ALL,
    "image": "The models here read text.",
    "max_tool_calls": "It is about OpenAI's built-in tools; there are none here.",
    "moderation": "Nothing is moderated here.",
    "previous_response_id": SEND_ALL,
    "prompt": "There are no stored prompts here; send the text as instructions and input.",
    "prompt_cache_options": "The prefix cache works by itself, where the model was loaded with one.",
    "prompt_cache_retention": "The prefix cache is kept as long as there is room, in memory.",
}
"""Parameters of OpenAI's that are not honoured -> what to do."""
OTHER_NAMES: Mapping[str, str] = {
    "documents": "a message with their text",
    "functions": "tools",
    "logprobs": 'include: ["message.output_text.logprobs"]',
    "max_completion_tokens": "max_output_tokens",
    "max_new_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "repeat_penalty": "repetition_penalty",
    "request_id": "the id of the response, which POST /generate/cancel takes",
    "response_format": "text.format",
    "structured_output": "text.format",
    "system": "instructions",
    "template_arguments": "chat_template_kwargs",
    "verbosity": "text.verbosity, which is not supported",
    "when_too_long": "truncation",
}
"""Names of Chat Completions and of others, and what they are called here."""
LOGPROBS = "message.output_text.logprobs"
SAMPLING: Mapping[str, str] = {
    "max_output_tokens": "max_new_tokens",
    **{
        name: name
        for name in (
            *("temperature", "top_p", "top_k", "min_p", "repetition_penalty"),
            *("presence_penalty", "frequency_penalty", "seed", "stop"),
        )
    },
}
"""Parameters of the choice of tokens -> their names in the engine."""
EXAMPLE: dict[str, Any] = {
    "model": "SmolLM2-135M-Instruct-int4",
    "instructions": "Answer in one sentence.",
    "input": "What is the capital of France?",
    "max_output_tokens": 64,
    "temperature": 0.2,
}


def _read_include(value: Any) -> Any:
    others = [each for each in value if each != LOGPROBS] if isinstance(value, (list, tuple)) else []
    if others:
        raise Unsupported(f"'{quoted(others[0])}' is not supported; there is '{LOGPROBS}'")
    return value


Include = Annotated[
    tuple[Literal["message.output_text.logprobs"], ...], Field(max_length=8), BeforeValidator(_read_include)
]


def _one_is_a_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Stop = Annotated[tuple[StopString, ...], Field(max_length=16), BeforeValidator(_one_is_a_list)]


class ResponseBody(Sent):
    """What a response is asked for with. null counts as left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    input: Input = Field(description="A text, or items: messages, calls, what calls brought, thoughts.")
    model: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description='Name of a loaded model; left out, or "default": the one loaded last.',
    )
    instructions: str | None = Field(
        None, max_length=MAX_TEXT_CHARACTERS, description="A system message in front of the conversation."
    )
    max_output_tokens: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=1_000_000,
        description="Most tokens, thoughts included; left out: until the model ends.",
    )
    temperature: float | None = Field(
        None, strict=True, allow_inf_nan=False, ge=0, le=100, description="Spread of the choice; 0 means greedy."
    )
    top_p: float | None = Field(
        None, strict=True, allow_inf_nan=False, gt=0, le=1, description="Choose among the tokens of this probability."
    )
    stream: bool = Field(False, strict=True, description="Answer with server-sent events.")
    stream_options: StreamOptions | None = Field(None, description="Only with stream.")
    tools: Tools = Field((), description="Functions the model may call.")
    tool_choice: ToolChoice = Field("auto", description="Whether and which function is called.")
    parallel_tool_calls: bool = Field(True, strict=True, description="Several functions may be called at once.")
    text: TextOptions = Field(default_factory=TextOptions, description="What the answer looks like.")
    reasoning: ReasoningOptions | None = Field(None, description="How hard to think.")
    truncation: Literal["disabled", "auto"] = Field(
        "disabled", description="auto: the oldest messages are left out where the conversation is too long."
    )
    metadata: dict[
        Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]
    ] = Field(default_factory=dict, max_length=16, description="Told back with the response.")
    user: str | None = Field(None, max_length=200, description="Who asks; kept where the server keeps texts.")
    safety_identifier: str | None = Field(None, max_length=200, description="The same as user.")
    include: Include = Field((), description="message.output_text.logprobs, where the backend tells probabilities.")
    top_logprobs: int | None = Field(None, strict=True, ge=0, le=20, description="So many alternatives of each token.")
    store: Annotated[Any, Only((False,), KEPT_NOWHERE)] = Field(None, description="Only false.")
    background: Annotated[Any, Only((False,), KEPT_NOWHERE)] = Field(None, description="Only false.")
    service_tier: Annotated[Any, Only(("auto", "default"), "all requests are served alike")] = Field(
        None, description='Only "auto" or "default".'
    )
    prompt_cache_key: str | None = Field(
        None, max_length=1024, description="Told back; all requests of a model share one prefix cache."
    )

    # OpenArc's own, under the names other servers know them by.
    top_k: int | None = Field(
        None, strict=True, ge=-1, le=1_000_000, description="Choose among so many likely tokens; 0 or -1: no limit."
    )
    min_p: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        ge=0,
        lt=1,
        description="Drop tokens below this share of the likeliest one's.",
    )
    repetition_penalty: float | None = Field(
        None, strict=True, allow_inf_nan=False, gt=0, le=10, description="Above 1: repeated tokens are less likely."
    )
    presence_penalty: float | None = Field(
        None, strict=True, allow_inf_nan=False, ge=-2, le=2, description="Subtracted once from tokens of the answer."
    )
    frequency_penalty: float | None = Field(
        None, strict=True, allow_inf_nan=False, ge=-2, le=2, description="Subtracted for each time a token is there."
    )
    seed: int | None = Field(
        None, strict=True, ge=-1, le=2**63 - 1, description="Same seed, same answer for a request alone."
    )
    stop: Stop | None = Field(None, description="End the answer before any of these texts.")
    chat_template_kwargs: JsonObject = Field(
        default_factory=dict, description="Arguments of the chat template, such as enable_thinking."
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_by_name(cls, value: Any) -> Any:
        """Name what is not honoured, before anything else is said.

        Raises:
            ParameterRefused, ParameterWrong: of a parameter that is not supported, or that has another name here.
        """
        if not isinstance(value, dict):
            return value
        for name, each in value.items():
            if name in REFUSED and not asks_nothing(each):
                raise ParameterRefused(f"The parameter '{name}' is not supported.", REFUSED[name], param=name)
            if name in OTHER_NAMES and not (name == "functions" and asks_nothing(each)):
                raise ParameterWrong(f"There is no parameter '{name}'.", f"Here it is {OTHER_NAMES[name]}.", param=name)
        return without_off({name: each for name, each in value.items() if name not in REFUSED and name != "functions"})

    @model_validator(mode="after")
    def _goes_together(self) -> ResponseBody:
        if self.stream_options is not None and not self.stream:
            raise ParameterWrong("stream_options is for a stream.", "Set stream to true.", param="stream_options")
        if self.user and self.safety_identifier and self.user != self.safety_identifier:
            raise ParameterWrong(
                "user and safety_identifier differ.", "They mean the same; give one of them.", param="safety_identifier"
            )
        if self.top_logprobs and not self.include:
            raise ParameterWrong(
                "top_logprobs says how much is told of each token, and nothing is to be told.",
                f'Add include: ["{LOGPROBS}"].',
                param="top_logprobs",
            )
        return self
