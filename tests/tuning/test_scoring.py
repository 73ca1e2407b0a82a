"""Scores of a run: made once, found again where they would be the same, made anew where they would not."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.tuning.desk import Ending
from openarc_ui.tuning.quality.scoring import Score, ScoreOrder, Scores

MODEL = ["folder", "as it was"]


class Processes:
    """Stands for the scoring process: remembers the orders, and writes what it is told to keep."""

    def __init__(self, **told: object) -> None:
        self.orders: list[ScoreOrder] = []
        self._told = {"vocabulary": 4, "perplexity": 20.0, **told}

    def __call__(self, order: ScoreOrder, ending: Ending) -> Score:
        self.orders.append(order)
        if order.keep_as:
            Path(order.keep_as).write_bytes(b"distributions")
        return Score("digest", 10, **self._told)  # type: ignore[arg-type]


def order(backend: str = "genai", device: str = "CPU", scheduler: SchedulerOptions | None = None, **ov_config: object):  # type: ignore[no-untyped-def]
    values = {"folder": "m", "backend": backend, "device": device, "ov_config": ov_config, "text_tokens": 512}
    return ScoreOrder.model_validate({**values, "scheduler": scheduler or SchedulerOptions()})


@pytest.fixture
def processes() -> Processes:
    return Processes()


@pytest.fixture
def scores(tmp_path: Path, processes: Processes) -> Scores:
    return Scores(tmp_path, Ending(threading.Event()), processes)


REFERENCE = order(INFERENCE_PRECISION_HINT="f32")


def compare(scores: Scores, configuration: ScoreOrder, model: object = MODEL) -> bool:
    """Whether its score was there already."""
    return scores.compared(configuration, model, REFERENCE, MODEL)[1]


def test_the_reference_is_scored_once_and_each_configuration_once(scores: Scores, processes: Processes) -> None:
    for precision in ("u8", "f16", "u8", "f16"):
        compare(scores, order(KV_CACHE_PRECISION=precision))
    assert len(processes.orders) == 3
    assert [bool(each.keep_as) for each in processes.orders] == [True, False, False]
    assert [each.compare_digest for each in processes.orders] == ["", "digest", "digest"]
    assert processes.orders[1].compare_with == processes.orders[0].keep_as


def test_a_score_is_found_again_by_a_later_sitting(tmp_path: Path, scores: Scores) -> None:
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    later = Processes()
    assert compare(Scores(tmp_path, Ending(threading.Event()), later), order(KV_CACHE_PRECISION="u8"))
    assert later.orders == []


@pytest.mark.parametrize(
    "spread",
    [
        {"INFERENCE_NUM_THREADS": 1},
        {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2},
        {"CACHE_DIR": "elsewhere"},
        {"scheduler": SchedulerOptions(max_num_seqs=4, enable_prefix_caching=False)},
    ],
    ids=str,
)
def test_paged_attention_is_not_scored_again_for_how_its_work_is_spread(scores: Scores, spread: dict) -> None:  # type: ignore[type-arg]
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    assert compare(scores, order(KV_CACHE_PRECISION="u8", **spread))


@pytest.mark.parametrize(
    "other",
    [
        order(KV_CACHE_PRECISION="f16"),
        order(KV_CACHE_PRECISION="u8", DYNAMIC_QUANTIZATION_GROUP_SIZE=0),
        order(KV_CACHE_PRECISION="u8", EXECUTION_MODE_HINT="ACCURACY"),
        order(KV_CACHE_PRECISION="u8", SOME_PROPERTY_TO_COME=1),
        order(KV_CACHE_PRECISION="u8", scheduler=SchedulerOptions(max_num_batched_tokens=512)),
        order(KV_CACHE_PRECISION="u8", scheduler=SchedulerOptions(use_sparse_attention=True)),
        order(backend="optimum", KV_CACHE_PRECISION="u8"),
        order(device="GPU", KV_CACHE_PRECISION="u8"),
    ],
    ids=lambda each: str(each.model_dump(exclude_defaults=True)),
)
def test_whatever_can_change_a_number_is_scored(scores: Scores, other: ScoreOrder) -> None:
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    assert not compare(scores, other)


@pytest.mark.parametrize(
    ("backend", "device", "attention"), [("optimum", "CPU", "PA"), ("genai", "CPU", "SDPA"), ("genai", "GPU", "PA")]
)
def test_the_stateful_form_is_scored_for_each_number_of_threads(
    scores: Scores, backend: str, device: str, attention: str
) -> None:
    for threads in (1, 2):
        assert not compare(scores, order(backend, device, ATTENTION_BACKEND=attention, INFERENCE_NUM_THREADS=threads))


def test_a_model_whose_files_changed_is_scored_anew(scores: Scores) -> None:
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    assert not compare(scores, order(KV_CACHE_PRECISION="u8"), model=["folder", "as it is now"])


def test_distributions_that_were_deleted_are_made_again_only_where_they_are_needed(
    tmp_path: Path, scores: Scores, processes: Processes
) -> None:
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    scores.forget_distributions()
    assert list(tmp_path.rglob("*.npy")) == []
    assert compare(scores, order(KV_CACHE_PRECISION="u8"))
    assert len(processes.orders) == 2
    compare(scores, order(KV_CACHE_PRECISION="f16"))
    assert [bool(each.keep_as) for each in processes.orders] == [True, False, True, False]


def test_a_reference_without_distributions_is_not_asked_for_them_again(tmp_path: Path) -> None:
    processes = Processes(vocabulary=None, perplexity=None)
    scores = Scores(tmp_path, Ending(threading.Event()), processes)
    for precision in ("u8", "f16"):
        compare(scores, order(KV_CACHE_PRECISION=precision))
    assert len(processes.orders) == 3


def test_a_damaged_score_is_made_anew(tmp_path: Path, scores: Scores, processes: Processes) -> None:
    compare(scores, order(KV_CACHE_PRECISION="u8"))
    for file in tmp_path.rglob("*.json"):
        file.write_text('{"token_digest": "dig')
    assert not compare(scores, order(KV_CACHE_PRECISION="u8"))
    assert len(processes.orders) == 4


def test_a_score_that_is_no_number_is_found_again_as_that(tmp_path: Path) -> None:
    processes = Processes(mean_kl_divergence=math.nan, perplexity=math.inf)
    scores = Scores(tmp_path, Ending(threading.Event()), processes)
    for is_there in (False, True):
        found, was_there = scores.compared(order(KV_CACHE_PRECISION="u8"), MODEL, REFERENCE, MODEL)
        assert was_there is is_there
        assert found.mean_kl_divergence is not None and math.isnan(found.mean_kl_divergence)
        assert found.perplexity == math.inf
