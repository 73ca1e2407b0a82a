"""The Load tab: its components and what happens when they are used. What they show is made in the modules beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus, ModelState
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui import load_view
from openarc_ui.ui.devices_panel import (
    Builder,
    build_device_builder,
    build_devices_panel,
    composed,
    composed_note,
    devices_html,
)
from openarc_ui.ui.folder_panel import FolderPanel, build_folder_panel, looking_into
from openarc_ui.ui.load_actions import Actions
from openarc_ui.ui.load_components import LoadForm, build_form, device_choices
from openarc_ui.ui.loading import Loading
from openarc_ui.ui.look_ahead import LookAhead, build_look_ahead, render_copy_as, render_verdict
from openarc_ui.ui.profile_actions import READ_FILE, ProfileActions
from openarc_ui.ui.profiles_bar import NEEDS_KEY, NONE, ProfilesBar, broken_words, build_profiles_bar, profile_choices
from openarc_ui.ui.rights import NOTE, Rights
from openarc_ui.ui.status_strip import shown_model

READING_NEEDS_KEY = "Reading a model's files needs the administration key."
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
ALWAYS_LAST: dict[str, Any] = {**PRIVATE, "trigger_mode": "always_last", "concurrency_limit": None}
LOOKS_AHEAD = "looks-ahead"
"""The queue of all looks ahead: in one queue they begin in the order in which they were asked for."""
SHOW_RESULT = """() => {
  const show = () => document.querySelector("body:active") ? setTimeout(show, 50) : window.openarcShowResult();
  show();
}"""
"""Never while a mouse button is down: what is pressed would be gone from under it, and the click with it."""
TAKE_OFFERED = """(offered, values, text) => {
  const listed = (settings) => JSON.stringify(Object.entries(settings || {}).sort(([one], [other]) => one < other ? -1 : 1));
  let typed = {};
  try { typed = JSON.parse((text || "").trim() || "{}"); } catch (error) { return [values, text]; }
  const isUntouched = offered && [values, typed].every((each) => listed(each) === listed(offered.instead_of));
  return isUntouched ? [offered.values, JSON.stringify(offered.values, null, 2)] : [values, text];
}"""
"""A new model's ov_config, where the one before stands as it was. What is being typed is neither."""


@dataclass(frozen=True, slots=True)
class LoadingParts:
    """The components of loading; those after the result follow the engine.

    Attributes:
        note: for those whose key is for use only, in place of what a click on Load would do.
        reserved: who has the machine alone, not shown: what it says of the form changes when they come and go.
    """

    start: gr.Button
    note: gr.HTML
    result: gr.HTML
    models: gr.HTML
    loaded: gr.Dropdown
    again: gr.Button
    cancel: gr.Button
    unload: gr.Button
    reserved: gr.Textbox


@dataclass(frozen=True, slots=True)
class LoadTab:
    """What of the tab follows the engine, what opening the page fills, and what is for administrators."""

    parts: LoadingParts
    form: LoadForm
    ahead: LookAhead
    bar: ProfilesBar
    folder: FolderPanel
    actions: Actions


def build_load_tab(engine: Engine, profiles: ProfileStore, rights: Rights, *, needs_key: bool) -> LoadTab:
    """The tab's components and wiring, inside an open gr.Tab."""
    actions = Actions(engine, profiles, needs_key, rights)
    with gr.Tabs(elem_id="oa-load-tabs"):
        with gr.Tab("Configure", id="configure", render_children=True), gr.Row(elem_id="oa-load-grid"):
            with gr.Column(min_width=300, elem_id="oa-load-select"):
                bar = build_profiles_bar()
                form = build_form(engine)
                with gr.Accordion("Put several devices together", open=False):
                    builder = build_device_builder(engine.preflight.devices())
            with gr.Column(min_width=300, elem_id="oa-load-side"):
                ahead = build_look_ahead()
                parts = _build_loading(engine, ahead)
                render_copy_as(ahead)
            with gr.Column(min_width=300, elem_id="oa-load-settings"):
                form.build_settings(engine)
                form.options.append(ahead.overcommit)
        with gr.Tab("Devices", id="devices") as devices_page:
            device_list, refresh_devices = build_devices_panel(engine)
        with gr.Tab("Model folder", id="folder") as folder_page:
            folder = build_folder_panel(engine, rights)
    tab = LoadTab(parts, form, ahead, bar, folder, actions)
    look = _looking(tab)
    _wire_form(tab, look)
    _wire_loading(tab, Loading(engine), rights, look)
    _wire_profiles(tab, ProfileActions(profiles), rights, look)
    _wire_builder(form, builder, look)
    found = [device_list, form.device, builder.members]
    look_for_devices = _looking_for_devices(engine)
    refresh_devices.click(look_for_devices, None, found, **PRIVATE).then(**look)
    devices_page.select(look_for_devices, None, found, **PRIVATE)
    folder_page.select(looking_into(engine, rights), [folder.model], folder.filled, **PRIVATE)
    return tab


def _build_loading(engine: Engine, ahead: LookAhead) -> LoadingParts:
    """The buttons, the verdict, the result and the loaded models."""
    with gr.Row():
        start = gr.Button("Load", variant="primary", elem_id="oa-load")
        cancel = gr.Button("Cancel the load", variant="stop", visible=False, elem_id="oa-cancel")
    note = gr.HTML(needs_administration(), visible=False, elem_classes="oa-tight oa-note", elem_id="oa-load-rights")
    render_verdict(ahead)
    result = gr.HTML(elem_id="oa-load-result")
    models = gr.HTML(load_view.models(engine.status()), elem_id="oa-models")
    with gr.Row(equal_height=True):
        loaded = gr.Dropdown([], label="Loaded model", interactive=True, visible=False, elem_id="oa-loaded")
        again = gr.Button(
            "Load again", size="sm", visible=False, variant="primary", scale=0, min_width=110, elem_id="oa-again"
        )
        unload = gr.Button("Unload", size="sm", scale=0, min_width=110, elem_id="oa-unload")
    reserved = gr.Textbox(engine.status().reserved or "", visible="hidden", elem_id="oa-load-reserved")
    return LoadingParts(start, note, result, models, loaded, again, cancel, unload, reserved)


def _looking(tab: LoadTab) -> dict[str, Any]:
    """What every change of the form ends with."""
    inputs = tab.ahead.inputs(tab.form, tab.bar.profile)
    outputs = tab.ahead.outputs(tab.form, tab.bar.state)
    return {
        "fn": tab.actions.look_ahead,
        "inputs": inputs,
        "outputs": outputs,
        "concurrency_id": LOOKS_AHEAD,
        **ALWAYS_LAST,
    }


def _looking_for_devices(engine: Engine) -> Callable[..., Any]:
    def look_for_devices() -> tuple[Any, ...]:
        engine.preflight.refresh()
        found = engine.preflight.devices()
        names = [each.name for each in found]
        return devices_html(found), gr.update(choices=device_choices(found)), gr.update(choices=names)

    return look_for_devices


def _wire_form(tab: LoadTab, look: dict[str, Any]) -> None:
    """Widgets and JSON are two views of one value; every change looks ahead.

    Each becomes the other within the browser: an answer of the server could come when somebody types there already, or
    after a click on Load.
    """
    form, actions, ahead = tab.form, tab.actions, tab.ahead
    for section in form.sections:
        as_json = [section.text, section.note]
        section.widgets.input(
            None, [section.widgets, section.text], as_json, js="window.openarcAsJson", **ALWAYS_LAST
        ).then(**look)
        as_widgets = [section.widgets, section.note]
        reader = "window.openarcFromNestedJson" if section.name == "scheduler" else "window.openarcFromJson"
        section.text.input(None, [section.text, *as_widgets], as_widgets, js=reader, **ALWAYS_LAST).then(
            actions.note_on_text(section.name), [section.text], [section.note], **ALWAYS_LAST
        ).then(**look)
    recommended = [form.sections[0].widgets, form.sections[0].text]
    chosen = [form.model, form.backend, form.before]
    form.model.change(actions.new_model, chosen, form.model_outputs, **PRIVATE).then(
        None, [form.offered, *recommended], recommended, js=TAKE_OFFERED, **PRIVATE
    ).then(**look)
    form.recommend.click(actions.take_recommended, [form.model], recommended, **PRIVATE).then(**look)
    for selector in (form.device, form.backend, ahead.kind):
        selector.input(**look)
    for field in (*form.options, ahead.context, ahead.sequences):
        field.change(**look)  # a text field's input event misses what is pasted or filled in
    form.refresh.click(actions.refresh, form.inputs, form.refresh_outputs, **PRIVATE).then(**look)


def _wire_loading(tab: LoadTab, loading: Loading, rights: Rights, look: dict[str, Any]) -> None:
    parts, ahead = tab.parts, tab.ahead
    load_form, load_again = (
        rights.administers("Loading a model", each) for each in (loading.load_form, loading.load_again)
    )
    cancel_load = rights.administers("Cancelling a load", loading.cancel_load)
    unload = rights.administers("Unloading a model", loading.unload)
    options: dict[str, Any] = {"concurrency_limit": None, **PRIVATE}
    outputs = [parts.result, parts.start, parts.cancel, parts.models, ahead.failure]
    planned = [*tab.form.inputs, ahead.context, ahead.sequences]
    for begin in (
        parts.start.click(load_form, planned, outputs, **options),
        parts.again.click(load_again, None, outputs, **options),
    ):
        begin.then(None, None, None, js=SHOW_RESULT, **PRIVATE).then(**look)
    parts.reserved.change(**look)
    to_load: dict[str, Any] = {"fn": None, "js": "() => document.querySelector('#oa-load')?.focus()", **PRIVATE}
    parts.cancel.click(cancel_load, None, None, **options).then(**to_load)
    parts.unload.click(unload, [parts.loaded], [parts.result, parts.models], **options).then(**look).then(**to_load)


def _wire_profiles(tab: LoadTab, profiles: ProfileActions, rights: Rights, look: dict[str, Any]) -> None:
    bar, form = tab.bar, tab.form
    taking = rights.administers("Using a profile", profiles.use)
    keeping = rights.administers("Saving a profile", profiles.keep)
    forgetting = rights.administers("Deleting a profile", profiles.forget)
    bringing = rights.administers("Importing a profile", profiles.bring)
    filled = [*form.inputs, form.before, bar.profile, bar.note, bar.export]
    use: dict[str, Any] = {"fn": taking, "inputs": [bar.profile], "outputs": filled, **PRIVATE}
    bar.profile.input(**use).then(**look)
    kept = [bar.profile, bar.note, bar.export, bar.replace]
    for save in (bar.save.click, bar.name.submit):
        save(keeping, [bar.name, bar.replace, *form.inputs], kept, **PRIVATE).then(**look)
    ask = "(name) => [name && window.confirm(`Delete the profile ${name}?`) ? name : '']"
    bar.delete.click(forgetting, [bar.profile], kept, js=ask, **PRIVATE).then(**look)
    brought = [bar.upload, bar.replace]
    bar.upload.click(bringing, brought, [*filled, bar.replace], js=READ_FILE, **PRIVATE).then(**look)


def _wire_builder(form: LoadForm, builder: Builder, look: dict[str, Any]) -> None:
    inputs = [builder.kind, builder.members, builder.batch_size]
    for part in inputs:
        part.change(composed_note, inputs, builder.note, **PRIVATE)
    builder.kind.change(batch_size_shown, builder.kind, builder.batch_size, **PRIVATE)
    builder.use.click(use_composed, inputs, form.device, **PRIVATE).then(**look)


def batch_size_shown(kind: str) -> Any:
    """An update of the batch size's field, which only BATCH has."""
    return gr.update(visible=kind == "BATCH")


def use_composed(kind: str, members: list[str] | None, batch_size: str | None) -> Any:
    """The builder's device for the form; nothing where it makes none."""
    return composed(kind, members, batch_size)[0] or gr.skip()


def needs_administration() -> str:
    """What stands where the page of a key for use says what a load would do."""
    words = f'{NOTE} <a href="/login">Sign in with it</a> to change what is loaded.'
    return f'<p class="oa-about" role="note"><span>{words}</span></p>'


def fill_when_opened(page: gr.Blocks, tab: LoadTab, profiles: ProfileStore, rights: Rights) -> None:
    """Opening the page brings the form back as this browser left it, asks the machine anew, and looks ahead.

    What needs the administration key is offered to those who have it; the profiles are read for nobody else.
    """
    form, bar, parts = tab.form, tab.bar, tab.parts
    folder = tab.folder
    offered = [parts.start, bar.save, bar.delete, bar.upload, folder.clear, folder.model, folder.file]

    def rights_shown(request: gr.Request) -> list[Any]:
        if rights.may_administer(request):
            shown = [gr.update(choices=profile_choices(profiles)), broken_words(profiles)]
            return [*shown, *[gr.skip()] * (2 + len(offered))]
        without = gr.update(choices=[("None", NONE)], value=NONE, interactive=False, info=NEEDS_KEY)
        words = f'<p class="oa-about">{READING_NEEDS_KEY}</p>'
        return [without, "", gr.update(visible=True), words, *[gr.update(interactive=False)] * len(offered)]

    restored = [*form.inputs, form.before, tab.ahead.context, tab.ahead.sequences]
    page.load(tab.actions.restore, [tab.ahead.saved], restored, **PRIVATE).then(
        tab.actions.refresh, form.inputs, form.refresh_outputs, **PRIVATE
    ).then(**_looking(tab))
    page.load(rights_shown, None, [bar.profile, bar.note, parts.note, folder.note, *offered], **PRIVATE)


def refresh(tab: LoadTab, engine: EngineStatus, may_administer: bool) -> tuple[list[Any], list[Any]]:
    """(components, updates) that follow the engine: the list, the selector, Load again, Cancel, Unload, who has the machine.

    Args:
        may_administer: the page is of somebody who may use the three buttons.
    """
    models = engine.users_models
    names = list(dict.fromkeys(model.name for model in models))
    has_failed = any(model.state is ModelState.FAILED for model in models)
    is_loading = any(model.state is ModelState.LOADING for model in models)
    shown = shown_model(engine)
    selector = gr.update(choices=names, visible=len(names) > 1, value=shown.name if shown is not None else None)
    updates = [
        load_view.models(engine),
        selector,
        gr.update(visible=has_failed and may_administer),
        gr.update(visible=is_loading and may_administer),
        gr.update(visible=bool(names) and may_administer),
        engine.reserved or "",
    ]
    parts = tab.parts
    return [parts.models, parts.loaded, parts.again, parts.cancel, parts.unload, parts.reserved], updates
