"""/openapi.json says everything of every operation, and says it truly: the examples it gives are taken and were answered."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from openarc_ui.server import description
from openarc_ui.server.description import SCHEMES, key_of, operations_of, recorded_answers
from openarc_ui.server.permissions import ADMINISTER, USE
from openarc_ui.server.reference.application import bare_api
from openarc_ui.server.reference.operations import example_of
from openarc_ui.server.text_examples import TEXTS

READ_AS_TEXT = {"POST /conversations/import"}
"""Its body may be Markdown too, so no model reads it."""


@pytest.fixture(scope="module")
def api() -> Iterator[FastAPI]:
    with bare_api() as api:
        yield api


@pytest.fixture(scope="module")
def document(api: FastAPI) -> dict[str, Any]:
    answer: dict[str, Any] = TestClient(api).get("/openapi.json").json()
    return answer


def each(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for method, path, operation in operations_of(document):
        yield f"{method} {path}", operation


def json_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content.get("application/json", {})
    return found


def test_every_operation_has_its_words(document: dict[str, Any]) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    for where, operation in each(document):
        assert operation.get("summary") and operation.get("description"), where
        assert len(operation["tags"]) == 1 and tags.get(operation["tags"][0]), where
        answers = [status for status in operation["responses"] if status.startswith("4")]
        failures = [status for status in operation["responses"] if status.startswith("5")]
        assert answers and failures, where


def test_every_parameter_is_described_and_shown(document: dict[str, Any]) -> None:
    for where, operation in each(document):
        for parameter in operation.get("parameters", ()):
            schema = parameter.get("schema", {})
            assert parameter.get("description") or schema.get("description"), f"{where} {parameter['name']}"
            shown = {"example", "examples"} & (parameter.keys() | schema.keys())
            assert shown, f"{where} {parameter['name']}"


def test_every_field_is_described(document: dict[str, Any]) -> None:
    models = document["components"]["schemas"]
    missing = [
        f"{name}.{field}"
        for name, schema in models.items()
        for field, each in schema.get("properties", {}).items()
        if not each.get("description")
    ]
    assert missing == []
    assert models["OutputMessage"]["properties"]["role"]["description"] == 'Always "assistant".'


def test_every_answer_has_an_example_texts_and_pages_too(document: dict[str, Any]) -> None:
    shown = {(where, kind) for where, texts in TEXTS.items() for kind in texts}
    for where, operation in each(document):
        for kind, content in operation["responses"]["200"]["content"].items():
            if kind not in ("application/json", "application/vnd.apache.parquet"):
                assert "example" in content, f"{where} {kind}"
            shown.discard((where, kind))
    assert shown == set(), "an example of what is not answered"


def test_every_body_has_an_example_that_is_taken(document: dict[str, Any]) -> None:
    for where, operation in each(document):
        if "requestBody" not in operation:
            continue
        body = json_of(operation["requestBody"]["content"])
        example = example_of(document, body)
        assert example is not None, where
        schema = {**body["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(example)


def test_every_answer_has_a_model_or_is_no_json(document: dict[str, Any]) -> None:
    files = {where for where, _ in each(document) if where.endswith("/export")}
    for where, operation in each(document):
        content = operation["responses"]["200"]["content"]
        for media_type, answer in content.items():
            if media_type == "application/json" and where not in files:
                assert answer.get("schema"), where
        for status, answer in operation["responses"].items():
            if status[0] in "45":
                assert json_of(answer["content"]).get("schema"), f"{where} {status}"


def test_every_operation_says_which_key_it_needs(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"].keys() == SCHEMES.keys()
    for where, operation in each(document):
        method, _, path = where.partition(" ")
        key = operation["x-openarc-key"]
        assert key == key_of(method, path)
        assert operation["security"] == ([] if key == "none" else [{name: []} for name in SCHEMES])
        if key != "none":
            assert ((method, path) in USE) == (key == "use") and ((method, path) in ADMINISTER) == (key != "use"), where
            assert operation["description"].endswith(f"for {key}." if key == "administration" else "administration.")


def test_what_was_recorded_is_what_the_models_say(document: dict[str, Any]) -> None:
    recorded = recorded_answers()
    known = dict(each(document))
    assert recorded.keys() <= known.keys(), "run `python -m tests.record_answers`"
    for where, operation in known.items():
        answer = json_of(operation["responses"]["200"]["content"])
        if not answer.get("schema"):
            continue
        assert where in recorded, f"{where}: run `python -m tests.record_answers`"
        assert answer["example"] == recorded[where]
        Draft202012Validator({**answer["schema"], "components": document["components"]}).validate(recorded[where])


def test_the_description_is_made_on_a_thread_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made_on: list[str] = []
    complete = description._complete

    def noted(document: dict[str, Any]) -> None:
        made_on.append(threading.current_thread().name)
        complete(document)

    async def ask_twice(api: FastAPI) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
            return list(await asyncio.gather(client.get("/openapi.json"), client.get("/openapi.json")))

    monkeypatch.setattr(description, "_complete", noted)
    with bare_api() as api:
        first, second = asyncio.run(ask_twice(api))
    assert first.status_code == 200 and first.headers["content-type"] == "application/json"
    assert first.content == second.content
    assert len(made_on) == 1 and made_on[0] != threading.current_thread().name


def test_the_first_request_finds_its_route_ready() -> None:
    async def ask(api: FastAPI) -> float:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
            began_at = time.thread_time()
            assert (await client.get("/health")).status_code == 200
            return time.thread_time() - began_at

    with bare_api() as api:
        gc.disable()  # the garbage of the whole suite is not this request's
        try:
            assert asyncio.run(ask(api)) < 0.1
        finally:
            gc.enable()


def test_the_description_is_the_same_every_time(api: FastAPI) -> None:
    assert api.openapi() is api.openapi()
    (described,) = [operation for _, path, operation in operations_of(api.openapi()) if path == "/health"]
    assert described["description"].count("No key is needed.") == 1
