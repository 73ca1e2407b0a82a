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
WITHOUT_EDGES = """
[[operations]]
include-path = "{path}"
phases.coverage.enabled = false
"""
SAME_BODIES = (
    *("/optimum/generate", "/generate/stream", "/optimum/model/load", "/model/validate", "/model/fit"),
    *("/profiles/import", "/tuning/axes"),
)
"""Their bodies are those of another route, so the edges of every value are tried there; a profile has the load of the axes."""
MEASURING = "^/metrics/bandwidth$|^/tuning/runs$"
"""A right order to one of them measures for seconds; the edges of its values are no right orders."""


@pytest.mark.parametrize(
    ("chosen", "phases", "examples"),
    [
        pytest.param(["--exclude-path-regex", f"load|{MEASURING}"], "examples,coverage,fuzzing", 8, id="asking"),
        pytest.param(["--include-path-regex", "load"], "examples,coverage,fuzzing", 4, id="loading"),
        pytest.param(["--include-path-regex", MEASURING, "--mode", "negative"], "coverage", 4, id="measuring"),
    ],
)
def test_every_answer_is_one_that_is_described(
    fuzzed: Fuzzed, tmp_path: Path, chosen: list[str], phases: str, examples: int
) -> None:
    configuration = [CONFIGURATION.format(examples=examples)]
    configuration += [WITHOUT_EDGES.format(path=path) for path in SAME_BODIES]
    (tmp_path / "schemathesis.toml").write_text("".join(configuration))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml"), "run"]
    command += [f"{fuzzed.address}/openapi.json", "--phases", phases, "--no-color", "--request-timeout", "60"]
    command += ["--checks", ",".join(CHECKS), *chosen]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
