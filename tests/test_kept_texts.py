"""With --keep-texts everybody's prompts and answers are kept: who has the key for use sees what requests cost, and no text.

Over the whole application, by every way there is to read a kept request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr

from openarc_ui.engine.types import LoadRequest
from openarc_ui.metrics.store import MetricsStore
from tests.conftest import ask, write_script
from tests.reports import report
from tests.whole_application import Whole, whole_application

KEY, ADMIN_KEY = "the-key-for-use", "the-key-of-the-administrator"
USE, ADMIN = {"X-API-Key": KEY}, {"X-API-Key": ADMIN_KEY}
SAID, ANSWERED = "what somebody typed", "what the model answered him"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The whole application with two keys, a model, and one request whose texts are kept."""
    folder = tmp_path_factory.mktemp("whole")
    with closing(MetricsStore(folder / "metrics.sqlite3", keep_texts=True)) as store:
        store.record(report(model="script"))
        store.record_answer(ask(SAID, request_id="r"), (ANSWERED,), report(model="script"))
        assert store.flush()
    write_script(folder / "models" / "script")
    with whole_application(folder, api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY), keep_texts=True) as made:
        made.engine.load(LoadRequest(model_path="script"))
        yield made


def read(whole: Whole, path: str, headers: dict[str, str]) -> str:
    answer = whole.client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.text


def told_by_endpoint(whole: Whole, name: str, values: dict[str, Any], headers: dict[str, str]) -> str:
    begun = whole.client.post(f"/gradio_api/call/v2/{name}", json=values, headers=headers).json()
    return whole.client.get(f"/gradio_api/call/v2/{name}/{begun['event_id']}", headers=headers).text


def told_by_the_page(whole: Whole, name: str, question: dict[str, Any], headers: dict[str, str]) -> str:
    components = whole.client.get("/config", headers=headers).json()["components"]
    (number,) = (each["id"] for each in components if each["props"].get("elem_id") == "oa-metrics")
    body = {"data": json.dumps(question), "component_id": number, "fn_name": name, "session_hash": "x"}
    return str(whole.client.post("/gradio_api/component_server", json=body, headers=headers).json())


def ways_to_read(whole: Whole, headers: dict[str, str]) -> dict[str, str]:
    which = {"request_id": "r"}
    return {
        "request": read(whole, "/metrics/requests/r", headers),
        "curl": read(whole, "/metrics/requests/r/curl", headers),
        "endpoint": told_by_endpoint(whole, "metrics_request", which, headers),
        "endpoint's curl": told_by_endpoint(whole, "request_curl", which, headers),
        "drawer": told_by_the_page(whole, "metrics_request", which, headers),
    }


def test_the_administrator_reads_texts_by_each_way(whole: Whole) -> None:
    for way, told in ways_to_read(whole, ADMIN).items():
        assert SAID in told and (ANSWERED in told or "curl" in way), f"{way}: {told}"


def test_the_key_for_use_reads_no_text_by_any_way(whole: Whole) -> None:
    told = ways_to_read(whole, USE)
    told |= {path: read(whole, path, USE) for path in ("/metrics/requests", "/metrics/export?format=json", "/metrics")}
    told["list"] = told_by_endpoint(whole, "metrics_requests", {}, USE)
    for way, text in told.items():
        assert SAID not in text and ANSWERED not in text, way
    figures = json.loads(told["request"])
    assert figures["request"]["ttft_seconds"] == 0.2 and figures["messages"] is None and figures["answers"] is None
    assert "are for the administrator" in told["curl"] and "administration key" in told["drawer"]


def test_the_key_for_use_runs_nothing_again_that_somebody_typed(whole: Whole) -> None:
    again = told_by_endpoint(whole, "run_again", {"request_id": "r"}, USE)
    assert "event: error" in again and "is for the administrator" in again
    assert "is for the administrator" in told_by_the_page(whole, "metrics_again", {"request_id": "r"}, USE)
    own = told_by_endpoint(whole, "run_again", {"request_id": "r", "prompt": "hello"}, USE)
    assert "Paris" in own
    assert "event: complete" in told_by_endpoint(whole, "run_again", {"request_id": "r"}, ADMIN)
