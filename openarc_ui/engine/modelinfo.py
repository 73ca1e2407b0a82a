"""Describes a loaded model: stage times, memory, versions and the id of its effective configuration."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping

import psutil

from openarc_ui.engine.abilities import Abilities
from openarc_ui.engine.backends.base import Backend, LoadedModel
from openarc_ui.engine.backends.template import PLAIN_STOP
from openarc_ui.engine.messages import LoadModel
from openarc_ui.engine.sampling import model_defaults
from openarc_ui.engine.types import ModelInfo


class StageTimer:
    """Reports each stage as it is reached and remembers how long it took."""

    def __init__(self, report: Callable[[str, float], None]) -> None:
        self._report = report
        self._began_at = time.perf_counter()
        self._reached: list[tuple[str, float]] = []
        self.seconds: list[tuple[str, float]] = []

    def reach(self, label: str, fraction: float) -> None:
        """A stage begins: `fraction` of the whole load is done."""
        self.finish()
        self._reached.append((label, time.perf_counter()))
        self._report(label, fraction)

    def finish(self) -> None:
        """The last stage has ended."""
        if self._reached:
            label, began_at = self._reached.pop()
            self.seconds.append((label, time.perf_counter() - began_at))

    @property
    def total_seconds(self) -> float:
        """From the beginning until now."""
        return time.perf_counter() - self._began_at


def describe(order: LoadModel, backend: Backend, model: LoadedModel, stages: StageTimer) -> ModelInfo:
    """Everything the page and the database want to know of a load that succeeded."""
    requested = dict(order.request.ov_config)
    defaults, default_warnings = model_defaults(model.generation_config)
    if backend.text.template().is_plain:
        defaults.setdefault("stop", PLAIN_STOP)
    defaults |= order.request.sampling_defaults.model_dump(exclude_none=True)
    return ModelInfo(
        name=order.name,
        path=order.path,
        backend=order.backend,
        backend_reason=order.backend_reason,
        device=order.request.device,
        execution_devices=model.execution_devices,
        requested_properties=requested,
        effective_properties=_without_paths(order, model.effective_properties),
        load_seconds=stages.total_seconds,
        stage_seconds=tuple(stages.seconds),
        memory_bytes=psutil.Process().memory_info().rss,
        context_length=model.context_length,
        context_source=model.context_source,
        generation_defaults=defaults,
        scheduler=model.scheduler,
        loaded_from_cache=model.loaded_from_cache,
        max_running=backend.max_running,
        versions=model.versions,
        request=order.request,
        configuration_id=_configuration_id(order, model),
        warnings=order.warnings + model.warnings + default_warnings,
        abilities=abilities_of(backend),
        loaded_at=time.time(),
    )


def abilities_of(backend: Backend) -> Abilities:
    """What a loaded backend can do and tell."""
    return Abilities(
        tells_probabilities=backend.tells_probabilities,
        most_alternatives=backend.most_alternatives,
        has_structured_output=backend.has_structured_output,
        supported_sampling=tuple(sorted(backend.supported_sampling)),
    )


def _without_paths(order: LoadModel, effective: Mapping[str, str]) -> dict[str, str]:
    """Paths as they were asked for; where OpenArc keeps its files on this machine is nobody's business."""
    shown = {name: str(order.request.ov_config.get(name, "OpenArc's cache folder")) for name in order.paths}
    return {name: shown[name] if value == order.paths.get(name) else value for name, value in effective.items()}


def _configuration_id(order: LoadModel, model: LoadedModel) -> str:
    """Twelve hexadecimal digits of the SHA-256 of all that makes two runs comparable."""
    identity = {
        "model": order.path,
        "backend": order.backend,
        "device": order.request.device,
        "options": order.request.model_dump(exclude={"model_path", "name", "backend", "device"}),
        "effective": _without_paths(order, model.effective_properties),
        "versions": model.versions,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:12]
