"""The stateful pipeline: what LLMPipeline is made with, over a played library, since there is no NPU; the rest for real."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from openarc_ui.engine.backends.base import TokenOdds
from openarc_ui.engine.backends.genai_stateful import StatefulGenAIBackend
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.host import Hooks, ModelHost
from openarc_ui.engine.messages import LoadModel
from openarc_ui.engine.sampling import BUILT_IN, Sampling
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import FinishReason, LoadRequest, PropertyValue
from openarc_ui.errors import InvalidRequest, ModelLoadFailed, OpenArcError, PromptTooLong
from tests.conftest import ask

ANSWER = [5, 6, 7, 2]


class PlayedTokenizer:
    chat_template = "{{ messages[0].content }}"

    def __init__(self, path: str, **properties: Any) -> None:
        self.properties = properties

    def get_bos_token(self) -> str:
        return ""

    get_eos_token = get_pad_token = get_bos_token

    def encode(self, text: str, add_special_tokens: bool) -> Any:
        return SimpleNamespace(input_ids=SimpleNamespace(data=numpy.array([[ord(each) for each in text]])))

    def decode(self, token_ids: list[int], skip_special_tokens: bool) -> str:
        return "".join(map(chr, token_ids))


def played_metrics(tokens: int) -> Any:
    """As GenAI tells them, in microseconds: a second for the prompt, then 10 ms and 1 ms a token."""
    raw = SimpleNamespace(
        token_infer_durations=[1e6, *[10_000.0] * (tokens - 1)], sampling_durations=[5e5, *[1_000.0] * (tokens - 1)]
    )
    return SimpleNamespace(raw_metrics=raw)


class PlayedPipeline:
    """`LLMPipeline` that answers every prompt with the same ids, and remembers what it was given."""

    def __init__(
        self, genai: PlayedGenAI, path: str, tokenizer: PlayedTokenizer, device: str, **properties: Any
    ) -> None:
        if genai.refusal:
            raise RuntimeError(genai.refusal)
        self.genai, self.tokenizer, self.device, self.properties = genai, tokenizer, device, properties
        self.requests: list[tuple[list[int], Any]] = []

    def get_generation_config(self) -> Any:
        return SimpleNamespace(eos_token_id=2, stop_token_ids={2})

    def generate(self, prompt: Any, config: Any, streamer: Any) -> Any:
        assert str(prompt.element_type) == "<Type: 'int64_t'>" and len(prompt.shape) == 2
        self.requests.append((prompt.data[0].tolist(), config))
        reasons = self.genai.GenerationFinishReason
        told = played_metrics(min(len(ANSWER), config.max_new_tokens))
        for count, token in enumerate(ANSWER[: config.max_new_tokens], start=1):
            if streamer.write([token]) is not self.genai.StreamingStatus.RUNNING:
                return SimpleNamespace(finish_reasons=[reasons.NONE], perf_metrics=told)
            if count == config.max_new_tokens:
                return SimpleNamespace(finish_reasons=[reasons.LENGTH], perf_metrics=told)
        streamer.end()
        return SimpleNamespace(finish_reasons=[reasons.STOP], perf_metrics=told)


class PlayedGenAI:
    """As much of the `openvino_genai` module as the stateful backend uses."""

    class StreamingStatus(enum.Enum):
        RUNNING = 0
        CANCEL = 2

    class GenerationFinishReason(enum.Enum):
        NONE = 0
        STOP = 1
        LENGTH = 2

    class StreamerBase:
        """No behaviour of its own."""

    Tokenizer = PlayedTokenizer

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.pipelines: list[PlayedPipeline] = []

    def LLMPipeline(self, *arguments: Any, **properties: Any) -> PlayedPipeline:  # noqa: N802 - the library's name
        self.pipelines.append(PlayedPipeline(self, *arguments, **properties))
        return self.pipelines[-1]


class RecordingJob:
    """A Job without a session."""

    request_id = "job"
    structured_output = None
    wants_odds = False

    def __init__(self, prompt_ids: Sequence[int] = (1, 2, 3), *, wanted_tokens: int = 100, **sampling: Any) -> None:
        self.prompt_ids = prompt_ids
        self.sampling = Sampling(**{**BUILT_IN, "seed": 7, **sampling})
        self.pushed: dict[int, list[int]] = {}
        self.finished: dict[int, FinishReason] = {}
        self.told_seconds: tuple[float, float] | None = None
        self._wanted_tokens = wanted_tokens

    def found_cached(self, tokens: int) -> None:
        raise AssertionError("this pipeline has no prefix cache")

    def told(self, inference_seconds: float, sampling_seconds: float) -> None:
        self.told_seconds = inference_seconds, sampling_seconds

    def push(self, sequence_index: int, token_ids: Sequence[int], odds: Sequence[TokenOdds] = ()) -> None:
        self.pushed.setdefault(sequence_index, []).extend(token_ids)

    def wants_stop(self, sequence_index: int) -> bool:
        return len(self.pushed.get(sequence_index, ())) >= self._wanted_tokens

    def finish(self, sequence_index: int, reason: FinishReason) -> None:
        self.finished[sequence_index] = reason

    def fail(self, error: OpenArcError) -> None: ...


def answer_probe(device: str, ov_config: dict[str, PropertyValue]) -> tuple[tuple[str, ...], dict[str, str]]:
    return (device,), {"PERFORMANCE_HINT": "LATENCY"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 8192}))
    return tmp_path


Load = Callable[..., tuple[StatefulGenAIBackend, PlayedPipeline, Any]]


@pytest.fixture
def load(folder: Path) -> Load:
    """Load over the played library: the backend, the pipeline it made, and what it tells of the model."""

    def load(
        device: str = "NPU", probe: Any = answer_probe, **ov_config: PropertyValue
    ) -> tuple[StatefulGenAIBackend, PlayedPipeline, Any]:
        genai = PlayedGenAI()
        backend = StatefulGenAIBackend(genai, probe)
        request = LoadRequest(model_path="model", device=device, ov_config=ov_config)
        model = backend.load(request, str(folder), lambda label, fraction: None)
        return backend, genai.pipelines[0], model

    return load


def run(backend: StatefulGenAIBackend, job: RecordingJob) -> RecordingJob:
    backend.start(job)
    backend.step(lambda: None)
    return job


def test_an_npu_gets_its_keys_as_keyword_arguments_and_no_attention_backend(load: Load) -> None:
    _, pipeline, _ = load(
        MAX_PROMPT_LEN="2048", MIN_RESPONSE_LEN=256, GENERATE_HINT="BEST_PERF", NPUW_DEVICES="NPU", CACHE_DIR="cache"
    )
    assert pipeline.device == "NPU"
    assert pipeline.properties == {
        "MAX_PROMPT_LEN": 2048,
        "MIN_RESPONSE_LEN": 256,
        "GENERATE_HINT": "BEST_PERF",
        "NPUW_DEVICES": "NPU",
        "CACHE_DIR": "cache",
    }
    assert pipeline.tokenizer.properties == {}


def test_another_device_is_told_to_take_the_stateful_pipeline(load: Load) -> None:
    _, pipeline, model = load("GPU.1", KV_CACHE_PRECISION="u8", ATTENTION_BACKEND="SDPA")
    assert (pipeline.device, pipeline.properties) == (
        "GPU.1",
        {"KV_CACHE_PRECISION": "u8", "ATTENTION_BACKEND": "SDPA"},
    )
    assert model.context_length == 8192
    assert model.effective_properties == {"PERFORMANCE_HINT": "LATENCY", "ATTENTION_BACKEND": "SDPA"}


def test_the_context_of_an_npu_is_what_it_was_compiled_for(load: Load, folder: Path) -> None:
    assert load()[2].context_length == 1152
    _, _, model = load(MAX_PROMPT_LEN=2048)
    assert model.context_length == 2176
    assert model.effective_properties["MAX_PROMPT_LEN"] == "2048"
    assert model.effective_properties["MIN_RESPONSE_LEN"] == "128"
    assert model.scheduler is None
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 512}))
    assert load(MAX_PROMPT_LEN=2048)[2].context_length == 512


def test_a_prompt_longer_than_the_npu_was_compiled_for_runs_nothing(load: Load) -> None:
    backend, pipeline, _ = load(MAX_PROMPT_LEN=10)
    with pytest.raises(PromptTooLong, match=r"11 tokens; .* at most 10") as caught:
        backend.start(RecordingJob(range(11)))
    assert "MAX_PROMPT_LEN" in caught.value.hint
    backend.step(lambda: None)
    assert pipeline.requests == []
    assert run(backend, RecordingJob(range(10))).finished == {0: FinishReason.STOP}


def test_an_npu_that_tells_no_properties_is_loaded_all_the_same_with_a_warning(load: Load) -> None:
    def failing_probe(device: str, ov_config: dict[str, PropertyValue]) -> Any:
        raise RuntimeError("Exception from src/a.cpp:1:\nThe compiler is missing.")

    _, _, model = load(probe=failing_probe)
    assert model.warnings == ("The NPU does not tell its effective properties: The compiler is missing.",)
    assert model.execution_devices == ("NPU",)
    with pytest.raises(ModelLoadFailed, match="The compiler is missing"):
        load("CPU", probe=failing_probe, ATTENTION_BACKEND="SDPA")


def test_what_the_library_raises_is_the_reason_of_the_failed_load(folder: Path) -> None:
    backend = StatefulGenAIBackend(PlayedGenAI("Exception from src/a.cpp:1:\nNo such blob."), answer_probe)
    with pytest.raises(ModelLoadFailed, match="can't load the model: No such blob"):
        backend.load(LoadRequest(model_path="m", device="NPU"), str(folder), lambda label, fraction: None)


def test_a_composite_with_an_npu_or_a_scheduler_is_refused_before_the_library_is_asked(folder: Path) -> None:
    for request in (
        LoadRequest(model_path="m", device="AUTO:NPU,CPU"),
        LoadRequest(model_path="m", device="NPU", scheduler=SchedulerOptions(cache_size=1)),
    ):
        genai = PlayedGenAI()
        with pytest.raises(InvalidRequest):
            StatefulGenAIBackend(genai, answer_probe).load(request, str(folder), lambda label, fraction: None)
        assert genai.pipelines == []


def test_each_sequence_is_a_run_of_its_own_with_its_own_seed(load: Load) -> None:
    backend, pipeline, _ = load()
    job = run(backend, RecordingJob(num_return_sequences=3, max_new_tokens=2))
    assert job.pushed == {0: [5, 6], 1: [5, 6], 2: [5, 6]}
    assert job.finished == dict.fromkeys(range(3), FinishReason.LENGTH)
    assert [(ids, config.rng_seed, config.num_return_sequences) for ids, config in pipeline.requests] == [
        ([1, 2, 3], seed, 1) for seed in (7, 8, 9)
    ]


def test_inference_and_sampling_are_told_of_what_was_handed_over_after_the_first_token(load: Load) -> None:
    backend, _, _ = load()
    assert run(backend, RecordingJob(max_new_tokens=3)).told_seconds == pytest.approx((0.020, 0.002))
    assert run(backend, RecordingJob(max_new_tokens=1)).told_seconds == (0.0, 0.0)
    cut = run(backend, RecordingJob(wanted_tokens=2))
    assert cut.told_seconds == pytest.approx((0.010, 0.001)), "GenAI had computed more than it handed over"


def test_sequences_that_run_one_after_another_add_up_with_the_prompts_of_the_later_ones(load: Load) -> None:
    backend, _, _ = load()
    job = run(backend, RecordingJob(num_return_sequences=2, max_new_tokens=2))
    assert job.told_seconds == pytest.approx((0.010 + 1.010, 0.001 + 0.501))


def test_the_streamer_ends_the_run_when_the_job_wants_no_more(load: Load) -> None:
    backend, pipeline, _ = load()
    assert run(backend, RecordingJob(wanted_tokens=2)).pushed == {0: [5, 6]}
    unwanted = run(backend, RecordingJob(wanted_tokens=0))
    assert unwanted.finished == {0: FinishReason.CANCELLED}
    assert len(pipeline.requests) == 1, "a request that was cancelled before it began is not run"


def test_what_goes_wrong_in_the_streamer_is_raised_after_the_run(load: Load) -> None:
    backend, _, _ = load()

    def fail() -> None:
        raise OSError("the pipe is gone")

    backend.start(RecordingJob())
    with pytest.raises(OSError, match="the pipe is gone"):
        backend.step(fail)
    backend.reset()
    assert run(backend, RecordingJob()).finished == {0: FinishReason.STOP}


@pytest.mark.model
def test_the_real_pipeline_survives_a_failing_streamer(starter_folder: Path) -> None:
    """In a process of its own, as everything that imports the library."""
    import subprocess
    import sys

    program = (
        "from openarc_ui.engine.backends.genai_stateful import StatefulGenAIBackend\n"
        "from openarc_ui.engine.types import LoadRequest\n"
        "from tests.engine.test_genai_stateful import RecordingJob\n"
        "backend = StatefulGenAIBackend()\n"
        "order = LoadRequest(model_path='m', ov_config={'ATTENTION_BACKEND': 'SDPA'})\n"
        f"backend.load(order, {str(starter_folder)!r}, lambda label, fraction: None)\n"
        "ids = backend.text.encode('one two three')\n"
        "def fail(): raise OSError('the pipe is gone')\n"
        "backend.start(RecordingJob(ids, do_sample=False, max_new_tokens=4))\n"
        "try: backend.step(fail)\n"
        "except OSError as error: print(error)\n"
        "backend.reset()\n"
        "job = RecordingJob(ids, do_sample=False, max_new_tokens=4)\n"
        "backend.start(job); backend.step(lambda: None)\n"
        "print(len(job.pushed[0]), job.finished[0].value)\n"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, timeout=120)
    assert done.stdout.splitlines() == ["the pipe is gone", "4 length"], done.stdout + done.stderr


@pytest.mark.model
@pytest.mark.parametrize("attention_backend", ["PA", "SDPA"])
def test_a_load_that_fails_in_the_worker_names_the_property_to_blame(
    starter_folder: Path, attention_backend: str
) -> None:
    """The order goes to the worker itself: the engine's own rules would refuse it before."""
    ov_config: dict[str, PropertyValue] = {
        "ATTENTION_BACKEND": attention_backend,
        "KEY_CACHE_PRECISION": "u3",
        "NUM_STREAMS": 1,
    }
    request = LoadRequest(model_path="starter", backend="genai", ov_config=ov_config)
    host = ModelHost(LoadModel(request, "starter", str(starter_folder), "genai", "asked for", ()), 1, Hooks())
    try:
        with pytest.raises(ModelLoadFailed, match="cache prec") as caught:
            host.load(None)
    finally:
        host.close()
    assert caught.value.properties == ("KEY_CACHE_PRECISION",)


@pytest.mark.model
def test_a_compiled_model_in_the_cache_is_found_again(starter_folder: Path, tmp_path: Path) -> None:
    ov_config: dict[str, PropertyValue] = {"ATTENTION_BACKEND": "SDPA", "CACHE_DIR": str(tmp_path / "cache")}
    order = LoadRequest(model_path=starter_folder.name, backend="genai", ov_config=ov_config)
    with Engine(starter_folder.parent, cache_folder=tmp_path) as engine:
        engine.load(order)
        (blob,) = tmp_path.rglob("*.blob")
        written_at = blob.stat().st_mtime_ns
        info = engine.load(order)
        assert list(tmp_path.rglob("*.blob")) == [blob]
        assert blob.stat().st_mtime_ns == written_at
        assert info.effective_properties["CACHE_DIR"] == str(tmp_path / "cache")
        answer = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=24))
        assert answer.result(timeout=60).texts[0]
