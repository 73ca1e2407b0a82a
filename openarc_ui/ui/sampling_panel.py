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

NUMBERS: tuple[tuple[str, str, str, float, int | None], ...] = (
    ("max_new_tokens", "Max new tokens", "Most tokens of an answer", 1, 0),
    ("temperature", "Temperature", "Spread of the choice; 0 is greedy", 0.1, None),
    ("top_p", "Top p", "Most likely tokens up to this probability", 0.05, None),
    ("top_k", "Top k", "So many most likely tokens; 0: no limit", 1, 0),
    ("min_p", "Min p", "Share of the best token's probability", 0.01, None),
    ("repetition_penalty", "Repetition penalty", "Above 1: avoid tokens used before", 0.05, None),
    ("presence_penalty", "Presence penalty", "Once for a token in the answer", 0.1, None),
    ("frequency_penalty", "Frequency penalty", "For each time it is in the answer", 0.1, None),
    ("seed", "Seed", "Same seed, same answer", 1, 0),
)
"""Name, label, help, step, precision."""


@dataclass(frozen=True, slots=True)
class SamplingPanel:
    """The panel's components; `inputs` in the order `parameters_of` takes their values."""

    choice: gr.Dropdown
    numbers: tuple[gr.Number, ...]
    stop: gr.Textbox
    ignore_eos: gr.Checkbox
    reset: gr.Button

    @property
    def inputs(self) -> list[Any]:
        return [self.choice, *self.numbers, self.stop, self.ignore_eos]


def build_sampling_panel() -> SamplingPanel:
    """The components, inside whatever is open."""
    choice = gr.Dropdown(
        [DEFAULT, SAMPLE, GREEDY], value=DEFAULT, label="Choice of tokens", interactive=True, elem_id="oa-choice"
    )
    numbers = []
    for pair in range(0, len(NUMBERS), 2):
        with gr.Row(elem_classes="tile-row"):
            for name, label, info, step, precision in NUMBERS[pair : pair + 2]:
                numbers.append(
                    gr.Number(
                        CHAT_MAX_NEW_TOKENS if name == "max_new_tokens" else None,
                        label=label,
                        info=info,
                        step=step,
                        precision=precision,
                        min_width=120,
                        placeholder=_built_in(name),
                        interactive=True,
                        elem_id=f"oa-{name}",
                    )
                )
    stop = gr.Textbox(
        label="Stop strings",
        info="One a line; the answer ends before any of them",
        lines=1,
        max_lines=4,
        interactive=True,
    )
    ignore_eos = gr.Checkbox(False, label="Ignore the end-of-text token", interactive=True)
    reset = gr.Button("Back to the model's defaults", size="sm")
    return SamplingPanel(choice, tuple(numbers), stop, ignore_eos, reset)


def parameters_of(values: Sequence[Any]) -> dict[str, Any]:
    """The request's sampling fields from the panel's values: only what was filled in.

    Raises:
        InvalidRequest: a value is out of range, named by its label.
    """
    choice, numbers, stop, ignore_eos = values[0], values[1 : 1 + len(NUMBERS)], values[-2], values[-1]
    given: dict[str, Any] = {
        name: value for (name, *_), value in zip(NUMBERS, numbers, strict=True) if value is not None
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
    return [DEFAULT, CHAT_MAX_NEW_TOKENS, *[None] * (len(NUMBERS) - 1), "", False]


def _built_in(name: str) -> str:
    return _shown(BUILT_IN[name])


def _shown(value: Any) -> str:
    return "drawn anew" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)
