"""The requests of one loaded model, inside the worker: admit, render, count, time, detokenize, stop, report.

It owns a backend and is driven by one thread; only `add` and `cancel` may be called from another. What comes out goes to
`send` as one StepOutput a step. No pipe and no process here.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openarc_ui.engine.backends.base import Backend, LoadedModel, TokenOdds
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.messages import Finished, Generate, StepOutput
from openarc_ui.engine.prompts import StructuredOutput, TokenDetail
from openarc_ui.engine.sampling import Sampling, answer_room, resolve
from openarc_ui.engine.shortening import FittedPrompt, PromptFitter
from openarc_ui.engine.text import IncrementalDetokenizer, StopStrings
from openarc_ui.engine.timing import Clock, ServedBy, Stopwatch
from openarc_ui.engine.token_details import LookUp, TokenLog
from openarc_ui.engine.types import FinishReason, TextDelta
from openarc_ui.errors import GenerationFailed, OpenArcError

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.02
"""How long a session that has nothing to do but wait for a check sleeps at most; news wake it."""


@dataclass(slots=True)
class _Sequence:
    """One answer of a job while it grows."""

    detokenizer: IncrementalDetokenizer
    stop_strings: StopStrings
    log: TokenLog | None = None
    has_tokens: bool = False
    finish_reason: FinishReason | None = None


@dataclass(slots=True)
class _Step:
    """What the current step has brought so far."""

    started: list[str] = field(default_factory=list)
    deltas: list[tuple[str, TextDelta]] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    tokens: dict[str, list[int]] = field(default_factory=dict)


class SessionJob:
    """One request from admission to report; the `Job` a backend sees."""

    def __init__(self, session: Session, generate: Generate, clock: Clock) -> None:
        self.request = generate.request
        self.request_id = generate.request.request_id
        self.prompt_ids: Sequence[int] = ()
        self.stopwatch = Stopwatch(generate.submitted_at, generate.submitted_at_epoch, clock)
        self.cancelled = False
        self.sequences: list[_Sequence] = []
        self.is_checked = generate.request.structured_output is None and generate.request.chat_template is None
        self.refusal: OpenArcError | None = None
        self._prompt: FittedPrompt | None = None
        self._session = session
        self._sampling: Sampling | None = None

    @property
    def sampling(self) -> Sampling:
        if self._sampling is None:
            raise RuntimeError("sampling is read before the job was prepared")
        return self._sampling

    @property
    def structured_output(self) -> StructuredOutput | None:
        return self.request.structured_output

    @property
    def wants_odds(self) -> bool:
        return self.request.token_details

    def check(self, backend: Backend, defaults: Mapping[str, Any], context_length: int | None) -> None:
        """What came with the request and may take seconds, on a thread beside the model's: its structure, its template.

        Raises:
            OpenArcError: one of them can't be used.
        """
        if self.request.structured_output is not None:
            backend.check_structure(self.request.structured_output)
        if self.request.chat_template is not None:
            self._prompt = self._fitter(backend, defaults, context_length).fit(self.request.conversation)

    def prepare(self, backend: Backend, defaults: Mapping[str, Any], context_length: int | None) -> None:
        """Render, tokenize and settle the sampling.

        Raises:
            OpenArcError: the template refuses the conversation, a parameter is not supported, or the prompt is too long.
        """
        fitter = self._fitter(backend, defaults, context_length)
        began_at = self.stopwatch.clock()
        prompt = self._prompt or fitter.fit(self.request.conversation)
        self.prompt_ids = prompt.token_ids
        self.stopwatch.dropped_messages = prompt.dropped_messages
        self.stopwatch.templated_at = began_at + prompt.template_seconds
        self.stopwatch.tokenized(len(self.prompt_ids))
        fitter.require_room(prompt)
        self._sampling = resolve(
            self.request,
            defaults,
            supported=backend.supported_sampling,
            backend=backend.name,
            prompt_tokens=len(self.prompt_ids),
            context_length=context_length,
        )
        self.stopwatch.seed = self._sampling.seed if self._sampling.do_sample else None
        self.sequences = [
            _Sequence(IncrementalDetokenizer(backend.text.decode), StopStrings(self._sampling.stop))
            for _ in range(self._sampling.num_return_sequences)
        ]

    def _fitter(self, backend: Backend, defaults: Mapping[str, Any], context_length: int | None) -> PromptFitter:
        return PromptFitter(
            backend.text,
            self.request,
            room_tokens=answer_room(self.request.max_new_tokens, defaults, context_length),
            context_length=context_length,
            clock=self.stopwatch.clock,
        )

    def found_cached(self, tokens: int) -> None:
        self.stopwatch.cached_prompt_tokens = tokens

    def keep_log(self, look_up: LookUp) -> None:
        """Keep what is told of each token, from the first one on."""
        for sequence in self.sequences:
            sequence.log = TokenLog(look_up, self.stopwatch.submitted_at)

    def push(self, sequence_index: int, token_ids: Sequence[int], odds: Sequence[TokenOdds] = ()) -> None:
        sequence = self.sequences[sequence_index]
        if sequence.finish_reason is not None or not token_ids:
            return
        details: tuple[TokenDetail, ...] = ()
        if sequence.log is None:
            text = sequence.stop_strings.push(self._detokenize(sequence, token_ids))
        else:
            text, details = self._push_logged(sequence, sequence.log, token_ids, odds)
        first = 0 if sequence.has_tokens else 1
        sequence.has_tokens = True
        self._session.pushed(self, TextDelta(sequence_index, text, len(token_ids), details), first)
        if sequence.stop_strings.found:
            sequence.finish_reason = FinishReason.STOP

    def _push_logged(
        self, sequence: _Sequence, log: TokenLog, token_ids: Sequence[int], odds: Sequence[TokenOdds]
    ) -> tuple[str, tuple[TokenDetail, ...]]:
        """Ids one by one: which text belongs to which can't be told of several together."""
        moment = self.stopwatch.clock()
        passed: list[str] = []
        for index, token_id in enumerate(token_ids):
            piece = self._detokenize(sequence, (token_id,))
            log.add(token_id, piece, moment, odds[index] if odds else None)
            passed.append(sequence.stop_strings.push(piece))
            if sequence.stop_strings.found:
                text = "".join(passed)
                return text, log.end("", text)
        text = "".join(passed)
        return text, log.settle(text)

    def _detokenize(self, sequence: _Sequence, token_ids: Sequence[int]) -> str:
        began_at = self.stopwatch.clock()
        text = sequence.detokenizer.push(token_ids)
        self.stopwatch.detokenized(self.stopwatch.clock() - began_at)
        return text

    def wants_stop(self, sequence_index: int) -> bool:
        return self.cancelled or self.sequences[sequence_index].finish_reason is not None

    def finish(self, sequence_index: int, reason: FinishReason) -> None:
        sequence = self.sequences[sequence_index]
        if sequence.finish_reason is None:
            self._flush_text(sequence_index)
            found = sequence.stop_strings.found
            sequence.finish_reason = (
                FinishReason.STOP if found else FinishReason.CANCELLED if self.cancelled else reason
            )
        if all(each.finish_reason is not None for each in self.sequences):
            self._session.finished(self, None)

    def fail(self, error: OpenArcError) -> None:
        self._session.finished(self, error)

    def _flush_text(self, sequence_index: int) -> None:
        sequence = self.sequences[sequence_index]
        flushed = sequence.detokenizer.flush()
        text = sequence.stop_strings.push(flushed) + sequence.stop_strings.flush()
        details = sequence.log.end(flushed, text) if sequence.log is not None else ()
        if text or details:
            self._session.pushed(self, TextDelta(sequence_index, text, 0, details), 0)

    def finish_reasons(self, error: OpenArcError | None) -> tuple[FinishReason, ...]:
        """One for each sequence; a request that never got sequences has one."""
        if error is not None:
            return (FinishReason.ERROR,) * max(1, len(self.sequences))
        return tuple(each.finish_reason or FinishReason.CANCELLED for each in self.sequences) or (
            FinishReason.CANCELLED,
        )


class Session:
    """All jobs of one model. `step` does what there is to do and returns; the worker calls it in a loop."""

    def __init__(
        self,
        backend: Backend,
        model: LoadedModel,
        served_by: ServedBy,
        send: Callable[[StepOutput], None],
        clock: Clock,
        sampling_defaults: Mapping[str, Any],
    ) -> None:
        self._backend = backend
        self._defaults = sampling_defaults
        self._context_length = model.context_length
        self._served_by = served_by
        self._send = send
        self._clock = clock
        self._waiting: deque[SessionJob] = deque()
        self._running: dict[str, SessionJob] = {}
        self._jobs: dict[str, SessionJob] = {}
        self._has_news = threading.Event()
        self._look_up: LookUp = functools.cache(backend.text.token)
        self._step = _Step()

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def add(self, generate: Generate) -> None:
        """Queue a request (any thread). A structure or a template that came with it is tried meanwhile on a thread of its own:
        that may take seconds."""
        job = SessionJob(self, generate, self._clock)
        self._jobs[job.request_id] = job
        self._waiting.append(job)
        self._has_news.set()
        if not job.is_checked:
            threading.Thread(target=self._check, args=(job,), name="check", daemon=True).start()

    def cancel(self, request_id: str) -> None:
        """End a request at its next token (any thread). An unknown id has ended already."""
        job = self._jobs.get(request_id)
        if job is not None:
            job.cancelled = True

    def cancel_all(self) -> None:
        """End every request at its next token (any thread)."""
        for job in list(self._jobs.values()):
            job.cancelled = True

    def step(self) -> None:
        """Admit what may start, advance the backend once, and send what that brought.

        Raises:
            OpenArcError: the backend failed and could not be reset; every running request was failed before.
        """
        self._admit()
        self._flush()
        if not self._running and self._waiting:
            self._has_news.wait(CHECK_SECONDS)
            self._has_news.clear()
        if self._running:
            try:
                self._backend.step(self._flush)
            except Exception as error:  # noqa: BLE001 - the loop's last line of defence: reported, logged, then reset
                self._fail_running(error)
                self._flush()
                self._backend.reset()
        self._flush()

    def pushed(self, job: SessionJob, delta: TextDelta, first_tokens: int) -> None:
        """A job has new text; tokens of one step are timed together, when the step is flushed."""
        counts = self._step.tokens.setdefault(job.request_id, [0, 0])
        counts[0] += delta.tokens
        counts[1] += first_tokens
        if delta.text or delta.tokens or delta.details:
            self._step.deltas.append((job.request_id, delta))

    def finished(self, job: SessionJob, error: OpenArcError | None) -> None:
        """A job ended: write its report."""
        if self._jobs.pop(job.request_id, None) is None:
            return
        self._running.pop(job.request_id, None)
        self._time(job)
        reasons = job.finish_reasons(error)
        overall = FinishReason.LENGTH if FinishReason.LENGTH in reasons else reasons[0]
        report = job.stopwatch.report(job.request, self._served_by, overall, error)
        self._step.finished.append(Finished(job.request_id, reasons, report, error))

    def _admit(self) -> None:
        if not self._waiting:
            return
        for job in [waiting for waiting in list(self._waiting) if waiting.cancelled]:
            self._waiting.remove(job)
            self.finished(job, None)
        checked = [waiting for waiting in list(self._waiting) if waiting.is_checked]
        for job in checked:
            if len(self._running) >= self._backend.max_running:
                break
            self._waiting.remove(job)
            self._step.started.append(job.request_id)
            job.stopwatch.take_up()
            try:
                if job.refusal is not None:
                    raise job.refusal
                job.prepare(self._backend, self._defaults, self._context_length)
                if job.wants_odds:
                    job.keep_log(self._look_up)
                self._running[job.request_id] = job
                job.stopwatch.started()
                self._backend.start(job)
            except Exception as error:  # noqa: BLE001 - one request's failure is its own: reported and logged
                self.finished(job, _as_openarc_error(error))
        for job in self._running.values():
            job.stopwatch.seen_beside(len(self._running))

    def _check(self, job: SessionJob) -> None:
        try:
            job.check(self._backend, self._defaults, self._context_length)
        except Exception as error:  # noqa: BLE001 - the top of a thread: the request fails with it
            job.refusal = _as_openarc_error(error)
        job.is_checked = True
        self._has_news.set()

    def _time(self, job: SessionJob) -> None:
        counts = self._step.tokens.pop(job.request_id, None)
        if counts is not None and counts[0]:
            job.stopwatch.step(*counts)

    def _flush(self) -> None:
        if not (self._step.started or self._step.deltas or self._step.finished):
            return
        for request_id in list(self._step.tokens):
            self._time(self._jobs[request_id])
        step, self._step = self._step, _Step()
        self._send(StepOutput(tuple(step.started), tuple(step.deltas), tuple(step.finished)))

    def _fail_running(self, error: Exception) -> None:
        for job in list(self._running.values()):
            self.finished(job, _as_openarc_error(error))


def _as_openarc_error(error: Exception) -> OpenArcError:
    """Errors of ours as they are; anything else becomes a GenerationFailed that carries its sentence."""
    if isinstance(error, OpenArcError):
        return error
    logger.error("the backend failed", exc_info=error)
    words = clean_message(error).splitlines()[0]
    failed = GenerationFailed(f"The backend failed: {words}", "Try again; if it stays, load the model again.")
    failed.__cause__ = error
    return failed
