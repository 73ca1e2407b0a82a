"""How long a request may take, through the whole engine; what a session does with it is in test_session."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine import host
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import FinishReason, LoadRequest, PerformanceReport
from openarc_ui.errors import TimeLimitReached
from tests.conftest import ask, write_script


@pytest.fixture
def make_limited(make_engine: Callable[..., Engine], tmp_path: Path) -> Callable[[], Engine]:
    """Makes a model of whose requests one runs at a time, for a second at most."""

    def make() -> Engine:
        replies = [
            {"text": "Quick."},
            {"when": "slow", "text": "word " * 4000, "token_seconds": 0.02},
            {"when": "read", "text": "Read.", "prefill_seconds": 60.0},
            {"when": "deaf", "text": "one two three", "token_seconds": 6.0},
        ]
        write_script(tmp_path / "models" / "script", replies=replies, max_running=1)
        engine = make_engine(request_seconds=1.0)
        engine.load(LoadRequest(model_path="script"))
        return engine

    return make


def test_what_generates_reads_or_waits_too_long_ends_and_the_next_is_answered(
    make_limited: Callable[[], Engine], reports: list[PerformanceReport]
) -> None:
    limited = make_limited()
    for first in ("slow", "read"):
        reports.clear()
        running, waiting = limited.submit(ask(first, max_new_tokens=3000)), limited.submit(ask("quick"))
        for generation in (running, waiting):
            with pytest.raises(TimeLimitReached, match=r"after 1 s") as caught:
                generation.result(timeout=20)
            assert caught.value.code == "time_limit_reached" and "request_seconds" in caught.value.hint
        by_id = {report.request_id: report for report in reports}
        assert {report.error_code for report in reports} == {"time_limit_reached"}
        assert {report.finish_reason for report in reports} == {FinishReason.ERROR}
        assert (by_id[running.request_id].generated_tokens > 0) is (first == "slow")
        assert by_id[waiting.request_id].generated_tokens == 0
        assert limited.submit(ask("quick")).result(timeout=20).texts == ("Quick.",)


def test_a_worker_that_does_not_look_up_keeps_nobody_longer(
    make_limited: Callable[[], Engine], reports: list[PerformanceReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt that is read in one step can't be ended before it is read; who asked is told all the same, once."""
    monkeypatch.setattr(host, "LATE_SECONDS", 0.2)
    limited = make_limited()
    deaf = limited.submit(ask("deaf"))
    with pytest.raises(TimeLimitReached):
        deaf.result(timeout=5.5)
    assert limited.status().models[0].running == 0
    assert _answered(limited, 30), "the model goes on when it looks up again"
    assert [report.request_id for report in reports].count(deaf.request_id) == 1


def _answered(limited: Engine, seconds: float) -> bool:
    """Whether a question has an answer within so many seconds; until then each runs out of its own time."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        try:
            return limited.submit(ask("quick")).result(timeout=seconds).texts == ("Quick.",)
        except TimeLimitReached:
            continue
    return False


def test_without_a_limit_nothing_is_ended(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    assert len(engine.submit(ask("slow", max_new_tokens=40)).result(timeout=20).texts[0].split()) == 40
