"""One repetition of a workload on a loaded model: all its users at once, from the first submission to the last answer."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.engine.types import GenerationRequest, GenerationResult, ModelInfo, PerformanceReport
from openarc_ui.errors import GenerationFailed, PromptTooLong
from openarc_ui.tuning.desk import Ending
from openarc_ui.tuning.measuring.asking import Asking
from openarc_ui.tuning.measuring.background import Background
from openarc_ui.tuning.measuring.users import User
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Sample

Brought = TypeVar("Brought")

LOOK_SECONDS = 0.1
"""How often somebody who waits for an answer sees whether it is still wanted."""


class _Abandoned(Exception):
    """Another user of the repetition failed, so nobody waits for this one."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one user brings home.

    Attributes:
        began, ended: by `time.perf_counter`, before its first submission and after its last answer.
        reports: of each turn, in order.
    """

    began: float
    ended: float
    reports: tuple[PerformanceReport, ...]


class Asker:
    """Sends requests to a loaded model and waits for them.

    Args:
        ending: once it is so, what runs is cancelled, and RunStopped or TimeOver raised.
    """

    def __init__(self, engine: Engine, holder: Reservation, info: ModelInfo, ending: Ending) -> None:
        self._engine, self._holder, self._ending = engine, holder, ending
        self._context_length = info.context_length
        self.asking = Asking(holder.name, frozenset(info.abilities.supported_sampling))

    def answer(self, request: GenerationRequest, abandoned: threading.Event | None = None) -> GenerationResult:
        """Send a request and wait for its end.

        Raises:
            RunStopped, TimeOver.
            OpenArcError: it was refused, or failed.
        """
        self._require_wanted(abandoned)
        with self._engine.submit(request, holder=self._holder) as generation:
            while True:
                try:
                    return generation.result(LOOK_SECONDS)
                except TimeoutError:
                    self._require_wanted(abandoned)

    def whole_answer(self, request: GenerationRequest, abandoned: threading.Event) -> GenerationResult:
        """The same, where the answer has to have its length if the backend has a way to that.

        Raises:
            RunStopped, TimeOver.
            OpenArcError: it was refused, failed, or ended before.
        """
        result = self.answer(request, abandoned)
        wanted, came = request.max_new_tokens or 0, result.report.generated_tokens
        if came == wanted or not self.asking.is_exact:
            return result
        self._require_wanted(abandoned)
        needed = (result.report.prompt_tokens or 0) + wanted
        if self._context_length is not None and needed > self._context_length:
            raise too_long(needed, self._context_length)
        raise GenerationFailed(f"An answer ended after {came} of {wanted} tokens: {result.report.finish_reason}.")

    def _require_wanted(self, abandoned: threading.Event | None) -> None:
        self._ending.require_wanted()
        if abandoned is not None and abandoned.is_set():
            raise _Abandoned


def too_long(tokens: int, context_length: int) -> PromptTooLong:
    """What to tell of a workload that the model's context does not hold."""
    return PromptTooLong(
        f"The workload takes {tokens} tokens of context for each user; this model's context holds {context_length}.",
        "Ask for fewer tokens, turns or depth, or take a model with a longer context.",
    )


def repeat(asker: Asker, workload: Workload, users: Sequence[User], background: Background) -> Sample:
    """Have all users ask at once, each turn after turn. What a depth needs is read before, unmeasured.

    Raises:
        RunStopped, TimeOver.
        OpenArcError: of the first request that failed; the others are cancelled.
    """
    contexts = [request for user in users if (request := user.context()) is not None]
    abandoned = threading.Event()
    with ThreadPoolExecutor(len(users), thread_name_prefix="tuning-user") as pool:
        _gather([pool.submit(asker.answer, request, abandoned) for request in contexts], abandoned)
        talks = [partial(_talk, asker, user, user.request(), workload.turns, abandoned) for user in users]
        began_at, before = time.time(), background.begin()
        told = _gather([pool.submit(talk) for talk in talks], abandoned)
        others_cores = background.others_cores(before)
    return sample_of(began_at, told, others_cores)


def sample_of(began_at: float, told: Sequence[Told], others_cores: float | None) -> Sample:
    """The figures of a repetition: medians over its requests, and their tokens over the time of all together."""
    reports = [report for each in told for report in each.reports]
    wall_seconds = max(each.ended for each in told) - min(each.began for each in told)
    generated_tokens = sum(report.generated_tokens for report in reports)

    def median(figure: Callable[[PerformanceReport], float | None]) -> float | None:
        values = [value for report in reports if (value := figure(report)) is not None]
        return statistics.median(values) if values else None

    return Sample(
        began_at=began_at,
        wall_seconds=wall_seconds,
        ttft_seconds=median(lambda report: report.ttft_seconds),
        prefill_tokens_per_second=median(lambda report: report.prefill_tokens_per_second),
        decode_tokens_per_second=median(lambda report: report.decode_tokens_per_second),
        tpot_seconds=median(lambda report: report.tpot_seconds),
        total_seconds=median(lambda report: report.total_seconds),
        throughput_tokens_per_second=generated_tokens / wall_seconds if generated_tokens and wall_seconds > 0 else None,
        prompt_tokens=sum(report.prompt_tokens or 0 for report in reports),
        generated_tokens=generated_tokens,
        others_cores=others_cores,
    )


def _talk(asker: Asker, user: User, first: GenerationRequest, turns: int, abandoned: threading.Event) -> Told:
    """One user's turns. The first request was made before, so that all are submitted together."""
    reports, request = [], first
    began = time.perf_counter()
    for turn in range(turns):
        if turn:
            request = user.request()
        result = asker.whole_answer(request, abandoned)
        reports.append(result.report)
        ended = time.perf_counter()
        user.heard(result)
    return Told(began, ended, tuple(reports))


def _gather(futures: Sequence[Future[Brought]], abandoned: threading.Event) -> list[Brought]:
    """What all of them bring; once one fails the others are told to end, and its error is raised."""
    wait(futures, return_when=FIRST_EXCEPTION)
    if any(future.done() and future.exception() is not None for future in futures):
        abandoned.set()
        wait(futures)
        errors = [error for future in futures if (error := future.exception()) is not None]
        raise next((error for error in errors if not isinstance(error, _Abandoned)), errors[0])
    return [future.result() for future in futures]
