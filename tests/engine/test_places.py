"""No path of this machine in what is told to somebody, and nothing of a dead worker's last words in what is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import FinishReason, LoadRequest, PerformanceReport
from openarc_ui.errors import GenerationFailed, WorkerDied
from tests.conftest import ask, write_script

HOME = "/home/somebody"


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HOME", HOME)
    monkeypatch.setenv("HF_HOME", "/data/hub")
    return Places(Path(f"{HOME}/models"), None)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (f"No {HOME}/models/a/b.xml.", "No model folder/a/b.xml."),
        (f"No '{HOME}/.cache/huggingface/x'", "No 'home folder/.cache/huggingface/x'"),
        ("see /data/hub/models--a", "see Hugging Face folder/models--a"),
        (f"{sys.prefix}/lib/x.so: no symbol", "Python folder/lib/x.so: no symbol"),
        ("/homes/other", "/homes/other"),
    ],
)
def test_an_error_names_the_folders_of_this_machine_by_words(places: Places, written: str, told: str) -> None:
    assert places.hidden_error(GenerationFailed(written, written)).message == told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("cannot open /opt/intel/lib/x.so: no such file", "cannot open …: no such file"),
        ('File "/srv/my models/a.py", line 3', "File …, line 3"),
        ("path=/mnt/secret", "path=…"),
        ("what():/mnt/secret", "what():…"),
        ("file:///mnt/secret/x", "…"),
        (r"C:\Users\me\x.bin failed", "… failed"),
        (r"\\server\share\x failed", "… failed"),
        ("at 5 tokens/s, see https://docs.openvino.ai/a/b", "at 5 tokens/s, see https://docs.openvino.ai/a/b"),
        ("read layers/0/mlp: 3 / 4", "read layers/0/mlp: 3 / 4"),
        (f"{HOME}/x", "home folder/x"),
        (
            "[Errno 2] No such file or directory: '/data/hub/models----srv--my models--x/refs/main'",
            "[Errno 2] No such file or directory: 'Hugging Face folder/…'",
        ),
        ("looked for models----srv--x/refs/main, in vain", "looked for …, in vain"),
        (r"see models--C:\Users\me\x or models--D:--me", "see … or …"),
        ("models--OpenVINO--Qwen3-8B-int4-ov is complete", "models--OpenVINO--Qwen3-8B-int4-ov is complete"),
    ],
)
def test_what_a_program_wrote_shows_no_absolute_path_at_all(places: Places, written: str, told: str) -> None:
    assert places.hidden_output(written) == told


def test_texts_that_are_no_errors_keep_every_path_but_those_of_the_two_folders(places: Places) -> None:
    assert places.hidden([f"{HOME}/x /data/hub/y /tmp/z"]) == [f"{HOME}/x /data/hub/y /tmp/z"]


def test_what_a_worker_wrote_last_is_told_without_paths_and_not_kept(
    scripted: Engine, reports: list[PerformanceReport]
) -> None:
    scripted._hosts["script"]._last_output._line = "my secret prompt in /mnt/private/x.bin"
    with pytest.raises(WorkerDied) as caught:
        scripted.submit(ask("crash")).result(timeout=30)
    assert "(last output: my secret prompt in …)" in caught.value.message
    (status,) = scripted.status().models
    assert status.failure is not None and "secret prompt in …" in status.failure and "private" not in status.failure
    (kept,) = reports
    assert kept.error_message is not None and "SIGKILL" in kept.error_message
    assert "secret" not in kept.error_message and "private" not in kept.error_message


def test_of_a_worker_that_died_waiting_and_running_are_told_apart(
    make_engine: Callable[..., Engine], reports: list[PerformanceReport], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script", max_running=1)
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    generations = [engine.submit(ask("crash")), engine.submit(ask("slow"))]
    for generation in generations:
        with pytest.raises(WorkerDied):
            generation.result(timeout=30)
    running, waiting = sorted(reports, key=lambda each: each.submitted_at)
    assert running.queue_seconds is not None and running.queue_seconds < running.total_seconds / 2
    assert waiting.queue_seconds == waiting.total_seconds
    assert {running.finish_reason, waiting.finish_reason} == {FinishReason.ERROR}
