"""One visit: load a configuration, warm it up, measure its workloads, ask the quality guard's prompts, unload it.

Everything about a single repetition is in `repetition.py`; what is sent, in `users.py`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import MAX_TOKENIZED_CHARACTERS
from openarc_ui.engine.reservation import Reservation
from openarc_ui.engine.types import LoadStage, ModelInfo, ModelStatus
from openarc_ui.errors import EngineClosed, LoadCancelled, ModelNotLoaded, OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.desk import Ending, RunStopped, TimeOver, time_over
from openarc_ui.tuning.measuring.background import Background
from openarc_ui.tuning.measuring.memory_peak import MemoryPeak
from openarc_ui.tuning.measuring.repetition import Asker, repeat, too_long
from openarc_ui.tuning.measuring.users import PromptUser, Texts, TextUser, User
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Loaded, Sample, Visit, WorkloadSamples
from openarc_ui.tuning.workloads import Slices, text, tokens_needed

CLOSING_SECONDS = 0.5
"""How long cancelled requests may take to end once a run is stopped; a worker that takes longer is killed."""


@dataclass(slots=True)
class _Notes:
    """What is known of a visit so far, and its stage, for a failure."""

    stage: str = "load"
    loaded: Loaded | None = None
    load_seconds: float | None = None
    workloads: list[WorkloadSamples] = field(default_factory=list)
    greedy: tuple[Greedy, ...] = ()


def has_prefix_cache(info: ModelInfo) -> bool:
    """What was read stays read for the next request that begins so: GenAI's paged attention, where its cache is not off."""
    return info.scheduler is not None and info.scheduler.get("enable_prefix_caching") is True


class Measurer:
    """Visits on one engine that is reserved for them.

    Args:
        stopping: once it is set, what runs is cancelled, the model unloaded, and RunStopped raised.
        on_stage: called with words for what is done now ("Loading", "Warming up", "Repetition 2 of 3"), from this thread
            and the engine's.
        background: how the other programs' load is told.
    """

    def __init__(
        self,
        engine: Engine,
        holder: Reservation,
        stopping: threading.Event,
        seed: int = 0,
        on_stage: Callable[[str], None] = lambda words: None,
        background: Background | None = None,
    ) -> None:
        self._engine, self._holder, self._stopping, self._seed = engine, holder, stopping, seed
        self._on_stage = on_stage
        self._background = background or Background()

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        prompts: Sequence[str] = (),
        answer_tokens: int = 48,
        deadline: float | None = None,
    ) -> Visit:
        """Measure; `prompts` are answered greedily, for the quality guard. A failure is in the visit.

        Visits of one round are asked the same prompts, those of another round other ones.

        Args:
            deadline: by `time.monotonic`; once it passes, what runs ends, and the visit's failure is `time_over`.

        Raises:
            RunStopped.
            TuningFolderUnusable: what was said of it could not be written; no fault of the configuration.
        """
        self._require_wanted()
        began_at, notes, failure = time.time(), _Notes(), None
        peak, ending = MemoryPeak(self._engine, self._holder.name), Ending(self._stopping, deadline)
        try:
            info = self._load(configuration, notes, ending)
            notes.stage = "warm-up"
            asker = Asker(self._engine, self._holder, info, ending)
            if workloads:
                texts = Texts(Slices(self._text_ids(), f"{self._seed} {round_number}"))
                for workload in workloads:
                    self._measure(asker, info, workload, texts, repetitions, notes, peak)
            notes.stage = "quality"
            self._answer(asker, prompts, answer_tokens, notes)
        except TimeOver:
            failure = time_over(notes.stage)
        except EngineClosed as error:
            raise RunStopped from error
        except TuningFolderUnusable:
            raise
        except OpenArcError as error:
            self._require_wanted()
            is_late = isinstance(error, LoadCancelled) and ending.is_over()
            failure = time_over(notes.stage) if is_late else Failure(notes.stage, error.code, error.message, error.hint)
        finally:
            self._unload(ending)
        return Visit(
            configuration_id=configuration.configuration_id,
            round_number=round_number,
            began_at=began_at,
            ended_at=time.time(),
            load_seconds=notes.load_seconds,
            memory_bytes=peak.memory_bytes,
            device_memory_bytes=peak.device_memory_bytes,
            workloads=tuple(notes.workloads),
            loaded=notes.loaded,
            greedy=notes.greedy,
            failure=failure,
        )

    def _load(self, configuration: Configuration, notes: _Notes, ending: Ending) -> ModelInfo:
        ending.require_wanted()
        self._on_stage("Loading")
        request = configuration.load.model_copy(update={"name": self._holder.name})
        info = self._engine.load(request, self._say_stage, ending, holder=self._holder)
        notes.load_seconds = info.load_seconds
        notes.loaded = Loaded(
            backend=info.backend,
            device=info.device,
            execution_devices=info.execution_devices,
            effective_properties=info.effective_properties,
            scheduler=info.scheduler,
            versions=info.versions,
            engine_configuration_id=info.configuration_id,
            warnings=info.warnings,
            loaded_from_cache=info.loaded_from_cache,
        )
        return info

    def _measure(
        self,
        asker: Asker,
        info: ModelInfo,
        workload: Workload,
        texts: Texts,
        repetitions: int,
        notes: _Notes,
        peak: MemoryPeak,
    ) -> None:
        """Warm up and measure one workload; what was measured before a failure is kept."""
        notes.stage = "warm-up"
        if not workload.prompts and info.context_length is not None and tokens_needed(workload) > info.context_length:
            raise too_long(tokens_needed(workload), info.context_length)
        prompts = itertools.cycle(workload.prompts)
        self._on_stage(f"Warming up {workload.name}")
        warm_up: Sample | None = None
        samples: list[Sample] = []
        try:
            warm_up = repeat(asker, workload, self._users(asker, workload, texts, prompts), self._background)
            notes.stage = "measure"
            for number in range(1, repetitions + 1):
                self._on_stage(f"Repetition {number} of {repetitions} of {workload.name}")
                users = self._users(asker, workload, texts, prompts)
                with peak:
                    samples.append(repeat(asker, workload, users, self._background))
        finally:
            is_depth_read_again = workload.depth_tokens > 0 and not has_prefix_cache(info)
            notes.workloads.append(WorkloadSamples(workload.name, warm_up, tuple(samples), is_depth_read_again))

    def _users(self, asker: Asker, workload: Workload, texts: Texts, prompts: Iterator[str]) -> list[User]:
        """New users for a repetition, each with a conversation that begins as none before."""
        numbers = range(workload.concurrent_requests)
        if workload.prompts:
            return [PromptUser(workload, prompts, texts, asker.asking, self._detokenize) for _ in numbers]
        return [TextUser(workload, texts.slices, asker.asking, self._tokenize) for _ in numbers]

    def _answer(self, asker: Asker, prompts: Sequence[str], answer_tokens: int, notes: _Notes) -> None:
        """Greedy answers, one after the other: what runs beside a request can change its text. All of them, or none."""
        greedy = []
        for number, prompt in enumerate(prompts, start=1):
            self._on_stage(f"Answer {number} of {len(prompts)} for the quality guard")
            result = asker.answer(asker.asking.greedy(answer_tokens, prompt))
            token_ids = tuple(detail.id for detail in result.token_details[0])
            greedy.append(Greedy(prompt, token_ids, result.texts[0]))
        notes.greedy = tuple(greedy)

    def _text_ids(self) -> list[int]:
        """The bundled text in the loaded model's tokens."""
        whole = text()
        parts = [
            whole[start : start + MAX_TOKENIZED_CHARACTERS] for start in range(0, len(whole), MAX_TOKENIZED_CHARACTERS)
        ]
        return [token_id for part in parts for token_id in self._tokenize(part)]

    def _tokenize(self, words: str) -> list[int]:
        found = self._engine.tokenize(words, self._holder.name, holder=self._holder)
        return [token.id for token in found.tokens]

    def _detokenize(self, token_ids: Sequence[int]) -> str:
        return self._engine.detokenize(token_ids, self._holder.name, holder=self._holder)[1]

    def _say_stage(self, stage: LoadStage) -> None:
        """Called from the engine's thread, which nothing may end; the load itself sees that the run is stopped."""
        with suppress(RunStopped):
            self._on_stage(f"Loading: {stage.label}")

    def _unload(self, ending: Ending) -> None:
        """End the worker, whatever happened. Nothing is there where the load failed."""
        if ending.is_set():
            self._end_now()
        with suppress(ModelNotLoaded):
            self._engine.unload(self._holder.name, holder=self._holder)

    def _end_now(self) -> None:
        """See that no long step holds up a stop: a worker still at work after a moment is killed."""
        until = time.monotonic() + CLOSING_SECONDS
        while (model := self._model()) is not None and model.running + model.queued:
            if time.monotonic() < until:
                time.sleep(0.02)
            else:
                if model.process_id is not None:
                    with suppress(psutil.Error):
                        psutil.Process(model.process_id).kill()
                return

    def _model(self) -> ModelStatus | None:
        return next((model for model in self._engine.status().models if model.name == self._holder.name), None)

    def _require_wanted(self) -> None:
        if self._stopping.is_set():
            raise RunStopped
