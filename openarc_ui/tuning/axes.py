"""What a sweep can vary on a device: every writable property with the values it takes, and what is worth trying first."""

from __future__ import annotations

from dataclasses import dataclass

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest


@dataclass(frozen=True, slots=True)
class AxisOffer:
    """A field that can be an axis.

    Attributes:
        field: as `Axis.field` takes it.
        label, help: in words.
        group: heading under which it stands.
        values: what is worth trying, None for "left out".
        choices: all it takes, where they can be listed; empty: whatever is typed is tried on the device.
        is_suggested: among the first things to vary.
    """

    field: str
    label: str
    help: str
    group: str
    values: tuple[PropertyValue | None, ...]
    choices: tuple[PropertyValue, ...]
    is_suggested: bool


def offers(engine: Engine, base: LoadRequest) -> list[AxisOffer]:
    """For a base.

    Raises:
        ModelNotFound, DeviceUnavailable, InvalidRequest.
    """
    raise NotImplementedError
