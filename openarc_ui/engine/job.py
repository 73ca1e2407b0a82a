"""One request inside the worker, from admission to report: prepared, counted, timed, detokenized, stopped.

It is the `Job` that a backend sees. Who admits it and sends what it brings is the session; no pipe and no process here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from openarc_ui.engine.backends.base import Backend, ModelText, TokenOdds
from openarc_ui.engine.backends.template import PLAIN_STOP
from openarc_ui.engine.messages import Generate
from openarc_ui.engine.prompts import StructuredOutput, TokenDetail
from openarc_ui.engine.sampling import Sampling, answer_room, resolve
from openarc_ui.engine.shortening import FittedPrompt, PromptFitter
from openarc_ui.engine.text import IncrementalDetokenizer, StopStrings
from openarc_ui.engine.timing import Clock, Stopwatch, out_of_time
from openarc_ui.engine.token_details import LookUp, TokenLog
from openarc_ui.engine.types import FinishReason, GenerationRequest, TextDelta
from openarc_ui.errors import InvalidRequest, OpenArcError, TimeLimitReached


class Owner(Protocol):
    """What a job tells its session."""

    def pushed(self, job: SessionJob, delta: TextDelta, first_tokens: int) -> None:
        """It has new text or tokens, `first_tokens` of them a sequence's first."""

    def finished(self, job: SessionJob, error: OpenArcError | None) -> None:
        """It ended, all its sequences."""


@dataclass(slots=True)
class _Sequence:
    """One answer of a job while it grows.

    Attributes:
        has_stop_token: one of the request's `stop_token_ids` came; the backend is told with its next question.
        is_out_of_time: the backend was told to end it because the request's time is over.
    """

    detokenizer: IncrementalDetokenizer
    stop_strings: StopStrings
    log: TokenLog | None = None
    tokens: int = 0
    has_stop_token: bool = False
    is_out_of_time: bool = False
    finish_reason: FinishReason | None = None


class SessionJob:
    """One request from admission to report; the `Job` a backend sees.

    Args:
        longest_seconds: how long it may take, from its submission; 0: no limit.
    """

    def __init__(self, session: Owner, generate: Generate, clock: Clock, longest_seconds: float = 0.0) -> None:
        self.request = generate.request
        self.request_id = generate.request.request_id
        self.prompt_ids: Sequence[int] = ()
        self.stopwatch = Stopwatch(generate.submitted_at, generate.submitted_at_epoch, clock)
        self.cancelled = False
        self._longest_seconds = longest_seconds
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
        if self.request.prompt is not None:
            self._take(self.request.prompt, backend.text)
        else:
            self._render(self._fitter(backend, defaults, context_length))
        self._sampling = resolve(
            self.request,
            _usable(defaults, self.request),
            supported=backend.supported_sampling,
            backend=backend.name,
            prompt_tokens=len(self.prompt_ids),
            context_length=context_length,
            is_conversation=self.request.prompt is None,
        )
        backend.text.check_ids(self._sampling.stop_token_ids)
        self.stopwatch.seed = self._sampling.seed if self._sampling.do_sample else None
        self.sequences = [
            _Sequence(IncrementalDetokenizer(backend.text.decode), StopStrings(self._sampling.stop))
            for _ in range(self._sampling.num_return_sequences)
        ]

    def _render(self, fitter: PromptFitter) -> None:
        """Make the prompt of the conversation."""
        began_at = self.stopwatch.clock()
        prompt = self._prompt or fitter.fit(self.request.conversation)
        self.prompt_ids = prompt.token_ids
        self.stopwatch.dropped_messages = prompt.dropped_messages
        # A template that came with the request was rendered while it waited: that time is queue time.
        self.stopwatch.templated(began_at + (0.0 if self._prompt else prompt.template_seconds))
        self.stopwatch.tokenized(len(self.prompt_ids))
        fitter.require_room(prompt)

    def _take(self, prompt: str | tuple[int, ...], text: ModelText) -> None:
        """Take a prompt as it is."""
        if isinstance(prompt, str):
            self.stopwatch.tokenizing_at = self.stopwatch.clock()
            self.prompt_ids = text.encode_plain(prompt)
            self.stopwatch.tokenized(len(self.prompt_ids))
            if not self.prompt_ids:
                raise InvalidRequest("The model's tokenizer makes no token of this prompt.", "Give it another text.")
        else:
            text.check_ids(prompt)
            self.prompt_ids = prompt
            self.stopwatch.prompt_tokens = len(prompt)

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
        if sequence.finish_reason is not None or sequence.has_stop_token or not token_ids:
            return
        token_ids = self._until_stop_token(sequence, token_ids)
        details: tuple[TokenDetail, ...] = ()
        if sequence.log is None:
            read = token_ids[:-1] if sequence.has_stop_token else token_ids
            text = sequence.stop_strings.push(self._detokenize(sequence, read))
        else:
            text, details = self._push_logged(sequence, sequence.log, token_ids, odds)
        first = 0 if sequence.tokens else 1
        sequence.tokens += len(token_ids)
        self._session.pushed(self, TextDelta(sequence_index, text, len(token_ids), details), first)
        if sequence.stop_strings.found:
            sequence.finish_reason = FinishReason.STOP

    def _until_stop_token(self, sequence: _Sequence, token_ids: Sequence[int]) -> Sequence[int]:
        """The ids up to a stop token, itself included; those of the shortest answer are none."""
        stops = self.sampling.stop_token_ids
        if not stops:
            return token_ids
        for index, token_id in enumerate(token_ids):
            if token_id in stops and sequence.tokens + index >= self.sampling.min_new_tokens:
                sequence.has_stop_token = True
                return token_ids[: index + 1]
        return token_ids

    def _push_logged(
        self, sequence: _Sequence, log: TokenLog, token_ids: Sequence[int], odds: Sequence[TokenOdds]
    ) -> tuple[str, tuple[TokenDetail, ...]]:
        """Ids one by one: which text belongs to which can't be told of several together."""
        moment = self.stopwatch.clock()
        passed: list[str] = []
        for index, token_id in enumerate(token_ids):
            is_stop = sequence.has_stop_token and index == len(token_ids) - 1
            piece = "" if is_stop else self._detokenize(sequence, (token_id,))
            log.add(token_id, piece, moment, odds[index] if odds else None, is_mark=is_stop)
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
        sequence = self.sequences[sequence_index]
        if self.cancelled or sequence.has_stop_token or sequence.finish_reason is not None:
            return True
        sequence.is_out_of_time = sequence.is_out_of_time or self.is_overdue
        return sequence.is_out_of_time

    @property
    def is_overdue(self) -> bool:
        """It has taken longer than a request may."""
        passed = self.stopwatch.clock() - self.stopwatch.submitted_at if self._longest_seconds else 0.0
        return passed > self._longest_seconds

    def out_of_time(self) -> TimeLimitReached:
        """What to tell of a request that took too long."""
        return out_of_time(self._longest_seconds)

    def finish(self, sequence_index: int, reason: FinishReason) -> None:
        sequence = self.sequences[sequence_index]
        if sequence.finish_reason is None:
            self._flush_text(sequence_index)
            sequence.finish_reason = self._reason(sequence, reason)
        if all(each.finish_reason is not None for each in self.sequences):
            is_cut = any(each.finish_reason is FinishReason.ERROR for each in self.sequences)
            self._session.finished(self, self.out_of_time() if is_cut else None)

    def _reason(self, sequence: _Sequence, given: FinishReason) -> FinishReason:
        """Why a sequence ended: the session's own reasons come before its backend's."""
        if sequence.stop_strings.found or sequence.has_stop_token:
            return FinishReason.STOP
        if self.cancelled:
            return FinishReason.CANCELLED
        return FinishReason.ERROR if sequence.is_out_of_time else given

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


def _usable(defaults: Mapping[str, Any], request: GenerationRequest) -> Mapping[str, Any]:
    """The defaults that mean something for this request."""
    without = set()
    if request.prompt is not None and defaults.get("stop") == PLAIN_STOP:
        without.add("stop")  # it ends the plain template's answers; no template is near a prompt
    if request.structured_output is not None:
        without.add("min_new_tokens")  # an answer is as long as its structure makes it
    return {name: value for name, value in defaults.items() if name not in without}
