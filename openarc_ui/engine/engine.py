"""The Engine: several models by name, each in a process of its own, and every request to them.

It validates, admits and routes; it knows no web server, no database and no backend library. Reports leave through the
plain callable `on_report`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from openarc_ui.engine.catalog import ModelEntry, find_model, list_models
from openarc_ui.engine.devices import DeviceLayer, OpenVinoLayer, check_properties, list_devices, map_old_names
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.host import ModelHost, OnReport, OnStage
from openarc_ui.engine.messages import LoadModel
from openarc_ui.engine.types import (
    BackendName,
    DeviceInfo,
    EngineStatus,
    GenerationRequest,
    LoadFailure,
    LoadRequest,
    ModelInfo,
    ModelState,
    Unloaded,
)
from openarc_ui.errors import (
    BackendUnavailable,
    EngineClosed,
    InvalidRequest,
    LoadCancelled,
    ModelAlreadyLoading,
    ModelNotLoaded,
    OpenArcError,
    nearest,
)

OPTIMUM_ONLY_OPTIONS = ("bos_token_id", "pad_token_id")


class Engine:
    """Models in worker processes. Thread-safe; `close` it, or use it as a context manager.

    Args:
        model_folder: the only folder models are loaded from.
        on_report: called with the report of every request that ended, from the engine's threads; must not block or raise.
        on_loaded: called with the description of every model that was loaded; same rules.
        queue_size: how many requests may wait for one model; beyond it `EngineBusy`.
        device_layer: how devices are asked; a factory, so that OpenVINO is imported at the first question.
    """

    def __init__(
        self,
        model_folder: Path,
        *,
        on_report: OnReport = lambda report: None,
        on_loaded: Callable[[ModelInfo], None] = lambda info: None,
        queue_size: int = 32,
        device_layer: Callable[[], DeviceLayer] = OpenVinoLayer,
    ) -> None:
        self.model_folder = model_folder
        self._on_report = on_report
        self._on_loaded = on_loaded
        self._queue_size = queue_size
        self._device_layer = device_layer
        self._lock = threading.Lock()
        self._hosts: dict[str, ModelHost] = {}
        self._last_load_failure: LoadFailure | None = None
        self._closed = False

    def catalog(self) -> list[ModelEntry]:
        """What the model folder holds now."""
        return list_models(self.model_folder)

    def devices(self) -> list[DeviceInfo]:
        """The devices OpenVINO has on this machine now."""
        return list_devices(self._device_layer())

    def load(self, request: LoadRequest, on_stage: OnStage | None = None) -> ModelInfo:
        """Load a model and wait until it answers. A loaded model of the same name is unloaded first.

        All that can be checked without the model is checked before anything is unloaded. `unload` from another thread
        cancels the load. A load that fails leaves nothing behind but the error.

        Raises:
            ModelNotFound, DeviceUnavailable, PropertyRejected, BackendUnavailable, InvalidRequest: before anything happens.
            ModelAlreadyLoading, ModelLoadFailed, LoadCancelled, EngineClosed.
        """
        name = request.name or Path(request.model_path).name
        try:
            order = self._order(request, find_model(self.model_folder, request.model_path))
            name = order.name
            host = self._replace(order)
            try:
                info = host.load(on_stage)
            except OpenArcError:
                self._forget(host)
                raise
            self._on_loaded(info)
            return info
        except OpenArcError as error:
            if not isinstance(error, LoadCancelled):
                self._last_load_failure = LoadFailure(name, error.code, error.message, error.hint, time.time())
            raise

    def unload(self, name: str | None = None) -> Unloaded:
        """Cancel what runs or waits, end the worker, and forget the model; a load under way is cancelled.

        Raises:
            ModelNotLoaded: no model of that name.
        """
        host = self._host(name)
        freed_memory_bytes, cancelled_requests = self._forget(host)
        return Unloaded(host.name, freed_memory_bytes, cancelled_requests)

    def submit(self, request: GenerationRequest) -> Generation:
        """Hand a request to its model and return at once.

        Raises:
            ModelNotLoaded, EngineBusy, EngineClosed, InvalidRequest.
        """
        if self._closed:
            raise EngineClosed("OpenArc is shutting down.", "Start it again.")
        if self._find(request.request_id) is not None:
            raise InvalidRequest(
                f"A request with the id '{request.request_id}' is in flight.", "Use another request_id."
            )
        return self._host(request.model).submit(request)

    def cancel(self, request_id: str) -> bool:
        """Cancel a request by id; False when no such request is in flight."""
        generation = self._find(request_id)
        if generation is None:
            return False
        generation.cancel()
        return True

    def status(self) -> EngineStatus:
        """A snapshot; never waits for a model."""
        with self._lock:
            hosts = list(self._hosts.values())
        models = tuple(host.status() for host in hosts)
        default = next((model.name for model in reversed(models) if model.state is ModelState.READY), None)
        return EngineStatus(models, default, self._last_load_failure, self._queue_size)

    def worker_processes(self) -> dict[str, int]:
        """Model name -> process id of its worker, for those that live."""
        return {model.name: model.process_id for model in self.status().models if model.process_id is not None}

    def close(self) -> None:
        """Cancel and end everything. Idempotent."""
        self._closed = True
        with self._lock:
            hosts, self._hosts = list(self._hosts.values()), {}
        closing = [threading.Thread(target=host.close) for host in hosts]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, request: LoadRequest, entry: ModelEntry) -> LoadModel:
        """Everything that can be decided before a process is started."""
        backend, reason = choose_backend(request, entry)
        ov_config, warnings = map_old_names(request.ov_config)
        if backend != "scripted":
            check_properties(self._device_layer(), request.device, ov_config)
        request = request.model_copy(update={"ov_config": ov_config})
        name = request.name or Path(entry.name).name
        return LoadModel(request, name, entry.path, backend, reason, warnings)

    def _replace(self, order: LoadModel) -> ModelHost:
        with self._lock:
            if self._closed:
                raise EngineClosed("OpenArc is shutting down.", "Start it again.")
            old = self._hosts.get(order.name)
            if old is not None and old.status().state is ModelState.LOADING:
                raise ModelAlreadyLoading(
                    f"{order.name} is loading already.", "Wait for it, or cancel that load first."
                )
            host = self._hosts[order.name] = ModelHost(order, self._queue_size, self._on_report)
        if old is not None:
            old.close()
        return host

    def _forget(self, host: ModelHost) -> tuple[int, int]:
        freed = host.close()
        with self._lock:
            if self._hosts.get(host.name) is host:
                del self._hosts[host.name]
        return freed

    def _host(self, name: str | None) -> ModelHost:
        """The host of a name; without a name the default model's."""
        wanted = name if name is not None else self._default_name()
        with self._lock:
            host = self._hosts.get(wanted) if wanted is not None else None
            names = list(self._hosts)
        if host is None:
            what = f"No model '{name}' is loaded." if name is not None else "No model is loaded."
            raise ModelNotLoaded(what, (nearest(name, names) if name else "") or "Load one first.")
        return host

    def _default_name(self) -> str | None:
        """The model that was loaded last and is ready; else the last there is, so that its state is told."""
        status = self.status()
        return status.default_model or (status.models[-1].name if status.models else None)

    def _find(self, request_id: str) -> Generation | None:
        with self._lock:
            hosts = list(self._hosts.values())
        return next((found for host in hosts if (found := host.find(request_id)) is not None), None)


def choose_backend(request: LoadRequest, entry: ModelEntry) -> tuple[BackendName, str]:
    """Which backend runs the model, and why.

    Raises:
        BackendUnavailable: the backend asked for can't, or none can.
        InvalidRequest: an option the chosen backend has no use for.
    """
    if request.backend != "auto":
        if request.backend not in entry.backends:
            why = entry.cannot_run.get(request.backend, f"runs no model of kind '{entry.kind}'")
            raise BackendUnavailable(
                f"The {request.backend} backend can't run {entry.name}: {why}.", _other_backends(entry)
            )
        _check_options(request, request.backend)
        return request.backend, "asked for"
    if not entry.backends:
        whys = "; ".join(f"{backend}: {why}" for backend, why in entry.cannot_run.items())
        raise BackendUnavailable(
            f"No backend can run {entry.name}: {whys}.", "Complete the folder, or convert the model again."
        )
    optimum_options = _options_for_optimum(request)
    if optimum_options and "optimum" in entry.backends:
        return "optimum", f"{', '.join(optimum_options)} is honoured by Optimum only"
    chosen = entry.backends[0]
    _check_options(request, chosen)
    if chosen == "genai":
        return chosen, "GenAI runs many requests at once and caches prefixes"
    return chosen, "; ".join(
        f"{backend}: {why}" for backend, why in entry.cannot_run.items()
    ) or "the only one for this model"


def _options_for_optimum(request: LoadRequest) -> list[str]:
    options = [name for name in OPTIMUM_ONLY_OPTIONS if getattr(request, name) is not None]
    return options + ["use_cache"] * (not request.use_cache) + ["export_model"] * request.export_model


def _check_options(request: LoadRequest, backend: BackendName) -> None:
    if not request.dynamic_shapes:
        raise InvalidRequest(
            "Language models run with dynamic shapes only; Optimum-Intel ignores dynamic_shapes=false.",
            "Leave dynamic_shapes on true.",
        )
    unused = _options_for_optimum(request) if backend != "optimum" else []
    unused += ["scheduler"] if backend == "optimum" and request.scheduler.given() else []
    if unused:
        raise InvalidRequest(
            f"The {backend} backend has no option {', '.join(unused)}.", "Leave it out, or choose the optimum backend."
        )


def _other_backends(entry: ModelEntry) -> str:
    return (
        f"Use {' or '.join(entry.backends)}, or auto."
        if entry.backends
        else "Complete the folder, or convert the model again."
    )
