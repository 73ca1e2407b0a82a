"""One session against a clock that only moves when something is played: every field of a report to the microsecond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from openarc_ui.engine.backends.base import Job, LoadedModel
from openarc_ui.engine.backends.template import PLAIN_STOP
from openarc_ui.engine.messages import Generate, StepOutput
from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.session import Session
from openarc_ui.engine.timing import ServedBy
from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport, WorkerGauges
from openarc_ui.errors import OpenArcError, TimeLimitReached
from openarc_ui.metrics.definitions import STAGES
from tests.conftest import ask

RENDER, ENCODE, DECODE, SEND = 0.010, 0.003, 0.0005, 0.002
PREFILL, INFERENCE, SAMPLING, REST = 0.200, 0.020, 0.001, 0.004
MICROSECOND = 1e-6


class Clock:
    """Seconds that pass only when they are spent."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


class PlayedText:
    """Words that take their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def render(self, conversation: Any, options: Any, *, add_generation_prompt: bool = True) -> str:
        self._clock.spend(RENDER)
        return "prompt"

    def encode(self, text: str) -> list[int]:
        self._clock.spend(ENCODE)
        return list(range(50))

    def encode_plain(self, text: str) -> list[int]:
        return self.encode(text)

    def check_ids(self, token_ids: Sequence[int]) -> None:
        pass

    def decode(self, token_ids: Sequence[int]) -> str:
        self._clock.spend(DECODE)
        return "".join(chr(97 + each) for each in token_ids)

    def token(self, token_id: int) -> Any:
        raise AssertionError("no token is looked up unless details are wanted")


class PlayedBackend:
    """Each step brings every job that has one another token; the first step of a job is its prompt."""

    name = "genai"
    supported_sampling = SAMPLING_NAMES
    max_running = 4

    def __init__(self, clock: Clock, *, tells: bool = True) -> None:
        self.text = PlayedText(clock)
        self._clock, self._tells = clock, tells
        self._tokens: dict[Job, int] = {}
        self.percent: float | None = 10.0

    def start(self, job: Job) -> None:
        self._tokens[job] = 0

    def step(self, on_output: Callable[[], None]) -> None:
        reads_prompt = 0 in self._tokens.values()
        self._clock.spend(PREFILL if reads_prompt else INFERENCE + SAMPLING + REST)
        if self.percent is not None:
            self.percent += 5.0
        for job in list(self._tokens):
            job.push(0, [self._tokens[job]])
            self._tokens[job] += 1
            if self._tokens[job] == job.sampling.max_new_tokens or job.wants_stop(0):
                if self._tells:
                    later = self._tokens.pop(job) - 1
                    job.told(later * INFERENCE, later * SAMPLING)
                else:
                    self._tokens.pop(job)
                job.finish(0, FinishReason.LENGTH)
        on_output()

    def gauges(self) -> WorkerGauges:
        return WorkerGauges(kv_cache_percent=self.percent)

    def reset(self) -> None:
        self._tokens.clear()


class Stage:
    """A session over the played backend."""

    def __init__(self, request_seconds: float = 0.0, **backend: Any) -> None:
        self.clock = Clock()
        self.backend = PlayedBackend(self.clock, **backend)
        model = LoadedModel((), {}, 4096, "", {}, {})
        served_by = ServedBy("model", "genai", "CPU", "abc")
        self.reports: list[PerformanceReport] = []
        self.errors: dict[str, OpenArcError | None] = {}
        self.texts: dict[str, str] = {}
        backend_like: Any = self.backend
        self.session = Session(backend_like, model, served_by, self._send, self.clock, {}, request_seconds)

    def submit(self, tokens: int = 4, **request: Any) -> None:
        self.send(ask("hi", max_new_tokens=tokens, **request))

    def send(self, request: GenerationRequest) -> None:
        self.session.add(Generate(request, self.clock.now, 1_700_000_000.0))

    def run(self) -> list[PerformanceReport]:
        while self.session.has_work:
            self.session.step()
        return self.reports

    def fail(self, on_output: Callable[[], None]) -> None:
        """A step of the backend that fails while it reads a prompt."""
        self.clock.spend(PREFILL)
        raise RuntimeError("no")

    def _send(self, output: StepOutput) -> None:
        self.clock.spend(SEND)
        for request_id, delta in output.deltas:
            self.texts[request_id] = self.texts.get(request_id, "") + delta.text
        self.errors |= {finished.request_id: finished.error for finished in output.finished}
        self.reports += [finished.report for finished in output.finished]


def stages_of(report: PerformanceReport) -> dict[str, float]:
    """Seconds of each stage, as their definitions say; "other" is what is left."""
    columns = {
        "queue": report.queue_seconds,
        "template": report.template_seconds,
        "tokenize": report.tokenize_seconds,
        "prefill": report.prefill_seconds,
        "inference": report.decode_inference_seconds,
        "sampling": report.decode_sampling_seconds,
        "detokenize": report.detokenize_seconds,
        "stream": report.stream_seconds,
    }
    parts = {name: value or 0.0 for name, value in columns.items()}
    undivided = report.decode_seconds is not None and report.decode_inference_seconds is None
    whole = (report.decode_seconds or 0.0) - parts["detokenize"] - parts["stream"]
    parts["decode"] = whole if undivided else 0.0
    return {**parts, "other": report.total_seconds - sum(parts.values())}


def test_every_field_of_a_report_to_the_microsecond() -> None:
    stage = Stage()
    stage.submit(seed=7)
    stage.clock.spend(0.5)
    (report,) = stage.run()
    # A push decodes twice, the end once more; the news of a step are sent after its moment was noted.
    push = 2 * DECODE
    gap = SEND + INFERENCE + SAMPLING + REST + push
    expected = {
        "queue_seconds": 0.5,
        "template_seconds": RENDER,
        "tokenize_seconds": ENCODE,
        "ttft_seconds": 0.5 + RENDER + ENCODE + SEND + PREFILL + push,
        "prefill_seconds": SEND + PREFILL + push,
        "decode_seconds": 3 * gap + DECODE,
        "decode_inference_seconds": 3 * INFERENCE,
        "decode_sampling_seconds": 3 * SAMPLING,
        "detokenize_seconds": 3 * push,
        "stream_seconds": 3 * SEND,
        "total_seconds": 0.5 + RENDER + ENCODE + SEND + PREFILL + push + 3 * gap + DECODE,
        "tpot_seconds": (3 * gap + DECODE) / 3,
    }
    measured = {name: getattr(report, name) for name in expected}
    assert measured == pytest.approx(expected, abs=MICROSECOND)
    assert report.inter_token_latencies_seconds == pytest.approx((gap, gap, gap + DECODE), abs=MICROSECOND)
    assert report.prefill_tokens_per_second == pytest.approx(50 / expected["prefill_seconds"])
    assert report.decode_tokens_per_second == pytest.approx(3 / expected["decode_seconds"])
    assert report.kv_cache_percent == 30.0
    assert (report.prompt_tokens, report.generated_tokens, report.concurrent_requests) == (50, 4, 1)
    assert (report.model, report.backend, report.device, report.configuration_id) == ("model", "genai", "CPU", "abc")
    assert (report.submitted_at, report.finish_reason) == (1_700_000_000.0, FinishReason.LENGTH)
    assert (report.error_code, report.error_message, report.cached_prompt_tokens) == (None, None, None)


def test_the_stages_are_those_of_the_definitions_and_add_up_to_the_total() -> None:
    stage = Stage()
    stage.submit()
    (report,) = stage.run()
    parts = stages_of(report)
    assert set(parts) == {each.name for each in STAGES}
    assert sum(parts.values()) == pytest.approx(report.total_seconds, abs=MICROSECOND)
    assert parts["other"] == pytest.approx(3 * REST + DECODE, abs=MICROSECOND)


@pytest.mark.parametrize("tells", [True, False])
def test_no_stage_is_negative_with_requests_beside_each_other(tells: bool) -> None:
    stage = Stage(tells=tells)
    for tokens in (6, 1, 3):
        stage.submit(tokens)
        stage.session.step()
    for report in stage.run():
        parts = stages_of(report)
        assert min(parts.values()) > -MICROSECOND, parts
        assert sum(parts.values()) == pytest.approx(report.total_seconds, abs=MICROSECOND)


def test_a_request_waits_for_the_news_of_others_too() -> None:
    stage = Stage()
    stage.submit(3)
    stage.submit(3)
    for report in stage.run():
        assert report.stream_seconds == pytest.approx(2 * SEND, abs=MICROSECOND)
        assert report.detokenize_seconds == pytest.approx(2 * 2 * DECODE, abs=MICROSECOND), "only its own"


def test_one_token_has_no_parts_of_a_decode() -> None:
    stage = Stage()
    stage.submit(1)
    (report,) = stage.run()
    parts = (report.decode_inference_seconds, report.decode_sampling_seconds, report.stream_seconds)
    assert (*parts, report.detokenize_seconds, report.decode_seconds) == (None,) * 5
    assert report.kv_cache_percent == 15.0


def test_a_backend_that_tells_nothing_leaves_the_decode_whole() -> None:
    stage = Stage(tells=False)
    stage.backend.percent = None
    stage.submit()
    (report,) = stage.run()
    assert (report.decode_inference_seconds, report.decode_sampling_seconds, report.kv_cache_percent) == (None,) * 3
    assert stages_of(report)["decode"] == pytest.approx(3 * (INFERENCE + SAMPLING + REST) + DECODE, abs=MICROSECOND)


def test_the_stages_of_a_request_that_ended_early_add_up_too() -> None:
    stage = Stage()
    stage.submit()
    stage.clock.spend(0.5)
    stage.session.cancel_all()
    (waiting,) = stage.run()
    assert waiting.queue_seconds == pytest.approx(0.5) and stages_of(waiting)["other"] == pytest.approx(0.0)
    stage.backend.step = stage.fail  # type: ignore[method-assign]
    stage.submit()
    _, failed = stage.run()
    assert failed.prefill_seconds == pytest.approx(SEND + PREFILL)
    assert (failed.ttft_seconds, failed.prefill_tokens_per_second) == (None, None)
    assert stages_of(failed)["other"] == pytest.approx(0.0, abs=MICROSECOND)


def test_a_template_that_was_rendered_while_the_request_waited_is_queue_time() -> None:
    stage = Stage()
    stage.submit(chat_template="{{ messages }}")
    (report,) = stage.run()
    assert report.template_seconds == pytest.approx(0.0, abs=MICROSECOND)
    assert min(stages_of(report).values()) > -MICROSECOND


@pytest.mark.parametrize("prompt", ["as it is", (5, 6, 7)], ids=["text", "ids"])
def test_a_prompt_has_no_template_and_ids_have_nothing_to_tokenize(prompt: str | tuple[int, ...]) -> None:
    stage = Stage()
    stage.send(GenerationRequest(prompt=prompt, max_new_tokens=2))
    (report,) = stage.run()
    is_text = isinstance(prompt, str)
    assert (report.template_seconds, report.error_code) == (None, None)
    assert report.tokenize_seconds == (pytest.approx(ENCODE) if is_text else None)
    assert report.prompt_tokens == (50 if is_text else 3)
    parts = stages_of(report)
    assert min(parts.values()) > -MICROSECOND and sum(parts.values()) == pytest.approx(report.total_seconds)


def test_a_request_that_takes_longer_than_it_may_ends_with_what_it_has_and_the_others_go_on() -> None:
    stage = Stage(request_seconds=0.3)
    stage.submit(100, request_id="endless")
    while "endless" not in stage.errors:
        stage.session.step()
        if len(stage.texts.get("endless", "")) == 2 and len(stage.reports) == 0:
            stage.submit(3, request_id="short")
    stage.run()
    assert isinstance(stage.errors["endless"], TimeLimitReached) and stage.errors["short"] is None
    endless, short = sorted(stage.reports, key=lambda report: report.request_id)
    assert (endless.finish_reason, endless.error_code) == (FinishReason.ERROR, "time_limit_reached")
    assert 0.3 < endless.total_seconds < 0.3 + PREFILL + INFERENCE + SAMPLING + REST + 0.01
    assert 1 < endless.generated_tokens == len(stage.texts["endless"]) < 100
    assert (short.finish_reason, short.generated_tokens) == (FinishReason.LENGTH, 3)


def test_a_request_that_waits_longer_than_it_may_never_runs() -> None:
    stage = Stage(request_seconds=0.5)
    stage.backend.max_running = 1
    stage.submit(400, request_id="first")
    stage.session.step()
    stage.submit(2, request_id="second")
    stage.submit(2, request_id="third")
    stage.clock.spend(0.501)
    stage.session.step()
    assert set(stage.errors) == {"first", "second", "third"}
    assert all(isinstance(error, TimeLimitReached) for error in stage.errors.values())
    for report in stage.reports:
        if report.request_id != "first":
            assert report.queue_seconds == pytest.approx(report.total_seconds) and report.generated_tokens == 0
            assert 0.5 < report.total_seconds < 0.6


def test_what_waits_is_ended_while_a_step_runs_a_whole_request() -> None:
    stage = Stage(request_seconds=0.5)
    stage.backend.max_running = 1
    stage.submit(2, request_id="runs")
    stage.submit(2, request_id="waits")
    seen: list[bool] = []

    def whole_request(on_output: Callable[[], None]) -> None:
        (job,) = stage.backend._tokens
        for _ in range(10):
            stage.clock.spend(0.1)
            job.push(0, [1])
            on_output()
            seen.append("waits" in stage.errors)
            if job.wants_stop(0):
                break
        job.finish(0, FinishReason.LENGTH)

    stage.backend.step = whole_request  # type: ignore[method-assign]
    stage.run()
    assert seen[0] is False and seen[-1] is True
    assert len(seen) < 10, "the running one is told to stop too, though its step is a whole request"
    assert isinstance(stage.errors["runs"], TimeLimitReached)


def test_an_answer_that_was_whole_in_time_is_no_failure_and_a_cancelled_one_is_cancelled() -> None:
    stage = Stage(request_seconds=0.3)
    stage.submit(2, request_id="whole")
    stage.submit(100, request_id="cancelled")
    stage.session.step()
    stage.session.step()
    stage.clock.spend(1.0)
    stage.session.cancel("cancelled")
    stage.run()
    reasons = {report.request_id: report.finish_reason for report in stage.reports}
    assert reasons == {"whole": FinishReason.LENGTH, "cancelled": FinishReason.CANCELLED}
    assert set(stage.errors.values()) == {None}


def test_without_a_limit_a_request_takes_as_long_as_it_does() -> None:
    stage = Stage()
    stage.clock.spend(1e6)
    stage.submit(2)
    stage.clock.spend(1e6)
    (report,) = stage.run()
    assert report.finish_reason is FinishReason.LENGTH


def test_a_stop_token_ends_the_answer_before_it_and_counts_as_generated() -> None:
    stage = Stage()
    stage.submit(10, stop_token_ids=(3,), request_id="r")
    (report,) = stage.run()
    assert (stage.texts["r"], report.finish_reason, report.generated_tokens) == ("abc", FinishReason.STOP, 4)


def test_a_stop_token_before_the_shortest_length_is_a_token_like_any_other() -> None:
    stage = Stage()
    stage.submit(6, stop_token_ids=(1, 4), min_new_tokens=3, request_id="r")
    (report,) = stage.run()
    assert (stage.texts["r"], report.finish_reason) == ("abcd", FinishReason.STOP)


def test_what_the_plain_template_ends_with_does_not_end_a_prompt() -> None:
    stage = Stage()
    stage.session._defaults = {"stop": PLAIN_STOP}
    stage.send(GenerationRequest(prompt="x", max_new_tokens=2))
    stage.submit(2)
    stops: list[tuple[str, ...]] = []
    start = stage.backend.start

    def seen(job: Job) -> None:
        stops.append(job.sampling.stop)
        start(job)

    stage.backend.start = seen  # type: ignore[method-assign]
    stage.run()
    assert stops == [(), PLAIN_STOP]
