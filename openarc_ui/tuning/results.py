"""What measuring finds, as frozen dataclasses that are kept as JSON lines and answered over HTTP. Pure values.

Everything is kept in base units: seconds, bytes, tokens a second. None means that there was nothing to measure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.types import LoadRequest


class RunState(enum.StrEnum):
    """What a run is doing."""

    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """The process that ran it ended, or it was paused; it can be resumed."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class ConfigurationState(enum.StrEnum):
    """What is known of one configuration of a run."""

    WAITING = "waiting"
    MEASURING = "measuring"
    MEASURED = "measured"
    PRUNED = "pruned"
    """Measured, and clearly no winner, so it was not measured on."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is loaded and measured, under the id of its canonical form.

    Attributes:
        configuration_id: hash of everything a load depends on (see `configurations.identify`); equal means the same load.
        label: what tells it from others in a few words, for tables and legends.
        settings: the values of the axes, by field; empty for a configuration that no axis made.
    """

    configuration_id: str
    label: str
    load: LoadRequest
    settings: dict[str, PropertyValue | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a configuration could not be measured.

    Attributes:
        stage: check, load, warm-up, measure, quality.
    """

    stage: str
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One repetition of a workload.

    Attributes:
        began_at: seconds since the epoch.
        wall_seconds: from the first submission to the last end.
        ttft_seconds, prefill_tokens_per_second, decode_tokens_per_second, tpot_seconds, total_seconds: of its requests, the
            median (each request's own definition is that of the Metrics tab). `total_seconds` is one request, its queue included.
        throughput_tokens_per_second: generated tokens of all requests over `wall_seconds`.
        prompt_tokens, generated_tokens: of all requests together.
        others_cores: processor cores that other programs kept busy meanwhile, on average (steal of a virtual machine included).
    """

    began_at: float
    wall_seconds: float
    ttft_seconds: float | None
    prefill_tokens_per_second: float | None
    decode_tokens_per_second: float | None
    tpot_seconds: float | None
    total_seconds: float | None
    throughput_tokens_per_second: float | None
    prompt_tokens: int
    generated_tokens: int
    others_cores: float | None


@dataclass(frozen=True, slots=True)
class WorkloadSamples:
    """The repetitions of one workload within one visit; the warm-up is apart and counts nowhere.

    Attributes:
        is_depth_read_again: the workload has a depth and the configuration no prefix cache, so the depth is read again within
            each measured request: TTFT and prefill have it in them.
    """

    workload: str
    warm_up: Sample | None
    samples: tuple[Sample, ...]
    is_depth_read_again: bool = False


@dataclass(frozen=True, slots=True)
class Greedy:
    """A greedy answer to one prompt of the quality guard, as token ids and text."""

    prompt: str
    token_ids: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load turned out to be, told by the worker (see ModelInfo).

    Attributes:
        loaded_from_cache: OpenVINO found it compiled in the cache, which shortens `load_seconds`; None where it is not told.
    """

    backend: str
    device: str
    execution_devices: tuple[str, ...]
    effective_properties: dict[str, str]
    scheduler: dict[str, PropertyValue | None] | None
    versions: dict[str, str]
    engine_configuration_id: str
    warnings: tuple[str, ...] = ()
    loaded_from_cache: bool | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A configuration loaded once, warmed up, measured, unloaded.

    Attributes:
        round_number: visits of one round belong together; they were made one after the other.
        load_seconds: until the model answered.
        memory_bytes: the largest resident memory of its worker during the repetitions (what the device's own memory held is
            `device_memory_bytes`, where it tells).
        greedy: the quality guard's answers, where they were asked for in this visit.
        failure: why it ended early; what was measured before is kept.
    """

    configuration_id: str
    round_number: int
    began_at: float
    ended_at: float
    load_seconds: float | None
    memory_bytes: int | None
    device_memory_bytes: int | None
    workloads: tuple[WorkloadSamples, ...]
    loaded: Loaded | None
    greedy: tuple[Greedy, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Divergence:
    """One prompt, answered by a configuration and by the reference.

    Attributes:
        first_difference: index of the first generated token that differs; None: all are the same.
    """

    prompt: str
    first_difference: int | None
    tokens: int
    reference_text: str
    text: str


@dataclass(frozen=True, slots=True)
class Quality:
    """A configuration's text, held against the reference's.

    Attributes:
        reference_id: of the configuration it is compared with.
        mean_kl_divergence: of next-token distributions, reference from configuration, in nats, mean over the text's tokens.
        p99_kl_divergence: its 99th percentile.
        same_top_share: share of the positions at which the likeliest token is the same.
        perplexity, reference_perplexity: of the bundled text, by the distributions.
        backend_perplexity: of the same text by the backend's own pipeline, where it tells log probabilities of a prompt.
        text_tokens: positions that were predicted.
        identical_share: share of the greedy answers that are the same to the last token.
        divergences: each greedy answer.
        method: what was run to find out, in one sentence; with what could not be measured and why.
        changes_text: the text is not the reference's any more, by the thresholds of `quality.py`.
        words: the same in one sentence.
        seconds: it took.
        mean_kl_divergence_low, mean_kl_divergence_high, perplexity_low, perplexity_high: 95% intervals, by blocks of the text (see
            `quality/text_blocks.py`); None where the text is too short for one.
        perplexity_change_percent: of the reference's, by the same pipeline of both; with its interval, block by block.
        is_sure: the interval of what `changes_text` is by lies on one side of the limit; None: there is no interval.
    """

    configuration_id: str
    reference_id: str
    mean_kl_divergence: float | None
    p99_kl_divergence: float | None
    same_top_share: float | None
    perplexity: float | None
    reference_perplexity: float | None
    backend_perplexity: float | None
    text_tokens: int
    identical_share: float | None
    divergences: tuple[Divergence, ...]
    method: str
    changes_text: bool | None
    words: str
    seconds: float
    mean_kl_divergence_low: float | None = None
    mean_kl_divergence_high: float | None = None
    perplexity_low: float | None = None
    perplexity_high: float | None = None
    perplexity_change_percent: float | None = None
    perplexity_change_low_percent: float | None = None
    perplexity_change_high_percent: float | None = None
    is_sure: bool | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure of one configuration (and workload).

    Attributes:
        count: samples. One visit's samples are not independent, so the interval is by visits where there are at least three.
        low, high: 95% interval of the median; None where there are too few for one.
        spread: standard deviation.
    """

    count: int
    median: float
    mean: float
    spread: float | None
    least: float
    most: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """B against A, one figure, paired by rounds.

    Attributes:
        difference_percent: of the geometric mean of the rounds' ratios B / A.
        low_percent, high_percent: its interval, at `confidence_percent`.
        verdict: "better", "worse", "no real difference", "too few".
        words: the same as one sentence.
    """

    figure: str
    rounds: int
    median_a: float | None
    median_b: float | None
    difference_percent: float | None
    low_percent: float | None
    high_percent: float | None
    confidence_percent: float
    verdict: str
    words: str


@dataclass(frozen=True, slots=True)
class ConfigurationResult:
    """Everything that a run knows of one configuration.

    Attributes:
        number: in the order they were begun, from 1.
        visits: how often it was loaded and measured.
        figures: workload name -> figure name -> summary; a sweep and a comparison have one workload.
        is_on_front: no other one is better in one objective and no worse in the others.
        is_best: the one to take, by the first objective, among those within the memory limit; never one whose text changes,
            where another is on the front.
        same_as: another configuration's id whose effective settings are the same.
        against_reference: paired by rounds with the base (sweep) or A (comparison), where both were measured in common rounds.
        marks: what one has to know of it, each a sentence: changed text, background load, over the memory limit, differing
            effective value.
    """

    configuration: Configuration
    number: int
    state: ConfigurationState
    visits: int
    figures: dict[str, dict[str, Summary]]
    loaded: Loaded | None = None
    quality: Quality | None = None
    failure: Failure | None = None
    is_on_front: bool = False
    is_best: bool = False
    same_as: str | None = None
    against_reference: tuple[Difference, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: as words: "Exploring", "Confirming the best 3", "Comparing texts".
        now: what is done at this moment, as words.
        done, planned: configurations while a sweep explores, texts while it compares them, rounds while it confirms and in a
            comparison, in a bench the visits and a comparison of texts; planned is None where the time decides.
        elapsed_seconds: of work, pauses not counted.
        left_seconds: in a sweep until the end at the latest, by its time; in the others by the pace so far; None: not known yet.
    """

    phase: str
    now: str
    done: int
    planned: int | None
    elapsed_seconds: float
    left_seconds: float | None


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of the spread of an objective goes back to a field, from 0 to 1, over all fields of the sweep 1."""

    field: str
    objective: str
    share: float


@dataclass(frozen=True, slots=True)
class RunHead:
    """A run in a list."""

    run_id: str
    kind: str
    name: str
    state: RunState
    created_at: float
    updated_at: float
    words: str
    """What came of it so far, in one sentence."""
    configurations: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, whole, as page, REST, exports and the report show it.

    Attributes:
        request: as it was asked for (a RunRequest as JSON).
        best_id: of the configuration to take; None: none was measured.
        reference_id: of the base of a sweep, or A of a comparison, which speeds are held against. The one that texts are held
            against is `Quality.reference_id`, which may be another.
        importances: of a sweep with at least `search.FEWEST_FOR_IMPORTANCE` measured configurations.
        notes: what one has to know of the whole, each a sentence: drift, background load, other loaded models, what was left out.
        problem: why the run failed.
        machine: name -> words: processor, memory, system, versions.
    """

    head: RunHead
    request: dict[str, object]
    progress: Progress
    results: tuple[ConfigurationResult, ...]
    best_id: str | None
    reference_id: str | None
    importances: tuple[Importance, ...]
    notes: tuple[str, ...]
    problem: Failure | None
    machine: dict[str, str]
