"""The sampling panel: one field a parameter. An empty field is the model's own default, shown in the field in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import ValidationError

from openarc_ui.engine.sampling import BUILT_IN
from openarc_ui.engine.types import EngineStatus, SamplingParameters
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.status_strip import shown_model

DEFAULT = "Model's default"
SAMPLE = "Sample"
GREEDY = "Greedy"
CHAT_MAX_NEW_TOKENS = 512

NUMBERS: tuple[tuple[str, str, type[int] | type[float]], ...] = (
    ("max_new_tokens", "Max new tokens", int),
    ("temperature", "Temperature", float),
    ("top_p", "Top p", float),
    ("top_k", "Top k", int),
    ("min_p", "Min p", float),
    ("repetition_penalty", "Repetition penalty", float),
    ("presence_penalty", "Presence penalty", float),
    ("frequency_penalty", "Frequency penalty", float),
    ("seed", "Seed", int),
)
"""Name, label, type. They are text fields, because Gradio's number field can't be empty."""

HELP = "An empty field is the model's own value, shown in grey."


@dataclass(frozen=True, slots=True)
class SamplingPanel:
    """The panel's components; `inputs` in the order `parameters_of` takes their values."""

    choice: gr.Dropdown
    numbers: tuple[gr.Textbox, ...]
    stop: gr.Textbox
    ignore_eos: gr.Checkbox
    reset: gr.Button

    @property
    def inputs(self) -> list[Any]:
        return [self.choice, *self.numbers, self.stop, self.ignore_eos]


def build_sampling_panel() -> SamplingPanel:
    """The components, inside whatever is open."""
    gr.HTML(f'<p class="oa-muted oa-small">{HELP}</p>', elem_classes="oa-tight")
    choice = gr.Dropdown(
        [DEFAULT, SAMPLE, GREEDY], value=DEFAULT, label="Choice of tokens", interactive=True, elem_id="oa-choice"
    )
    numbers = []
    with gr.Row(elem_classes="oa-compact"):
        for name, label, _ in NUMBERS:
            numbers.append(_field(name, label))
    stop = gr.Textbox(label="Stop strings, one a line", lines=1, max_lines=4, interactive=True, elem_id="oa-stop")
    ignore_eos = gr.Checkbox(False, label="Ignore the end-of-text token", interactive=True, elem_id="oa-ignore_eos")
    reset = gr.Button("Back to the model's values", size="sm")
    return SamplingPanel(choice, tuple(numbers), stop, ignore_eos, reset)


def _field(name: str, label: str) -> gr.Textbox:
    return gr.Textbox(
        str(CHAT_MAX_NEW_TOKENS) if name == "max_new_tokens" else "",
        label=label,
        info=SamplingParameters.model_fields[name].description,
        placeholder=_shown(BUILT_IN[name]),
        max_lines=1,
        min_width=118,
        interactive=True,
        elem_id=f"oa-{name}",
        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
    )


def parameters_of(values: Sequence[Any]) -> dict[str, Any]:
    """The request's sampling fields from the panel's values: only what was filled in.

    Raises:
        InvalidRequest: a value is out of range, named by its label.
    """
    choice, numbers, stop, ignore_eos = values[0], values[1 : 1 + len(NUMBERS)], values[-2], values[-1]
    given: dict[str, Any] = {
        name: _number(label, kind, text)
        for (name, label, kind), text in zip(NUMBERS, numbers, strict=True)
        if (text or "").strip()
    }
    if choice != DEFAULT:
        given["do_sample"] = choice == SAMPLE
    lines = tuple(line for line in (stop or "").splitlines() if line)
    given |= {"stop": lines} if lines else {}
    given |= {"ignore_eos": True} if ignore_eos else {}
    try:
        SamplingParameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        labels = {name: label for name, label, *_ in NUMBERS}
        field = str(first["loc"][0])
        raise InvalidRequest(
            f"{labels.get(field, field)}: {first['msg']}.", "Correct it, or empty the field."
        ) from None
    return given


def placeholders(status: EngineStatus) -> list[Any]:
    """Updates that show the current model's defaults in the empty fields."""
    model = shown_model(status)
    defaults: Mapping[str, Any] = model.info.generation_defaults if model is not None and model.info is not None else {}
    return [gr.update(placeholder=_shown(defaults.get(name, BUILT_IN[name]))) for name, *_ in NUMBERS]


def cleared() -> list[Any]:
    """Values of a panel in which nothing is set."""
    return [DEFAULT, str(CHAT_MAX_NEW_TOKENS), *[""] * (len(NUMBERS) - 1), "", False]


def _number(label: str, kind: type[int] | type[float], text: str) -> float:
    try:
        return kind(text.strip().replace(",", "."))
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise InvalidRequest(f"{label}: '{text}' is not {what}.", "Correct it, or empty the field.") from None


def _shown(value: Any) -> str:
    return "drawn anew" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)
