"""A run as one page of HTML that a person can post: no script, no outside host, pictures as SVG within."""

from __future__ import annotations

from openarc_ui.tuning.results import RunView


def report(view: RunView) -> str:
    """The page."""
    raise NotImplementedError
