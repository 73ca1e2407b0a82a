"""schemathesis over the API as it describes itself: every answer is one that is written there, and wrong requests are refused.

Requests come from the schema: its examples, the edges of every value, and random ones that are the same each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.application import ROOT
from tests.fuzz.conftest import Fuzzed

CHECKS = (
    "no_mistake_of_the_server",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "wrong_requests_are_refused",
)
CONFIGURATION = """
seed = 1
continue-on-failure = true
hooks = "tests.fuzz.schemathesis_hooks"
warnings = false

[generation]
deterministic = true
max-examples = {examples}
database = "none"
"""
LOADS = "load|export_model"
BANDWIDTH = "/metrics/bandwidth"


@pytest.mark.parametrize(
    ("chosen", "examples"),
    [
        pytest.param(["--exclude-path-regex", f"load|{BANDWIDTH}"], 8, id="all that leaves the models alone"),
        pytest.param(["--include-path-regex", "load"], 4, id="loads and unloads"),
        pytest.param(["--include-path", BANDWIDTH, "--mode", "negative"], 4, id="wrong orders to measure for seconds"),
    ],
)
def test_every_answer_is_one_that_is_described(
    fuzzed: Fuzzed, tmp_path: Path, chosen: list[str], examples: int
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(examples=examples))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml"), "run"]
    command += [f"{fuzzed.address}/openapi.json", "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--checks", ",".join(CHECKS), *chosen]
    command += ["--report", "ndjson", "--report-ndjson-path", "/tmp/g.ndjson"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
