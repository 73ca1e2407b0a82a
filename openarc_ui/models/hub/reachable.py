"""Whether the Hub answers, told within two seconds even where the system's own look-up of names takes minutes.

Whoever asks again after that is ready to wait: a Hub may be slow and there all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from openarc_ui.errors import HubUnreachable

DEADLINE_SECONDS = 2.0
PATIENT_SECONDS = 15.0
"""From the second try on, until it answers fast again."""
REMEMBERED_SECONDS = 5.0
"""That it answers."""
PROBLEM_REMEMBERED_SECONDS = 0.5
"""That it does not: several who ask at the same moment are told the same, and who tries again is not told an old story."""


class Reachability:
    """A question that is asked in a thread of its own; that all is well is remembered for a few seconds. Thread-safe.

    Args:
        asks: what keeps the Hub from answering, or None. May take as long as it likes; a late answer counts for who asks next.
        too_slow: the problem when there is no answer within so many seconds; told whether a longer try is still to come.
    """

    def __init__(
        self, asks: Callable[[], HubUnreachable | None], too_slow: Callable[[float, bool], HubUnreachable]
    ) -> None:
        self._asks, self._too_slow = asks, too_slow
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._answer: HubUnreachable | None = None
        self._is_slow = False
        self._under_way: threading.Event | None = None

    def problem(self, *, is_patient: bool = False) -> HubUnreachable | None:
        """Why the Hub does not answer; None: it does.

        Args:
            is_patient: nobody sits before it and waits, so a slow Hub is waited for at once.
        """
        with self._lock:
            lasts_seconds = REMEMBERED_SECONDS if self._answer is None else PROBLEM_REMEMBERED_SECONDS
            if time.monotonic() - self._answered_at < lasts_seconds:
                return self._answer
            is_first = not (self._is_slow or is_patient)
            done = self._under_way
            if done is None:
                done = self._under_way = threading.Event()
                threading.Thread(target=self._ask, args=(done,), name="hub-reachable", daemon=True).start()
        seconds = DEADLINE_SECONDS if is_first else PATIENT_SECONDS
        is_answered = done.wait(seconds)
        with self._lock:
            if is_answered:
                return self._answer
            self._is_slow = True
        return self._too_slow(seconds, is_first)

    def _ask(self, done: threading.Event) -> None:
        began = time.monotonic()
        answer: HubUnreachable | None = self._too_slow(DEADLINE_SECONDS, True)
        try:
            answer = self._asks()
        finally:
            now = time.monotonic()
            with self._lock:
                self._answer, self._answered_at, self._under_way = answer, now, None
                self._is_slow = now - began > DEADLINE_SECONDS
            done.set()
