"""Whether what a task made is a model that something can run: a note for those who only read the task."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.engine.catalogue.catalogue import ModelEntry

UNUSABLE = "When it came it could not be loaded: "
"""How the note begins. It tells of that moment; what the folder lacks can be fetched later."""
NO_MODEL = "What came holds no model."


def unusable_note(entries: Sequence[ModelEntry], folder: str) -> str:
    """Why nothing can run what lies in a folder, as names and first bytes tell; empty where something can."""
    made = [each for each in entries if each.name == folder or each.name.startswith(f"{folder}/")]
    if any(each.backends for each in made):
        return ""
    reasons = [words for each in made for words in each.problems or tuple(each.cannot_run.values())]
    return UNUSABLE + (reasons[0] if reasons else NO_MODEL)
