"""The Settings tab of the chat's right column: its components, and how they become ChatSettings and back.

What happens inside the panel is wired in settings_wiring.py; what the words say is in settings_view.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus
from openarc_ui.ui.chat import presets, settings_view
from openarc_ui.ui.chat.sampling_form import INITIAL, sampling_form, shown_sampling
from openarc_ui.ui.chat.settings import STRUCTURE_TITLES, ChatSettings

FIELDS = tuple(ChatSettings.model_fields)
WHEN_TOO_LONG = [("Refuse, and say so", "refuse"), ("Shorten from the oldest", "shorten")]
NOTE: dict[str, Any] = {"elem_classes": "oa-tight oa-said"}


@dataclass(frozen=True, slots=True)
class PresetParts:
    """Choosing, saving and deleting presets.

    Attributes:
        own: the owner's presets as they were read last, {name: sampling}.
    """

    choice: gr.Dropdown
    name: gr.Textbox
    save: gr.Button
    delete: gr.Button
    note: gr.HTML
    own: gr.State


@dataclass(frozen=True, slots=True)
class SettingsPanel:
    """The panel's components.

    Attributes:
        chat_template: the override's editor; it is rendered by the Prompt panel.
        loaded: hidden; its change says that models came or went.
        last_seed: hidden; the seed of the last answer.
    """

    model: gr.Dropdown
    compare_with: gr.Dropdown
    models_note: gr.HTML
    presets: PresetParts
    sampling: gr.HTML
    structure_part: gr.Accordion
    structure: gr.Dropdown
    structure_text: gr.Code
    structure_example: gr.Button
    structure_note: gr.HTML
    tools_part: gr.Accordion
    tools: gr.Code
    tools_json: gr.Button
    tools_python: gr.Button
    tools_note: gr.HTML
    tool_format: gr.Dropdown
    more_part: gr.Accordion
    template_arguments: gr.Code
    arguments_note: gr.HTML
    documents: gr.Code
    documents_note: gr.HTML
    when_too_long: gr.Radio
    chat_template: gr.Code
    loaded: gr.Textbox
    last_seed: gr.Textbox

    @property
    def inputs(self) -> list[Any]:
        """In the order of ChatSettings' fields; `settings_of` reads their values."""
        return [getattr(self, name) for name in FIELDS]


def build_settings_panel(engine: Engine) -> SettingsPanel:
    """The components, inside whatever is open; `chat_template` is left for the Prompt panel to render."""
    status = engine.status()
    model = _selector(settings_view.model_choices(status), "Model", "oa-chat-model")
    compare_with = _selector(settings_view.compare_choices(status), "Compare with", "oa-chat-compare")
    models_note = gr.HTML(elem_id="oa-chat-models-note", **NOTE)
    with gr.Accordion("Sampling", open=True, elem_id="oa-chat-sampling-part"):
        preset_parts, sampling = _build_sampling()
    structure, tools, more = _build_structure(), _build_tools(), _build_more()
    when_too_long = gr.Radio(
        WHEN_TOO_LONG,
        value="refuse",
        label="A conversation that is too long",
        interactive=True,
        elem_id="oa-chat-too-long",
    )
    chat_template = gr.Code(
        "",
        language="jinja2",
        label="Template of this conversation",
        lines=8,
        max_lines=24,
        interactive=True,
        visible=False,
        render=False,
        elem_id="oa-chat-template",
    )
    loaded = gr.Textbox(outline(status), visible="hidden", elem_id="oa-chat-loaded")
    last_seed = gr.Textbox("", visible="hidden", elem_id="oa-chat-last-seed")
    return SettingsPanel(
        model=model,
        compare_with=compare_with,
        models_note=models_note,
        presets=preset_parts,
        sampling=sampling,
        when_too_long=when_too_long,
        chat_template=chat_template,
        loaded=loaded,
        last_seed=last_seed,
        **structure,
        **tools,
        **more,
    )


def settings_of(values: Sequence[Any]) -> ChatSettings:
    """The settings the panel holds, from its inputs' values.

    Raises:
        InvalidRequest: a sampling value is out of range; with its name.
    """
    given = {name: value for name, value in zip(FIELDS, values, strict=True) if value is not None}
    return ChatSettings.read(given)


def updates_of(settings: ChatSettings) -> list[Any]:
    """Updates of the panel's inputs that show these settings."""
    values: dict[str, Any] = {name: gr.update(value=getattr(settings, name)) for name in FIELDS}
    values["sampling"] = gr.update(value=shown_sampling(settings.sampling))
    values["structure_text"] = structure_editor(settings.structure, settings.structure_text)
    values["chat_template"] = gr.update(value=settings.chat_template, visible=bool(settings.chat_template.strip()))
    return list(values.values())


def refresh(panel: SettingsPanel, status: EngineStatus) -> tuple[list[Any], list[Any]]:
    """(components, updates) that follow the engine: the two selectors; the rest follows from `loaded`."""
    components: list[Any] = [panel.model, panel.compare_with, panel.loaded]
    updates = [
        gr.update(choices=settings_view.model_choices(status)),
        gr.update(choices=settings_view.compare_choices(status)),
        outline(status),
    ]
    return components, updates


def show_seed(panel: SettingsPanel, seed: int | None) -> tuple[Any, Any]:
    """(component, update) after an answer: the seed that "Keep the seed" puts into the field; None leaves it."""
    return panel.last_seed, gr.skip() if seed is None else str(seed)


def outline(status: EngineStatus) -> str:
    """Changes when a model came, went, or was loaded anew."""
    loads = [
        f"{each.name} {each.process_id} {each.info.configuration_id if each.info is not None else each.state.value}"
        for each in status.users_models
    ]
    return f"{status.default_model} {loads}"


def structure_editor(kind: str, text: str) -> Any:
    """An update of the editor for a kind of structure; hidden where the answer may be anything."""
    language = "json" if kind == "json_schema" else None
    return gr.update(value=text, language=language, label=STRUCTURE_TITLES.get(kind, ""), visible=bool(kind))


def _selector(choices: list[tuple[str, str]], label: str, elem_id: str) -> gr.Dropdown:
    """A value that is no choice is a model that is not loaded any more; the note says so."""
    return gr.Dropdown(
        choices, value="", label=label, allow_custom_value=True, interactive=True, elem_id=elem_id, min_width=120
    )


def _editor(label: str, elem_id: str, language: Any, lines: int = 4, **options: Any) -> gr.Code:
    return gr.Code(
        "",
        language=language,
        label=label,
        lines=lines,
        max_lines=18,
        interactive=True,
        show_line_numbers=True,
        wrap_lines=False,
        elem_id=elem_id,
        elem_classes="oa-chat-editor",
        **options,
    )


def _build_sampling() -> tuple[PresetParts, gr.HTML]:
    own = gr.State({})
    choice = gr.Dropdown(
        presets.choices({}, "Model's own"),
        value=presets.held(INITIAL, {}),
        label="Preset",
        allow_custom_value=True,
        interactive=True,
        elem_id="oa-chat-preset",
    )
    sampling = sampling_form("oa-chat-sampling")
    with gr.Row(equal_height=True, elem_classes="oa-chat-row"):
        name = gr.Textbox(
            show_label=False,
            label="Save these values as",
            placeholder="Save these values as …",
            container=False,
            max_lines=1,
            max_length=presets.MAX_NAME_CHARACTERS,
            scale=3,
            min_width=120,
            interactive=True,
            elem_id="oa-chat-preset-name",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
        )
        save = gr.Button("Save", size="sm", scale=0, min_width=64, elem_id="oa-chat-preset-save")
        delete = gr.Button(
            "Delete", size="sm", variant="stop", visible=False, scale=0, min_width=70, elem_id="oa-chat-preset-delete"
        )
    words = gr.HTML(elem_id="oa-chat-preset-note", **NOTE)
    return PresetParts(choice, name, save, delete, words, own), sampling


def _build_structure() -> dict[str, Any]:
    with gr.Accordion(settings_view.structure_title(""), open=False, elem_id="oa-chat-structure-part") as part:
        structure = gr.Dropdown(
            settings_view.STRUCTURE_CHOICES,
            value="",
            label="The answer has to be",
            interactive=True,
            elem_id="oa-chat-structure",
        )
        text = _editor("Schema", "oa-chat-structure-text", None, visible=False)
        example = gr.Button("Start from an example", size="sm", visible=False, elem_id="oa-chat-structure-example")
        words = gr.HTML(elem_id="oa-chat-structure-note", **NOTE)
    return {
        "structure_part": part,
        "structure": structure,
        "structure_text": text,
        "structure_example": example,
        "structure_note": words,
    }


def _build_tools() -> dict[str, Any]:
    with gr.Accordion(settings_view.tools_title(""), open=False, elem_id="oa-chat-tools-part") as part:
        text = _editor("JSON, or Python signatures", "oa-chat-tools", "python")
        with gr.Row(elem_classes="oa-chat-row"):
            as_json = gr.Button("Example in JSON", size="sm", min_width=100, elem_id="oa-chat-tools-json")
            as_python = gr.Button("Example in Python", size="sm", min_width=100, elem_id="oa-chat-tools-python")
        words = gr.HTML(elem_id="oa-chat-tools-note", **NOTE)
        tool_format = gr.Dropdown(
            settings_view.tool_format_choices(None, None),
            value="auto",
            label="How calls are read",
            interactive=True,
            elem_id="oa-chat-tool-format",
        )
    return {
        "tools_part": part,
        "tools": text,
        "tools_json": as_json,
        "tools_python": as_python,
        "tools_note": words,
        "tool_format": tool_format,
    }


def _build_more() -> dict[str, Any]:
    with gr.Accordion(settings_view.more_title("", ""), open=False, elem_id="oa-chat-more-part") as part:
        arguments = _editor("Template arguments, a JSON object", "oa-chat-arguments", "json", 2)
        arguments_words = gr.HTML(elem_id="oa-chat-arguments-note", **NOTE)
        documents = _editor("Documents, a JSON list of objects", "oa-chat-documents", "json", 2)
        documents_words = gr.HTML(elem_id="oa-chat-documents-note", **NOTE)
    return {
        "more_part": part,
        "template_arguments": arguments,
        "arguments_note": arguments_words,
        "documents": documents,
        "documents_note": documents_words,
    }
