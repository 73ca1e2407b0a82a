"""From a run's record to everything that is shown of it. Nothing is measured or written here.

A view is made anew each second while a run works, so what costs time (intervals, importances) is kept in a ViewCache under
what it was made from.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from openarc_ui.tuning.figures import BY_NAME, FIGURES
from openarc_ui.tuning.judging.differences import confirmed, differences_of
from openarc_ui.tuning.judging.drift import background_words, drift, warm_up_words
from openarc_ui.tuning.judging.round_numbers import is_confirming
from openarc_ui.tuning.judging.standings import (
    Standing,
    best_of,
    front_of,
    limit_of,
    next_of,
    objectives_of,
    standings_of,
    workload_of,
)
from openarc_ui.tuning.judging.summaries import figures_of
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import (
    ConfigurationResult,
    Difference,
    Importance,
    Progress,
    RunHead,
    RunState,
    RunView,
    Visit,
)
from openarc_ui.tuning.search.importance import importances
from openarc_ui.tuning.views.loads import loads_words
from openarc_ui.tuning.views.marks import came_to_nothing, effect_of, loaded_of, marks_of, time_over_of
from openarc_ui.tuning.views.outcomes import UNFINISHED, bench_words, comparison_words, sweep_words, winner_of
from openarc_ui.tuning.views.view_cache import ViewCache
from openarc_ui.tuning.work.comparison import PRIMARY


def head_of(record: RunRecord, state: RunState, cache: ViewCache | None = None) -> RunHead:
    """A run in a list; without the intervals of its figures, but for the one that its sentence is by."""
    made = _Making(record, state, cache or ViewCache())
    return made.head()


def view_of(
    record: RunRecord,
    state: RunState,
    progress: Progress,
    measuring_id: str | None = None,
    cache: ViewCache | None = None,
) -> RunView:
    """A run, whole: figures with intervals, the front, the best, differences, marks, importances, notes.

    Args:
        measuring_id: of the configuration that is loaded now.
        cache: of the views before; without one everything is computed.
    """
    made = _Making(record, state, cache or ViewCache(), measuring_id)
    return RunView(
        head=made.head(),
        request=record.request.model_dump(mode="json"),
        progress=progress,
        results=made.results(),
        best_id=made.best.configuration.configuration_id if made.best is not None else None,
        reference_id=made.base.configuration.configuration_id if made.base is not None else None,
        importances=made.importances(),
        notes=made.notes(),
        problem=record.problem,
        machine=dict(record.machine),
    )


class _Making:
    """One view being made: where everything stands is found once."""

    def __init__(self, record: RunRecord, state: RunState, cache: ViewCache, measuring_id: str | None = None) -> None:
        self._record, self._state, self._cache = record, state, cache
        self._standings = standings_of(record, measuring_id)
        self._workload, self._objectives, self._limit = workload_of(record), objectives_of(record), limit_of(record)
        self._on_front = front_of(self._standings, self._objectives, self._limit)
        self.base = self._standings[0] if self._standings and self._workload is not None else None
        self._among = confirmed(self._standings)
        self.best = self._best()

    def head(self) -> RunHead:
        """The run in a list."""
        record = self._record
        return RunHead(
            run_id=record.run_id,
            kind=record.request.kind,
            name=record.name,
            state=self._state,
            created_at=record.created_at,
            updated_at=record.updated_at,
            words=self._words(),
            configurations=len(self._standings),
        )

    def results(self) -> tuple[ConfigurationResult, ...]:
        """In the order they were begun."""
        first_with: dict[str, Standing] = {}
        found = []
        for standing in self._standings:
            effect = effect_of(standing)
            earlier = first_with.setdefault(effect, standing) if effect is not None else standing
            found.append(self._result(standing, earlier if earlier is not standing else None))
        return tuple(found)

    def importances(self) -> tuple[Importance, ...]:
        """Of a sweep; made anew when a tenth more is done, since it takes processor time from what is measured then."""
        record = self._record
        if not isinstance(record.request, SweepRequest):
            return ()
        done = sum(each.can_win for each in self._standings) + len(record.qualities)
        version = int(math.log(done + 1) / math.log(1.1)) if self._state is RunState.RUNNING else -done
        return self._cache.get((record.run_id, "importances"), version, lambda: importances(record))

    def notes(self) -> tuple[str, ...]:
        """The run's own, then what the visits tell together."""
        told = self._cache.get((self._record.run_id, "notes"), len(self._record.visits), self._visit_notes)
        return tuple(dict.fromkeys((*self._record.notes, *told)))

    def _visit_notes(self) -> tuple[str, ...]:
        visits = [visit for visit in self._record.visits if visit.workloads]
        decode = BY_NAME["decode_tokens_per_second"]
        figure = next((each for each in self._objectives if each.place == "sample"), decode)
        drifted = (
            drift(self.base.visits, figure, self._workload, self._beside()) if self.base and self._workload else None
        )
        found = (
            drifted.words if drifted else None,
            warm_up_words(visits),
            background_words(visits),
            loads_words(visits),
        )
        return tuple(words for words in found if words)

    def _beside(self) -> list[list[Visit]]:
        """Of the others the visits by which none was chosen: of a sweep those of confirming."""
        is_sweep = isinstance(self._record.request, SweepRequest)
        return [
            [visit for visit in each.visits if not is_sweep or is_confirming(visit.round_number)]
            for each in self._standings
            if each is not self.base
        ]

    def _best(self) -> Standing | None:
        if isinstance(self._record.request, ComparisonRequest):
            return winner_of(self._standings, self._against_base(self._standings[-1])) if self._standings else None
        return best_of(self._standings, self._objectives, self._limit) if self._objectives else None

    def _words(self) -> str:
        request = self._record.request
        awaits_texts = request.quality.is_wanted and self._state in UNFINISHED
        if isinstance(request, ComparisonRequest):
            differences = self._against_base(self._standings[-1]) if self._standings else {}
            return comparison_words(self._state, self._standings, differences, awaits_texts)
        if not isinstance(request, SweepRequest):
            return bench_words(self._standings, [each.name for each in request.workloads])
        first, best, rival = self._objectives[0], self.best, None
        if best is not None and best is self.base:
            rival = next_of(self._standings, first, best, self._limit)
        asked = rival or best
        against = self._against_base(asked, (first.name,)).get(first.name) if asked is not None else None
        front_size = len(self._on_front)
        return sweep_words(
            self._state, self._standings, best, front_size, self._objectives, against, rival, awaits_texts, self._limit
        )

    def _result(self, standing: Standing, same: Standing | None) -> ConfigurationResult:
        configuration_id = standing.configuration.configuration_id
        name = (self._record.run_id, "figures", configuration_id)
        version = (len(standing.visits), standing.quality)
        marks_version = (*version, standing.quality_failure, same.number if same else None)
        return ConfigurationResult(
            configuration=standing.configuration,
            number=standing.number,
            state=standing.state,
            visits=sum(not came_to_nothing(visit) for visit in standing.visits),
            figures=self._cache.get(name, version, lambda: figures_of(standing.visits, standing.quality)),
            loaded=loaded_of(standing),
            quality=standing.quality,
            failure=standing.failure or time_over_of(standing),
            is_on_front=configuration_id in self._on_front,
            is_best=standing is self.best,
            same_as=same.configuration.configuration_id if same is not None else None,
            against_reference=tuple(self._against_base(standing, [figure.name for figure in FIGURES]).values()),
            marks=self._cache.get(
                (self._record.run_id, "marks", configuration_id),
                marks_version,
                lambda: marks_of(standing, self._limit, same),
            ),
        )

    def _against_base(self, standing: Standing, names: Sequence[str] = PRIMARY) -> dict[str, Difference]:
        """Figure -> difference from the base, of those figures that both have in at least one common round."""
        if self.base is None or self._workload is None or standing is self.base:
            return {}
        numbers = {visit.round_number for visit in standing.visits}
        of_base = [visit for visit in self.base.visits if visit.failure is None and visit.round_number in numbers]
        if not of_base:
            return {}
        name = (self._record.run_id, "differences", standing.configuration.configuration_id, tuple(names))
        version, workload = (len(standing.visits), len(of_base), self._among), self._workload
        return self._cache.get(name, version, lambda: self._judged(standing, of_base, names, workload))

    def _judged(
        self, standing: Standing, of_base: Sequence[Visit], names: Sequence[str], workload: str
    ) -> dict[str, Difference]:
        of_it = [visit for visit in standing.visits if visit.failure is None]
        request = self._record.request
        together = PRIMARY if isinstance(request, ComparisonRequest) else ()
        found = differences_of(
            of_base, of_it, names, workload, request.seed, together=together, among=max(1, self._among)
        )
        return {figure: self._worded(difference) for figure, difference in found.items()}

    def _worded(self, difference: Difference) -> Difference:
        """A sweep knows no A and B: this one, and the base."""
        if isinstance(self._record.request, ComparisonRequest):
            return difference
        words = difference.words.replace(" in A and ", " in the base and ").replace(" in B", " here")
        return dataclasses.replace(difference, words=words)
