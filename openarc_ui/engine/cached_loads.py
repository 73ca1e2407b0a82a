"""The compile cache's part in a load: whether it helps, that nobody clears it meanwhile, and what the load took.

The cache itself is in `compile_cache`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from openarc_ui.engine.compile_cache import CompileCache, LoadNote, configuration_key, is_worthwhile
from openarc_ui.engine.pipelines import pipeline_of
from openarc_ui.engine.preflight import Plan
from openarc_ui.engine.types import ModelInfo

logger = logging.getLogger(__name__)

Note = Callable[[ModelInfo], None]


class CachedLoads:
    """Loads over one cache, or over none.

    Args:
        members: the real devices behind a device string.
    """

    def __init__(self, cache: CompileCache | None, members: Callable[[str], tuple[str, ...]]) -> None:
        self._cache = cache
        self._members = members

    def folder_for(self, plan: Plan) -> tuple[str, str]:
        """Where OpenVINO keeps the compiled model, and what is worth a warning.

        Both are "" where the request decides it, or where keeping would not help.
        """
        if self._cache is None or plan.backend == "scripted" or "CACHE_DIR" in plan.request.ov_config:
            return "", ""
        pipeline = pipeline_of(plan.request.device, plan.request.ov_config)
        if not is_worthwhile(plan.backend, self._members(plan.request.device), pipeline)[0]:
            return "", ""
        is_usable, why = self._cache.is_usable(plan.entry.size_bytes)
        if not is_usable:
            return "", f"Nothing is kept for the next load. {why}"
        return str(self._cache.folder_for(plan.entry.name)), ""

    @contextmanager
    def load(self, plan: Plan, paths: Mapping[str, str]) -> Iterator[Note]:
        """Around a load: what it uses is not cleared. Hand the loaded model to what this gives."""
        kept = self._cache.kept(plan.entry.name) if self._cache is not None else frozenset()

        def note(info: ModelInfo) -> None:
            if "CACHE_DIR" in paths and "CACHE_DIR" not in plan.paths:
                self._note(plan, info, kept)

        with self._in_use(plan, paths):
            yield note

    def note_of(self, info: ModelInfo, model: str) -> LoadNote | None:
        """What the cache did for the configuration of a loaded model; None where it has no part in it."""
        if self._cache is None:
            return None
        key = (info.backend, info.device, configuration_key(info.requested_properties))
        notes = self._cache.history(model)
        return next((each for each in notes if (each.backend, each.device, each.configuration) == key), None)

    def _in_use(self, plan: Plan, paths: Mapping[str, str]) -> AbstractContextManager[None]:
        if self._cache is None or not paths.get("CACHE_DIR"):
            return nullcontext()
        return self._cache.loading(plan.entry.name, plan.paths.get("CACHE_DIR"))

    def _note(self, plan: Plan, info: ModelInfo, kept: frozenset[str]) -> None:
        """Remember how long compiling took. A note that can't be written costs no load."""
        if self._cache is None:
            return
        try:
            self._cache.note(
                plan.entry.name,
                kept,
                backend=info.backend,
                device=info.device,
                ov_config=info.requested_properties,
                from_cache=info.loaded_from_cache,
                compile_seconds=sum(spent for label, spent in info.stage_seconds if "compiling" in label),
            )
        except OSError:
            logger.warning("the compile cache can't be written", exc_info=True)
