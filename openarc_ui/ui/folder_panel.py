"""The model folder: every model with what it is and what is wrong with it, a viewer for its small files, and the compile cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from openarc_ui.engine.catalogue.details import ModelDetails
from openarc_ui.engine.catalogue.files import model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.ui.html import NOT_MEASURED, card, empty, error_card, number, size
from openarc_ui.ui.load_view import KINDS, load_words
from openarc_ui.ui.rights import Rights

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True, slots=True)
class FolderPanel:
    """Its components; `clear` and the viewer (model, file, note, text) are for those who may administer."""

    table: gr.HTML
    model: gr.Dropdown
    file: gr.Dropdown
    note: gr.HTML
    text: gr.Code
    cache: gr.HTML
    clear: gr.Button

    @property
    def filled(self) -> list[Any]:
        """What a look into the folder fills."""
        return [self.table, self.model, self.cache]


def build_folder_panel(engine: Engine, rights: Rights) -> FolderPanel:
    """The list, the viewer and the cache, inside an open gr.Tab."""
    with gr.Row(equal_height=True):
        gr.HTML(
            '<p class="oa-muted">Everything below the model folder that is a model, or was meant to be one.</p>',
            elem_classes="oa-tight",
        )
        refresh = gr.Button("Refresh", size="sm", scale=0, min_width=110, elem_id="oa-refresh-folder")
    table = gr.HTML(elem_id="oa-folder", elem_classes="oa-tight")
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            with gr.Row():
                model = gr.Dropdown([], label="Model", interactive=True, min_width=260, elem_id="oa-view-model")
                file = gr.Dropdown([], label="File", interactive=True, min_width=200, elem_id="oa-view-file")
            note = gr.HTML(elem_classes="oa-tight", elem_id="oa-view-note")
            text = gr.Code(
                "", language="json", label="Contents", lines=12, max_lines=30, interactive=False, elem_id="oa-view"
            )
        with gr.Column(scale=2, min_width=280):
            cache = gr.HTML(elem_id="oa-cache", elem_classes="oa-tight")
            clear = gr.Button("Clear the compile cache", size="sm", elem_id="oa-clear-cache")

    panel = FolderPanel(table, model, file, note, text, cache, clear)
    _wire_viewer(engine, panel, rights)
    _wire_cache(engine, panel, rights)
    folder_opened = looking_into(engine, rights)
    refresh.click(folder_opened, [model], panel.filled, **PRIVATE)
    return panel


def looking_into(engine: Engine, rights: Rights) -> Callable[..., Any]:
    """What opening and refreshing the panel call. Who may not read a model's files is offered none, so nothing is asked for."""

    def folder_opened(request: gr.Request, chosen: str | None) -> tuple[str, Any, str]:
        table, model, cache = folder_updates(engine, chosen)
        if not rights.may_administer(request):
            model = gr.skip()
        return table, model, cache

    return folder_opened


def _wire_viewer(engine: Engine, panel: FolderPanel, rights: Rights) -> None:
    def choose(name: str | None) -> tuple[Any, Any, Any]:
        if not name:
            return gr.update(choices=[], value=None), gr.update(value=""), ""
        try:
            files = model_files(engine.catalogue.find(name))
        except OpenArcError as error:
            return gr.update(choices=[], value=None), gr.update(value=""), error_card("Not there any more", error)
        first = files[0] if files else None
        shown, words = show(name, first)
        return gr.update(choices=list(files), value=first), shown, words

    def show(name: str | None, file_name: str | None) -> tuple[Any, str]:
        if not name or not file_name:
            return gr.update(value=""), '<p class="oa-about">This model has none of the files that are shown here.</p>'
        try:
            found = read_model_file(engine.catalogue.find(name), file_name)
        except OpenArcError as error:
            return gr.update(value=""), error_card("It can't be shown", error)
        words = [f"{size(found.size_bytes)} · from {found.source}"] + (
            ["only its beginning is shown"] if found.is_cut else []
        )
        warning = f'<p class="oa-about warn">{escape(found.problem)}</p>' if found.problem else ""
        return gr.update(
            value=found.text, language=found.language
        ), f'<p class="oa-about">{escape(" · ".join(words))}</p>{warning}'

    choosing, showing = (rights.administers("Reading a model's files", each) for each in (choose, show))
    panel.model.change(choosing, [panel.model], [panel.file, panel.text, panel.note], **PRIVATE)
    panel.file.input(showing, [panel.model, panel.file], [panel.text, panel.note], **PRIVATE)


def _wire_cache(engine: Engine, panel: FolderPanel, rights: Rights) -> None:
    def empty_the_cache() -> str:
        if engine.compile_cache is None:
            return cache_html(engine)
        try:
            cleared = engine.compile_cache.clear()
        except OpenArcError as error:
            return error_card("Nothing was cleared", error)
        return cache_html(
            engine, f"{size(cleared.freed_bytes)} were freed." + "".join(f" {each}" for each in cleared.skipped)
        )

    clearing = rights.administers("Clearing the compile cache", empty_the_cache)
    panel.clear.click(clearing, None, [panel.cache], **PRIVATE)


def folder_updates(engine: Engine, chosen: str | None) -> tuple[str, Any, str]:
    """Updates for the list, the viewer's model and the cache."""
    models = engine.catalogue.all_details()
    names = [each.name for each in models]
    value = chosen if chosen in names else (names[0] if names else None)
    return folder_html(models), gr.update(choices=names, value=value), cache_html(engine)


def folder_html(models: Sequence[ModelDetails]) -> str:
    """Every model in a table; what is wrong stands in a line below it."""
    if not models:
        return card(
            "Model folder",
            empty("No model yet", "Put a folder with an OpenVINO model, or a GGUF file, into the model folder."),
        )
    headings = (
        "Model",
        "Kind",
        "Architecture",
        "Parameters",
        "Precision",
        "Size",
        "Context",
        "Template",
        "Tokenizer IR",
        "Runs on",
    )
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    rows = "".join(_model(each, len(headings)) for each in models)
    return card(
        f"{len(models)} model{'s' if len(models) != 1 else ''}",
        f'<div class="oa-scroll"><table class="oa-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
    )


def _kept(size_bytes: int) -> str:
    if not size_bytes:
        return "Nothing is kept yet. Where it helps, a load keeps the compiled model here for the next one."
    return f"{size(size_bytes)} of compiled models; a load with the same settings finds them and compiles nothing."


def _model(model: ModelDetails, columns: int) -> str:
    cells = (
        model.name,
        KINDS[model.kind],
        model.architecture or NOT_MEASURED,
        _parameters(model.parameters),
        model.precision or NOT_MEASURED,
        size(model.size_bytes),
        f"{number(model.context_length, 0)} tokens" if model.context_length else NOT_MEASURED,
        "yes" if model.has_chat_template else "no",
        "yes" if model.has_tokenizer_ir else "no",
        ", ".join(model.backends) or "nothing",
    )
    kind = ' class="bad"' if not model.backends else ""
    row = f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    notes = [
        *model.problems,
        *(f"{backend}: {why}" for backend, why in model.cannot_run.items() if why not in model.problems),
    ]
    below = "".join(f"<div>{escape(note)}</div>" for note in dict.fromkeys(notes))
    return row + (
        f'<tr class="oa-below{" bad" if not model.backends else ""}"><td colspan="{columns}">{below}</td></tr>'
        if below
        else ""
    )


def _parameters(count: int | None) -> str:
    if count is None:
        return NOT_MEASURED
    for unit, scale in (("B", 1e9), ("M", 1e6)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count}"


def cache_html(engine: Engine, done: str = "") -> str:
    """The compile cache: how large, by model, and what it saved."""
    said = f"<p>{escape(done)}</p>" if done else ""
    if engine.compile_cache is None:
        return card("Compile cache", f"{said}<p class='oa-muted'>Switched off: no cache folder is set.</p>")
    try:
        usage = engine.compile_cache.usage()
    except OpenArcError as error:
        return error_card("The compile cache can't be read", error)
    lines = "".join(f"<li>{escape(each.model)}: {size(each.size_bytes)}</li>" for each in usage.models)
    lines_of_loads = [
        f"{each.model}, {words}" for each in usage.models for note in each.loads if (words := load_words(note))
    ]
    times = "".join(f"<li>{escape(line)}</li>" for line in lines_of_loads)
    body = (
        f"{said}<p>{_kept(usage.size_bytes)}</p>"
        + (f"<ul>{lines}</ul>" if lines else "")
        + (
            f"<p class='oa-muted'>Measured on this machine:</p><ul>{times}</ul>"
            if times
            else "<p class='oa-muted'>No load was measured yet.</p>"
        )
    )
    return card("Compile cache", body)
