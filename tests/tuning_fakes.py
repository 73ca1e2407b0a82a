"""Runs that measure nothing: what is asked of them is noted, and what they tell is made up here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError, TuningRunNotFound
from openarc_ui.tuning.requests import BenchRequest, RunRequest
from openarc_ui.tuning.results import (
    Configuration,
    ConfigurationResult,
    ConfigurationState,
    Failure,
    Progress,
    RunHead,
    RunState,
    RunView,
    Summary,
)
from openarc_ui.tuning.runs import TuningRuns

RUN_ID = "a-run"
CONFIGURATION_ID = "c0ffee"
BROKEN_ID = "badbad"


def head(state: RunState = RunState.FINISHED, **changes: Any) -> RunHead:
    """A run in a list."""
    values = {"run_id": RUN_ID, "kind": "bench", "name": "threads", "created_at": 1.0, "updated_at": 2.0}
    return RunHead(**{**values, "state": state, "words": "Measured.", "configurations": 2, **changes})


def view(load: LoadRequest | None = None, **changes: Any) -> RunView:
    """A run with one configuration that was measured, and one that failed."""
    load = load or LoadRequest(model_path="script", ov_config={"NUM_STREAMS": 1, "path": "no file"})
    figures = {
        "custom": {
            "ttft_seconds": Summary(3, 0.05, 0.05, 0.001, 0.049, 0.051, 0.049, 0.051),
            "decode_tokens_per_second": Summary(3, 70.0, 70.1, 0.5, 69.0, 71.0, None, None),
        }
    }
    measured = ConfigurationResult(
        Configuration(CONFIGURATION_ID, "1 stream", load, {"ov_config.NUM_STREAMS": 1}),
        1,
        ConfigurationState.MEASURED,
        1,
        figures,
        is_on_front=True,
        is_best=True,
        marks=("Others kept 0.5 cores busy.",),
    )
    failed = ConfigurationResult(
        Configuration(BROKEN_ID, "GPU", load.model_copy(update={"device": "GPU"}), {"device": "GPU"}),
        2,
        ConfigurationState.FAILED,
        0,
        {},
        failure=Failure("check", "device_unavailable", "There is no GPU here.", "Use CPU."),
    )
    whole = RunView(
        head=head(),
        request=BenchRequest(configuration=load).model_dump(mode="json"),
        progress=Progress("Finished", "", 2, 2, 12.5, 0.0),
        results=(measured, failed),
        best_id=CONFIGURATION_ID,
        reference_id=None,
        importances=(),
        notes=("Another model was loaded meanwhile.",),
        problem=None,
        machine={"processor": "a processor", "cores": "2"},
    )
    return dataclasses.replace(whole, **changes)


class FakeRuns(TuningRuns):
    """One run, `a-run`. What was called is in `calls`; `refusing` is raised instead of starting or changing anything.

    Attributes:
        made: what makes the run's view; replaced by tests of odd ones.
    """

    def __init__(self, refusing: OpenArcError | None = None) -> None:
        self.folder = Path()
        self.begun = 0
        self.calls: list[tuple[Any, ...]] = []
        self.refusing = refusing
        self.made: Callable[[], RunView] = view

    def start(self, request: RunRequest) -> RunHead:
        return self._changed("start", request, RunState.RUNNING)

    def heads(self) -> Sequence[RunHead]:
        return [head()]

    def view(self, run_id: str) -> RunView:
        self._look_up(run_id)
        return self.made()

    def active(self) -> RunHead | None:
        return None

    def progress(self) -> Progress | None:
        return None

    def revision(self) -> int:
        return 0

    def cancel(self, run_id: str) -> RunHead:
        self._look_up(run_id)
        return self._changed("cancel", run_id, RunState.CANCELLED)

    def pause(self, run_id: str) -> RunHead:
        self._look_up(run_id)
        return self._changed("pause", run_id, RunState.INTERRUPTED)

    def resume(self, run_id: str) -> RunHead:
        self._look_up(run_id)
        return self._changed("resume", run_id, RunState.RUNNING)

    def rename(self, run_id: str, name: str) -> RunHead:
        self._look_up(run_id)
        return dataclasses.replace(self._changed("rename", (run_id, name), RunState.FINISHED), name=name)

    def delete(self, run_id: str) -> None:
        self._look_up(run_id)
        self._changed("delete", run_id, RunState.FINISHED)

    def close(self) -> None:
        """Nothing works."""

    def _look_up(self, run_id: str) -> None:
        if run_id != RUN_ID:
            raise TuningRunNotFound(f"There is no run '{run_id}'.", f"Did you mean '{RUN_ID}'?")

    def _changed(self, name: str, given: Any, state: RunState) -> RunHead:
        if self.refusing is not None:
            raise self.refusing
        self.calls.append((name, given))
        return head(state)
