"""What tables and pictures read from a RunView: its request, its workloads, the order of its results, a figure or field as text."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from pydantic import TypeAdapter

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.configurations import value_at
from openarc_ui.tuning.figures import BY_NAME, FIGURES, Figure
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, RunRequest, SweepRequest, Workload
from openarc_ui.tuning.results import ConfigurationResult, ConfigurationState, RunView, Summary

ORDER_OF_STATES = (
    ConfigurationState.MEASURED,
    ConfigurationState.MEASURING,
    ConfigurationState.PRUNED,
    ConfigurationState.WAITING,
    ConfigurationState.FAILED,
)
FIELD_NAMES: Mapping[str, str] = {
    "model_path": "Model",
    "ov_config.INFERENCE_NUM_THREADS": "Threads",
    "ov_config.NUM_STREAMS": "Streams",
    "ov_config.INFERENCE_PRECISION_HINT": "Precision of computation",
    "ov_config.SCHEDULING_CORE_TYPE": "Kind of cores",
    "ov_config.DYNAMIC_QUANTIZATION_GROUP_SIZE": "Dynamic quantization: group size",
    "scheduler.cache_size": "KV cache, GB at most",
    "scheduler.num_kv_blocks": "KV cache, blocks at most",
    "scheduler.max_num_batched_tokens": "Tokens in one step",
    "scheduler.max_num_seqs": "Answers side by side",
    "scheduler.dynamic_split_fuse": "Prompts in chunks",
    "scheduler.enable_prefix_caching": "Prefix cache",
    "scheduler.use_cache_eviction": "Cache eviction",
    "scheduler.use_sparse_attention": "Sparse attention",
}
"""Field -> its name in plain words, where a name's own words do not say it."""
ABBREVIATIONS = frozenset({"KV", "CPU", "GPU", "NPU", "NPUW", "TBB", "LLM", "SDPA", "QDQ", "UMD"})
"""Words of properties' names that stay in capitals."""


def field_label(field: str) -> str:
    """ "ov_config.KV_CACHE_PRECISION" -> "KV cache precision"."""
    words = field.partition(".")[2] or field
    told = " ".join(
        word if word in ABBREVIATIONS else word.lower() for word in words.replace(".", "_").split("_") if word
    )
    return FIELD_NAMES.get(field, told[:1].upper() + told[1:])


def field_words(field: str) -> str:
    """ "KV cache precision (KV_CACHE_PRECISION)": in plain words, and as it is set."""
    name = field.partition(".")[2]
    return f"{field_label(field)} ({name})" if name else field_label(field)


def request_of(view: RunView) -> BenchRequest | SweepRequest | ComparisonRequest:
    """What was asked for."""
    return _requests().validate_python(view.request)


def workloads_of(view: RunView) -> tuple[Workload, ...]:
    """What was measured with, in order."""
    request = request_of(view)
    return request.workloads if isinstance(request, BenchRequest) else (request.workload,)


def objectives_of(view: RunView) -> tuple[Figure, ...]:
    """What a sweep improves; of other runs, what is looked at first."""
    request = request_of(view)
    names = request.objectives if isinstance(request, SweepRequest) else ("total_seconds",)
    return tuple(BY_NAME[name] for name in names)


def in_order(view: RunView) -> list[ConfigurationResult]:
    """In a sweep the one to take first, then by the first objective, what was not measured to the end last."""
    if view.head.kind != "sweep":
        return list(view.results)
    figure, (workload,) = objectives_of(view)[0], workloads_of(view)
    sign = -1.0 if figure.is_better_higher else 1.0

    def place(result: ConfigurationResult) -> tuple[bool, int, float, int]:
        summary = summary_of(result, figure, workload.name)
        value = sign * summary.median if summary is not None else math.inf
        return not result.is_best, ORDER_OF_STATES.index(result.state), value, result.number

    return sorted(view.results, key=place)


def summary_of(result: ConfigurationResult, figure: Figure, workload: str) -> Summary | None:
    """One figure of one configuration, where there is one."""
    return result.figures.get(workload, {}).get(figure.name)


def short_label(view: RunView, result: ConfigurationResult) -> str:
    """In a sweep what differs from the base, for where there is little room: "2 threads · LATENCY · u8"; else its label."""
    request = request_of(view)
    is_named = not result.configuration.settings or result.configuration.configuration_id == view.reference_id
    if not isinstance(request, SweepRequest) or is_named:
        return result.configuration.label
    parts = []
    for axis in request.axes:
        value = value_at(result.configuration.load, axis.field)
        if value == value_at(request.base, axis.field):
            continue
        is_shared = any(value in other.values for other in request.axes if other is not axis)
        parts.append(_part(field_label(axis.field), value, is_shared))
    return " · ".join(parts) or result.configuration.label


def _part(label: str, value: PropertyValue | None, is_shared: bool) -> str:
    """Args: is_shared: another setting can have this value too."""
    if isinstance(value, bool):
        return f"{label} {'on' if value else 'off'}"
    if value is None:
        return f"default {label[:1].lower()}{label[1:]}"
    if isinstance(value, str) and not is_shared:
        return value.rstrip("/").rpartition("/")[2]
    words = f"{label[:1].lower()}{label[1:]}"
    return f"{value} {words.removesuffix('s') if value == 1 else words}"


def marks_told(view: RunView, results: Sequence[ConfigurationResult]) -> list[str]:
    """What is to know of each, with its name; not what a note of the run says in the same words."""
    return [f"{each.configuration.label}: {mark}" for each in results for mark in each.marks if mark not in view.notes]


def memory_limit_of(view: RunView) -> int | None:
    """Bytes that the one to take may need."""
    request = request_of(view)
    return request.memory_limit_bytes if isinstance(request, SweepRequest) else None


def is_over_limit(view: RunView, result: ConfigurationResult) -> bool:
    """It needs more memory than it may, so it is never on the front."""
    limit, (workload, *_) = memory_limit_of(view), workloads_of(view)
    summary = summary_of(result, BY_NAME["memory_bytes"], workload.name)
    return limit is not None and summary is not None and summary.median > limit


def is_best_sure(view: RunView) -> bool:
    """There is a verdict of the best against the base (where that is the best, of another against it), by its objective."""
    if view.head.kind != "sweep":
        return True
    first = objectives_of(view)[0]
    asked = [each for each in view.results if each.is_best and each.configuration.configuration_id != view.reference_id]
    return any(
        difference.verdict != "too few"
        for each in asked or view.results
        for difference in each.against_reference
        if difference.figure == first.name
    )


def figures_in(results: Sequence[ConfigurationResult], workload: str) -> list[Figure]:
    """The figures that at least one of them has, in the order of the table of figures."""
    return [figure for figure in FIGURES if any(summary_of(result, figure, workload) is not None for result in results)]


def number_text(figure: Figure, value: float) -> str:
    """A value in the unit it is shown in, without the unit."""
    return f"{value * figure.scale:,.{figure.digits}f}"


def with_interval(figure: Figure, summary: Summary) -> str:
    """ "87.1 ± 1.2": the median, and how far its 95% interval reaches at most; without one the median alone."""
    text = number_text(figure, summary.median)
    if summary.low is None or summary.high is None:
        return text
    reach = max(summary.high - summary.median, summary.median - summary.low)
    least = 10.0**-figure.digits
    is_less = 0.0 < reach * figure.scale < least / 2.0
    return f"{text} ± {f'< {least:.{figure.digits}f}' if is_less else number_text(figure, reach)}"


def unit_text(figure: Figure) -> str:
    """ "TTFT, ms"."""
    return f"{figure.label}, {figure.unit}" if figure.unit else figure.label


def workload_words(workload: Workload) -> str:
    """ "128 + 128 tokens, 4 users at once"."""
    prompt = f"{len(workload.prompts)} own prompts" if workload.prompts else f"{workload.prompt_tokens} prompt"
    parts = [f"{prompt} + {workload.generated_tokens} generated tokens"]
    parts += [f"after {workload.depth_tokens} tokens of context"] if workload.depth_tokens else []
    parts += [f"{workload.turns} turns"] if workload.turns > 1 else []
    parts += [f"{workload.concurrent_requests} users at once"] if workload.concurrent_requests > 1 else ["one user"]
    return ", ".join(parts)


def shareable(load: LoadRequest) -> LoadRequest:
    """The same load without folders of this machine, to be posted: of a whole path only its last part."""
    ov_config = {name: _last_part(value) if isinstance(value, str) else value for name, value in load.ov_config.items()}
    return load.model_copy(update={"model_path": _last_part(load.model_path), "ov_config": ov_config})


def _last_part(text: str) -> str:
    is_absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return PureWindowsPath(text).name if is_absolute else text


@functools.cache
def _requests() -> TypeAdapter[BenchRequest | SweepRequest | ComparisonRequest]:
    return TypeAdapter(RunRequest)
