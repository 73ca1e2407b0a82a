"""The Model Context Protocol with the SDK's own client, over a real server."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn

from openarc_ui.access import Access
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.server.api import create_api
from openarc_ui.server.mcp_rights import ADMINISTER, COUNTED, USE
from openarc_ui.server.mcp_server import READING
from openarc_ui.server.security import Guard
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.requests import BenchRequest
from tests.conftest import write_script
from tests.model_tasks import Shop, made_tasks, no_hub
from tests.models.work.scripted_work import ScriptedWork
from tests.reports import report
from tests.tuning_fakes import RUN_ID, FakeRuns

TOOLS = {
    "list_devices",
    "list_models",
    "list_profiles",
    "load_profile",
    "load_model",
    "unload_model",
    "status",
    "chat",
    "metrics",
    "tuning_results",
    "start_bench",
    "recommended_models",
    "start_download",
    "start_conversion",
    "model_tasks",
    "pause_task",
    "resume_task",
    "cancel_task",
}


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def serve_mcp(
    make_engine: Callable[..., Engine], tmp_path: Path, runs: FakeRuns, shop: Shop
) -> Iterator[Callable[[Settings], str]]:
    """Starts a server with a script `script` and a profile `mine`; returns its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []
    stores: list[MetricsStore] = []

    def start(settings: Settings) -> str:
        write_script(tmp_path / "models" / "script")
        engine = make_engine()
        profiles = ProfileStore(tmp_path / "profiles")
        profiles.save(Profile(name="mine", load=LoadRequest(model_path="script")))
        startup = Startup(engine, settings, lambda status: None)
        conversations = ConversationStore(tmp_path / "conversations.sqlite3")
        store = MetricsStore(tmp_path / "metrics.sqlite3")
        stores.append(store)
        store.record(report(model="script", request_id="kept"))
        assert store.flush()
        exposition = Exposition(engine.status, store.health)
        access = Access(settings.requests_per_minute)
        api = create_api(
            engine,
            startup,
            profiles,
            conversations,
            store,
            exposition,
            runs,
            made_tasks(engine, shop),
            no_hub(),
            with_mcp=settings.mcp,
            access=access,
        )
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(Guard(api, settings), log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.02)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(timeout=5)
    for store in stores:
        store.close()


def talk(address: str, *calls: tuple[str, dict[str, Any]], key: str = "") -> tuple[list[Any], list[Any]]:
    """The tools, and the result of each call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def session() -> tuple[list[Any], list[Any]]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            httpx.AsyncClient(headers=headers, timeout=30) as http,
            streamable_http_client(f"{address}/mcp", http_client=http) as streams,
            ClientSession(streams[0], streams[1]) as client,
        ):
            await client.initialize()
            tools = (await client.list_tools()).tools
            return list(tools), [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(session)


def said(result: Any) -> Any:
    text = result.content[0].text
    return json.loads(text) if not result.is_error else text


def test_a_chat_with_a_model_that_is_not_loaded_names_the_tool_that_loads(
    serve_mcp: Callable[[Settings], str], tmp_path: Path
) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    asked: list[dict[str, Any]] = [{"message": "x", "model": "script"}, {"message": "x"}]
    _, (there, none) = talk(address, *(("chat", each) for each in asked))
    assert said(there) == "The model 'script' is in the model folder and not loaded. Load it with load_model."
    assert said(none) == "No model is loaded. Load one with load_model."


def test_a_chat_that_is_too_long_is_shortened_when_asked_for(
    serve_mcp: Callable[[Settings], str], tmp_path: Path
) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    write_script(tmp_path / "models" / "narrow", context_length=40)
    turns = [{"role": "user", "content": "word " * 10}, {"role": "assistant", "content": "yes"}] * 4
    long = {"message": "hello", "conversation": turns, "max_new_tokens": 8}
    _, (_, refused, answered) = talk(
        address,
        ("load_model", {"model": "narrow"}),
        ("chat", long),
        ("chat", {**long, "when_too_long": "shorten"}),
    )
    assert refused.is_error and "set when_too_long to shorten" in said(refused)
    assert said(answered)["text"] and said(answered)["prompt_tokens"] < 40


def test_an_agent_lists_loads_a_profile_and_chats(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    tools, results = talk(
        address,
        ("load_profile", {"profile": "mine"}),
        ("chat", {"message": "hello"}),
        ("load_profile", {"profile": "mne"}),
        ("load_model", {"model": "script", "device": ""}),
        ("unload_model", {"modl": "another"}),
        ("unload_model", {"model": "scrpt"}),
        ("unload_model", {}),
    )
    assert {each.name for each in tools} == TOOLS
    loaded, answer, unknown, wrong, misspelt, absent, unloaded = results
    assert misspelt.is_error and "modl" in said(misspelt)
    assert absent.is_error and said(absent) == "No model 'scrpt' is loaded. Did you mean 'script'?"
    assert said(loaded)["name"] == "script"
    assert said(answer)["text"].endswith("Paris.") and said(answer)["finish_reason"] == "stop"
    assert unknown.is_error and "Did you mean 'mine'" in said(unknown)
    assert wrong.is_error and "device" in said(wrong)
    assert said(unloaded)["name"] == "script"


def test_an_agent_sees_what_requests_cost(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    _, (all_of_them, misspelt, unknown, none, filtered, compared, wrong, no_text) = talk(
        address,
        ("metrics", {"range": "all", "model": "script"}),
        ("metrics", {"range": "24hours"}),
        ("metrics", {"modle": "script"}),
        ("metrics", {"range": "all", "model": "scrpt"}),
        ("metrics", {"source": "gradio", "outcome": ["stop", "length"], "backend": "genai", "since": "5"}),
        ("metrics", {"model": "script", "compare_with": {"model": "scrpt"}}),
        ("metrics", {"compare_with": {"modle": "x"}}),
        ("metrics", {"range": 5}),
    )
    assert said(all_of_them)["totals"]["requests"] == 1
    assert said(all_of_them)["figures"]["ttft_seconds"]["p50"] == 0.2
    assert misspelt.is_error and "24h" in said(misspelt)
    assert unknown.is_error and said(unknown).startswith("metrics has no argument 'modle'. Did you mean 'model'")
    assert said(filtered)["totals"]["requests"] == 0
    assert (said(compared)["a"]["totals"]["requests"], said(compared)["b"]["totals"]["requests"]) == (0, 0)
    assert said(compared)["notes"][0].startswith("b: ")
    assert wrong.is_error and "b: There is no filter 'modle'. Did you mean 'model'" in said(wrong)
    assert no_text.is_error and said(no_text).startswith("range: ") and "pydantic" not in said(no_text)
    assert said(none)["totals"]["requests"] == 0 and "Did you mean 'script'" in said(none)["notes"][0]


def test_an_agent_measures_a_configuration_and_reads_what_came_of_it(
    serve_mcp: Callable[[Settings], str], runs: FakeRuns
) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    _, (begun, listed, told, absent, wrong, misspelt) = talk(
        address,
        ("start_bench", {"model": "script", "ov_config": {"NUM_STREAMS": 1}, "prompt_tokens": 32, "repetitions": 2}),
        ("tuning_results", {}),
        ("tuning_results", {"run_id": RUN_ID}),
        ("tuning_results", {"run_id": "a-rn"}),
        ("start_bench", {"model": "script", "prompt_tokens": 131_072}),
        ("start_bench", {"model": "script", "repetition": 2}),
    )
    ((_, request),) = runs.calls
    assert isinstance(request, BenchRequest) and request.configuration.ov_config == {"NUM_STREAMS": 1}
    assert (request.workloads[0].prompt_tokens, request.workloads[0].generated_tokens, request.repetitions) == (
        32,
        128,
        2,
    )
    assert said(begun)["state"] == "running" and said(begun)["run_id"] == RUN_ID
    assert [each["run_id"] for each in said(listed)["runs"]] == [RUN_ID] and said(listed)["results"] == ""
    assert "1 stream" in said(told)["results"]
    assert absent.is_error and said(absent) == "There is no run 'a-rn'. Did you mean 'a-run'?"
    assert wrong.is_error and "more than 131072 tokens" in said(wrong)
    assert misspelt.is_error and "Did you mean 'repetitions'" in said(misspelt)


def test_every_tool_says_what_it_does_takes_and_returns(serve_mcp: Callable[[Settings], str]) -> None:
    tools, _ = talk(serve_mcp(Settings(model="none", mcp=True)))
    for tool in tools:
        assert tool.title and tool.description.endswith(".") and "Args" not in tool.description, tool.name
        for name, schema in tool.input_schema["properties"].items():
            assert schema["description"].rstrip(".") and "title" in schema, f"{tool.name} {name}"
        assert tool.output_schema["type"] == "object", tool.name
        assert tool.annotations.read_only_hint == (tool.name in READING) and tool.annotations.open_world_hint == (
            tool.name in ("start_download", "resume_task")
        )
    answer = next(each for each in tools if each.name == "chat").output_schema
    assert all("description" in each for each in answer["properties"].values())


def test_an_agent_fetches_a_model_and_watches_it(serve_mcp: Callable[[Settings], str], shop: Shop) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    _, (begun, wrong, taken) = talk(
        address,
        ("start_download", {"repository": "Somebody/tiny-ov"}),
        ("start_download", {"repository": "no owner"}),
        ("start_download", {"repository": "Somebody/script"}),
    )
    assert said(begun)["name"] == "tiny-ov" and said(begun)["state"] in ("waiting", "running", "finished")
    assert wrong.is_error and said(wrong).startswith("repository: ")
    assert taken.is_error and "in the model folder already" in said(taken)
    assert len(shop.made) == 1
    deadline = time.monotonic() + 60
    while (told := talk(address, ("model_tasks", {}))[1][0].structured_content["result"])[0]["state"] != "finished":
        assert time.monotonic() < deadline
    assert told[0]["task_id"] == said(begun)["task_id"] and told[0]["problem"] == ""


def test_an_agent_pauses_resumes_and_cancels_what_it_began(serve_mcp: Callable[[Settings], str], shop: Shop) -> None:
    shop.next = [ScriptedWork(), ScriptedWork()]
    address = serve_mcp(Settings(model="none", mcp=True))
    _, (begun,) = talk(address, ("start_download", {"repository": "Somebody/tiny-ov"}))
    assert shop.made[0].is_in_the_middle.wait(30)
    which = {"task_id": said(begun)["task_id"]}
    _, (paused, resumed, again, cancelled, absent, told) = talk(
        address,
        ("pause_task", which),
        ("resume_task", which),
        ("resume_task", which),
        ("cancel_task", which),
        ("cancel_task", {"task_id": "20261126-120000-000000"}),
        ("model_tasks", {}),
    )
    assert said(paused)["state"] == "paused" and said(cancelled)["state"] == "cancelled"
    assert said(resumed)["state"] in ("waiting", "running")
    assert again.is_error and "under way already" in said(again)
    assert absent.is_error and "20261126-120000-000000" in said(absent)
    assert [each["state"] for each in told.structured_content["result"]] == ["cancelled"]


def test_every_tool_is_for_use_or_for_administration() -> None:
    assert USE | ADMINISTER.keys() == TOOLS and not USE & ADMINISTER.keys() and COUNTED <= USE


def test_what_was_said_before_goes_along_and_the_answer_has_a_structure(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    before = [{"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"}]
    _, (_, short, long, wrong, odd) = talk(
        address,
        ("load_model", {"model": "script"}),
        ("chat", {"message": "hello"}),
        ("chat", {"message": "hello", "system_prompt": "Be brief.", "conversation": before, "temperature": 0}),
        ("chat", {"message": "hello", "conversation": [{"rle": "user", "content": "x"}]}),
        ("chat", {"message": "hello", "max_new_tokens": 0}),
    )
    assert short.structured_content["model"] == "script" and short.structured_content == said(short)
    assert long.structured_content["prompt_tokens"] > short.structured_content["prompt_tokens"] + 4
    assert wrong.is_error and "'rle'" in said(wrong) and "Did you mean 'role'" in said(wrong)
    assert odd.is_error and said(odd).startswith("max_new_tokens: ")


def two_keys(**more: Any) -> Settings:
    values = {"model": "none", "mcp": True, "api_key": "a-key-for-use", "admin_key": "a-key-for-administration"}
    return Settings.model_validate(values | more)


def test_a_key_for_use_may_look_and_chat_but_not_load(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(two_keys())
    loading = [("load_profile", {"profile": "mine"}), ("load_model", {"model": "script"}), ("unload_model", {})]
    getting = [("start_download", {"repository": "a/b"}), ("start_conversion", {"source": "a"}), ("model_tasks", {})]
    others = [("start_bench", {"model": "script"}), *getting]
    ending = [(f"{verb}_task", {"task_id": "a"}) for verb in ("pause", "resume", "cancel")]
    _, refused = talk(address, ("list_profiles", {}), *loading, *others, *ending, key="a-key-for-use")
    for result, action in zip(refused, ADMINISTER.values(), strict=True):
        assert result.is_error and said(result).startswith(f"{action} needs the administration key.")
    _, loaded = talk(address, loading[1], key="a-key-for-administration")
    assert said(loaded[0])["name"] == "script"
    looking = [
        ("list_devices", {}),
        ("list_models", {}),
        ("status", {}),
        ("metrics", {}),
        ("tuning_results", {}),
        ("chat", {"message": "hello"}),
    ]
    _, allowed = talk(address, *looking, key="a-key-for-use")
    assert not any(result.is_error for result in allowed)


def test_chats_are_counted(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(two_keys(requests_per_minute=1))
    talk(address, ("load_model", {"model": "script"}), key="a-key-for-administration")
    _, (first, second) = talk(address, *[("chat", {"message": "hello"})] * 2, key="a-key-for-use")
    assert not first.is_error
    assert second.is_error and said(second).startswith("1 calls a minute are allowed for each key. Try again in ")


def test_it_is_off_unless_the_server_was_started_with_it(serve_mcp: Callable[[Settings], str]) -> None:
    assert httpx.post(f"{serve_mcp(Settings(model='none'))}/mcp", json={}).status_code == 404


def test_the_guard_covers_it(serve_mcp: Callable[[Settings], str]) -> None:
    settings = Settings.model_validate({"model": "none", "mcp": True, "api_key": "a-long-secret"})
    address = serve_mcp(settings)
    assert httpx.post(f"{address}/mcp", json={}).status_code == 401
    headers = {"Authorization": "Bearer a-long-secret", "Host": "evil.example"}
    assert httpx.post(f"{address}/mcp", json={}, headers=headers).status_code == 400
