"""Bodies of the routes about tuning: the results' own dataclasses, with words for every field.

A test holds each against its dataclass in `openarc_ui.tuning`, field by field.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.answers import read_request
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, RunKind, RunRequest, SweepRequest
from openarc_ui.tuning.results import ConfigurationState, RunState

RUN_ID: Any = "20261126-120000-3f2a9c"
CONFIGURATION_ID: Any = "3f2a9c1b77d04e55"
MODEL = "SmolLM2-135M-Instruct-int4"
BENCH_EXAMPLE: dict[str, Any] = {
    "kind": "bench",
    "configuration": {"model_path": MODEL, "ov_config": {"KV_CACHE_PRECISION": "f16"}},
    "workloads": [{"name": "short", "prompt_tokens": 32, "generated_tokens": 8}],
    "repetitions": 1,
}


class RunBody(RootModel[RunRequest]):
    """Body of `POST /tuning/runs`: what to measure; its `kind` says which of the three it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [BENCH_EXAMPLE]})

    root: RunRequest

    @model_validator(mode="before")
    @classmethod
    def _with_the_nearest_names(cls, given: Any) -> Any:
        # An InvalidRequest is no ValueError, so it leaves pydantic as it is: its places are those of the body, without a kind.
        return given if isinstance(given, (BenchRequest, SweepRequest, ComparisonRequest)) else read_request(given)


class RunNameBody(Frozen):
    """Body of `PATCH /tuning/runs/{run_id}`."""

    model_config = Frozen.model_config | {"json_schema_extra": {"examples": [{"name": "threads"}]}}

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = Field(
        description="What it is called from now on."
    )


class AxesAsked(Frozen):
    """Body of `POST /tuning/axes`."""

    model_config = Frozen.model_config | {
        "json_schema_extra": {"examples": [{"base": {"model_path": MODEL, "device": "CPU"}}]}
    }

    base: LoadRequest = Field(description="What a sweep would begin with.")


class KeptProfileBody(Frozen):
    """Body of `PUT /tuning/runs/{run_id}/configurations/{configuration_id}/profile`."""

    model_config = Frozen.model_config | {"json_schema_extra": {"examples": [{"name": "tuned", "replace": True}]}}

    name: str = Field(min_length=1, max_length=64, description="Of the profile.")
    description: str = Field("", max_length=2000, description="What it is for; empty: where it was measured.")
    replace: bool = Field(False, description="Write over the profile that has the name.")


class RunHeadBody(BaseModel):
    """A run in a list."""

    run_id: str = Field(description="Its id.", examples=[RUN_ID])
    kind: RunKind = Field(description="bench, sweep or comparison.")
    name: str = Field(description="What it is called.")
    state: RunState = Field(
        description="waiting, running, interrupted (it can be resumed), cancelled, finished or failed."
    )
    created_at: float = Field(description="Seconds since the epoch.")
    updated_at: float = Field(description="Seconds since the epoch.")
    words: str = Field(description="What came of it so far, in one sentence.")
    configurations: int = Field(description="How many were begun.")


class TuningFailureBody(BaseModel):
    """Why a configuration could not be measured, or a run failed."""

    stage: str = Field(description="check, load, warm-up, measure or quality.")
    code: str = Field(description="A stable word for programs, as in the body of an error.")
    message: str = Field(description="What went wrong.")
    hint: str = Field("", description="What to do about it.")


class ConfigurationBody(BaseModel):
    """What is loaded and measured."""

    configuration_id: str = Field(description="Hash of everything a load depends on.", examples=[CONFIGURATION_ID])
    label: str = Field(description="What tells it from others, in a few words.")
    load: LoadRequest = Field(description="As it is loaded; /model/load and profiles take the same.")
    settings: dict[str, PropertyValue | None] = Field(
        default_factory=dict, description="Values of the sweep's axes, by field; null: the field was left out."
    )


class RunLoadedBody(BaseModel):
    """What a load turned out to be, told by its worker."""

    backend: str = Field(description="That ran it.")
    device: str = Field(description="It was loaded on.")
    execution_devices: list[str] = Field(description="Where OpenVINO says that it runs.")
    effective_properties: dict[str, str] = Field(description="The ov_config as it was in effect.")
    scheduler: dict[str, PropertyValue | None] | None = Field(description="As it was in effect; null: there was none.")
    versions: dict[str, str] = Field(description="Of the libraries that ran it.")
    engine_configuration_id: str = Field(description="The configuration_id of the metrics.")
    warnings: list[str] = Field(default_factory=list, description="In sentences.")
    loaded_from_cache: bool | None = Field(
        None, description="OpenVINO found it compiled, which shortens its load; null: not told."
    )


class SummaryBody(BaseModel):
    """One figure of one configuration and workload; seconds, bytes, tokens a second, nats, or a share from 0 to 1."""

    count: int = Field(description="Samples.")
    median: float = Field(description="Of the samples.")
    mean: float = Field(description="Of the samples.")
    spread: float | None = Field(description="Standard deviation.")
    least: float = Field(description="The smallest.")
    most: float = Field(description="The largest.")
    low: float | None = Field(description="Lower end of the median's 95% interval; null: too few samples for one.")
    high: float | None = Field(description="Upper end of it.")


class RunDifferenceBody(BaseModel):
    """A configuration against the one it is compared with: one figure, paired by rounds."""

    figure: str = Field(description="Its name.", examples=["decode_tokens_per_second"])
    rounds: int = Field(description="In which both were measured.")
    median_a: float | None = Field(description="Of the one it is compared with.")
    median_b: float | None = Field(description="Of this one.")
    difference_percent: float | None = Field(description="Of the geometric mean of the rounds' ratios b / a.")
    low_percent: float | None = Field(description="Lower end of its interval.")
    high_percent: float | None = Field(description="Upper end of it.")
    confidence_percent: float = Field(description="Of the interval.")
    verdict: str = Field(description="better, worse, no real difference, or too few.")
    words: str = Field(description="The same as a sentence.")


class DivergenceBody(BaseModel):
    """One prompt, answered greedily by a configuration and by the reference."""

    prompt: str = Field(description="What was asked.")
    first_difference: int | None = Field(description="Index of the first token that differs; null: all are the same.")
    tokens: int = Field(description="That were compared.")
    reference_text: str = Field(description="What the reference wrote.")
    text: str = Field(description="What this configuration wrote.")


class QualityBody(BaseModel):
    """A configuration's text, held against the reference's. docs/tuning.md says how each number is found."""

    configuration_id: str = Field(description="Whose text.")
    reference_id: str = Field(description="Id of the configuration it is compared with.")
    mean_kl_divergence: float | None = Field(
        description="Of next-token distributions, in nats; null: `method` says why."
    )
    p99_kl_divergence: float | None = Field(description="Its 99th percentile over the positions.")
    same_top_share: float | None = Field(description="Share of positions with the same likeliest token.")
    perplexity: float | None = Field(description="Of the bundled text, by the distributions.")
    reference_perplexity: float | None = Field(description="The reference's.")
    backend_perplexity: float | None = Field(
        description="Of the same text by the backend's own pipeline, where it tells log probabilities."
    )
    text_tokens: int = Field(description="Positions that were predicted.")
    identical_share: float | None = Field(description="Share of greedy answers that are the same to the last token.")
    divergences: list[DivergenceBody] = Field(description="Each greedy answer.")
    method: str = Field(description="What was run to find out, and what could not be measured and why.")
    changes_text: bool | None = Field(description="The text is not the reference's any more; null: not known.")
    words: str = Field(description="The same in one sentence.")
    seconds: float = Field(description="It took.")
    mean_kl_divergence_low: float | None = Field(
        None, description="Lower end of its 95% interval, by blocks of the text; null: none, or too short a text."
    )
    mean_kl_divergence_high: float | None = Field(None, description="Upper end of it.")
    perplexity_low: float | None = Field(None, description="Lower end of its 95% interval, likewise.")
    perplexity_high: float | None = Field(None, description="Upper end of it.")
    perplexity_change_percent: float | None = Field(
        None, description="From the reference's perplexity to this one's; null: they can't be compared."
    )
    perplexity_change_low_percent: float | None = Field(None, description="Lower end of its 95% interval, likewise.")
    perplexity_change_high_percent: float | None = Field(None, description="Upper end of it.")
    is_sure: bool | None = Field(
        None, description="The interval of what `changes_text` is by lies on one side of the limit; null: no interval."
    )


class ConfigurationResultBody(BaseModel):
    """Everything that a run knows of one configuration."""

    configuration: ConfigurationBody = Field(description="What was loaded.")
    number: int = Field(description="In the order they were begun, from 1.")
    state: ConfigurationState = Field(description="waiting, measuring, measured, pruned (clearly no winner) or failed.")
    visits: int = Field(description="How often it was loaded and measured.")
    figures: dict[str, dict[str, SummaryBody]] = Field(description="Workload -> figure -> its summary.")
    loaded: RunLoadedBody | None = Field(None, description="What the load turned out to be; null: it never was loaded.")
    quality: QualityBody | None = Field(None, description="Of its text; null: not compared.")
    failure: TuningFailureBody | None = Field(None, description="Why it failed; null: it did not.")
    is_on_front: bool = Field(False, description="No other one is better in one objective and no worse in the others.")
    is_best: bool = Field(False, description="The one to take, of a sweep.")
    same_as: str | None = Field(None, description="Id of another one with the same effective settings.")
    against_reference: list[RunDifferenceBody] = Field(
        default_factory=list, description="Against the base of a sweep, or a of a comparison."
    )
    marks: list[str] = Field(default_factory=list, description="What one has to know of it, in sentences.")


class ProgressBody(BaseModel):
    """How far a run is."""

    phase: str = Field(description="In words.")
    now: str = Field(description="What is done at this moment.")
    done: int = Field(
        description="Configurations; texts while a sweep compares them; rounds while the best are confirmed, and in a "
        "comparison; a bench's visits."
    )
    planned: int | None = Field(description="Of them; null: the time decides.")
    elapsed_seconds: float = Field(description="Of work, pauses not counted.")
    left_seconds: float | None = Field(
        description="In a sweep until the end at the latest, else by the pace so far; null: not known yet."
    )


class ImportanceBody(BaseModel):
    """How much of the spread of an objective goes back to a field."""

    field: str = Field(description="Of an axis.", examples=["ov_config.INFERENCE_NUM_THREADS"])
    objective: str = Field(description="Name of its figure.")
    share: float = Field(description="From 0 to 1; over all fields together 1.")


class RunViewBody(BaseModel):
    """A run, whole."""

    head: RunHeadBody = Field(description="As in the list.")
    request: BenchRequest | SweepRequest | ComparisonRequest = Field(description="As it was asked for.")
    progress: ProgressBody = Field(description="How far it is.")
    results: list[ConfigurationResultBody] = Field(description="Each configuration.")
    best_id: str | None = Field(description="Id of the configuration to take, of a sweep; null: none was measured.")
    reference_id: str | None = Field(
        description="Id of a sweep's base, or of a comparison's A; what texts are compared with is in `quality`."
    )
    importances: list[ImportanceBody] = Field(description="Of a sweep with enough measured configurations.")
    notes: list[str] = Field(description="What one has to know of the whole, in sentences.")
    problem: TuningFailureBody | None = Field(description="Why the run failed; null: it did not.")
    machine: dict[str, str] = Field(description="Processor, memory, system and versions, in words.")


class AxisOfferBody(BaseModel):
    """A field that a sweep can vary."""

    field: str = Field(description="As an axis takes it.", examples=["ov_config.PERFORMANCE_HINT"])
    label: str = Field(description="As it is shown.")
    help: str = Field(description="What it does.")
    group: str = Field(description="Heading under which it stands.")
    values: list[PropertyValue | None] = Field(description="Worth trying; null leaves the field out.")
    choices: list[PropertyValue] = Field(description="All it takes; empty: whatever is sent is tried on the device.")
    is_suggested: bool = Field(description="Among the first things to vary.")
