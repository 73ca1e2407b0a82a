"""What the machine draws, from the counters that Linux shows: RAPL's energy (powercap) and hwmon's power or energy.

A counter that is not there, or that only root may read, is absent from what is told, never zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/sys")
MICRO = 1e-6


@dataclass(frozen=True, slots=True)
class Power:
    """What one source drew, in watts, on average since it was last read. `source`: "package-0", "dram", "xe (hwmon)"."""

    source: str
    watts: float


@dataclass(frozen=True, slots=True)
class _Energy:
    """A counter of microjoules, at a moment of a monotonic clock."""

    microjoules: int
    read_at: float


class PowerMeter:
    """Reads every counter there is. Not thread-safe: the differences are between its own calls.

    Args:
        root: the folder in place of /sys, for tests.
    """

    def __init__(self, root: Path = SYSTEM, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._before: dict[Path, _Energy] = {}

    def read(self) -> tuple[Power, ...]:
        """What each source draws; a counter of energy tells from its second reading on."""
        found: dict[str, float] = {}
        for source, where, watts in (*self._powercap(), *self._hwmon()):
            # Two counters of one name are two sources: the second is told by its folder as well.
            found[source if source not in found else f"{source} ({where})"] = watts
        return tuple(Power(source, watts) for source, watts in found.items())

    def _powercap(self) -> Iterator[tuple[str, str, float]]:
        for domain in sorted((self._root / "class" / "powercap").glob("intel-rapl*")):
            watts = self._average(domain / "energy_uj", _number(domain / "max_energy_range_uj"))
            if watts is not None:
                yield _text(domain / "name") or domain.name, domain.name, watts

    def _hwmon(self) -> Iterator[tuple[str, str, float]]:
        for device in sorted((self._root / "class" / "hwmon").glob("hwmon*")):
            name = _text(device / "name") or device.name
            measured = list(self._readings(device))
            for label, watts in measured:
                yield f"{name} {label} (hwmon)" if label else f"{name} (hwmon)", device.name, watts

    def _readings(self, device: Path) -> Iterator[tuple[str | None, float]]:
        """Label and watts of each channel; power as the driver tells it goes before energy that we divide by time."""
        told = False
        for file in sorted([*device.glob("power*_input"), *device.glob("power*_average")]):
            channel, _, kind = file.name.rpartition("_")
            microwatts = _number(file)
            if microwatts is None or (kind == "average" and (device / f"{channel}_input").exists()):
                continue
            told = True
            yield _text(device / f"{channel}_label"), microwatts * MICRO
        for file in sorted(device.glob("energy*_input")):
            watts = self._average(file, None)
            if watts is not None and not told:
                yield _text(device / f"{file.name.removesuffix('_input')}_label"), watts

    def _average(self, file: Path, wraps_at: int | None) -> float | None:
        """Watts since the last reading of a counter; None at the first, or when it began anew without saying where it wraps."""
        microjoules = _number(file)
        before = self._before.pop(file, None)
        if microjoules is None:
            return None
        now = _Energy(microjoules, self._clock())
        self._before[file] = now
        if before is None or now.read_at <= before.read_at:
            return None
        difference = now.microjoules - before.microjoules
        if difference < 0:
            if wraps_at is None:
                return None
            difference += wraps_at
        return difference * MICRO / (now.read_at - before.read_at) if difference >= 0 else None


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        # Not there, or not for us: then nobody is told anything about it.
        return None


def _number(file: Path) -> int | None:
    text = _text(file)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
