"""The questions as the page asks them: texts in, texts out, and never an exception."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from openarc_ui.engine.types import Bandwidth
from openarc_ui.errors import DeviceUnavailable, EngineBusy
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.metrics.tab import READERS, Readers, build_metrics_tab, questions
from openarc_ui.ui.rights import Rights
from tests.reports import report


class Measuring:
    """An engine of which only the bandwidth is asked."""

    places = SimpleNamespace(hidden=lambda value: value)

    def measure_bandwidth(self, device: str) -> Bandwidth:
        if device == "CPU":
            return Bandwidth("CPU", "Some CPU", 19.1e9, time.time(), "It was read.")
        if device == "GPU":
            raise EngineBusy("A request runs.", "Wait for it.")
        raise DeviceUnavailable(f"This machine has no device '{device}'.", "Known names: CPU.")


REQUEST: Any = SimpleNamespace(request=SimpleNamespace(base_url="http://host:7860/"), headers={})


@pytest.fixture
def ask(store: MetricsStore) -> Any:
    engine: Any = Measuring()
    asked = {each.__name__: each for each in questions(engine, store, Rights())}

    def ask(name: str, question: Any) -> dict[str, Any]:
        more = [REQUEST] if name in ("metrics_request", "metrics_again", "metrics_bandwidth") else []
        text = question if isinstance(question, str) else json.dumps(question)
        answer = asyncio.run(asked[name](text, *more))
        assert isinstance(answer, str)
        return dict(json.loads(answer))

    return ask


def test_the_six_questions_are_there(ask: Any, store: MetricsStore) -> None:
    names = [each.__name__ for each in questions(Measuring(), store, Rights())]  # type: ignore[arg-type]
    assert names == [
        "metrics",
        "metrics_request",
        "metrics_requests",
        "metrics_again",
        "metrics_compare",
        "metrics_bandwidth",
    ]


@pytest.mark.parametrize(
    "name", ["metrics", "metrics_request", "metrics_requests", "metrics_again", "metrics_compare", "metrics_bandwidth"]
)
@pytest.mark.parametrize("question", ["", "null", "[]", "{", '{"nonsense": 1}', '"x"'])
def test_nonsense_is_answered_with_an_error_in_words(ask: Any, name: str, question: str) -> None:
    error = ask(name, question)["error"]
    assert error["code"] == "invalid_request" and error["message"] and set(error) == {"message", "hint", "code"}


def test_the_life_of_a_tab(ask: Any, store: MetricsStore) -> None:
    assert ask("metrics", {})["empty"]["title"] == "No requests yet"
    store.record(report(submitted_at=time.time() - 1))
    store.flush()
    answer = ask("metrics", {"view": {"range": "15m", "model": ["model"]}, "seen": None})
    assert answer["empty"] is None and answer["requests"][0]["request_id"] == "r"
    request = ask("metrics_request", {"request_id": "r"})["request"]
    assert "http://host:7860/generate/text" in request["curl"]
    assert ask("metrics_request", {"request_id": "x"})["error"]["code"] == "request_not_found"
    assert ask("metrics_compare", {"a": {}, "b": {"range": "all"}})["a"]["requests"] == "1"
    assert ask("metrics_again", {"request_id": "r"})["error"]["code"] == "invalid_request"
    assert ask("metrics_again", {"cancel": "r"}) == {"cancelled": 0}


def test_a_filter_nobody_can_mean_is_told(ask: Any) -> None:
    error = ask("metrics", {"view": {"outcome": ["eror"]}})["error"]
    assert "error" in error["hint"]


def test_a_measured_bandwidth_is_kept_and_told(ask: Any, store: MetricsStore) -> None:
    assert "19.1 GB/s" in ask("metrics_bandwidth", {"device": "CPU"})["words"]
    store.flush()
    with store.reading() as connection:
        assert connection.execute("SELECT device, bytes_per_second FROM bandwidths").fetchall() == [("CPU", 19.1e9)]
    assert ask("metrics_bandwidth", {"device": "GPU"})["error"]["code"] == "engine_busy"
    assert "CPU" in ask("metrics_bandwidth", {"device": "GPU.7"})["error"]["hint"]


def test_few_questions_read_at_once_and_none_on_the_event_loop() -> None:
    readers, running, most, threads = Readers(), [0], [0], set()
    together, counting = threading.Barrier(READERS), threading.Lock()

    def work() -> dict[str, Any]:
        with counting:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threads.add(threading.get_ident())
        together.wait(30)  # for as many others as may read at once
        with counting:
            running[0] -= 1
        return {}

    async def ask_often() -> None:
        await asyncio.gather(*(readers.run(work) for _ in range(4 * READERS)))

    asyncio.run(ask_often())
    assert most[0] == READERS and threading.get_ident() not in threads


def test_the_component_asks_the_servers_functions_and_loads_its_script_from_here(
    store: MetricsStore, tmp_path: Path
) -> None:
    with gr.Blocks():
        component = build_metrics_tab(Measuring(), store, Rights())  # type: ignore[arg-type]
    assert component.elem_id == "oa-metrics"
    assert "/page-assets/metrics/view.js" in component.js_on_load and "http" not in component.js_on_load.replace(
        "${", ""
    )
