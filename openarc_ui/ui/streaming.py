"""How often a stream may redraw the page: the first text at once, then as rarely as Gradio's own cost asks for.

Each update costs Gradio time that grows with the history. Waiting forty times as long as an update took keeps that cost
at 2.5% of the time (research: gradio, section 2).
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 0.5
SHARE = 0.025
SMOOTHING = 0.3


class Pacer:
    """Tells how long to wait before the next update."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._cost_seconds = 0.0
        self._handed_over_at: float | None = None

    def handing_over(self) -> None:
        """Call just before a yield."""
        self._handed_over_at = self._clock()

    def resumed(self) -> None:
        """Call just after it: the time between was Gradio's."""
        if self._handed_over_at is not None:
            cost = self._clock() - self._handed_over_at
            self._cost_seconds += SMOOTHING * (cost - self._cost_seconds) if self._cost_seconds else cost

    @property
    def wait_seconds(self) -> float:
        """How long to wait now."""
        return min(max(self._cost_seconds / SHARE, SHORTEST_SECONDS), LONGEST_SECONDS)
