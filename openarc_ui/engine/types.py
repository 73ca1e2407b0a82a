"""What goes into the engine (frozen pydantic models) and what comes out (frozen dataclasses).

The request models are the REST bodies and what the page builds. This module knows no process, no backend and no HTTP.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from openarc_ui.engine.abilities import Abilities
from openarc_ui.engine.bounds import MAX_MESSAGES, MAX_PATH_CHARACTERS, MAX_TOKEN_ID, check_properties
from openarc_ui.engine.bounds import PropertyValue as PropertyValue
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.message import Message as Message
from openarc_ui.engine.prompts import (
    MAX_TEXT_CHARACTERS,
    MAX_TOKEN_IDS,
    PromptOptions,
    StructuredOutput,
    TokenDetail,
    check_continuation,
)
from openarc_ui.engine.sampling_parameters import SamplingParameters as SamplingParameters
from openarc_ui.engine.sampling_parameters import TokenId
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.ids import new_id

BackendName = Literal["genai", "optimum", "scripted"]
BackendChoice = Literal["auto", "genai", "optimum", "scripted"]
Source = Literal["chat", "rest", "openai", "gradio", "mcp", "bench", "again", "tuning", "engine"]
Prompt = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARACTERS), Tag("constrained-text")]
    | Annotated[tuple[TokenId, ...], Field(min_length=1, max_length=MAX_TOKEN_IDS), Tag("tuple[ids]")],
    Discriminator(lambda value: "tuple[ids]" if isinstance(value, (list, tuple)) else "constrained-text"),
]
"""What is wrong with one is said of the form it has; the tags are named as `explain` leaves them out."""


class GenerationRequest(SamplingParameters, PromptOptions):
    """One conversation to be continued by one model."""

    conversation: tuple[Message, ...] = Field(
        (), max_length=MAX_MESSAGES, description="The messages so far, oldest first."
    )
    prompt: Prompt | None = Field(
        None, description="In place of a conversation: a text, or token ids, that the model goes on with as it is."
    )
    user: str | None = Field(
        None, max_length=200, description="Who asks, in the client's own words; kept where the server keeps texts."
    )
    structured_output: StructuredOutput | None = Field(None, description="What the answer has to look like.")
    token_details: bool = Field(False, description="Tell time, probability and alternatives of each token.")
    model: str | None = Field(None, description="Name of a loaded model; left out: the one loaded last.")
    request_id: str = Field(default_factory=new_id, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    source: Source = "engine"

    @model_validator(mode="after")
    def _has_one_beginning(self) -> GenerationRequest:
        if bool(self.conversation) == (self.prompt is not None):
            raise ValueError("give a conversation with at least one message, or a prompt, and not both")
        if self.prompt is not None:
            unused = sorted(PromptOptions.model_fields.keys() & self.model_fields_set)
            if unused:
                raise ValueError(f"{unused[0]} is for a conversation; a prompt goes to the model as it is")
            return self
        check_continuation(self.continue_final_message, self.conversation)
        return self

    def sampling(self) -> SamplingParameters:
        """The sampling parameters of this request alone."""
        return SamplingParameters.model_validate(self.model_dump(include=set(SamplingParameters.model_fields)))


class LoadRequest(Frozen):
    """Which model to load, with what, on which device."""

    model_path: str = Field(
        min_length=1,
        max_length=MAX_PATH_CHARACTERS,
        description="A name in the catalogue, or a path inside the model folder.",
    )
    name: str | None = Field(
        None, pattern=r"^[\w.()+-][\w .()+-]{0,99}$", description="Name to serve it under; left out: the folder's name."
    )
    backend: BackendChoice = Field("auto", description="auto takes genai where it can run the model.")
    device: str = Field(
        "CPU", min_length=1, max_length=200, description="CPU, GPU.0, NPU, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ..."
    )
    ov_config: dict[str, PropertyValue] = Field(default_factory=dict, description="OpenVINO properties for the device.")
    use_cache: bool = Field(True, description="Keep the key-value cache between tokens. Only Optimum can do without.")
    dynamic_shapes: bool = Field(True, description="Always true for language models; false is refused with the reason.")
    export_model: bool = Field(
        False, description="Convert a Hugging Face checkpoint folder while loading (Optimum only)."
    )
    bos_token_id: int | None = Field(
        None, ge=0, le=MAX_TOKEN_ID, description="Override the beginning-of-text token (Optimum only)."
    )
    eos_token_id: int | None = Field(None, ge=0, le=MAX_TOKEN_ID, description="Override the end-of-text token.")
    pad_token_id: int | None = Field(
        None, ge=0, le=MAX_TOKEN_ID, description="Override the padding token (Optimum only)."
    )
    scheduler: SchedulerOptions = Field(
        default_factory=SchedulerOptions, description="Continuous batching (GenAI only); what is left out is OpenArc's."
    )
    sampling_defaults: SamplingParameters = Field(
        default_factory=SamplingParameters, description="For requests that leave a parameter out; before the model's."
    )
    allow_overcommit: bool = Field(
        False, description="Load although the estimate says that the model does not fit into the device's free memory."
    )

    @field_validator("ov_config", mode="before")
    @classmethod
    def _has_names_of_properties(cls, value: Any) -> Any:
        return check_properties(value)


class ModelState(enum.StrEnum):
    """What a model under a name is doing."""

    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"


class FinishReason(enum.StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LoadStage:
    """One stage of a load or a preparation, as it is shown.

    Attributes:
        fraction: how far the whole is when this stage begins, 0 to 1.
    """

    label: str
    fraction: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TokenTraffic:
    """What the device has to read from memory for one generated token of one sequence.

    Attributes:
        weights_bytes: weights, with their scales and zero points, that every token reads.
        kv_bytes_per_token: KV cache for each token of context that came before.
        how: the same in words, with the numbers it comes from.
    """

    weights_bytes: int
    kv_bytes_per_token: int
    how: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that is loaded, as the worker found it.

    Attributes:
        backend_reason: why this backend was taken.
        requested_properties: the ov_config as given (names of older OpenArc already mapped).
        effective_properties: what the compiled model answers for every property that can be read, as text.
        stage_seconds: (stage, seconds) in order; together they are `load_seconds`.
        context_length: tokens of prompt and answer together, or None where the model does not say.
        context_source: where that comes from, in words: the model's config.json, a GGUF's header, the NPU's compiled length.
        generation_defaults: sampling values for requests that leave them out: the load's, then those of the model's
            generation_config.json.
        scheduler: the continuous batching that runs, every value; None where the backend has none.
        loaded_from_cache: OpenVINO found it compiled in the cache; None where the backend does not tell.
        request: what was asked for, as the worker was given it.
        configuration_id: hash of model, backend, versions, device and effective properties; equal ids are comparable runs.
        traffic: what a token reads from memory; None where the files do not tell, or not all weights are read (experts).
        abilities: what its backend can do and tell.
        loaded_at: when it became ready, seconds since the epoch.
    """

    name: str
    path: str
    backend: BackendName
    backend_reason: str
    device: str
    execution_devices: tuple[str, ...]
    requested_properties: dict[str, PropertyValue]
    effective_properties: dict[str, str]
    load_seconds: float
    stage_seconds: tuple[tuple[str, float], ...]
    memory_bytes: int
    context_length: int | None
    context_source: str
    generation_defaults: dict[str, Any]
    scheduler: dict[str, Any] | None
    loaded_from_cache: bool | None
    max_running: int
    versions: dict[str, str]
    request: LoadRequest
    configuration_id: str
    warnings: tuple[str, ...] = ()
    traffic: TokenTraffic | None = None
    abilities: Abilities = field(default_factory=Abilities)
    loaded_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PerformanceReport:
    """What one request cost, measured in the worker. Times are seconds; None means there was nothing to measure.

    Attributes:
        submitted_at: when the engine took the request, seconds since the epoch.
        queue_seconds: from submission until the worker took it up; until the end of a request that never was.
        template_seconds: rendering the chat template; one that came with the request is rendered while it is queued. None for
            a request with a `prompt`, which none is near.
        tokenize_seconds: turning the prompt into ids; None where it came as ids.
        ttft_seconds: time to first token, from submission.
        prefill_seconds: from handing the ids to the backend until the first token; until the end of a request that ended before.
        decode_seconds: from the first token to the last.
        detokenize_seconds: of `decode_seconds`, how long ids were turned into text; that of the first token is in the prefill.
        total_seconds: from submission until the request ended.
        prompt_tokens: length of the ids the model was given.
        cached_prompt_tokens: of these, how many came from the prefix cache; None where there is none, or the backend does not
            tell.
        generated_tokens: ids the model produced, over all sequences, end-of-text included.
        tpot_seconds: time per output token, `decode_seconds / (steps - 1)`.
        prefill_tokens_per_second: `prompt_tokens / prefill_seconds`, the prefix cache's help included; None without a first token.
        decode_tokens_per_second: tokens after each sequence's first, over `decode_seconds`.
        inter_token_latencies_seconds: the gap before every step but the first, in order.
        concurrent_requests: most requests that ran at once while this one ran, itself included.
        dropped_messages: how many of the oldest messages were left out, because the request said so.
        decode_inference_seconds: of `decode_seconds`, how long the device computed; None where the backend does not tell.
        decode_sampling_seconds: of `decode_seconds`, how long the next tokens were chosen; None likewise.
        stream_seconds: of `decode_seconds`, how long new text was handed to the main process.
        kv_cache_percent: the highest share of the KV cache's room that was in use, by all requests together, while this one
            ran; None where that room has no bound or the backend does not tell.
    """

    request_id: str
    model: str
    backend: str
    device: str
    configuration_id: str
    source: str
    submitted_at: float
    finish_reason: FinishReason
    error_code: str | None
    error_message: str | None
    seed: int | None
    queue_seconds: float | None
    template_seconds: float | None
    tokenize_seconds: float | None
    ttft_seconds: float | None
    prefill_seconds: float | None
    decode_seconds: float | None
    detokenize_seconds: float | None
    total_seconds: float
    prompt_tokens: int | None
    cached_prompt_tokens: int | None
    generated_tokens: int
    tpot_seconds: float | None
    prefill_tokens_per_second: float | None
    decode_tokens_per_second: float | None
    inter_token_latencies_seconds: tuple[float, ...]
    concurrent_requests: int
    dropped_messages: int = 0
    decode_inference_seconds: float | None = None
    decode_sampling_seconds: float | None = None
    stream_seconds: float | None = None
    kv_cache_percent: float | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """New text of one sequence of a request; `details` of its tokens where the request asked for them."""

    sequence_index: int
    text: str
    tokens: int
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The end of a request: one text and one finish reason for each sequence, and the tokens where they were asked for."""

    request_id: str
    model: str
    texts: tuple[str, ...]
    finish_reasons: tuple[FinishReason, ...]
    report: PerformanceReport
    token_details: tuple[tuple[TokenDetail, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerGauges:
    """What a worker tells of itself while it serves. None where it can't be told, which is not zero.

    Attributes:
        kv_cache_percent: share of the KV cache's room in use now; None where the room grows with what is needed.
        kv_cache_bytes: how much of the KV cache is in use now, by the requests that run.
        device_memory_bytes: memory of the device that this process holds, from GPU_MEMORY_STATISTICS.
    """

    kv_cache_percent: float | None = None
    kv_cache_bytes: int | None = None
    device_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """How fast a device reads its memory, measured here.

    Attributes:
        device: "CPU", "GPU.0", ...; `device_name` its full name.
        bytes_per_second: of its fast stretches, without outliers; `method` says how.
        measured_at: seconds since the epoch.
        method: what was run to find out, in one sentence.
    """

    device: str
    device_name: str
    bytes_per_second: float
    measured_at: float
    method: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model under a name, at one moment.

    Attributes:
        stage: while LOADING, what the worker does now.
        failure: while FAILED, why, in one sentence.
        memory_bytes: resident memory of the worker process, None while it has none.
        last_decode_tokens_per_second: of the last request that decoded at least two tokens.
        gauges: what the worker measures of itself; None until it told, or when there is no worker.
    """

    name: str
    state: ModelState
    request: LoadRequest
    info: ModelInfo | None
    stage: LoadStage | None
    failure: str | None
    process_id: int | None
    memory_bytes: int | None
    running: int
    queued: int
    last_decode_tokens_per_second: float | None
    gauges: WorkerGauges | None = None


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """The last load that ended in an error."""

    name: str
    code: str
    message: str
    hint: str
    failed_at: float


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """All models at one moment, in the order they were loaded; the default one answers requests that name none.

    `reserved`: who has the machine alone, as the beginning of a sentence; None: nobody. `reserved_model` is only theirs.
    """

    models: tuple[ModelStatus, ...]
    default_model: str | None
    last_load_failure: LoadFailure | None
    queue_size: int
    reserved: str | None = None
    reserved_model: str | None = None

    @property
    def users_models(self) -> tuple[ModelStatus, ...]:
        """Those that were loaded to answer: all but that of whoever has the machine alone."""
        return tuple(model for model in self.models if model.name != self.reserved_model)


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What unloading a model gave back, measured on its worker process just before it ended."""

    name: str
    freed_memory_bytes: int
    cancelled_requests: int
