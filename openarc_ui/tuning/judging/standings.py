"""Where each configuration of a run stands: what was measured of it, which are on the front, which to take.

Cheap: no interval is computed here, so that a list of many runs can be told. It words nothing. Shown are medians; a sweep
ranks by levels, which are beside the base of the same rounds (see `levels.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from openarc_ui.tuning.desk import TIME_OVER
from openarc_ui.tuning.figures import BY_NAME, FIGURES, Figure
from openarc_ui.tuning.judging.front import front
from openarc_ui.tuning.judging.levels import Levels, rounds_beside
from openarc_ui.tuning.judging.round_numbers import is_confirming
from openarc_ui.tuning.judging.statistics import FEWEST_ROUNDS
from openarc_ui.tuning.judging.summaries import median_of, samples_of
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import Configuration, ConfigurationState, Failure, Quality, Visit


@dataclass(frozen=True, slots=True)
class Standing:
    """One configuration of a run.

    Attributes:
        number: in the order they were begun, from 1.
        failure: of its last visit that was not ended by the time, or why it could not be begun.
        quality_failure: why its text could not be compared.
        medians: figure name -> median of all repetitions; in a bench of its first workload.
        levels: of a sweep's objectives, what they are ranked by: beside the base of the same rounds.
        rounds: in which it was measured beside the base; where there are some after it was chosen, these alone.
    """

    configuration: Configuration
    number: int
    state: ConfigurationState
    visits: tuple[Visit, ...]
    quality: Quality | None
    quality_failure: Failure | None
    failure: Failure | None
    medians: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 0

    @property
    def can_win(self) -> bool:
        """It was measured to the end, and its last visit did not fail."""
        is_whole = any(visit.failure is None for visit in self.visits)
        return bool(self.medians) and is_whole and self.state is not ConfigurationState.FAILED

    @property
    def is_out_of_time(self) -> bool:
        """It was begun, and the time was over before one visit came to its end."""
        return bool(self.visits) and all(is_time_over(visit.failure) for visit in self.visits)

    @property
    def changes_text(self) -> bool:
        """Known to write something else than the reference."""
        return self.quality is not None and self.quality.changes_text is True


def is_time_over(found: object) -> bool:
    """It is a failure that says only that the time of the run was over."""
    return isinstance(found, Failure) and found.code == TIME_OVER


def standings_of(record: RunRecord, measuring_id: str | None = None) -> list[Standing]:
    """All configurations of a run, in the order they were begun."""
    visits: dict[str, list[Visit]] = {}
    for visit in record.visits:
        visits.setdefault(visit.configuration_id, []).append(visit)
    base_id = record.configurations[0].configuration_id if record.configurations else ""
    of_base = [visit for visit in visits.get(base_id, []) if visit.failure is None]
    workload = workload_of(record)
    levels = (
        {}
        if workload is None
        else {
            figure.name: Levels(of_base, figure, workload)
            for figure in objectives_of(record)
            if figure.place != "quality"
        }
    )
    found = []
    for number, configuration in enumerate(record.configurations, start=1):
        own = visits.get(configuration.configuration_id, [])
        standing = _standing(record, configuration, number, own, measuring_id)
        whole = [visit for visit in own if visit.failure is None]
        ranked = {name: value for name, each in levels.items() if (value := each.of(whole)) is not None}
        found.append(replace(standing, levels=ranked, rounds=rounds_beside(whole, of_base)))
    return found


def workload_of(record: RunRecord) -> str | None:
    """The one workload of a sweep or a comparison; a bench may have several."""
    request = record.request
    return request.workload.name if isinstance(request, (SweepRequest, ComparisonRequest)) else None


def objectives_of(record: RunRecord) -> tuple[Figure, ...]:
    """What a sweep is to improve, the first one first; nothing in other runs."""
    request = record.request
    return tuple(BY_NAME[name] for name in request.objectives) if isinstance(request, SweepRequest) else ()


def front_of(standings: Sequence[Standing], objectives: Sequence[Figure], memory_limit_bytes: int | None) -> set[str]:
    """Ids of those that no other one beats.

    Writing what the reference writes counts as one objective more, so that a faster one that changes the text takes nobody's
    place. What needs more memory than the limit, and what failed, is never on it.
    """
    able = [each for each in standings if each.can_win and not is_over(each, memory_limit_bytes)]
    if not objectives:
        return set()
    points = [[*(_level(each, figure) for figure in objectives), float(each.changes_text)] for each in able]
    directions = [*(figure.is_better_higher for figure in objectives), False]
    kept = zip(able, front(points, directions), strict=True)
    return {each.configuration.configuration_id for each, is_on_it in kept if is_on_it}


def best_of(
    standings: Sequence[Standing], objectives: Sequence[Figure], memory_limit_bytes: int | None
) -> Standing | None:
    """The one to take: by the first objective's level, of the front; one that changes the text only where all of them do.

    Once some are measured in as many rounds as a verdict needs, after they were chosen, only these and the base are looked
    at: of many that were measured in two, the luckiest would win.
    """
    able = [each for each in standings if each.can_win and not is_over(each, memory_limit_bytes)]
    unchanged = [each for each in able if not each.changes_text]
    pool = _sure(unchanged or able)
    on_front = front_of(pool, objectives, memory_limit_bytes)
    members = [each for each in pool if each.configuration.configuration_id in on_front]
    return min(members, key=lambda each: _cost(each, objectives[0]), default=None)


def next_of(
    standings: Sequence[Standing], objective: Figure, best: Standing, memory_limit_bytes: int | None
) -> Standing | None:
    """The one that comes nearest to the best, by the same rules."""
    others = [
        each
        for each in standings
        if each is not best
        and each.can_win
        and objective.name in each.medians
        and not is_over(each, memory_limit_bytes)
    ]
    unchanged = [each for each in others if not each.changes_text]
    return min(_sure(unchanged or others), key=lambda each: _cost(each, objective), default=None)


def _sure(standings: Sequence[Standing]) -> list[Standing]:
    """Those of enough rounds for a verdict, with the base; all, where there is none but the base."""
    sure = [each for each in standings if each.number == 1 or each.rounds >= FEWEST_ROUNDS]
    return sure if any(each.number > 1 for each in sure) else list(standings)


def _level(standing: Standing, objective: Figure) -> float | None:
    """What it is ranked by; of a text, and where nothing is measured beside a base, that is the median."""
    return standing.levels.get(objective.name, standing.medians.get(objective.name))


def _cost(standing: Standing, objective: Figure) -> float:
    """Its level, turned so that less is better; what has none comes last."""
    level = _level(standing, objective)
    if level is None:
        return math.inf
    return -level if objective.is_better_higher else level


def is_over(standing: Standing, memory_limit_bytes: int | None) -> bool:
    """It needs more memory than the limit."""
    memory = standing.medians.get("memory_bytes")
    return memory_limit_bytes is not None and memory is not None and memory > memory_limit_bytes


def limit_of(record: RunRecord) -> int | None:
    """The memory that a winner may need."""
    return record.request.memory_limit_bytes if isinstance(record.request, SweepRequest) else None


def _standing(
    record: RunRecord, configuration: Configuration, number: int, visits: Sequence[Visit], measuring_id: str | None
) -> Standing:
    known = record.qualities.get(configuration.configuration_id)
    quality = known if isinstance(known, Quality) else None
    refusal = known if isinstance(known, Failure) and known.stage == "check" else None
    counted = [visit for visit in visits if not is_time_over(visit.failure)]
    failure = counted[-1].failure if counted else refusal
    return Standing(
        configuration=configuration,
        number=number,
        state=_state(record, configuration, counted, failure, measuring_id),
        visits=tuple(visits),
        quality=quality,
        quality_failure=known if isinstance(known, Failure) and refusal is None else None,
        failure=failure,
        medians=medians_of(visits, quality, workload_of(record) or _first_workload(record)),
    )


def _state(
    record: RunRecord,
    configuration: Configuration,
    visits: Sequence[Visit],
    failure: Failure | None,
    measuring_id: str | None,
) -> ConfigurationState:
    if configuration.configuration_id == measuring_id:
        return ConfigurationState.MEASURING
    if failure is not None:
        return ConfigurationState.FAILED
    if configuration.configuration_id in record.pruned and not any(is_confirming(each.round_number) for each in visits):
        return ConfigurationState.PRUNED
    return ConfigurationState.MEASURED if visits else ConfigurationState.WAITING


def _first_workload(record: RunRecord) -> str:
    """By which a bench is told in short."""
    return str(record.request.workloads[0].name)


def medians_of(visits: Sequence[Visit], quality: Quality | None, workload: str) -> dict[str, float]:
    """Figure name -> the same median as `summaries.figures_of` has, without its interval."""
    measured = [visit for visit in visits if samples_of(visit, workload)]
    if not measured:
        return {}
    found: dict[str, float] = {}
    for figure in FIGURES:
        value = (
            getattr(quality, figure.name, None) if figure.place == "quality" else median_of(measured, figure, workload)
        )
        if value is not None:
            found[figure.name] = float(value)
    return found
