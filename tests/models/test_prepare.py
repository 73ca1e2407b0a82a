"""The preparing process at the command line, and that it keeps to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from openarc_ui.models.starter_files import REQUIRED_FILES, STARTER_NAMES


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_a_person_is_told_where_the_finished_model_is(tmp_path: Path) -> None:
    folder = tmp_path / STARTER_NAMES["int8"]
    folder.mkdir()
    for name in REQUIRED_FILES:
        (folder / name).write_text("x")
    outcome = run("-m", "openarc_ui.models.prepare", "--model-folder", str(tmp_path), "--precision", "int8")
    assert outcome.returncode == 0
    assert outcome.stdout.strip() == f"Ready: {folder}"


def test_a_person_offline_reads_the_reason_and_the_ways_out(tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    outcome = run(
        "-m",
        "openarc_ui.models.prepare",
        "--model-folder",
        str(tmp_path / "models"),
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(links),
    )
    assert outcome.returncode == 1
    assert "could not be downloaded" in outcome.stdout
    assert str(tmp_path / "models") in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_an_unexpected_error_is_told_in_one_sentence_and_logged_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = run("-m", "openarc_ui.models.prepare", "--model-folder", str(tmp_path / "file" / "models"))
    assert outcome.returncode == 1
    assert "Preparing the starter model failed: NotADirectoryError" in outcome.stdout
    assert "Traceback" in outcome.stderr


def test_a_precision_that_does_not_exist_is_refused() -> None:
    outcome = run("-m", "openarc_ui.models.prepare", "--precision", "int2")
    assert outcome.returncode == 2
    assert "int4" in outcome.stderr


def test_openvinos_usage_statistics_are_switched_off() -> None:
    code = (
        "from openarc_ui.privacy import forbid_telemetry; forbid_telemetry()\n"
        "import os; from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.__name__, os.environ['HF_HUB_OFFLINE'], os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    )
    outcome = run("-c", code)
    assert outcome.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "1", "1"], outcome.stderr
