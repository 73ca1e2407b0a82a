"""A download that is resumed tells what an earlier run left, also where the Hub does not answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from openarc_ui.errors import HubUnreachable
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.hub.download import Download
from openarc_ui.models.hub.plan import Plan, PlannedFile, begun, keep_plan
from openarc_ui.models.requests import DownloadRequest
from openarc_ui.models.results import TaskProgress
from tests.model_tasks import NOWHERE

FILES = (PlannedFile("config.json", 20, None, "a" * 40), PlannedFile("model.bin", 80, "b" * 64, None))


def told(folder: Path) -> TaskProgress:
    """What is said before it ends, since nobody answers."""
    said: list[TaskProgress] = []
    download = Download(DownloadRequest(repository="org/model"), Hub(NOWHERE))
    with pytest.raises(HubUnreachable):
        download.run(folder, said.append, lambda line: None, threading.Event())
    (only,) = said
    return only


def test_what_came_before_is_told_while_the_hub_is_asked(tmp_path: Path) -> None:
    keep_plan(Plan("org/model", "main", "c" * 40, FILES), tmp_path)
    begun(tmp_path, 1).parent.mkdir()
    begun(tmp_path, 1).write_bytes(bytes(30))
    progress = told(tmp_path)
    assert (progress.done_bytes, progress.total_bytes, progress.fraction) == (30, 100, 0.3)


def test_a_first_run_has_nothing_to_tell(tmp_path: Path) -> None:
    assert told(tmp_path) == TaskProgress(stage="Asking the Hub")
