"""Bytes a second over the last seconds, by a clock of the test."""

from __future__ import annotations

from openarc_ui.models.hub.speed import Speed


def test_a_speed_is_told_after_a_second_and_counts_what_came_since() -> None:
    speed = Speed()
    speed.saw(0.0, 1000)
    assert speed.bytes_per_second() is None and speed.left_seconds(5) is None
    speed.saw(0.5, 1500)
    assert speed.bytes_per_second() is None
    speed.saw(2.0, 3000)
    assert speed.bytes_per_second() == 1000.0 and speed.left_seconds(500) == 0.5


def test_a_stalled_download_becomes_slow_and_then_has_no_end() -> None:
    speed = Speed()
    speed.saw(0.0, 0)
    speed.saw(1.0, 8000)
    speed.saw(8.0, 8000)
    assert speed.bytes_per_second() == 1000.0
    speed.saw(12.0, 8000)
    speed.saw(20.0, 8000)
    assert speed.bytes_per_second() == 0.0 and speed.left_seconds(100) is None


def test_a_file_that_begins_anew_has_no_negative_speed() -> None:
    speed = Speed()
    speed.saw(0.0, 0)
    speed.saw(2.0, 5000)
    speed.saw(3.0, 1000)
    assert speed.bytes_per_second() is None
    speed.saw(5.0, 1500)
    assert speed.bytes_per_second() == 250.0
