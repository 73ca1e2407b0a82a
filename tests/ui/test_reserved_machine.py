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

from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui import load_tab, load_view
from openarc_ui.ui.api_system import system_endpoints
from openarc_ui.ui.fit_view import verdict
from openarc_ui.ui.loading import Loading
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.status_strip import TUNE_LINK
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


def test_the_endpoint_status_tells_who_has_the_machine(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine()
    startup = Startup(engine, Settings(model="none"), lambda status: None)
    elsewhere = Elsewhere(engine, TuningRuns(engine, tmp_path / "tuning"))
    endpoints = system_endpoints(engine, startup, elsewhere, Rights())
    status = next(each for each in endpoints if each.__name__ == "status")
    assert asyncio.run(status())["reserved"] is None
    holder = engine.reserve("The sweep 'threads' measures", "tuning")
    told = asyncio.run(status())
    assert (told["reserved"], told["reserved_model"]) == ("The sweep 'threads' measures", "tuning")
    engine.release(holder)
    assert asyncio.run(status())["reserved"] is None


def test_the_runs_model_is_no_loaded_model_and_the_run_is_told_of_in_its_place(scripted: Engine) -> None:
    assert "Tune tab" not in load_view.models(scripted.status())
    holder = scripted.reserve("The sweep '<b>' measures", "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=holder)
    shown = load_view.models(scripted.status())
    assert "<b>script</b>" in shown and "tuning</b>" not in shown
    assert "The sweep &#x27;&lt;b&gt;&#x27; measures, with a model of its own." in shown
    assert "answer again when it ends" in shown and f'href="{TUNE_LINK}"' in shown
    scripted.unload("script")
    shown = load_view.models(scripted.status())
    assert "Loads are refused until it ends." in shown and "press Load" not in shown and "tuning</b>" not in shown


def test_the_load_tab_offers_nothing_that_is_the_runs(scripted: Engine) -> None:
    tab: Any = SimpleNamespace(parts=SimpleNamespace(models=0, loaded=1, again=2, cancel=3, unload=4, reserved=5))
    holder = scripted.reserve("The sweep 'threads' measures", "tuning")
    scripted.unload("script")
    scripted.load(LoadRequest(model_path="script"), holder=holder)
    components, updates = load_tab.refresh(tab, scripted.status(), may_administer=True)
    assert components == [0, 1, 2, 3, 4, 5]
    _, selector, again, cancel, unload, reserved = updates
    assert selector["choices"] == [] and not any(each["visible"] for each in (again, cancel, unload))
    assert reserved == "The sweep 'threads' measures", "a change of it has the form looked at anew"
    scripted.unload("tuning", holder=holder)
    scripted.release(holder)
    assert load_tab.refresh(tab, scripted.status(), may_administer=True)[1][-1] == ""


def test_the_verdict_on_the_form_says_that_loads_are_refused_and_mistakes_first() -> None:
    shown = verdict([], "The loaded model answers until this one is ready.", "The sweep '<b>' measures")
    assert "Ready to load" not in shown and "answers until" not in shown and "good" not in shown
    assert "The sweep &#x27;&lt;b&gt;&#x27; measures, and loads are refused until it ends." in shown
    assert f'href="{TUNE_LINK}"' in shown
    mistake = Finding("", "error", "rules", "It is wrong.", "")
    assert "1 mistake to correct" in verdict([mistake], "", "The sweep 'threads' measures")
