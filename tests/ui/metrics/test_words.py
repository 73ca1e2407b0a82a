"""Small things that are said: moments, health, configurations, roofs."""

from __future__ import annotations

from typing import Any

import pytest

from openarc_ui.engine.types import Bandwidth
from openarc_ui.metrics.roofline import Decoded
from openarc_ui.metrics.store import StoreHealth
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.configurations_view import labels
from openarc_ui.ui.metrics.health_view import sentences
from openarc_ui.ui.metrics.roof_view import cards, is_single

MOMENT = 1_700_000_000.0


def info(**more: Any) -> dict[str, Any]:
    known = {
        "name": "m",
        "backend": "genai",
        "device": "CPU",
        "traffic": {"weights_bytes": 1e9, "kv_bytes_per_token": 1e5, "how": "x"},
    }
    return {**known, **more}


def test_moments_are_in_local_time_and_sort_as_texts() -> None:
    clock = Clock(-(3 * 3600 + 1800), "NST")
    assert clock.words == "NST (UTC-03:30)" and Clock(0, "UTC").words == "UTC" and Clock(3600, "").words == "UTC+01:00"
    assert clock.axis(MOMENT) == "2023-11-14 18:43:20" and clock.axis(MOMENT + 0.25) == "2023-11-14 18:43:20.250"
    moments = [MOMENT + place * 1800.5 for place in range(50)]
    assert sorted(map(clock.axis, moments)) == list(map(clock.axis, moments))
    assert clock.shown(MOMENT) == "14 Nov 18:43:20" and clock.day(MOMENT - 12 * 86400) == "2 Nov 2023"


def test_health_is_silent_while_all_is_well_and_says_what_is_not() -> None:
    assert sentences(StoreHealth(5, 0, None, None, 0, 10)) == []
    waiting, lost = sentences(StoreHealth(1200, 1, "database is locked.", None, 0, 10_000))
    assert waiting.startswith("1\u202f200 rows wait in memory: database is locked.") and "written as soon as" in waiting
    assert lost == "1 row could not be kept."
    assert sentences(StoreHealth(1, 0, None, "It was set aside.", 0, 10)) == ["It was set aside."]
    assert "takes nothing: disk full." in sentences(StoreHealth(0, 0, "disk full", None, 0, 10))[0]


def test_configurations_are_called_by_what_differs() -> None:
    described = {
        "a" * 16: info(requested_properties={"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}),
        "b" * 16: info(requested_properties={"NUM_STREAMS": 2, "PERFORMANCE_HINT": "LATENCY"}),
        "c" * 16: info(name="other"),
    }
    called = labels([*described, "d" * 16], described)
    assert called["a" * 16] == "aaaaaaaa · genai on CPU · NUM_STREAMS=1"
    assert called["b" * 16] == "bbbbbbbb · genai on CPU · NUM_STREAMS=2"
    assert called["c" * 16] == "cccccccc · genai on CPU", "there is nothing to differ from"
    assert called["d" * 16] == "dddddddd", "nothing is kept of it"


def test_a_configuration_that_differs_in_much_says_three_and_how_many_more() -> None:
    described = {
        "a" * 16: info(
            versions={str(place): "1" for place in range(5)}, request={"scheduler": {"cache_size": 4, "x": None}}
        ),
        "b" * 16: info(),
    }
    assert labels(["a" * 16], described)["a" * 16].endswith("scheduler.cache_size=4 · 0=1 · 1=1 · and 3 more")


def test_a_roof_shows_what_is_read_against_what_could_be() -> None:
    bandwidth = Bandwidth("CPU", "a CPU", 20e9, MOMENT, "read")
    (card,) = cards([Decoded("m", "a", 10.0, 100.0, bandwidth)], {"a": info()}, {"a": "label"})
    assert card["title"] == "m on CPU" and card["value"] == "10.1 GB/s of 20.0 GB/s"
    assert card["fraction"] == pytest.approx(10 * (1e9 + 100 * 1e5) / 20e9)
    assert card["words"] and card["missing"] is None and card["can_measure"]


def test_roofs_of_one_model_are_told_apart() -> None:
    decoded = [Decoded("m", "a", 10.0, 100.0, None), Decoded("m", "b", 12.0, 100.0, None)]
    one, two = cards(decoded, {"a": info(), "b": info()}, {"a": "A", "b": "B"})
    assert (one["title"], two["title"]) == ("m on CPU · A", "m on CPU · B")
    assert one["fraction"] is None and one["missing"]


def test_a_roof_without_its_configuration_says_so() -> None:
    (card,) = cards([Decoded("m", "gone", 10.0, 100.0, None)], {}, {})
    assert card["fraction"] is None and "not kept" in card["missing"] and not card["can_measure"]


@pytest.mark.parametrize(
    ("device", "single"), [("CPU", True), ("GPU.1", True), ("AUTO:CPU,GPU", False), ("AUTO", False), ("", False)]
)
def test_only_one_device_has_a_bandwidth(device: str, single: bool) -> None:
    assert is_single(device) == single
