"""The README against the program: settings, routes, error codes, endpoints, and its examples."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import SamplingParameters
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.api import create_api
from openarc_ui.server.problems import PLAIN, STATUS
from openarc_ui.server.refusals import ALL
from openarc_ui.server.schemas import GenerateBody, LoadBody
from openarc_ui.server.tuning_bodies import RunBody
from openarc_ui.settings import Settings, default_of, flag_of, variable_of
from openarc_ui.startup import Startup
from openarc_ui.tuning.command.arguments import parse
from openarc_ui.tuning.runs import TuningRuns
from tests.model_tasks import made_tasks, no_hub
from tests.ui.test_page import PUBLIC

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _api(engine: Engine, folder: Path, store: MetricsStore) -> FastAPI:
    startup = Startup(engine, Settings(model="none"), lambda status: None)
    conversations = ConversationStore(folder / "conversations.sqlite3")
    exposition = Exposition(engine.status, store.health)
    runs, tasks = TuningRuns(engine, folder), made_tasks(engine)
    return create_api(engine, startup, ProfileStore(folder), conversations, store, exposition, runs, tasks, no_hub())


def test_every_setting_stands_there_with_its_default() -> None:
    for name in Settings.model_fields:
        default = default_of(name)
        cell = "none" if default == "none" else f"`{default}`"
        assert f"| `{flag_of(name)}` | `{variable_of(name)}` | {cell} |" in README, name
    assert set(re.findall(r"OPENARC_[A-Z_]+", README)) == {variable_of(name) for name in Settings.model_fields}


def test_every_route_stands_there_and_no_other(scripted: Engine, tmp_path: Path) -> None:
    store = MetricsStore(tmp_path / "metrics.sqlite3")
    paths = _api(scripted, tmp_path, store).openapi()["paths"]
    store.close()
    for path, methods in paths.items():
        for method, operation in methods.items():
            words = f"`{path}`" if operation.get("deprecated") else f"`{method.upper()} {path}`"
            assert words in README, words
    for path in re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[^`]*)`", README):
        assert path in paths, path


def test_every_error_code_stands_beside_its_status() -> None:
    rows = dict(re.findall(r"^\| (\d{3}) \| (.+) \|$", README, re.MULTILINE))
    for error, status in STATUS.items():
        if error.code != "settings_error":
            assert f"`{error.code}`" in rows[str(status)], error.code
    for status, (code, _) in PLAIN.items():
        assert f"`{code}`" in rows[str(status)], code
    for refusal in ALL:
        assert f"`{refusal.code}`" in rows[str(refusal.status)], refusal.code
    assert "`internal_error`" in rows["500"]


def test_every_endpoint_of_the_page_stands_there_and_no_other() -> None:
    (listed,) = re.findall(r"through the endpoints of the page: (.+?)\.\n", README, re.DOTALL)
    assert {name.strip("/") for name in re.findall(r"`(/\w+)`", listed)} == PUBLIC


def test_every_sampling_parameter_stands_there() -> None:
    line = next(line for line in README.split("\n\n") if line.startswith("**Sampling.**"))
    assert {name for name in SamplingParameters.model_fields if f"`{name}`" in line} == set(
        SamplingParameters.model_fields
    )


def test_the_examples_are_what_the_routes_take() -> None:
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.+?\})'", README, re.DOTALL)]
    assert len(bodies) == 4
    for body in bodies:
        model = LoadBody if "load_config" in body else RunBody if "kind" in body else GenerateBody
        model.model_validate(body)


def test_the_commands_that_tune_are_what_the_command_line_takes() -> None:
    commands = re.findall(r"python -m openarc_ui\.tuning (.+?)\n```", README, re.DOTALL)
    assert len(commands) == 1
    for command in commands:
        assert parse(shlex.split(command.replace("\\\n", " "))).command == "sweep"


def test_the_addresses_of_the_examples_are_answered(scripted: Engine, tmp_path: Path) -> None:
    addresses = re.findall(r"http://127\.0\.0\.1:7860(/metrics[^\s']*)", README)
    assert len(addresses) == 4
    store = MetricsStore(tmp_path / "metrics.sqlite3")
    client = TestClient(_api(scripted, tmp_path, store))
    for address in addresses:
        assert client.get(address).status_code == 200, address
    store.close()


def test_every_file_it_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README):
        path = target[0] or target[1]
        if not path.startswith("http"):
            assert (ROOT / path).is_file(), path


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
