"""What the tabs do, called as functions: no browser, no Gradio server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus, FinishReason, LoadRequest, LoadStage
from openarc_ui.errors import InvalidRequest
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup, StartupPhase, StartupStatus
from openarc_ui.ui import html, metrics_tab, plots
from openarc_ui.ui.chat_stream import InFlight
from openarc_ui.ui.chat_tab import LATEST, answer, choices_of_models, empty_text
from openarc_ui.ui.sampling_panel import cleared, parameters_of, placeholders
from openarc_ui.ui.status_strip import strip
from openarc_ui.ui.streaming import LONGEST_SECONDS, SHORTEST_SECONDS, Pacer
from openarc_ui.ui.transcript import Transcript, Turn, figures_of
from tests.conftest import ask, write_script
from tests.reports import WHOLE, report, unmeasured

DONE = StartupStatus(StartupPhase.DONE, None)
NOTHING = EngineStatus((), None, None, 32)


def finished(engine: Engine) -> Startup:
    """A start-up that has nothing left to do."""
    startup = Startup(engine, Settings(model="none"), lambda status: None)
    startup.start()
    startup.stop()
    return startup


def collect(engine: Engine, turns: list[Turn], **options: Any) -> list[Transcript]:
    """Run `answer` to its end; the transcript object is one, so the states seen are copied as texts."""

    async def run() -> list[Transcript]:
        states = answer(
            engine,
            finished(engine),
            InFlight(),
            "session",
            Transcript(turns),
            options.get("system", ""),
            LATEST,
            options.get("values", cleared()),
        )
        return [Transcript([replace(turn) for turn in state.turns]) async for state in states]

    return asyncio.run(run())


def test_an_answer_grows_and_ends_with_its_figures(scripted: Engine) -> None:
    seen = collect(scripted, [Turn("slow")], values=[*cleared()[:1], "20", *cleared()[2:]])
    answers = [each.turns[0].answer for each in seen]
    assert answers == sorted(answers, key=len) and len(answers) > 2
    final = seen[-1].turns[0]
    assert final.report is not None and final.report.generated_tokens == 20
    assert final.report.source == "chat"
    assert "20 tokens" in figures_of(final.report) and "length" in figures_of(final.report)


def test_an_error_ends_up_under_the_question(scripted: Engine) -> None:
    final = collect(scripted, [Turn("fail")])[-1].turns[0]
    assert final.failed and "the script fails here" in final.note
    scripted.unload()
    final = collect(scripted, [Turn("hello")])[-1].turns[0]
    assert final.failed and "No model is loaded" in final.note


def test_a_wrong_sampling_value_is_named_by_its_label(scripted: Engine) -> None:
    values = cleared()
    values[2] = "hot"
    final = collect(scripted, [Turn("hello")], values=values)[-1].turns[0]
    assert final.failed and "Temperature: 'hot' is not a number" in final.note


class SlowStartup(Startup):
    """A start-up whose model is still on its way."""

    def status(self) -> StartupStatus:
        return StartupStatus(StartupPhase.LOADING, "script", LoadStage("Compiling", 0.5))


def test_a_message_sent_early_waits_for_the_model_and_stop_ends_the_wait(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()
    startup, in_flight = SlowStartup(engine, Settings(), lambda status: None), InFlight()

    async def ask_early(turn: Turn, after_first_note: Callable[[], object]) -> list[str]:
        notes = []
        async for _ in answer(engine, startup, in_flight, "mine", Transcript([turn]), "", LATEST, cleared()):
            notes.append(turn.note)
            if len(notes) == 1:
                await asyncio.to_thread(after_first_note)
        return notes

    stopped = Turn("hello")
    assert (
        asyncio.run(ask_early(stopped, lambda: in_flight.cancel("mine")))[0]
        == "Waiting for the model … 50% · Compiling"
    )
    assert stopped.note == "Not sent: stopped by you." and not stopped.answer
    answered = Turn("hello")
    asyncio.run(ask_early(answered, lambda: engine.load(LoadRequest(model_path="script"))))
    assert answered.answer == "The capital of France is Paris."


def test_stop_is_found_by_session_and_ends_the_answer(scripted: Engine) -> None:
    async def run() -> Turn:
        in_flight, transcript = InFlight(), Transcript([Turn("slow")])
        async for _ in answer(scripted, finished(scripted), in_flight, "mine", transcript, "", LATEST, cleared()):
            assert not in_flight.cancel("somebody else's")
            in_flight.cancel("mine")
        assert not in_flight.cancel("mine")
        return transcript.turns[0]

    turn = asyncio.run(run())
    assert turn.report is not None and turn.report.finish_reason is FinishReason.CANCELLED
    assert "stopped by you" in figures_of(turn.report)


def test_the_figures_are_not_part_of_the_conversation() -> None:
    transcript = Transcript([Turn("a", "b", WHOLE), Turn("failed", "", None, "no", True), Turn("c")])
    messages = transcript.messages("be kind")
    assert [(message.role, message.content) for message in messages] == [
        ("system", "be kind"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    shown = transcript.shown()
    assert shown[1]["content"][0] == {"type": "text", "text": "b"}
    assert "tok/s" in shown[1]["content"][1]["text"]


def test_figures_that_were_not_measured_are_left_out() -> None:
    assert figures_of(unmeasured(finish_reason=FinishReason.CANCELLED)) == "0 tokens · stopped by you"


def test_only_filled_in_fields_are_sent() -> None:
    assert parameters_of(cleared()) == {"max_new_tokens": 512}
    values = ["Greedy", "", "0,5", "", "0", "", "", "", "", "3", "one\n\ntwo", True]
    assert parameters_of(values) == {
        "temperature": 0.5,
        "top_k": 0,
        "seed": 3,
        "do_sample": False,
        "stop": ("one", "two"),
        "ignore_eos": True,
    }
    with pytest.raises(InvalidRequest, match="Top p"):
        parameters_of(["Sample", "", "", "1.5", *cleared()[4:]])
    with pytest.raises(InvalidRequest, match="whole number"):
        parameters_of(["Sample", "1.5", *cleared()[2:]])


def test_empty_fields_show_the_models_own_values(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "tuned", generation_config={"temperature": 0.25})
    scripted.load(LoadRequest(model_path="tuned"))
    assert [update["placeholder"] for update in placeholders(scripted.status())][:3] == ["128", "0.25", "0.9"]


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


def test_the_empty_chat_says_what_to_do(scripted: Engine) -> None:
    assert "Load" in empty_text(NOTHING, DONE)
    assert "being prepared" in empty_text(NOTHING, StartupStatus(StartupPhase.PREPARING, "starter"))
    assert "Ask something" in empty_text(scripted.status(), DONE)
    failed = StartupStatus(StartupPhase.FAILED, "starter", None, "No network.", "Put a model there.")
    assert all(words in empty_text(NOTHING, failed) for words in ("No network.", "Put a model there.", "Try again"))
    assert choices_of_models(scripted.status()) == [LATEST, "script"]


def test_the_metrics_tab_reads_nothing_when_nothing_changed(tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "m.sqlite3")
    first = metrics_tab.load(store, "All", metrics_tab.ALL_MODELS, None)
    assert "No requests yet" in first[9]["value"] and first[8]["visible"] is False
    assert metrics_tab.load(store, "All", metrics_tab.ALL_MODELS, first[-1])[0] == metrics_tab.gr.skip()
    store.record(report(model="<b>"))
    store.flush()
    second = metrics_tab.load(store, "All", metrics_tab.ALL_MODELS, first[-1])
    assert second[8]["visible"] is True
    assert "&lt;b&gt;" in second[1] and "<b>" not in second[1].replace("<b>None", "")
    assert "200" in second[0]
    narrow = metrics_tab.load(store, "15 minutes", metrics_tab.ALL_MODELS, second[-1])
    assert "Nothing in this range" in narrow[9]["value"]
    store.close()


def test_plots_say_their_units_and_stay_bounded(tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "m.sqlite3")
    for number in range(600):
        store.record(
            report(
                submitted_at=1_700_000_000.0 + number,
                model=f"model {number % 2}",
                decode_tokens_per_second=10 + number % 7,
            )
        )
    store.flush()
    chosen = metrics_tab.Filter()
    with store.reading() as connection:
        series = metrics_tab.frames.series(connection, chosen)
        spread = metrics_tab.frames.distribution(connection, chosen)
        gaps = metrics_tab.frames.inter_token_latencies(connection, chosen)
    store.close()
    drawn = [
        (plots.throughput_over_time(series), "y"),
        (plots.latency_over_time(series), "y"),
        (plots.prefill_over_time(series), "y"),
        (plots.throughput_distribution(spread), "x"),
        (plots.ttft_distribution(spread), "x"),
        (plots.inter_token_distribution(gaps), "x"),
    ]
    for figure, axis in drawn:
        assert figure.layout.title.text
        assert figure.layout[f"{axis}axis"].title.text in ("tokens / s", "milliseconds")
        assert all(len(trace.x) <= 300 for trace in figure.data) and figure.data
    assert sum(drawn[3][0].data[0].y) == 300


def test_sizes_and_numbers_carry_their_units() -> None:
    assert [html.size(value) for value in (None, 512, 97_500_000, 5.4e12)] == ["–", "512 B", "98 MB", "5.40 TB"]
    assert html.size(1_850_000_000) == "1.85 GB"
    assert [html.seconds(value) for value in (None, 0.0123, 1.254)] == ["–", "12 ms", "1.25 s"]
    assert html.number(12345.6, 0) == "12\u202f346"
