"""The search by itself: what it proposes, that nothing is proposed twice, and that its file has everything."""

from __future__ import annotations

import itertools
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.requests import Axis
from openarc_ui.tuning.search.importance import FEWEST_FOR_IMPORTANCE, importances_of
from openarc_ui.tuning.search.space import Space
from openarc_ui.tuning.search.studies import Proposal, SamplerName, Search

AXES = (
    Axis(field="ov_config.A", values=(None, True, 1, "1", 2.5, "true")),
    Axis(field="ov_config.B", values=("x", "y")),
    Axis(field="backend", values=("genai", "optimum")),
)
SECONDS = (BY_NAME["total_seconds"],)
BOTH = (BY_NAME["total_seconds"], BY_NAME["decode_tokens_per_second"])
SAMPLERS: tuple[SamplerName, ...] = ("grid", "tpe", "random")


def key(proposal: Proposal) -> tuple[str, ...]:
    return tuple(repr(value) for value in proposal.settings.values())


def asked(search: Search, sampler: SamplerName, most: int = 1000) -> list[Proposal]:
    """Proposals, each told at once."""
    found: list[Proposal] = []
    while len(found) < most and (proposal := search.ask(sampler, batch=len(found))) is not None:
        search.tell(proposal.number, [float(len(found))])
        found.append(proposal)
    return found


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_combination_is_proposed_once_and_values_stay_what_they_are(sampler: SamplerName) -> None:
    with Search(None, AXES, SECONDS) as search:
        proposals = asked(search, sampler)
        assert search.ask(sampler, 99) is None
        assert search.told() == 24
    wanted = {tuple(map(repr, values)) for values in itertools.product(*(axis.values for axis in AXES))}
    assert len(proposals) == 24
    assert {key(each) for each in proposals} == wanted


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_failed_or_was_pruned_is_not_proposed_again(sampler: SamplerName) -> None:
    seen: list[tuple[str, ...]] = []
    with Search(None, AXES, SECONDS, memory_limit_bytes=100) as search:
        while (proposal := search.ask(sampler, 0)) is not None:
            seen.append(key(proposal))
            if len(seen) % 3 == 0:
                search.fail(proposal.number, "no room")
            elif len(seen) % 3 == 1:
                search.prune(proposal.number, 3.0, 50)
            else:
                search.tell(proposal.number, [1.0], 120)
    assert len(seen) == len(set(seen)) == 24


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_several_objectives_take_the_same_words(sampler: SamplerName) -> None:
    with Search(None, AXES, BOTH) as search:
        for number in range(12):
            proposal = search.ask(sampler, 0)
            assert proposal is not None
            if number % 4 == 0:
                search.prune(proposal.number, 3.0)
            else:
                search.tell(proposal.number, [1.0 + number, 2.0])
        assert search.told() == 12


def test_the_same_seed_asks_the_same_and_another_does_not() -> None:
    def order(seed: int) -> list[tuple[str, ...]]:
        with Search(None, AXES, SECONDS, seed=seed) as search:
            return [key(each) for each in asked(search, "tpe", 12)]

    assert order(4) == order(4)
    assert order(4) != order(5)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_is_opened_again_goes_on_as_it_would_have(sampler: SamplerName, tmp_path: Path) -> None:
    file = tmp_path / "a folder?#%" / "search.sqlite3"
    file.parent.mkdir()
    with Search(None, AXES, SECONDS, seed=2) as search:
        whole = [key(each) for each in asked(search, sampler, 9)]
    pieces: list[tuple[str, ...]] = []
    for _ in range(3):
        with Search(file, AXES, SECONDS, seed=2) as search:
            for _ in range(3):
                proposal = search.ask(sampler, 0)
                assert proposal is not None
                search.tell(proposal.number, [float(len(pieces))])
                pieces.append(key(proposal))
    assert pieces == whole
    assert [each.name for each in file.parent.iterdir()] == ["search.sqlite3"]


def test_what_was_asked_and_not_told_is_found_again(tmp_path: Path) -> None:
    file = tmp_path / "search.sqlite3"
    with Search(file, AXES, SECONDS) as search:
        search.decide("sampler", "tpe")
        proposals = [search.ask("tpe", 3) for _ in range(4)]
        assert proposals[1] is not None
        search.tell(proposals[1].number, [2.0])
    with Search(file, AXES, SECONDS) as search:
        assert search.running() == [proposals[0], *proposals[2:]]
        assert (search.decided("sampler"), search.decided("more")) == ("tpe", None)
        assert (search.next_batch(), search.told()) == (4, 1)


def test_a_process_that_is_killed_leaves_a_search_that_can_be_read(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.tuning.test_search import AXES, SECONDS, Search\n"
        "search = Search(Path(sys.argv[1]), AXES, SECONDS)\n"
        "first, _ = search.ask('tpe', 0), search.ask('tpe', 0)\n"
        "search.tell(first.number, [1.0])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    file = tmp_path / "search.sqlite3"
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", program, str(file)], cwd=root, timeout=60, check=False)
    assert done.returncode != 0
    with Search(file, AXES, SECONDS) as search:
        assert (search.told(), len(search.running())) == (1, 1)


def test_a_file_that_is_no_search_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "search.sqlite3"
    file.write_bytes(b"This is no database at all. " * 100)
    with pytest.raises(TuningFolderUnusable):
        Search(file, AXES, SECONDS)
    with pytest.raises(TuningFolderUnusable):
        Search(tmp_path / "missing" / "search.sqlite3", AXES, SECONDS)


def test_a_disk_that_is_full_and_a_folder_that_can_not_be_written_are_said_so(tmp_path: Path) -> None:
    def asked_until_it_fails(search: Search, *pragmas: str) -> None:
        with search._storage.engine.connect() as connection:
            for pragma in pragmas:
                connection.exec_driver_sql(pragma)
        with pytest.raises(TuningFolderUnusable) as caught:
            for number in range(50):
                search.decide(f"long {number}", "x" * 5000)
        assert "search of this run can't be kept: " in caught.value.message
        assert str(tmp_path) not in caught.value.message

    with Search(tmp_path / "search.sqlite3", AXES, SECONDS) as search:
        asked_until_it_fails(search, "PRAGMA max_page_count=1")
    with Search(tmp_path / "search.sqlite3", AXES, SECONDS) as search:
        asked_until_it_fails(search, "PRAGMA query_only=1")
        with pytest.raises(TuningFolderUnusable):
            search.ask("tpe", 0)
    with Search(tmp_path / "search.sqlite3", AXES, SECONDS) as search:
        assert search.ask("tpe", 0) is not None


def test_what_was_asked_for_when_the_process_ended_is_put_into_a_batch_once() -> None:
    with Search(None, AXES, SECONDS) as search:
        search._study.ask(search._distributions)
        (proposal,) = search.running()
        assert (proposal.batch, search.next_batch()) == (None, 0)
        search.put_into(proposal, 0)
        assert search.next_batch() == 1


def test_the_first_proposal_can_be_given(tmp_path: Path) -> None:
    load = LoadRequest(model_path="m", backend="optimum", ov_config={"A": "1", "B": "y"})
    with Search(None, AXES, SECONDS) as search:
        texts = search.space.texts_of(load, load)
        assert texts is not None
        search.propose_first(texts)
        first = search.ask("grid", 0)
        assert first is not None
        assert first.settings == {"ov_config.A": "1", "ov_config.B": "y", "backend": "optimum"}
        search.tell(first.number, [1.0])
        assert len(asked(search, "grid")) == 23


def share_over_the_limit(limit: int | None) -> float:
    """Of what TPE asks for after a beginning, how much is of the faster half, which needs more than the limit."""
    axes = tuple(Axis(field=f"ov_config.{name}", values=tuple(range(6))) for name in "ABC")
    over: list[bool] = []
    for seed in range(3):
        with Search(None, axes, SECONDS, seed=seed, memory_limit_bytes=limit) as search:
            for number in range(60):
                proposal = search.ask("tpe", 0)
                assert proposal is not None
                values = [int(str(value)) for value in proposal.settings.values()]
                over += [values[0] < 3] * (number >= 20)
                search.tell(proposal.number, [1.0 + sum(values)], 200 if values[0] < 3 else 50)
    return sum(over) / len(over)


def test_tpe_leaves_what_needs_too_much_memory() -> None:
    assert share_over_the_limit(100) < 0.45 < 0.55 < share_over_the_limit(None)


def test_optuna_is_heard_only_through_logging(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    with Search(None, AXES, SECONDS, memory_limit_bytes=10) as search:
        asked(search, "tpe", 12)
    assert capfd.readouterr() == ("", "")
    assert [str(each.message) for each in recwarn if "optuna" in each.filename] == []
    assert logging.getLogger("optuna").handlers == []


def test_a_space_of_more_combinations_than_can_be_written_down_is_searched() -> None:
    axes = tuple(Axis(field=f"ov_config.P{number}", values=tuple(range(40))) for number in range(12))
    space = Space(axes)
    assert space.size == 40**12
    with Search(None, axes, SECONDS) as search:
        assert len({key(each) for each in asked(search, "tpe", 10)}) == 10
        assert len({key(each) for each in asked(search, "random", 10)}) == 10


def test_the_last_combination_is_drawn_and_then_none() -> None:
    space = Space(AXES)
    every = set(itertools.product(*space.choices.values()))
    last = next(iter(every))
    drawn = space.draw(every - {last}, random.Random(0))
    assert drawn is not None and tuple(drawn.values()) == last
    assert space.draw(every, random.Random(0)) is None


def test_a_load_that_the_axes_can_not_make_has_no_combination() -> None:
    space = Space(AXES)
    base = LoadRequest(model_path="m", backend="genai", ov_config={"A": 1, "B": "x"})
    assert space.texts_of(base, base) == {"ov_config.A": "1", "ov_config.B": '"x"', "backend": '"genai"'}
    assert space.texts_of(base, base.model_copy(update={"ov_config": {"A": 3, "B": "x"}})) is None
    assert space.texts_of(base, base.model_copy(update={"ov_config": {"A": 1, "B": "x", "C": 1}})) is None


def points(count: int = 24) -> list[tuple[dict[str, object], dict[str, float]]]:
    """A counts for 4, the backend for 2, B for nothing."""
    found: list[tuple[dict[str, object], dict[str, float]]] = []
    for a, b, backend in list(itertools.product(*(axis.values for axis in AXES)))[:count]:
        seconds = 10.0 + 4.0 * (a is None) + 2.0 * (backend == "optimum")
        settings = {"ov_config.A": a, "ov_config.B": b, "backend": backend}
        found.append((settings, {"total_seconds": seconds, "memory_bytes": 5.0}))
    return found


def test_importances_are_shares_of_the_spread_and_sum_to_one() -> None:
    found = importances_of(AXES, ("total_seconds",), points())  # type: ignore[arg-type]
    assert [each.field for each in found] == ["ov_config.A", "backend", "ov_config.B"]
    assert sum(each.share for each in found) == pytest.approx(1.0)
    by_field = {each.field: each.share for each in found}
    variances = (16.0 * 5 / 36, 4.0 / 4)  # of a share p at 4, p (1 - p) 16; of half at 2, 1
    assert by_field["ov_config.A"] == pytest.approx(variances[0] / sum(variances), abs=0.08)
    assert by_field["ov_config.B"] < 0.02


def test_importances_need_enough_points_and_a_difference() -> None:
    few = points()[: FEWEST_FOR_IMPORTANCE - 1]
    assert importances_of(AXES, ("total_seconds",), few) == ()  # type: ignore[arg-type]
    assert importances_of(AXES, ("memory_bytes", "ttft_seconds"), points()) == ()  # type: ignore[arg-type]


def test_a_configuration_that_no_axis_made_has_no_part_in_importances() -> None:
    alone: tuple[dict[str, object], dict[str, float]] = ({}, {"total_seconds": 1000.0})
    with_it = importances_of(AXES, ("total_seconds",), [*points(), alone])  # type: ignore[arg-type]
    assert with_it == importances_of(AXES, ("total_seconds",), points())  # type: ignore[arg-type]


def test_nothing_is_imported_before_a_search_is_opened() -> None:
    program = "import sys, openarc_ui.tuning.work.sweep; print([n for n in ('optuna', 'sqlalchemy', 'sklearn') if n in sys.modules])"
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
