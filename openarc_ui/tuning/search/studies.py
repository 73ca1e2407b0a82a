"""What to measure next: Optuna behind the few words a sweep needs, kept in the run's folder at every step.

A process may end at any moment: what was asked for stays asked for (`running`), what was told stays told. Nothing random is
carried from one question to the next, so that a search which was resumed asks what it would have asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.requests import Axis
from openarc_ui.tuning.search.importance import FEWEST_FOR_IMPORTANCE as FEWEST_FOR_IMPORTANCE
from openarc_ui.tuning.search.importance import importances as importances
from openarc_ui.tuning.search.quiet import quiet
from openarc_ui.tuning.search.space import Key, Space, Texts
from openarc_ui.tuning.search.storage import as_folder_error, storage_of

if TYPE_CHECKING:
    import optuna

SamplerName = Literal["grid", "tpe", "random"]
FILE = "search.sqlite3"
STUDY = "sweep"
FIRST_AT_RANDOM = 8
"""Combinations that TPE draws at random before it has something to go by."""
REPEATS = 3
"""What a sampler may propose again before a combination is drawn that was not."""
LARGEST_GRID = 10_000
"""Optuna writes a grid down whole."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A combination to measure.

    Attributes:
        number: under which it is told.
        batch: with which others it is measured, from 0; None: it was asked for in the moment the process ended.
    """

    number: int
    settings: dict[str, PropertyValue | None]
    batch: int | None


class Search:
    """One sweep's study. Close it, or use it as a context manager.

    Args:
        file: where it is kept; None: in memory.
        memory_limit_bytes: what needs more is told to the sampler as a constraint that is broken.

    Raises (its methods too):
        TuningFolderUnusable: the file can't be read or written.
    """

    @as_folder_error()
    def __init__(
        self,
        file: Path | None,
        axes: Sequence[Axis],
        objectives: Sequence[Figure],
        seed: int = 0,
        memory_limit_bytes: int | None = None,
    ) -> None:
        import optuna

        quiet()
        self.space = Space(axes)
        self._seed, self._limit = seed, memory_limit_bytes
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            field: optuna.distributions.CategoricalDistribution(texts) for field, texts in self.space.choices.items()
        }
        self._storage = storage_of(file) if file is not None else optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=STUDY,
            directions=["maximize" if each.is_better_higher else "minimize" for each in objectives],
            load_if_exists=True,
        )

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @as_folder_error()
    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        if hasattr(self._storage, "engine"):
            self._storage.engine.dispose()

    @as_folder_error()
    def decided(self, name: str) -> Any:
        """Something that was decided for the whole search; None: not yet."""
        return self._study.user_attrs.get(name)

    @as_folder_error()
    def decide(self, name: str, value: Any) -> None:
        """Decide it; JSON."""
        self._study.set_user_attr(name, value)

    @as_folder_error()
    def running(self) -> list[Proposal]:
        """What was asked for and not told, in order. What was not asked to the end is told as failed here."""
        found: list[Proposal] = []
        for trial in self._trials():
            if trial.state.name != "RUNNING":
                continue
            if self.space.key(trial.params) is None:
                self.fail(trial.number, "the process ended while it was proposed")
            else:
                found.append(self._proposal(trial))
        return found

    @as_folder_error()
    def told(self) -> int:
        """Of how many combinations it is known what came of them."""
        trials = self._trials()
        finished = (each for each in trials if each.state.is_finished() and not each.user_attrs.get("is_left"))
        # One that runs may have been proposed again, and that told at once.
        running = (each for each in trials if each.state.name == "RUNNING")
        return len(_keys(self.space, finished) - _keys(self.space, running))

    @as_folder_error()
    def next_batch(self) -> int:
        """The number after the last batch's."""
        return 1 + max((trial.user_attrs.get("batch", -1) for trial in self._trials()), default=-1)

    @as_folder_error()
    def put_into(self, proposal: Proposal, batch: int) -> None:
        """Note with which others it is measured, where the process ended before that was noted."""
        if proposal.batch is None:
            self._trial(proposal.number).set_user_attr("batch", batch)

    @as_folder_error()
    def propose_first(self, texts: Texts) -> None:
        """Propose this combination before all others."""
        self._study.enqueue_trial(dict(texts), skip_if_exists=True)

    @as_folder_error()
    def ask(self, sampler: SamplerName, batch: int) -> Proposal | None:
        """A combination that was not proposed before; None where all were."""
        for _ in range(REPEATS):
            seen = self._seen()
            if len(seen) >= self.space.size:
                return None
            trial = self._ask(sampler)
            if self.space.key(trial.params) not in seen:
                return self._take(trial, batch)
            self._tell_again(trial.number)
        drawn = self.space.draw(self._seen(), random.Random(f"{self._seed}:{len(self._trials())}"))
        if drawn is None:
            return None
        self._study.enqueue_trial(drawn)
        return self._take(self._ask("random"), batch)

    @as_folder_error()
    def tell(self, number: int, values: Sequence[float], memory_bytes: float | None = None) -> None:
        """What was measured, in the order of the objectives."""
        self._keep_memory(number, memory_bytes)
        self._tell(number, values=list(values))

    @as_folder_error()
    def prune(self, number: int, value: float | None, memory_bytes: float | None = None) -> None:
        """It is clearly no winner; `value` of its only objective, where there is one."""
        self._keep_memory(number, memory_bytes)
        if value is not None and len(self._study.directions) == 1:
            self._trial(number).report(value, step=1)
        self._tell(number, state="PRUNED")

    @as_folder_error()
    def fail(self, number: int, reason: str) -> None:
        """It could not be measured."""
        self._trial(number).set_user_attr("reason", reason)
        self._tell(number, state="FAIL")

    @as_folder_error()
    def leave(self, number: int) -> None:
        """It was proposed, and there was no time for it."""
        self._trial(number).set_user_attr("is_left", True)
        self.fail(number, "there was no time for it")

    def _ask(self, sampler: SamplerName) -> optuna.trial.Trial:
        self._study.sampler = self._sampler(sampler)
        return self._study.ask(self._distributions)

    def _take(self, trial: optuna.trial.Trial, batch: int) -> Proposal:
        trial.set_user_attr("batch", batch)
        return Proposal(trial.number, self.space.settings(trial.params), batch)

    def _tell_again(self, number: int) -> None:
        """A combination that was proposed twice is told what it was told the first time."""
        trials = self._trials()
        first = next(each for each in trials if each.params == trials[number].params)
        memory_bytes = first.user_attrs.get("memory_bytes")
        if first.state.name == "COMPLETE":
            self.tell(number, first.values, memory_bytes)
        elif first.state.name == "PRUNED":
            self.prune(number, first.intermediate_values.get(1), memory_bytes)
        else:
            self.fail(number, "proposed twice")

    def _tell(self, number: int, values: list[float] | None = None, state: str | None = None) -> None:
        import optuna

        told = None if state is None else optuna.trial.TrialState[state]
        self._study.tell(self._trial(number), values=values, state=told, skip_if_finished=True)

    def _keep_memory(self, number: int, memory_bytes: float | None) -> None:
        """On the trial; above 0 a constraint is broken, by so large a part of the limit. What is not known breaks none."""
        trial = self._trial(number)
        trial.set_user_attr("memory_bytes", memory_bytes)
        if self._limit is not None and not trial.constraints:
            trial.set_constraint("memory", (memory_bytes or 0.0) / self._limit - 1.0)

    def _trial(self, number: int) -> optuna.trial.Trial:
        """What was asked for before, as something that can be noted on and told.

        A grid's own sampler is set aside: told, it would end an optimisation that is none here, and trips over what was not its
        own proposal.
        """
        import optuna

        self._study.sampler = optuna.samplers.RandomSampler(seed=0)
        study_id = self._storage.get_study_id_from_name(STUDY)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        return optuna.trial.Trial(self._study, trial_id)

    def _sampler(self, name: SamplerName) -> optuna.samplers.BaseSampler:
        """A new one each time: its chance depends on the seed and on how many were asked, not on who asked before."""
        import optuna

        if name == "grid":
            choices = {field: list(texts) for field, texts in self.space.choices.items()}
            return optuna.samplers.GridSampler(choices, seed=self._seed)
        seed = random.Random(f"{self._seed}:{len(self._trials())}").randrange(2**31)
        if name == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            n_startup_trials=FIRST_AT_RANDOM,
            multivariate=True,
            constant_liar=True,
            seed=seed,
        )

    def _proposal(self, trial: optuna.trial.FrozenTrial) -> Proposal:
        return Proposal(trial.number, self.space.settings(trial.params), trial.user_attrs.get("batch"))

    def _seen(self) -> set[Key]:
        return _keys(self.space, self._trials())

    def _trials(self) -> list[optuna.trial.FrozenTrial]:
        trials: list[optuna.trial.FrozenTrial] = self._study.get_trials(deepcopy=False)
        return trials


def _keys(space: Space, trials: Iterable[optuna.trial.FrozenTrial]) -> set[Key]:
    return {key for trial in trials if (key := space.key(trial.params)) is not None}
