"""What was computed for views of runs, kept as long as what it was made from is the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

MOST_KEPT = 20_000
"""Values in a cache: those of several runs of some hundred configurations."""
T = TypeVar("T")


class ViewCache:
    """What was computed for views, bounded; thread-safe. One for all runs of a server."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[object, object]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable, version: object, make: Callable[[], T]) -> T:
        """The value of that name, made anew where its version is not the kept one's."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(name)
                return cast("T", kept[1])
        made = make()
        with self._lock:
            self._kept[name] = (version, made)
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made
