"""The strip while the machine is measured: who has it, that others are refused, and the way to the run."""

from __future__ import annotations

from openarc_ui.engine.types import EngineStatus
from openarc_ui.startup import StartupPhase, StartupStatus
from openarc_ui.ui.status_strip import TUNE_LINK, strip

STARTUP = StartupStatus(StartupPhase.DONE, None)


def status(reserved: str | None) -> EngineStatus:
    return EngineStatus(models=(), default_model=None, last_load_failure=None, queue_size=8, reserved=reserved)


def test_it_says_who_has_the_machine_and_links_to_the_run() -> None:
    shown = strip(status("The sweep 'threads' measures"), STARTUP)
    assert "Chats and loads are refused. The sweep &#x27;threads&#x27; measures." in shown
    assert f'href="{TUNE_LINK}"' in shown and "Tuning" in shown


def test_what_another_program_measures_is_said_beside_the_model_and_refuses_nothing() -> None:
    shown = strip(status(None), STARTUP, "The bench '<img>' measures")
    assert "Another program measures: answers now spoil its figures" in shown and "No model" in shown
    assert "The bench &#x27;&lt;img&gt;&#x27; measures in another program." in shown
    assert 'href="#tune"' in shown and "refused" not in shown


def test_a_name_is_text_and_no_markup() -> None:
    assert "<img" not in strip(status("The sweep '<img src=x>' measures"), STARTUP)


def test_without_a_run_it_says_nothing_of_it() -> None:
    assert "tune" not in strip(status(None), STARTUP).lower()
