"""What can be asked of the Tune tab, the command line and the API: a bench, a sweep, a comparison. Frozen; pure values."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest

RunKind = Literal["bench", "sweep", "comparison"]
Preset = Literal["chat", "document", "agent", "users"]
Sampler = Literal["auto", "grid", "tpe", "random"]
ObjectiveName = Literal[
    "ttft_seconds",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "throughput_tokens_per_second",
    "total_seconds",
    "memory_bytes",
    "load_seconds",
    "mean_kl_divergence",
]
"""Figures of `tuning/figures.py` that a search can improve."""
IS_KEPT = "is_kept"
"""In the context of a validation: what is read was written by OpenArc, maybe an older one that took more."""
MOST_TOKENS = 131_072
MOST_AXES = 12
MOST_VALUES = 64
RunName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
PLAIN_FIELDS = ("model_path", "backend", "device")
VARIABLE = r"^(model_path|backend|device|(ov_config|scheduler)\.[A-Za-z0-9_.]+)$"
"""What an axis can be called."""
OwnPrompt = Annotated[str, StringConstraints(min_length=1, max_length=200_000)]


class Workload(Frozen):
    """What is asked of a configuration, again and again.

    One repetition is `concurrent_requests` conversations at once, each of `turns` requests one after the other.
    """

    name: str = Field("custom", min_length=1, max_length=60, description="How it is called in tables.")
    prompt_tokens: int = Field(512, ge=1, le=MOST_TOKENS, description="New tokens of the prompt in each turn.")
    generated_tokens: int = Field(128, ge=1, le=MOST_TOKENS, description="Tokens generated in each turn, exactly.")
    depth_tokens: int = Field(
        0,
        ge=0,
        le=MOST_TOKENS,
        description="Tokens of context before the prompt, which are read before the clock starts.",
    )
    concurrent_requests: int = Field(1, ge=1, le=256, description="Users who ask at the same time.")
    turns: int = Field(
        1, ge=1, le=64, description="Requests of each user; every one has the whole history of those before."
    )
    prompts: tuple[OwnPrompt, ...] = Field(
        (),
        max_length=256,
        description="Your own prompts, in turn, in place of the bundled text; `prompt_tokens` is refused beside them.",
    )

    @property
    def tokens(self) -> int:
        """Of one user's conversation when it is over; the user's own prompts are left out, since their length is not known."""
        prompt_tokens = 0 if self.prompts else self.prompt_tokens
        return self.depth_tokens + self.turns * (prompt_tokens + self.generated_tokens)

    @model_validator(mode="after")
    def _has_one_length_of_prompts(self, info: ValidationInfo) -> Workload:
        is_kept = (info.context or {}).get(IS_KEPT, False)
        if self.prompts and "prompt_tokens" in self.model_fields_set and not is_kept:
            raise ValueError(
                "prompt_tokens can't stand beside prompts: it cuts the bundled text, and your own prompts are as long as they are"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_refused(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that what was asked for can be asked for again."""
        found: dict[str, Any] = told(self)
        return {name: value for name, value in found.items() if name != "prompt_tokens" or not self.prompts}

    @model_validator(mode="after")
    def _fits_what_models_can_read(self) -> Workload:
        if self.tokens > MOST_TOKENS:
            raise ValueError(f"depth, prompts and answers together are more than {MOST_TOKENS} tokens")
        return self


class QualityOptions(Frozen):
    """How much is looked at to see whether a configuration still writes the same."""

    is_wanted: bool = Field(True, description="Compare what is written with the reference.")
    text_tokens: int = Field(512, ge=64, le=8192, description="Tokens of the bundled text that are predicted.")
    prompts: int = Field(6, ge=1, le=24, description="Prompts that are answered greedily.")
    answer_tokens: int = Field(48, ge=8, le=512, description="Tokens of each greedy answer.")


class Measured(Frozen):
    """What a bench, a sweep and a comparison have in common."""

    name: RunName = Field("", description="What to call it; left out: made from what it is.")
    repetitions: int = Field(3, ge=1, le=100, description="Of the workload, each time a configuration is loaded.")
    quality: QualityOptions = Field(default_factory=QualityOptions, description="Whether the text is compared too.")
    unload_others: bool = Field(
        False, description="Unload the other models first; left loaded they take memory, and the run says so."
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Of orders, prompts and the search; the same seed asks the same."
    )


class BenchRequest(Measured):
    """One configuration, on one or more workloads."""

    kind: Literal["bench"] = "bench"
    repetitions: int = Field(
        5,
        ge=1,
        le=100,
        description="Of each workload, each time the configuration is loaded; of fewer than 5 in one load there is no interval.",
    )
    configuration: LoadRequest = Field(description="What is measured.")
    workloads: tuple[Workload, ...] = Field(
        (Workload(),), min_length=1, max_length=64, description="Each is measured after a warm-up of its own."
    )
    loads: int = Field(
        1, ge=1, le=20, description="How often it is loaded anew; what differs between loads is spread too."
    )
    quality: QualityOptions = Field(
        default_factory=lambda: QualityOptions(is_wanted=False), description="Whether the text is compared too."
    )

    @model_validator(mode="after")
    def _names_each_workload_once(self) -> BenchRequest:
        names = [workload.name for workload in self.workloads]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two workloads are named '{twice}'; their figures would be one")
        return self


def _nearest_field(field: str) -> str:
    """What was likely meant, as the end of a sentence."""
    name = field.rpartition(".")[2]
    if name in SchedulerOptions.model_fields:
        return f"there is 'scheduler.{name}'"
    if re.fullmatch(r"[A-Z][A-Z0-9_]+", name):
        return f"there is 'ov_config.{name}'"
    near = difflib.get_close_matches(field.casefold(), PLAIN_FIELDS, n=1, cutoff=0.6)
    return f"there is '{near[0]}'" if near else "take model_path, backend, device, ov_config.NAME or scheduler.NAME"


class Axis(Frozen):
    """One thing that a sweep varies."""

    field: str = Field(
        min_length=1,
        max_length=200,
        description="model_path, backend, device, ov_config.NAME or scheduler.NAME.",
        json_schema_extra={"pattern": VARIABLE},
    )
    values: tuple[PropertyValue | None, ...] = Field(
        min_length=1, max_length=MOST_VALUES, description="Its values; null leaves the field out, for the default."
    )

    @field_validator("field")
    @classmethod
    def _is_of_a_load(cls, field: str) -> str:
        # By hand: of a pattern only its own text would be told.
        if re.fullmatch(VARIABLE, field) is None:
            raise ValueError(f"a load has no field '{field}' to vary; {_nearest_field(field)}")
        return field

    @model_validator(mode="after")
    def _has_each_value_once(self) -> Axis:
        told = [f"{type(value).__name__}:{value}" for value in self.values]
        if len(set(told)) != len(told):
            raise ValueError(f"the axis {self.field} has a value twice")
        return self


class SweepRequest(Measured):
    """Many configurations: which is best, within a time."""

    kind: Literal["sweep"] = "sweep"
    base: LoadRequest = Field(description="What stays as it is where no axis says otherwise; also the first measured.")
    axes: tuple[Axis, ...] = Field(min_length=1, max_length=MOST_AXES, description="What varies.")
    objectives: tuple[ObjectiveName, ...] = Field(
        ("total_seconds",), min_length=1, max_length=4, description="What is to be best; several make a Pareto front."
    )
    workload: Workload = Field(default_factory=Workload, description="What each configuration is asked.")
    budget_minutes: float = Field(10.0, gt=0, le=7 * 24 * 60, description="Time for all of it, pauses not counted.")
    sampler: Sampler = Field(
        "auto", description="auto takes the grid where the time is likely enough for all of it, else TPE."
    )
    most_configurations: int = Field(1000, ge=1, le=10_000, description="At most so many are tried.")
    memory_limit_bytes: int | None = Field(None, ge=1, description="What needs more memory can't win.")
    tightness_percent: float = Field(
        3.0,
        gt=0,
        le=100,
        description="The best are measured until their 95% intervals are no wider than this, up and down.",
    )
    reference: LoadRequest | None = Field(
        None, description="What texts are compared with; left out: the base's model with f32 in computation and cache."
    )

    @model_validator(mode="after")
    def _varies_each_field_once(self) -> SweepRequest:
        fields = [axis.field for axis in self.axes]
        if len(set(fields)) != len(fields):
            raise ValueError("a field is varied by two axes")
        if len(set(self.objectives)) != len(self.objectives):
            raise ValueError("an objective is named twice")
        if "mean_kl_divergence" in self.objectives and not self.quality.is_wanted:
            raise ValueError("mean_kl_divergence is an objective only where quality is wanted")
        if self.reference is not None and not self.quality.is_wanted:
            raise ValueError("a reference is of use only where quality is wanted: leave it out, or switch quality on")
        if "decode_tokens_per_second" in self.objectives and self.workload.generated_tokens == 1:
            raise ValueError(
                "decode_tokens_per_second needs answers of 2 tokens or more: it is the pace after the first token"
            )
        return self


class ComparisonRequest(Measured):
    """Two configurations, in turn: is there a difference?"""

    kind: Literal["comparison"] = "comparison"
    a: LoadRequest = Field(description="The one it is compared with.")
    b: LoadRequest = Field(description="The other.")
    workload: Workload = Field(default_factory=Workload, description="What both are asked.")
    least_rounds: int = Field(
        6, ge=3, le=100, description="In each round both are loaded and measured, in random order."
    )
    most_rounds: int = Field(20, ge=3, le=1000, description="It ends after so many at the latest.")
    tightness_percent: float = Field(2.0, gt=0, le=100, description="It ends when the interval is no wider than this.")
    budget_minutes: float = Field(10.0, gt=0, le=7 * 24 * 60, description="Time for all of it, pauses not counted.")

    @model_validator(mode="after")
    def _may_end(self) -> ComparisonRequest:
        if self.least_rounds > self.most_rounds:
            raise ValueError("least_rounds is more than most_rounds")
        return self


RunRequest = Annotated[BenchRequest | SweepRequest | ComparisonRequest, Field(discriminator="kind")]
