"""A sweep on the real engine, with the scripted backend: the planted best is found, also after the run was ended midway."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.requests import Axis, QualityOptions, SweepRequest, Workload
from openarc_ui.tuning.results import ConfigurationState, RunState, RunView
from openarc_ui.tuning.runs import TuningRuns
from tests.conftest import write_script

REPLIES = [{"text": "word " * 100, "prefill_seconds": 0.02, "token_seconds": 0.01}]
SPEEDS = [
    {"when": {"ov_config.INFERENCE_NUM_THREADS": 1}, "factor": 2.0},
    {"when": {"ov_config.INFERENCE_NUM_THREADS": 2}, "factor": 0.5},
    {"when": {"ov_config.KV_CACHE_PRECISION": "f16"}, "factor": 1.3},
]
FAILS = [{"when": {"ov_config.KV_CACHE_PRECISION": "u4", "ov_config.INFERENCE_NUM_THREADS": 1}, "error": "no room"}]
REQUEST = SweepRequest(
    base=LoadRequest(model_path="script"),
    axes=(
        Axis(field="ov_config.INFERENCE_NUM_THREADS", values=(1, 2)),
        Axis(field="ov_config.KV_CACHE_PRECISION", values=("u4", "f16")),
    ),
    workload=Workload(name="short", prompt_tokens=8, generated_tokens=12),
    repetitions=2,
    budget_minutes=20.0,
    tightness_percent=60.0,
    sampler="grid",
    quality=QualityOptions(is_wanted=False),
)


def prepared(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script", replies=REPLIES, speeds=SPEEDS, fails_when=FAILS, speed_noise=0.02)
    return make_engine()


def check_result(view: RunView) -> None:
    """The planted best, the planted failure, and nothing made twice."""
    assert view.head.state is RunState.FINISHED, view.problem
    assert len(view.results) == 5
    best = next(each for each in view.results if each.is_best)
    assert best.configuration.settings == {
        "ov_config.INFERENCE_NUM_THREADS": 2,
        "ov_config.KV_CACHE_PRECISION": "u4",
    }
    assert best.configuration.label == "INFERENCE_NUM_THREADS=2, KV_CACHE_PRECISION=u4"
    failed = [each for each in view.results if each.state is ConfigurationState.FAILED]
    assert [each.failure.message for each in failed if each.failure is not None] == ["no room"]
    assert view.results[0].configuration.label == "base"
    assert best.visits >= 3


def test_a_sweep_whose_server_ends_is_resumed_by_the_next(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = prepared(make_engine, tmp_path)
    runs = TuningRuns(engine, tmp_path / "tuning")
    run_id = runs.start(REQUEST).run_id
    deadline = time.monotonic() + 120
    while sum(each.visits for each in runs.view(run_id).results) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    runs.close()
    engine.close()
    assert runs.view(run_id).head.state is RunState.INTERRUPTED
    before = {each.configuration.configuration_id: each.visits for each in runs.view(run_id).results}
    again = TuningRuns(make_engine(), tmp_path / "tuning")
    try:
        again.resume(run_id)
        assert again.wait(400)
        view = again.view(run_id)
    finally:
        again.close()
    check_result(view)
    # Not by a clock: on a busy machine the same visits take several times as long.
    sure = "The best were measured until no interval of their latency was wider than ±60%."
    assert sure in view.notes, "it ended since it was sure enough, long before its time was over"
    assert all(each.visits >= before.get(each.configuration.configuration_id, 0) for each in view.results)
