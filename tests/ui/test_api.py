"""The named endpoints over a real server without the page: what they refuse, and a client that leaves."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from openarc_ui.conversations.owner import COOKIE
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.types import Bandwidth
from openarc_ui.errors import MetricsUnreadable
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.ui import exported_files
from openarc_ui.ui.api import add_endpoints
from openarc_ui.ui.exported_files import KEPT_FILES, Exports
from openarc_ui.ui.rights import Rights
from tests.conftest import write_script
from tests.model_tasks import made_tasks, no_hub
from tests.reports import report
from tests.tuning_fakes import FakeRuns
from tests.ui.served import serve_page

RECOMMENDED = {"PERFORMANCE_HINT": "LATENCY"}


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    """An engine over a quick script that recommends an ov_config and one that takes long to load."""
    quick = write_script(tmp_path / "models" / "script")
    (quick / "openarc_profile.json").write_text(json.dumps({"ov_config": RECOMMENDED}))
    write_script(tmp_path / "models" / "long", load_seconds=30)
    return make_engine(cache_folder=tmp_path / "cache")


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles")


@pytest.fixture
def conversations(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore(tmp_path / "conversations.sqlite3")
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MetricsStore]:
    store = MetricsStore(tmp_path / "metrics.sqlite3")
    yield store
    store.close()


@pytest.fixture
def address(
    engine: Engine, store: MetricsStore, profiles: ProfileStore, conversations: ConversationStore
) -> Iterator[str]:
    """The endpoints on a port."""
    with gr.Blocks(analytics_enabled=False) as page:
        startup = Startup(engine, Settings(model="none"), lambda status: None)
        add_endpoints(
            engine, store, startup, profiles, conversations, FakeRuns(), made_tasks(engine), no_hub(), Rights()
        )
    with serve_page(page) as served:
        yield served


@pytest.fixture
def client(address: str) -> Client:
    return Client(address, verbose=False, ssl_verify=False)


def wait_for(is_true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


DEEP = "[" * 100_000
LONG = '{"A": ' + "1" * 5000 + "}"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("load_model", {"model_path": "script", "allow_overcommit": "no"}, "allow_overcommit must be true or false"),
    ("load_model", {"model_path": "script", "allow_overcommit": 1}, "allow_overcommit must be true or false"),
    ("load_model", {"model_path": None}, "model_path must be a text"),
    ("load_model", {"model_path": "script", "ov_config": 5}, "ov_config must be an object or a text"),
    ("load_model", {"model_path": "script", "scheduler": []}, "scheduler must be an object or a text"),
    ("load_model", {"model_path": "script", "backend": "bogus"}, "backend: "),
    ("load_model", {"model_path": "script", "ov_config": DEEP}, "ov_config is nested too deeply"),
    ("load_model", {"model_path": "script", "ov_config": LONG}, "ov_config is nested too deeply, or has a number"),
    ("load_model", {"model_path": "x" * 1001}, "model_path: "),
    ("load_model", {"model_path": "script", "ov_config": {"A": {"B": 1}}}, "ov_config.A"),
    ("validate", {"model_path": 5}, "model_path must be a text"),
    ("validate", {"model_path": "script", "ov_config": [1]}, "ov_config must be an object or a text"),
    ("validate", {"model_path": "script", "device": None}, "device must be a text"),
    ("fit", {"model_path": "script", "ov_config": False}, "ov_config must be an object or a text"),
    ("fit", {"model_path": "script", "context_tokens": "abc"}, "context_tokens must be a whole number"),
    ("fit", {"model_path": "script", "context_tokens": True}, "context_tokens must be a whole number"),
    ("fit", {"model_path": "script", "context_tokens": 1.5}, "context_tokens must be a whole number"),
    ("fit", {"model_path": "script", "context_tokens": 0}, "context_tokens: "),
    ("fit", {"model_path": "script", "context_tokens": -5}, "context_tokens: "),
    ("fit", {"model_path": "script", "sequences": 0}, "sequences: "),
    ("fit", {"model_path": "script", "sequences": None}, "sequences must be a whole number"),
    ("fit", {"model_path": "script", "sequences": 10**9}, "sequences: "),
    ("model_details", {"model": None}, "model must be a text"),
    ("model_file", {"model": "script", "file": 5}, "file must be a text"),
    ("properties", {"device": "CPU", "backend": "bogus"}, "backend: "),
    ("save_profile", {"profile": "{}", "replace": "no"}, "replace must be true or false"),
    ("save_profile", {"profile": 5}, "profile must be an object or a text"),
    ("get_profile", {"name": None}, "name must be a text"),
    ("profile_code", {"name": "a", "kind": "rust"}, "kind: "),
    ("chat", {"message": 5}, "message must be a text"),
    ("chat", {"message": "x", "stop": 5}, "stop must be a text or a list"),
    ("chat", {"message": "x", "stop": ["a"] * 99}, "stop: must have at most 16 items, not 99."),
    ("chat", {"message": "x", "stop": ["a", 5]}, "stop[1] must be a text"),
    (
        "chat",
        {"message": "x", "model": "long"},
        "The model 'long' is in the model folder and not loaded. Load it with /load",
    ),
    ("chat", {"message": "x", "conversation": 5}, "conversation must be a list or a text"),
    ("unload_model", {"model": 5}, "model must be a text"),
    ("chat", {"message": "x", "tools": 5}, "tools must be a list or a text"),
    ("chat", {"message": "x", "structured_output": []}, "structured_output must be an object or a text"),
    ("chat", {"message": "x", "when_too_long": "cut"}, "when_too_long: "),
    ("chat", {"message": "x", "conversation": [{"role": "user", "contnt": "y"}]}, "There is no field 'contnt'"),
    ("chat", {"message": "x", "conversation": "[{]"}, "conversation is not JSON"),
    ("tokenize", {"text": None}, "text must be a text"),
    ("detokenize", {"tokens": "[1.5]"}, "tokens must be a list of whole numbers"),
    ("apply_template", {"conversation": "[]"}, "conversation: "),
    ("apply_template", {"conversation": "hello"}, "conversation is not JSON"),
    ("conversations", {"limit": "x"}, "limit must be a whole number"),
    ("conversations", {"limit": 0}, "limit is 1 to 1000"),
    ("conversation", {"conversation_id": "nobody"}, "There is no such conversation"),
    ("create_conversation", {"settings": "[]"}, "settings must be an object"),
    ("add_message", {"conversation_id": "nobody", "content": "x", "role": "usr"}, "role: "),
    ("move_message", {"conversation_id": "nobody", "message_id": "x", "by": 1.5}, "by must be a whole number"),
    ("export_conversation", {"conversation_id": "nobody", "format": "pdf"}, "format: "),
    ("import_conversation", {"text": "{"}, "Line 1"),
    (
        "answer",
        {"conversation_id": "nobody", "options": {"max_tokens": 1}},
        "There is no field 'max_tokens'. It is called 'max_new_tokens' here",
    ),
    ("answer", {"conversation_id": "nobody", "options": {"model": "x"}, "model": "y"}, "model is there twice"),
    ("answer", {"conversation_id": "nobody"}, "There is no such conversation"),
    (
        "answer",
        {"conversation_id": "nobody", "options": {"tool_format": "hermez"}},
        "tool_format: Input should be 'auto', ",
    ),
    ("check_structure", {"structured_output": {"choise": ["a"]}}, "There is no field 'choise'. Did you mean 'choice'"),
    ("check_structure", {"structured_output": {}}, "give exactly one of json_schema, regex, grammar and choice"),
    ("cancel_request", {"request_id": "a b"}, "request_id: "),
    ("cancel_load", {"model": None}, "model must be a text"),
    ("save_preset", {"name": "Greedy", "sampling": {}}, "'Greedy' is one of OpenArc's presets"),
    ("save_preset", {"name": "x", "sampling": {"temprature": 1}}, "There is no field 'temprature'. Did you mean 'temp"),
    ("delete_preset", {"name": "nobody"}, "There is no preset 'nobody'"),
    ("load_code", {"model_path": "scrpt", "kind": "curl"}, "No model 'scrpt' in the model folder. Did you"),
    ("request_curl", {"request_id": "nobody"}, "No request of that id is kept"),
    ("run_again", {"request_id": "nobody"}, "No request of that id is kept"),
    ("metrics_roofline", {"range": "1hour"}, "There is no range '1hour'"),
    ("chat", {"message": "x", "max_new_tokens": 0}, "max_new_tokens: "),
    ("chat", {"message": "x", "request_id": ""}, "request_id: "),
    ("metrics_summary", {"range": "1hour"}, "There is no range '1hour'. Known names: 15m"),
    ("metrics_summary", {"outcome": "stopped"}, "There is no outcome 'stopped'. Did you mean 'stop'"),
    ("metrics_summary", {"model": 5}, "model must be a list or a text"),
    ("metrics_summary", {"range": "1h", "since": "5"}, "The range 1h and since or until exclude each other"),
    ("metrics_series", {"points": 0}, "points: "),
    ("metrics_requests", {"limit": 1.5}, "limit must be a whole number"),
    ("metrics_requests", {"limit": 10**9}, "limit: "),
    ("metrics_request", {"request_id": "nobody"}, "No request of that id is kept"),
    ("metrics_compare", {"a": {"modle": "x"}, "b": {}}, "a: There is no filter 'modle'. Did you mean 'model'"),
    ("metrics_compare", {"a": {}, "b": {"now": 5}}, "b: There is no filter 'now'"),
    ("metrics_compare", {"a": {}, "b": ""}, "Both groups are all requests, so there is nothing to compare. Give"),
    ("metrics_compare", {"a": {"range": 5}, "b": {}}, "a: range must be a text"),
    ("metrics_requests", {"before_id": 2**70}, "before_id: "),
    ("metrics_compare", {"a": "[]", "b": {}}, "a must be an object"),
    ("metrics_export", {"format": "xlsx"}, "format: "),
    ("measure_bandwidth", {"device": ""}, "device must name a device"),
]


def test_a_wrong_type_is_one_sentence_that_names_the_parameter(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    for endpoint, arguments, says in WRONG:
        with pytest.raises(AppError) as caught:
            client.predict(api_name=f"/{endpoint}", **arguments)
        assert str(caught.value).startswith(says), endpoint
    assert "Traceback" not in capfd.readouterr().err


def test_an_echo_is_cut(client: Client) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(json.dumps({"version": "9" * 10_000}), api_name="/save_profile")
    assert "999" in str(caught.value) and len(str(caught.value)) < 500


def test_an_object_is_taken_as_such_and_as_a_text(client: Client, engine: Engine) -> None:
    given = {"NUM_STREAMS": 2}
    for ov_config in (given, json.dumps(given)):
        loaded = client.predict("script", ov_config=ov_config, api_name="/load_model")
        assert loaded["requested_properties"] == given
    client.predict("script", sampling_defaults={"max_new_tokens": 2}, scheduler={}, api_name="/load_model")
    before = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert len(client.predict("hello", conversation=before, api_name="/chat").split()) == 2
    described = client.view_api(return_format="dict")["named_endpoints"]["/load_model"]["parameters"]
    types = {each["parameter_name"]: each["python_type"]["type"] for each in described}
    assert "dict" in types["ov_config"] and "str" in types["ov_config"]
    assert types["allow_overcommit"] == "bool" and "Literal" in types["backend"]


def test_validate_and_load_take_the_same_ov_config_where_none_is_given(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(engine.preflight, "check", lambda values: checked.append(values["ov_config"]) or [])
    client.predict("script", api_name="/validate")
    assert checked == [RECOMMENDED]
    assert client.predict("script", api_name="/load_model")["requested_properties"] == RECOMMENDED
    client.predict("script", ov_config="{}", api_name="/validate")
    assert checked[1:] == [{}]
    assert client.predict("script", ov_config={}, api_name="/load_model")["requested_properties"] == {}


def test_a_load_tells_its_stages_first_and_the_model_last(client: Client, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "two", load_seconds=2.0)
    *stages, last = client.submit("two", api_name="/load_model")
    assert stages and {each["state"] for each in stages} == {"loading"}
    assert (last["state"], last["name"], last["compile_cache"]) == ("ready", "two", None)


def test_a_client_that_is_killed_cancels_its_load(address: str, engine: Engine) -> None:
    program = (
        "from gradio_client import Client\n"
        f"for stage in Client({address!r}).submit('long', api_name='/load_model'): print(stage, flush=True)\n"
    )
    leaving = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert leaving.stdout is not None
    while b"loading" not in leaving.stdout.readline():
        assert leaving.poll() is None
    assert engine.status().models
    leaving.kill()
    leaving.wait()
    wait_for(lambda: not engine.status().models)


@pytest.mark.parametrize("endpoint", ["load_model", "load_profile"])
def test_a_client_that_closes_its_stream_cancels_its_load_and_no_other(
    address: str, engine: Engine, profiles: ProfileStore, client: Client, endpoint: str
) -> None:
    client.predict("script", api_name="/load_model")
    client.predict({"name": "p", "load": {"model_path": "long"}}, api_name="/save_profile")
    data = ["p"] if endpoint == "load_profile" else ["long", "auto", "CPU", "", "", "", None, False]
    call = f"{address}/gradio_api/call/{endpoint}"
    event = httpx.post(call, json={"data": data}).json()["event_id"]
    with httpx.stream("GET", f"{call}/{event}", timeout=20):
        wait_for(lambda: len(engine.status().models) == 2)
    wait_for(lambda: len(engine.status().models) == 1)
    assert engine.status().models[0].name == "script"


def test_a_job_that_is_cancelled_cancels_its_load(client: Client, engine: Engine) -> None:
    job = client.submit("long", api_name="/load_model")
    wait_for(lambda: bool(engine.status().models))
    job.cancel()
    wait_for(lambda: not engine.status().models)


def test_profiles_can_be_read_exported_renamed_and_copied_as_code(client: Client, address: str) -> None:
    assert client.predict({"name": "a", "load": {"model_path": "script"}}, api_name="/save_profile") == "a"
    assert client.predict("a", api_name="/get_profile")["load"]["ov_config"] == RECOMMENDED
    text = client.predict("a", api_name="/export_profile")
    assert client.predict(text, name="b", api_name="/save_profile") == "b"
    assert client.predict("b", api_name="/get_profile")["load"] == client.predict("a", api_name="/get_profile")["load"]
    code = client.predict("a", "curl", api_name="/profile_code")
    assert f"{address}/model/load" in code and "script" in code
    with pytest.raises(AppError, match="There is no profile 'c'"):
        client.predict("c", api_name="/get_profile")


def test_the_cache_is_told_and_emptied(client: Client, engine: Engine) -> None:
    assert engine.compile_cache is not None
    engine.compile_cache.note("script", frozenset(), backend="optimum", device="CPU", ov_config={}, compile_seconds=1.5)
    (engine.compile_cache.folder_for("script") / "1.blob").write_bytes(bytes(100))
    usage = client.predict(api_name="/cache_usage")
    assert (usage["is_on"], usage["size_bytes"], usage["models"][0]["model"]) == (True, 100, "script")
    assert "folder" not in usage
    with pytest.raises(AppError, match="Did you mean 'script'"):
        client.predict("scrpt", api_name="/clear_cache")
    assert client.predict("script", api_name="/clear_cache")["freed_bytes"] == 100


def test_broken_models_are_told_in_the_list(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "broken"
    folder.mkdir()
    (folder / "openvino_model.xml").write_text("")
    (folder / "openvino_model.bin").write_bytes(b"")
    (folder / "config.json").write_text("{}")
    found = {each["name"]: each for each in client.predict(api_name="/models")}
    assert found["broken"]["problems"] and not found["broken"]["backends"]
    assert "details" not in found["script"]
    detailed = {each["name"]: each for each in client.predict(True, api_name="/models")}
    assert detailed["script"]["details"]["kind"] == "script"


def test_no_answer_has_a_path_of_this_machine(client: Client, engine: Engine, tmp_path: Path) -> None:
    told = [client.predict("script", api_name="/load_model"), client.predict(api_name="/status")]
    told += [client.predict(api_name="/models"), client.predict(api_name="/cache_usage")]
    assert str(tmp_path) not in json.dumps(told)


def test_many_findings_are_cut_and_counted(client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Finding(f"ov_config.{'K' * 5000}{n}", "error", "rules", "No.") for n in range(150)]
    monkeypatch.setattr(engine.preflight, "check", lambda values: many)
    found = client.predict("script", api_name="/validate")
    assert len(found) == 101 and "50 more" in found[-1]["message"]
    assert all(len(each["field"]) < 300 for each in found)


def test_devices_are_asked_anew(client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(engine.preflight, "refresh", lambda: asked.append(True))
    client.predict(api_name="/devices")
    assert asked


QUESTION: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
TOOLS = [{"name": "weather", "description": "Weather of a place."}]
CALLING = [
    {"when": "sunny", "text": "Take no umbrella."},
    {
        "when": "weather",
        "text": 'Look. <tool_call>{"name": "weather", "arguments": {"path": "/etc/hosts"}}</tool_call>',
    },
    {"text": "The capital of France is Paris."},
]


@pytest.fixture
def calling(client: Client, tmp_path: Path) -> Client:
    """A client of a model that calls tools."""
    write_script(tmp_path / "models" / "calls", replies=CALLING)
    client.predict("calls", api_name="/load_model")
    return client


def test_a_text_becomes_tokens_and_a_text_again(calling: Client) -> None:
    found = calling.predict("Hello there", api_name="/tokenize")
    assert (found["model"], found["count"]) == ("calls", 2)
    ids = [token["id"] for token in found["tokens"]]
    for given in (ids, json.dumps(ids)):
        assert calling.predict(given, api_name="/detokenize") == {"model": "calls", "text": "Hello there"}


def test_a_conversation_is_rendered_with_everything_a_template_takes(calling: Client) -> None:
    rendered = calling.predict(
        QUESTION, tools=TOOLS, documents='[{"text": "a leaflet"}]', template_arguments={"enable_thinking": False},
        api_name="/apply_template",
    )  # fmt: skip
    assert all(word in rendered["prompt"] for word in ("weather", "a leaflet", "</think>", "hello"))
    assert "".join(token["text"] for token in rendered["tokens"]) == rendered["prompt"]
    signature = 'def weather(place: str):\n    """Weather of a place."""\n'
    assert "weather" in calling.predict(QUESTION, tools=signature, api_name="/apply_template")["prompt"]
    own = calling.predict(QUESTION, chat_template="{{ messages[0].content }}!", api_name="/apply_template")
    assert own["prompt"] == "hello!"
    assert "messages" in calling.predict(api_name="/chat_template")["text"]


def test_chat_takes_what_a_prompt_takes(calling: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    submit = engine.submit
    monkeypatch.setattr(engine, "submit", lambda request: sent.append(request) or submit(request))
    text = calling.predict(
        "weather?", tools=TOOLS, documents=[{"text": "d"}], template_arguments={"enable_thinking": True},
        structured_output={"choice": ["a"]}, when_too_long="shorten", prefill="Well, ", api_name="/chat",
    )  # fmt: skip
    assert "<tool_call>" in text
    (request,) = sent
    assert request.tools[0].function.name == "weather" and request.documents == ({"text": "d"},)
    assert request.structured_output.choice == ("a",) and request.when_too_long == "shorten"
    assert request.conversation[-1].content == "Well, " and request.continue_final_message
    assert calling.predict("", conversation=QUESTION, api_name="/chat") == "The capital of France is Paris."
    assert [message.role for message in sent[-1].conversation] == ["user"]


def test_a_conversation_is_kept_answered_and_goes_on_with_a_result(calling: Client) -> None:
    began = calling.predict(messages=[{"role": "user", "content": "weather?"}], api_name="/create_conversation")
    *running, done = calling.submit(began["id"], {"tools": [{"function": each} for each in TOOLS]}, api_name="/answer")
    assert all(each["state"] == "running" for each in running) and done["state"] == "done"
    (answer,) = done["answers"]
    (call,) = answer["tool_calls"]
    assert (answer["content"], call["function"]["arguments"]) == ("Look.", '{"path": "/etc/hosts"}')
    calling.predict(began["id"], "sunny", role="tool", tool_call_id=call["id"], api_name="/add_message")
    again = calling.predict(began["id"], prefill="So: ", api_name="/answer")
    assert again["answers"][0]["content"] == "So: Take no umbrella."
    now = calling.predict(began["id"], api_name="/conversation")
    assert [message["role"] for message in now["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert now["messages"][1]["tool_calls"] == [call]
    going_on = calling.predict(began["id"], {"token_details": True}, continue_final_message=True, api_name="/answer")
    (answer,) = going_on["answers"]
    assert answer["versions"]["count"] == 2
    tokens = calling.predict(began["id"], answer["id"], api_name="/message_tokens")
    assert tokens and tokens[0]["seconds"] > 0


def test_every_change_of_a_conversation_has_an_endpoint(client: Client) -> None:
    asked = [*QUESTION, {"role": "assistant", "content": "Hi."}]
    settings = {"path": "no file"}
    made = client.predict("Greeting", json.dumps(asked), settings, api_name="/create_conversation")
    assert json.loads(made["settings"]) == settings
    which = made["id"]
    first, second = (message["id"] for message in made["messages"])
    assert client.predict(which, "Hello", api_name="/rename_conversation")["title"] == "Hello"
    (listed,) = client.predict(search="hi", api_name="/conversations")
    assert (listed["id"], listed["messages"]) == (which, 2)
    edited = client.predict(which, first, content="good day", api_name="/edit_message")
    assert edited["messages"][0]["versions"]["previous"] == first
    back = client.predict(which, first, api_name="/select_message")
    assert [message["id"] for message in back["messages"]] == [first, second]
    moved = client.predict(which, second, -1, api_name="/move_message")
    assert [message["role"] for message in moved["messages"]] == ["assistant", "user"]
    undone = client.predict(which, api_name="/undo_message")
    assert (undone["text"], len(undone["messages"])) == ("hello", 1)
    replaced = client.predict(which, asked, api_name="/replace_messages")
    first, second = (message["id"] for message in replaced["messages"])
    assert len(client.predict(which, second, api_name="/delete_message")["messages"]) == 1
    text = client.predict(which, "markdown", api_name="/export_conversation")
    imported = client.predict(text, api_name="/import_conversation")
    assert [message["content"] for message in imported["messages"]] == ["hello"] and imported["notes"] == []
    assert client.predict(which, api_name="/delete_conversation") == which
    with pytest.raises(AppError, match="There is no such conversation"):
        client.predict(which, api_name="/conversation")


def test_a_browser_sees_only_its_own_conversations(client: Client, address: str) -> None:
    made = client.predict("mine", api_name="/create_conversation")
    browser = Client(address, verbose=False, ssl_verify=False, headers={"Cookie": f"{COOKIE}={'b' * 32}"})
    assert browser.predict(api_name="/conversations") == []
    with pytest.raises(AppError, match="There is no such conversation"):
        browser.predict(made["id"], api_name="/conversation")


def test_a_client_that_leaves_an_answer_ends_it_and_what_came_is_kept(
    calling: Client, address: str, engine: Engine, conversations: ConversationStore
) -> None:
    calling.predict("script", api_name="/load_model")
    which = calling.predict(messages=[{"role": "user", "content": "slow"}], api_name="/create_conversation")["id"]
    call = f"{address}/gradio_api/call/answer"
    event = httpx.post(call, json={"data": [which, "", "", None, False, "script"]}).json()["event_id"]
    with httpx.stream("GET", f"{call}/{event}", timeout=20) as response:
        lines = response.iter_lines()
        while '"word' not in next(lines):
            pass
    wait_for(lambda: not any(model.running for model in engine.status().models))
    wait_for(lambda: not conversations.get("api", which).path()[-1].answer.is_running)
    node = conversations.get("api", which).path()[-1]
    assert "word" in node.content and node.answer.finish_reason == "cancelled"


def test_what_was_measured_is_told_to_programs(client: Client, store: MetricsStore) -> None:
    for number in range(8):
        model = "b" if number % 2 else "a"
        store.record(
            report(request_id=f"r{number}", model=model, submitted_at=1.7e9 + number, ttft_seconds=number / 10)
        )
    assert store.flush()
    summary = client.predict(model="a", api_name="/metrics_summary")
    assert (summary["totals"]["requests"], summary["figures"]["ttft_seconds"]["mean"]) == (4, pytest.approx(0.3))
    assert client.predict(model=["a", "b"], since="1700000002", api_name="/metrics_summary")["totals"]["requests"] == 6
    assert "Known names: a, b" in client.predict(model="x", api_name="/metrics_summary")["notes"][0]
    series = client.predict(points=10, api_name="/metrics_series")
    assert sum(each["requests"] for each in series["requests"]) == 8
    first = client.predict(limit=5, api_name="/metrics_requests")
    second = client.predict(limit=5, before_id=first["next_before_id"], api_name="/metrics_requests")
    found = [each["request_id"] for each in first["requests"] + second["requests"]]
    assert found == [f"r{number}" for number in reversed(range(8))] and second["next_before_id"] is None
    one = client.predict("r3", api_name="/metrics_request")
    assert one["request"]["ttft_seconds"] == 0.3 and one["stages"][0]["name"] == "queue"
    compared = client.predict({"model": "a"}, '{"model": "b"}', api_name="/metrics_compare")
    assert {each["verdict"] for each in compared["figures"]} == {"too few"}
    as_it_stands = client.predict(api_name="/metrics_compare")
    assert (as_it_stands["a"]["totals"]["requests"], as_it_stands["b"]["totals"]["requests"]) == (8, 0)
    assert client.predict(before_id=10**9, api_name="/metrics_requests")["requests"][0]["request_id"] == "r7"
    assert client.predict(api_name="/metrics_definitions")["figures"][0]["name"] == "ttft_seconds"


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_an_export_is_a_file_that_the_client_fetches(client: Client, store: MetricsStore, form: str) -> None:
    for number in range(3):
        store.record(report(request_id=f"r{number}"))
    assert store.flush()
    file = Path(client.predict(form, api_name="/metrics_export"))
    assert file.suffix == f".{form}"
    data = file.read_bytes()
    assert data.startswith(b"PAR1") if form == "parquet" else data.count(b"r") > 3 and b"r2" in data


def test_exported_files_do_not_pile_up(store: MetricsStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    exports = Exports()
    made = [Path(exports.write(store, {}, "csv")["path"]) for _ in range(KEPT_FILES + 3)]
    assert [file.exists() for file in made] == [False] * 3 + [True] * KEPT_FILES
    assert all(file.is_relative_to(tmp_path / "gradio") for file in made)


def test_an_exported_file_goes_by_itself_and_a_failed_one_at_once(
    store: MetricsStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(exported_files, "KEPT_SECONDS", 0.3)
    exports = Exports()
    made = Path(exports.write(store, {}, "csv")["path"])
    assert made.exists()
    wait_for(lambda: not made.parent.exists())

    def fails(*_: Any) -> Iterator[bytes]:
        yield b"begun"
        raise MetricsUnreadable("It is gone.")

    monkeypatch.setattr(exported_files, "export", fails)
    with pytest.raises(MetricsUnreadable):
        exports.write(store, {}, "csv")
    assert list((tmp_path / "gradio").glob("metrics-*/*")) == []


def test_files_of_a_program_that_was_killed_are_cleared_when_the_next_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    dead, living, other = (tmp_path / name for name in ("metrics-999999999-x", f"metrics-{os.getpid()}-y", "abc"))
    for folder in (dead, living, other):
        (folder / "z").mkdir(parents=True)
        (folder / "z" / "file.csv").write_text("x")
    Exports()
    assert [folder.exists() for folder in (dead, living, other)] == [False, True, True]


def test_a_locked_database_is_one_sentence(client: Client, store: MetricsStore) -> None:
    store.record(report())
    assert store.flush()
    store.close()
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        for endpoint in ("/metrics_summary", "/metrics_export"):
            with pytest.raises(AppError, match="held by another program"):
                client.predict(api_name=endpoint)


def test_a_bandwidth_is_measured_and_kept(
    client: Client, engine: Engine, store: MetricsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Bandwidth("CPU", "A processor", 19e9, 1.7e9, "A sum.")
    monkeypatch.setattr(engine, "measure_bandwidth", lambda device: measured)
    assert client.predict("CPU", api_name="/measure_bandwidth")["bytes_per_second"] == 19e9
    assert store.flush()
    with store.reading() as connection:
        assert connection.execute("SELECT device FROM bandwidths").fetchall() == [("CPU",)]


def test_a_request_and_a_load_are_ended_by_name(client: Client, engine: Engine) -> None:
    client.predict("script", api_name="/load_model")
    job = client.submit("slow", request_id="mine", max_new_tokens=400, api_name="/chat")
    wait_for(lambda: bool(engine.status().models[0].running))
    assert client.predict("mine", api_name="/cancel_request") == {"cancelled": True}
    assert len(job.result(timeout=20).split()) < 400
    assert client.predict("mine", api_name="/cancel_request") == {"cancelled": False}
    loading = client.submit("long", api_name="/load_model")
    wait_for(lambda: len(engine.status().models) == 2)
    wait_for(lambda: client.predict(api_name="/status")["models"][1]["stage"] is not None)
    assert client.predict("long", api_name="/cancel_load") == {"cancelled": True}
    with pytest.raises(AppError, match="cancelled"):
        loading.result(timeout=20)
    assert client.predict("long", api_name="/cancel_load") == {"cancelled": False}


def test_presets_are_kept_for_who_saved_them(client: Client, address: str) -> None:
    assert client.predict("terse", {"max_new_tokens": 8, "seed": 1}, api_name="/save_preset") == "terse"
    by_name = {each["name"]: each for each in client.predict(api_name="/list_presets")}
    assert by_name["terse"] == {"name": "terse", "sampling": '{"max_new_tokens": 8}', "is_built_in": False}
    assert by_name["Greedy"]["is_built_in"]
    browser = Client(address, verbose=False, ssl_verify=False, headers={"Cookie": f"{COOKIE}={'b' * 32}"})
    assert "terse" not in {each["name"] for each in browser.predict(api_name="/list_presets")}
    assert client.predict("terse", api_name="/delete_preset") == "terse"


def test_a_structure_is_tried_out_before_it_is_sent(client: Client) -> None:
    client.predict("script", api_name="/load_model")
    for given in ({"choice": ["a", "b"]}, '{"choice": ["a", "b"]}'):
        assert client.predict(given, api_name="/check_structure") == {"accepted": True, "kind": "choice"}


def test_the_start_up_is_told_and_begins_again_only_after_it_failed(client: Client) -> None:
    told = client.predict(api_name="/startup_status")
    assert (told["phase"], told["model"]) == ("waiting", None)
    assert client.predict(api_name="/retry_startup") == {"begun": False}


def test_a_load_is_copied_as_code_without_being_loaded(client: Client, address: str, engine: Engine) -> None:
    code = client.predict("script", "python", ov_config={"NUM_STREAMS": 2}, api_name="/load_code")
    assert address in code and "NUM_STREAMS" in code and not engine.status().models


def test_a_measured_request_is_copied_and_runs_again(client: Client, store: MetricsStore, address: str) -> None:
    client.predict("script", api_name="/load_model")
    store.record(report(request_id="kept", model="script"))
    assert store.flush()
    assert f"{address}/" in client.predict("kept", api_name="/request_curl")
    *running, done = client.submit("kept", prompt="hello", api_name="/run_again")
    assert all(each["state"] == "running" for each in running) and done["state"] == "done"
    assert done["answer"].endswith("Paris.") and "Ran again" in done["words"]
    with pytest.raises(AppError, match="was not kept, or"):
        client.predict("kept", api_name="/run_again")


def test_stages_options_and_the_roof_are_told(client: Client, store: MetricsStore) -> None:
    store.record(report(request_id="kept", model="script"))
    assert store.flush()
    assert client.predict(api_name="/metrics_options")["model"] == ["script"]
    assert client.predict(model="script", api_name="/metrics_stages")[0]["requests"] == 1
    assert isinstance(client.predict(api_name="/metrics_roofline"), list)
