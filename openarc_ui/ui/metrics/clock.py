"""Moments as words and as places on a time axis, in this machine's time zone; one fixed distance from UTC an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

AXIS_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Clock:
    """This machine's distance from UTC at one moment, kept for a whole figure: an hour that comes twice comes once in it.

    Attributes:
        offset_seconds: local time less UTC.
        name: what the zone is called, "CET".
    """

    offset_seconds: int
    name: str

    @classmethod
    def at(cls, moment: float) -> Clock:
        """As it is at a moment, in seconds since the epoch."""
        local = datetime.fromtimestamp(moment).astimezone()
        offset = local.utcoffset() or timedelta()
        return cls(int(offset.total_seconds()), local.tzname() or "")

    @property
    def words(self) -> str:
        """The zone in words: "CET (UTC+01:00)"."""
        hours, minutes = divmod(abs(self.offset_seconds) // 60, 60)
        distance = (
            "UTC"
            if not self.offset_seconds
            else f"UTC{'-' if self.offset_seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
        )
        return distance if self.name in ("", "UTC", distance) else f"{self.name} ({distance})"

    @property
    def zone(self) -> dict[str, Any]:
        """The zone for the page, which shows and reads moments in it."""
        return {"name": self.name or self.words, "offset_seconds": self.offset_seconds}

    def axis(self, moment: float) -> str:
        """A moment as Plotly reads it; texts of it sort as the moments do."""
        local = self._local(math.floor(moment * 1000) / 1000)
        text = local.strftime(AXIS_FORMAT)
        return text if not local.microsecond else f"{text}.{local.microsecond // 1000:03d}"

    def shown(self, moment: float) -> str:
        """A moment for a table: 26 Nov 04:29:54."""
        return self._local(moment).strftime("%d %b %H:%M:%S").lstrip("0")

    def in_full(self, moment: float) -> str:
        """A moment with its year and zone."""
        return f"{self._local(moment).strftime('%d %B %Y, %H:%M:%S').lstrip('0')} {self.words}"

    def day(self, moment: float) -> str:
        """The day of a moment."""
        return self._local(moment).strftime("%d %b %Y").lstrip("0")

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, timezone(timedelta(seconds=self.offset_seconds)))
