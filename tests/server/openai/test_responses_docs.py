"""docs/responses.md says of every parameter of the installed official package what the server does with it."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path

import pytest
from openai.types.responses import response_create_params as official

from openarc_ui.server.openai.bodies import Only
from openarc_ui.server.openai.errors import ParameterRefused
from openarc_ui.server.openai.responses_body import REFUSED, ResponseBody

PAGE = (Path(__file__).parents[3] / "docs" / "responses.md").read_text(encoding="utf-8")
OFFICIAL = {
    name
    for each in (official.ResponseCreateParamsNonStreaming, official.ResponseCreateParamsStreaming)
    for name in typing.get_type_hints(each, include_extras=True)
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


THEIRS = {row[0].strip("`"): row[1] for row in rows("Parameters of OpenAI")}
OURS = {row[0].strip("`") for row in rows("Parameters of OpenArc")}


def test_every_parameter_of_the_official_package_is_in_the_table() -> None:
    assert set(THEIRS) == OFFICIAL


def test_every_parameter_of_the_body_is_in_one_of_the_tables() -> None:
    works = {name for name, verdict in THEIRS.items() if verdict != "refused"}
    assert set(ResponseBody.model_fields) == works | OURS
    assert not OURS & OFFICIAL


def test_every_verdict_is_one_of_three() -> None:
    assert all(re.fullmatch(r"works|refused|only `.+`", verdict) for verdict in THEIRS.values())


def test_what_the_table_refuses_is_refused_by_name() -> None:
    refused = {name for name, verdict in THEIRS.items() if verdict == "refused"}
    assert refused == set(REFUSED)
    for name in refused:
        with pytest.raises(ParameterRefused) as error:
            ResponseBody.model_validate({"input": "hello", name: "x"})
        assert error.value.param == name
        assert error.value.hint


def test_the_only_values_are_those_of_the_table() -> None:
    only = {
        name: {json.dumps(value) for each in field.metadata if isinstance(each, Only) for value in each.values}
        for name, field in ResponseBody.model_fields.items()
        if any(isinstance(each, Only) for each in field.metadata)
    }
    assert only == {
        name: set(re.findall("`([^`]+)`", verdict)) for name, verdict in THEIRS.items() if verdict.startswith("only")
    }
