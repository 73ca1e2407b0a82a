"""What can be said of a run before anything is loaded: each load that it is sure to need, and each field that it varies."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.choice import choose_backend
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.pipelines import pipeline_of
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable, InvalidRequest, ModelNotFound, OpenArcError, PropertyRejected
from openarc_ui.tuning.axes import check_axes
from openarc_ui.tuning.configurations import combine
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, SweepRequest, Workload
from openarc_ui.tuning.workloads import workloads_in

KINDS: dict[str, type[OpenArcError]] = {
    "model_path": ModelNotFound,
    "device": DeviceUnavailable,
    "ov_config": PropertyRejected,
}

GO_TOGETHER = ("scheduler.use_", "scheduler.cache_eviction_config.", "scheduler.sparse_attention_config.")
"""Options of which one alone may be no load at all, while it is one together with another axis."""


def check_request(engine: Engine, request: BenchRequest | SweepRequest | ComparisonRequest) -> None:
    """Refuse what can't be measured at all. One value of an axis that can't be loaded is a result, and no mistake.

    Raises:
        ModelNotFound, DeviceUnavailable, PropertyRejected, InvalidRequest: the first mistake.
    """
    if isinstance(request, BenchRequest):
        loads: tuple[LoadRequest, ...] = (request.configuration,)
    elif isinstance(request, ComparisonRequest):
        loads = (request.a, request.b)
    else:
        loads = (request.base, *((request.reference,) if request.reference is not None else ()))
    for load in loads:
        require_loadable(engine, load)
    # Texts are asked one after the other, so a reference has room in any case.
    for load in loads[:1] if isinstance(request, SweepRequest) else loads:
        require_room(engine, load, workloads_in(request))
    if isinstance(request, SweepRequest):
        check_axes(request.axes)
        for axis in request.axes:
            if axis.field.startswith(GO_TOGETHER):
                continue
            _check_axis(engine, request.base, axis.field, axis.values)


def require_loadable(engine: Engine, load: LoadRequest) -> None:
    """Refuse a load that can't come about, by what can be said without loading anything.

    Raises:
        ModelNotFound, DeviceUnavailable, PropertyRejected, InvalidRequest: the first mistake.
    """
    _require_possible(engine.preflight.findings(load))


def require_room(engine: Engine, load: LoadRequest, workloads: Sequence[Workload]) -> None:
    """Refuse more users than a configuration takes requests at once, those that wait included, and more tokens than its context holds.

    Raises:
        ModelNotFound, BackendUnavailable, InvalidRequest.
    """
    _require_context(engine, load, workloads)
    at_once = _runs_at_once(engine, load)
    waiting = engine.status().queue_size
    for workload in workloads:
        if at_once is not None and workload.concurrent_requests > at_once + waiting:
            raise InvalidRequest(
                f"The workload '{workload.name}' has {workload.concurrent_requests} users at once. This configuration "
                f"runs {at_once} request{'' if at_once == 1 else 's'} at once, and {waiting} may wait.",
                "Ask for fewer users, or raise queue_size, or scheduler.max_num_seqs where GenAI's paged attention runs.",
            )


def _require_context(engine: Engine, load: LoadRequest, workloads: Sequence[Workload]) -> None:
    """As far as the model's own files tell its context; how long own prompts are is known only by a loaded model."""
    context_length = engine.catalogue.details(load.model_path).context_length
    if context_length is None:
        return
    for workload in workloads:
        if not workload.prompts and workload.tokens > context_length:
            raise InvalidRequest(
                f"The workload '{workload.name}' needs {workload.tokens} tokens; this model's context holds {context_length}.",
                "Ask for a shorter prompt, answer or depth, or for fewer turns.",
            )


def _runs_at_once(engine: Engine, load: LoadRequest) -> int | None:
    """Requests that a load runs side by side; None: only the loaded model knows."""
    backend, _ = choose_backend(load, engine.catalogue.find(load.model_path))
    if backend == "scripted":
        return None
    if backend == "genai" and pipeline_of(load.device, load.ov_config) == "paged":
        return int(load.scheduler.settled()["max_num_seqs"])
    return 1


def _check_axis(engine: Engine, base: LoadRequest, field: str, values: Sequence[PropertyValue | None]) -> None:
    """Refuse a field of which no value can be loaded: its name is misspelt, or it is none of this device or backend."""
    first: list[Finding] = []
    for value in values:
        found = [each for each in engine.preflight.findings(combine(base, {field: value})) if each.is_error]
        if not found:
            if value is not None or len(values) == 1:
                return
            continue
        first = first or found
    _require_possible(first)


def _require_possible(found: Sequence[Finding]) -> None:
    """Raise the first error as what a load would raise."""
    first = next((each for each in found if each.is_error), None)
    if first is None:
        return
    section, _, name = first.field.partition(".")
    kind = KINDS.get(section, InvalidRequest)
    raise kind(first.message, first.hint, (name,) if section == "ov_config" and name else ())
