"""Start-up: prepare, load, fail, try again; and the whole program as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, LoadStage
from openarc_ui.errors import StarterUnavailable
from openarc_ui.profiles import LAST_GOOD, Profile, ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup, StartupPhase, StartupStatus
from openarc_ui.terminal import TerminalProgress
from tests.application import ROOT, Application, free_port
from tests.conftest import write_script


def wait_for(startup: Startup, *phases: StartupPhase) -> StartupStatus:
    deadline = time.monotonic() + 60
    while startup.status().phase not in phases:
        assert time.monotonic() < deadline, startup.status()
        time.sleep(0.02)
    return startup.status()


def test_the_model_of_the_settings_is_loaded_with_progress(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    seen: list[StartupStatus] = []
    engine = make_engine()
    startup = Startup(engine, Settings(model="script"), seen.append)
    startup.start()
    assert wait_for(startup, StartupPhase.DONE).model == "script"
    assert engine.status().default_model == "script"
    fractions = [status.stage.fraction for status in seen if status.stage is not None]
    assert fractions == sorted(fractions) and fractions


def test_a_starter_that_is_there_already_takes_no_part_of_the_progress_bar(
    make_engine: Callable[..., Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = write_script(tmp_path / "models" / "script")
    monkeypatch.setattr("openarc_ui.startup.prepare_starter", lambda model_folder, on_stage, cancel: there)
    seen: list[StartupStatus] = []
    startup = Startup(make_engine(), Settings(), seen.append)
    startup.start()
    wait_for(startup, StartupPhase.DONE)
    assert next(status.stage for status in seen if status.stage is not None).fraction == 0.0


def test_a_profile_is_loaded_in_place_of_the_model_of_the_settings(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script")
    engine, seen = make_engine(), list[StartupStatus]()
    order = LoadRequest(model_path="script", name="mine", ov_config={"KEPT": False})
    startup = Startup(engine, Settings(profile="any"), seen.append, order)
    assert startup.status().model == "script"
    startup.start()
    wait_for(startup, StartupPhase.DONE)
    assert engine.status().models[0].request == order
    assert next(status.stage for status in seen if status.stage is not None).fraction == 0.0


def test_no_model_is_no_model(make_engine: Callable[..., Engine]) -> None:
    startup = Startup(make_engine(), Settings(model="none"), lambda status: None)
    startup.start()
    assert wait_for(startup, StartupPhase.DONE).model is None


def test_a_failed_preparation_says_so_and_can_be_tried_again(
    make_engine: Callable[..., Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def prepare(model_folder: Path, *, on_stage: Callable[[LoadStage], None], cancel: threading.Event) -> Path:
        calls.append(model_folder)
        on_stage(LoadStage("Downloading", 0.1, "1 of 93 MB"))
        if len(calls) == 1:
            raise StarterUnavailable("There is no network.", "Put a model into the folder.")
        return write_script(model_folder / "script")

    monkeypatch.setattr("openarc_ui.startup.prepare_starter", prepare)
    startup = Startup(make_engine(), Settings(), lambda status: None)
    startup.start()
    failed = wait_for(startup, StartupPhase.FAILED)
    assert (failed.message, failed.hint) == ("There is no network.", "Put a model into the folder.")
    deadline = time.monotonic() + 30
    while len(calls) < 2 and time.monotonic() < deadline:
        startup.retry()
        time.sleep(0.05)
    assert wait_for(startup, StartupPhase.DONE).model == "script"


def test_the_terminal_tells_the_stages_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    for fraction in (0.1, 0.2):
        progress.show(StartupStatus(StartupPhase.PREPARING, "starter", LoadStage("Downloading", fraction)))
    progress.show(StartupStatus(StartupPhase.FAILED, "starter", None, "No network.", "Put a model there."))
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["[ 10%] Downloading", "The model could not be started: No network. Put a model there."]


def run_app(tmp_path: Path, *flags: str) -> subprocess.Popen[str]:
    folders = ["--model-folder", str(tmp_path / "models"), "--database", str(tmp_path / "m.sqlite3")]
    folders += ["--profile-folder", str(tmp_path / "profiles"), "--conversations", str(tmp_path / "c.sqlite3")]
    return subprocess.Popen([sys.executable, "app.py", *folders, *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_serves_and_ends_when_told_with_its_workers(tmp_path: Path, signal_number: int) -> None:
    write_script(tmp_path / "models" / "script")
    with Application(tmp_path / "models", "--model", "script") as program:
        program.wait()
        page = httpx.get(program.address)
        assert page.status_code == 200 and "OpenArc" in page.text
        worker = program.status()["models"][0]["process_id"]
        with httpx.stream("GET", f"{program.address}/gradio_api/heartbeat/left-open") as heartbeat:
            assert heartbeat.status_code == 200
            assert program.end(signal_number) == 0
        said = program.log.read_text()
    assert program.address in said and "Traceback" not in said and "Error" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--prot", "1"), "--port"),
        (("--host", "0.0.0.0"), "OPENARC_API_KEY"),
        (("--host", "203.0.113.1", "--open-to-network"), "Can't listen"),
        (("--api-key", "long-enough"), "--api-key-file"),
        (("--profile", "fast"), "There is no profile 'fast'."),
        (("--profile", "../fast"), "No profile can have the name"),
        (("--profile", "fast", "--model", "none"), "leave out --profile, or --model"),
        (("--cache-folder", ""), "the path is empty"),
        (("--model-folder", "app.py"), "can't be made as a folder"),
        (("--database", "app.py/m.sqlite3"), "can't be made as a folder"),
        (("--profile-folder", "app.py"), "The folder of the profiles can't be used"),
        (("--profile-folder", "app.py", "--profile", "fast"), "The folder of the profiles can't be used"),
    ],
)
def test_a_wrong_setting_ends_the_program_with_one_line(tmp_path: Path, flags: tuple[str, ...], says: str) -> None:
    _, said = (program := run_app(tmp_path, *flags)).communicate(timeout=120)
    assert program.returncode == 2
    assert says in said and said.startswith("openarc: ") and len(said.strip().splitlines()) == 1


def test_a_cache_folder_that_can_not_be_used_is_said_and_the_program_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Application(tmp_path / "models", "--model", "none", "--cache-folder", str(tmp_path / "file")) as program:
        program.wait()
        said = program.log.read_text()
    assert "openarc: The cache folder can't be used" in said and "--cache-folder" in said
    assert said.count(f"openarc: {tmp_path / 'models'} was not there and is made: an empty model folder.") == 1


def test_a_model_folder_that_is_there_is_not_spoken_of(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with Application(tmp_path / "models", "--model", "none") as program:
        program.wait()
        assert "was not there" not in program.log.read_text()


def test_a_profile_that_is_not_there_ends_the_program_with_the_nearest_name(tmp_path: Path) -> None:
    ProfileStore(tmp_path / "profiles").save(Profile(name="fast-cpu", load=LoadRequest(model_path="script")))
    _, said = (program := run_app(tmp_path, "--port", str(free_port()), "--profile", "fast")).communicate(timeout=120)
    assert program.returncode == 2 and "Did you mean 'fast-cpu'?" in said


def test_the_program_starts_with_a_profile_and_keeps_every_load_that_succeeded(tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    store = ProfileStore(tmp_path / "profiles")
    saved = store.save(Profile(name="mine", load=LoadRequest(model_path="script", sampling_defaults={"top_k": 0})))
    with Application(tmp_path / "models", "--profile", "mine", "--profile-folder", str(store.folder)) as program:
        program.wait()
        # It is ready a moment before what was loaded is kept.
        deadline = time.monotonic() + 30
        while LAST_GOOD not in {entry.name for entry in store.list()}:
            assert time.monotonic() < deadline, "the first load is not kept"
            time.sleep(0.02)
        assert store.get(LAST_GOOD).load == saved.load
        load = {"load_config": {"id_model": "script", "name": "other"}, "ov_config": {"BY": "rest"}}
        assert httpx.post(f"{program.address}/model/load", json=load, timeout=60).status_code == 200
        assert store.get(LAST_GOOD).load.ov_config == {"BY": "rest"}
        load["load_config"]["id_model"] = "scripd"
        assert httpx.post(f"{program.address}/model/load", json=load, timeout=60).status_code == 404
    assert store.get(LAST_GOOD).load.name == "other"
    with Application(tmp_path / "models", "--profile", LAST_GOOD, "--profile-folder", str(store.folder)) as program:
        program.wait()
        assert program.status()["id_model"] == "other"


def test_a_profile_folder_that_goes_after_the_start_fails_no_load(tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script")
    folder = tmp_path / "profiles"
    with Application(tmp_path / "models", "--model", "none", "--profile-folder", str(folder)) as program:
        program.wait()
        folder.rmdir()
        folder.write_text("in the way")
        load = {"load_config": {"id_model": "script"}, "ov_config": {}}
        assert httpx.post(f"{program.address}/model/load", json=load, timeout=60).status_code == 200
        assert program.status()["id_model"] == "script"
        program.end()
        assert "could not be kept as a profile" in program.log.read_text()


def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _, said = (program := run_app(tmp_path, "--port", str(taken.getsockname()[1]))).communicate(timeout=120)
    assert program.returncode == 2 and "Can't listen" in said
