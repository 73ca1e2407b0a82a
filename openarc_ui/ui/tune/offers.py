"""What the forms of the Tune tab offer for a base: axes, models, devices, workloads, and a request that can be started as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, ModelState
from openarc_ui.errors import OpenArcError
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning import axes
from openarc_ui.tuning.axes import AxisOffer
from openarc_ui.tuning.checks import require_loadable
from openarc_ui.tuning.reading import field_label
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, QualityOptions, SweepRequest
from openarc_ui.tuning.runs import MODEL_NAME
from openarc_ui.tuning.workloads import PRESETS

BACKENDS = (("auto", "Automatic"), ("genai", "OpenVINO GenAI"), ("optimum", "Optimum Intel"))
USUAL_MINUTES = 10.0
USUAL_OBJECTIVE = "total_seconds"

Json = dict[str, Any]


def offers(engine: Engine, profiles: ProfileStore | None, wanted: LoadRequest | None) -> Json:
    """Everything the forms need, as JSON.

    Args:
        profiles: None for a key that may not read them.
        wanted: the base; None takes the loaded model, else the first of the catalogue.
    """
    bases = _bases(engine, profiles)
    base = wanted or (LoadRequest.model_validate(bases[0]["load"]) if bases else None)
    found: Sequence[AxisOffer] = ()
    problem = None
    if base is not None:
        try:
            found = axes.offers(engine, base)
            problem = _problem(engine, base)
        except OpenArcError as error:
            problem = {"message": error.message, "hint": error.hint, "code": error.code}
    loaded = [model.name for model in engine.status().models if _counts(model.name, model.state)]
    return {
        "base": base.model_dump(mode="json") if base is not None else None,
        "bases": bases,
        "problem": problem,
        "axes": [{**dataclasses.asdict(each), "label": field_label(each.field)} for each in found],
        "models": [
            {"name": entry.name, "can_run": bool(entry.backends), "size_bytes": entry.size_bytes}
            for entry in engine.catalog()
        ],
        "devices": [{"name": each.name, "label": each.full_name} for each in engine.preflight.devices()],
        "backends": [{"name": name, "label": label} for name, label in BACKENDS],
        "presets": {name: workload.model_dump(mode="json") for name, workload in PRESETS.items()},
        "quality": QualityOptions().model_dump(mode="json"),
        "loaded": loaded,
        "requests": _requests(base, found) if base is not None else {},
    }


def checked(engine: Engine, base: LoadRequest, wanted: Sequence[Axis]) -> Json:
    """What keeps the base from being loaded, and which values of a sweep's axes can't be loaded with the rest of it."""
    refused = [dataclasses.asdict(each) for each in axes.refusals(engine, base, wanted)]
    return {"problem": _problem(engine, base), "refused": refused}


def _problem(engine: Engine, base: LoadRequest) -> Json | None:
    """What would keep the base itself from being loaded, said before it is measured."""
    try:
        require_loadable(engine, base)
    except OpenArcError as error:
        return {"message": error.message, "hint": error.hint, "code": error.code}
    return None


def _counts(name: str, state: ModelState) -> bool:
    """Another model that is loaded; what a run loads itself is none."""
    return name != MODEL_NAME and state in (ModelState.READY, ModelState.LOADING)


def _bases(engine: Engine, profiles: ProfileStore | None) -> list[Json]:
    """What a sweep can begin from: what is loaded, profiles, models of the catalogue as their makers recommend them."""
    status = engine.status()
    found: list[tuple[str, str, LoadRequest]] = [
        ("Loaded", model.name, model.request)
        for model in sorted(status.models, key=lambda each: each.name != status.default_model)
        if _counts(model.name, model.state)
    ]
    try:
        kept = profiles.list() if profiles is not None else ()
    except OpenArcError:
        kept = ()  # the Load tab says what is wrong with the folder
    found += [("Profile", entry.name, entry.profile.load) for entry in kept if entry.profile is not None]
    for entry in engine.catalog():
        if entry.backends:
            load = LoadRequest(model_path=entry.name, ov_config=dict(entry.ov_config))
            found.append(("Model", entry.name, load))
    # Under its model's own name, and without what is agreed to for one load.
    plain = {"name": None, "allow_overcommit": False}
    return [
        {"group": group, "label": label, "load": load.model_copy(update=plain).model_dump(mode="json")}
        for group, label, load in found
    ]


def _requests(base: LoadRequest, found: Sequence[AxisOffer]) -> Json:
    """Each form as it opens, by kind; a sweep without axes can't be started, so it has none."""
    suggested = [{"field": each.field, "values": list(each.values)} for each in found if each.is_suggested]
    bench = BenchRequest(configuration=base, workloads=(PRESETS["chat"],))
    comparison = ComparisonRequest(a=base, b=base, workload=PRESETS["chat"])
    requests = {"bench": bench.model_dump(mode="json"), "comparison": comparison.model_dump(mode="json")}
    if suggested:
        sweep = SweepRequest.model_validate(
            {
                "base": base,
                "axes": suggested,
                "objectives": (USUAL_OBJECTIVE,),
                "workload": PRESETS["chat"],
                "budget_minutes": USUAL_MINUTES,
            }
        )
        requests["sweep"] = sweep.model_dump(mode="json")
    return requests
