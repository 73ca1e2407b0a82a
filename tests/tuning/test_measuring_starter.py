"""A visit to the real starter model by both backends, held against a client's own stopwatch on the same requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, LoadRequest
from openarc_ui.tuning.measuring.visits import Measurer
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Visit

pytestmark = pytest.mark.model

WORKLOAD = Workload(name="pp512+tg64", prompt_tokens=512, generated_tokens=64)
REPETITIONS = 2
DEEP = Workload(name="deep", prompt_tokens=32, generated_tokens=4, depth_tokens=600)
WHOLE = Workload(name="whole", prompt_tokens=632, generated_tokens=4)
OWN = Workload(name="own", prompts=("Tell me more of it. " * 100,), generated_tokens=4)


@dataclass(slots=True)
class Watched:
    """One request as a client that reads its stream sees it, by its own clock."""

    submitted: float
    moments: list[float] = field(default_factory=list)
    tokens: int = 0


class Client:
    """Reads along with everything that is submitted."""

    def __init__(self, engine: Engine) -> None:
        self.watched: list[Watched] = []
        self._threads: list[threading.Thread] = []
        submit = engine.submit

        def watching(request: GenerationRequest, *more: Any, **named: Any) -> Generation:
            watched = Watched(time.perf_counter())
            generation = submit(request, *more, **named)
            self.watched.append(watched)
            self._threads.append(threading.Thread(target=self._read, args=(generation, watched)))
            self._threads[-1].start()
            return generation

        engine.submit = watching  # type: ignore[method-assign]

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    @staticmethod
    def _read(generation: Generation, watched: Watched) -> None:
        for batch in generation.batches(1.0):
            if batch:
                watched.moments.append(time.perf_counter())
                watched.tokens += sum(delta.tokens for delta in batch)


@dataclass(slots=True)
class Seen:
    """A visit and what the client saw of its repetitions, the warm-up left out."""

    visit: Visit
    client: list[Watched]
    backend: str
    deep: Visit

    @property
    def whole_ttft_seconds(self) -> float | None:
        """Of a prompt as long as the depth and the prompt together."""
        return self.deep.workloads[1].samples[0].ttft_seconds


@pytest.fixture(scope="module", params=["genai", "optimum"])
def seen(request: pytest.FixtureRequest, starter_folder: Path) -> Iterator[Seen]:
    with Engine(starter_folder.parent) as engine:
        client = Client(engine)
        measurer = Measurer(engine, engine.reserve("The test measures", "tuning"), threading.Event())
        load = LoadRequest(
            model_path=starter_folder.name, backend=request.param, ov_config={"KV_CACHE_PRECISION": "f16"}
        )
        configuration, question = Configuration("c1", "starter", load), "What is the capital of France?"
        visit = measurer.visit(configuration, [WORKLOAD, OWN], REPETITIONS, 1, prompts=(question,))
        client.join()
        assert not engine.status().models
        watched = client.watched[1 : 1 + REPETITIONS]
        deep = measurer.visit(configuration, [DEEP, WHOLE], 1, 2)
        yield Seen(visit, watched, request.param, deep)


def test_both_backends_generate_exactly_what_is_asked(seen: Seen) -> None:
    assert seen.visit.failure is None
    samples = seen.visit.workloads[0].samples
    assert [(sample.prompt_tokens, sample.generated_tokens) for sample in samples] == [(512, 64)] * REPETITIONS
    assert [watched.tokens for watched in seen.client] == [64] * REPETITIONS


def test_the_figures_are_those_of_a_client_with_its_own_stopwatch(seen: Seen) -> None:
    for sample, watched in zip(seen.visit.workloads[0].samples, seen.client, strict=True):
        first, last = watched.moments[0], watched.moments[-1]
        assert sample.ttft_seconds == pytest.approx(first - watched.submitted, rel=0.1)
        assert sample.decode_tokens_per_second == pytest.approx(63 / (last - first), rel=0.1)
        assert sample.total_seconds == pytest.approx(last - watched.submitted, rel=0.1)
        assert sample.wall_seconds == pytest.approx(last - watched.submitted, rel=0.1)
        assert sample.prefill_tokens_per_second == pytest.approx(512 / (first - watched.submitted), rel=0.1)


def test_only_where_there_is_no_prefix_cache_a_depth_is_read_again(seen: Seen) -> None:
    """As it is marked, so it is measured: a prompt of 32 tokens after 600 that are kept is read soon."""
    deep = seen.deep.workloads[0]
    (sample,) = deep.samples
    assert deep.is_depth_read_again is (seen.backend == "optimum")
    assert sample.ttft_seconds is not None and seen.whole_ttft_seconds is not None
    assert (sample.ttft_seconds > 0.5 * seen.whole_ttft_seconds) is deep.is_depth_read_again


def test_an_own_prompt_is_read_anew_in_each_repetition(seen: Seen) -> None:
    """The first of them would be no slower than the others if none was served from another; a cache makes it 5 times as slow."""
    own = seen.visit.workloads[1]
    times = [sample.ttft_seconds or 0.0 for sample in own.samples]
    assert own.warm_up is not None
    first = own.warm_up.ttft_seconds or 0.0
    assert len(times) == REPETITIONS and min(times) > first / 3


def test_load_memory_and_answer_are_told(seen: Seen) -> None:
    visit = seen.visit
    assert visit.load_seconds is not None and 0.5 < visit.load_seconds < visit.ended_at - visit.began_at
    assert visit.memory_bytes is not None and 2e8 < visit.memory_bytes < 4e9
    assert visit.loaded is not None and "KV_CACHE_PRECISION" in visit.loaded.effective_properties
    (answer,) = visit.greedy
    assert "Paris" in answer.text
    assert 5 <= len(answer.token_ids) <= 48
