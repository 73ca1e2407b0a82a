"""The fit of a load at this moment: model shapes remembered, and memory that an unload gives back counted as free.

The estimate itself is in `memory`. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from openarc_ui.engine.catalogue.catalogue import Catalogue, Fingerprint
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.devices import DeviceLayer
from openarc_ui.engine.memory.estimate import FitEstimate, estimate_fit
from openarc_ui.engine.memory.room import Room, system_room
from openarc_ui.engine.memory.shape import ModelShape, read_shape
from openarc_ui.engine.types import BackendName, LoadRequest
from openarc_ui.errors import DoesNotFit, OpenArcError

REMEMBERED_SHAPES = 64


class Fitting:
    """Estimates over one model folder.

    Args:
        returned_bytes: memory that comes back when a model of this name is loaded, because the old one goes first.
    """

    def __init__(self, catalogue: Catalogue, returned_bytes: Callable[[str], int]) -> None:
        self._catalogue = catalogue
        self._returned_bytes = returned_bytes
        self._lock = threading.Lock()
        self._shapes: dict[str, tuple[Fingerprint, ModelShape]] = {}

    def estimate(
        self,
        request: LoadRequest,
        entry: ModelEntry,
        backend: BackendName,
        layer: DeviceLayer,
        context_tokens: int | None = None,
        sequences: int = 1,
    ) -> FitEstimate:
        """Whether it fits now, where the model it replaces goes; see `estimate_fit`."""
        returned = self._returned_bytes(request.name or Path(entry.name).name)
        return self._estimate(request, entry, backend, layer, context_tokens, sequences, returned)

    def fits_beside(self, request: LoadRequest, entry: ModelEntry, backend: BackendName, layer: DeviceLayer) -> bool:
        """Whether it fits comfortably without anything being unloaded; False where that is not known."""
        return self._estimate(request, entry, backend, layer, None, 1, 0).verdict == "green"

    def _estimate(
        self,
        request: LoadRequest,
        entry: ModelEntry,
        backend: BackendName,
        layer: DeviceLayer,
        context_tokens: int | None,
        sequences: int,
        returned: int,
    ) -> FitEstimate:
        def system() -> Room:
            room = system_room()
            return room if room.free_bytes is None else replace(room, free_bytes=room.free_bytes + returned)

        return estimate_fit(
            entry,
            request,
            backend,
            layer,
            context_tokens=context_tokens,
            sequences=sequences,
            system=system,
            shape=self._shape(entry),
        )

    def require(self, request: LoadRequest, entry: ModelEntry, backend: BackendName, layer: DeviceLayer) -> None:
        """Refuse a load that would make the machine swap.

        Raises:
            DoesNotFit: with what to change.
        """
        estimate = self.estimate(request, entry, backend, layer)
        if estimate.verdict == "red":
            hint = " ".join([*estimate.advice[:1], "Or load it all the same with allow_overcommit."])
            raise DoesNotFit(estimate.words, hint)

    def _shape(self, entry: ModelEntry) -> ModelShape | None:
        """A model's shape, read once as long as its files stay the same: the page asks at every change of the form."""
        fingerprint = self._catalogue.fingerprint(entry)
        known = self._shapes.get(entry.path)
        if known is not None and known[0] == fingerprint:
            return known[1]
        try:
            shape = read_shape(entry)
        except OpenArcError:
            return None  # the estimate reads it again and says why
        with self._lock:
            if len(self._shapes) >= REMEMBERED_SHAPES:
                self._shapes.clear()
            self._shapes[entry.path] = fingerprint, shape
        return shape
