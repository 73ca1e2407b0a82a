"""What is no repository, revision or name is told what is right, in words and not as a pattern."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.models.requests import DownloadRequest
from openarc_ui.server.model_work_bodies import RenameModelBody


def told(kind: Any, **values: Any) -> str:
    """As REST and the page say what is wrong."""
    with pytest.raises(ValidationError) as caught:
        kind(**values)
    return explain(caught.value.errors(include_url=False), fields_by_path(kind)).message


@pytest.mark.parametrize(
    "repository", ["gpt2", "", "a/b/c", "https://huggingface.co/a/b", "a/b\n", "-a/b", "a/" + "b" * 97]
)
def test_a_repository_is_told_as_owner_and_name(repository: str) -> None:
    words = told(DownloadRequest, repository=repository)
    assert words == "repository: Write owner/name, such as OpenVINO/Qwen3-0.6B-int4-ov."


@pytest.mark.parametrize("revision", ["my branch", "a@b", "a?b", "main\n"])
def test_a_revision_is_told_by_its_letters(revision: str) -> None:
    words = told(DownloadRequest, repository="a/b", revision=revision)
    assert words == "revision: Write a branch, a tag or a commit: letters, digits and ./_-."
    assert DownloadRequest(repository="a/b", revision="refs/pr/1").revision == "refs/pr/1"


@pytest.mark.parametrize("name", ["../x", ".x", "a b", "a/b", "a\n"])
def test_a_name_is_told_by_its_letters(name: str) -> None:
    right = "Write letters, digits and ._-, with a letter or digit first: one name, no path."
    assert told(DownloadRequest, repository="a/b", name=name) == f"name: {right}"
    assert told(RenameModelBody, model="m", new_name=name) == f"new_name: {right}"


def test_too_long_and_empty_ones_are_refused() -> None:
    assert "96 characters" in told(DownloadRequest, repository="a/b", name="a" * 97)
    assert "200 characters" in told(DownloadRequest, repository="a/b", revision="a" * 201)
    assert "at least 1 character" in told(RenameModelBody, model="m", new_name="")
    assert DownloadRequest(repository="a/b").name == ""


def test_the_description_for_programs_keeps_the_patterns() -> None:
    fields = DownloadRequest.model_json_schema()["properties"]
    assert [
        ("pattern" in fields[each], "description" in fields[each]) for each in ("repository", "revision", "name")
    ] == [(True, True)] * 3
    assert (fields["revision"]["minLength"], fields["revision"]["maxLength"]) == (1, 200)
    assert fields["name"]["maxLength"] == 96
