"""The largest memory that was seen, on a scripted engine."""

from __future__ import annotations

import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import WorkerGauges
from openarc_ui.tuning.measuring.memory_peak import MemoryPeak


class Scripted:
    """An engine whose model has the next amount of memory each time it is looked at; the last one stays."""

    def __init__(self, *amounts: tuple[int | None, int | None]) -> None:
        self._amounts = list(amounts)

    def status(self) -> Any:
        resident, device = self._amounts.pop(0) if len(self._amounts) > 1 else self._amounts[0]
        gauges = WorkerGauges(device_memory_bytes=device)
        other = SimpleNamespace(name="other", memory_bytes=10**12, gauges=None)
        return SimpleNamespace(models=(other, SimpleNamespace(name="tuning", memory_bytes=resident, gauges=gauges)))


def peak_of(*amounts: tuple[int | None, int | None], seconds: float = 0.0) -> MemoryPeak:
    peak = MemoryPeak(cast(Engine, Scripted(*amounts)), "tuning")
    with peak:
        time.sleep(seconds)
    return peak


def test_it_looks_at_both_ends_however_short_the_time() -> None:
    assert peak_of((100, None), (300, None)).memory_bytes == 300
    assert peak_of((300, None), (100, None)).memory_bytes == 300


def test_it_sees_a_peak_in_between() -> None:
    assert peak_of((100, None), (900, 50), (200, None), seconds=0.35).memory_bytes == 900


def test_a_device_that_tells_nothing_has_no_memory_told() -> None:
    assert peak_of((100, None)).device_memory_bytes is None
    assert peak_of((100, 70), (100, 60)).device_memory_bytes == 70


def test_a_model_that_is_gone_leaves_what_was_seen() -> None:
    assert peak_of((100, None), (None, None)).memory_bytes == 100
    assert peak_of((None, None)).memory_bytes is None


def test_it_goes_on_from_the_last_time() -> None:
    peak = MemoryPeak(cast(Engine, Scripted((100, None), (500, None), (200, None))), "tuning")
    for _ in range(2):
        with peak:
            pass
    assert peak.memory_bytes == 500


def test_what_it_saw_of_something_that_did_not_come_to_its_end_is_forgotten() -> None:
    peak = MemoryPeak(cast(Engine, Scripted((100, 10), (200, 20), (900, 90), (900, 90))), "tuning")
    with peak:
        pass
    with suppress(ValueError), peak:
        raise ValueError
    assert (peak.memory_bytes, peak.device_memory_bytes) == (200, 20)
