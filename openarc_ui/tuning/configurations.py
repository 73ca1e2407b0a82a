"""A configuration: a load in its canonical form, its id, its label, and how axes make it from a base. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.results import Configuration


def combine(base: LoadRequest, settings: Mapping[str, PropertyValue | None]) -> LoadRequest:
    """The base with other values of some fields, in the canonical form; None takes a field out.

    Raises:
        InvalidRequest: a field or value that no load has.
    """
    raise NotImplementedError


def configuration_of(
    load: LoadRequest, settings: Mapping[str, PropertyValue | None] | None = None, label: str | None = None
) -> Configuration:
    """A load as something to measure; the label is made from the settings where none is given."""
    raise NotImplementedError
