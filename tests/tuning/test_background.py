"""How busy other programs are: the arithmetic on scripted counts, and a real busy program that is none of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from openarc_ui.tuning.measuring.background import SHORTEST_SECONDS, Background, Moment, ProcessTimes, PsutilSystem

MAIN, WORKER = (10, 1.0), (20, 2.0)


class Scripted:
    """A machine that is in one of two states."""

    def __init__(self, before: Moment, after: Moment) -> None:
        self._moments = iter((before, after))

    def look(self, known: Moment | None) -> Moment:
        return next(self._moments)


def others(before: Moment, after: Moment) -> float | None:
    background = Background(Scripted(before, after))
    return background.others_cores(background.begin())


def main(own: float, ended_children: float | None = 0.0) -> ProcessTimes:
    return ProcessTimes(own, ended_children, 1)


def worker(own: float, ended_children: float | None = 0.0) -> ProcessTimes:
    return ProcessTimes(own, ended_children, MAIN[0])


def test_what_is_not_ours_is_others() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0), WORKER: worker(3.0)})
    after = Moment(2.0, 104.0, {MAIN: main(5.5), WORKER: worker(5.5)})
    assert others(before, after) == pytest.approx(0.5)


def test_a_process_that_began_meanwhile_is_ours_from_its_beginning() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0)})
    after = Moment(2.0, 102.0, {MAIN: main(5.0), WORKER: worker(1.5)})
    assert others(before, after) == pytest.approx(0.25)


def test_a_process_that_ended_meanwhile_is_counted_by_its_parent() -> None:
    """It had 3 s at the beginning and 4 s at its end, so 1 s of 2 are ours."""
    before = Moment(0.0, 100.0, {MAIN: main(5.0), WORKER: worker(3.0)})
    after = Moment(2.0, 102.0, {MAIN: main(5.0, ended_children=4.0)})
    assert others(before, after) == pytest.approx(0.5)


def test_where_the_system_keeps_no_time_of_ended_children_it_is_not_told() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0, None), WORKER: worker(3.0, None)})
    assert others(before, Moment(2.0, 102.0, {MAIN: main(5.0, None)})) is None
    assert others(before, Moment(2.0, 104.0, {MAIN: main(5.0, None), WORKER: worker(6.0, None)})) == pytest.approx(0.5)


def test_where_the_parent_ended_as_well_it_is_not_told() -> None:
    grandchild = (30, 3.0)
    before = Moment(0.0, 100.0, {MAIN: main(5.0), WORKER: worker(3.0), grandchild: ProcessTimes(1.0, 0.0, WORKER[0])})
    assert others(before, Moment(2.0, 102.0, {MAIN: main(5.0, ended_children=4.0)})) is None


def test_a_process_of_the_same_id_made_later_is_another_one() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0), WORKER: worker(3.0)})
    after = Moment(2.0, 102.0, {MAIN: main(5.0, ended_children=3.5), (20, 9.0): worker(1.0)})
    assert others(before, after) == pytest.approx(0.25)


def test_rounding_never_makes_it_less_than_nothing() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0)})
    assert others(before, Moment(1.0, 100.99, {MAIN: main(6.0)})) == 0.0


def test_of_too_short_a_time_nothing_is_told() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0)})
    assert others(before, Moment(SHORTEST_SECONDS / 2, 100.2, {MAIN: main(5.0)})) is None


def test_counters_that_went_backwards_tell_nothing() -> None:
    before = Moment(0.0, 100.0, {MAIN: main(5.0)})
    assert others(before, Moment(1.0, 90.0, {MAIN: main(5.0)})) is None
    assert others(before, Moment(1.0, 101.0, {MAIN: main(4.0)})) is None


BURN = "import time\nwhile time.process_time() < {seconds}: pass"


@pytest.fixture
def outsider() -> Iterator[psutil.Process]:
    """A busy program that init has adopted, so that it is no descendant of ours."""
    script = (
        "import os, sys\n"
        "if os.fork():\n    sys.exit()\n"
        "os.setsid()\n"
        "print(os.getpid(), flush=True)\n" + BURN.format(seconds=20)
    )
    started = subprocess.run([sys.executable, "-c", _detached(script)], capture_output=True, text=True, check=True)
    process = psutil.Process(int(started.stdout))
    yield process
    if process.is_running():
        os.kill(process.pid, signal.SIGKILL)


def _detached(script: str) -> str:
    """With the standard output closed after the id, so that nobody waits for its end."""
    return script.replace("flush=True)\n", "flush=True)\nos.close(1); os.close(2)\n", 1)


@pytest.mark.skipif(not psutil.LINUX, reason="a process can't be given away elsewhere")
def test_a_busy_program_of_somebody_else_is_seen(outsider: psutil.Process) -> None:
    background = Background()
    before, began, began_at = background.begin(), _seconds(outsider), time.monotonic()
    while (used := _seconds(outsider) - began) < 0.3:
        time.sleep(0.1)
        assert time.monotonic() - began_at < 60, "it is not busy"
    told = background.others_cores(before)
    assert told is not None and told > 0.8 * used / (time.monotonic() - began_at)


def test_our_own_busy_child_is_not_among_others_while_it_runs_and_after_it_ended() -> None:
    system = PsutilSystem()
    for is_waited_for in (False, True):
        child = subprocess.Popen([sys.executable, "-c", BURN.format(seconds=0.8 if is_waited_for else 30)])
        background = Background(system)
        before = background.begin()
        if is_waited_for:
            child.wait()
        else:
            give_up_at = time.monotonic() + 60
            while _seconds(psutil.Process(child.pid)) < 0.4:
                assert time.monotonic() < give_up_at, "it is not busy"
                time.sleep(0.1)
        used = 0.7 if is_waited_for else _seconds(psutil.Process(child.pid)) - 0.1
        told = background.others_cores(before)
        after = system.look(before)
        child.kill()
        child.wait()
        assert used > 0.1
        assert told is not None
        busy = after.busy_seconds - before.busy_seconds
        assert told * (after.at - before.at) < busy - used + 0.1


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
