"""What REST, the Gradio endpoints and the tools for agents say alike about models and the tasks on them: values as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from openarc_ui.engine.places import Places
from openarc_ui.models.verifying import VerifiedFile

LONGEST_TASK_ID = 64
LONGEST_REPOSITORY = 200
LONGEST_WORDS = 200
MOST_FOUND = 100


def as_json(value: Any, places: Places) -> dict[str, Any]:
    """A frozen dataclass as JSON has it: what is no number is null, and no text names a path of this machine."""
    kind: Any = type(value)
    shown: dict[str, Any] = places.hidden(json.loads(_adapter(kind).dump_json(value)))
    return shown


def is_good(files: Sequence[VerifiedFile]) -> bool | None:
    """Whether all files of a model are what they were; None where nothing was noted of any of them."""
    verdicts = {each.verdict for each in files}
    if verdicts & {"changed", "missing"}:
        return False
    return True if "good" in verdicts else None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
