"""Made-up records of runs, for what is shown of them: a sweep, a comparison, a bench, with every kind of result in it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openarc_ui.engine.types import LoadRequest, PropertyValue
from openarc_ui.tuning.configurations import combine, configuration_of
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, SweepRequest, Workload
from openarc_ui.tuning.results import (
    Configuration,
    Divergence,
    Failure,
    Loaded,
    Progress,
    Quality,
    RunState,
    Sample,
    Visit,
    WorkloadSamples,
)

MODEL, SMALL_MODEL = "SmolLM2-135M-Instruct-int8", "SmolLM2-135M-Instruct-int4"
WORKLOAD = Workload(name="chat", prompt_tokens=128, generated_tokens=128)
PROGRESS = Progress("Exploring", "Repetition 2 of 3", 12, 32, 312.0, 288.0)
BEGAN = 1_790_000_000.0
MACHINE = {"processor": "Made-up processor, 2 cores", "memory": "8 GB", "OpenVINO": "2026.4.1"}


@dataclass
class MadeUpRecord:
    """What `views` reads of a RunRecord."""

    request: Any
    run_id: str = "20261126-120000-abcdef"
    folder: Path = Path("runs")
    name: str = "Made up"
    state: RunState = RunState.FINISHED
    created_at: float = BEGAN
    updated_at: float = BEGAN + 600.0
    problem: Failure | None = None
    machine: dict[str, str] = field(default_factory=lambda: dict(MACHINE))
    configurations: list[Configuration] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    qualities: dict[str, Quality | Failure] = field(default_factory=dict)
    pruned: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)


def sample(total: float = 2.0, ttft: float = 0.3, others: float | None = 0.01) -> Sample:
    """One repetition of the workload, 128 + 128 tokens."""
    return Sample(
        began_at=BEGAN,
        wall_seconds=total,
        ttft_seconds=ttft,
        prefill_tokens_per_second=128 / ttft,
        decode_tokens_per_second=127 / (total - ttft),
        tpot_seconds=(total - ttft) / 127,
        total_seconds=total,
        throughput_tokens_per_second=128 / total,
        prompt_tokens=128,
        generated_tokens=128,
        others_cores=others,
    )


def loaded(configuration: Configuration, **effective: str) -> Loaded:
    """As a worker tells of a load: what was asked for, unless said otherwise."""
    asked = {name: str(value) for name, value in configuration.load.ov_config.items()}
    return Loaded(
        backend="genai" if configuration.load.backend == "auto" else configuration.load.backend,
        device="CPU",
        execution_devices=("CPU",),
        effective_properties={"NUM_STREAMS": "1", **asked, **effective},
        scheduler={"max_num_batched_tokens": 256},
        versions={"openvino": "2026.4.1"},
        engine_configuration_id=configuration.configuration_id,
    )


def visit(
    configuration: Configuration,
    round_number: int,
    totals: Sequence[float],
    *,
    memory: int = 400_000_000,
    workload: str = WORKLOAD.name,
    others: float | None = 0.01,
    failure: Failure | None = None,
    **effective: str,
) -> Visit:
    """A visit whose repetitions took these seconds."""
    samples = tuple(sample(total, 0.15 * total, others) for total in totals)
    began_at = BEGAN + 20.0 * round_number
    return Visit(
        configuration_id=configuration.configuration_id,
        round_number=round_number,
        began_at=began_at,
        ended_at=began_at + 10.0,
        load_seconds=1.5,
        memory_bytes=memory,
        device_memory_bytes=None,
        workloads=(WorkloadSamples(workload, sample(3.0 * max(totals, default=1.0)), samples),) if samples else (),
        loaded=loaded(configuration, **effective),
        failure=failure,
    )


def quality(configuration: Configuration, reference: Configuration, *, changes_text: bool = False) -> Quality:
    """A comparison of texts with two answers, of which the second differs where the text changes."""
    return Quality(
        configuration_id=configuration.configuration_id,
        reference_id=reference.configuration_id,
        mean_kl_divergence=0.034 if changes_text else 0.0002,
        p99_kl_divergence=0.4 if changes_text else 0.003,
        same_top_share=0.93 if changes_text else 0.998,
        perplexity=16.9 if changes_text else 16.3,
        reference_perplexity=16.3,
        backend_perplexity=None,
        text_tokens=512,
        identical_share=0.5 if changes_text else 1.0,
        divergences=(
            Divergence("Name a colour.", None, 4, "Blue is one.", "Blue is one."),
            Divergence("Is <b> bold?", 2 if changes_text else None, 5, "Yes, it is.", "Yes, & more <i>"),
        ),
        method="Predicted 512 tokens of the bundled text in chunks of 64.",
        changes_text=changes_text,
        words="Changes the text: 1 of 2 answers differs, first at token 2." if changes_text else "Writes the same.",
        seconds=4.0,
    )


BASE = LoadRequest(model_path=MODEL, ov_config={"KV_CACHE_PRECISION": "f16"})
SETTINGS: tuple[dict[str, PropertyValue | None], ...] = (
    {},
    {"ov_config.KV_CACHE_PRECISION": "u8", "backend": "genai"},
    {"ov_config.KV_CACHE_PRECISION": "u8", "model_path": SMALL_MODEL},
    {"ov_config.INFERENCE_NUM_THREADS": 8},
    {"ov_config.INFERENCE_NUM_THREADS": 1},
    {"ov_config.KV_CACHE_PRECISION": "u3"},
    {"ov_config.PERFORMANCE_HINT": "THROUGHPUT"},
)
SECONDS = (2.0, 1.72, 1.5, 1.99, 4.1, 0.0, 2.3)
"""What a request takes in each of these; the third changes the text, the fifth is pruned, the sixth does not load."""
ROUNDS = (8, 8, 8, 2, 1, 0, 2)


def sweep_request(**changes: Any) -> SweepRequest:
    """Over what the settings vary."""
    fields = sorted({name for settings in SETTINGS for name in settings})
    values = {name: tuple({settings.get(name): None for settings in SETTINGS}) for name in fields}
    axes = tuple(Axis(field=name, values=values[name]) for name in fields)
    axes = tuple(
        axis if axis.field != "model_path" else Axis(field="model_path", values=(MODEL, SMALL_MODEL)) for axis in axes
    )
    return SweepRequest(**{"name": "Made up", "base": BASE, "axes": axes, "workload": WORKLOAD, **changes})


def sweep_record(noise: float = 0.01, **changes: Any) -> MadeUpRecord:
    """A finished sweep."""
    request, chance = sweep_request(**changes), random.Random(7)
    record = MadeUpRecord(request)
    record.configurations = [configuration_of(combine(BASE, settings), settings) for settings in SETTINGS]
    for round_number in range(1, max(ROUNDS) + 1):
        for number, configuration in enumerate(record.configurations):
            if round_number <= ROUNDS[number]:
                totals = [SECONDS[number] * chance.lognormvariate(0.0, noise) for _ in range(3)]
                effective = {"INFERENCE_NUM_THREADS": "2"} if number == 3 else {}
                memory = 380_000_000 - 20_000_000 * number
                record.visits.append(visit(configuration, round_number, totals, memory=memory, **effective))
    refused = record.configurations[5]
    failure = Failure("load", "property_rejected", "The CPU takes no KV_CACHE_PRECISION of u3.", "Take u8.")
    record.visits.append(visit(refused, 1, (), failure=failure))
    record.pruned = frozenset({record.configurations[4].configuration_id})
    for number in (0, 1, 2):
        each = record.configurations[number]
        record.qualities[each.configuration_id] = quality(each, record.configurations[0], changes_text=number == 2)
    return record


def comparison_record(b_seconds: float = 1.8, rounds: int = 8, noise: float = 0.01) -> MadeUpRecord:
    """A against B: f16 against u8 in the cache."""
    loads = BASE, combine(BASE, {"ov_config.KV_CACHE_PRECISION": "u8"})
    chance = random.Random(5)
    record = MadeUpRecord(ComparisonRequest(a=loads[0], b=loads[1], workload=WORKLOAD), name="f16 or u8")
    record.configurations = [configuration_of(load, label=label) for load, label in zip(loads, "AB", strict=True)]
    for round_number in range(1, rounds + 1):
        for configuration, seconds in zip(record.configurations, (2.0, b_seconds), strict=True):
            totals = [seconds * chance.lognormvariate(0.0, noise) for _ in range(3)]
            record.visits.append(visit(configuration, round_number, totals))
    a, b = record.configurations
    record.qualities[b.configuration_id] = quality(b, a)
    return record


def bench_record() -> MadeUpRecord:
    """Two workloads in three loads."""
    workloads = (Workload(name="pp128+tg128", prompt_tokens=128), Workload(name="pp512+tg128"))
    record = MadeUpRecord(BenchRequest(configuration=BASE, workloads=workloads, loads=3), name="Bench")
    configuration = configuration_of(BASE, label="bench")
    record.configurations = [configuration]
    for round_number in (1, 2, 3):
        visits = [visit(configuration, round_number, (2.0, 2.1), workload=each.name) for each in workloads]
        whole = Visit(
            **{name: getattr(visits[0], name) for name in Visit.__dataclass_fields__ if name != "workloads"},
            workloads=(*visits[0].workloads, *visits[1].workloads),
        )
        record.visits.append(whole)
    return record
