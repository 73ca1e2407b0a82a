"""A download as the tasks run it: in a process that is paused, killed, starved of disk, and goes on afterwards."""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from openarc_ui.errors import (
    DownloadFailed,
    HubAccessDenied,
    HubModelNotFound,
    HubUnreachable,
    InvalidRequest,
    ModelFolderUnusable,
    OpenArcError,
)
from openarc_ui.models.hub import download as module
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.hub.download import Download
from openarc_ui.models.requests import DownloadRequest
from openarc_ui.models.results import TaskProgress
from openarc_ui.models.work.worker import TaskStopped
from tests.hub_server import HubServer
from tests.models.hub.conftest import noise

FILES = {"config.json": b"{}", "openvino_model.bin": noise(2_000_000), "openvino_model.xml": b"<net/>"}
TOTAL = sum(map(len, FILES.values()))
REQUEST = DownloadRequest(repository="org/model")
TOKEN = "hf_s3cretword"
ROOT = Path(__file__).parents[3]


class Run:
    """One run of a download in a thread, and what it said."""

    def __init__(self, download: Download, folder: Path) -> None:
        self.said: list[TaskProgress] = []
        self.log: list[str] = []
        self.error: Exception | None = None
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(download, folder), daemon=True)
        self._thread.start()

    def _run(self, download: Download, folder: Path) -> None:
        try:
            download.run(folder, self.said.append, self.log.append, self.stopping)
        except (OpenArcError, TaskStopped, OSError) as error:
            self.error = error

    def end(self) -> Exception | None:
        """Wait for its end; what it raised."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.error

    def until(self, is_so: Callable[[TaskProgress], bool]) -> None:
        """Wait until it has said something."""
        until(lambda: any(map(is_so, list(self.said))))


def until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def loaders() -> list[psutil.Process]:
    """The downloading processes of this one."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            if "openarc_ui.models.hub.download_process" in each.cmdline():
                found.append(each)
        except psutil.Error:
            continue
    return found


def result(folder: Path) -> dict[str, bytes]:
    root = folder / "result"
    return {each.relative_to(root).as_posix(): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def assert_whole(folder: Path) -> None:
    found = result(folder)
    note = json.loads(found.pop("openarc_files.json"))
    assert found == FILES
    assert {path: each["sha256"] for path, each in note["files"].items()} == {
        path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()
    }
    assert {path: each["size_bytes"] for path, each in note["files"].items()} == {
        path: len(content) for path, content in FILES.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task's own, not made yet."""
    return tmp_path / "models" / ".tasks" / "one"


@pytest.fixture
def commit(hub_server: HubServer) -> str:
    """Of the repository that is there."""
    return hub_server.add_repository("org/model", FILES)


def download(server: HubServer, token: str | None = None, patience_seconds: float = 60.0) -> Download:
    hub = Hub(server.endpoint, SecretStr(token) if token else None)
    return Download(REQUEST, hub, hub.files("org/model"), patience_seconds=patience_seconds)


def slow_run(server: HubServer, folder: Path) -> Run:
    """A download in the middle of its large file, about a fourth of it there."""
    server.faults.bytes_per_second = 400_000
    run = Run(download(server), folder)
    run.until(lambda said: (said.done_bytes or 0) > 500_000)
    return run


def test_the_result_holds_the_files_and_what_was_noted_of_them(
    hub_server: HubServer, commit: str, folder: Path
) -> None:
    run = Run(download(hub_server), folder)
    assert run.end() is None
    assert_whole(folder)
    source = json.loads(result(folder)["openarc_files.json"])["source"]
    assert source == {"kind": "hub", "repository": "org/model", "revision": "main", "commit": commit}
    assert run.log[0].startswith(
        f"org/model at commit {commit[:12]}: 3 files, 2.0 MB, of which 2.0 MB are to be fetched; "
    )
    last = run.said[-1]
    assert (last.done_bytes, last.total_bytes, last.fraction) == (TOTAL, TOTAL, 1.0)
    assert hub_server.settled_bytes().total() == TOTAL
    assert {each.name for each in folder.iterdir()} == {"plan.json", "result"}


def test_progress_tells_speed_and_time_left(hub_server: HubServer, commit: str, folder: Path) -> None:
    run = slow_run(hub_server, folder)
    run.until(lambda said: said.left_seconds is not None)
    said = next(said for said in run.said if said.left_seconds is not None)
    assert said.stage == "Downloading" and said.detail == "openvino_model.bin"
    assert said.bytes_per_second == pytest.approx(400_000, rel=0.5)
    assert said.left_seconds == pytest.approx((TOTAL - (said.done_bytes or 0)) / (said.bytes_per_second or 1))
    run.stopping.set()
    assert isinstance(run.end(), TaskStopped)


def test_a_pause_ends_the_process_and_a_later_run_sends_no_byte_twice(
    hub_server: HubServer, commit: str, folder: Path
) -> None:
    run = slow_run(hub_server, folder)
    run.stopping.set()
    assert isinstance(run.end(), TaskStopped) and loaders() == []
    assert not (folder / "result").exists()
    there = sum(each.stat().st_size for each in (folder / "parts").iterdir())
    assert 400_000 < there < 1_900_000
    hub_server.faults.bytes_per_second = None
    hub_server.forget_sent_bytes()
    before = len(hub_server.asked)
    run = Run(download(hub_server), folder)
    assert run.end() is None
    assert_whole(folder)
    ranges = [each.headers.get("range") for each in hub_server.asked[before:] if "/store/" in each.path]
    assert ranges == [f"bytes={there}-{len(FILES['openvino_model.bin']) - 1}"]
    assert hub_server.settled_bytes()["openvino_model.bin"] <= len(FILES["openvino_model.bin"]) - there
    assert "config.json" not in hub_server.settled_bytes()


def test_a_killed_process_is_said_and_the_next_run_goes_on(hub_server: HubServer, commit: str, folder: Path) -> None:
    run = slow_run(hub_server, folder)
    (process,) = loaders()
    process.send_signal(signal.SIGKILL)
    error = run.end()
    assert isinstance(error, DownloadFailed) and "signal 9" in error.message and "Resume" in error.hint
    hub_server.faults.bytes_per_second = None
    hub_server.forget_sent_bytes()
    assert Run(download(hub_server), folder).end() is None
    assert_whole(folder)
    assert hub_server.settled_bytes().total() < 1_600_000


def test_a_resume_fetches_the_commit_it_began_with_though_the_branch_moved_and_nobody_asks_the_hub_for_files(
    hub_server: HubServer, commit: str, folder: Path
) -> None:
    run = slow_run(hub_server, folder)
    run.stopping.set()
    run.end()
    hub_server.faults.bytes_per_second = None
    hub_server.add_repository("org/model", {"config.json": b"changed", "openvino_model.bin": noise(10, 7)})
    before = len(hub_server.asked)
    assert Run(Download(REQUEST, Hub(hub_server.endpoint)), folder).end() is None
    assert_whole(folder)
    assert not any("/revision/" in each.path for each in hub_server.asked[before:])


def test_a_cut_in_the_middle_of_a_file_is_no_end(hub_server: HubServer, commit: str, folder: Path) -> None:
    hub_server.faults.cut_after_bytes, hub_server.faults.cuts = 800_000, 1
    run = Run(download(hub_server), folder)
    assert run.end() is None
    assert_whole(folder)
    assert any("the connection was cut" in line for line in run.log)
    assert any(said.stage.startswith("Waiting 1 s") for said in run.said)


def test_a_network_that_goes_away_fails_and_can_be_resumed(hub_server: HubServer, commit: str, folder: Path) -> None:
    hub_server.faults.cut_after_bytes = 300_000
    hub_server.faults.cuts = 1
    one = download(hub_server, patience_seconds=0.2)
    run = Run(one, folder)
    run.until(lambda said: said.stage.startswith("Waiting"))
    hub_server.faults.statuses = [(503, None)] * 50
    error = run.end()
    assert isinstance(error, HubUnreachable) and "resume" in error.hint
    hub_server.faults.statuses.clear()
    hub_server.forget_sent_bytes()
    assert Run(download(hub_server), folder).end() is None
    assert_whole(folder)
    assert hub_server.settled_bytes().total() < TOTAL - 200_000


def test_offline_is_said_at_once_and_no_process_is_started(hub_server: HubServer, commit: str, folder: Path) -> None:
    one = Download(REQUEST, Hub(hub_server.endpoint))
    hub_server.close()
    began = time.monotonic()
    run = Run(one, folder)
    assert isinstance(run.end(), HubUnreachable) and time.monotonic() - began < 15
    assert not folder.exists()


def test_a_disk_without_room_is_said_before_anything_is_fetched(
    hub_server: HubServer, commit: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=101_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    error = Run(download(hub_server), folder).end()
    assert isinstance(error, ModelFolderUnusable)
    assert error.message == "2.0 MB are to be fetched, and the disk of the model folder has 101.0 MB free."
    assert hub_server.settled_bytes().total() == 0


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Processes that are started meanwhile can write no larger file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_fails_keeps_what_is_there_and_can_be_resumed(
    hub_server: HubServer, commit: str, folder: Path
) -> None:
    with largest_file(1_000_000):
        error = Run(download(hub_server), folder).end()
    assert isinstance(error, ModelFolderUnusable) and "full" in error.message
    assert not (folder / "result").exists()
    hub_server.forget_sent_bytes()
    assert Run(download(hub_server), folder).end() is None
    assert_whole(folder)
    assert hub_server.settled_bytes().total() == TOTAL - 1_000_000 - len(FILES["config.json"])


def test_a_task_folder_that_is_a_file_is_said(hub_server: HubServer, commit: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    assert isinstance(Run(download(hub_server), folder).end(), ModelFolderUnusable)


def test_a_token_is_in_no_argument_variable_file_or_log(
    hub_server: HubServer,
    commit: str,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("OPENARC_HUB_TOKEN", TOKEN)
    hub_server.allow(TOKEN, "org/model")
    hub_server.repositories["org/model"].gated = True
    hub_server.faults.bytes_per_second = 400_000
    run = Run(download(hub_server, TOKEN), folder)
    run.until(lambda said: (said.done_bytes or 0) > 100_000)
    (process,) = loaders()
    told = repr(process.cmdline()) + repr(process.environ())
    hub_server.faults.bytes_per_second = None
    process.send_signal(signal.SIGKILL)
    assert isinstance(run.end(), DownloadFailed)
    again = Run(download(hub_server, TOKEN), folder)
    assert again.end() is None
    assert_whole(folder)
    assert any(each.token == TOKEN for each in hub_server.asked) and not hub_server.token_reached_the_store
    told += repr((run.error, run.log, run.said, again.log, again.said)) + caplog.text
    told += "".join(each.read_bytes().decode("latin-1") for each in folder.rglob("*") if each.is_file())
    assert "s3cret" not in told


def test_a_gated_model_without_access_starts_no_download(hub_server: HubServer, commit: str, folder: Path) -> None:
    one = Download(REQUEST, Hub(hub_server.endpoint))
    hub_server.repositories["org/model"].gated = True
    assert isinstance(Run(one, folder).end(), HubAccessDenied)
    hub_server.repositories.clear()
    assert isinstance(Run(one, folder).end(), HubModelNotFound)
    assert not folder.exists()


def test_a_named_file_that_is_not_there_is_refused_when_the_download_is_made(
    hub_server: HubServer, commit: str
) -> None:
    hub = Hub(hub_server.endpoint)
    request = DownloadRequest(repository="org/model", files=("openvino_model.bn",))
    with pytest.raises(InvalidRequest, match="has no file"):
        Download(request, hub, hub.files("org/model"))


def test_a_finished_download_is_not_done_again(hub_server: HubServer, commit: str, folder: Path) -> None:
    one = download(hub_server)
    assert Run(one, folder).end() is None
    hub_server.close()
    assert Run(one, folder).end() is None


def test_a_server_that_is_killed_leaves_no_process_and_the_next_one_goes_on(
    hub_server: HubServer, commit: str, folder: Path
) -> None:
    hub_server.faults.bytes_per_second = 400_000
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from openarc_ui.models.hub.client import Hub\n"
        "from openarc_ui.models.hub.download import Download\n"
        "from openarc_ui.models.requests import DownloadRequest\n"
        "download = Download(DownloadRequest(repository='org/model'), Hub(sys.argv[1]))\n"
        "download.run(Path(sys.argv[2]), lambda said: None, lambda line: None, threading.Event())\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program, hub_server.endpoint, str(folder)], cwd=ROOT)
    until(lambda: hub_server.all_sent_bytes > 500_000)
    (process,) = loaders()
    server.kill()
    server.wait()
    process.wait(5)
    assert not (folder / "result").exists()
    hub_server.faults.bytes_per_second = None
    hub_server.forget_sent_bytes()
    assert Run(download(hub_server), folder).end() is None
    assert_whole(folder)
    assert hub_server.settled_bytes().total() < 1_700_000


def test_a_server_that_keeps_silent_is_told_and_how_long_it_is_tried(
    hub_server: HubServer, commit: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 1.0)
    hub_server.faults.hangs_after_bytes, hub_server.faults.bytes_per_second = 1_000_000, 1_500_000
    run = Run(download(hub_server), folder)
    run.until(lambda said: said.stage == "No bytes for 2 s; tried again for up to 60 s")
    silent = next(each for each in run.said if each.stage.startswith("No bytes"))
    assert silent.detail == "openvino_model.bin" and (silent.done_bytes or 0) > 500_000
    hub_server.faults.hangs_after_bytes = None
    assert run.end() is None
    assert run.said[-1].stage == "Downloaded"
    assert_whole(folder)
