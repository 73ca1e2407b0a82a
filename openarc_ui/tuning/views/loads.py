"""Load times of two kinds, told apart: the model was compiled, or it was found compiled in the cache. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.results import Visit
from openarc_ui.tuning.views.outcomes import amount


def load_mark(visits: Sequence[Visit]) -> str | None:
    """Of one configuration whose loads are of both kinds: how many are of each, and the median of each."""
    told = _two_kinds(visits)
    return f"Its load time is the median of two kinds: {told}." if told is not None else None


def loads_words(visits: Sequence[Visit]) -> str | None:
    """Of a whole run whose loads are of both kinds."""
    told = _two_kinds(visits)
    return None if told is None else f"Load times are of two kinds, not to be compared with each other: {told}."


def _two_kinds(visits: Sequence[Visit]) -> str | None:
    """None where all are of one kind, as far as the backend tells."""
    told = [(visit.loaded.loaded_from_cache, visit.load_seconds) for visit in visits if visit.loaded is not None]
    cached = [seconds for is_cached, seconds in told if is_cached is True and seconds is not None]
    compiled = [seconds for is_cached, seconds in told if is_cached is False and seconds is not None]
    if not cached or not compiled:
        return None
    return f"{_counted(compiled)} compiled the model, {_counted(cached)} found it in the compile cache"


def _counted(seconds: Sequence[float]) -> str:
    count = "1 load" if len(seconds) == 1 else f"{len(seconds)} loads"
    return f"{count} (median {amount(BY_NAME['load_seconds'], statistics.median(seconds))})"
