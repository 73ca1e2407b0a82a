"""Visits, samples and configurations made up for tests, with what a test does not say left plain."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality, Sample, Visit, WorkloadSamples


def sample(decode: float | None = 50.0, *, wall: float = 3.0, tokens: int = 128, others: float | None = None) -> Sample:
    """A repetition; everything that depends on speed follows from `decode`."""
    return Sample(
        began_at=0.0,
        wall_seconds=wall,
        ttft_seconds=None if decode is None else 20.0 / decode,
        prefill_tokens_per_second=None if decode is None else decode * 20.0,
        decode_tokens_per_second=decode,
        tpot_seconds=None if decode is None else 1.0 / decode,
        total_seconds=None if decode is None else 150.0 / decode,
        throughput_tokens_per_second=decode,
        prompt_tokens=512,
        generated_tokens=tokens,
        others_cores=others,
    )


def visit(
    samples: Sequence[Sample] = (),
    *,
    configuration: str = "a",
    round_number: int = 1,
    began_at: float = 0.0,
    took: float = 10.0,
    workload: str = "custom",
    warm_up: Sample | None = None,
    load_seconds: float | None = 1.5,
    memory_bytes: int | None = 500_000_000,
    greedy: Sequence[Greedy] = (),
    failure: Failure | None = None,
    more: Sequence[WorkloadSamples] = (),
) -> Visit:
    """A configuration, visited once."""
    return Visit(
        configuration_id=configuration,
        round_number=round_number,
        began_at=began_at,
        ended_at=began_at + took,
        load_seconds=load_seconds,
        memory_bytes=memory_bytes,
        device_memory_bytes=None,
        workloads=(WorkloadSamples(workload, warm_up, tuple(samples)), *more),
        loaded=None,
        greedy=tuple(greedy),
        failure=failure,
    )


def quality(configuration: str = "a", **fields: float | None) -> Quality:
    """A text held against the reference's; what is not said was not measured."""
    known = dict.fromkeys(("mean_kl_divergence", "perplexity", "identical_share"), None) | fields
    return Quality(
        configuration_id=configuration,
        reference_id="reference",
        p99_kl_divergence=None,
        same_top_share=None,
        reference_perplexity=None,
        backend_perplexity=None,
        text_tokens=0,
        divergences=(),
        method="made up",
        changes_text=None,
        words="",
        seconds=0.0,
        **known,
    )


def configuration(name: str) -> Configuration:
    """Something to measure."""
    return Configuration(configuration_id=name, label=name.upper(), load=LoadRequest(model_path=name))
