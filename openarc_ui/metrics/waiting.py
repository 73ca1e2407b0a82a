"""Rows that wait in memory for the disk: bounded and counted, in lanes, so that one kind never pushes out another.

A lane that is full refuses what comes; what it has stays in order. Details never overtake the request that they belong to.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count, islice, takewhile

from openarc_ui.metrics.rows import Row, size_of

LANES = {
    "configurations": "facts",
    "bandwidths": "facts",
    "requests": "reports",
    "details": "details",
    "samples": "samples",
    "power": "samples",
}
"""Table -> lane."""
BATCH_ROWS = 1_000
"""Of each lane in one transaction."""
GATHER_SECONDS = 0.05
"""So long more rows are waited for, once there is one: a transaction for each would cost the token loop its processor."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A row, its place in the order of all that was put, and its size."""

    row: Row
    number: int
    size_bytes: int


@dataclass(slots=True)
class _Lane:
    capacity: int
    capacity_bytes: int
    rows: deque[_Waiting] = field(default_factory=deque)
    size_bytes: int = 0
    accepted: int = 0
    written: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows from the front of each lane, which stay there until `written`."""

    rows: tuple[Row, ...]
    counts: dict[str, int]


class Waiting:
    """Thread-safe. Many put, one takes.

    Args:
        capacity: rows of reports, as many details, and as many facts (configurations and bandwidths).
        sample_capacity: rows of samples.
        capacity_bytes: what each of these may take.
    """

    def __init__(self, capacity: int, sample_capacity: int, capacity_bytes: int) -> None:
        self._lanes = {
            "facts": _Lane(capacity, capacity_bytes),
            "reports": _Lane(capacity, capacity_bytes),
            "details": _Lane(capacity, capacity_bytes),
            "samples": _Lane(sample_capacity, capacity_bytes),
        }
        self._numbers = count()
        self._changed = threading.Condition()
        self._is_asleep = False
        self._urgent = 0
        self._is_closing = False
        self._is_called = False
        self._has_ended = False

    def put(self, row: Row) -> bool:
        """Take a row; False, and counted, when its lane is full or nobody writes any more."""
        size = size_of(row)
        lane = self._lanes[LANES[row[0]]]
        with self._changed:
            # An empty lane takes a row of any size, or a long one would never be written.
            is_full = len(lane.rows) >= lane.capacity or lane.size_bytes + size > lane.capacity_bytes
            if self._has_ended or (is_full and lane.rows):
                lane.dropped += 1
                return False
            lane.rows.append(_Waiting(row, next(self._numbers), size))
            lane.size_bytes += size
            lane.accepted += 1
            if self._is_asleep:
                self._changed.notify_all()
        return True

    def wait(self, timeout: float | None) -> None:
        """Until there are rows, it is closing, somebody calls, or `timeout` seconds are over; then a little for more rows."""
        with self._changed:
            self._is_asleep = True
            self._changed.wait_for(lambda: self.rows or self._is_closing or self._is_called, timeout)
            self._is_asleep = False
            self._is_called = False
            if 0 < self.rows < BATCH_ROWS:
                self._changed.wait_for(lambda: self._urgent or self._is_closing, GATHER_SECONDS)

    def call(self) -> None:
        """Wake who waits, without a row."""
        with self._changed:
            self._is_called = True
            self._changed.notify_all()

    def batch(self, most: int | None) -> Batch:
        """At most so many rows of each lane, reports before details; None: all, and from now on no more are taken."""
        with self._changed:
            self._has_ended = most is None
            taken = {name: list(islice(lane.rows, most)) for name, lane in self._lanes.items()}
            # Details were put after their request. Those put after the first request that stays are held back with it.
            left = next(islice(self._lanes["reports"].rows, len(taken["reports"]), None), None)
            if left is not None:
                taken["details"] = list(takewhile(lambda each: each.number < left.number, taken["details"]))
        return Batch(
            tuple(each.row for rows in taken.values() for each in rows),
            {name: len(rows) for name, rows in taken.items()},
        )

    def has_request(self, request_id: str) -> bool:
        """Whether a request of this id waits."""
        with self._changed:
            return any(each.row[1][0] == request_id for each in self._lanes["reports"].rows)

    def written(self, batch: Batch, lost: Iterable[str] = ()) -> None:
        """Forget the rows of a batch: they are on disk, or the database will never take them.

        Args:
            lost: the table of each of those, to be counted.
        """
        with self._changed:
            for name, rows in batch.counts.items():
                lane = self._lanes[name]
                for _ in range(rows):
                    lane.size_bytes -= lane.rows.popleft().size_bytes
                lane.written += rows
            for table in lost:
                self._lanes[LANES[table]].dropped += 1
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was put before is written; False when it took longer than `timeout` seconds."""
        with self._changed:
            wanted = {name: lane.accepted for name, lane in self._lanes.items()}
            self._urgent += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(
                    lambda: all(self._lanes[name].written >= rows for name, rows in wanted.items()), timeout
                )
            finally:
                self._urgent -= 1

    def close(self) -> None:
        """Let the writer know that no more is coming."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    @property
    def rows(self) -> int:
        """How many wait."""
        return sum(len(lane.rows) for lane in self._lanes.values())

    @property
    def dropped(self) -> int:
        """How many were lost."""
        return sum(lane.dropped for lane in self._lanes.values())
