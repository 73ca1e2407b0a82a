"""docs/openai.md against the program and against the installed SDK: every parameter there is stands in it, and is true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai.types import completion_create_params as text_params
from openai.types.chat import completion_create_params as chat_params

from openarc_ui.server.openai.bodies import GenerationBody, Only
from openarc_ui.server.openai.chat_bodies import ChatBody
from openarc_ui.server.openai.completion_bodies import CompletionBody
from tests.server.conftest import Served
from tests.server.openai.conftest import says

PAGE = Path(__file__).parents[3] / "docs" / "openai.md"
ROUTES: dict[str, tuple[type[GenerationBody], Any, dict[str, Any]]] = {
    "/v1/chat/completions": (ChatBody, chat_params, {"messages": says("x")}),
    "/v1/completions": (CompletionBody, text_params, {"prompt": "x"}),
}


def table_of(path: str) -> dict[str, str]:
    """Parameter -> what the page says of it."""
    _, _, after = PAGE.read_text(encoding="utf-8").partition(f"## Parameters of `{path}`\n")
    section = after.partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", section, re.MULTILINE))


def parameters_of(module: Any) -> set[str]:
    """Of the SDK's TypedDicts for a route."""
    kinds = (module.CompletionCreateParamsNonStreaming, module.CompletionCreateParamsStreaming)
    return {name for kind in kinds for name in kind.__annotations__}


def refused(path: str) -> Iterator[tuple[str, str]]:
    yield from ((path, name) for name, said in table_of(path).items() if said == "refused")


@pytest.mark.parametrize("path", ROUTES)
def test_every_parameter_of_the_sdk_is_decided(path: str) -> None:
    missing = parameters_of(ROUTES[path][1]) - table_of(path).keys()
    assert not missing, f"the SDK knows {sorted(missing)}; say in docs/openai.md what becomes of them"


@pytest.mark.parametrize("path", ROUTES)
def test_the_table_has_what_the_body_has(path: str) -> None:
    body = ROUTES[path][0]
    told = table_of(path)
    assert {name for name, said in told.items() if said != "refused"} == set(body.model_fields)
    assert {name for name, said in told.items() if said == "refused"} == set(body.refused)


@pytest.mark.parametrize("path", ROUTES)
def test_what_takes_one_value_only_is_told_so(path: str) -> None:
    body = ROUTES[path][0]
    limited = {
        name for name, field in body.model_fields.items() if any(isinstance(each, Only) for each in field.metadata)
    }
    only = {name for name, said in table_of(path).items() if said.startswith("only ")}
    assert only - {"best_of"} == limited


@pytest.mark.parametrize(("path", "name"), [each for path in ROUTES for each in refused(path)])
def test_a_refused_parameter_is_named(served: Served, path: str, name: str) -> None:
    body: Mapping[str, Any] = {**ROUTES[path][2], name: {"x": 1}}
    response = served.client.post(path, json=body)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, name, "parameter_not_supported")
    assert f"'{name}'" in error["message"] and error["hint"]
    assert served.client.post(path, json={**body, name: None}).status_code == 200, "null counts as left out"


@pytest.mark.parametrize("path", ROUTES)
def test_null_counts_as_left_out_for_every_parameter(served: Served, path: str) -> None:
    _, _, least = ROUTES[path]
    everything = dict.fromkeys(table_of(path)) | least
    assert served.client.post(path, json=everything).status_code == 200


@pytest.mark.parametrize("path", ROUTES)
def test_a_name_that_nobody_knows_is_refused_even_as_null(served: Served, path: str) -> None:
    response = served.client.post(path, json={**ROUTES[path][2], "temprature": None})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "temprature")
