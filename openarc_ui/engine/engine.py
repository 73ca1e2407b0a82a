"""The Engine: several models by name, each in a process of its own, and every request to them.

It validates, admits and routes; it knows no web server, no database and no backend library. Reports leave through the
plain callable `on_report`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from openarc_ui.engine.cached_loads import CachedLoads
from openarc_ui.engine.catalogue.catalogue import Catalogue, ModelEntry
from openarc_ui.engine.compile_cache import CompileCache, LoadNote
from openarc_ui.engine.devices import DeviceLayer, OpenVinoLayer
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.host import Hooks, ModelHost, OnAnswer, OnReport, OnStage
from openarc_ui.engine.messages import LoadModel, Terms
from openarc_ui.engine.model_questions import ModelQuestions
from openarc_ui.engine.places import Places
from openarc_ui.engine.preflight import Plan, Preflight
from openarc_ui.engine.reservation import ExclusiveUse, Hosts, Reservation
from openarc_ui.engine.types import (
    EngineStatus,
    GenerationRequest,
    LoadFailure,
    LoadRequest,
    ModelInfo,
    ModelState,
    Unloaded,
)
from openarc_ui.errors import (
    EngineClosed,
    EngineReserved,
    InvalidRequest,
    LoadCancelled,
    ModelAlreadyLoading,
    ModelNotLoaded,
    OpenArcError,
    nearest,
)

POLL_SECONDS = 0.05
DRAIN_SECONDS = 120.0
"""How long the answers of a model that was replaced may still take."""


class Engine(ExclusiveUse, ModelQuestions):
    """Models in worker processes. Thread-safe; `close` it, or use it as a context manager.

    Args:
        model_folder: the only folder models are loaded from.
        on_report: called with the report of every request that ended, from the engine's threads; must not block or raise.
        on_answer: called right after `on_report` with the request, its texts so far and the report; same rules.
        on_loaded: called with the description of every model that was loaded; same rules.
        queue_size: how many requests may wait for one model; beyond it `EngineBusy`.
        cache_folder: where compiled models are kept for the next load; None: nowhere.
        trust_remote_code: run the Python files that a model's folder names; only Optimum does.
        request_seconds: how long a request may take, from its submission; 0: as long as it does.
        device_layer: how devices are asked; a factory, so that OpenVINO is imported at the first question.
    """

    def __init__(
        self,
        model_folder: Path,
        *,
        on_report: OnReport = lambda report: None,
        on_answer: OnAnswer = lambda request, texts, report: None,
        on_loaded: Callable[[ModelInfo], None] = lambda info: None,
        queue_size: int = 32,
        cache_folder: Path | None = None,
        trust_remote_code: bool = False,
        request_seconds: float = 0.0,
        device_layer: Callable[[], DeviceLayer] = OpenVinoLayer,
    ) -> None:
        self.model_folder = model_folder
        self.catalogue = Catalogue(model_folder)
        self.compile_cache = CompileCache(cache_folder) if cache_folder is not None else None
        self.places = Places(model_folder, cache_folder)
        self.preflight = Preflight(self.catalogue, cache_folder, device_layer, self._memory_of)
        ExclusiveUse.__init__(self, self.preflight.members)
        self._cached = CachedLoads(self.compile_cache, self.preflight.members)
        self._hooks = Hooks(on_report, on_answer)
        self._on_loaded = on_loaded
        self._queue_size = queue_size
        self._terms = Terms(trust_remote_code, request_seconds)
        self._hosts: dict[str, ModelHost] = {}
        self._loading: dict[str, ModelHost] = {}
        self._unwanted: set[ModelHost] = set()
        self._leaving: set[ModelHost] = set()
        self._begun = 0
        self._last_load_failure: LoadFailure | None = None

    def catalog(self) -> list[ModelEntry]:
        """What the model folder holds now."""
        return self.catalogue.entries()

    def load(
        self,
        request: LoadRequest,
        on_stage: OnStage | None = None,
        cancel: threading.Event | None = None,
        holder: Reservation | None = None,
    ) -> ModelInfo:
        """Load a model and wait until it answers.

        A loaded model of the same name answers until the new one is ready, where both fit; else it is unloaded first, after
        all that can be checked without the model was checked. A load that fails leaves nothing behind but the error.

        Args:
            cancel: set it, from any thread and at any time, to end this load and no other. `unload` does so by name.
            holder: of the reservation under which it is loaded; its name goes with it.

        Raises:
            ModelNotFound, DeviceUnavailable, PropertyRejected, BackendUnavailable, InvalidRequest, DoesNotFit: before
                anything happens.
            ModelAlreadyLoading, ModelLoadFailed, LoadCancelled, EngineClosed, EngineReserved.
        """
        if holder is not None:
            request = request.model_copy(update={"name": holder.name})
        name = request.name or Path(request.model_path).name
        try:
            with self._lock:
                self._require_leave(holder)
            plan = self.preflight.plan(request)
            order = self._order(plan)
            name = order.name
            with self._cached.load(plan, order.paths) as note:
                info = self._load_host(order, plan, on_stage, cancel or threading.Event(), holder)
                note(info)
            self._on_loaded(info)
            return info
        except OpenArcError as error:
            is_unwanted = isinstance(error, LoadCancelled) or (cancel is not None and cancel.is_set())
            # What a measurement tries, and what it keeps others from trying, is no failed load of anybody.
            if not is_unwanted and holder is None and not isinstance(error, EngineReserved):
                self._last_load_failure = LoadFailure(name, error.code, error.message, error.hint, time.time())
            raise

    def cache_note(self, info: ModelInfo) -> LoadNote | None:
        """What the compile cache did for the configuration of a loaded model; None where it has no part in it."""
        return self._cached.note_of(info, self.catalogue.find(info.request.model_path).name)

    def replaces(self, request: LoadRequest) -> Literal["", "beside", "first"]:
        """What a load does to a model of its name: nothing, replace it when ready, or unload it first.

        Raises:
            ModelNotFound, BackendUnavailable, DeviceUnavailable, InvalidRequest: it can't be said what would be loaded.
        """
        name = request.name or Path(self.catalogue.find(request.model_path).name).name
        if name not in {model.name for model in self.status().models if model.state is ModelState.READY}:
            return ""
        return "beside" if self.preflight.fits_beside(request) else "first"

    def unload(self, name: str | None = None, holder: Reservation | None = None) -> Unloaded:
        """Cancel what runs or waits, end the worker, and forget the model; a load of that name is ended too.

        Raises:
            ModelNotLoaded: no model of that name.
            EngineReserved: it is the model of somebody who has the machine alone.
        """
        host = self._host(name)
        self.cancel_load(host.name, holder)
        freed_memory_bytes, cancelled_requests = self._forget(host)
        return Unloaded(host.name, freed_memory_bytes, cancelled_requests)

    def cancel_load(self, name: str, holder: Reservation | None = None) -> bool:
        """End the load of a name; a model that answers to it goes on. False when there is no such load.

        Raises:
            EngineReserved: it is the load of somebody who has the machine alone.
        """
        self._require_leave_for(name, holder)
        with self._lock:
            host = self._loading.get(name)
            if host is None:
                return False
            self._unwanted.add(host)
        host.close()
        return True

    def submit(self, request: GenerationRequest, holder: Reservation | None = None) -> Generation:
        """Hand a request to its model and return at once.

        Raises:
            ModelNotLoaded, EngineBusy, EngineReserved, EngineClosed, InvalidRequest.
        """
        if self._closed:
            raise EngineClosed("OpenArc is shutting down.", "Start it again.")
        if self._find(request.request_id) is not None:
            raise InvalidRequest(
                f"A request with the id '{request.request_id}' is in flight.", "Use another request_id."
            )
        with self._lock:
            self._require_leave(holder)
        host = self._host(request.model)
        with self._lock:
            # Looked at again: whoever reserves the machine from now on sees this request, and it sees whoever did.
            self._require_leave(holder)
            self._begun += 1
            return host.submit(request)

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
            hosts, reservation = [*self._hosts.values(), *self._loading.values()], self._reservation
        models = tuple(host.status() for host in hosts)
        ready = [model.name for model in models if model.state is ModelState.READY]
        others = [name for name in ready if reservation is None or name != reservation.name]
        words, mine = (reservation.words, reservation.name) if reservation is not None else (None, None)
        default = others[-1] if others else None
        return EngineStatus(models, default, self._last_load_failure, self._queue_size, words, mine)

    def close(self) -> None:
        """Cancel and end everything. Idempotent."""
        self._closed = True
        with self._lock:
            hosts = [*self._hosts.values(), *self._loading.values(), *self._leaving]
            self._hosts = {}
        closing = [threading.Thread(target=host.close) for host in hosts]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hosts_now(self) -> Hosts:
        return Hosts((*self._hosts.values(), *self._loading.values()), tuple(self._leaving), self._begun)

    def _order(self, plan: Plan) -> LoadModel:
        """What a worker process is told."""
        name = plan.request.name or Path(plan.entry.name).name
        cache_dir, problem = self._cached.folder_for(plan)
        paths = {**plan.paths, **({"CACHE_DIR": cache_dir} if cache_dir else {})}
        warnings = (*plan.warnings, problem) if problem else plan.warnings
        return LoadModel(
            plan.request, name, plan.entry.path, plan.backend, plan.backend_reason, warnings, paths, self._terms
        )

    def _load_host(
        self,
        order: LoadModel,
        plan: Plan,
        on_stage: OnStage | None,
        cancel: threading.Event,
        holder: Reservation | None,
    ) -> ModelInfo:
        """Start a worker, wait for its model, and put it in the place of the one of that name."""
        host, old = self._start(order, partial(self.preflight.with_traffic, plan), holder)
        is_first = old is not None and (not plan.fits_beside or old.status().state is not ModelState.READY)
        if old is not None and is_first:
            self._forget(old)
        threading.Thread(target=self._end_when, args=(cancel, host), name="cancel", daemon=True).start()
        try:
            info = host.load(on_stage)
            replaced = self._put_in_place(host)
        except OpenArcError as error:
            host.close()
            with self._lock:
                self._loading.pop(order.name, None)
                self._unwanted.discard(host)
            if old is not None and is_first and not isinstance(error, LoadCancelled):
                raise _after_unloading(error) from error
            raise
        if replaced is not None:
            threading.Thread(target=self._let_go, args=(replaced,), name="replaced", daemon=True).start()
        return info

    def _put_in_place(self, host: ModelHost) -> ModelHost | None:
        """From now on requests go to this host; what answered to its name until now.

        Raises:
            LoadCancelled: it was ended in the last moment.
        """
        with self._lock:
            if host in self._unwanted or self._closed:
                raise LoadCancelled(f"Loading {host.name} was cancelled.", "Load it again when you want it.")
            del self._loading[host.name]
            replaced = self._hosts.pop(host.name, None)
            self._hosts[host.name] = host
            if replaced is not None:
                self._leaving.add(replaced)
            return replaced

    def _let_go(self, replaced: ModelHost) -> None:
        """Answers that are under way come to their end before the old model goes."""
        until = time.monotonic() + DRAIN_SECONDS
        while not self._closed and time.monotonic() < until and replaced.in_flight:
            time.sleep(POLL_SECONDS)
        replaced.close()
        with self._lock:
            self._leaving.discard(replaced)

    def _end_when(self, cancel: threading.Event, host: ModelHost) -> None:
        """End a load once its caller does not want it any more."""
        while self._loading.get(host.name) is host:
            if cancel.wait(POLL_SECONDS):
                with self._lock:
                    if self._loading.get(host.name) is not host:
                        return
                    self._unwanted.add(host)
                host.close()
                return

    def _start(
        self, order: LoadModel, complete: Callable[[ModelInfo], ModelInfo], holder: Reservation | None
    ) -> tuple[ModelHost, ModelHost | None]:
        """The host of a new load, and the one that answers to its name until then.

        Raises:
            EngineClosed, EngineReserved, ModelAlreadyLoading.
        """
        with self._lock:
            if self._closed:
                raise EngineClosed("OpenArc is shutting down.", "Start it again.")
            self._require_leave(holder)
            if order.name in self._loading:
                raise ModelAlreadyLoading(
                    f"{order.name} is loading already.", "Wait for it, or cancel that load first."
                )
            self._begun += 1
            hooks = replace(self._hooks, complete=complete)
            host = self._loading[order.name] = ModelHost(order, self._queue_size, hooks, self.places)
            return host, self._hosts.get(order.name)

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
            host = host or (self._loading.get(wanted) if wanted is not None else None)
            mine = self._reservation.name if self._reservation is not None else None
            names = [each for each in (*self._hosts, *self._loading) if each != mine]
        if host is None:
            what = f"No model '{name}' is loaded." if name is not None else "No model is loaded."
            raise ModelNotLoaded(what, (nearest(name, names) if name else "") or "Load one first.")
        return host

    def _memory_of(self, name: str) -> int:
        """Resident memory of the model under a name, in bytes; 0 where there is none."""
        return next((model.memory_bytes or 0 for model in self.status().models if model.name == name), 0)

    def _default_name(self) -> str | None:
        """The model that was loaded last and is ready; else the last there is, so that its state is told."""
        with self._lock:
            mine = self._reservation.name if self._reservation is not None else None
            hosts = [host for host in self._hosts_now().present if host.name != mine]
        ready = [host.name for host in hosts if host.is_ready]
        return ready[-1] if ready else hosts[-1].name if hosts else None

    def _find(self, request_id: str) -> Generation | None:
        with self._lock:
            hosts = [*self._hosts.values(), *self._leaving]
        return next((found for host in hosts if (found := host.find(request_id)) is not None), None)


def _after_unloading(error: OpenArcError) -> OpenArcError:
    """A failed load that had to make room first says so."""
    hint = f"{error.hint} The model that answered to this name was unloaded first, because both do not fit."
    return type(error)(error.message, hint.strip(), error.properties)
