"""The questions of the Models tab as its script asks them: texts in, texts out, never an exception; and who may ask what."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from openarc_ui.access import Role
from openarc_ui.engine.types import ModelState
from openarc_ui.errors import ModelNotFound
from openarc_ui.models import tidy
from openarc_ui.models.conversion.needs import ConversionNeeds
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection import inspect
from openarc_ui.models.results import TaskProblem, TaskState
from openarc_ui.ui.models import conversions, desk
from tests.browser import models_answers as made_up
from tests.browser.models_page import NAMES
from tests.ui.models.asked_questions import CHANGING, CONVERSION, DOWNLOAD, LOOKING, Asking, OfflineHub


def test_every_question_is_there_once_and_the_page_of_the_browser_tests_has_them_all(asking: Asking) -> None:
    assert set(asking.functions) == {*LOOKING, *CHANGING} == set(NAMES)


@pytest.mark.parametrize("name", [*LOOKING, *CHANGING])
@pytest.mark.parametrize("question", ["", "null", "[]", "{", '{"nonsense": 1}', '"x"'])
def test_nonsense_is_answered_with_an_error_in_words(asking: Asking, name: str, question: str) -> None:
    error = asking.ask(name, question)["error"]
    assert error["code"] == "invalid_request" and error["message"] and set(error) == {"message", "hint", "code"}


@pytest.mark.parametrize("name", CHANGING)
def test_a_use_key_starts_and_changes_nothing_and_is_told_why(
    asking: Asking, kept: list[tuple[Any, ...]], name: str
) -> None:
    error = asking.ask(name, CHANGING[name], Role.USER)["error"]
    assert error["code"] == "administrator_needed" and "administration key" in error["message"]
    assert not asking.tasks.done and not asking.engine.loads and not kept and asking.hub.token is None


@pytest.mark.parametrize("name", [*LOOKING, *CHANGING])
def test_an_administration_key_may(asking: Asking, name: str) -> None:
    assert "error" not in asking.ask(name, (LOOKING | CHANGING)[name])


@pytest.mark.parametrize("name", LOOKING)
def test_a_use_key_may_look(asking: Asking, name: str) -> None:
    assert "error" not in asking.ask(name, LOOKING[name], Role.USER)


def test_a_starter_comes_with_the_command_that_makes_it_and_others_with_none(asking: Asking) -> None:
    items = asking.ask("models_library", {})["items"]
    commands = {each["entry"]["name"]: each["prepare_command"] for each in items}
    assert commands.pop("SmolLM2-135M-Instruct-int4") == "python -m openarc_ui.models.prepare"
    assert set(commands.values()) == {""}
    eight = dataclasses.replace(made_up.LIBRARY[0].entry, name="SmolLM2-135M-Instruct-int8")
    assert desk.prepare_command(eight) == "python -m openarc_ui.models.prepare --precision int8"


def test_a_token_that_is_none_is_refused_in_words(asking: Asking) -> None:
    error = asking.ask("models_token", {"token": ""})["error"]
    assert "Write the token as the Hub shows it" in error["message"] and "items" not in error["message"]


def test_a_use_key_is_told_why_the_buttons_are_off(asking: Asking) -> None:
    answer = asking.ask("models_view", {}, Role.USER)
    assert answer["may_administer"] is False and "administration key" in answer["why_not"]
    assert asking.ask("models_view", {})["may_administer"] is True


def test_a_use_key_is_told_no_task_and_no_log_as_over_rest(asking: Asking) -> None:
    answer = asking.ask("models_view", {"log_of": "d1"}, Role.USER)
    assert answer["tasks"] == [] and answer["hub"]["has_token"] is False and answer["verifying"] is None
    assert asking.ask("models_view", {"log_of": "d1"})["tasks"]


def test_a_use_key_sees_models_alone_not_what_else_lies_in_the_folder(asking: Asking) -> None:
    mine = {each["name"] for each in asking.ask("models_installed", {}, Role.USER)["folders"]}
    assert "notes" not in mine and "SmolLM2-135M.gguf" in mine
    assert "notes" in {each["name"] for each in asking.ask("models_sizes", {})["folders"]}


def test_nothing_but_the_revision_is_sent_while_nothing_changed(asking: Asking) -> None:
    first = asking.ask("models_view", {})
    again = {"since_revision": first["revision"]}
    assert asking.ask("models_view", again) == {"revision": first["revision"]}
    asking.tasks.number = 8
    assert len(asking.ask("models_view", again)["tasks"]) == 2


@pytest.mark.parametrize(
    ("names", "result"),
    [
        (("SmolLM2-135M-int4",), "SmolLM2-135M-int4"),
        (("SmolLM2-135M-int4/a.gguf", "other/b.gguf"), "SmolLM2-135M-int4/a.gguf"),
        (("SmolLM2-135M-int4/a.gguf", "SmolLM2-135M-int4/b.gguf"), None),
        (("SmolLM2-135M-int4-too",), None),
    ],
)
def test_a_finished_task_names_the_model_that_it_made(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], result: str | None
) -> None:
    entries = [SimpleNamespace(name=name, kind="ir", backends=("genai",), problems=(), cannot_run={}) for name in names]
    monkeypatch.setattr(asking.engine, "catalog", lambda: entries)
    told = {task["task_id"]: task["result_model"] for task in asking.ask("models_view", {})["tasks"]}
    assert told == {"d1": None, "c1": result}


def test_a_model_that_was_loaded_and_a_token_change_the_revision(asking: Asking) -> None:
    first = asking.ask("models_view", {})["revision"]
    loaded = SimpleNamespace(request=SimpleNamespace(model_path="m"), state=ModelState.READY)
    asking.engine.loaded = [loaded]
    second = asking.ask("models_view", {"since_revision": first})
    assert second["loaded"] == ["m"]
    asking.hub.token = SecretStr("hf_secret")
    third = asking.ask("models_view", {"since_revision": second["revision"]})
    assert third["hub"]["has_token"] is True and "hf_secret" not in json.dumps(third)


def test_only_the_log_that_is_open_is_sent(asking: Asking) -> None:
    assert [task["log"] for task in asking.ask("models_view", {})["tasks"]] == [[], []]
    opened = asking.ask("models_view", {"log_of": "c1"})["tasks"]
    assert opened[0]["log"] == [] and opened[1]["log"][0] == "Reading the GGUF"


def test_a_token_goes_in_and_never_out(asking: Asking) -> None:
    assert asking.ask("models_token", {"token": "hf_secret"}) == {"has_token": True}
    assert asking.hub.token is not None and asking.hub.token.get_secret_value() == "hf_secret"
    wrong = asking.ask("models_token", {"token": ["hf_secret"]})
    assert wrong["error"]["code"] == "invalid_request" and "hf_secret" not in json.dumps(wrong)
    assert asking.ask("models_token", {"token": None}) == {"has_token": False}


def test_offline_is_said_in_words(asking: Asking) -> None:
    asking.hub.is_offline = True
    error = asking.ask("models_search", {"words": "qwen"})["error"]
    assert error == {
        "message": "The Hub does not answer.",
        "hint": "See whether this machine is online.",
        "code": "hub_unreachable",
    }


@pytest.mark.parametrize("repository", ["../../etc", "a/b/c", "a", "/etc/passwd", "a/../b"])
def test_a_repository_is_an_owner_and_a_name(asking: Asking, repository: str) -> None:
    question = {"request": {"kind": "download", "repository": repository}}
    for name in ("models_files", "models_download"):
        assert asking.ask(name, question)["error"]["code"] == "invalid_request"
    assert not asking.tasks.done


def test_what_is_asked_for_reaches_the_tasks_as_it_was_asked(asking: Asking) -> None:
    asking.ask("models_download", DOWNLOAD)
    asking.ask("models_convert", CONVERSION)
    (_, download), (_, conversion) = asking.tasks.done
    assert download.repository == made_up.REPOSITORY and download.revision == "main"
    assert conversion.options == {"weight-format": "int4"} and conversion.check is True


def test_renaming_and_deleting_spare_what_is_worked_on(asking: Asking, kept: list[tuple[Any, ...]]) -> None:
    asking.ask("models_rename", CHANGING["models_rename"])
    asking.ask("models_delete", CHANGING["models_delete"])
    assert kept == [("rename", "m", "other", ("busy",)), ("delete", "m", "m", ("busy",))]


def test_a_model_is_loaded_as_its_makers_recommend(asking: Asking) -> None:
    answer = asking.ask("models_load", {"model": "m"})
    (load,) = asking.engine.loads
    assert load.model_path == "m" and load.ov_config == {"KV_CACHE_PRECISION": "f16"}
    assert "answers in the Chat tab" in answer["words"]
    assert asking.ask("models_load", {"model": "n"})["error"]["code"] == "model_not_found"


def test_a_model_is_unloaded_under_every_name_it_has(asking: Asking) -> None:
    paths = {"first": "m", "second": "m", "other": "n"}
    asking.engine.loaded = [
        SimpleNamespace(name=name, request=SimpleNamespace(model_path=path), state=ModelState.READY)
        for name, path in paths.items()
    ]
    assert asking.ask("models_unload", {"model": "m"}) == {"unloaded": ["first", "second"]}
    assert asking.engine.unloaded == ["first", "second"]


def test_no_text_names_a_folder_of_this_machine(asking: Asking) -> None:
    folder = asking.engine.model_folder
    problem = TaskProblem("conversion_failed", f"{folder}/m could not be read.", "")
    asking.tasks.shown = (dataclasses.replace(made_up.conversion("c1", TaskState.FAILED), problem=problem),)
    answer = asking.ask("models_view", {})
    assert str(folder) not in json.dumps(answer)
    assert answer["tasks"][0]["problem"]["message"] == "model folder/m could not be read."


def wait_verified(asking: Asking) -> dict[str, Any]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        state: dict[str, Any] = asking.ask("models_view", {})["verifying"]
        if not state["is_running"]:
            return state
        time.sleep(0.01)
    raise AssertionError("it still runs")


def test_a_command_comes_with_what_it_needs_and_what_one_should_know(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asking.ask("models_command", CONVERSION)
    assert answer["command"] == "optimum-cli" and answer["needs"]["memory_bytes"] == 6
    assert answer["notes"] == ["n"]

    def broken(entry: Any, options: Any) -> ConversionNeeds:
        raise ValueError("no header")

    monkeypatch.setattr(conversions, "needs_of", broken)
    assert asking.ask("models_command", CONVERSION)["needs"] is None


def test_verifying_runs_beside_the_page_and_its_verdict_comes_with_the_view(asking: Asking) -> None:
    asking.ask("models_verify", {"model": "m"})
    state = wait_verified(asking)
    assert state["model"] == "m" and [each["verdict"] for each in state["files"]] == ["changed", "good", "unknown"]


def test_one_model_is_verified_at_a_time_and_it_can_be_stopped(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, kept: list[tuple[Any, ...]]
) -> None:
    def slow(engine: Any, model: str, say: Callable[[float], None], stopping: threading.Event) -> Sequence[Any]:
        say(0.5)
        assert stopping.wait(10)
        return ()

    monkeypatch.setattr(tidy, "verify_model", slow)
    assert asking.ask("models_verify", {"model": "m"})["verifying"]["is_running"] is True
    assert asking.ask("models_verify", {"model": "other"})["error"]["code"] == "model_in_use"
    asking.ask("models_delete", CHANGING["models_delete"])
    assert kept == [("delete", "m", "m", ("busy", "m"))], "what is read now is in use"
    asking.ask("models_verify_stop", {})
    assert wait_verified(asking)["files"] is None


def test_what_is_looked_into_is_in_use_meanwhile(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, kept: list[tuple[Any, ...]]
) -> None:
    def looked_into(engine: Any, model: str, parts: Any) -> Any:
        asking.ask("models_delete", CHANGING["models_delete"])
        return made_up.INSPECTION

    monkeypatch.setattr(inspect, "inspect_model", looked_into)
    assert "inspection" in asking.ask("models_inspect", CHANGING["models_inspect"])
    assert kept == [("delete", "m", "m", ("busy", "m"))]
    asking.ask("models_delete", CHANGING["models_delete"])
    assert kept[1] == ("delete", "m", "m", ("busy",))


def test_a_verification_that_fails_says_why(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(engine: Any, *given: Any) -> Sequence[Any]:
        raise ModelNotFound("There is no model 'm'.", "Choose one of the list.")

    monkeypatch.setattr(tidy, "verify_model", fails)
    asking.ask("models_verify", {"model": "m"})
    assert wait_verified(asking)["problem"]["code"] == "model_not_found"


def test_the_hub_of_these_tests_has_the_real_one_s_verbs() -> None:
    assert {"endpoint", "has_token", "set_token", "search", "files"} <= set(dir(Hub)) & set(dir(OfflineHub))
