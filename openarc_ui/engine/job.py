"""One request inside the worker, from admission to report: prepared, counted, timed, detokenized, stopped.

It is the `Job` that a backend sees. Who admits it and sends what it brings is the session; no pipe and no process here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from openarc_ui.engine.backends.base import Backend, TokenOdds
from openarc_ui.engine.messages import Generate
from openarc_ui.engine.prompts import StructuredOutput, TokenDetail
from openarc_ui.engine.sampling import Sampling, answer_room, resolve
from openarc_ui.engine.shortening import FittedPrompt, PromptFitter
from openarc_ui.engine.text import IncrementalDetokenizer, StopStrings
from openarc_ui.engine.timing import Clock, Stopwatch
from openarc_ui.engine.token_details import LookUp, TokenLog
from openarc_ui.engine.types import FinishReason, TextDelta
from openarc_ui.errors import OpenArcError


class Owner(Protocol):
    """What a job tells its session."""

    def pushed(self, job: SessionJob, delta: TextDelta, first_tokens: int) -> None:
        """It has new text or tokens, `first_tokens` of them a sequence's first."""

    def finished(self, job: SessionJob, error: OpenArcError | None) -> None:
        """It ended, all its sequences."""


@dataclass(slots=True)
class _Sequence:
    """One answer of a job while it grows."""

    detokenizer: IncrementalDetokenizer
    stop_strings: StopStrings
    log: TokenLog | None = None
    has_tokens: bool = False
    finish_reason: FinishReason | None = None


class SessionJob:
    """One request from admission to report; the `Job` a backend sees."""

    def __init__(self, session: Owner, generate: Generate, clock: Clock) -> None:
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
        # A template that came with the request was rendered while it waited: that time is queue time.
        self.stopwatch.templated_at = began_at + (0.0 if self._prompt else prompt.template_seconds)
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

    def told(self, inference_seconds: float, sampling_seconds: float) -> None:
        self.stopwatch.told(inference_seconds, sampling_seconds)

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
