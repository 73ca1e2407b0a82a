"""A sweep: many configurations, explored with Optuna, the best of them confirmed in turn, all of them held against the reference.

First the base and the reference, then exploring (`exploring.py`), then confirming (`confirming.py`). What is recorded already
is not done again: every decision is by the record and the search, so a resumed sweep goes on as it would have gone on.
"""

from __future__ import annotations

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.axes import check_axes
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.quality.guard import default_reference
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration
from openarc_ui.tuning.search.studies import FILE, Search
from openarc_ui.tuning.work.confirming import Confirming
from openarc_ui.tuning.work.exploring import Exploring
from openarc_ui.tuning.work.rounds import FIRST_ROUND, Rounds


def run(request: SweepRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early.

    Raises:
        InvalidRequest: an axis that no load has.
        TuningFolderUnusable: the search can't be kept.
    """
    check_axes(request.axes)
    figures = tuple(BY_NAME[name] for name in request.objectives)
    with Search(record.folder / FILE, request.axes, figures, request.seed, request.memory_limit_bytes) as search:
        run_with(request, desk, record, search)


def run_with(request: SweepRequest, desk: Desk, record: RunRecord, search: Search) -> None:
    """The same with a search that is open."""
    rounds = Rounds(request, desk, record, _labelled(request, search, request.base, "base"))
    _measure_base(desk, record, rounds)
    if request.quality.is_wanted:
        _find_reference(request, desk, record, search, rounds)
        rounds.compare([rounds.base])
    if "mean_kl_divergence" in request.objectives and rounds.reference is None:
        desk.note("It ended here: without a reference there is no divergence to search by.")
    else:
        next_round = Exploring(request, desk, record, search, rounds).run()
        Confirming(request, desk, record, search, rounds).run(next_round)
    desk.say("Done", "", search.told(), None, 0.0)


def _labelled(request: SweepRequest, search: Search, load: LoadRequest, label: str) -> Configuration:
    """The base or the reference, with its settings where the axes could make it too."""
    texts = search.space.texts_of(request.base, load)
    return configuration_of(load, search.space.settings(texts) if texts is not None else None, label)


def _measure_base(desk: Desk, record: RunRecord, rounds: Rounds) -> None:
    """The first configuration, and the first visit, alone: it shows how long one takes."""
    record.begin(rounds.base)
    failure = rounds.check(rounds.base)
    if failure is not None:
        desk.note(f"The base can't be loaded, so nothing is measured beside it: {failure.message}")
    elif not rounds.scores.is_recorded(rounds.base.configuration_id, FIRST_ROUND):
        rounds.say("Exploring", "Measuring the base")
        rounds.visit(rounds.base, FIRST_ROUND)


def _find_reference(request: SweepRequest, desk: Desk, record: RunRecord, search: Search, rounds: Rounds) -> None:
    """Have the reference answer the guard's prompts; without answers there is none, and a note says why."""
    wanted = request.reference or default_reference(request.base)
    reference = _labelled(request, search, wanted, "reference")
    if reference.configuration_id == rounds.base.configuration_id:
        reference = rounds.base
    scores, reference_id = rounds.scores, reference.configuration_id
    record.begin(reference)
    failure = rounds.check(reference)
    if failure is None and not scores.has_answered(reference_id):
        if not scores.is_recorded(reference_id, FIRST_ROUND):
            rounds.say("Exploring", "Loading the reference")
            desk.visit(reference, (), request.repetitions, FIRST_ROUND, with_greedy=True)
        failures = [visit.failure for visit in scores.all_visits(reference_id)]
        failure = next((each for each in failures if each is not None), None)
    if failure is None and scores.has_answered(reference_id):
        rounds.reference = reference
        return
    why = failure.message if failure is not None else "it gave no answers."
    desk.note(f"Texts are compared with nothing, since the reference can't be had: {why}")
