"""The page's verification: what it reads is nobody's to rename or delete meanwhile, on the page and over REST."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ModelNotFound
from openarc_ui.models import tidy
from openarc_ui.ui.models.verifying import Verifying
from tests.conftest import write_script
from tests.model_tasks import made_tasks


@pytest.mark.parametrize("ends_in", ["a verdict", "an error of ours", "a mistake", "a stop"])
def test_what_is_read_is_busy_from_the_start_to_the_end(
    ends_in: str, tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_script(tmp_path / "models" / "one")
    goes_on = threading.Event()

    def read(engine: Any, model: str, say: Any, stopping: threading.Event) -> list[Any]:
        (stopping if ends_in == "a stop" else goes_on).wait(60)
        if ends_in == "an error of ours":
            raise ModelNotFound("Gone.", "")
        if ends_in == "a mistake":
            raise RuntimeError("oops")
        return []

    monkeypatch.setattr(tidy, "verify_model", read)
    tasks = made_tasks(make_engine())
    verifying = Verifying(make_engine(), tasks)
    verifying.start("one")
    assert tasks.busy_names() == ("one",)
    goes_on.set()
    verifying.stop() if ends_in == "a stop" else None
    deadline = time.monotonic() + 60
    while (state := verifying.state()) is None or state["is_running"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert tasks.busy_names() == ()
    tasks.close()
