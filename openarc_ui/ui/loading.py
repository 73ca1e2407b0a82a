"""Loading, cancelling and unloading from the page: stages while it goes on, the result, and what a failure is to be blamed on."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.types import LoadRequest, LoadStage, ModelInfo, ModelState
from openarc_ui.errors import DoesNotFit, ModelAlreadyLoading, OpenArcError
from openarc_ui.ui import load_view
from openarc_ui.ui.api_errors import as_gradio_error
from openarc_ui.ui.html import error_card
from openarc_ui.ui.load_actions import NO_FAILURE, planned_for
from openarc_ui.ui.load_form import FORM_FIELDS, form_of

STARTING = LoadStage("Starting the worker process", 0.0)
LOAD_TIMEOUT_SECONDS = 0.25


class Loading:
    """What the buttons do. Outputs of a load: the result, the Load button, Cancel, the loaded models, the failure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own: dict[str, threading.Event] = {}

    async def load_form(self, request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        """Load what the form says; `values` are the form's and what was planned for."""
        form = form_of(list(values[: len(FORM_FIELDS)]))
        try:
            wanted = form.as_request()
            await asyncio.to_thread(self._require_room, wanted, *values[len(FORM_FIELDS) :])
        except OpenArcError as error:
            title = "It was not loaded" if isinstance(error, DoesNotFit) else "The form has a mistake"
            yield error_card(title, error), *[gr.skip()] * 4
            return
        async for update in self._run(wanted, session_of(request)):
            yield update

    async def load_again(self, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """Load the model that failed once more, as it was."""
        failed = next((model for model in self._engine.status().users_models if model.state is ModelState.FAILED), None)
        if failed is not None:
            async for update in self._run(failed.request.model_copy(update={"name": failed.name}), session_of(request)):
                yield update

    async def cancel_load(self, request: gr.Request) -> None:
        """End this session's own load; without one, after a reload, the one that is under way.

        That of a run that measures is the run's; who asks is told so.
        """
        own = self._own.get(session_of(request))
        if own is not None:
            own.set()
            return
        models = self._engine.status().models
        loading = next((model.name for model in models if model.state is ModelState.LOADING), None)
        if loading is not None:
            with as_gradio_error():
                await asyncio.to_thread(self._engine.cancel_load, loading)

    async def unload(self, name: str | None) -> tuple[str, str]:
        """Unload a model."""
        try:
            text = load_view.unloaded(await asyncio.to_thread(self._engine.unload, name or None))
        except OpenArcError as error:
            text = error_card("Nothing was unloaded", error)
        return text, load_view.models(self._engine.status())

    def _require_room(self, request: LoadRequest, context: str | None, sequences: str | None) -> None:
        """What was planned for has to fit too, unless it was agreed to.

        Raises:
            DoesNotFit, InvalidRequest: a number to plan for is none.
        """
        planned = planned_for(context, sequences)
        if request.allow_overcommit or planned == (None, 1):
            return
        try:
            estimate = self._engine.preflight.fit(request, *planned)
        except OpenArcError:
            return  # the load says it better
        if estimate.verdict == "red":
            raise DoesNotFit(
                estimate.words, "Plan for less, change what the estimate names, or agree below the button."
            )

    async def _run(self, request: LoadRequest, session: str) -> AsyncIterator[tuple[Any, ...]]:
        busy, failure = gr.update(value="Loading …"), dict(NO_FAILURE)
        cancel = self._own[session] = threading.Event()
        async for text, found in load(self._engine, request, cancel):
            if found:
                failure = {"request": request.model_dump(), "findings": [dataclasses.asdict(each) for each in found]}
            yield text, busy, gr.update(visible=True), load_view.models(self._engine.status()), gr.skip()
        if self._own.get(session) is cancel:
            del self._own[session]
        still = any(model.state is ModelState.LOADING for model in self._engine.status().users_models)
        models = load_view.models(self._engine.status())
        yield gr.skip(), gr.update(value="Load"), gr.update(visible=still), models, failure


def session_of(request: gr.Request | None) -> str:
    """The browser session that asks."""
    return str(request.session_hash) if request is not None else ""


async def load(
    engine: Engine, request: LoadRequest, cancel: threading.Event | None = None
) -> AsyncIterator[tuple[str, list[Finding]]]:
    """Load on a thread, yielding the stages as HTML, then the result; or the error, with the fields it is about."""
    loop = asyncio.get_running_loop()
    stages: asyncio.Queue[LoadStage] = asyncio.Queue()

    def reached(stage: LoadStage) -> None:
        loop.call_soon_threadsafe(stages.put_nowait, stage)

    loading: asyncio.Task[ModelInfo] = asyncio.create_task(asyncio.to_thread(engine.load, request, reached, cancel))
    shown = request.name or request.model_path.replace("\\", "/").rpartition("/")[2]
    yield load_view.progress(shown, STARTING), []
    while not loading.done():
        try:
            yield load_view.progress(shown, await asyncio.wait_for(stages.get(), LOAD_TIMEOUT_SECONDS)), []
        except TimeoutError:
            continue
    try:
        info = await loading
        yield load_view.loaded(info, engine.cache_note(info)), []
    except ModelAlreadyLoading as error:
        yield load_view.waiting(error), []
        yield await _what_became(engine, shown), []
    except OpenArcError as error:
        yield error_card(f"{shown} was not loaded", error), findings_of(error)


async def _what_became(engine: Engine, name: str) -> str:
    """The result of a load that somebody else began, once it is over."""
    while True:
        models = [model for model in engine.status().models if model.name == name]
        if all(model.state is not ModelState.LOADING for model in models):
            break
        await asyncio.sleep(LOAD_TIMEOUT_SECONDS)
    info = next((model.info for model in models if model.info is not None), None)
    return load_view.loaded(info, engine.cache_note(info)) if info is not None else load_view.gone(name)


def findings_of(error: OpenArcError) -> list[Finding]:
    """A failed load at the properties it blames; none where it blames none."""
    layer: Any = "first_token" if "first token" in error.message else "compile"
    names: tuple[str, ...] = getattr(error, "properties", ())
    return [Finding(f"ov_config.{name}", "error", layer, error.message, error.hint) for name in names]
