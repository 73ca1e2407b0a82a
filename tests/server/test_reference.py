"""docs/api.md and /llms.txt: written from the API's own description, whole, and true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field, RootModel, TypeAdapter

from openarc_ui.engine.frozen import Frozen
from openarc_ui.server.description import operations_of, recorded_answers
from openarc_ui.server.problems import PLAIN, STATUS
from openarc_ui.server.reference.application import bare_api
from openarc_ui.server.reference.classes import source_of, type_text
from openarc_ui.server.reference.markdown import PAGE, api_page
from openarc_ui.server.reference.operations import Operation, curl_of, example_of, read_operations, schema_text
from openarc_ui.server.refusals import ALL

LARGEST_BYTES = 84_000
"""23,000 tokens of the starter's tokenizer, which leaves room for a task in a context of 32,000. It was 60,000 before tuning, whose
three requests and their results are two dozen classes, and 72,000 before models were fetched and converted: two dozen more."""


@pytest.fixture(scope="module")
def api() -> Iterator[FastAPI]:
    with bare_api() as api:
        yield api


@pytest.fixture(scope="module")
def llms(api: FastAPI) -> str:
    answer = TestClient(api, base_url="http://127.0.0.1:1234").get("/llms.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


@pytest.fixture(scope="module")
def classes(llms: str) -> dict[str, Any]:
    """What the page's Python block defines when it is run as it stands."""
    blocks = [block for block in re.findall(r"```python\n(.*?)```", llms, re.DOTALL) if "class Strict" in block]
    found: dict[str, Any] = {}
    exec(compile(blocks[0], "llms.txt", "exec", dont_inherit=True), found)
    return found


def test_the_page_in_docs_is_what_would_be_written_now(api: FastAPI) -> None:
    assert PAGE.read_text(encoding="utf-8") == api_page(api.openapi()), "run `python -m openarc_ui.server.reference`"


def test_the_page_in_docs_has_everything(api: FastAPI) -> None:
    document, page = api.openapi(), PAGE.read_text(encoding="utf-8")
    for method, path, _ in operations_of(document):
        assert f"### {method} {path}\n" in page
    for name in document["components"]["schemas"]:
        assert f"### {name}\n" in page
    anchors = {heading.lower() for heading in re.findall(r"^### (\w+)$", page, re.MULTILINE)} | {"the-filter"}
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= anchors


def test_every_error_code_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = {int(status): codes for status, codes in re.findall(r"^\| (\d{3}) \|.*\| (.*) \|$", page, re.MULTILINE)}
    told = [(status, error.code) for error, status in STATUS.items() if error.code != "settings_error"]
    told += [(status, code) for status, (code, _) in PLAIN.items()]
    told += [(refusal.status, refusal.code) for refusal in ALL]
    for status, code in told:
        assert f"`{code}`" in rows[status], code


def test_the_prompt_page_follows_the_convention_and_is_not_too_long(llms: str) -> None:
    lines = llms.splitlines()
    assert lines[0] == "# OpenArc" and lines[2].startswith("> ")
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## Authentication", "## Errors", "## Streams", "## Routes", "## Models", "## Examples"]
    assert len(llms.encode()) <= LARGEST_BYTES


def test_the_prompt_page_has_every_route_and_the_address_it_was_asked_at(llms: str, api: FastAPI) -> None:
    for method, path, _ in operations_of(api.openapi()):
        assert f"{method} {path}" in llms
    assert "http://127.0.0.1:1234/generate/text" in llms and ".invalid" not in llms


def test_the_classes_take_what_the_api_takes_and_read_what_it_answers(classes: dict[str, Any], api: FastAPI) -> None:
    document, checked = api.openapi(), 0
    for operation in read_operations(document):
        if operation.is_deprecated:
            continue
        if operation.body:
            classes[operation.body].model_validate(operation.example)
            checked += 1
        if operation.answer and operation.title in recorded_answers():
            words = operation.answer.split(" of ")
            kind = classes.get(words[-1], Any)
            TypeAdapter(list[kind] if words[0] == "list" else kind).validate_python(operation.answered)
            checked += 1
    assert checked > 50


def test_the_classes_refuse_what_the_api_refuses(classes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="temprature"):
        classes["GenerateBody"](conversation=[{"role": "user", "content": "x"}], temprature=1)


class Inner(Frozen):
    """Below another. More words."""

    name: str = Field(description="How it is called.")


class Outer(BaseModel):
    """Of several kinds."""

    kind: Literal["a", "b"] = "a"
    inner: Inner = Field(default_factory=lambda: Inner(name="x"))
    many: tuple[Inner, ...] | None = Field(None, description="What an answer holds where several were asked for.")
    few: bool = Field(False, description="Few.")
    share: float = Field(0.5, ge=0, lt=1)
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")


def test_a_model_becomes_source_that_makes_the_same_model() -> None:
    text = source_of([Inner, Outer])
    assert 'class Inner(Strict):\n    """Below another"""\n    name: str  # How it is called\n' in text
    assert "many: list[Inner] | None = None  # What an answer holds where several were asked for\n" in text
    assert "few: bool = False\n" in text
    made: dict[str, Any] = {}
    exec(compile(text.replace("Inner()", "Inner(name='x')"), "made", "exec", dont_inherit=True), made)
    assert made["Outer"](many=[{"name": "y"}], schema={"a": 1}).schema_ == {"a": 1}


class Either(RootModel[Inner | Outer]):
    """One of two."""

    root: Inner | Outer


class Several(Frozen):
    """Has what another is by default."""

    inners: tuple[Inner, ...] = (Inner(name="x"), Inner(name="y"))


def test_a_model_that_is_one_of_several_and_a_default_of_models_become_source() -> None:
    text = source_of([Inner, Outer, Either, Several])
    assert "Either = RootModel[Inner | Outer]\n" in text
    assert "inners: list[Inner] = [Inner(name='x'), Inner(name='y')]\n" in text
    made: dict[str, Any] = {}
    exec(compile(text.replace("Inner()", "Inner(name='x')"), "made", "exec", dont_inherit=True), made)
    assert made["Either"].model_validate({"name": "z"}).root.name == "z"


def test_types_are_written_as_they_are() -> None:
    assert type_text(dict[str, list[int] | None]) == "dict[str, list[int] | None]"
    assert type_text(tuple[str, float]) == "tuple[str, float]"
    assert schema_text({"anyOf": [{"type": "array", "items": {"$ref": "#/x/Tool"}}, {"type": "null"}]}) == (
        "list of Tool or null"
    )


def test_an_example_with_a_quote_in_it_is_still_one_argument(api: FastAPI) -> None:
    first = next(operation for operation in read_operations(api.openapi()) if operation.example)
    fields = {name: getattr(first, name) for name in Operation.__dataclass_fields__}
    command = curl_of(Operation(**{**fields, "example": {"text": "it's"}}))
    assert command.endswith("""-d '{"text": "it'\\''s"}'""")
    assert json.loads(command.partition(" -d '")[2][:-1].replace("'\\''", "'")) == {"text": "it's"}


def test_the_example_of_a_body_that_may_be_left_out_is_its_models(api: FastAPI) -> None:
    document = api.openapi()
    body = document["paths"]["/model/unload"]["post"]["requestBody"]["content"]["application/json"]
    assert example_of(document, body) == {"model": "SmolLM2-135M-Instruct-int4"}
