"""Presets of sampling: OpenArc's own ones, those an owner saved, and which of them the fields hold now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat.settings import GREEDY_TURNS_OFF

CHOOSING = (
    "do_sample",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
"""What a built-in preset settles; length, stop texts, seed and number of answers stay as they are."""
BUILT_IN_PRESETS: dict[str, dict[str, Any]] = {
    "Model's own": {},
    "Precise": {"temperature": 0.2, "top_p": 0.9, "top_k": 40},
    "Balanced": {"temperature": 0.7, "top_p": 0.95, "top_k": 50},
    "Creative": {"temperature": 1.1, "top_p": 0.98, "top_k": 0, "min_p": 0.05},
    "Greedy": {"do_sample": False},
}
MAX_NAME_CHARACTERS = 60


def applied(name: str, sampling: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The sampling after a preset was taken. One of the owner's settles everything but the seed.

    Raises:
        InvalidRequest: no preset of that name.
    """
    if name in own:
        kept = {"seed": sampling["seed"]} if "seed" in sampling else {}
        return {**own[name], **kept}
    if name not in BUILT_IN_PRESETS:
        raise InvalidRequest(f"There is no preset '{name}'.", "It may have been deleted in another tab.")
    stay = {key: value for key, value in sampling.items() if key not in CHOOSING}
    return {**stay, **BUILT_IN_PRESETS[name]}


def held(sampling: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> str:
    """The preset the fields hold, "" for none; one of the owner's before a built-in one."""
    without_seed = {name: value for name, value in sampling.items() if name != "seed"}
    for name, values in own.items():
        if dict(values) == without_seed:
            return name
    chosen = {name: value for name, value in sampling.items() if name in CHOOSING}
    return next((name for name, values in BUILT_IN_PRESETS.items() if values == chosen), "")


def to_save(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """What is saved under a name: everything set, but the seed of one answer."""
    return {name: value for name, value in sampling.items() if name != "seed"}


def check_name(name: str) -> str:
    """A name for a preset of one's own.

    Raises:
        InvalidRequest: empty, too long, or OpenArc's own.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise InvalidRequest(f"A preset's name has 1 to {MAX_NAME_CHARACTERS} characters.", "Write one.")
    if name.casefold() in {each.casefold() for each in BUILT_IN_PRESETS}:
        raise InvalidRequest(f"'{name}' is one of OpenArc's presets.", "Choose another name.")
    return name


def choices(own: Mapping[str, Any], now: str) -> list[tuple[str, str]]:
    """The selector's choices; while the fields hold no preset, one that says so."""
    names = [*BUILT_IN_PRESETS, *sorted(own, key=str.casefold)]
    return [*([] if now else [("Your own values", "")]), *[(name, name) for name in names]]


def summary(sampling: Mapping[str, Any]) -> str:
    """A preset's values in words: "temperature 0.2 · top p 0.9", for the line under the selector."""
    if sampling.get("do_sample") is False:
        shown = {"greedy": ""} | {
            name: value for name, value in sampling.items() if name not in (*GREEDY_TURNS_OFF, "do_sample")
        }
    else:
        shown = {name: value for name, value in sampling.items() if name != "do_sample"}
    return " · ".join(f"{name.replace('_', ' ')} {value}".strip() for name, value in shown.items())
