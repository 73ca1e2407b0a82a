"""Tuning as named Gradio endpoints: the same runs and the same numbers as REST has under /tuning/."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

import anyio
import gradio as gr
from pydantic import Field

from openarc_ui.engine.answers import with_recommended
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.profiles import ProfileStore
from openarc_ui.snippets import SnippetKind, local_path, snippet
from openarc_ui.tuning.answers import LONGEST_ID, as_json, configuration_in, profile_of, read_request
from openarc_ui.tuning.axes import offers
from openarc_ui.tuning.export.formats import ExportFormat, export
from openarc_ui.tuning.export.report import report
from openarc_ui.tuning.results import Configuration, RunHead, RunView
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.tuning.workloads import PRESETS
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_shown import JsonObject, as_object, as_text
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.rights import Rights

READERS_AT_ONCE = 4
ACTIONS = {
    "tune_start": "Starting a run",
    "tune_pause": "Pausing a run",
    "tune_cancel": "Cancelling a run",
    "tune_resume": "Resuming a run",
    "tune_rename": "Renaming a run",
    "tune_delete": "Deleting a run",
    "tune_apply": "Loading a measured configuration",
    "tune_save_profile": "Saving a profile",
    "tune_code": "Copying a configuration as code",
}
"""Endpoint -> what its caller is told that needs the administration key."""
RunId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
ConfigurationId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


def tuning_endpoints(
    engine: Engine, runs: TuningRuns, profiles: ProfileStore, watch: LoadWatch, rights: Rights, needs_key: bool
) -> list[Callable[..., Any]]:
    """The endpoints' functions, wrapped in their rights.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    limiter = anyio.CapacityLimiter(READERS_AT_ONCE)
    made = [
        *_planning(engine, limiter),
        *_reading(engine, runs, limiter),
        *_changing(engine, runs),
        *_using(engine, runs, profiles, watch, needs_key),
    ]
    return [
        rights.administers(ACTIONS[each.__name__], endpoint(each)) if each.__name__ in ACTIONS else endpoint(each)
        for each in made
    ]


def _planning(engine: Engine, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def tune_presets() -> list[dict[str, Any]]:
        """Workloads to choose from: a chat, a long document, an agent with a growing history, many users.

        Returns:
            One object a workload, as /tune_start takes it.
        """
        return [each.model_dump(mode="json") for each in PRESETS.values()]

    async def tune_axes(base: JsonObject) -> list[dict[str, Any]]:
        """What a sweep can vary: every writable property of the base's device, backends, weight variants of its model.

        Args:
            base: The load a sweep would begin with, {"model_path": ..., "device": ...} or its JSON text.

        Returns:
            One object a field, with the values worth trying, and all it takes where these can be listed.
        """
        load = LoadRequest.model_validate(as_object(base, "base"))

        def found() -> list[dict[str, Any]]:
            return [as_json(each, engine.places) for each in offers(engine, with_recommended(engine, load))]

        return await anyio.to_thread.run_sync(found, limiter=limiter)

    return [tune_presets, tune_axes]


def _reading(engine: Engine, runs: TuningRuns, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def tune_runs() -> list[dict[str, Any]]:
        """Every run, the newest first, with what came of it so far in one sentence.

        Returns:
            One object a run: run_id, kind, name, state, times, words, and how many configurations it has.
        """
        return await anyio.to_thread.run_sync(lambda: [as_json(each, engine.places) for each in runs.heads()])

    async def tune_run(run_id: RunId) -> dict[str, Any]:
        """One run, whole, as it is at this moment: progress, and every configuration with figures, intervals and quality.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            The run; its request, and each configuration's load, are JSON texts, which /tune_start and json.loads take.
        """
        return await anyio.to_thread.run_sync(
            lambda: _without_objects(as_json(runs.view(run_id), engine.places)), limiter=limiter
        )

    async def tune_export(run_id: RunId, format: ExportFormat = "markdown") -> str:
        """A run's results as text.

        Args:
            run_id: Which, as /tune_runs shows it.
            format: markdown is a table to paste, csv a row a figure, json everything.

        Returns:
            The text.
        """
        return await anyio.to_thread.run_sync(
            lambda: str(engine.places.hidden(export(runs.view(run_id), format))), limiter=limiter
        )

    async def tune_report(run_id: RunId) -> str:
        """A run as one page of HTML that needs nothing else, to post.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            The text of the page.
        """
        return await anyio.to_thread.run_sync(
            lambda: str(engine.places.hidden(report(runs.view(run_id)))), limiter=limiter
        )

    return [tune_runs, tune_run, tune_export, tune_report]


def _changing(engine: Engine, runs: TuningRuns) -> list[Callable[..., Any]]:
    async def changed(change: Callable[[], RunHead]) -> dict[str, Any]:
        """On a thread: it may wait until nothing is measured any more."""
        return as_json(await anyio.to_thread.run_sync(change), engine.places)

    async def tune_start(request: JsonObject) -> dict[str, Any]:
        """Start a run and return at once. One works at a time; meanwhile chats and loads are refused with its name.

        Args:
            request: {"kind": "bench", "configuration": {"model_path": ...}, "workloads": [...]}, or of the kind sweep or
                comparison; an object or its JSON text. /docs/api has every field.

        Returns:
            The run: run_id, kind, name, state, times and words.
        """
        wanted = read_request(as_object(request, "request"))
        return await changed(lambda: runs.start(wanted))

    async def tune_pause(run_id: RunId) -> dict[str, Any]:
        """End a run so that it can be resumed; returns once nothing is measured any more.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            The run as it is now.
        """
        return await changed(partial(runs.pause, run_id))

    async def tune_cancel(run_id: RunId) -> dict[str, Any]:
        """End a run; returns once nothing is measured any more. What was measured stays.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            The run as it is now.
        """
        return await changed(partial(runs.cancel, run_id))

    async def tune_resume(run_id: RunId) -> dict[str, Any]:
        """Go on with a run that was interrupted, paused or cancelled, with the time it has left.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            The run as it is now.
        """
        return await changed(partial(runs.resume, run_id))

    async def tune_rename(run_id: RunId, name: Annotated[str, Field(min_length=1, max_length=100)]) -> dict[str, Any]:
        """Give a run another name; its id stays.

        Args:
            run_id: Which, as /tune_runs shows it.
            name: What it is called from now on.

        Returns:
            The run as it is now.
        """
        return await changed(partial(runs.rename, run_id, name))

    async def tune_delete(run_id: RunId) -> str:
        """Delete a run and all that it measured. One that works has to be cancelled first.

        Args:
            run_id: Which, as /tune_runs shows it.

        Returns:
            Id of the run that is gone.
        """
        await anyio.to_thread.run_sync(runs.delete, run_id)
        return run_id

    return [tune_start, tune_pause, tune_cancel, tune_resume, tune_rename, tune_delete]


def _using(
    engine: Engine, runs: TuningRuns, profiles: ProfileStore, watch: LoadWatch, needs_key: bool
) -> list[Callable[..., Any]]:
    def found(run_id: str, configuration_id: str) -> tuple[RunView, Configuration]:
        view = runs.view(run_id)
        return view, configuration_in(view, configuration_id)

    async def tune_apply(run_id: RunId, configuration_id: ConfigurationId) -> AsyncIterator[dict[str, Any]]:
        """Load a configuration that was measured, as /load_model does. A client that leaves cancels its load.

        Args:
            run_id: Which run, as /tune_runs shows it.
            configuration_id: Which of its configurations; of a sweep, best_id of /tune_run is the one to take.

        Returns:
            Stages while it loads; the last is the loaded model with the state ready.
        """
        _, configuration = await anyio.to_thread.run_sync(found, run_id, configuration_id)
        async for news in watch.load(configuration.load):
            yield news

    async def tune_save_profile(
        run_id: RunId, configuration_id: ConfigurationId, name: str, replace: bool = False
    ) -> str:
        """Keep a configuration that was measured as a profile.

        Args:
            run_id: Which run, as /tune_runs shows it.
            configuration_id: Which of its configurations.
            name: Of the profile.
            replace: Overwrite one of the same name.

        Returns:
            The name it was saved under.
        """

        def save() -> str:
            view, configuration = found(run_id, configuration_id)
            return profiles.save(profile_of(view, configuration, name), replace).name

        return await anyio.to_thread.run_sync(save)

    async def tune_code(
        run_id: RunId, configuration_id: ConfigurationId, kind: SnippetKind, request: gr.Request
    ) -> str:
        """A configuration that was measured as code that loads the same thing.

        Args:
            run_id: Which run, as /tune_runs shows it.
            configuration_id: Which of its configurations.
            kind: curl, python or gradio_client call this server; openvino_genai and optimum need no OpenArc.

        Returns:
            The code.
        """
        address = str(request.request.base_url)

        def code() -> str:
            load = found(run_id, configuration_id)[1].load
            path = local_path(engine.model_folder, load.model_path)
            return snippet(kind, load, address=address, model_path=path, needs_key=needs_key)

        return await anyio.to_thread.run_sync(code)

    return [tune_apply, tune_save_profile, tune_code]


def _without_objects(view: dict[str, Any]) -> dict[str, Any]:
    """What was asked and what was loaded as texts: a `path` in them is no file to fetch for Gradio's clients."""
    results = [
        {**each, "configuration": {**each["configuration"], "load": as_text(each["configuration"]["load"])}}
        for each in view["results"]
    ]
    return {**view, "request": as_text(view["request"]), "results": results}
