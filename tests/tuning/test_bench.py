"""A bench: how often it loads, what it asks again after an interruption, and how it holds the text against the reference."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.quality.guard import default_reference
from openarc_ui.tuning.record.records import Records
from openarc_ui.tuning.requests import BenchRequest, QualityOptions, Workload
from openarc_ui.tuning.results import Configuration, Visit
from openarc_ui.tuning.work import bench
from openarc_ui.tuning.work.desk_work import DeskWork
from tests.conftest import write_script
from tests.tuning.scripted_desk import ScriptedDesk, Speed

LOAD = LoadRequest(model_path="model", backend="genai")
COMPARED = QualityOptions(is_wanted=True)


class Desk(ScriptedDesk):
    """A scripted desk that takes visits without a workload, and remembers what was asked in each."""

    def __init__(self, speed: Speed = lambda configuration, number: 50.0) -> None:
        super().__init__(speed)
        self.asked: list[tuple[str, int, int, bool]] = []

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
    ) -> Visit:
        made = super().visit(configuration, workloads or (Workload(),), repetitions, round_number, with_greedy)
        self.asked.append((configuration.label, round_number, len(workloads), with_greedy))
        return made

    def run(self, **fields: Any) -> None:
        bench.run(BenchRequest(**{"configuration": LOAD, **fields}), self, self.record)


def test_it_is_loaded_as_often_as_asked() -> None:
    desk = Desk()
    desk.run(loads=3, workloads=(Workload(name="a"), Workload(name="b")))
    assert desk.asked == [("base", 1, 2, False), ("base", 2, 2, False), ("base", 3, 2, False)]
    assert desk.compared == []


def test_an_interrupted_bench_asks_only_what_is_not_recorded() -> None:
    desk = Desk()
    desk.stop_after = 2
    with pytest.raises(RunStopped):
        desk.run(loads=4)
    desk.stop_after = None
    desk.run(loads=4)
    desk.run(loads=4)
    assert [round_number for _, round_number, _, _ in desk.asked] == [1, 2, 3, 4]


def test_the_text_is_compared_with_a_reference_that_is_only_asked_for_its_answers() -> None:
    desk = Desk()
    desk.run(loads=2, quality=COMPARED)
    assert desk.asked == [("base", 1, 1, True), ("base", 2, 1, False), ("reference", 0, 0, True)]
    assert desk.compared == [("base", "reference")]


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_interrupted_comparison_of_texts_is_gone_on_with(stop_after: int) -> None:
    desk = Desk()
    desk.stop_after = stop_after
    if stop_after < 3:
        with pytest.raises(RunStopped):
            desk.run(loads=2, quality=COMPARED)
    desk.stop_after = None
    for _ in range(2):
        desk.run(loads=2, quality=COMPARED)
    assert desk.asked == [("base", 1, 1, True), ("base", 2, 1, False), ("reference", 0, 0, True)]
    assert desk.compared == [("base", "reference")]


def test_a_configuration_that_is_its_own_reference_is_not_loaded_once_more() -> None:
    desk = Desk()
    desk.run(configuration=default_reference(LOAD), quality=COMPARED)
    assert len(desk.asked) == 1
    assert desk.compared == [("base", "base")]


def test_a_first_answer_that_failed_is_asked_for_in_the_next_load() -> None:
    desk = Desk(lambda configuration, number: None if number == 0 else 50.0)
    desk.run(loads=2, quality=COMPARED)
    assert desk.asked[:2] == [("base", 1, 1, True), ("base", 2, 1, True)]
    assert desk.compared == [("base", "reference")]


def test_what_fails_twice_in_a_row_is_not_loaded_again_and_not_compared() -> None:
    desk = Desk(lambda configuration, number: None)
    for _ in range(2):
        desk.run(loads=5, quality=COMPARED)
    assert len(desk.asked) == 2
    assert desk.record.notes == ["It was loaded 2 times and not 5, since it failed again and again."]
    assert desk.compared == []


def test_a_reference_that_fails_is_told_and_the_figures_stay() -> None:
    desk = Desk(lambda configuration, number: None if configuration.label == "reference" else 50.0)
    for _ in range(2):
        desk.run(quality=COMPARED)
    assert len(desk.asked) == 2
    assert desk.record.notes == [
        "The text was compared with nothing, since the reference gave no answers: It does not fit."
    ]


def test_it_tells_how_far_it_is() -> None:
    desk = Desk()
    desk.run(loads=2, quality=COMPARED)
    assert desk.said == [
        ("Measuring", "Load 1 of 2", 0, 4, None),
        ("Measuring", "Load 2 of 2", 1, 4, 30.0),
        ("Comparing texts", "Asking the reference", 2, 4, None),
        ("Comparing texts", "Holding them against the reference's", 3, 4, None),
        ("Done", "", 4, 4, 0.0),
    ]


def test_a_bench_on_a_real_engine_is_stopped_and_goes_on(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=[{"text": "one two three"}])
    engine = make_engine()
    request = BenchRequest(
        configuration=LoadRequest(model_path="script"),
        workloads=(Workload(name="small", prompt_tokens=10, generated_tokens=4),),
        loads=3,
        repetitions=2,
    )
    record = Records(tmp_path / "tuning").create(request, {})
    holder = engine.reserve("The test measures", "tuning")
    stopping = threading.Event()

    class Stopped(DeskWork):
        def visit(self, *asked: Any, **more: Any) -> Visit:
            made = super().visit(*asked, **more)
            stopping.set()
            return made

    with pytest.raises(RunStopped):
        bench.run(request, Stopped(engine, holder, record, stopping, lambda: None), record)
    assert len(record.visits) == 1
    bench.run(request, DeskWork(engine, holder, record, threading.Event(), lambda: None), record)
    assert [visit.round_number for visit in record.visits] == [1, 2, 3]
    assert all(visit.failure is None and len(visit.workloads[0].samples) == 2 for visit in record.visits)
    assert dataclasses.asdict(record.visits[0]) == dataclasses.asdict(
        Records(tmp_path / "tuning").open(record.run_id).visits[0]
    )
