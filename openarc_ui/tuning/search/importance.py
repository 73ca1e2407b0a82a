"""How much each axis of a sweep matters to what was measured.

By fANOVA (Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014), as Optuna
implements it: a random forest is fitted to what was measured, and its variance over all combinations is split up. The forest
stands for those that were not measured too, so it does not matter that a search measures the good ones more often. Only what
a field does by itself is told, as share of what all fields do by themselves; what two do only together is left out.
PED-ANOVA is faster, but tells what matters for being among the best tenth, not where the spread comes from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.tuning.judging.standings import standings_of
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import Axis, SweepRequest
from openarc_ui.tuning.results import Importance
from openarc_ui.tuning.search.quiet import quiet

FEWEST_FOR_IMPORTANCE = 8
"""Measured configurations; of fewer a forest learns nothing."""
TREES = 32
MOST_POINTS = 500
"""The newest count; more make the forest slow and change nothing."""
SEED = 0
Point = tuple[Mapping[str, PropertyValue | None], Mapping[str, float]]
"""The settings of a measured configuration, and its objectives by name."""


def importances(record: RunRecord) -> tuple[Importance, ...]:
    """Of a sweep, by everything that it measured, what it pruned included: by levels, which no slower hour changes."""
    request: SweepRequest = record.request
    measured = [each for each in standings_of(record) if each.medians and each.failure is None]
    return importances_of(
        request.axes,
        request.objectives,
        [(each.configuration.settings, {**each.medians, **each.levels}) for each in measured],
    )


def importances_of(axes: Sequence[Axis], objectives: Sequence[str], points: Sequence[Point]) -> tuple[Importance, ...]:
    """Shares of every field for every objective, the largest first; nothing of an objective that too few have, or that
    is the same for all. Takes some tenths of a second.

    Args:
        points: what was measured; a configuration that no axis made is left out.
    """
    fields = [axis.field for axis in axes]
    found: list[Importance] = []
    for objective in objectives:
        known = [
            ({field: json.dumps(settings[field], sort_keys=True) for field in fields}, value)
            for settings, values in points
            if (value := values.get(objective)) is not None and math.isfinite(value) and settings.keys() >= set(fields)
        ][-MOST_POINTS:]
        if len(known) >= FEWEST_FOR_IMPORTANCE and len({value for _, value in known}) > 1:
            shares = _shares(fields, known)
            found += [Importance(field, objective, share) for field, share in shares]
    return tuple(found)


def _shares(fields: Sequence[str], known: Sequence[tuple[dict[str, str], float]]) -> list[tuple[str, float]]:
    """Field -> share, the largest first, together 1; nothing where the forest finds no differences.

    A value is told to the forest as its place in a row of equal stretches, so that each counts alike. As a category it would be
    one of many columns, and Optuna takes half of all combinations to have it: a field of many values would seem to matter more.
    A field's values are those that were measured: where one has no effect (a scheduler's field beside Optimum) that is
    "left out", whether or not the axis has it.
    """
    import optuna

    quiet()
    places = {field: list(dict.fromkeys(texts[field] for texts, _ in known)) for field in fields}
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        field: optuna.distributions.FloatDistribution(-0.5, len(places[field]) - 0.5) for field in fields
    }
    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    for texts, value in known:
        params = {field: float(places[field].index(texts[field])) for field in fields}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=SEED)
    raw = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    total = sum(float(share) for share in raw.values())
    if not total > 0.0:
        return []
    shares = {field: float(raw.get(field, 0.0)) / total for field in fields}
    return sorted(shares.items(), key=lambda each: (-each[1], each[0]))
