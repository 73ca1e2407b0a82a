"""Imports run downwards only, and the main process never imports a heavy library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "openarc_ui"

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "addresses": set(),
    "file_locks": set(),
    "file_objects": set(),
    "ids": set(),
    "privacy": set(),
    "sqlite_file": set(),
    "whole_files": set(),
    "engine": {"errors", "ids", "privacy"},
    "models": {"engine", "errors", "file_locks", "privacy", "whole_files"},
    "metrics": {"engine", "sqlite_file", "errors"},
    "conversations": {"engine", "sqlite_file", "errors"},
    "tuning": {
        "profiles",
        "snippets",
        "settings",
        "metrics",
        "models",
        "engine",
        "file_locks",
        "sqlite_file",
        "whole_files",
        "privacy",
        "errors",
    },
    "elsewhere": {"tuning", "engine", "errors"},
    "settings": {"addresses", "engine", "errors"},
    "access": {"errors"},
    "profiles": {"engine", "errors", "whole_files"},
    "snippets": {"engine", "errors"},
    "startup": {"engine", "models", "settings", "errors"},
    "terminal": {"startup", "engine", "errors"},
    "server": {
        "access",
        "elsewhere",
        "addresses",
        "file_objects",
        "startup",
        "settings",
        "conversations",
        "profiles",
        "snippets",
        "tuning",
        "metrics",
        "models",
        "engine",
        "ids",
        "errors",
    },
    "ui": {
        "access",
        "elsewhere",
        "file_objects",
        "startup",
        "settings",
        "conversations",
        "profiles",
        "snippets",
        "tuning",
        "metrics",
        "models",
        "engine",
        "ids",
        "errors",
    },
}
TUNING = (
    (
        "requests",
        "results",
        "figures",
        "reading",
        "desk",
        "names",
        "machine",
        "workloads",
        "configurations",
        "axes",
        "checks",
    ),
    ("record",),
    ("judging",),
    ("measuring", "quality", "search"),
    ("work",),
    ("views",),
    ("export", "answers"),
    ("runs",),
    ("command",),
    ("__main__",),
)
"""The rooms of tuning, from the lowest up: a room imports of its own row and of those above it in this list."""
HEAVY = ("torch", "transformers", "optimum", "openvino_genai", "nncf", "gguf")


def room_of(module: str) -> str:
    return module.split(".")[1] if module.startswith("openarc_ui.") else ""


def imports_of(file: Path) -> set[str]:
    """Every openarc_ui module a file imports, wherever in the file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            found.add(node.module)
    return {name for name in found if name.startswith("openarc_ui.")}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_run_downwards(file: Path) -> None:
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        assert imports_of(file) == set()
        return
    for module in imports_of(file):
        target = room_of(module)
        assert target == room or target in ALLOWED[room], f"{file.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("file", sorted((PACKAGE / "tuning").rglob("*.py")), ids=lambda file: file.stem)
def test_within_tuning_imports_run_downwards_too(file: Path) -> None:
    row = {room: number for number, rooms in enumerate(TUNING) for room in rooms}
    room = file.relative_to(PACKAGE / "tuning").parts[0].removesuffix(".py")
    for module in imports_of(file):
        if module.startswith("openarc_ui.tuning."):
            assert row[module.split(".")[2]] <= row[room], f"{file.relative_to(ROOT)} imports {module}"


def test_the_main_process_imports_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import app\n"
        "from openarc_ui.conversations.store import ConversationStore\n"
        "from openarc_ui.engine.engine import Engine\n"
        "from openarc_ui.metrics.exposition import Exposition\n"
        "from openarc_ui.metrics.sampler import Sampler\n"
        "from openarc_ui.metrics.store import MetricsStore\n"
        "from openarc_ui.models.hub.client import Hub\n"
        "from openarc_ui.models.work.making import open_tasks\n"
        "from openarc_ui.profiles import ProfileStore\n"
        "from openarc_ui.settings import Settings\n"
        "from openarc_ui.startup import Startup\n"
        "from openarc_ui.tuning.runs import TuningRuns\n"
        "import openarc_ui.terminal, tempfile\n"
        "folder = Path(tempfile.mkdtemp())\n"
        "settings, store = Settings(), MetricsStore(folder / 'metrics.sqlite3')\n"
        "engine = Engine(folder)\n"
        "hub = Hub(settings.hub_endpoint)\n"
        "engine.preflight.devices(), engine.catalog()\n"
        "app.create_app(settings, engine, store, Startup(engine, settings, print), ProfileStore(folder), "
        "ConversationStore(folder / 'c.sqlite3'), Exposition(engine.status, store.health), TuningRuns(engine, folder), "
        "open_tasks(engine, hub), hub)\n"
        "store.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=180)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


def test_the_engine_knows_no_web_server_and_no_page() -> None:
    program = "import sys, openarc_ui.engine.engine; print([n for n in ('fastapi', 'gradio', 'pandas', 'openvino') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=180)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_modules_stay_small() -> None:
    long = {file.name: lines for file in PACKAGE.rglob("*.py") if (lines := len(file.read_text().splitlines())) > 400}
    assert long == {}
