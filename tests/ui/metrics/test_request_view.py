"""One request as the page shows it."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import plotly.graph_objects
import pytest

from openarc_ui.engine.types import FinishReason
from openarc_ui.errors import RequestNotFound
from openarc_ui.metrics import detail
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.metrics import request_view
from tests.conftest import ask
from tests.reports import report, unmeasured

ADDRESS = "http://127.0.0.1:7860"


def shown(store: MetricsStore, request_id: str = "r") -> dict[str, Any]:
    store.flush()
    request: dict[str, Any] = request_view.answer(store, request_id, ADDRESS, False)["request"]
    json.dumps(request, allow_nan=False)
    for name in ("figure", "timeline"):
        plotly.graph_objects.Figure(request[name])
    return request


def test_a_request_shows_what_it_cost_and_its_stages_add_up(store: MetricsStore) -> None:
    store.record(report(submitted_at=time.time(), cached_prompt_tokens=20, kv_cache_percent=37.5))
    request = shown(store)
    summary = dict(request["summary"])
    assert summary["Time to first token"] == "200 ms" and summary["Decode"] == "10.0 tok/s"
    assert summary["Prompt"] == "50 tokens, 20 of them from the prefix cache"
    assert summary["KV cache in use, at most"] == "37.5%" and summary["Seed"] == "7"
    assert sum(stage["milliseconds"] for stage in request["stages"]) == pytest.approx(600.0, abs=0.1)
    assert sum(stage["share"] for stage in request["stages"]) == pytest.approx(1.0, abs=1e-3)
    assert [round(y) for y in request["figure"]["data"][0]["y"]] == [100, 50, 150]
    assert request["error"] is None and ADDRESS in request["curl"]


def test_without_kept_texts_it_says_how_to_keep_them(store: MetricsStore) -> None:
    store.record(report())
    request = shown(store)
    assert request["messages"] is None and request["answers"] is None
    assert "--keep-texts" in request["texts_note"]


def test_with_kept_texts_prompt_answer_and_settings_are_there(tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "kept.sqlite3", keep_texts=True)
    store.record(report())
    store.record_answer(ask("What <is> it?", request_id="r", temperature=0.25), ("It is.",), report())
    request = shown(store)
    store.close()
    assert request["messages"] == [{"role": "user", "text": "What <is> it?"}]
    assert request["answers"] == ["It is."] and request["texts_note"] == ""
    assert json.loads(request["settings"])["sampling"]["temperature"] == 0.25


def test_the_settings_say_what_was_in_effect_also_where_the_request_left_it_out(store: MetricsStore) -> None:
    store.record(report())
    store.record_answer(ask("Hi", request_id="r", temperature=0.25), ("It is.",), report())
    store.flush()
    with store.reading() as connection:
        found = detail.request(connection, "r")
    configured = dataclasses.replace(found, configuration={"generation_defaults": {"top_k": 7, "do_sample": False}})
    in_effect = json.loads(request_view.shown(configured, "curl", False)["settings"])["sampling_in_effect"]
    assert in_effect["temperature"] == 0.25 and in_effect["top_k"] == 7 and in_effect["top_p"] == 0.9
    assert in_effect["do_sample"] is True  # a temperature asks for it
    assert "stop" not in in_effect


def test_a_request_that_failed_says_why_and_measures_nothing(store: MetricsStore) -> None:
    store.record(
        unmeasured(
            kv_cache_percent=None, finish_reason=FinishReason.ERROR, error_code="worker_died", error_message="It ended."
        )
    )
    request = shown(store)
    assert request["error"] == "It ended. (worker_died)"
    summary = dict(request["summary"])
    assert summary["Time to first token"] == "–" and summary["KV cache in use, at most"] == "–"
    assert request["figure"]["data"] == []


def test_a_very_long_text_is_cut_with_its_length_said(tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "kept.sqlite3", keep_texts=True)
    store.record(report())
    store.record_answer(ask("x" * 150_000, request_id="r"), ("y",), report())
    request = shown(store)
    store.close()
    assert request["messages"][0]["text"].endswith("50\u202f000 more characters")


def test_no_path_of_this_machine_is_in_a_configuration(filled: MetricsStore) -> None:
    hidden = request_view.answer(filled, "request-3", ADDRESS, False, lambda value: value and {"name": "hidden"})
    assert json.loads(hidden["request"]["configuration"]["json"]) == {"name": "hidden"}


def test_a_request_that_is_not_kept_is_not_found(store: MetricsStore) -> None:
    with pytest.raises(RequestNotFound):
        request_view.answer(store, "nobody", ADDRESS, False)
