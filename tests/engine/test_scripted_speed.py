"""The scripted backend's planted differences: speeds and failures that depend on what was loaded."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.backends.scripted_speed import Speed, matches, noise_factor, speed_factor
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import ModelLoadFailed
from tests.conftest import ask, write_script

REPLY = {"text": "word " * 40, "prefill_seconds": 0.05, "token_seconds": 0.05}


def load(**values: object) -> LoadRequest:
    return LoadRequest.model_validate({"model_path": "script", **values})


@pytest.mark.parametrize(
    ("request_", "when"),
    [
        (load(ov_config={"INFERENCE_NUM_THREADS": 2}), {"ov_config.INFERENCE_NUM_THREADS": "2"}),
        (load(ov_config={"INFERENCE_NUM_THREADS": "2"}), {"ov_config.INFERENCE_NUM_THREADS": 2}),
        (load(ov_config={"ENABLE_MMAP": True}), {"ov_config.ENABLE_MMAP": "true"}),
        (load(ov_config={"ENABLE_MMAP": True}), {"ov_config.ENABLE_MMAP": True}),
        (load(ov_config={"HINT": "LATENCY"}), {"ov_config.HINT": "latency", "device": "CPU"}),
        (load(device="GPU.1", backend="scripted"), {"device": "GPU.1", "backend": "scripted"}),
        (load(scheduler={"cache_size": 2}), {"scheduler.cache_size": 2}),
        (load(), {"ov_config.HINT": None, "scheduler.cache_size": None}),
    ],
)
def test_what_a_load_has_matches(request_: LoadRequest, when: dict[str, object]) -> None:
    assert matches(request_, when)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "when",
    [
        {"ov_config.INFERENCE_NUM_THREADS": 3},
        {"ov_config.INFERENCE_NUM_THREADS": None},
        {"ov_config.OTHER": 2},
        {"ov_config.INFERENCE_NUM_THREADS": 2, "device": "GPU"},
        {"scheduler.cache_size": 2},
    ],
)
def test_what_it_has_not_does_not(when: dict[str, object]) -> None:
    assert not matches(load(ov_config={"INFERENCE_NUM_THREADS": 2}), when)  # type: ignore[arg-type]


def test_factors_multiply() -> None:
    speeds = [
        Speed(when={"ov_config.A": 1}, factor=0.5),
        Speed(when={"ov_config.B": 1}, factor=3.0),
        Speed(when={"ov_config.B": 2}, factor=100.0),
    ]
    assert speed_factor(load(ov_config={"A": 1, "B": 1}), speeds) == pytest.approx(1.5)
    assert speed_factor(load(), speeds) == 1.0


def test_noise_has_its_spread_and_none_is_none() -> None:
    generator = random.Random(1)
    drawn = [noise_factor(generator, 0.1) for _ in range(2000)]
    assert statistics.mean(drawn) == pytest.approx(1.0, abs=0.01)
    assert statistics.stdev(drawn) == pytest.approx(0.1, abs=0.01)
    assert noise_factor(generator, 0.0) == 1.0


def test_a_load_is_as_fast_as_its_properties_say(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    speeds = [{"when": {"ov_config.INFERENCE_NUM_THREADS": "1"}, "factor": 4.0}]
    fails = [{"when": {"ov_config.KV_CACHE_PRECISION": "u4"}, "error": "no room for u4"}]
    write_script(tmp_path / "models" / "script", replies=[REPLY], speeds=speeds, fails_when=fails)
    engine = make_engine()
    decode: dict[int, float] = {}
    for threads in (1, 2):
        engine.load(load(ov_config={"INFERENCE_NUM_THREADS": threads}))
        report = engine.submit(ask("Go on.", max_new_tokens=8)).result(timeout=60).report
        assert report.decode_seconds is not None and report.prefill_seconds is not None
        decode[threads] = report.decode_seconds
        assert report.prefill_seconds >= 0.05 * (4 if threads == 1 else 1)
    assert decode[1] >= 7 * 0.2
    assert decode[1] > 2 * decode[2]
    with pytest.raises(ModelLoadFailed, match="no room for u4"):
        engine.load(load(ov_config={"KV_CACHE_PRECISION": "u4"}))
