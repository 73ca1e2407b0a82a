"""Whether the Hub answers, told within two seconds even where the system's own look-up of names takes minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from openarc_ui.errors import HubUnreachable

DEADLINE_SECONDS = 2.0
REMEMBERED_SECONDS = 5.0


class Reachability:
    """A question that is asked in a thread of its own; its answer is remembered for a few seconds. Thread-safe.

    Args:
        asks: what keeps the Hub from answering, or None. May take as long as it likes; a late answer counts for who asks next.
        too_slow: the problem when there is no answer in time.
    """

    def __init__(self, asks: Callable[[], HubUnreachable | None], too_slow: HubUnreachable) -> None:
        self._asks, self._too_slow = asks, too_slow
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._answer: HubUnreachable | None = None
        self._under_way: threading.Event | None = None

    def problem(self) -> HubUnreachable | None:
        """Why the Hub does not answer; None: it does."""
        with self._lock:
            if time.monotonic() - self._answered_at < REMEMBERED_SECONDS:
                return self._answer
            done = self._under_way
            if done is None:
                done = self._under_way = threading.Event()
                threading.Thread(target=self._ask, args=(done,), name="hub-reachable", daemon=True).start()
        if not done.wait(DEADLINE_SECONDS):
            return self._too_slow
        with self._lock:
            return self._answer

    def _ask(self, done: threading.Event) -> None:
        answer: HubUnreachable | None = self._too_slow
        try:
            answer = self._asks()
        finally:
            with self._lock:
                self._answer, self._answered_at, self._under_way = answer, time.monotonic(), None
            done.set()
