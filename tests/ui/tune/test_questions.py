"""The questions of the Tune tab as its script asks them: texts in, texts out, never an exception; and who may ask what."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.access import ROLE_HEADER, Access, Role
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import EngineReserved, TuningRunNotFound
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning.results import RunHead, RunState, RunView
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.tune.questions import questions
from tests.browser import tune_answers as made_up

LOOKING = ("tune_view", "tune_offers")
CHANGING: dict[str, dict[str, Any]] = {
    "tune_start": {"request": {"kind": "bench", "configuration": {"model_path": "m"}}},
    "tune_pause": {"run_id": "run-1"},
    "tune_cancel": {"run_id": "run-1"},
    "tune_resume": {"run_id": "run-1"},
    "tune_rename": {"run_id": "run-1", "name": "other"},
    "tune_delete": {"run_id": "run-1"},
    "tune_apply": {"run_id": "run-1", "configuration_id": "c18"},
    "tune_profile": {"run_id": "run-1", "configuration_id": "c18", "name": "fast"},
    "tune_code": {"run_id": "run-1", "configuration_id": "c18", "kind": "curl"},
}


class Runs:
    """One run that is over, and what was asked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.works: RunHead | None = None
        self.number = 7
        self.shown = made_up.sweep_view()

    def heads(self) -> Sequence[RunHead]:
        return (made_up.head(),)

    def view(self, run_id: str) -> RunView:
        if run_id != "run-1":
            raise TuningRunNotFound("There is no run 'other'.", "Choose one of the list.")
        return self.shown

    def active(self) -> RunHead | None:
        return self.works

    def revision(self) -> int:
        return self.number

    def start(self, request: Any) -> RunHead:
        return self._do("start", request.kind)

    def pause(self, run_id: str) -> RunHead:
        return self._do("pause", run_id)

    def cancel(self, run_id: str) -> RunHead:
        return self._do("cancel", run_id)

    def resume(self, run_id: str) -> RunHead:
        return self._do("resume", run_id)

    def rename(self, run_id: str, name: str) -> RunHead:
        return self._do("rename", name)

    def delete(self, run_id: str) -> None:
        self._do("delete", run_id)

    def _do(self, name: str, what: Any) -> RunHead:
        self.done.append((name, what))
        return made_up.head()


class Loading:
    """An engine of which loading and the catalogue are asked."""

    def __init__(self, folder: Path) -> None:
        self.model_folder = folder
        self.places = Places(folder, folder / "cache")
        self.loads: list[LoadRequest] = []
        self.refuses = False

    def load(self, request: LoadRequest) -> Any:
        if self.refuses:
            raise EngineReserved("The bench 'a' measures, and everything else would spoil it.", "Wait until it ends.")
        self.loads.append(request)
        return SimpleNamespace(name=request.model_path, load_seconds=1.94)


class Asking:
    """The functions over these, asked with a key of either role."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.engine = Runs(), Loading(folder)
        self.profiles = ProfileStore(folder / "profiles")
        engine: Any = self.engine
        runs: Any = self.runs
        rights = Rights(Access())
        self.functions = {each.__name__: each for each in questions(engine, runs, self.profiles, rights)}

    def ask(self, name: str, question: Any, role: Role = Role.ADMINISTRATOR) -> dict[str, Any]:
        text = question if isinstance(question, str) else json.dumps(question)
        request = SimpleNamespace(request=SimpleNamespace(base_url="http://host:7860/"), headers={ROLE_HEADER: role})
        asked: Any = self.functions[name](text, request)
        answer = asyncio.run(asked)
        assert isinstance(answer, str)
        return dict(json.loads(answer))


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    (tmp_path / made_up.MODELS[1]).mkdir()
    (tmp_path / made_up.MODELS[1] / "openvino_model.xml").write_text("<net/>")
    return Asking(tmp_path)


def test_every_question_is_there_once(asking: Asking) -> None:
    assert set(asking.functions) == {*LOOKING, *CHANGING}


@pytest.mark.parametrize("name", [*LOOKING, *CHANGING])
@pytest.mark.parametrize("question", ["", "null", "[]", "{", '{"nonsense": 1}', '"x"'])
def test_nonsense_is_answered_with_an_error_in_words(asking: Asking, name: str, question: str) -> None:
    error = asking.ask(name, question)["error"]
    assert error["code"] == "invalid_request" and error["message"] and set(error) == {"message", "hint", "code"}


@pytest.mark.parametrize("name", CHANGING)
def test_a_use_key_changes_nothing_and_is_told_why(asking: Asking, name: str) -> None:
    answer = asking.ask(name, CHANGING[name], Role.USER)
    assert answer["error"]["code"] == "administrator_needed" and "administration key" in answer["error"]["message"]
    assert not asking.runs.done and not asking.engine.loads and not list(asking.profiles.list())


@pytest.mark.parametrize("name", CHANGING)
def test_an_administration_key_may(asking: Asking, name: str) -> None:
    assert "error" not in asking.ask(name, CHANGING[name])


def test_a_use_key_sees_results_and_the_sentence_why_it_can_not_change_them(asking: Asking) -> None:
    answer = asking.ask("tune_view", {"run_id": "run-1"}, Role.USER)
    assert answer["view"]["best_id"] == "c18" and answer["heads"][0]["run_id"] == "run-1"
    assert answer["may_administer"] is False and "administration key" in answer["why_not"]
    assert asking.ask("tune_view", {})["may_administer"] is True


def test_nothing_but_the_revision_is_sent_while_nothing_changed(asking: Asking) -> None:
    first = asking.ask("tune_view", {"run_id": "run-1"})
    assert asking.ask("tune_view", {"run_id": "run-1", "since_revision": first["revision"]}) == {"revision": 7}
    asking.runs.number = 8
    assert asking.ask("tune_view", {"run_id": "run-1", "since_revision": 7})["view"] is not None


def test_no_text_names_a_folder_of_this_machine(asking: Asking) -> None:
    folder = asking.engine.model_folder
    whole = made_up.sweep_view()
    named = dataclasses.replace(whole.head, words=f"{folder}/m is not there.")
    load = whole.results[0].configuration.load.model_copy(update={"model_path": f"{folder}/m"})
    first = dataclasses.replace(
        whole.results[0], configuration=dataclasses.replace(whole.results[0].configuration, load=load)
    )
    asking.runs.shown = dataclasses.replace(
        whole, head=named, results=(first, *whole.results[1:]), notes=(str(folder),)
    )
    asking.runs.heads = lambda: (named,)  # type: ignore[method-assign]
    answer = asking.ask("tune_view", {"run_id": "run-1"})
    assert str(folder) not in json.dumps(answer)
    assert answer["view"]["results"][0]["configuration"]["load"]["model_path"] == "model folder/m"
    assert answer["heads"][0]["words"] == "model folder/m is not there."


def test_what_varies_is_named_in_plain_words(asking: Asking) -> None:
    fields = asking.ask("tune_view", {"run_id": "run-1"})["fields"]
    assert fields["ov_config.KV_CACHE_PRECISION"] == {"label": "KV cache precision", "name": "KV_CACHE_PRECISION"}
    assert fields["ov_config.INFERENCE_NUM_THREADS"]["label"] == "Threads"
    assert fields["backend"] == {"label": "Backend", "name": ""}


def test_what_a_comparison_compares_is_named_too(asking: Asking) -> None:
    asking.runs.shown = made_up.comparison_view()
    fields = asking.ask("tune_view", {"run_id": "run-1"})["fields"]
    assert fields["ov_config.KV_CACHE_PRECISION"]["label"] == "KV cache precision" and "model_path" in fields


def test_a_run_that_is_not_there_does_not_hide_the_list(asking: Asking) -> None:
    answer = asking.ask("tune_view", {"run_id": "other"})
    assert answer["view"] is None and "no run 'other'" in answer["missing"] and len(answer["heads"]) == 1


def test_applying_loads_that_configuration_under_its_model_s_own_name(asking: Asking) -> None:
    answer = asking.ask("tune_apply", CHANGING["tune_apply"])
    (load,) = asking.engine.loads
    assert (
        load.name is None and load.model_path == made_up.MODELS[1] and load.ov_config == {"KV_CACHE_PRECISION": "f16"}
    )
    assert made_up.MODELS[1] in answer["words"] and "1.9 s" in answer["words"]


def test_nothing_is_applied_while_a_run_works_or_the_machine_is_reserved(asking: Asking) -> None:
    asking.runs.works = made_up.head(state=RunState.RUNNING)
    assert asking.ask("tune_apply", CHANGING["tune_apply"])["error"]["code"] == "tuning_busy"
    asking.runs.works, asking.engine.refuses = None, True
    assert asking.ask("tune_apply", CHANGING["tune_apply"])["error"]["code"] == "engine_reserved"
    assert not asking.engine.loads


def test_a_profile_is_kept_once_unless_it_may_be_replaced(asking: Asking) -> None:
    wanted = CHANGING["tune_profile"]
    assert "fast is saved" in asking.ask("tune_profile", wanted)["words"]
    kept = asking.profiles.get("fast")
    assert kept.load.model_path == made_up.MODELS[1] and "2 threads" in kept.description
    assert asking.ask("tune_profile", wanted)["error"]["code"] == "profile_exists"
    assert "words" in asking.ask("tune_profile", wanted | {"replace": True})


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_a_name_that_no_profile_can_have_is_refused_in_words(asking: Asking, name: str) -> None:
    error = asking.ask("tune_profile", CHANGING["tune_profile"] | {"name": name})["error"]
    assert error["code"] == "invalid_request" and "name" in error["message"] and error["hint"]


def test_a_configuration_as_code_and_one_that_is_not_there(asking: Asking) -> None:
    code = asking.ask("tune_code", CHANGING["tune_code"])["code"]
    assert made_up.MODELS[1] in code and "http://host:7860/model/load" in code
    error = asking.ask("tune_code", CHANGING["tune_code"] | {"configuration_id": "c999"})["error"]
    assert error["code"] == "tuning_configuration_not_found" and "no configuration 'c999'" in error["message"]
