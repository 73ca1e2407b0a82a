"""A finished task says which model it made, and stops saying so as soon as that one is renamed or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.models.tidy import delete_model, rename_model
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.ui.models.desk import Desk
from openarc_ui.ui.models.wanted import AskedView
from tests.conftest import write_script
from tests.model_tasks import Shop, finished, made_tasks, no_hub
from tests.models.work.test_tasks import GET

MAY: dict[str, Any] = {"may_administer": True, "why_not": ""}


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine()


@pytest.fixture
def tasks(engine: Engine) -> Iterator[ModelTasks]:
    """With a download that is over."""
    tasks = made_tasks(engine)
    tasks.wait(tasks.start(GET).task_id, 10)
    yield tasks
    tasks.close()


def look(desk: Desk, since: str | None = None) -> tuple[str, str | None]:
    """The revision, and which model the task made."""
    told = desk.view(AskedView(since_revision=since), MAY)
    assert "tasks" in told, "nothing new was told"
    return told["revision"], told["tasks"][0]["result_model"]


def test_a_model_that_is_renamed_or_deleted_is_no_result_at_the_next_look(engine: Engine, tasks: ModelTasks) -> None:
    folder = engine.model_folder / "tiny-ov"
    write_script(folder)
    desk = Desk(engine, tasks, no_hub())
    revision, result = look(desk)
    assert result == "tiny-ov"
    assert desk.view(AskedView(since_revision=revision), MAY) == {"revision": revision}
    rename_model(engine, "tiny-ov", "mine")
    revision, result = look(desk, revision)
    assert result is None
    rename_model(engine, "mine", "tiny-ov")
    revision, result = look(desk, revision)
    assert result == "tiny-ov"
    delete_model(engine, "tiny-ov", "tiny-ov")
    assert look(desk, revision)[1] is None


def test_a_gguf_that_came_is_followed_within_its_folder(engine: Engine, tasks: ModelTasks) -> None:
    inner = engine.model_folder / "tiny-ov" / "q8"
    for file in (engine.model_folder / "tiny-ov").iterdir():
        file.unlink()
    inner.mkdir(parents=True)
    (inner / "a.gguf").write_bytes(b"GGUF")
    desk = Desk(engine, tasks, no_hub())
    revision, result = look(desk)
    assert result == "tiny-ov/q8/a.gguf"
    rename_model(engine, "a.gguf", "b.gguf")
    assert look(desk, revision)[1] == "tiny-ov/q8/b.gguf"


def result_of(desk: Desk) -> tuple[bool, str]:
    """Whether what the task made can be loaded, and why not."""
    told = desk.view(AskedView(), MAY)["tasks"][0]
    return told["can_load"], told["result_problem"]


def test_a_result_that_can_not_run_says_why(engine: Engine, tasks: ModelTasks) -> None:
    folder, desk = engine.model_folder / "tiny-ov", Desk(engine, tasks, no_hub())
    for file in folder.iterdir():
        file.unlink()
    assert result_of(desk) == (False, "What came holds no model.")
    (folder / "config.json").write_text("{}")
    can_load, problem = result_of(desk)
    assert not can_load and "holds no weights" in problem
    (folder / "openvino_model.xml").write_text("<net/>")
    can_load, problem = result_of(desk)
    assert not can_load and "openvino_model.bin is missing" in problem
    write_script(folder)
    assert result_of(desk) == (True, "")


def test_of_several_models_and_of_one_that_is_gone_nothing_is_offered_and_nothing_is_wrong(
    engine: Engine, tasks: ModelTasks
) -> None:
    folder, desk = engine.model_folder / "tiny-ov", Desk(engine, tasks, no_hub())
    for file in folder.iterdir():
        file.unlink()
    write_script(folder / "one")
    write_script(folder / "two")
    assert result_of(desk) == (False, "")
    delete_model(engine, "tiny-ov/one", "tiny-ov/one")
    assert result_of(desk) == (True, "")
    folder.rename(folder.with_name(".elsewhere"))
    assert result_of(desk) == (False, "")


def test_the_folder_has_another_revision_when_a_model_comes_goes_or_is_renamed(
    engine: Engine, tasks: ModelTasks
) -> None:
    desk, seen, revision = Desk(engine, tasks, no_hub()), list[str](), ""

    def see() -> None:
        nonlocal revision
        told = desk.view(AskedView(since_revision=revision), MAY)
        assert "folder_revision" in told, "nothing new was told"
        seen.append(told["folder_revision"])
        revision = told["revision"]

    see()
    write_script(engine.model_folder / "org" / "other")
    see()
    rename_model(engine, "org/other", "third")
    see()
    delete_model(engine, "org/third", "org/third")
    see()
    assert len(set(seen[:3])) == 3 and seen[3] == seen[0]
    assert desk.view(AskedView(since_revision=revision), MAY) == {"revision": revision}


@pytest.mark.parametrize(
    ("file", "note"),
    [
        ("readme.md", "When it came it could not be loaded: What came holds no model."),
        ("openvino_model.xml", "When it came it could not be loaded: openvino_model.bin is missing."),
        ("script.json", ""),
    ],
)
def test_the_task_itself_keeps_a_note_for_those_who_see_no_page(engine: Engine, file: str, note: str) -> None:
    shop = Shop()
    shop.next = [finished()]
    shop.next[0].file_name = file
    tasks = made_tasks(engine, shop)
    told = tasks.wait(tasks.start(GET).task_id, 10)
    assert (told.state, told.notes) == ("finished", (note,) if note else ())
    assert tasks.task(told.task_id).notes == told.notes
    shown = Desk(engine, tasks, no_hub()).view(AskedView(), MAY)["tasks"][0]
    assert shown["notes"] == [] and bool(shown["result_problem"]) == bool(note), "the page is told once"
    tasks.close()
