"""The components of the load form, and which of them an action fills. No action is known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.devices.describe import DeviceReport
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.preflight import OptionForm
from openarc_ui.ui.load_form import FORM_FIELDS, as_json
from openarc_ui.ui.option_form import option_form, spec_of

BACKENDS = [("Automatic", "auto"), ("OpenVINO GenAI", "genai"), ("Optimum-Intel", "optimum")]
SCRIPTED = ("Scripted", "scripted")
NO_SCHEDULER = "Only GenAI's continuous batching has a scheduler."


@dataclass(frozen=True, slots=True)
class Section:
    """One group of settings twice: as widgets and as JSON, with a line for JSON that can't be read."""

    name: str
    widgets: gr.HTML
    text: gr.Code
    note: gr.HTML


@dataclass(slots=True)
class LoadForm:
    """The form's components; `inputs` in the order of `FormValues`.

    Attributes:
        recommend: takes the ov_config that the model recommends.
        before: the model that was chosen last, so that a new one is known from a filled in one.
        offered: the ov_config of a new model, and that of the one before, in place of which it may be taken.
    """

    model: gr.Dropdown
    refresh: gr.Button
    about: gr.HTML
    backend: gr.Radio
    backend_note: gr.HTML
    device: gr.Dropdown
    device_note: gr.HTML
    recommend: gr.Button
    before: gr.State
    offered: gr.JSON
    sections: list[Section] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)

    def build_settings(self, engine: Engine) -> None:
        """The settings below the selectors, inside whatever is open."""
        entry = first_entry(engine)
        spec = form_specs(engine.preflight.options("CPU"))
        titles = (
            ("ov_config", "ov_config"),
            ("scheduler", "Scheduler"),
            ("sampling_defaults", "Sampling defaults"),
        )
        with gr.Tabs(elem_id="oa-settings-tabs"):
            for name, title in titles:
                values = dict(entry.ov_config) if entry is not None and name == "ov_config" else {}
                with gr.Tab(title, id=f"settings-{name}", render_children=True):
                    if name == "ov_config":
                        self.recommend.render()
                    self.sections.append(_build_section(name, title, values, spec[name]))
            with gr.Tab("More", id="settings-more"):
                self.options = _build_options()

    @property
    def inputs(self) -> list[Any]:
        by_name = {"model": self.model, "backend": self.backend, "device": self.device}
        for section in self.sections:
            by_name |= {section.name: section.widgets, f"{section.name}_text": section.text}
        named = (
            "name",
            "use_cache",
            "dynamic_shapes",
            "export_model",
            "bos_token_id",
            "eos_token_id",
            "pad_token_id",
            "allow_overcommit",
        )
        by_name |= dict(zip(named, self.options, strict=True))
        return [by_name[name] for name in FORM_FIELDS]

    @property
    def model_outputs(self) -> list[Any]:
        """What a new model changes: the words about it, the backends, and which ov_config it recommends."""
        return [self.about, self.backend, self.offered, self.before]

    @property
    def refresh_outputs(self) -> list[Any]:
        """What a look at the folder and the machine changes."""
        return [self.model, self.device, self.about, self.before]


def build_form(engine: Engine) -> LoadForm:
    """Model, backend and device, inside whatever is open."""
    entries = engine.catalog()
    first = first_entry(engine)
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
        refresh = gr.Button("Refresh", size="sm", scale=0, min_width=84, elem_id="oa-refresh")
    about = gr.HTML(elem_classes="oa-tight oa-note")
    backend = gr.Radio(backend_choices(first), value="auto", label="Backend", interactive=True, elem_id="oa-backend")
    backend_note = gr.HTML(elem_classes="oa-tight oa-note", elem_id="oa-backend-note")
    device = gr.Dropdown(
        [("CPU", "CPU")],
        value="CPU",
        label="Device",
        info="Or type AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, …",
        allow_custom_value=True,
        interactive=True,
        elem_id="oa-device",
    )
    device_note = gr.HTML(elem_classes="oa-tight oa-note", elem_id="oa-device-note")
    recommend = gr.Button("", size="sm", visible=False, render=False, elem_id="oa-recommend")
    before = gr.State(first.name if first else None)
    offered = gr.JSON(visible="hidden", elem_id="oa-load-offered")
    return LoadForm(model, refresh, about, backend, backend_note, device, device_note, recommend, before, offered)


def form_specs(form: OptionForm) -> dict[str, dict[str, Any]]:
    """What the three groups of widgets show for a device and a backend."""
    key = f"{form.device}|{len(form.ov_config)}|{len(form.scheduler)}"
    is_composite = ":" in form.device or form.device == "AUTO"
    return {
        "ov_config": spec_of(
            "oa-ov", key, form.ov_config, composite=is_composite, empty="Choose a device that exists."
        ),
        "scheduler": spec_of("oa-sc", key, form.scheduler, empty=NO_SCHEDULER),
        "sampling_defaults": spec_of("oa-sd", "sampling", form.sampling_defaults),
    }


def choices_of(entries: Sequence[ModelEntry]) -> list[str]:
    """Names for the model selector; what no backend can run is in the Model folder tab only."""
    return [entry.name for entry in entries if entry.backends]


def device_choices(devices: Sequence[DeviceReport]) -> list[tuple[str, str]]:
    """Devices with their full names, then AUTO."""
    return [
        *[(f"{device.name} · {device.full_name}", device.name) for device in devices],
        ("AUTO · OpenVINO chooses", "AUTO"),
    ]


def backend_choices(entry: ModelEntry | None) -> list[tuple[str, str]]:
    """The backends; the scripted one only for a script."""
    return [BACKENDS[0], SCRIPTED] if entry is not None and entry.kind == "script" else BACKENDS


def first_entry(engine: Engine) -> ModelEntry | None:
    """The model the form begins with."""
    return next((entry for entry in engine.catalog() if entry.backends), None)


def _build_section(name: str, title: str, values: dict[str, Any], spec: dict[str, Any]) -> Section:
    elem_id = {"ov_config": "oa-config", "scheduler": "oa-scheduler", "sampling_defaults": "oa-sampling-defaults"}[name]
    text = gr.Code(
        as_json(values),
        language="json",
        label=f"{title}, as JSON",
        lines=3,
        max_lines=12,
        interactive=True,
        elem_id=elem_id,
    )
    note = gr.HTML(elem_classes="oa-tight oa-note")
    widgets = option_form(values, spec, f"{elem_id}-form")
    return Section(name, widgets, text, note)


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
