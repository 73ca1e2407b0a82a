"""What `python -m openarc_ui.tuning` does: a run from its start to its result, and the runs that are kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.places import Places
from openarc_ui.errors import TuningRunNotFound
from openarc_ui.settings import Settings, flag_of, read_settings, variable_of
from openarc_ui.tuning.command.arguments import LAST, MEASURING
from openarc_ui.tuning.command.asked import request_of
from openarc_ui.tuning.command.progress import ProgressLine
from openarc_ui.tuning.results import ConfigurationState, RunState, RunView
from openarc_ui.tuning.runs import TuningRuns

POLL_SECONDS = 0.25
DONE, FAILED, INTERRUPTED = 0, 3, 130
FOLDERS = ("model_folder", "tuning_folder", "cache_folder")
OF_LOADS = (*FOLDERS, "trust_remote_code")
"""The settings that matter here; what concerns a server is its own."""


def act(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Do it; the exit code.

    Raises:
        OpenArcError: it could not be done.
    """
    request = request_of(arguments) if arguments.command in MEASURING else None
    with _runs(arguments, environment) as (runs, places):
        if request is not None:
            return _see_through(runs, runs.start(request).run_id, arguments.format, places)
        if arguments.command == "list":
            return _list(runs, arguments.format, places)
        run_id = arguments.run_id
        if run_id == LAST and arguments.command != "delete":
            run_id = _last(runs)
        if arguments.command == "resume":
            return _see_through(runs, runs.resume(run_id).run_id, arguments.format, places)
        if arguments.command == "delete":
            runs.delete(run_id)
            return DONE
        sys.stdout.write(_as_text(runs.view(run_id), arguments.format, places))
        return DONE


@contextmanager
def _runs(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Iterator[tuple[TuningRuns, Places]]:
    """The runs of these folders, on an engine without any other model, and what its folders are called."""
    flags = [f"{flag_of(name)}={getattr(arguments, name)}" for name in FOLDERS if getattr(arguments, name) is not None]
    known = {variable_of(name) for name in OF_LOADS}
    settings: Settings = read_settings(flags, {name: value for name, value in environment.items() if name in known})
    with (
        Engine(
            settings.model_folder, cache_folder=settings.cache_folder, trust_remote_code=settings.trust_remote_code
        ) as engine,
        closing(TuningRuns(engine, settings.tuning_folder)) as runs,
    ):
        yield runs, engine.places


def _see_through(runs: TuningRuns, run_id: str, form: str, places: Places) -> int:
    """Show how far a run is until it ends, then what came of it."""
    line = ProgressLine(sys.stderr, runs.view(run_id).head.kind)
    line.say(f"Run {run_id}")
    try:
        while not runs.wait(POLL_SECONDS):
            progress = runs.progress()
            if progress is not None:
                line.show(progress)
    except KeyboardInterrupt:
        line.say("Ending it, so that it can be resumed ...")
        runs.pause(run_id)
        line.say(f"Interrupted. Go on with: python -m openarc_ui.tuning resume {run_id}")
        return INTERRUPTED
    line.close()
    view = runs.view(run_id)
    sys.stdout.write(_as_text(view, form, places))
    return _code_of(view, line)


def _code_of(view: RunView, line: ProgressLine) -> int:
    """A run that failed, or in which nothing could be measured, is a failure; the reason is told."""
    if view.head.state is RunState.FAILED and view.problem is not None:
        line.say(f"openarc: the run failed: {view.problem.message} {view.problem.hint}".rstrip())
        return FAILED
    if view.head.state is not RunState.FINISHED:
        return INTERRUPTED
    if any(each.state in (ConfigurationState.MEASURED, ConfigurationState.PRUNED) for each in view.results):
        return DONE
    failure = next((each.failure for each in view.results if each.failure is not None), None)
    why = f"{failure.message} {failure.hint}".rstrip() if failure is not None else "See its notes."
    line.say(f"openarc: nothing could be measured: {why}")
    return FAILED


def _as_text(view: RunView, form: str, places: Places) -> str:
    """The run in one of the formats, with an end of line at its end. It is made to be shown, so no path of this machine is in it."""
    from openarc_ui.tuning.export.formats import KINDS, export
    from openarc_ui.tuning.export.report import report

    kind = next((each for each in KINDS if each == form), None)
    text: str = places.hidden(report(view) if kind is None else export(view, kind))
    return text if text.endswith("\n") else f"{text}\n"


def _list(runs: TuningRuns, form: str, places: Places) -> int:
    heads = runs.heads()
    if form == "json":
        import json

        told = places.hidden([asdict(head) for head in heads])
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return DONE
    if not heads:
        sys.stderr.write("No run is kept yet.\n")
    rows = [(head.run_id, head.kind, head.state.value, head.name, head.words) for head in heads]
    sys.stdout.writelines(f"{places.hidden(row)}\n" for row in _aligned(rows))
    return DONE


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of a width each; the last one runs on."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _last(runs: TuningRuns) -> str:
    heads = runs.heads()
    if not heads:
        raise TuningRunNotFound("No run is kept yet.", "Begin one with bench, sweep or compare.")
    return heads[0].run_id
