"""How long a model computed and how long its next tokens were chosen, where a library runs the loop and tells neither.

The loop calls the model's forward, chooses from the logits, and hands the tokens to a streamer.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from openarc_ui.engine.timing import Clock


class StepClock:
    """Seconds of the steps after the first, which is the prompt's."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """A new request begins."""
        self.inference_seconds = self.sampling_seconds = 0.0
        self._forward_seconds = 0.0
        self._computed_at = 0.0
        self._has_first = False

    def timed(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time noted."""

        @functools.wraps(forward)
        def timed(*arguments: Any, **named: Any) -> Any:
            began_at = self._clock()
            try:
                return forward(*arguments, **named)
            finally:
                self._computed_at = self._clock()
                self._forward_seconds += self._computed_at - began_at

        return timed

    def chosen(self) -> None:
        """The next tokens are there: a step ends."""
        chosen_at = self._clock()
        if self._has_first:
            self.inference_seconds += self._forward_seconds
            self.sampling_seconds += chosen_at - self._computed_at
        self._has_first = True
        self._forward_seconds = 0.0
