"""Bytes a second over the last seconds, by a clock of the test."""

from __future__ import annotations

import queue
import threading
from typing import Any, cast

import pytest

from openarc_ui.models.child import Child
from openarc_ui.models.hub import download
from openarc_ui.models.hub.plan import Plan, PlannedFile
from openarc_ui.models.hub.reports import Arrived, Finished, Report
from openarc_ui.models.hub.speed import Speed
from openarc_ui.models.results import TaskProgress


def test_a_speed_is_told_after_a_second_and_counts_what_came_since() -> None:
    speed = Speed()
    speed.saw(0.0, 1000)
    assert speed.bytes_per_second() is None and speed.left_seconds(5) is None
    speed.saw(0.5, 1500)
    assert speed.bytes_per_second() is None
    speed.saw(2.0, 3000)
    assert speed.bytes_per_second() == 1000.0 and speed.left_seconds(500) is None
    speed.saw(4.0, 5000)
    assert speed.left_seconds(500) == 0.5


def test_small_files_at_the_beginning_tell_no_time_left_for_a_large_one() -> None:
    speed = Speed()
    for second in range(9):
        speed.saw(float(second), 4_000 * second)
    assert speed.bytes_per_second() == 4_000.0 and speed.left_seconds(106_000_000) is None
    for second in range(9, 20):
        speed.saw(float(second), 1_500_000 * (second - 8))
    assert speed.left_seconds(15_000_000) == 10.0


def test_a_slow_line_is_told_how_long_it_takes_once_enough_came() -> None:
    speed = Speed()
    for second in range(21):
        speed.saw(float(second), 50_000 * second)
    assert speed.left_seconds(1_000_000_000) == 20_000.0


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


class Told:
    """In place of a process: what it tells, each at its moment of the test's clock."""

    def __init__(self, *told: tuple[float, Report]) -> None:
        self.told, self.now = list(told), 0.0

    def next_report(self) -> Report:
        if not self.told:
            raise queue.Empty
        self.now, report = self.told.pop(0)
        return report


def test_what_was_there_before_and_what_is_waited_for_is_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(
        (0.0, Arrived(0, "a", "Reading what is there")),
        (20.0, Arrived(5_000_000, "a", "Downloading")),
        (22.0, Arrived(5_002_000, "a", "Downloading")),
        (23.0, Arrived(5_002_000, "a", "Waiting 2 s: cut")),
        (25.0, Arrived(5_003_000, "a", "Downloading")),
        (27.0, Arrived(5_009_000, "a", "Downloading")),
        (28.0, Finished()),
    )
    monkeypatch.setattr(download.time, "monotonic", lambda: told.now)
    said: list[TaskProgress] = []
    plan = Plan("org/model", "main", "0" * 40, (PlannedFile("a", 6_000_000, None, None),))
    following = download._Following(cast(Child[Any], told), plan, said.append, lambda line: None)
    following.follow(threading.Event())
    speeds = [each.bytes_per_second for each in said if each.stage != "Downloaded"]
    assert speeds == [None, None, 1000.0, None, None, 3000.0]


def test_silence_counts_from_the_last_byte_through_every_new_try_and_not_while_a_file_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told(
        (0.0, Arrived(0, "a", "Reading what is there")),
        (30.0, Arrived(500, "a", "Downloading")),
        (33.0, Arrived(500, "a", "Downloading")),
        (42.0, Arrived(500, "a", "Downloading")),
        (50.0, Arrived(500, "a", "Waiting 1 s: nothing came for a while")),
        (51.0, Arrived(500, "a", "Asking again")),
        (52.0, Arrived(600, "a", "Downloading")),
        (70.0, Arrived(600, "b", "Downloading")),
        (71.0, Finished()),
    )
    monkeypatch.setattr(download.time, "monotonic", lambda: told.now)
    said: list[TaskProgress] = []
    plan = Plan("org/model", "main", "0" * 40, (PlannedFile("a", 6_000, None, None),))
    following = download._Following(cast(Child[Any], told), plan, said.append, lambda line: None, 180.0)
    following.follow(threading.Event())
    assert [each.stage for each in said] == [
        "Reading what is there",
        "Downloading",
        "Downloading",
        "No bytes for 12 s; tried again for up to 180 s",
        "Waiting 1 s: nothing came for a while",
        "No bytes for 21 s; tried again for up to 180 s",
        "Downloading",
        "Downloading",
        "Downloaded",
    ]
