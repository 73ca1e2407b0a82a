"""Downloads and conversions as tasks: in turn, kept on disk, gone on with, and never half there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import (
    ConversionFailed,
    EngineClosed,
    HubUnreachable,
    InvalidRequest,
    ModelExists,
    ModelFolderUnusable,
    ModelInUse,
    TaskNotFound,
)
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import TaskState
from openarc_ui.models.work.record import FOLDER
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.models.work.worker import Work
from tests.models.work.scripted_work import CARD, ScriptedWork

GET = DownloadRequest(repository="Somebody/tiny-ov")
GET_OTHER = DownloadRequest(repository="Somebody/other-ov")
CONVERT = ConversionRequest(source="tiny", options={"weight-format": "int4"})
ROOT = Path(__file__).parents[3]


class Shop:
    """Hands out scripted work, and tells which was handed out."""

    def __init__(self) -> None:
        self.next: list[ScriptedWork] = []
        self.made: list[ScriptedWork] = []

    def __call__(self, request: DownloadRequest | ConversionRequest) -> Work:
        work = self.next.pop(0) if self.next else ScriptedWork()
        self.made.append(work)
        return work


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    (tmp_path / "models").mkdir()
    return make_engine()


@pytest.fixture
def open_tasks(engine: Engine, shop: Shop) -> Iterator[Callable[[], ModelTasks]]:
    opened: list[ModelTasks] = []

    def make() -> ModelTasks:
        opened.append(ModelTasks(engine, shop))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def tasks(open_tasks: Callable[[], ModelTasks]) -> ModelTasks:
    return open_tasks()


def free(work: ScriptedWork) -> ScriptedWork:
    work.goes_on.set()
    return work


def in_the_middle(shop: Shop, number: int = -1) -> ScriptedWork:
    until(lambda: len(shop.made) > (number if number >= 0 else 0))
    work = shop.made[number]
    assert work.is_in_the_middle.wait(60)
    return work


def until(is_true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def names_in(engine: Engine) -> list[str]:
    return [entry.name for entry in engine.catalog()]


def test_a_result_is_a_model_once_it_is_whole_and_not_before(tasks: ModelTasks, engine: Engine, shop: Shop) -> None:
    begun = tasks.start(GET)
    assert begun.state in (TaskState.WAITING, TaskState.RUNNING) and begun.name == "tiny-ov" and begun.can_pause
    work = in_the_middle(shop)
    assert names_in(engine) == []
    until(lambda: tasks.task(begun.task_id).progress.done_bytes == 2)
    told = tasks.task(begun.task_id)
    assert told.progress.fraction == 0.5 and told.progress.stage == "Works" and told.progress.bytes_per_second == 10.0
    free(work)
    done = tasks.wait(begun.task_id, 5)
    assert done.state is TaskState.FINISHED and done.ended_at is not None and not done.can_pause and not done.can_resume
    assert done.progress.bytes_per_second is None and done.progress.left_seconds is None
    assert names_in(engine) == ["tiny-ov"]
    assert [each.name for each in (engine.model_folder / FOLDER / begun.task_id).iterdir() if each.is_dir()] == []


def test_one_of_each_kind_works_and_the_others_wait_in_order(tasks: ModelTasks, shop: Shop) -> None:
    first, second = tasks.start(GET), tasks.start(GET_OTHER)
    converting = tasks.start(CONVERT)
    until(lambda: tasks.task(first.task_id).state is TaskState.RUNNING)
    until(lambda: tasks.task(converting.task_id).state is TaskState.RUNNING)
    waiting = tasks.task(second.task_id)
    assert waiting.state is TaskState.WAITING and waiting.progress.stage == "Waits for 'tiny-ov'"
    free(shop.made[0])
    assert tasks.wait(first.task_id, 5).state is TaskState.FINISHED
    until(lambda: tasks.task(second.task_id).state is TaskState.RUNNING)
    assert [task.task_id for task in tasks.tasks()] == [converting.task_id, second.task_id, first.task_id] or len(
        {task.created_at for task in tasks.tasks()}
    ) < 3


def test_a_paused_download_goes_on_where_it_was(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    begun = tasks.start(GET)
    in_the_middle(shop)
    paused = tasks.pause(begun.task_id)
    assert paused.state is TaskState.PAUSED and paused.can_resume and not paused.can_pause
    assert tasks.pause(begun.task_id).state is TaskState.PAUSED
    shop.next = [free(ScriptedWork())]
    assert tasks.resume(begun.task_id).state in (TaskState.WAITING, TaskState.RUNNING)
    assert tasks.wait(begun.task_id, 5).state is TaskState.FINISHED
    assert shop.made[-1].began_with == [2] and names_in(engine) == ["tiny-ov"]


def test_a_conversion_can_not_be_paused_and_begins_anew(tasks: ModelTasks, shop: Shop) -> None:
    shop.next = [ScriptedWork(error=ConversionFailed("No.", "Try another.")), free(ScriptedWork(card=CARD))]
    begun = tasks.start(CONVERT)
    with pytest.raises(InvalidRequest, match="can't be paused"):
        tasks.pause(begun.task_id)
    failed = tasks.wait(begun.task_id, 5)
    assert failed.state is TaskState.FAILED and failed.problem is not None and failed.can_resume
    assert (failed.problem.code, failed.problem.message) == ("conversion_failed", "No.")
    tasks.resume(begun.task_id)
    done = tasks.wait(begun.task_id, 5)
    assert done.state is TaskState.FINISHED and done.card == CARD and done.problem is None
    assert shop.made[-1].began_with == [0] and done.name == "tiny-int4"


def test_cancelling_deletes_what_was_made(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    begun, waiting = tasks.start(GET), tasks.start(GET_OTHER)
    in_the_middle(shop, 0)
    assert tasks.cancel(waiting.task_id).state is TaskState.CANCELLED
    cancelled = tasks.cancel(begun.task_id)
    assert cancelled.state is TaskState.CANCELLED and not cancelled.can_resume
    assert not (engine.model_folder / FOLDER / begun.task_id / "work").exists()
    assert tasks.cancel(begun.task_id).state is TaskState.CANCELLED
    with pytest.raises(InvalidRequest, match="can't go on"):
        tasks.resume(begun.task_id)


def test_a_paused_download_can_be_cancelled_and_gives_its_space_back(
    tasks: ModelTasks, shop: Shop, engine: Engine
) -> None:
    begun = tasks.start(GET)
    in_the_middle(shop)
    tasks.pause(begun.task_id)
    work = engine.model_folder / FOLDER / begun.task_id / "work"
    assert (work / "part.bin").stat().st_size == 2
    assert tasks.cancel(begun.task_id).state is TaskState.CANCELLED and not work.exists()


def test_what_is_finished_can_not_be_cancelled(tasks: ModelTasks, shop: Shop) -> None:
    shop.next = [free(ScriptedWork())]
    begun = tasks.start(GET)
    tasks.wait(begun.task_id, 5)
    with pytest.raises(InvalidRequest, match="finished"):
        tasks.cancel(begun.task_id)


def test_forgetting_leaves_the_result_and_nothing_else(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    begun = tasks.start(GET)
    with pytest.raises(ModelInUse):
        tasks.forget(begun.task_id)
    free(in_the_middle(shop))
    tasks.wait(begun.task_id, 5)
    tasks.forget(begun.task_id)
    assert tasks.tasks() == [] and names_in(engine) == ["tiny-ov"]
    assert list((engine.model_folder / FOLDER).iterdir()) == []
    with pytest.raises(TaskNotFound):
        tasks.task(begun.task_id)


@pytest.mark.parametrize("task_id", ["x", "../tiny", "20260101-000000-aaaaaa", "..", "", "x" * 500])
def test_an_unknown_task_is_an_error(tasks: ModelTasks, task_id: str) -> None:
    with pytest.raises(TaskNotFound):
        tasks.task(task_id)


def test_a_name_that_is_taken_or_being_made_is_refused_at_once(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    tasks.start(GET)
    with pytest.raises(ModelExists, match="makes 'tiny-ov' already"):
        tasks.start(GET)
    with pytest.raises(ModelExists, match="makes 'Tiny-OV' already"):
        tasks.start(GET.model_copy(update={"name": "Tiny-OV"}))
    (engine.model_folder / "other-ov").mkdir()
    with pytest.raises(ModelExists, match="in the model folder already"):
        tasks.start(GET_OTHER)
    assert len(shop.made) == 1
    with pytest.raises(InvalidRequest, match="no model"):
        tasks.start(GET.model_copy(update={"name": "it.part"}))


def test_a_name_that_is_taken_meanwhile_fails_the_task_and_keeps_its_result(
    tasks: ModelTasks, shop: Shop, engine: Engine
) -> None:
    begun = tasks.start(GET)
    work = in_the_middle(shop)
    taken = engine.model_folder / "tiny-ov"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    free(work)
    failed = tasks.wait(begun.task_id, 5)
    assert failed.state is TaskState.FAILED and failed.problem is not None and failed.problem.code == "model_exists"
    assert "resume" in failed.problem.hint and (taken / "mine.txt").read_text() == "mine"
    with pytest.raises(ModelExists):
        tasks.resume(begun.task_id)
    taken.rename(engine.model_folder / "moved")
    tasks.resume(begun.task_id)
    assert tasks.wait(begun.task_id, 5).state is TaskState.FINISHED
    assert len(shop.made) == 1 and (taken / "script.json").is_file()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (HubUnreachable("The Hub does not answer.", "Try later."), "hub_unreachable", "does not answer"),
        (OSError(errno.ENOSPC, "No space left on device"), "model_folder_unusable", "full"),
        (OSError(errno.EROFS, "Read-only file system"), "model_folder_unusable", "Read-only"),
        (ZeroDivisionError("secret"), "internal_error", "mistake"),
    ],
)
def test_whatever_ends_a_work_is_told_with_the_task(
    tasks: ModelTasks, shop: Shop, error: Exception, code: str, words: str
) -> None:
    shop.next = [ScriptedWork(error=error)]
    failed = tasks.wait(tasks.start(GET).task_id, 5)
    assert failed.state is TaskState.FAILED and failed.problem is not None
    assert failed.problem.code == code and words in failed.problem.message and "secret" not in str(failed)
    shop.next = [free(ScriptedWork())]
    tasks.resume(failed.task_id)
    assert tasks.wait(failed.task_id, 5).state is TaskState.FINISHED


def test_work_without_a_result_has_failed(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    shop.next = [free(ScriptedWork(result_name="elsewhere"))]
    failed = tasks.wait(tasks.start(GET).task_id, 5)
    assert failed.state is TaskState.FAILED and failed.problem is not None and failed.problem.code == "download_failed"
    assert names_in(engine) == []


def test_what_ran_when_the_server_ended_is_interrupted_and_can_be_resumed(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine
) -> None:
    first = open_tasks()
    begun, waiting, converting = first.start(GET), first.start(GET_OTHER), first.start(CONVERT)
    in_the_middle(shop, 0)
    in_the_middle(shop, 2)
    first.close()
    first.close()
    with pytest.raises(EngineClosed):
        first.start(GET)
    second = open_tasks()
    told = {task.task_id: task for task in second.tasks()}
    assert {told[each.task_id].state for each in (begun, waiting, converting)} == {TaskState.INTERRUPTED}
    assert all(task.can_resume for task in told.values())
    assert not (engine.model_folder / FOLDER / converting.task_id / "work").exists()
    shop.next = [free(ScriptedWork())]
    second.resume(begun.task_id)
    assert second.wait(begun.task_id, 5).state is TaskState.FINISHED and shop.made[-1].began_with == [2]


def test_when_a_conversion_was_interrupted_stays_as_it_was_first_told(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine
) -> None:
    first = open_tasks()
    begun = first.start(CONVERT)
    in_the_middle(shop, 0)
    first.close()
    ended_at = first.task(begun.task_id).ended_at
    assert ended_at is not None
    assert [open_tasks().task(begun.task_id).ended_at for _ in range(2)] == [ended_at] * 2
    file = engine.model_folder / FOLDER / begun.task_id / "task.json"
    kept = json.loads(file.read_text())
    kept["task"] |= {"state": "running", "ended_at": None}  # as of a server that was killed
    file.write_text(json.dumps(kept))
    ended_at = open_tasks().task(begun.task_id).ended_at
    assert ended_at is not None and ended_at > first.task(begun.task_id).created_at
    assert open_tasks().task(begun.task_id).ended_at == ended_at


def test_two_servers_on_one_folder_leave_each_other_s_tasks_alone(
    open_tasks: Callable[[], ModelTasks], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.models.work.tasks.GLANCE_SECONDS", 0.05)
    one, other = open_tasks(), open_tasks()
    before = other.revision()
    begun = one.start(GET)
    in_the_middle(shop)
    until(lambda: other.revision() > before)
    seen = other.task(begun.task_id)
    assert seen.state is TaskState.RUNNING and not seen.can_pause and not seen.can_resume
    assert any("Another OpenArc server" in note for note in seen.notes)
    for act in (other.pause, other.cancel, other.forget):
        with pytest.raises(ModelInUse):
            act(begun.task_id)
    with pytest.raises(InvalidRequest):
        other.resume(begun.task_id)
    with pytest.raises(ModelExists):
        other.start(GET)
    one.pause(begun.task_id)
    until(lambda: other.task(begun.task_id).state is TaskState.PAUSED)
    shop.next = [free(ScriptedWork())]
    other.resume(begun.task_id)
    assert other.wait(begun.task_id, 5).state is TaskState.FINISHED
    until(lambda: one.tasks()[0].state is TaskState.FINISHED)
    one.forget(begun.task_id)
    until(lambda: other.tasks() == [])


KILLED = """
import sys
from pathlib import Path
from openarc_ui.engine.engine import Engine
from openarc_ui.models.work.tasks import ModelTasks
from tests.models.work.scripted_work import ScriptedWork
from tests.models.work.test_tasks import CONVERT, GET

made = []
def make(request):
    made.append(ScriptedWork())
    return made[-1]

tasks = ModelTasks(Engine(Path(sys.argv[1])), make)
print(tasks.start(GET).task_id, tasks.start(CONVERT).task_id, flush=True)
for work in made:
    assert work.is_in_the_middle.wait(60)
print("in the middle", flush=True)
made[0].goes_on.wait()
"""


def test_a_killed_server_leaves_no_model_and_its_download_goes_on(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine
) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(engine.model_folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert killed.stdout is not None
    downloading, converting = killed.stdout.readline().split()
    assert killed.stdout.readline().strip() == "in the middle"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    tasks = open_tasks()
    assert names_in(engine) == []
    assert {task.state for task in tasks.tasks()} == {TaskState.INTERRUPTED}
    assert not (engine.model_folder / FOLDER / converting / "work").exists()
    shop.next = [free(ScriptedWork())]
    tasks.resume(downloading)
    assert tasks.wait(downloading, 5).state is TaskState.FINISHED and shop.made[-1].began_with == [2]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_killed_while_a_result_gets_its_name_loses_nothing(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> None:
        raise SystemExit

    shop.next = [free(ScriptedWork())]
    first = open_tasks()
    monkeypatch.setattr("openarc_ui.models.work.queue.publish", power_cut)
    begun = first.start(GET)
    thread = next(each for each in threading.enumerate() if each.name == "download tiny-ov")
    thread.join(5)
    monkeypatch.undo()
    entry = first._entries[begun.task_id]
    assert entry.lock is not None
    entry.lock.close()
    entry.lock = None
    second = open_tasks()
    assert second.task(begun.task_id).state is TaskState.INTERRUPTED
    second.resume(begun.task_id)
    assert second.wait(begun.task_id, 5).state is TaskState.FINISHED
    assert len(shop.made) == 1 and names_in(engine) == ["tiny-ov"]
    file = engine.model_folder / FOLDER / begun.task_id / "task.json"
    kept = json.loads(file.read_text())
    kept["task"]["state"] = "running"
    file.write_text(json.dumps(kept))
    assert open_tasks().task(begun.task_id).state is TaskState.FINISHED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_killed_while_a_conversion_gets_its_name_loses_nothing(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.next = [free(ScriptedWork(card=CARD))]
    begun = killed_before_the_name(open_tasks(), monkeypatch)
    second = open_tasks()
    assert second.task(begun).state is TaskState.INTERRUPTED
    second.resume(begun)
    done = second.wait(begun, 5)
    assert done.state is TaskState.FINISHED and done.card == CARD
    assert len(shop.made) == 1 and names_in(engine) == ["tiny-int4"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lost_result_is_not_told_as_finished_when_its_name_appears(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.next = [free(ScriptedWork())]
    begun = killed_before_the_name(open_tasks(), monkeypatch)
    shutil.rmtree(engine.model_folder / FOLDER / begun / "work")
    assert open_tasks().task(begun).state is TaskState.INTERRUPTED
    (engine.model_folder / "tiny-int4").mkdir()
    assert open_tasks().task(begun).state is TaskState.INTERRUPTED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_conversion_that_begins_anew_is_not_made_from_its_first_moment(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.next = [free(ScriptedWork())]
    begun = killed_before_the_name(open_tasks(), monkeypatch)
    second = open_tasks()
    folder = engine.model_folder / FOLDER / begun
    shutil.rmtree(folder / "work")
    second.resume(begun)
    in_the_middle(shop)
    assert json.loads((folder / "task.json").read_text())["is_made"] is False


def killed_before_the_name(tasks: ModelTasks, monkeypatch: pytest.MonkeyPatch) -> str:
    """A conversion that is made, and whose server ended before it had its name."""

    def power_cut(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("openarc_ui.models.work.queue.publish", power_cut)
        begun = tasks.start(CONVERT)
        thread = next(each for each in threading.enumerate() if each.name == "conversion tiny-int4")
        thread.join(5)
    entry = tasks._entries[begun.task_id]
    assert entry.lock is not None
    entry.lock.close()
    entry.lock = None
    return begun.task_id


def test_which_conversion_works_is_told_and_a_download_is_none(tasks: ModelTasks, shop: Shop) -> None:
    assert tasks.converting() is None
    tasks.start(GET)
    assert tasks.converting() is None
    tasks.start(CONVERT)
    until(lambda: tasks.converting() == "tiny-int4")


def test_a_conversion_waits_while_a_tuning_run_has_the_machine(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    held = engine.reserve("The sweep 'threads' measures", "measured")
    shop.next = [free(ScriptedWork()), free(ScriptedWork())]
    converting, downloading = tasks.start(CONVERT), tasks.start(GET)
    assert tasks.wait(downloading.task_id, 5).state is TaskState.FINISHED
    until(lambda: "'threads' measures" in tasks.task(converting.task_id).progress.stage)
    assert tasks.task(converting.task_id).state is TaskState.WAITING and shop.made[0].began_with == []
    engine.release(held)
    assert tasks.wait(converting.task_id, 5).state is TaskState.FINISHED


def test_a_conversion_that_waits_for_the_machine_can_be_cancelled(tasks: ModelTasks, engine: Engine) -> None:
    held = engine.reserve("The sweep 'threads' measures", "measured")
    converting = tasks.start(CONVERT)
    until(lambda: "measures" in tasks.task(converting.task_id).progress.stage)
    assert tasks.cancel(converting.task_id).state is TaskState.CANCELLED
    engine.release(held)


def test_the_log_names_no_path_of_this_machine_and_has_bounds(
    tasks: ModelTasks, shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.models.work.task_log.MOST_BYTES", 20_000)
    lines = (f"in {engine.model_folder}/tiny and /opt/secret/place", "10%\r20%\r100%\r\n", "", *map(str, range(20_000)))
    shop.next = [free(ScriptedWork(lines=lines))]
    done = tasks.wait(tasks.start(GET).task_id, 20)
    assert done.log[-1] == "19999" and len(done.log) == 200
    text = tasks.log(done.task_id)
    assert text.endswith("19999\n") and len(text) < 60_000
    assert len(tasks.log(done.task_id, most_bytes=100)) <= 100
    shop.next = [free(ScriptedWork(lines=lines[:3]))]
    done = tasks.wait(tasks.start(GET_OTHER).task_id, 5)
    assert done.log == ("in model folder/tiny and …", "100%")
    assert str(engine.model_folder) not in tasks.log(done.task_id)


def test_a_model_folder_that_can_not_be_written_is_said_and_nothing_breaks(tasks: ModelTasks, engine: Engine) -> None:
    (engine.model_folder / FOLDER).write_text("no folder")
    with pytest.raises(ModelFolderUnusable):
        tasks.start(GET)
    assert tasks.tasks() == []


def test_a_task_whose_state_can_not_be_written_goes_on_and_says_so(
    tasks: ModelTasks, shop: Shop, engine: Engine
) -> None:
    begun = tasks.start(GET)
    work = in_the_middle(shop)
    blocked = engine.model_folder / FOLDER / begun.task_id / "task.json"
    blocked.unlink()
    blocked.mkdir()  # over a folder no file can be put
    free(work)
    done = tasks.wait(begun.task_id, 5)
    assert done.state is TaskState.FINISHED and any("could not be written" in note for note in done.notes)
    assert names_in(engine) == ["tiny-ov"]


def test_a_failed_task_does_not_go_on_while_another_makes_its_name(tasks: ModelTasks, shop: Shop) -> None:
    shop.next = [ScriptedWork(error=HubUnreachable("No.", "")), ScriptedWork()]
    failed = tasks.wait(tasks.start(GET).task_id, 5)
    tasks.start(CONVERT.model_copy(update={"name": "tiny-ov"}))
    with pytest.raises(ModelExists, match="makes 'tiny-ov' already"):
        tasks.resume(failed.task_id)
    tasks.forget(failed.task_id)


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.PAUSED])
def test_a_download_that_stopped_on_the_way_is_named_to_whoever_begins_it_once_more(
    state: TaskState, tasks: ModelTasks, shop: Shop
) -> None:
    shop.next = [ScriptedWork(error=HubUnreachable("No.", "") if state is TaskState.FAILED else None)]
    begun = tasks.start(GET)
    in_the_middle(shop, 0)
    stopped = tasks.pause(begun.task_id) if state is TaskState.PAUSED else tasks.wait(begun.task_id, 5)
    assert (stopped.state, stopped.can_resume) == (state, True)
    is_so = "failed" if state is TaskState.FAILED else "is paused"
    same = rf"'tiny-ov' already: the same download, which {is_so} \(task {begun.task_id}\), and can go on"
    with pytest.raises(ModelExists, match=same) as refused:
        tasks.start(GET.model_copy(update={"name": "tiny-ov"}))
    assert refused.value.hint == "Resume that task; or forget it, to begin anew."
    for change in ({"revision": "v2"}, {"files": ("a.bin",)}, {"repository": "Another/tiny-ov"}):
        whose = "other files of " if "files" in change else ""
        other = rf"another download, that of {whose}Somebody/tiny-ov at main, which {is_so} \(task {begun.task_id}\)"
        with pytest.raises(ModelExists, match=other) as refused:
            tasks.start(GET.model_copy(update=change))
        assert refused.value.hint.startswith("Choose another name")
    assert len(shop.made) == 1, "the Hub was not asked for what is refused"
    tasks.start(GET_OTHER)
    tasks.forget(begun.task_id)
    assert tasks.start(GET).task_id != begun.task_id


def test_a_download_that_failed_before_its_first_byte_stands_in_nobody_s_way(tasks: ModelTasks, shop: Shop) -> None:
    shop.next = [ScriptedWork(steps=1, error=HubUnreachable("No.", ""))]
    assert tasks.wait(tasks.start(GET).task_id, 5).state is TaskState.FAILED
    assert tasks.start(GET).state in (TaskState.WAITING, TaskState.RUNNING)


def test_why_a_task_failed_names_no_path_of_this_machine(tasks: ModelTasks, shop: Shop, engine: Engine) -> None:
    hint = f"Look into {engine.model_folder}/tiny, see https://example.org/a/b."
    shop.next = [ScriptedWork(error=ConversionFailed("It ended: /opt/secret/place is missing.", hint))]
    failed = tasks.wait(tasks.start(CONVERT).task_id, 5)
    assert failed.problem is not None and failed.problem.message == "It ended: … is missing."
    assert failed.problem.hint == "Look into model folder/tiny, see https://example.org/a/b."


def test_a_folder_that_became_read_only_is_said_when_a_task_is_changed(
    tasks: ModelTasks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tasks.start(GET)
    in_the_middle(shop)
    tasks.pause(begun.task_id)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("openarc_ui.models.work.record.TaskLock", refuse)
    for act in (tasks.resume, tasks.cancel, tasks.forget):
        with pytest.raises(ModelFolderUnusable, match="Read-only"):
            act(begun.task_id)
    assert tasks.task(begun.task_id).state is TaskState.PAUSED


def test_a_damaged_record_is_told_as_failed_and_can_be_forgotten(
    open_tasks: Callable[[], ModelTasks], shop: Shop, engine: Engine
) -> None:
    first = open_tasks()
    begun = first.start(GET)
    in_the_middle(shop)
    first.close()
    (engine.model_folder / FOLDER / begun.task_id / "task.json").write_text('{"task": {')
    tasks = open_tasks()
    told = tasks.task(begun.task_id)
    assert told.state is TaskState.FAILED and told.problem is not None and "damaged" in told.problem.message
    assert not told.can_resume
    with pytest.raises(InvalidRequest):
        tasks.resume(begun.task_id)
    tasks.forget(begun.task_id)
    assert tasks.tasks() == []


def test_names_that_a_task_makes_or_reads_are_busy(tasks: ModelTasks, shop: Shop) -> None:
    begun, converting = tasks.start(GET), tasks.start(CONVERT)
    assert set(tasks.busy_names()) == {"tiny-ov", "tiny", "tiny-int4"}
    tasks.cancel(converting.task_id)
    in_the_middle(shop, 0)
    tasks.pause(begun.task_id)
    assert tasks.busy_names() == ()


def test_a_model_that_is_read_whole_is_busy_until_the_last_reader_ends(tasks: ModelTasks) -> None:
    with tasks.reading("tiny"), tasks.reading("other"):
        with tasks.reading("tiny"):
            assert set(tasks.busy_names()) == {"tiny", "other"}
        assert set(tasks.busy_names()) == {"tiny", "other"}
    assert tasks.busy_names() == ()


def test_the_revision_grows_with_every_change(tasks: ModelTasks, shop: Shop) -> None:
    seen = [tasks.revision()]
    begun = tasks.start(GET)
    seen.append(tasks.revision())
    work = in_the_middle(shop)
    seen.append(tasks.revision())
    free(work)
    tasks.wait(begun.task_id, 5)
    seen.append(tasks.revision())
    tasks.forget(begun.task_id)
    seen.append(tasks.revision())
    assert seen == sorted(set(seen))
    assert tasks.revision() == seen[-1]


def test_what_can_not_be_done_is_refused_before_a_task_is_there(engine: Engine) -> None:
    def refuse(request: DownloadRequest | ConversionRequest) -> Work:
        raise HubUnreachable("The Hub does not answer.", "Try later.")

    tasks = ModelTasks(engine, refuse)
    with pytest.raises(HubUnreachable):
        tasks.start(GET)
    assert tasks.tasks() == [] and not (engine.model_folder / FOLDER).exists()


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (GET, "tiny-ov"),
        (DownloadRequest(repository="a/b", name="mine"), "mine"),
        (ConversionRequest(source="folder/tiny.Q4_1.gguf", options={"weight-format": "int8"}), "tiny.Q4_1-int8"),
        (ConversionRequest(source="tiny"), "tiny-ov"),
        (ConversionRequest(source="Größe 1"), "Gr-e-1-ov"),
        (ConversionRequest(source="x" * 200, options={"weight-format": "fp16"}), "x" * 91 + "-fp16"),
    ],
)
def test_a_result_is_named_after_what_it_is_made_of(
    tasks: ModelTasks, request_: DownloadRequest | ConversionRequest, name: str
) -> None:
    assert tasks.start(request_).name == name
