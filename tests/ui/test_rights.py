"""Who may do what from the page, whatever a client names: a key for use alone can't administer, and generating is counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from openarc_ui.access import CALLER_HEADER, ROLE_HEADER, Access
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.blocks import build_page
from openarc_ui.ui.rights import COUNTED, NOTE, Rights, right_of
from tests.conftest import write_script
from tests.model_tasks import made_tasks, no_hub
from tests.ui.served import serve_page

USER = {ROLE_HEADER: "user", CALLER_HEADER: "a"}
ADMINISTRATOR = {ROLE_HEADER: "administrator", CALLER_HEADER: "b"}
SENTENCE = "needs the administration key. Sign in or call with that key."

HARMLESS_EVENTS = {
    # the page follows, looks ahead and comes back
    "follow_engine", "rights_shown", "look_ahead", "restore", "refresh", "new_model", "take_recommended", "note",
    "look_for_devices", "folder_opened", "composed_note", "batch_size_shown", "use_composed",
    # the chat: what belongs to a browser, and what is only read
    "chat_opened", "chat_closed", "chat_edited", "chat_asked", "chat_stopped", "column_follows", "column_opened_settings",
    "column_opened_prompt", "column_opened_json", "json_typed", "settings_changed", "about_model", "tools_typed", "more_typed",
    "structure_typed", "structure_chosen", "tools_json_example", "tools_python_example", "own_presets", "presets_shown",
    "take_preset", "save_preset", "delete_preset", "show_template", "begin_override", "without_override",
}  # fmt: skip
COUNTED_BY_THEMSELVES = {"chat_submitted"}
"""It tells too many in the chat, where the words that were not sent stay."""
HARMLESS_QUESTIONS = {
    "pulse", "growth", "metrics", "metrics_request", "metrics_requests", "metrics_compare", "tune_view", "tune_offers",
    "models_view", "models_library", "models_installed", "models_options", "models_command",
}  # fmt: skip
GUARDED_TUNING = {
    "tune_start", "tune_pause", "tune_cancel", "tune_resume", "tune_rename", "tune_delete", "tune_apply", "tune_profile",
    "tune_code",
}  # fmt: skip
GUARDED_MODELS = {
    "models_search", "models_files", "models_token", "models_download", "models_convert", "models_pause", "models_resume",
    "models_cancel", "models_forget", "models_sizes", "models_rename", "models_delete", "models_verify",
    "models_verify_stop", "models_load", "models_unload", "models_inspect",
}  # fmt: skip
GUARDED_QUESTIONS = {"metrics_again", "metrics_bandwidth"} | GUARDED_TUNING | GUARDED_MODELS
FOR_USE = {
    "cancel_request", "status", "startup_status", "tokenize", "detokenize", "apply_template", "chat_template",
    "check_structure", "conversations", "conversation", "create_conversation", "rename_conversation", "delete_conversation",
    "export_conversation", "import_conversation", "add_message", "replace_messages", "edit_message", "delete_message",
    "message_tokens", "move_message", "select_message", "undo_message", "list_presets", "save_preset", "delete_preset",
    "models", "model_details", "devices", "properties", "cache_usage", "validate", "fit", "metrics_summary",
    "metrics_series", "metrics_stages", "metrics_options", "metrics_definitions", "metrics_compare", "metrics_roofline",
    "metrics_export", "metrics_requests", "metrics_request", "request_curl", "tune_presets", "tune_axes", "tune_runs",
    "tune_run", "tune_export", "tune_report", "models_library", "conversion_options", "conversion_command",
}  # fmt: skip
GENERATING = {"chat", "answer", "run_again"}


@contextmanager
def builder(engine: Engine, folder: Path) -> Iterator[Callable[..., gr.Blocks]]:
    """Builds the page with a profile `secret profile` beside it."""
    store, conversations = MetricsStore(folder / "m.sqlite3"), ConversationStore(folder / "c.sqlite3")
    profiles = ProfileStore(folder / "profiles")
    profiles.save(Profile(name="secret profile", load=LoadRequest(model_path="script")))
    startup = Startup(engine, Settings(model="none"), lambda status: None)

    def built(requests_per_minute: int = 0) -> gr.Blocks:
        runs = TuningRuns(engine, folder / "tuning")
        return build_page(
            engine,
            store,
            startup,
            profiles,
            conversations,
            runs,
            made_tasks(engine),
            no_hub(),
            access=Access(requests_per_minute),
        )

    yield built
    store.close()
    conversations.close()


@pytest.fixture
def serve(scripted: Engine, tmp_path: Path) -> Iterator[Callable[..., tuple[str, gr.Blocks]]]:
    """Serves a page of the test's own without a guard, so that a request tells its role itself; returns address and page."""
    with builder(scripted, tmp_path) as build, ExitStack() as opened:

        def served(requests_per_minute: int = 0) -> tuple[str, gr.Blocks]:
            page = build(requests_per_minute)
            return opened.enter_context(serve_page(page)), page

        yield served


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    """Built once for what is only read, or refused whatever was asked before; its model is loaded."""
    folder = tmp_path_factory.mktemp("page")
    write_script(folder / "models" / "script")
    with Engine(folder / "models") as engine:
        engine.load(LoadRequest(model_path="script"))
        with builder(engine, folder) as build:
            yield build()


@pytest.fixture(scope="module")
def address(page: gr.Blocks) -> Iterator[str]:
    """Where that page is served, without a guard."""
    with serve_page(page) as served:
        yield served


def queued(address: str, function: Any, headers: dict[str, str]) -> dict[str, Any]:
    """What the last message says when a function is called by its number, as the page does it."""
    body = {"data": [None] * len(function.inputs), "fn_index": function._id, "session_hash": f"s{function._id}"}
    httpx.post(f"{address}/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
    told = f"{address}/gradio_api/queue/data?session_hash={body['session_hash']}"
    with httpx.stream("GET", told, headers=headers, timeout=20) as response:
        for line in response.iter_lines():
            message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if message.get("msg") == "process_completed":
                return dict(message)
    raise AssertionError("it did not complete")


def test_every_event_and_endpoint_is_harmless_or_guarded(page: gr.Blocks) -> None:
    for function in page.fns.values():
        if function.fn is None:
            continue
        name, right = function.fn.__name__, right_of(function.fn)
        if function.api_visibility == "public":
            expected = name in GENERATING if right == COUNTED else (name in FOR_USE) == (right is None)
        else:
            expected = right is not None or name in HARMLESS_EVENTS | COUNTED_BY_THEMSELVES
        assert expected, f"{name} ({function.api_visibility}) needs a decision: may a key for use call it?"


def test_every_question_of_a_component_is_harmless_or_guarded(page: gr.Blocks) -> None:
    asked = {
        name
        for block in page.blocks.values()
        for name in dir(block)
        if getattr(getattr(block, name, None), "_is_server_fn", False)
    }
    assert asked == HARMLESS_QUESTIONS | GUARDED_QUESTIONS


def test_a_key_for_use_can_call_nothing_that_administers_by_its_number(
    serve: Callable[..., tuple[str, gr.Blocks]], scripted: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    address, page = serve()
    before = scripted.status().models[0].process_id
    guarded = [each for each in page.fns.values() if each.fn is not None and right_of(each.fn) not in (None, COUNTED)]
    assert len(guarded) > 20
    for function in guarded:
        message = queued(address, function, USER)
        assert not message["success"]
        assert message["output"]["error"] == f"{right_of(function.fn)} {SENTENCE}"
    assert [each.process_id for each in scripted.status().models] == [before]
    assert "Traceback" not in capfd.readouterr().err


def test_a_key_for_use_can_load_nothing_by_name(serve: Callable[..., tuple[str, gr.Blocks]], scripted: Engine) -> None:
    address, page = serve()
    before = scripted.status().models[0].process_id
    client = Client(address, verbose=False, headers=USER)
    for name, arguments in (("load_model", ["script"]), ("load_profile", ["secret profile"]), ("list_profiles", [])):
        with pytest.raises(AppError, match="needs the administration key"):
            client.predict(*arguments, api_name=f"/{name}")
    event = httpx.post(f"{address}/gradio_api/call/unload_model", json={"data": [None]}, headers=USER).json()[
        "event_id"
    ]
    told = httpx.get(f"{address}/gradio_api/call/unload_model/{event}", headers=USER, timeout=20).text
    assert "event: error" in told
    number = next(each._id for each in page.fns.values() if each.api_name == "unload_model")
    for path, more in (("run/unload_model", {}), ("run/predict", {"fn_index": number}), ("api/unload_model", {})):
        body = {"data": [None], "session_hash": "x", **more}
        answered = httpx.post(f"{address}/gradio_api/{path}", json=body, headers=USER)
        assert answered.status_code >= 400, path
    assert [each.process_id for each in scripted.status().models] == [before]
    assert Client(address, verbose=False, headers=ADMINISTRATOR).predict(api_name="/unload_model")["name"] == "script"


def test_a_component_measures_no_bandwidth_for_a_key_for_use(address: str, page: gr.Blocks) -> None:
    (component,) = (each for each in page.blocks.values() if getattr(each, "elem_id", None) == "oa-metrics")
    body = {
        "data": '{"device": "CPU"}',
        "component_id": component._id,
        "fn_name": "metrics_bandwidth",
        "session_hash": "x",
    }
    answer = httpx.post(f"{address}/gradio_api/component_server", json=body, headers=USER).json()
    assert json.loads(answer)["error"]["code"] == "administrator_needed"


def test_the_tune_tab_starts_changes_and_tells_no_code_for_a_key_for_use(address: str, page: gr.Blocks) -> None:
    (component,) = (each for each in page.blocks.values() if hasattr(each, "tune_start"))
    for name in sorted(GUARDED_TUNING):
        body = {"data": "{}", "component_id": component._id, "fn_name": name, "session_hash": "x"}
        answer = httpx.post(f"{address}/gradio_api/component_server", json=body, headers=USER).json()
        assert json.loads(answer)["error"]["code"] == "administrator_needed", name


def test_the_models_tab_asks_no_hub_and_changes_nothing_for_a_key_for_use(address: str, page: gr.Blocks) -> None:
    (component,) = (each for each in page.blocks.values() if hasattr(each, "models_download"))
    for name in sorted(GUARDED_MODELS):
        body = {"data": "{}", "component_id": component._id, "fn_name": name, "session_hash": "x"}
        answer = httpx.post(f"{address}/gradio_api/component_server", json=body, headers=USER).json()
        assert json.loads(answer)["error"]["code"] == "administrator_needed", name


def test_the_page_of_a_key_for_use_offers_no_load_and_names_no_profile(address: str, page: gr.Blocks) -> None:
    assert "secret profile" not in httpx.get(f"{address}/config", headers=USER).text
    by_name = {each.fn.__name__: each for each in page.fns.values() if each.fn is not None}
    shown = queued(address, by_name["rights_shown"], USER)["output"]["data"]
    assert [each.get("interactive") for each in shown[4:]] == [False] * 7
    assert shown[2]["visible"] and "secret" not in json.dumps(shown)
    offered = queued(address, by_name["rights_shown"], ADMINISTRATOR)["output"]["data"]
    assert "secret profile" in json.dumps(offered) and "interactive" not in json.dumps(offered[2:])
    followed = json.dumps(queued(address, by_name["follow_engine"], USER)["output"]["data"])
    assert '"visible": true' not in followed.replace(" ", "").replace(":t", ": t")


def test_generating_is_counted_for_each_caller_and_too_much_is_said(
    serve: Callable[..., tuple[str, gr.Blocks]],
) -> None:
    address, page = serve(2)
    client = Client(address, verbose=False, headers=USER)
    for _ in range(2):
        client.predict("hello", max_new_tokens=2, api_name="/chat")
    with pytest.raises(AppError, match=r"2 calls a minute are allowed for each key\. Try again in "):
        client.predict("hello", api_name="/chat")
    assert Client(address, verbose=False, headers=ADMINISTRATOR).predict("hello", max_new_tokens=2, api_name="/chat")
    (component,) = (each for each in page.blocks.values() if getattr(each, "elem_id", None) == "oa-metrics")
    question = '{"request_id": "a"}'
    body = {"data": question, "component_id": component._id, "fn_name": "metrics_again", "session_hash": "x"}
    answer = httpx.post(f"{address}/gradio_api/component_server", json=body, headers=USER).json()
    assert json.loads(answer)["error"]["code"] == "rate_limited"


def test_a_call_without_a_request_may_not_administer() -> None:
    rights = Rights(Access())
    assert not rights.may_administer(None)
    with pytest.raises(gr.Error, match="Loading a model needs the administration key"):
        rights.administers("Loading a model", lambda: None)(None)


def test_the_note_says_what_needs_the_key(page: gr.Blocks) -> None:
    notes = [each for each in page.blocks.values() if getattr(each, "elem_id", None) == "oa-load-rights"]
    assert len(notes) == 1 and NOTE in str(notes[0].value) and not notes[0].visible
