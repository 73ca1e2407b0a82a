"""Fetching a model by the tool for agents: what it takes, and hints that name what an agent can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import HubAccessDenied, InvalidRequest, ModelExists
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.models.work.worker import Work
from openarc_ui.server.mcp_models import model_tools
from tests.conftest import write_script
from tests.model_tasks import Shop


class Counter(Shop):
    """Notes what was asked for; `problem` is what it says to that."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[DownloadRequest | ConversionRequest] = []
        self.problem: Exception | None = None

    def __call__(self, request: DownloadRequest | ConversionRequest) -> Work:
        self.asked.append(request)
        if self.problem is not None:
            raise self.problem
        return super().__call__(request)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def tools(
    make_engine: Callable[..., Engine], counter: Counter, tmp_path: Path
) -> Iterator[dict[str, Callable[..., Any]]]:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()
    tasks = ModelTasks(engine, counter)

    def called(tool: Callable[..., Any]) -> Callable[..., Any]:
        async def call(named: dict[str, Any]) -> Any:
            return await tool(**named)

        return lambda **named: anyio.run(call, named)

    yield {each.__name__: called(each) for each in model_tools(engine, tasks)}
    tasks.close()


@pytest.fixture
def start_download(tools: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    return tools["start_download"]


def test_a_conversion_is_started_with_the_options_that_matter(
    tools: dict[str, Callable[..., Any]], counter: Counter
) -> None:
    told = tools["start_conversion"](source="m.gguf", weight_format="int4", group_size=64)
    assert (told.name, told.kind) == ("m-int4", "conversion")
    assert counter.asked == [ConversionRequest(source="m.gguf", options={"weight-format": "int4", "group-size": 64})]
    with pytest.raises(ModelExists) as caught:
        tools["start_conversion"](source="m.gguf", name="script")
    assert "another name" in caught.value.hint


def test_a_download_takes_a_name_and_files(start_download: Callable[..., Any], counter: Counter) -> None:
    told = start_download(repository="a/b", name="small", files=["x.json"])
    assert told.name == "small" and told.kind == "download"
    assert counter.asked == [DownloadRequest(repository="a/b", name="small", files=("x.json",))]


def test_a_name_that_is_none_is_refused_by_the_one_rule(start_download: Callable[..., Any], counter: Counter) -> None:
    with pytest.raises(InvalidRequest, match="the one that was loaded last"):
        start_download(repository="a/b", name="default")
    with pytest.raises(InvalidRequest, match=r"^name: "):
        start_download(repository="a/b", name="../b")
    assert counter.asked == []


def test_a_taken_name_names_the_tools_that_help(start_download: Callable[..., Any]) -> None:
    with pytest.raises(ModelExists, match="in the model folder already") as caught:
        start_download(repository="a/script")
    assert all(tool in caught.value.hint for tool in ("another name", "model_tasks", "resume_task", "cancel_task"))


def test_a_gated_model_says_who_gives_the_token(start_download: Callable[..., Any], counter: Counter) -> None:
    counter.problem = HubAccessDenied("a/b is gated.", "Give a token.")
    with pytest.raises(HubAccessDenied, match=r"a/b is gated\.") as caught:
        start_download(repository="a/b")
    assert "PUT /models/hub/token" in caught.value.hint and "start_download" in caught.value.hint
