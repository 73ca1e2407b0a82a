"""The sampling of the chat as one component: what is set, the model's own values in the empty fields, and what is wrong.

Its value is only what is set, {name: value}. The browser's side is assets/sampling_form.js.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from annotated_types import Ge, Gt, Le, Lt

from openarc_ui.engine.sampling import BUILT_IN
from openarc_ui.engine.types import SamplingParameters
from openarc_ui.ui.chat.settings import CHAT_MAX_NEW_TOKENS, GREEDY_TURNS_OFF, MOST_ANSWERS, SAMPLING_LABELS
from openarc_ui.ui.theme import ASSETS

FIELDS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("do_sample", "choice"),
        ("temperature", "number"),
        ("top_p", "number"),
        ("top_k", "integer"),
        ("min_p", "number"),
    ),
    (("repetition_penalty", "number"), ("presence_penalty", "number"), ("frequency_penalty", "number")),
    (("seed", "integer"), ("num_return_sequences", "choice")),
    (
        ("max_new_tokens", "integer"),
        ("min_new_tokens", "integer"),
        ("stop", "lines"),
        ("stop_token_ids", "ids"),
        ("ignore_eos", "switch"),
    ),
)
"""Name and kind of every parameter, in the groups of the page."""
CHOICES: dict[str, tuple[tuple[Any, str], ...]] = {
    "do_sample": ((None, "Model's own"), (True, "Sample"), (False, "Greedy")),
    "num_return_sequences": tuple((count, str(count)) for count in range(1, MOST_ANSWERS + 1)),
}
UNSET: dict[str, Any] = {"do_sample": None, "num_return_sequences": 1}
OTHER_HELP = {"do_sample": "Chosen by chance among the likely tokens (sample), or always the likeliest one (greedy)."}
MORE_HELP = {
    "stop": " One a line; \\n stands for a line break.",
    "stop_token_ids": " Ids with spaces between; the Prompt tab shows those of a text.",
    "num_return_sequences": " The same seed makes the same ones.",
}
GREEDY_WORDS = (
    "Greedy takes the likeliest token each time. That turns off temperature, top p, top k, min p, the seed "
    "and several answers; penalties still count."
)
OWN_GREEDY_WORDS = (
    "This model is greedy by its own choice: it takes the likeliest token each time, so top p, top k, min p and the seed "
    "are off. A temperature, several answers, or Sample make it sample."
)
INITIAL: dict[str, Any] = {"max_new_tokens": CHAT_MAX_NEW_TOKENS}
"""What is set in a new conversation: the built-in length is too short for a chat."""
LARGEST_EXACT = 2**53 - 1
"""The largest whole number a browser keeps exactly."""


def sampling_form(elem_id: str) -> gr.HTML:
    """The component, inside whatever is open."""
    return gr.HTML(
        dict(INITIAL),
        html_template='<div class="oa-sampling"></div>',
        js_on_load=(ASSETS / "sampling_form.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="oa-tight",
        state=sampling_state({}, ""),
    )


def sampling_state(defaults: Mapping[str, Any], last_seed: str) -> dict[str, Any]:
    """What the form shows beside its value.

    Args:
        defaults: the model's own values; what it does not say is built in.
        last_seed: of the last answer, "" before there is one.
    """
    return {
        "groups": [[_described(*field) for field in group] for group in FIELDS],
        "defaults": {**BUILT_IN, **defaults},
        "turned_off": list(GREEDY_TURNS_OFF),
        "greedy_words": GREEDY_WORDS,
        "own_greedy_words": OWN_GREEDY_WORDS,
        "initial": INITIAL,
        "last_seed": last_seed,
    }


def shown_sampling(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the component takes them: a whole number that a browser can't keep exactly is a text."""
    return {
        name: str(value) if type(value) is int and value > LARGEST_EXACT else value for name, value in sampling.items()
    }


def _described(name: str, kind: str) -> dict[str, Any]:
    field = SamplingParameters.model_fields[name]
    bounds: dict[str, Any] = {"minimum": None, "maximum": None, "above": False, "below": False, "most": None}
    for each in field.metadata:
        if isinstance(each, (Ge, Gt)):
            bounds |= {"minimum": each.ge if isinstance(each, Ge) else each.gt, "above": isinstance(each, Gt)}
        elif isinstance(each, (Le, Lt)):
            bounds |= {"maximum": each.le if isinstance(each, Le) else each.lt, "below": isinstance(each, Lt)}
        elif hasattr(each, "max_length"):
            bounds["most"] = each.max_length
    return {
        "name": name,
        "label": SAMPLING_LABELS[name],
        "kind": kind,
        "help": OTHER_HELP.get(name, field.description or "") + MORE_HELP.get(name, ""),
        "choices": CHOICES.get(name, ()),
        "unset": UNSET.get(name),
        **bounds,
    }
