"""A visit, on the real engine with the scripted backend: what is sent, what is kept, how it fails and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, LoadRequest, SamplingParameters
from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning import desk
from openarc_ui.tuning.desk import RunStopped, time_over
from openarc_ui.tuning.measuring.visits import Measurer
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Sample, Visit
from tests.conftest import write_script

QUICK = {"text": "one two three four five six", "token_seconds": 0.001}
SMALL = Workload(name="small", prompt_tokens=20, generated_tokens=8)


class Bench:
    """A measurer over a scripted model, and what it sent."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self._folder = engine, folder
        self.stopping = threading.Event()
        self.words: list[str] = []
        self.say: Callable[[str], None] = self.words.append
        self.sent: list[GenerationRequest] = []
        self._holder = engine.reserve("The test measures", "tuning")
        submit = engine.submit

        def recording(request: GenerationRequest, *more: Any, **named: Any) -> Generation:
            self.sent.append(request)
            return submit(request, *more, **named)

        engine.submit = recording  # type: ignore[method-assign]

    def script(self, *replies: dict[str, Any], **script: Any) -> None:
        """What the model does."""
        write_script(self._folder / "script", replies=list(replies), **script)

    def visit(
        self,
        *workloads: Workload,
        repetitions: int = 2,
        round_number: int = 1,
        seed: int = 0,
        load: dict[str, Any] | None = None,
        prompts: tuple[str, ...] = (),
        seconds: float | None = None,
    ) -> Visit:
        """Measure the scripted model, within so many seconds."""
        measurer = Measurer(self.engine, self._holder, self.stopping, seed, self.say)
        configuration = Configuration("c1", "scripted", LoadRequest(model_path="script", **load or {}))
        deadline = None if seconds is None else time.monotonic() + seconds
        return measurer.visit(configuration, workloads, repetitions, round_number, prompts, 6, deadline)

    def prompts(self) -> list[tuple[int, ...]]:
        """The ids of each request so far, and forget them."""
        sent = [request.prompt for request in self.sent if isinstance(request.prompt, tuple)]
        self.sent.clear()
        return sent

    def questions(self) -> list[list[str]]:
        """The messages of each conversation so far."""
        return [[message.content for message in request.conversation] for request in self.sent]


@pytest.fixture
def bench(make_engine: Callable[..., Engine], tmp_path: Path) -> Iterator[Bench]:
    write_script(tmp_path / "models" / "script", replies=[QUICK])
    bench = Bench(make_engine(), tmp_path / "models")
    yield bench
    assert not bench.engine.status().models, "the model is unloaded, however the visit ended"


def samples(visit: Visit) -> tuple[Sample, ...]:
    return visit.workloads[0].samples


def test_a_visit_loads_warms_up_measures_and_unloads(bench: Bench) -> None:
    bench.script(QUICK, load_seconds=0.2)
    visit = bench.visit(SMALL, repetitions=3, round_number=4, load={"ov_config": {"NUM_STREAMS": 1}})
    assert visit.failure is None
    assert (visit.configuration_id, visit.round_number) == ("c1", 4)
    assert visit.load_seconds is not None and 0.2 <= visit.load_seconds < visit.ended_at - visit.began_at
    assert visit.loaded is not None and visit.loaded.backend == "scripted"
    assert visit.loaded.effective_properties == {"NUM_STREAMS": "1"}
    (measured,) = visit.workloads
    assert measured.workload == "small" and measured.warm_up is not None and len(measured.samples) == 3
    assert [(sample.prompt_tokens, sample.generated_tokens) for sample in (measured.warm_up, *measured.samples)] == [
        (20, 8)
    ] * 4
    assert visit.memory_bytes is not None and visit.memory_bytes > 10_000_000
    assert visit.device_memory_bytes is None


def test_it_says_what_it_does(bench: Bench) -> None:
    bench.visit(SMALL, prompts=("Hello?",))
    stages = [words for words in bench.words if not words.startswith("Loading: ")]
    assert stages == [
        "Loading",
        "Warming up small",
        "Repetition 1 of 2 of small",
        "Repetition 2 of 2 of small",
        "Answer 1 of 1 for the quality guard",
    ]
    assert "Loading: Rehearsing" in bench.words


def test_the_figures_follow_the_script(bench: Bench) -> None:
    """Sleeping never takes less than asked for, and on a busy machine much more."""
    bench.script({"text": "a b c d", "prefill_seconds": 0.2, "token_seconds": 0.03})
    for sample in samples(bench.visit(Workload(prompt_tokens=50, generated_tokens=11), repetitions=1)):
        assert sample.ttft_seconds is not None and 0.2 <= sample.ttft_seconds < 5.0
        assert sample.prefill_tokens_per_second is not None and 10 < sample.prefill_tokens_per_second <= 250
        assert sample.tpot_seconds is not None and 0.03 <= sample.tpot_seconds < 0.5
        assert sample.decode_tokens_per_second == pytest.approx(1 / sample.tpot_seconds)
        assert sample.total_seconds is not None and 0.5 <= sample.total_seconds <= sample.wall_seconds < 10.0
        assert sample.throughput_tokens_per_second == pytest.approx(11 / sample.wall_seconds)


def test_every_prompt_begins_with_another_token(bench: Bench) -> None:
    bench.visit(SMALL.model_copy(update={"concurrent_requests": 3}), SMALL)
    prompts = bench.prompts()
    assert len(prompts) == 3 * 3 + 3 * 1
    assert len({prompt[0] for prompt in prompts}) == len(prompts)
    assert {len(prompt) for prompt in prompts} == {20}


def test_a_round_asks_every_configuration_the_same_and_the_next_round_something_else(bench: Bench) -> None:
    def asked(**options: int) -> list[tuple[int, ...]]:
        bench.visit(SMALL, repetitions=1, **options)
        return bench.prompts()

    first = asked(round_number=1)
    assert asked(round_number=1) == first
    assert asked(round_number=2) != first
    assert asked(round_number=1, seed=7) != first


def test_users_ask_at_the_same_time(bench: Bench) -> None:
    bench.script({"text": "a b c d", "token_seconds": 0.02})
    workload = Workload(name="four", prompt_tokens=20, generated_tokens=20, concurrent_requests=4)
    (sample,) = samples(bench.visit(workload, repetitions=1))
    assert (sample.prompt_tokens, sample.generated_tokens) == (80, 80)
    assert sample.total_seconds is not None and sample.wall_seconds < 2 * sample.total_seconds
    assert sample.throughput_tokens_per_second is not None and sample.decode_tokens_per_second is not None
    assert sample.throughput_tokens_per_second > 2 * sample.decode_tokens_per_second


def test_the_history_of_an_agent_is_the_same_and_grows(bench: Bench) -> None:
    agent = Workload(name="agent", prompt_tokens=20, generated_tokens=8, turns=3)
    visit = bench.visit(agent, repetitions=1)
    warm_up, turns = (prompts := bench.prompts())[:3], prompts[3:]
    assert [len(turn) for turn in turns] == [20, 48, 76]
    assert turns[1][:20] == turns[0] and turns[2][:48] == turns[1]
    assert turns[0][0] != warm_up[0][0]
    (sample,) = samples(visit)
    assert (sample.prompt_tokens, sample.generated_tokens) == (20 + 48 + 76, 24)
    assert sample.total_seconds is not None and sample.wall_seconds > 2.5 * sample.total_seconds


def test_the_answer_is_part_of_the_history(bench: Bench) -> None:
    """The same words have the same ids in a scripted vocabulary, whoever said them."""
    bench.script({"text": "so she said", "token_seconds": 0.001})
    workload = Workload(name="agent", prompt_tokens=20, generated_tokens=3, turns=3)
    bench.visit(workload, repetitions=1)
    turns = bench.prompts()[3:]
    answers = [turns[1][20:23], turns[2][43:46]]
    assert answers[0] == answers[1]


def test_a_depth_is_read_before_the_clock_starts(bench: Bench) -> None:
    visit = bench.visit(Workload(name="deep", prompt_tokens=20, generated_tokens=8, depth_tokens=100), repetitions=1)
    assert [request.max_new_tokens for request in bench.sent] == [1, 8, 1, 8]
    _, _, context, measured = bench.prompts()
    assert (len(context), len(measured)) == (100, 120)
    assert measured[:100] == context
    (sample,) = samples(visit)
    assert sample.generated_tokens == 8


def test_own_prompts_go_through_the_chat_template_in_turn(bench: Bench) -> None:
    own = Workload(name="own", prompts=("First?", "Second?", "Third?"), generated_tokens=6, turns=2)
    visit = bench.visit(own, repetitions=1)
    assert visit.failure is None
    assert bench.questions() == [
        ["No. 0001\n\nFirst?"],
        ["No. 0001\n\nFirst?", "one two three four five six", "Second?"],
        ["No. 0002\n\nThird?"],
        ["No. 0002\n\nThird?", "one two three four five six", "First?"],
    ]


def test_no_two_conversations_with_own_prompts_begin_alike_in_a_visit(bench: Bench) -> None:
    """Not a warm-up and a repetition, not two users, not two workloads: a prefix cache would serve one from the other."""
    own = Workload(name="own", prompts=("The same?",), generated_tokens=6, concurrent_requests=2)
    bench.visit(own, own.model_copy(update={"name": "again"}), repetitions=2)
    beginnings = [question[0] for question in bench.questions()]
    assert len(beginnings) == 2 * 3 * 2
    assert len(set(beginnings)) == len(beginnings)
    assert {beginning.partition("\n\n")[2] for beginning in beginnings} == {"The same?"}
    assert len({len(beginning) for beginning in beginnings}) == 1


def test_a_depth_stands_before_an_own_prompt(bench: Bench) -> None:
    bench.visit(Workload(name="own", prompts=("First?",), generated_tokens=6, depth_tokens=30), repetitions=1)
    (context,), (question,) = bench.questions()[2:]
    assert question == f"{context}\n\nFirst?"
    assert len(context.split()) in (29, 30, 31)


def test_a_backend_without_a_way_to_an_exact_length_tells_what_came(bench: Bench) -> None:
    bench.script(QUICK, lacks=["ignore_eos", "min_new_tokens"])
    visit = bench.visit(Workload(prompt_tokens=20, generated_tokens=50), repetitions=1)
    assert visit.failure is None
    assert samples(visit)[0].generated_tokens == 7


def test_a_backend_with_a_least_length_alone_is_exact(bench: Bench) -> None:
    bench.script(QUICK, lacks=["ignore_eos"])
    visit = bench.visit(Workload(prompt_tokens=20, generated_tokens=50), repetitions=1)
    assert samples(visit)[0].generated_tokens == 50


def test_stop_texts_among_the_defaults_of_a_load_end_nothing(bench: Bench) -> None:
    defaults = SamplingParameters(stop=("three",), num_return_sequences=2, temperature=1.0)
    visit = bench.visit(SMALL, repetitions=1, load={"sampling_defaults": defaults})
    assert visit.failure is None
    assert samples(visit)[0].generated_tokens == 8


def test_greedy_answers_come_as_ids_and_text_after_what_is_measured(bench: Bench) -> None:
    visit = bench.visit(SMALL, repetitions=1, prompts=("Hello?", "And you?"))
    assert [answer.prompt for answer in visit.greedy] == ["Hello?", "And you?"]
    assert {answer.text for answer in visit.greedy} == {"one two three four five six"}
    assert visit.greedy[0].token_ids == visit.greedy[1].token_ids and len(visit.greedy[0].token_ids) == 6
    assert [bool(request.conversation) for request in bench.sent] == [False, False, True, True]


def test_a_visit_without_workloads_only_answers(bench: Bench) -> None:
    visit = bench.visit(prompts=("Hello?",))
    assert visit.failure is None and visit.workloads == () and len(visit.greedy) == 1
    assert visit.load_seconds is not None
    assert visit.memory_bytes is None


def test_a_load_that_fails_is_told(bench: Bench) -> None:
    bench.script(QUICK, load_error="the plugin says no")
    visit = bench.visit(SMALL)
    assert visit.failure is not None
    assert (visit.failure.stage, visit.failure.code, visit.failure.message) == (
        "load",
        "model_load_failed",
        "the plugin says no",
    )
    assert (visit.workloads, visit.loaded, visit.load_seconds) == ((), None, None)


def test_a_model_that_is_not_there_is_told(bench: Bench) -> None:
    visit = bench.visit(SMALL, load={"backend": "optimum"})
    assert visit.failure is not None and visit.failure.stage == "load"


def test_a_warm_up_that_fails_is_told(bench: Bench) -> None:
    bench.script(QUICK, {"when": "fail", "error": "the script fails here"})
    visit = bench.visit(Workload(prompts=("fail",)))
    assert visit.failure is not None
    assert (visit.failure.stage, visit.failure.code) == ("warm-up", "generation_failed")
    assert visit.workloads[0].warm_up is None and visit.loaded is not None


def test_what_was_measured_before_a_failure_is_kept(bench: Bench) -> None:
    bench.script(QUICK, {"when": "fail", "error": "the script fails here"})
    visit = bench.visit(Workload(name="own", prompts=("First?", "Second?", "fail"), generated_tokens=6), repetitions=5)
    assert visit.failure is not None and visit.failure.stage == "measure"
    assert visit.workloads[0].warm_up is not None and len(samples(visit)) == 1


def test_a_greedy_answer_that_fails_is_told_and_the_figures_stay(bench: Bench) -> None:
    bench.script(QUICK, {"when": "fail", "error": "the script fails here"})
    visit = bench.visit(SMALL, prompts=("Hello?", "fail"))
    assert visit.failure is not None and visit.failure.stage == "quality"
    assert len(samples(visit)) == 2
    assert visit.greedy == ()


def test_a_worker_that_dies_is_told(bench: Bench) -> None:
    bench.script(QUICK, {"when": "crash", "text": "one two three", "crash_after_tokens": 2})
    visit = bench.visit(Workload(prompts=("crash",)))
    assert visit.failure is not None and (visit.failure.stage, visit.failure.code) == ("warm-up", "worker_died")


def test_one_user_who_fails_ends_the_repetition_of_all(bench: Bench) -> None:
    slow = {"when": "slow", "text": "word " * 50, "token_seconds": 0.2}
    bench.script(QUICK, slow, {"when": "fail", "prefill_seconds": 0.5, "error": "the script fails here"})
    began = time.monotonic()
    both = Workload(name="both", prompts=("slow", "fail"), generated_tokens=200, concurrent_requests=2)
    visit = bench.visit(both)
    assert visit.failure is not None and visit.failure.message == "the script fails here"
    assert time.monotonic() - began < 30


def test_a_workload_longer_than_the_context_is_told_in_words(bench: Bench) -> None:
    bench.script(QUICK, context_length=100)
    visit = bench.visit(SMALL, Workload(name="long", prompt_tokens=90, generated_tokens=20))
    assert visit.failure is not None and visit.failure.code == "prompt_too_long"
    assert "110 tokens" in visit.failure.message and "holds 100" in visit.failure.message
    assert [each.workload for each in visit.workloads] == ["small"]


def test_an_own_prompt_that_leaves_too_little_room_is_told_in_words(bench: Bench) -> None:
    bench.script(QUICK, context_length=20)
    visit = bench.visit(Workload(name="own", prompts=("word " * 12,), generated_tokens=20))
    assert visit.failure is not None and visit.failure.code == "prompt_too_long"
    assert "holds 20" in visit.failure.message


STOPS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "while it loads": ({"text": "a"}, {"load_seconds": 60.0}, "Loading: Rehearsing"),
    "while it reads": ({"text": "a", "prefill_seconds": 60.0}, {}, "Warming up custom"),
    "while it answers": ({"text": "a", "token_seconds": 0.5}, {}, "Warming up custom"),
    "in a step that can't be interrupted": ({"text": "a", "token_seconds": 60.0}, {}, "Warming up custom"),
}


@pytest.mark.parametrize("moment", list(STOPS))
def test_a_stop_takes_effect_at_once(bench: Bench, moment: str) -> None:
    reply, script, stage = STOPS[moment]
    bench.script(QUICK, {"when": "wait", **reply}, **script)
    stopped_at: list[float] = []

    def stop() -> None:
        deadline = time.monotonic() + 60
        while stage not in bench.words and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        stopped_at.append(time.monotonic())
        bench.stopping.set()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(RunStopped):
        bench.visit(Workload(prompts=("wait",)))
    ended_at = time.monotonic()
    thread.join()
    assert stage in bench.words
    assert ended_at - stopped_at[0] < 20.0, "each of them would go on for a minute"


def test_once_it_is_stopped_nothing_is_loaded(bench: Bench) -> None:
    bench.stopping.set()
    with pytest.raises(RunStopped):
        bench.visit(SMALL)
    assert bench.words == []


def test_a_server_that_shuts_down_is_no_failure_of_the_configuration(bench: Bench) -> None:
    bench.engine.close()
    with pytest.raises(RunStopped):
        bench.visit(SMALL)


TIMES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "while it loads": ({"text": "a"}, {"load_seconds": 60.0}, "Loading: Rehearsing", "load"),
    "while it reads": ({"text": "a", "prefill_seconds": 60.0}, {}, "Warming up custom", "warm-up"),
    "in a step that can't be interrupted": ({"text": "a", "token_seconds": 60.0}, {}, "Warming up custom", "warm-up"),
}


class Late:
    """A clock that jumps past every deadline a moment after the measurer said certain words."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jumped_at: float | None = None
        self._words = ""
        bench.say = self._hear
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (1e6 if self.jumped_at else 0.0))
        monkeypatch.setattr(desk, "time", clock)

    def after(self, words: str) -> None:
        self._words = words

    def _hear(self, words: str) -> None:
        if words == self._words:
            threading.Timer(0.3, self._jump).start()

    def _jump(self) -> None:
        self.jumped_at = time.monotonic()


@pytest.fixture
def late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Late:
    return Late(bench, monkeypatch)


@pytest.mark.parametrize("moment", list(TIMES))
def test_a_visit_ends_at_its_deadline_and_says_that_the_time_was_over(bench: Bench, late: Late, moment: str) -> None:
    reply, script, words, stage = TIMES[moment]
    bench.script(QUICK, {"when": "wait", **reply}, **script)
    late.after(words)
    visit = bench.visit(Workload(prompts=("wait",)), seconds=1e5)
    assert late.jumped_at is not None and time.monotonic() - late.jumped_at < 30.0
    assert visit.failure == time_over(stage)
    assert visit.failure is not None and visit.failure.code == "time_over"
    assert (visit.memory_bytes, [each.warm_up for each in visit.workloads]) == (None, [] if stage == "load" else [None])


def test_what_was_measured_whole_before_the_deadline_is_kept_and_no_half_repetition(bench: Bench, late: Late) -> None:
    bench.script(QUICK, {"when": "No wait in Alice", "text": "a", "prefill_seconds": 60.0})
    own = Workload(name="own", prompts=("First?", "Second?", "No wait in Alice"), generated_tokens=6)
    late.after("Repetition 2 of 5 of own")
    visit = bench.visit(SMALL, own, repetitions=5, prompts=("Hello?",), seconds=1e5)
    assert visit.failure == time_over("measure")
    assert [len(each.samples) for each in visit.workloads] == [5, 1]
    assert visit.workloads[1].warm_up is not None and visit.loaded is not None and visit.load_seconds is not None
    assert visit.greedy == () and visit.memory_bytes is not None


def test_a_deadline_that_has_passed_loads_nothing(bench: Bench) -> None:
    visit = bench.visit(SMALL, seconds=-1.0)
    assert visit.failure == time_over("load") and visit.workloads == ()
    assert bench.words == []


def test_a_deadline_that_is_far_off_changes_nothing(bench: Bench) -> None:
    visit = bench.visit(SMALL, prompts=("Hello?",), seconds=600.0)
    assert visit.failure is None and len(samples(visit)) == 2 and len(visit.greedy) == 1


def test_a_load_that_fails_before_the_deadline_is_a_failure_of_the_configuration(bench: Bench) -> None:
    bench.script(QUICK, load_error="the plugin says no")
    visit = bench.visit(SMALL, seconds=600.0)
    assert visit.failure is not None and visit.failure.code == "model_load_failed"


def test_a_stop_before_the_deadline_is_a_stop(bench: Bench) -> None:
    bench.script(QUICK, {"when": "wait", "text": "a", "prefill_seconds": 60.0})
    threading.Timer(2.0, bench.stopping.set).start()
    with pytest.raises(RunStopped):
        bench.visit(Workload(prompts=("wait",)), seconds=30.0)


def test_a_full_disk_is_no_failure_of_the_configuration(bench: Bench) -> None:
    def refuse(words: str) -> None:
        raise TuningFolderUnusable("The folder of the tuning runs can't be used: No space left on device.")

    bench.say = refuse
    with pytest.raises(TuningFolderUnusable):
        bench.visit(SMALL)


def test_a_depth_that_nothing_keeps_is_marked_as_read_again(bench: Bench) -> None:
    """The scripted backend has no prefix cache."""
    deep = Workload(name="deep", prompt_tokens=20, generated_tokens=8, depth_tokens=100)
    visit = bench.visit(SMALL, deep, repetitions=1)
    assert [each.is_depth_read_again for each in visit.workloads] == [False, True]
