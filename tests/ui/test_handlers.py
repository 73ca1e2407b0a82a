"""What the tabs do, called as functions: no browser, no Gradio server."""

from __future__ import annotations

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus, LoadStage
from openarc_ui.startup import StartupPhase, StartupStatus
from openarc_ui.ui import html
from openarc_ui.ui.status_strip import strip
from openarc_ui.ui.streaming import LONGEST_SECONDS, SHORTEST_SECONDS, Pacer
from tests.conftest import ask

DONE = StartupStatus(StartupPhase.DONE, None)
NOTHING = EngineStatus((), None, None, 32)


def test_a_slow_page_is_redrawn_less_often() -> None:
    now = [0.0]
    pacer = Pacer(lambda: now[0])
    assert pacer.wait_seconds == SHORTEST_SECONDS
    for cost, wait in ((0.001, SHORTEST_SECONDS), (0.1, LONGEST_SECONDS)):
        for _ in range(10):
            pacer.handing_over()
            now[0] += cost
            pacer.resumed()
        assert pacer.wait_seconds == wait


def test_the_strip_tells_every_state(scripted: Engine) -> None:
    assert "No model" in strip(NOTHING, DONE)
    preparing = StartupStatus(StartupPhase.PREPARING, "starter", LoadStage("Downloading", 0.4, "41 of 93 MB"))
    assert "Downloading · 41 of 93 MB" in strip(NOTHING, preparing) and 'aria-valuenow="40"' in strip(
        NOTHING, preparing
    )
    failed = StartupStatus(StartupPhase.FAILED, "starter", None, "No <network>.", "Put a model there.")
    assert "No &lt;network&gt;. Put a model there." in strip(NOTHING, failed)
    ready = strip(scripted.status(), DONE)
    for word in ("Ready", "script", "backend", "device", "memory", "MB", "tok/s", "0 running, 0 waiting"):
        assert word in ready
    scripted.submit(ask("crash")).batches(1)
    while scripted.status().models[0].state.value != "failed":
        pass
    assert "Failed" in strip(scripted.status(), DONE) and "SIGKILL" in strip(scripted.status(), DONE)


def test_sizes_and_numbers_carry_their_units() -> None:
    assert [html.size(value) for value in (None, 512, 97_500_000, 5.4e12)] == ["–", "512 B", "98 MB", "5.40 TB"]
    assert html.size(1_850_000_000) == "1.85 GB"
    assert [html.seconds(value) for value in (None, 0.0123, 1.254)] == ["–", "12 ms", "1.25 s"]
    assert html.number(12345.6, 0) == "12\u202f346"
