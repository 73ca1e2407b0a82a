"""Everything that can be said about a load before it is started: devices, settings, mistakes, and whether it fits.

`Engine.load` asks it too, so what the page warns of is what a load refuses. It starts no process and reads no weights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from openarc_ui.engine.catalogue.catalogue import Catalogue, ModelEntry
from openarc_ui.engine.choice import choose_backend
from openarc_ui.engine.devices.checks import OLD_NAMES, check_ov_config, map_old_names
from openarc_ui.engine.devices.describe import DeviceReport, describe_device, describe_devices
from openarc_ui.engine.devices.form import device_options
from openarc_ui.engine.devices.layer import DeviceLayer, read
from openarc_ui.engine.devices.names import check_device
from openarc_ui.engine.devices.rules import CACHE_FOLDER_PROPERTIES, MODEL_FOLDER_PROPERTIES, Setting
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.help import device_help, property_help
from openarc_ui.engine.memory.estimate import FitEstimate, estimate_fit
from openarc_ui.engine.memory.fitting import Fitting
from openarc_ui.engine.memory.shape import ModelShape
from openarc_ui.engine.memory.traffic import token_traffic
from openarc_ui.engine.options import OptionSpec, options_of
from openarc_ui.engine.pipelines import check_pipeline, pipeline_of
from openarc_ui.engine.sampling import BUILT_IN
from openarc_ui.engine.scheduler import SCHEDULER_DEFAULTS, SchedulerOptions
from openarc_ui.engine.types import BackendName, LoadRequest, ModelInfo, PropertyValue, SamplingParameters
from openarc_ui.errors import DeviceUnavailable, InvalidRequest, ModelNotFound, OpenArcError, PropertyRejected, nearest

COMMON_SCHEDULER = frozenset({"cache_size", "max_num_batched_tokens", "max_num_seqs", "enable_prefix_caching"})
COMMON_SAMPLING = frozenset({"max_new_tokens", "temperature", "top_p", "top_k", "do_sample"})


@dataclass(frozen=True, slots=True)
class OptionForm:
    """What can be set for a load on one device, as three groups of settings."""

    device: str
    ov_config: tuple[OptionSpec, ...]
    scheduler: tuple[OptionSpec, ...]
    sampling_defaults: tuple[OptionSpec, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A load that passed every check.

    Attributes:
        request: with today's property names.
        backend_reason: why this backend.
        warnings: what is worth knowing, one sentence each.
        fits_beside: there is room for it without unloading the model it replaces.
        paths: the properties that are paths, made whole; the request keeps them as they were written.
    """

    request: LoadRequest
    entry: ModelEntry
    backend: BackendName
    backend_reason: str
    warnings: tuple[str, ...]
    fits_beside: bool
    paths: Mapping[str, str]


class Preflight:
    """The checks over one model folder and one machine. Thread-safe.

    Args:
        cache_folder: the only folder compiled models may be kept in; None: nowhere.
        device_layer: how OpenVINO is asked.
        returned_bytes: memory that comes back when a model of this name is loaded, because the old one goes first.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        cache_folder: Path | None,
        device_layer: Callable[[], DeviceLayer],
        returned_bytes: Callable[[str], int] = lambda name: 0,
    ) -> None:
        self._catalogue = catalogue
        self._cache_folder = cache_folder
        self._new_layer = device_layer
        self._fitting = Fitting(catalogue, returned_bytes)
        self._lock = threading.Lock()
        self._layer: DeviceLayer | None = None
        self._options: dict[tuple[str, bool], tuple[OptionSpec, ...]] = {}

    def refresh(self) -> None:
        """Ask OpenVINO anew: a device may have been added or have gone."""
        with self._lock:
            self._layer = None
            self._options.clear()

    def devices(self) -> list[DeviceReport]:
        """Every device of this machine, now."""
        return describe_devices(self._current_layer(), device_help())

    def device(self, name: str) -> DeviceReport:
        """One device, or a bare composite such as AUTO.

        Raises:
            DeviceUnavailable: there is none of that name.
        """
        layer = self._current_layer()
        members = check_device(layer, name) if ":" not in name and name not in device_help() else (name,)
        if ":" in name:
            check_device(layer, name)
            members = (name.partition(":")[0],)
        return describe_device(layer, members[0] if name not in device_help() else name, device_help())

    def members(self, device: str) -> tuple[str, ...]:
        """The real devices behind a device string.

        Raises:
            DeviceUnavailable: with the reason and the nearest names.
        """
        return check_device(self._current_layer(), device)

    def options(self, device: str, backend: str = "auto") -> OptionForm:
        """What can be set for a load on a device.

        Raises:
            DeviceUnavailable: there is no such device.
        """
        scheduler = options_of(SchedulerOptions, SCHEDULER_DEFAULTS, group="scheduler", common=COMMON_SCHEDULER)
        sampling = options_of(SamplingParameters, BUILT_IN, group="sampling", common=COMMON_SAMPLING)
        is_genai = backend in ("auto", "genai")
        return OptionForm(device, self._device_options(device, is_genai), scheduler if is_genai else (), sampling)

    def check(self, values: Mapping[str, Any]) -> list[Finding]:
        """Everything to say about a load as it was typed: values of a LoadRequest, of any type. Never raises."""
        try:
            request = LoadRequest.model_validate(dict(values))
        except ValidationError as error:
            return [_as_finding(problem) for problem in error.errors(include_url=False)]
        return self.findings(request)

    def findings(self, request: LoadRequest) -> list[Finding]:
        """Everything to say about a load whose values have the right types."""
        found: list[Finding] = []
        backend: BackendName | None = None
        try:
            entry = self._catalogue.find(request.model_path)
            backend, _ = choose_backend(request, entry)
        except OpenArcError as error:
            found.append(Finding(_field_of(error), "error", "rules", error.message, error.hint))
        if backend != "scripted":
            found += self._device_findings(request, backend or request.backend)
        if backend is not None:
            found += self._cache_findings(request, entry)
        return found

    def plan(self, request: LoadRequest) -> Plan:
        """Check a load and make it ready.

        Raises:
            ModelNotFound, BackendUnavailable, InvalidRequest, DeviceUnavailable, PropertyRejected: the first mistake.
            DoesNotFit: the estimate says no, and the request does not insist.
        """
        entry = self._catalogue.find(request.model_path)
        backend, reason = choose_backend(request, entry)
        warnings: list[str] = []
        if backend != "scripted":
            found = [*self._device_findings(request, backend), *self._cache_findings(request, entry)]
            _raise_first(found)
            warnings = [f"{each.message} {each.hint}".strip() for each in found]
        ov_config, _ = map_old_names(request.ov_config)
        request = request.model_copy(update={"ov_config": ov_config})
        if backend != "scripted" and not request.allow_overcommit:
            self._fitting.require(request, entry, backend, self._current_layer())
        fits_beside = backend == "scripted" or self._fitting.fits_beside(request, entry, backend, self._current_layer())
        return Plan(request, entry, backend, reason, tuple(warnings), fits_beside, self._whole_paths(ov_config))

    def with_traffic(self, plan: Plan, info: ModelInfo) -> ModelInfo:
        """The description of a model that was loaded, with what a token of it reads from memory."""
        if plan.backend == "scripted":
            return info
        traffic = token_traffic(plan.entry, plan.request, plan.backend, self._current_layer(), info.execution_devices)
        return replace(info, traffic=traffic)

    def fit(
        self, request: LoadRequest, context_tokens: int | None = None, sequences: int = 1, *, is_strict: bool = True
    ) -> FitEstimate:
        """Whether a model fits where it is asked to run.

        Args:
            is_strict: refuse an ov_config that would not load; the page, which shows its mistakes beside, does not want that.

        Raises:
            ModelNotFound, BackendUnavailable, DeviceUnavailable, PropertyRejected, InvalidRequest: it can't be said what
                would run where, or it would not run.
        """
        entry = self._catalogue.find(request.model_path)
        backend, _ = choose_backend(request, entry)
        ov_config, _ = map_old_names(request.ov_config)
        request = request.model_copy(update={"ov_config": ov_config})
        layer = self._current_layer()
        if is_strict and backend != "scripted":
            _raise_first(self._device_findings(request, backend))
        check_device(layer, request.device)
        return self._fitting.estimate(request, entry, backend, layer, context_tokens, sequences)

    def fit_of_shape(
        self, entry: ModelEntry, request: LoadRequest, shape: ModelShape, context_tokens: int | None = None
    ) -> FitEstimate:
        """Whether a model that is not here would fit, with GenAI, by the shape that is told of it."""
        return estimate_fit(entry, request, "genai", self._current_layer(), context_tokens=context_tokens, shape=shape)

    def _cache_findings(self, request: LoadRequest, entry: ModelEntry) -> list[Finding]:
        """A model that was made with a key-value cache has it built in."""
        if request.use_cache or entry.kind != "ir":
            return []
        weights = self._catalogue.describe(entry).weights
        if weights is None or not weights.has_state:
            return []
        words = "This model was made with a key-value cache and runs with it only."
        return [Finding("use_cache", "error", "rules", words, "Leave use_cache on true.")]

    def fits_beside(self, request: LoadRequest) -> bool:
        """Whether a model fits without unloading the one it replaces.

        Raises:
            ModelNotFound, BackendUnavailable, InvalidRequest: it can't be said what would run.
        """
        entry = self._catalogue.find(request.model_path)
        backend, _ = choose_backend(request, entry)
        return backend == "scripted" or self._fitting.fits_beside(request, entry, backend, self._current_layer())

    def _device_findings(self, request: LoadRequest, backend: str) -> list[Finding]:
        layer = self._current_layer()
        try:
            members = check_device(layer, request.device)
        except DeviceUnavailable as error:
            return [Finding("device", "error", "rules", error.message, error.hint)]
        try:
            ov_config, old = map_old_names(request.ov_config)
        except PropertyRejected as error:
            name = next(name for name in OLD_NAMES if name in request.ov_config)
            return [Finding(f"ov_config.{name}", "error", "rules", error.message, error.hint, "older_names")]
        used_old = [name for name in OLD_NAMES if name in request.ov_config]
        found = [
            Finding(f"ov_config.{name}", "warning", "rules", warning, "", "older_names")
            for name, warning in zip(used_old, old, strict=True)
        ]
        is_paged = backend in ("auto", "genai") and pipeline_of(request.device, ov_config) == "paged"
        setting = Setting(
            device=request.device,
            members=members,
            backend=backend,
            is_paged=is_paged,
            is_cache_fixed=bool(request.scheduler.cache_size or request.scheduler.num_kv_blocks),
            ov_config=ov_config,
            capabilities=frozenset(str(each) for each in read(layer, members[0], "OPTIMIZATION_CAPABILITIES") or ()),
            model_folder=self._catalogue.model_folder,
            cache_folder=self._cache_folder,
        )
        if backend in ("auto", "genai"):
            found += _scheduler_findings(request.scheduler)
            found += _pipeline_findings(request.model_copy(update={"ov_config": ov_config}))
        found += check_ov_config(layer, setting, self._device_options(request.device, backend in ("auto", "genai")))
        return [_as_written(each, used_old) for each in found]

    def _device_options(self, device: str, is_genai: bool) -> tuple[OptionSpec, ...]:
        layer = self._current_layer()
        members = check_device(layer, device)
        known = self._options.get((device, is_genai))
        if known is None:
            known = device_options(layer, device, members, property_help(), is_genai=is_genai)
            with self._lock:
                if layer is self._layer:
                    self._options[device, is_genai] = known
        return known

    def _current_layer(self) -> DeviceLayer:
        with self._lock:
            if self._layer is None:
                self._layer = self._new_layer()
            return self._layer

    def _whole_paths(self, ov_config: Mapping[str, PropertyValue]) -> dict[str, str]:
        """Relative paths count from the folder they must stay in, whatever folder the worker runs in."""
        whole: dict[str, str] = {}
        folders = (
            (CACHE_FOLDER_PROPERTIES, self._cache_folder),
            (MODEL_FOLDER_PROPERTIES, self._catalogue.model_folder),
        )
        for names, folder in folders:
            for name in names:
                value = ov_config.get(name)
                if isinstance(value, str) and value and folder is not None:
                    whole[name] = str((folder / value).resolve())
        return whole


def _field_of(error: OpenArcError) -> str:
    """Where an error of choosing model and backend belongs: the option it names, else one of the two."""
    if isinstance(error, ModelNotFound):
        return "model_path"
    options = ("dynamic_shapes", "use_cache", "export_model", "scheduler", "bos_token_id", "pad_token_id")
    return next((name for name in options if name in error.message), "backend")


def _as_written(found: Finding, used_old: list[str]) -> Finding:
    """A finding at the name that stands in the request, which may be an older one."""
    written = {f"ov_config.{OLD_NAMES[old]}": f"ov_config.{old}" for old in used_old}
    return replace(found, field=written.get(found.field, found.field))


def _scheduler_findings(options: SchedulerOptions) -> list[Finding]:
    """What continuous batching takes and then refuses prompts for."""
    if options.dynamic_split_fuse is not False:
        return []
    tokens = options.settled()["max_num_batched_tokens"]
    words = f"Without it a prompt is read in one step, so prompts of more than {tokens} tokens are refused."
    return [Finding("scheduler.dynamic_split_fuse", "warning", "rules", words, "Raise max_num_batched_tokens.")]


def _pipeline_findings(request: LoadRequest) -> list[Finding]:
    """Whether GenAI has a pipeline for this load."""
    try:
        check_pipeline(request)
    except PropertyRejected as error:
        return [Finding(f"ov_config.{error.properties[0]}", "error", "rules", error.message, error.hint)]
    except InvalidRequest as error:
        field = "scheduler" if request.scheduler.given() and "scheduler" in error.message else "device"
        return [Finding(field, "error", "rules", error.message, error.hint, "npu_limits" if field == "device" else "")]
    return []


def _raise_first(found: list[Finding]) -> None:
    """The first error as the exception a caller expects."""
    first = next((each for each in found if each.is_error), None)
    if first is None:
        return
    section, _, name = first.field.partition(".")
    kinds: dict[str, type[OpenArcError]] = {"device": DeviceUnavailable, "ov_config": PropertyRejected}
    raise kinds.get(section, InvalidRequest)(first.message, first.hint, (name,) if section == "ov_config" else ())


def _as_finding(problem: Any) -> Finding:
    """One of pydantic's problems; a field that does not exist gets the nearest right name."""
    where = [str(part) for part in problem["loc"]]
    parts = [part for part in where if part not in ("bool", "int", "float", "str") and not part.startswith("dict[")]
    field = ".".join(parts)
    if problem["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {"scheduler": SchedulerOptions, "sampling_defaults": SamplingParameters}
        model: type[BaseModel] = models.get(parts[0], LoadRequest) if len(parts) > 1 else LoadRequest
        return Finding(field, "error", "rules", f"There is no '{parts[-1]}'.", nearest(parts[-1], model.model_fields))
    return Finding(
        field, "error", "rules", f"{parts[-1] if parts else 'Load'}: {problem['msg'].removeprefix('Value error, ')}."
    )
