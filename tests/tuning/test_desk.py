"""When what runs is to end, and what is kept of a text whose comparison did not come to its end."""

from __future__ import annotations

import threading
import time

import pytest

from openarc_ui.tuning.desk import Ending, RunStopped, TimeOver, is_compared, time_over
from openarc_ui.tuning.results import Failure
from tests.tuning.made_visits import quality


def test_without_a_deadline_only_a_stop_ends_it() -> None:
    stopping = threading.Event()
    ending = Ending(stopping)
    ending.require_wanted()
    assert not ending.is_set() and not ending.wait(0.01)
    stopping.set()
    assert ending.is_set() and ending.wait(10)
    with pytest.raises(RunStopped):
        ending.require_wanted()


def test_a_deadline_ends_a_wait_that_would_take_longer() -> None:
    ending, began_at = Ending(threading.Event(), time.monotonic() + 0.2), time.monotonic()
    assert not ending.is_over()
    assert ending.wait(10)
    assert 0.19 < time.monotonic() - began_at < 5
    with pytest.raises(TimeOver):
        ending.require_wanted()


def test_a_stop_is_told_before_a_deadline() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(RunStopped):
        Ending(stopping, time.monotonic() - 1).require_wanted()


@pytest.mark.parametrize(
    ("found", "is_done"),
    [
        (None, False),
        (quality("c1"), True),
        (Failure("quality", "score_failed", "It could not be scored."), True),
        (Failure("check", "property_rejected", "It can't be loaded."), False),
        (time_over("quality"), False),
    ],
    ids=str,
)
def test_a_refusal_before_the_load_and_a_time_that_was_over_are_no_comparison(found: object, is_done: bool) -> None:
    assert is_compared(found) is is_done  # type: ignore[arg-type]
