"""While a run has the machine alone, the page's load buttons and the endpoint /status say so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.ui.api_system import system_endpoints
from openarc_ui.ui.loading import Loading
from openarc_ui.ui.rights import Rights
from tests.conftest import write_script

PAGE: Any = SimpleNamespace(session_hash="somebody")


def test_the_load_of_a_run_is_not_cancelled_from_the_load_tab_and_it_is_said_why(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=60.0)
    engine = make_engine()
    holder = engine.reserve("The sweep 'threads' measures", "tuning")
    ends: list[str] = []

    def load() -> None:
        try:
            engine.load(LoadRequest(model_path="script", name="tuning"), holder=holder)
        except OpenArcError as error:
            ends.append(error.code)

    loading = threading.Thread(target=load)
    loading.start()
    until = time.monotonic() + 60
    while not engine.status().models:
        assert time.monotonic() < until
        time.sleep(0.01)
    with pytest.raises(gr.Error, match="The sweep 'threads' measures, and everything else would spoil it"):
        asyncio.run(Loading(engine).cancel_load(PAGE))
    assert engine.status().models and not ends
    assert engine.cancel_load("tuning", holder)
    loading.join(60)
    assert ends == ["load_cancelled"]


def test_the_endpoint_status_tells_who_has_the_machine(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    startup = Startup(engine, Settings(model="none"), lambda status: None)
    status = next(each for each in system_endpoints(engine, startup, Rights()) if each.__name__ == "status")
    assert asyncio.run(status())["reserved"] is None
    holder = engine.reserve("The sweep 'threads' measures", "tuning")
    assert asyncio.run(status())["reserved"] == "The sweep 'threads' measures"
    engine.release(holder)
    assert asyncio.run(status())["reserved"] is None
