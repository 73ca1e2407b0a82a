"""What a run is called where nobody gave it a name. Pure."""

from __future__ import annotations

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, SweepRequest

LONGEST = 100
MOST_FIELDS = 2
"""More axes than these are counted and not named: a list and the strip have one line."""


def default_name(request: BenchRequest | SweepRequest | ComparisonRequest) -> str:
    """From what it measures."""
    if isinstance(request, BenchRequest):
        name = f"{_model_of(request.configuration)} on {request.configuration.device}"
    elif isinstance(request, SweepRequest):
        fields = [axis.field.rpartition(".")[2] for axis in request.axes]
        varied = ", ".join(fields) if len(fields) <= MOST_FIELDS else f"{len(fields)} settings"
        name = f"{_model_of(request.base)}: {varied}"
    else:
        a, b = _model_of(request.a), _model_of(request.b)
        differing = "" if a != b else _what_differs(request.a, request.b)
        name = f"{a} against {b}" if a != b else f"{a}: {differing}" if differing else f"{a} against itself"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def kind_words(kind: str, name: str) -> str:
    """Who has the machine, as the beginning of a sentence: "The sweep 'threads' measures"."""
    return f"The {kind} '{name}' measures"


def _model_of(load: LoadRequest) -> str:
    """Its folder's name, not the whole path."""
    return load.model_path.replace("\\", "/").rstrip("/").rpartition("/")[2] or load.model_path


def _what_differs(a: LoadRequest, b: LoadRequest) -> str:
    """The settings that are not the same in both."""
    fields = [name for name in ("backend", "device") if getattr(a, name) != getattr(b, name)]
    ours, theirs = a.ov_config, b.ov_config
    fields += sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if a.scheduler != b.scheduler:
        fields.append("scheduler")
    return ", ".join(fields)
