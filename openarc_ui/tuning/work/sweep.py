"""A sweep: many configurations, explored with Optuna, the best of them confirmed in turn, all of them held against the reference.

First the base, then exploring (`exploring.py`), the reference, and confirming (`confirming.py`). What is recorded already is not
done again: every decision is by the record and the search, so a resumed sweep goes on as it would have gone on.
"""

from __future__ import annotations

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.axes import check_axes
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.round_numbers import FIRST_ROUND
from openarc_ui.tuning.quality.guard import default_reference
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration
from openarc_ui.tuning.search.studies import FILE, Search
from openarc_ui.tuning.work.confirming import Confirming
from openarc_ui.tuning.work.exploring import Exploring
from openarc_ui.tuning.work.rounds import Rounds


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
    reference = _reference(request, desk, record, search, rounds)
    rounds.wants_answers = reference is not None
    _measure_base(desk, record, rounds)
    if any(figure.place == "quality" for figure in rounds.scores.objectives):
        rounds.budget.compares_while_exploring = True
        _have_reference(desk, record, rounds, reference)
        if rounds.reference is None:
            desk.note("It ended here: without a reference there is no divergence to search by.")
            desk.say("Done", "", search.told(), None, 0.0)
            return
    Exploring(request, desk, record, search, rounds).run()
    _have_reference(desk, record, rounds, reference)
    if all(figure.place == "quality" for figure in rounds.scores.objectives):
        desk.note("A text is the same each time it is looked at, so the best were not measured again.")
    else:
        Confirming(request, desk, record, search, rounds).run()
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


def _reference(
    request: SweepRequest, desk: Desk, record: RunRecord, search: Search, rounds: Rounds
) -> Configuration | None:
    """What texts are to be compared with; None: they are not, and where they should be, a note says why."""
    if not request.quality.is_wanted:
        return None
    wanted = request.reference or default_reference(request.base)
    reference = _labelled(request, search, wanted, "reference")
    if reference.configuration_id == rounds.base.configuration_id:
        reference = rounds.base
    record.begin(rounds.base)
    failure = rounds.check(reference)
    if failure is not None:
        record.begin(reference)
        _note_no_reference(desk, failure.message)
    return reference if failure is None else None


def _have_reference(desk: Desk, record: RunRecord, rounds: Rounds, reference: Configuration | None) -> None:
    """Have the reference answer the guard's prompts, and the base compared; without answers there is none, and a note says why."""
    if reference is None or rounds.reference is not None:
        return
    scores, reference_id = rounds.scores, reference.configuration_id
    record.begin(reference)
    if not scores.has_answered(reference_id) and not scores.is_recorded(reference_id, FIRST_ROUND):
        if rounds.budget.left_seconds() > 0.0:
            rounds.say_texts("Loading the reference")
            rounds.ask_for_answers(reference)
        if not scores.is_recorded(reference_id, FIRST_ROUND):
            desk.note("The time was over before texts were compared.")
            return
    if scores.has_answered(reference_id):
        rounds.reference = reference
        rounds.compare([rounds.base])
        return
    failures = (visit.failure for visit in scores.all_visits(reference_id))
    failure = next((each for each in failures if each is not None), None)
    _note_no_reference(desk, failure.message if failure is not None else "it gave no answers.")


def _note_no_reference(desk: Desk, why: str) -> None:
    desk.note(f"Texts are compared with nothing, since the reference can't be had: {why}")
