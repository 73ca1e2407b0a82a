"""The page as Gradio sees it: what is public, what is private, and the named endpoints over a real server."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import FinishReason, PerformanceReport
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.blocks import build_page
from tests.model_tasks import made_tasks, no_hub

PUBLIC = {
    "chat", "answer", "cancel_request", "status", "startup_status", "retry_startup", "tokenize", "detokenize",
    "apply_template", "chat_template", "check_structure", "conversations", "conversation", "create_conversation",
    "rename_conversation", "delete_conversation", "export_conversation", "import_conversation", "add_message",
    "replace_messages", "edit_message", "delete_message", "message_tokens", "move_message", "select_message", "undo_message",
    "list_presets", "save_preset", "delete_preset", "load_model", "cancel_load", "unload_model", "models", "model_details",
    "model_file", "devices", "properties", "cache_usage", "clear_cache", "validate", "fit", "load_code", "list_profiles",
    "get_profile", "export_profile", "save_profile", "delete_profile", "load_profile", "profile_code", "metrics_summary",
    "metrics_series", "metrics_stages", "metrics_options", "metrics_definitions", "metrics_compare", "metrics_roofline",
    "metrics_export", "measure_bandwidth", "metrics_requests", "metrics_request", "request_curl", "run_again",
    "models_library", "hub_search", "hub_files", "conversion_options", "conversion_command", "download_model",
    "convert_model", "model_tasks", "model_task", "pause_task", "resume_task", "cancel_task", "forget_task", "inspect_model",
    "verify_model", "rename_model", "delete_model", "model_sizes",
    "tune_presets", "tune_axes", "tune_runs", "tune_run", "tune_export", "tune_report", "tune_start", "tune_pause",
    "tune_cancel", "tune_resume", "tune_rename", "tune_delete", "tune_apply", "tune_save_profile", "tune_code",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MetricsStore]:
    store = MetricsStore(tmp_path / "m.sqlite3")
    yield store
    store.close()


@pytest.fixture
def startup(scripted: Engine) -> Startup:
    return Startup(scripted, Settings(model="none"), lambda status: None)


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles")


@pytest.fixture
def conversations(tmp_path: Path) -> Iterator[ConversationStore]:
    conversations = ConversationStore(tmp_path / "conversations.sqlite3")
    yield conversations
    conversations.close()


@pytest.fixture
def runs(scripted: Engine, tmp_path: Path) -> Iterator[TuningRuns]:
    runs = TuningRuns(scripted, tmp_path / "tuning")
    yield runs
    runs.close()


@pytest.fixture
def address(
    scripted: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    runs: TuningRuns,
) -> Iterator[str]:
    """The whole application on a port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    exposition = Exposition(scripted.status, store.health)
    application = app.create_app(
        Settings(model="none"),
        scripted,
        store,
        startup,
        profiles,
        conversations,
        exposition,
        runs,
        made_tasks(scripted),
        no_hub(),
    )
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=5)


def test_every_event_of_the_page_is_private_and_every_endpoint_named(
    scripted: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    runs: TuningRuns,
) -> None:
    page = build_page(scripted, store, startup, profiles, conversations, runs, made_tasks(scripted), no_hub())
    dependencies: list[dict[str, Any]] = page.config["dependencies"]
    public = {each["api_name"] for each in dependencies if each["api_visibility"] == "public"}
    assert public == PUBLIC


def test_two_pages_can_be_built_side_by_side(
    scripted: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    runs: TuningRuns,
) -> None:
    one = build_page(scripted, store, startup, profiles, conversations, runs, made_tasks(scripted), no_hub())
    assert one is not build_page(
        scripted, store, startup, profiles, conversations, runs, made_tasks(scripted), no_hub()
    )


def test_the_endpoints_answer_a_real_client(address: str) -> None:
    client = Client(address, verbose=False)
    assert {name.strip("/") for name in client.view_api(return_format="dict")["named_endpoints"]} == PUBLIC
    job = client.submit("slow", max_new_tokens=30, api_name="/chat")
    texts = list(job)
    assert len(texts) > 2 and texts[-1].count("word") == 30
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    before = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'
    assert client.predict("hello", conversation=before, api_name="/chat").endswith("Paris.")
    assert client.predict(api_name="/status")["models"][0]["state"] == "ready"
    assert client.predict(api_name="/models")[0]["name"] == "script"
    assert client.predict("script", api_name="/model_details")["kind"] == "script"
    assert client.predict("script", api_name="/load_model")["backend"] == "scripted"
    assert client.predict(api_name="/unload_model")["name"] == "script"


def test_what_the_load_tab_does_is_there_for_programs(address: str) -> None:
    client = Client(address, verbose=False)
    cpu = next(each for each in client.predict(api_name="/devices") if each["name"] == "CPU")
    assert any(each["name"] == "NUM_STREAMS" and each["access"] == "RW" for each in cpu["properties"])
    form = client.predict("CPU", api_name="/properties")
    hint = next(each for each in form["ov_config"] if each["name"] == "PERFORMANCE_HINT")
    assert "LATENCY" in [choice["value"] for choice in hint["choices"]]
    assert client.predict("script", api_name="/validate") == []
    (wrong,) = client.predict("scrpt", device="GPU.9", api_name="/validate")[:1]
    assert wrong["field"] == "model_path" and "script" in wrong["hint"]
    assert client.predict("script", api_name="/fit")["verdict"] in ("green", "unknown")
    assert client.predict("script", api_name="/model_file") == {"files": []}
    profile = (
        '{"version": 1, "name": "mine", "load": {"model_path": "script", "sampling_defaults": {"temperature": 0}}}'
    )
    assert client.predict(profile, api_name="/save_profile") == "mine"
    assert "mine" in [each["name"] for each in client.predict(api_name="/list_profiles")]
    assert client.predict("mine", api_name="/load_profile")["generation_defaults"]["temperature"] == 0
    assert client.predict("mine", api_name="/delete_profile") == "mine"
    with pytest.raises(AppError, match="scheduler is not JSON"):
        client.predict("script", scheduler="{", api_name="/load_model")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"message": "hi", "temperature": -1}, "temperature"),
        ({"message": "hi", "conversation": "[1]"}, "conversation"),
        ({"message": "hi", "model": "scrpt"}, "Did you mean 'script'"),
        ({"message": "fail"}, "the script fails here"),
    ],
)
def test_a_wrong_call_gets_one_sentence(address: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(AppError, match=says) as caught:
        Client(address, verbose=False).predict(api_name="/chat", **arguments)
    assert "Traceback" not in str(caught.value)


def test_a_client_that_cancels_ends_its_generation(
    address: str, scripted: Engine, reports: list[PerformanceReport]
) -> None:
    job = Client(address, verbose=False).submit("a long prompt", api_name="/chat")
    deadline = time.monotonic() + 60
    while not scripted.status().models[0].running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    job.cancel()
    while not reports:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert reports[0].finish_reason is FinishReason.CANCELLED, "it would have come to its end after five seconds"
