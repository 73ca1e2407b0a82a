"""Which requests count: a span of time and six dimensions. The same for the page, REST, exports and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace

DIMENSIONS = {
    "model": "model",
    "backend": "backend",
    "device": "device",
    "configuration": "configuration_id",
    "outcome": "finish_reason",
    "source": "source",
}
"""Name of a filter -> column, in `requests` and in `rollups`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A request counts when it lies in the span and, in each dimension that is not empty, has one of the values.

    Attributes:
        since: seconds since the epoch, inclusive; None: from the beginning.
        until: seconds since the epoch, exclusive; None: to the end.
        leaves_out: sources that do not count as long as `source` is empty.
    """

    since: float | None = None
    until: float | None = None
    model: tuple[str, ...] = ()
    backend: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    leaves_out: tuple[str, ...] = ()

    def dimensions(self) -> tuple[str, tuple[str, ...]]:
        """The SQL condition on the dimensions alone, and its values."""
        conditions: list[str] = ["1"]
        values: list[str] = []
        for name, column in DIMENSIONS.items():
            wanted: tuple[str, ...] = getattr(self, name)
            if wanted:
                conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        if self.leaves_out and not self.source:
            conditions.append(f"source NOT IN ({', '.join('?' * len(self.leaves_out))})")
            values.extend(self.leaves_out)
        return " AND ".join(conditions), tuple(values)

    def left_out(self) -> Filter | None:
        """What counts but for its source; None where nothing is left out."""
        return replace(self, source=self.leaves_out) if self.leaves_out and not self.source else None

    def where(self) -> tuple[str, tuple[float | str, ...]]:
        """The SQL condition on rows of `requests`, and its values."""
        condition, values = self.dimensions()
        span: list[float | str] = []
        for bound, comparison in ((self.since, ">="), (self.until, "<")):
            if bound is not None:
                condition += f" AND submitted_at {comparison} ?"
                span.append(bound)
        return condition, (*values, *span)
