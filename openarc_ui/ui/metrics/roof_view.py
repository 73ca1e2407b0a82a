"""The roofline cards: for each configuration how much of the memory's bandwidth its decoding uses, and what that means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from openarc_ui.engine.devices.names import VIRTUAL_DEVICES
from openarc_ui.metrics.roofline import Decoded, roof
from openarc_ui.ui.html import number

MOST_CARDS = 60
"""More configurations than anybody compares; the page folds those that have no roof, and says how many they are."""
GIGABYTE = 1e9


def cards(
    decoded: Iterable[Decoded], described: Mapping[str, Mapping[str, Any]], called: Mapping[str, str]
) -> list[dict[str, Any]]:
    """`roofline.latest` as the page shows it.

    Args:
        described: configuration id -> ModelInfo as JSON, of those that are kept.
        called: configuration id -> its label.
    """
    shown = list(decoded)[:MOST_CARDS]
    models = Counter(each.model for each in shown)
    return [
        _card(
            each,
            described.get(each.configuration_id),
            called.get(each.configuration_id, "") if models[each.model] > 1 else "",
        )
        for each in shown
    ]


def _card(decoded: Decoded, info: Mapping[str, Any] | None, label: str) -> dict[str, Any]:
    device = str((info or {}).get("device", ""))
    found = roof(info, decoded.decode_tokens_per_second, decoded.context_tokens, 1, decoded.bandwidth)
    read, most = found.bytes_per_second, found.bandwidth_bytes_per_second
    value = f"{number(read / GIGABYTE)} GB/s" if read is not None else ""
    if most is not None:
        value = f"{value} of {number(most / GIGABYTE)} GB/s" if value else f"roof {number(most / GIGABYTE)} GB/s"
    return {
        "title": " · ".join(
            part for part in (f"{decoded.model} on {device}" if device else decoded.model, label) if part
        ),
        "fraction": found.fraction,
        "value": value,
        "words": found.words,
        "missing": found.missing,
        "device": device,
        "can_measure": is_single(device),
    }


def is_single(device: str) -> bool:
    """One device with one memory; AUTO, HETERO, MULTI and BATCH are none."""
    return bool(device) and not any(mark in device for mark in ":,") and device not in VIRTUAL_DEVICES
