"""Whether another program measures on the same tuning folder: it is named while it does, and a run of one's own is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.elsewhere import SOMETHING, Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.record.lock import RunLock
from openarc_ui.tuning.record.records import MEASURING
from openarc_ui.tuning.requests import BenchRequest, Workload
from openarc_ui.tuning.runs import TuningRuns
from tests.conftest import write_script

ENDLESS: Any = {"replies": [{"text": "word " * 4000, "token_seconds": 0.02}]}
LONG = Workload(name="long", prompt_tokens=8, generated_tokens=3000)
BENCH = BenchRequest(name="threads", configuration=LoadRequest(model_path="script"), workloads=(LONG,))


@pytest.fixture
def programs(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> Iterator[tuple[tuple[Engine, TuningRuns], tuple[Engine, TuningRuns]]]:
    """Two programs on one tuning folder; their locks are of opened files, so that one process can be both."""
    write_script(tmp_path / "models" / "script", **ENDLESS)
    engines = make_engine(), make_engine()
    one, other = ((engine, TuningRuns(engine, tmp_path / "tuning")) for engine in engines)
    yield one, other
    for _, runs in (one, other):
        runs.close()


def becomes(said: Callable[[], object], wanted: object) -> bool:
    until = time.monotonic() + 20
    while said() != wanted and time.monotonic() < until:
        time.sleep(0.05)
    return said() == wanted


def test_a_run_of_another_program_is_named_until_it_ends(programs: Any) -> None:
    (engine, server), (other_engine, other) = programs
    seen, seen_there = Elsewhere(engine, server), Elsewhere(other_engine, other)
    assert seen.words() is None, "the folder is not even there"
    other.start(BENCH)
    assert becomes(seen.words, "The bench 'threads' measures")
    assert seen_there.words() is None, "its own run is told of as such"
    assert engine.status().reserved is None, "nothing is refused for it"
    other.close()
    assert becomes(seen.words, None)


def test_a_run_of_ones_own_is_at_no_moment_taken_for_anothers(programs: Any) -> None:
    (engine, server), _ = programs
    seen, said, is_over = Elsewhere(engine, server), set[str | None](), threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            said.add(seen.words())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for _ in range(5):
            server.cancel(server.start(BENCH).run_id)
    finally:
        is_over.set()
        watching.join(20)
    assert said == {None}


def test_where_the_run_can_not_be_read_it_is_said_that_one_measures(programs: Any, tmp_path: Path) -> None:
    (engine, server), _ = programs
    (tmp_path / "tuning").mkdir()
    with RunLock(tmp_path / "tuning" / MEASURING):
        assert Elsewhere(engine, server).words() == SOMETHING
    assert Elsewhere(engine, server).words() is None
