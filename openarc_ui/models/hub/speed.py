"""How fast something goes: bytes a second over the last few seconds, and how long the rest takes at that."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 8.0
LEAST_SECONDS = 1.0
"""Before that, a speed would be a guess."""
SOUND_SECONDS, SOUND_BYTES, SOUND_SHARE = 3.0, 1_000_000, 0.01
"""After so long, and so much or such a share of what is left, a time left is more than a guess: a download begins with small
files, of which each costs a request and none a second."""


class Speed:
    """Knows what was there at which moment; moments are of a monotonic clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._began: tuple[float, int] | None = None

    def saw(self, now: float, done_bytes: int) -> None:
        """So much was there now. Less than before (a file begins anew) begins anew here too."""
        if self._seen and done_bytes < self._seen[-1][1]:
            self._seen.clear()
            self._began = None
        self._seen.append((now, done_bytes))
        self._began = self._began or (now, done_bytes)
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    def bytes_per_second(self) -> float | None:
        """Over the last seconds; None: too early to tell."""
        if not self._seen:
            return None
        (first_at, first_bytes), (last_at, last_bytes) = self._seen[0], self._seen[-1]
        if last_at - first_at < LEAST_SECONDS:
            return None
        return (last_bytes - first_bytes) / (last_at - first_at)

    def left_seconds(self, left_bytes: int) -> float | None:
        """Until `left_bytes` more are there; None where that can't be told, or not yet."""
        rate = self.bytes_per_second()
        return left_bytes / rate if rate and self._is_sound(left_bytes) else None

    def _is_sound(self, left_bytes: int) -> bool:
        if self._began is None:
            return False
        (began_at, began_bytes), (last_at, last_bytes) = self._began, self._seen[-1]
        enough_bytes = min(SOUND_BYTES, left_bytes * SOUND_SHARE)
        return last_at - began_at >= SOUND_SECONDS and last_bytes - began_bytes >= enough_bytes
