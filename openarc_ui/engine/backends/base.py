"""The seam below which everything is dirty: what a backend is, and what it is given.

A backend turns prompt ids into generated ids on one thread. It knows no pipe, no clock and no text streaming: the session
above it renders, counts, times, detokenizes and stops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from openarc_ui.engine.prompts import PromptOptions, PromptToken, StructuredOutput
from openarc_ui.engine.sampling import Sampling
from openarc_ui.engine.types import BackendName, FinishReason, LoadRequest, Message, WorkerGauges
from openarc_ui.errors import OpenArcError

ReachStage = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A chat template as a backend found it: `ChatTemplate` without the model's name."""

    text: str
    origin: str
    is_plain: bool
    special_tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a backend knows of the model it loaded.

    Attributes:
        context_source: where `context_length` comes from, in words; "" where there is none.
        scheduler: the continuous batching that runs, every value; None where there is none.
        loaded_from_cache: OpenVINO found it compiled in CACHE_DIR; None where the library does not tell.
    """

    execution_devices: tuple[str, ...]
    effective_properties: dict[str, str]
    context_length: int | None
    context_source: str
    generation_config: dict[str, Any]
    versions: dict[str, str]
    warnings: tuple[str, ...] = field(default=())
    scheduler: dict[str, Any] | None = None
    loaded_from_cache: bool | None = None


@dataclass(frozen=True, slots=True)
class TokenOdds:
    """How likely the model found a token it generated.

    Every backend means the same: the natural logarithm of the probability over the whole vocabulary as the model gave it,
    before penalties, temperature, top-k, top-p, min-p and structured output had their say.

    Attributes:
        alternatives: (id, log probability) of the likeliest tokens at this place, likeliest first.
    """

    log_probability: float
    alternatives: tuple[tuple[int, float], ...] = ()


class Job(Protocol):
    """One request as its backend sees it. All calls come from the thread that owns the model."""

    request_id: str
    prompt_ids: Sequence[int]

    @property
    def sampling(self) -> Sampling:
        """Every sampling parameter, settled."""

    @property
    def structured_output(self) -> StructuredOutput | None:
        """What the answer has to look like; `check_structure` has accepted it."""

    @property
    def wants_odds(self) -> bool:
        """Whether `push` is to be given how likely each token was."""

    def found_cached(self, tokens: int) -> None:
        """So many of the prompt's tokens came from a cache. Not called by a backend that has none, or can't tell."""

    def push(self, sequence_index: int, token_ids: Sequence[int], odds: Sequence[TokenOdds] = ()) -> None:
        """New ids of one sequence, end-of-text id included; `odds` of each, or none where the backend can't tell."""

    def told(self, inference_seconds: float, sampling_seconds: float) -> None:
        """After the first token so long was computed, and so long the next tokens were chosen; never a sum over sequences
        that ran at once. Before the last `finish`; not called by a backend that can't tell."""

    def wants_stop(self, sequence_index: int) -> bool:
        """True once this sequence needs no more ids: its request was cancelled or a stop string came."""

    def finish(self, sequence_index: int, reason: FinishReason) -> None:
        """No more ids of this sequence. The session corrects the reason where it asked for the stop itself."""

    def fail(self, error: OpenArcError) -> None:
        """The whole request failed; the backend goes on with the others."""


class ModelText(Protocol):
    """A model's words: its chat template and its tokenizer. Every method may be called from any thread."""

    def template(self) -> TemplateSource:
        """The model's own chat template, or the plain one where it has none."""

    def render(
        self, conversation: Sequence[Message], options: PromptOptions, *, add_generation_prompt: bool = True
    ) -> str:
        """The prompt of a conversation, ending where the answer begins or, with `continue_final_message`, goes on.

        Raises:
            TemplateRefused: the template is broken, or refuses the conversation.
        """

    def encode(self, text: str) -> list[int]:
        """Ids of a rendered prompt; no special token is added."""

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a text that no template has been near: the beginning-of-text token comes first where the model's own
        tokenizer would put it there, and the text does not begin with it already."""

    def check_ids(self, token_ids: Sequence[int]) -> None:
        """See that the model knows every one.

        Raises:
            InvalidRequest: with the first that it does not know.
        """

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""

    def decode_whole(self, token_ids: Sequence[int]) -> str:
        """Text of ids, special tokens spelled out."""

    def tokens(self, text: str) -> tuple[PromptToken, ...]:
        """The same ids as `encode`, each with its part of the text."""

    def token(self, token_id: int) -> PromptToken:
        """One entry of the vocabulary by itself; `text` is what it decodes to alone."""


class Backend(Protocol):
    """A way to run a model. Created, loaded and closed once in the life of a worker process.

    Attributes:
        tells_probabilities, most_alternatives, has_structured_output: see `Abilities`; final once it is loaded.
    """

    name: BackendName
    supported_sampling: frozenset[str]
    max_running: int
    tells_probabilities: bool
    most_alternatives: int
    has_structured_output: bool

    @property
    def text(self) -> ModelText:
        """The model's tokenizer and chat template; only after `load`."""

    def load(self, request: LoadRequest, path: str, reach_stage: ReachStage) -> LoadedModel:
        """Read and compile the model. `reach_stage(label, fraction)` is called before each stage.

        Raises:
            OpenArcError: translated from whatever the library raised.
        """

    def check_structure(self, structure: StructuredOutput) -> None:
        """See that answers of this structure can be generated. May be called from any thread; it may take seconds.

        Raises:
            StructureRejected: it is wrong, or says something that would not be kept to.
            ParameterNotSupported: this backend has no structured output.
        """

    def start(self, job: Job) -> None:
        """Take a job. At most `max_running` are given at once."""

    def step(self, on_output: Callable[[], None]) -> None:
        """Advance the running jobs: one token each, or a whole request where the library knows no steps.

        `on_output` is called each time new ids were pushed, so that they are sent at once.
        """

    def gauges(self) -> WorkerGauges:
        """How much of the KV cache is in use, as of the last step; nothing is computed. May be called from any thread."""

    def reset(self) -> None:
        """After `step` raised: forget all jobs and be ready for new ones, or raise to give the process up."""

    def close(self) -> None:
        """Let go of the model."""
