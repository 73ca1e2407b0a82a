"""From moments to a PerformanceReport: pure arithmetic, and the stopwatch that collects the moments.

The clock is injected, so a test can hold every figure against a scripted timeline.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.errors import OpenArcError, TimeLimitReached

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ServedBy:
    """The part of a report that is the same for every request of one loaded model."""

    model: str
    backend: str
    device: str
    configuration_id: str


@dataclass(slots=True)
class Stopwatch:
    """The moments of one request, in seconds of `clock`. A moment that never came stays None.

    What is detokenized and sent counts from the first step to the last: it is added up between two steps, and a step takes it
    over when there was one before.
    """

    submitted_at: float
    submitted_at_epoch: float
    clock: Clock = time.perf_counter
    taken_up_at: float | None = None
    templated_at: float | None = None
    tokenizing_at: float | None = None
    tokenized_at: float | None = None
    started_at: float | None = None
    step_times: list[float] = field(default_factory=list)
    prompt_tokens: int | None = None
    cached_prompt_tokens: int | None = None
    generated_tokens: int = 0
    first_tokens: int = 0
    seed: int | None = None
    concurrent_requests: int = 1
    dropped_messages: int = 0
    detokenize_seconds: float | None = None
    stream_seconds: float | None = None
    inference_seconds: float | None = None
    sampling_seconds: float | None = None
    kv_cache_percent: float | None = None
    _detokenizing: float | None = None
    _streaming: float | None = None

    def take_up(self) -> None:
        """The worker turns to this request."""
        self.taken_up_at = self.clock()

    def templated(self, moment: float) -> None:
        """The template had been rendered at `moment`; what comes next is tokenizing."""
        self.templated_at = self.tokenizing_at = moment

    def tokenized(self, prompt_tokens: int) -> None:
        """The prompt is ids."""
        self.tokenized_at = self.clock()
        self.prompt_tokens = prompt_tokens

    def started(self) -> None:
        """The backend has the ids."""
        self.started_at = self.clock()

    def step(self, tokens: int, first_tokens: int = 0) -> None:
        """A step of the backend brought tokens for this request; `first_tokens` of them were a sequence's first."""
        if self.step_times:
            self.detokenize_seconds = _sum(self.detokenize_seconds, self._detokenizing)
            self.stream_seconds = _sum(self.stream_seconds, self._streaming)
        self._detokenizing = self._streaming = None
        self.step_times.append(self.clock())
        self.generated_tokens += tokens
        self.first_tokens += first_tokens

    def detokenized(self, seconds: float) -> None:
        """So long it took to turn ids into text; measuring costs 0.2 µs, a token 3 to 100."""
        self._detokenizing = (self._detokenizing or 0.0) + seconds

    def streamed(self, seconds: float) -> None:
        """So long the news of a step were handed over, whoever's they were: every request that runs waits for it."""
        self._streaming = (self._streaming or 0.0) + seconds

    def told(self, inference_seconds: float, sampling_seconds: float) -> None:
        """What the backend says of the time after the first token."""
        self.inference_seconds, self.sampling_seconds = inference_seconds, sampling_seconds

    def saw_cache(self, percent: float) -> None:
        """So full the KV cache was in a step of this request."""
        self.kv_cache_percent = max(self.kv_cache_percent or 0.0, percent)

    def seen_beside(self, running: int) -> None:
        """So many requests run at this moment."""
        self.concurrent_requests = max(self.concurrent_requests, running)

    def report(
        self, request: GenerationRequest, served_by: ServedBy, finish_reason: FinishReason, error: OpenArcError | None
    ) -> PerformanceReport:
        """Close the books: the definitions are those of PerformanceReport."""
        ended_at = self.clock()
        steps = self.step_times
        decode_seconds = steps[-1] - steps[0] if len(steps) > 1 else None
        first_at = steps[0] if steps else None
        later_tokens = self.generated_tokens - self.first_tokens
        inference_seconds, sampling_seconds = self._computed(decode_seconds)
        return PerformanceReport(
            request_id=request.request_id,
            model=served_by.model,
            backend=served_by.backend,
            device=served_by.device,
            configuration_id=served_by.configuration_id,
            source=request.source,
            submitted_at=self.submitted_at_epoch,
            finish_reason=finish_reason,
            error_code=error.code if error else None,
            error_message=error.message if error else None,
            seed=self.seed,
            queue_seconds=_between(self.submitted_at, _or(self.taken_up_at, ended_at)),
            template_seconds=_between(self.taken_up_at, self.templated_at),
            tokenize_seconds=_between(self.tokenizing_at, self.tokenized_at),
            ttft_seconds=_between(self.submitted_at, first_at),
            prefill_seconds=_between(self.started_at, _or(first_at, ended_at)),
            decode_seconds=decode_seconds,
            detokenize_seconds=self.detokenize_seconds,
            total_seconds=max(0.0, ended_at - self.submitted_at),
            prompt_tokens=self.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens,
            generated_tokens=self.generated_tokens,
            tpot_seconds=None if decode_seconds is None else decode_seconds / (len(steps) - 1),
            prefill_tokens_per_second=_rate(self.prompt_tokens, _between(self.started_at, first_at)),
            decode_tokens_per_second=_rate(later_tokens, decode_seconds),
            inter_token_latencies_seconds=tuple(after - before for before, after in itertools.pairwise(steps)),
            concurrent_requests=self.concurrent_requests,
            dropped_messages=self.dropped_messages,
            decode_inference_seconds=inference_seconds,
            decode_sampling_seconds=sampling_seconds,
            stream_seconds=self.stream_seconds,
            kv_cache_percent=self.kv_cache_percent,
        )

    def _computed(self, decode_seconds: float | None) -> tuple[float | None, float | None]:
        """Inference and sampling as parts of the decode time, beside detokenizing and streaming.

        GenAI's stateful pipeline hands over a token while it computes the next and counts that as inference; what is
        measured here already is taken off, so that the parts are never more than the whole.
        """
        if decode_seconds is None or self.inference_seconds is None or self.sampling_seconds is None:
            return None, None
        room = max(0.0, decode_seconds - (self.detokenize_seconds or 0.0) - (self.stream_seconds or 0.0))
        sampling_seconds = min(self.sampling_seconds, room)
        return min(self.inference_seconds, room - sampling_seconds), sampling_seconds


def out_of_time(longest_seconds: float) -> TimeLimitReached:
    """What to tell of a request that took too long."""
    return TimeLimitReached(
        f"The request was ended after {longest_seconds:g} s, the longest one may take here.",
        "Ask for less at once, or start OpenArc with a larger request_seconds.",
    )


def _sum(so_far: float | None, more: float | None) -> float | None:
    """Both together, None when neither was measured."""
    return so_far if more is None else (so_far or 0.0) + more


def _or(moment: float | None, ended_at: float) -> float:
    """What never came to its end ended with the request."""
    return ended_at if moment is None else moment


def _between(start: float | None, end: float | None) -> float | None:
    """Seconds from start to end, None when one of them never came."""
    return None if start is None or end is None else max(0.0, end - start)


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    """Tokens per second, None when nothing was measured."""
    return tokens / seconds if tokens and seconds else None
