"""Dataclasses as JSON for Gradio's clients."""

from __future__ import annotations

import dataclasses
from typing import Any

from openarc_ui.engine.types import LoadRequest


def shown(value: Any) -> dict[str, Any]:
    """A dataclass as JSON. Gradio's clients take whatever has a `path` for a file to fetch, so that key stays behind."""
    fields = {name: field for name, field in dataclasses.asdict(value).items() if name != "path"}
    return {name: field.model_dump() if isinstance(field, LoadRequest) else field for name, field in fields.items()}
