"""The examples in the documentation are run: every bash and python block that talks to the server, against a real one.

A block that is not run says why in a comment above it: `<!-- not run: … -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.api_examples import prepare, with_ids
from tests.application import ROOT, Application
from tests.documented import documented_application

PAGES = (
    "README.md",
    "docs/api.md",
    "docs/openai.md",
    "docs/responses.md",
    "docs/security.md",
    "docs/monitoring.md",
    "docs/tuning.md",
)
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?^```(?P<language>bash|python)\n(?P<code>.*?)^```", re.M | re.S
)
SERVER = re.compile(r"(?:127\.0\.0\.1|localhost):7860")
LONGEST_SECONDS = 120
pytestmark = pytest.mark.model


@dataclass(frozen=True, slots=True)
class Example:
    """One block of a page. `title` is the heading it stands under."""

    page: str
    line: int
    title: str
    language: str
    code: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples() -> list[Example]:
    """Every block that talks to the server."""
    found = []
    for page in PAGES:
        file = ROOT / page
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        for block in BLOCK.finditer(text):
            if not SERVER.search(block["code"]):
                continue
            before = text[: block.start("code")]
            title = re.findall(r"^#+ (.+)$", before, re.M)[-1]
            found.append(
                Example(page, before.count("\n") + 1, title, block["language"], block["code"], block["reason"])
            )
    return found


EXAMPLES = examples()
RUN = [each for each in EXAMPLES if each.reason is None]


@pytest.fixture(scope="module")
def application(starter_folder: Path) -> Iterator[Application]:
    with documented_application(starter_folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(application: Application) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=application.address, timeout=LONGEST_SECONDS) as client:
        yield client


@pytest.mark.parametrize("example", RUN, ids=str)
def test_an_example_does_what_it_shows(
    example: Example, application: Application, client: httpx.Client, tmp_path: Path
) -> None:
    ids = prepare(client, example.title)
    code = SERVER.sub(application.address.removeprefix("http://"), with_ids(example.code, ids))
    if example.language == "bash":
        code = re.sub(r"\bcurl ", f"curl -sS --fail-with-body --max-time {LONGEST_SECONDS} ", code)
        command = ["bash", "-euo", "pipefail", "-c", code]
    else:
        command = [sys.executable, "-c", code]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OPENARC_API_KEY": "not-looked-at",
        "OPENARC_ADMIN_KEY": "not-looked-at",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=LONGEST_SECONDS
    )
    assert done.returncode == 0, f"{example}\n{code}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.stdout.strip() or any(tmp_path.iterdir()), f"{example} showed nothing\n{done.stderr[-2000:]}"


def test_there_are_examples_of_every_page_and_few_are_not_run() -> None:
    assert {each.page for each in RUN} >= {"README.md", "docs/api.md"}
    assert len(RUN) > 60
    for example in EXAMPLES:
        assert example.reason is None or len(example.reason) > 10, f"{example} has no reason"
    assert sum(example.reason is not None for example in EXAMPLES) <= len(EXAMPLES) // 4
