"""The Load tab: choose a model, a backend, a device and an ov_config; load with visible stages, cancel, unload."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import ValidationError

from openarc_ui.engine.catalog import ModelEntry
from openarc_ui.engine.details import describe_model
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import DeviceInfo, EngineStatus, LoadRequest, LoadStage, ModelInfo, ModelState
from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.ui import load_view
from openarc_ui.ui.html import error_card
from openarc_ui.ui.status_strip import shown_model

BACKENDS = [("Automatic", "auto"), ("OpenVINO GenAI", "genai"), ("Optimum-Intel", "optimum")]
SCRIPTED = ("Scripted", "scripted")
STARTING = LoadStage("Starting the worker process", 0.0)
LOAD_TIMEOUT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class LoadTab:
    """Components that follow the engine."""

    models: gr.HTML
    loaded: gr.Dropdown
    again: gr.Button
    cancel: gr.Button
    unload: gr.Button


def request_of(values: list[Any]) -> LoadRequest:
    """The load request the form describes.

    Raises:
        InvalidRequest: no model, broken JSON, or a value out of range; with the field's name.
    """
    model, backend, device, config, name, use_cache, dynamic_shapes, export, *token_ids = values
    if not model:
        raise InvalidRequest("No model is chosen.", "Choose one, or put one into the model folder and press Refresh.")
    ids = dict(zip(("bos_token_id", "eos_token_id", "pad_token_id"), token_ids, strict=True))
    try:
        return LoadRequest(
            model_path=model.strip(),
            name=(name or "").strip() or None,
            backend=backend,
            device=(device or "").strip(),
            ov_config=read_config(config),
            use_cache=use_cache,
            dynamic_shapes=dynamic_shapes,
            export_model=export,
            **{key: value for key, value in ids.items() if (value or "").strip()},
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{field}: {first['msg']}.", "Correct it in the form.") from None


def read_config(text: str | None) -> dict[str, Any]:
    """The ov_config as typed.

    Raises:
        InvalidRequest: not a JSON object; with line and column.
    """
    if not (text or "").strip():
        return {}
    try:
        value = json.loads(text or "")
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"ov_config is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
            "Check quotes and commas.",
        ) from None
    if not isinstance(value, dict):
        raise InvalidRequest("ov_config must be an object in braces.", 'For example {"PERFORMANCE_HINT": "LATENCY"}.')
    return value


def config_text(entry: ModelEntry | None) -> str:
    """The profile of a model as JSON."""
    return json.dumps(dict(entry.ov_config) if entry is not None else {}, indent=2)


def choices_of(entries: list[ModelEntry]) -> list[str]:
    """Names for the model selector."""
    return [entry.name for entry in entries]


def device_choices(devices: list[DeviceInfo]) -> list[tuple[str, str]]:
    """Devices with their full names, then AUTO."""
    return [
        *[(f"{device.name} · {device.full_name}", device.name) for device in devices],
        ("AUTO · OpenVINO chooses", "AUTO"),
    ]


def backend_choices(entry: ModelEntry | None) -> list[tuple[str, str]]:
    """The backends; the scripted one only for a script."""
    return [BACKENDS[0], SCRIPTED] if entry is not None and entry.kind == "script" else BACKENDS


def entry_of(entries: list[ModelEntry], name: str | None) -> ModelEntry | None:
    """The catalogue's entry of that name."""
    return next((entry for entry in entries if entry.name == name), None)


async def load(engine: Engine, request: LoadRequest) -> AsyncIterator[str]:
    """Load on a thread, yielding the stages as HTML, then the result or the error."""
    loop = asyncio.get_running_loop()
    stages: asyncio.Queue[LoadStage] = asyncio.Queue()

    def reached(stage: LoadStage) -> None:
        loop.call_soon_threadsafe(stages.put_nowait, stage)

    loading: asyncio.Task[ModelInfo] = asyncio.create_task(asyncio.to_thread(engine.load, request, reached))
    shown = request.name or request.model_path.replace("\\", "/").rpartition("/")[2]
    yield load_view.progress(shown, STARTING)
    while not loading.done():
        try:
            yield load_view.progress(shown, await asyncio.wait_for(stages.get(), LOAD_TIMEOUT_SECONDS))
        except TimeoutError:
            continue
    try:
        yield load_view.loaded(await loading)
    except OpenArcError as error:
        yield error_card(f"{shown} was not loaded", error)


def build_load_tab(engine: Engine) -> tuple[LoadTab, list[Any]]:
    """The tab's components and wiring, inside an open gr.Tab; also what `refreshed_form` fills."""
    entries = engine.catalog()
    first = entries[0] if entries else None
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320):
            with gr.Row(equal_height=True):
                model = gr.Dropdown(
                    choices_of(entries),
                    value=first.name if first else None,
                    label="Model",
                    info="From the model folder, or a path inside it",
                    allow_custom_value=True,
                    interactive=True,
                    scale=4,
                    min_width=260,
                    elem_id="oa-load-model",
                )
                refresh_models = gr.Button("Refresh", size="sm", scale=0, min_width=84, elem_id="oa-refresh")
            about = gr.HTML(load_view.about(first), elem_classes="oa-tight")
            backend = gr.Radio(
                backend_choices(first), value="auto", label="Backend", interactive=True, elem_id="oa-backend"
            )
            device = gr.Dropdown(
                [("CPU", "CPU")],
                value="CPU",
                label="Device",
                info="Or type AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, MULTI:…",
                allow_custom_value=True,
                interactive=True,
                elem_id="oa-device",
            )
            config = gr.Code(
                config_text(first),
                language="json",
                label="ov_config (OpenVINO properties)",
                lines=5,
                max_lines=14,
                interactive=True,
                elem_id="oa-config",
            )
            with gr.Accordion("More options", open=False):
                options = _build_options()
            with gr.Row():
                start = gr.Button("Load", variant="primary", elem_id="oa-load")
                cancel = gr.Button("Cancel", variant="stop", visible=False, elem_id="oa-cancel")
        with gr.Column(scale=3, min_width=320):
            result = gr.HTML(elem_id="oa-load-result")
            models = gr.HTML(load_view.models(engine.status()), elem_id="oa-models")
            with gr.Row(equal_height=True):
                loaded = gr.Dropdown([], label="Loaded model", interactive=True, visible=False, elem_id="oa-loaded")
                again = gr.Button(
                    "Load again",
                    size="sm",
                    visible=False,
                    variant="primary",
                    scale=0,
                    min_width=110,
                    elem_id="oa-again",
                )
                unload = gr.Button("Unload", size="sm", scale=0, min_width=110, elem_id="oa-unload")
    tab = LoadTab(models, loaded, again, cancel, unload)
    form = [model, backend, device, config, *options]
    _wire(engine, tab, form, about, refresh_models, start, result)
    return tab, [model, device, about]


def _build_options() -> list[Any]:
    name = gr.Textbox(label="Name", info="To serve it under; empty: the folder's name", interactive=True)
    use_cache = gr.Checkbox(
        True,
        label="use_cache",
        info="Keep the key-value cache between tokens; off is for Optimum only",
        interactive=True,
    )
    dynamic = gr.Checkbox(
        True, label="dynamic_shapes", info="Language models need it; off is refused", interactive=True
    )
    export = gr.Checkbox(
        False,
        label="export_model",
        info="Convert a Hugging Face checkpoint while loading (Optimum only)",
        interactive=True,
    )
    with gr.Row():
        ids = [
            gr.Textbox(label=f"{kind}_token_id", placeholder="the model's", max_lines=1, min_width=90, interactive=True)
            for kind in ("bos", "eos", "pad")
        ]
    return [name, use_cache, dynamic, export, *ids]


def _wire(
    engine: Engine,
    tab: LoadTab,
    form: list[Any],
    about: gr.HTML,
    refresh_models: gr.Button,
    start: gr.Button,
    result: gr.HTML,
) -> None:
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    model, backend, device, config = form[:4]

    async def run(request: LoadRequest) -> AsyncIterator[tuple[Any, ...]]:
        busy = gr.update(interactive=False, value="Loading …")
        async for text in load(engine, request):
            yield text, busy, gr.update(visible=True), load_view.models(engine.status())
        yield (
            gr.skip(),
            gr.update(interactive=True, value="Load"),
            gr.update(visible=False),
            load_view.models(engine.status()),
        )

    async def load_form(*values: Any) -> AsyncIterator[tuple[Any, ...]]:
        try:
            request = request_of(list(values))
        except InvalidRequest as error:
            yield error_card("The form has a mistake", error), gr.skip(), gr.skip(), gr.skip()
            return
        async for update in run(request):
            yield update

    async def load_again() -> AsyncIterator[tuple[Any, ...]]:
        failed = next((model for model in engine.status().models if model.state is ModelState.FAILED), None)
        if failed is not None:
            async for update in run(failed.request.model_copy(update={"name": failed.name})):
                yield update

    async def unload_one(name: str | None) -> tuple[Any, Any]:
        try:
            text = load_view.unloaded(await asyncio.to_thread(engine.unload, name or None))
        except OpenArcError as error:
            text = error_card("Nothing was unloaded", error)
        return text, load_view.models(engine.status())

    async def cancel_load() -> None:
        loading = next((model.name for model in engine.status().models if model.state is ModelState.LOADING), None)
        if loading is not None:
            await asyncio.to_thread(engine.unload, loading)

    def choose(name: str | None) -> tuple[Any, Any, Any]:
        entry = entry_of(engine.catalog(), name)
        details = describe_model(entry) if entry is not None else None
        return (
            load_view.about(entry, details),
            gr.update(choices=backend_choices(entry), value="auto"),
            config_text(entry),
        )

    outputs = [result, start, tab.cancel, tab.models]
    start.click(load_form, form, outputs, concurrency_limit=None, **private)
    tab.again.click(load_again, None, outputs, concurrency_limit=None, **private)
    tab.cancel.click(cancel_load, None, None, concurrency_limit=None, **private)
    tab.unload.click(unload_one, [tab.loaded], [result, tab.models], concurrency_limit=None, **private)
    refresh_models.click(lambda chosen: refreshed_form(engine, chosen), [model], [model, device, about], **private)
    model.change(choose, [model], [about, backend, config], **private)


def refreshed_form(engine: Engine, chosen: str | None) -> tuple[Any, Any, str]:
    """Updates for the model and device selectors and the words about the model, when the page is opened or refreshed.

    A page that was built before the first model was there chooses it now.
    """
    entries = engine.catalog()
    name = chosen or next((entry.name for entry in entries), None)
    return (
        gr.update(choices=choices_of(entries), value=name),
        gr.update(choices=device_choices(engine.devices())),
        describe_choice(entry_of(entries, name)),
    )


def describe_choice(entry: ModelEntry | None) -> str:
    """The words about a chosen model, with what its files say."""
    return load_view.about(entry, describe_model(entry) if entry is not None else None)


def refresh(tab: LoadTab, engine: EngineStatus) -> tuple[list[Any], list[Any]]:
    """(components, updates) that follow the engine: the list, the selector, Load again, Cancel, Unload."""
    names = [model.name for model in engine.models]
    has_failed = any(model.state is ModelState.FAILED for model in engine.models)
    is_loading = any(model.state is ModelState.LOADING for model in engine.models)
    shown = shown_model(engine)
    selector = gr.update(choices=names, visible=len(names) > 1, value=shown.name if shown is not None else None)
    updates = [
        load_view.models(engine),
        selector,
        gr.update(visible=has_failed),
        gr.update(visible=is_loading),
        gr.update(visible=bool(names)),
    ]
    return [tab.models, tab.loaded, tab.again, tab.cancel, tab.unload], updates
