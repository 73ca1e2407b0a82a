"""What one has to know of a configuration beside its figures, each as a sentence; and whether it is another one in disguise."""

from __future__ import annotations

import json
from collections.abc import Sequence

from openarc_ui.engine.devices.differences import compare
from openarc_ui.tuning.figures import size_words
from openarc_ui.tuning.judging.drift import background_words
from openarc_ui.tuning.judging.standings import Standing, is_over, is_time_over
from openarc_ui.tuning.results import Failure, Loaded, Visit
from openarc_ui.tuning.views.loads import load_mark

NOT_IN_THE_EFFECT = {"model_path", "name", "backend", "device", "ov_config", "scheduler", "allow_overcommit"}
"""Fields of a load that `Loaded` tells in another way, or that change nothing."""


def loaded_of(standing: Standing) -> Loaded | None:
    """What the last load that came about turned out to be."""
    return next((visit.loaded for visit in reversed(standing.visits) if visit.loaded is not None), None)


def marks_of(standing: Standing, memory_limit_bytes: int | None, same: Standing | None) -> tuple[str, ...]:
    """Everything to know, the most important first.

    Args:
        same: an earlier configuration with the same effect.
    """
    return tuple(
        mark
        for mark in (
            *_text_marks(standing),
            *_failure_marks(standing),
            _memory_mark(standing, memory_limit_bytes),
            _depth_mark(standing),
            _answers_mark(standing),
            *_effective_marks(standing),
            load_mark(standing.visits),
            f"It has the same effect as “{same.configuration.label}”." if same is not None else None,
            background_words(standing.visits),
        )
        if mark
    )


def came_to_nothing(visit: Visit) -> bool:
    """The time was over before a repetition of it was."""
    return is_time_over(visit.failure) and not any(each.samples for each in visit.workloads)


def time_over_of(standing: Standing) -> Failure | None:
    """Why there is no figure of it, where the time was over; it has not failed, and may be measured on resuming."""
    is_late = bool(standing.visits) and all(map(came_to_nothing, standing.visits))
    return standing.visits[-1].failure if is_late else None


def effect_of(standing: Standing) -> str | None:
    """Everything that a load's effect depends on, as text: equal texts are the same model, set the same; None: not known.

    What OpenVINO takes but does not report back counts as it was asked for.
    """
    loaded = loaded_of(standing)
    if loaded is None or not loaded.effective_properties:
        return None
    load = standing.configuration.load
    unreported = {name: value for name, value in load.ov_config.items() if name not in loaded.effective_properties}
    told = {
        "model": load.model_path,
        "backend": loaded.backend,
        "device": loaded.device,
        "execution": loaded.execution_devices,
        "effective": loaded.effective_properties,
        "scheduler": loaded.scheduler,
        "unreported": unreported,
        "rest": load.model_dump(mode="json", exclude=NOT_IN_THE_EFFECT),
        "versions": loaded.versions,
    }
    return json.dumps(told, sort_keys=True, default=str)


def _text_marks(standing: Standing) -> Sequence[str]:
    quality = standing.quality
    if quality is not None and (quality.changes_text is True or quality.is_sure is False):
        return [quality.words]
    failure = standing.quality_failure
    if is_time_over(failure):
        return ["Its text was not compared: the time was over."]
    return [f"Its text could not be compared: {failure.message}"] if failure is not None else []


def _failure_marks(standing: Standing) -> Sequence[str]:
    """What not every visit came to; where none came to anything, the failure itself says it."""
    visits = [visit for visit in standing.visits if not came_to_nothing(visit)]
    late = len(standing.visits) - len(visits)
    failed = [visit.failure for visit in visits if visit.failure is not None and not is_time_over(visit.failure)]
    found = []
    if failed and len(failed) < len(visits):
        found.append(f"It failed in {len(failed)} of {len(visits)} visits: {failed[-1].message}")
    if late and visits:
        found.append(f"Not measured in {late} of {len(visits) + late} visits: the time was over.")
    elif late:
        found.append("Not measured: the time was over.")
    return found


def _memory_mark(standing: Standing, memory_limit_bytes: int | None) -> str | None:
    if memory_limit_bytes is None or not is_over(standing, memory_limit_bytes):
        return None
    needed, limit = size_words(standing.medians["memory_bytes"]), size_words(memory_limit_bytes)
    return f"It needs {needed} of memory, more than the limit of {limit}."


def _depth_mark(standing: Standing) -> str | None:
    told = (each.workload for visit in standing.visits for each in visit.workloads if each.is_depth_read_again)
    names = list(dict.fromkeys(told))
    if not names:
        return None
    return f"It has no prefix cache, so TTFT and Prefill of {', '.join(names)} have the reading of the depth in them."


def _answers_mark(standing: Standing) -> str | None:
    came = [visit for visit in standing.visits if not came_to_nothing(visit)]
    if not came or standing.failure is not None or any(visit.workloads for visit in came):
        return None
    return "It was only loaded for its text, which others are compared with."


def _effective_marks(standing: Standing) -> Sequence[str]:
    loaded = loaded_of(standing)
    if loaded is None:
        return []
    rows = compare(standing.configuration.load.ov_config, loaded.effective_properties)
    return [f"{row.name}: {row.explanation}." for row in rows if row.is_different]
