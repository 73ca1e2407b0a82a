"""A run's results as Markdown, CSV or JSON. Pure."""

from __future__ import annotations

from typing import Literal

from openarc_ui.tuning.results import RunView

ExportFormat = Literal["markdown", "csv", "json"]
KINDS: dict[ExportFormat, tuple[str, str]] = {
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "json": ("application/json", "json"),
}
"""Format -> media type and the ending of a file's name."""


def export(view: RunView, kind: ExportFormat) -> str:
    """The whole run as text."""
    raise NotImplementedError
