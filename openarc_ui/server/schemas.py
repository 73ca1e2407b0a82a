"""Bodies that exist only on the wire: the first OpenArc's names around the engine's own types."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from openarc_ui.conversations.answer_format import AnswerFormat
from openarc_ui.conversations.asking import AnswerOptions, AnswerWish
from openarc_ui.engine.answers import LONGEST_NAME, recommendation_refused
from openarc_ui.engine.bounds import MAX_MESSAGES
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import (
    BackendChoice,
    GenerationRequest,
    GenerationResult,
    LoadRequest,
    Message,
    Prompt,
    PropertyValue,
    SamplingParameters,
)
from openarc_ui.errors import InvalidRequest
from openarc_ui.profiles import NAME_RULE, Profile, is_name
from openarc_ui.server.catalogue_bodies import LoadNoteBody

HELLO: Any = [{"role": "user", "content": "What is the capital of France?"}]


class LoadConfig(Frozen):
    """`load_config` of the first OpenArc, with fields added from `backend` on."""

    id_model: str = Field(
        min_length=1, max_length=LONGEST_NAME, description="A name in the catalogue, or a path inside the model folder."
    )
    use_cache: bool = Field(True, description="Keep the key-value cache between tokens.")
    device: str = Field(
        "CPU", min_length=1, max_length=200, description="CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ..."
    )
    export_model: bool = Field(
        False, description="Convert a Hugging Face checkpoint folder while loading (Optimum only)."
    )
    dynamic_shapes: bool = Field(True, description="Always true for language models; false is refused.")
    pad_token_id: int | None = Field(None, ge=0, description="Override the padding token (Optimum only).")
    eos_token_id: int | None = Field(None, ge=0, description="Override the end-of-text token.")
    bos_token_id: int | None = Field(None, ge=0, description="Override the beginning-of-text token (Optimum only).")
    backend: BackendChoice = Field("auto", description="auto takes genai where it can run the model.")
    name: str | None = Field(None, max_length=100, description="Name to serve it under; left out: the folder's name.")
    scheduler: SchedulerOptions = Field(
        default_factory=SchedulerOptions, description="Continuous batching (GenAI only); what is left out is OpenArc's."
    )
    sampling_defaults: SamplingParameters = Field(
        default_factory=SamplingParameters, description="For requests that leave a parameter out; before the model's."
    )
    allow_overcommit: bool = Field(
        False, description="Load although the estimate says that the model does not fit into the device's free memory."
    )


class LoadBody(BaseModel):
    """Body of `POST /model/load`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "load_config": {"id_model": "SmolLM2-135M-Instruct-int4", "device": "CPU"},
                    "ov_config": {"PERFORMANCE_HINT": "LATENCY", "KV_CACHE_PRECISION": "f16"},
                }
            ]
        },
    )

    load_config: LoadConfig = Field(description="Which model, on which device, with what.")
    ov_config: dict[str, PropertyValue] | None = Field(
        None, description="OpenVINO properties; left out: those the model's openarc_profile.json recommends."
    )

    def request(self, profile: dict[str, Any]) -> LoadRequest:
        """The engine's own request.

        Args:
            profile: what the model recommends.

        Raises:
            InvalidRequest: it is stricter with a value than `load_config`, or what the model recommends is no ov_config.
        """
        values = self.load_config.model_dump()
        id_model = values.pop("id_model")
        ov_config = profile if self.ov_config is None else self.ov_config
        try:
            return LoadRequest(model_path=id_model, ov_config=ov_config, **values)
        except ValidationError as error:
            problems: list[Any] = error.errors(include_url=False)
            if self.ov_config is None and any(each["loc"][:1] == ("ov_config",) for each in problems):
                raise recommendation_refused(id_model, error) from None
            for each in problems:
                is_beside = each["loc"][:1] == ("ov_config",)
                each["loc"] = each["loc"] if is_beside else ("load_config", *each["loc"])
            raise explain(problems, fields_by_path(LoadBody)) from None


PROFILE_EXAMPLE: dict[str, Any] = {
    "description": "Short answers, little memory.",
    "load": {
        "model_path": "SmolLM2-135M-Instruct-int4",
        "backend": "genai",
        "device": "CPU",
        "ov_config": {"KV_CACHE_PRECISION": "f16"},
        "scheduler": {"max_num_seqs": 4},
        "sampling_defaults": {"temperature": 0.2, "max_new_tokens": 64},
    },
}


class ProfileBody(Frozen):
    """Body of `PUT /profiles/{name}`: what `GET` answers, or the load alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROFILE_EXAMPLE]})

    version: Literal[1] = Field(1, description="Of the format.")
    name: str | None = Field(None, description="The same as in the path, or left out.")
    description: str = Field("", max_length=2000, description="What it is for.")
    load: LoadRequest = Field(description="What is loaded, with what, on which device.")

    def profile(self, name: str) -> Profile:
        """The profile to save under a name.

        Raises:
            InvalidRequest: the body has another name, or no profile can be like that.
        """
        if self.name not in (None, name):
            raise InvalidRequest(f"The path says '{name}', the body '{self.name}'.", "Leave the name in the body out.")
        if not is_name(name):
            raise InvalidRequest(f"No profile can have the name '{name}'.", f"{NAME_RULE[0].upper()}{NAME_RULE[1:]}.")
        try:
            return Profile(name=name, description=self.description, load=self.load)
        except ValidationError as error:
            raise explain(error.errors(), fields_by_path(Profile)) from None


class ProfileItem(BaseModel):
    """One profile in the answer of `/profiles`; of a broken one there is only what is wrong with its file."""

    name: str = Field(description="Its name.")
    profile: Profile | None = Field(description="What it loads; null where its file is broken.")
    problem: str = Field(description="What is wrong with its file; empty where nothing is.")
    saved_at: float = Field(description="Seconds since the epoch.")
    is_last_good: bool = Field(description="OpenArc's own, of the last load that succeeded.")


class DeletedBody(BaseModel):
    """Answer of `DELETE /profiles/{name}`."""

    status: str = Field("success", description="success.")
    message: str = Field(description="What was deleted, in words.")


class UnloadBody(Frozen):
    """Body of `POST /model/unload`; it may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "SmolLM2-135M-Instruct-int4"}]})

    model: str | None = Field(None, max_length=LONGEST_NAME, description="Which model; left out: the one loaded last.")


class GenerateBody(AnswerOptions):
    """Body of `POST /generate/text`: everything flat beside the conversation."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"conversation": HELLO, "max_new_tokens": 64, "temperature": 0.2, "stream": False}]
        },
    )

    conversation: list[Message] | list[list[Message]] = Field(
        default_factory=list,
        description="The messages so far, oldest first; or a list of such lists, answered side by side.",
    )
    prompt: Prompt | None = Field(
        None, description="In place of a conversation: a text, or token ids, that the model goes on with as it is."
    )
    user: str | None = Field(
        None, max_length=200, description="Who asks, in your own words; kept where the server keeps texts."
    )
    request_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,56}$",
        description="Your own id, to cancel it by; with several conversations -0, -1, ...",
    )
    stream: bool = Field(False, description="Answer with server-sent events.")

    @field_validator("conversation", mode="before")
    @classmethod
    def _has_few_messages(cls, value: Any) -> Any:
        """Counted before one is read: hundreds of thousands take a second, in which the server answers nobody."""
        count = (
            sum(max(1, len(each)) if isinstance(each, list) else 1 for each in value) if isinstance(value, list) else 0
        )
        if count > MAX_MESSAGES:
            limits = {"most": MAX_MESSAGES, "count": count}
            raise PydanticCustomError("too_long", "at most {most} messages in one request, got {count}", limits)
        return value

    @property
    def is_batch(self) -> bool:
        """Several conversations were sent."""
        return bool(self.conversation) and isinstance(self.conversation[0], list)

    def requests(self) -> list[GenerationRequest]:
        """One engine request for each conversation.

        Raises:
            InvalidRequest: one of the conversations can't be answered like this.
        """
        conversations: Sequence[Any] = self.conversation if self.is_batch else [self.conversation]
        ids = [self.request_id] if not self.is_batch else [f"{self.request_id}-{n}" for n in range(len(conversations))]
        shared = {**self.request_fields(), "source": "rest"}
        try:
            return [
                GenerationRequest(
                    conversation=tuple(conversation), **shared, **({"request_id": own} if self.request_id else {})
                )
                for conversation, own in zip(conversations, ids, strict=True)
            ]
        except ValidationError as error:
            raise explain(error.errors(), fields_by_path(GenerateBody)) from None


class AnswerConversationBody(AnswerWish):
    """Body of `POST /conversations/{conversation_id}/answer`: how to answer it as it stands."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"max_new_tokens": 64, "temperature": 0.2, "stream": False}]},
    )

    stream: bool = Field(False, description="Answer with server-sent events.")


class ModelBody(BaseModel):
    """Answer of `/model/load`."""

    status: str = Field("success", description="success.")
    message: str = Field(description="The same in words.")
    model: str = Field(description="Name it is served under.")
    id_model: str = Field(description="The same, under the first OpenArc's name.")
    backend: str = Field(description="The backend that runs it.")
    backend_reason: str = Field(description="Why this one.")
    device: str = Field(description="The device it was loaded on.")
    load_seconds: float = Field(description="From the request until it answers.")
    stage_seconds: list[tuple[str, float]] = Field(description="(stage, seconds) in order; together load_seconds.")
    memory_bytes: int = Field(description="Resident memory of its process.")
    requested_properties: dict[str, Any] = Field(description="The ov_config as given.")
    effective_properties: dict[str, str] = Field(
        description="What the compiled model answers for every property that can be read."
    )
    context_length: int | None = Field(description="Tokens of prompt and answer together; null: it does not say.")
    configuration_id: str = Field(description="Hash of model, backend, versions, device and effective properties.")
    compile_cache: LoadNoteBody | None = Field(
        description="What this configuration took to compile without and with the cache; null: it has no part in it."
    )
    warnings: list[str] = Field(description="What is worth knowing, one sentence each.")


class UnloadedBody(BaseModel):
    """Answer of `/model/unload`."""

    status: str = Field("success", description="success, also where none was loaded.")
    message: str = Field(description="The same in words.")
    model: str | None = Field(description="Which; null: none was loaded.")
    freed_memory_bytes: int = Field(description="Resident memory of its process just before it ended.")
    cancelled_requests: int = Field(description="Requests that were ended with it.")


class AnswerBody(BaseModel):
    """Answer of `/generate/text`: lists where several conversations or several sequences were asked for."""

    generated_text: str | list[str] | list[list[str]] = Field(description="Everything, as the model wrote it.")
    content: str | list[Any] = Field(description="Of this, what is no reasoning and no tool call.")
    reasoning_content: str | list[Any] | None = Field(
        description="What the model thought before it answered, where its chat template has marks for that."
    )
    tool_calls: list[Any] | None = Field(
        description="What it wants called, where tools were given; arguments are objects. Send the results as messages "
        "of the role tool."
    )
    problems: list[Any] = Field(description="What in it could not be read, one sentence each.")
    dropped_messages: int | list[int] = Field(description="The oldest messages left out, by when_too_long.")
    token_details: list[Any] | None = Field(description="One object for each token, with token_details; else null.")
    performance_metrics: dict[str, Any] | list[dict[str, Any]] = Field(
        description="The first OpenArc's keys, then those of the PerformanceReport; times in seconds."
    )
    finish_reason: str | list[str] | list[list[str]] = Field(description="stop, length or cancelled.")
    request_id: str | list[str] = Field(description="Id of the request, as in the metrics.")
    model: str = Field(description="Name of the model that answered.")


class ConversationAnswerBody(AnswerBody):
    """Answer of `POST /conversations/{conversation_id}/answer`: `generated_text` is new, `content` has what it begins with."""

    conversation_id: str = Field(description="Of the conversation it was added to.")
    message_ids: list[str] = Field(description="Of the messages that were added, one for each sequence.")


def answer_of(results: Sequence[GenerationResult], forms: Sequence[AnswerFormat], is_batch: bool) -> dict[str, Any]:
    """The answer to one call, blocking or at the end of a stream.

    Args:
        forms: how each result is to be read.
    """
    parts = [
        {
            "generated_text": one_or_all(result.texts),
            **_parsed(result, form),
            "performance_metrics": metrics_of(result),
            "finish_reason": one_or_all([reason.value for reason in result.finish_reasons]),
            "request_id": result.request_id,
        }
        for result, form in zip(results, forms, strict=True)
    ]
    joined = {key: [part[key] for part in parts] for key in parts[0]} if is_batch else parts[0]
    return {**joined, "model": results[0].model}


def _parsed(result: GenerationResult, form: AnswerFormat) -> dict[str, Any]:
    """What is in the texts of a result."""
    found = [form.parse(text, id_prefix=f"{result.request_id[:8]}{index}") for index, text in enumerate(result.texts)]
    calls = [[call.model_dump() for call in each.tool_calls] or None for each in found]
    details = [[dataclasses.asdict(token) for token in tokens] for tokens in result.token_details]
    return {
        "content": one_or_all([each.content for each in found]),
        "reasoning_content": one_or_all([each.reasoning for each in found]),
        "tool_calls": one_or_all(calls),
        "problems": one_or_all([list(each.problems) for each in found]),
        "dropped_messages": result.report.dropped_messages,
        "token_details": one_or_all(details) if details else None,
    }


def metrics_of(result: GenerationResult) -> dict[str, Any]:
    """The report, with the six keys of the first OpenArc in front. `eval_time` is the prompt's, `tokens_per_second` decode's."""
    report = result.report
    old = {
        "generation_time": report.total_seconds,
        "input_tokens": report.prompt_tokens,
        "output_tokens": (report.prompt_tokens or 0) + report.generated_tokens,
        "new_tokens": report.generated_tokens,
        "eval_time": report.prefill_seconds,
        "tokens_per_second": report.decode_tokens_per_second,
    }
    own = {
        name: getattr(report, name)
        for name in report.__dataclass_fields__
        if name not in ("request_id", "error_message")
    }
    return {**old, **own}


def one_or_all(values: Sequence[Any]) -> Any:
    """What several sequences brought, as a list; of one alone the thing itself."""
    return values[0] if len(values) == 1 else list(values)
