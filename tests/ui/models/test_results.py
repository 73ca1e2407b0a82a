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
from tests.model_tasks import made_tasks, no_hub
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
