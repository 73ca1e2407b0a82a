"""Does it fit: the estimate against the measured worker, and over machines and models that were never built."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.devices import OpenVinoLayer
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.memory.estimate import estimate_fit
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import BackendName, LoadRequest
from tests.conftest import ask, write_script
from tests.engine.memory.machines import GB, fit, part, write_model
from tests.workers import worker_processes

TOLERANCE = 0.15
GROWTH_TOLERANCE = 0.25
"""What longer prompts add; looser, since the heap's holes in a growing cache are 5 to 40 % of it."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an 8 B model in three precisions."""
    root = tmp_path_factory.mktemp("models")
    for element_type in ("f16", "u8", "u4"):
        write_model(root / f"llama-{element_type}", element_type, 4 * GB)
    return root


@contextmanager
def peak_of(process_id: int) -> Iterator[list[int]]:
    """The most resident memory the process had, in a list of one, looked at every 10 ms."""
    process, most, ended = psutil.Process(process_id), [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            most[0] = max(most[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


@pytest.mark.model
@pytest.mark.parametrize(
    ("precision", "backend", "cache", "loads"),
    [
        ("int4", "genai", "f16", [(512, 1), (3000, 1), (1800, 4)]),
        ("int8", "genai", "u8", [(512, 1), (3000, 1)]),
        ("int8", "optimum", "f16", [(512, 1), (2000, 1)]),
        ("int4", "optimum", "u8", [(512, 1)]),
    ],
)
def test_the_estimate_is_within_15_percent_of_the_measured_peak(
    precision: Any, backend: BackendName, cache: str, loads: list[tuple[int, int]]
) -> None:
    from tests.starter_fixture import ensure_starter

    folder = ensure_starter(precision)
    request = LoadRequest(model_path=folder.name, backend=backend, ov_config={"KV_CACHE_PRECISION": cache})
    with Engine(folder.parent) as engine:
        engine.load(request)
        process_id = next(iter(worker_processes(engine).values()))
        pairs = []
        for words, sequences in loads:
            with peak_of(process_id) as measured:
                asked = [
                    ask(f"{number} " + "word " * words, max_new_tokens=4, do_sample=False, ignore_eos=True)
                    for number in range(sequences)
                ]
                running = [engine.submit(each) for each in asked]
                results = [generation.result(timeout=120) for generation in running]
                report = results[0].report
            assert report.prompt_tokens is not None and report.prompt_tokens >= words
            estimate = estimate_fit(
                find_model(folder.parent, folder.name),
                request,
                backend,
                OpenVinoLayer(),
                context_tokens=report.prompt_tokens + 4,
                sequences=sequences,
            )
            pairs.append((estimate.needed_bytes, measured[0]))
            print(precision, backend, cache, words, sequences, pairs[-1])
    assert all(abs(estimated / found - 1) <= TOLERANCE for estimated, found in pairs), pairs
    if len(pairs) > 1:
        growth = (pairs[-1][0] - pairs[0][0]) / (pairs[-1][1] - pairs[0][1])
        assert abs(growth - 1) <= GROWTH_TOLERANCE, f"what longer prompts add is off by {growth - 1:+.0%}: {pairs}"


@pytest.mark.model
@pytest.mark.parametrize(("cache", "token_bytes"), [("f16", 23_040), ("u8", 13_680), ("u4", 7_920)])
def test_a_token_of_the_starters_cache_has_the_bytes_its_blocks_have(
    starter_folder: Path, cache: str, token_bytes: int
) -> None:
    estimate = fit(
        starter_folder.parent,
        starter_folder.name,
        context_tokens=3200,
        ov_config={"KV_CACHE_PRECISION": cache},
        scheduler=SchedulerOptions(cache_size=1),
    )
    assert part(estimate, "kv_cache") == 3200 * token_bytes


def test_a_model_that_fits_is_green_with_every_part_and_its_formula(models: Path) -> None:
    estimate = fit(models, "llama-u4")
    assert estimate.verdict == "green"
    assert [each.name for each in estimate.parts] == ["weights", "kv_cache", "working", "process"]
    assert sum(each.memory_bytes for each in estimate.parts) == estimate.needed_bytes
    assert all(any(character.isdigit() for character in each.how) for each in estimate.parts)
    assert "llama-u4 needs about" in estimate.words and "24.00 GB free" in estimate.words
    assert estimate.advice == ()


def test_a_tight_model_is_amber_and_one_too_large_is_red(models: Path) -> None:
    needed = fit(models, "llama-u4").needed_bytes
    assert fit(models, "llama-u4", free_bytes=int(needed / 0.79)).verdict == "green"
    assert fit(models, "llama-u4", free_bytes=int(needed / 0.81)).verdict == "amber"
    assert fit(models, "llama-u4", free_bytes=int(needed / 0.99)).verdict == "amber"
    assert fit(models, "llama-u4", free_bytes=int(needed / 1.01)).verdict == "red"


def test_a_huge_model_is_red_and_the_advice_names_what_saves_most_first(models: Path) -> None:
    estimate = fit(models, "llama-f16", context_tokens=32_768, ov_config={"KV_CACHE_PRECISION": "f16"})
    assert estimate.verdict == "red"
    advice = " ".join(estimate.advice)
    assert "4-bit weights" in estimate.advice[0]
    assert "KV_CACHE_PRECISION to u8" in advice and "shorter context" in advice
    assert all("GB" in sentence or "MB" in sentence for sentence in estimate.advice)


def test_the_largest_context_is_the_last_one_that_is_not_red(models: Path) -> None:
    largest = fit(models, "llama-u4", free_bytes=12 * GB).largest_context_tokens
    assert largest is not None and 2048 < largest < 131_072
    assert fit(models, "llama-u4", free_bytes=12 * GB, context_tokens=largest).verdict == "amber"
    assert fit(models, "llama-u4", free_bytes=12 * GB, context_tokens=largest + 64).verdict == "red"


def test_the_largest_context_is_never_above_the_models_own_and_zero_where_nothing_fits(models: Path) -> None:
    assert fit(models, "llama-u4", free_bytes=400 * GB).largest_context_tokens == 131_072
    assert fit(models, "llama-u4", free_bytes=400 * GB, context_tokens=900_000).context_tokens == 131_072
    assert fit(models, "llama-u4", free_bytes=1 * GB).largest_context_tokens == 0


def test_the_schedulers_limit_bounds_the_cache_and_the_context(models: Path) -> None:
    limited = fit(models, "llama-u4", context_tokens=100_000, scheduler=SchedulerOptions(num_kv_blocks=100))
    assert part(limited, "kv_cache") < part(fit(models, "llama-u4", context_tokens=100_000), "kv_cache") / 10
    assert limited.largest_context_tokens == 3200
    gigabytes = fit(models, "llama-u4", context_tokens=100_000, scheduler=SchedulerOptions(cache_size=2))
    assert 1.9 * 2**30 < part(gigabytes, "kv_cache") <= 2 * 2**30


def test_cache_eviction_bounds_the_tokens_of_a_sequence(models: Path) -> None:
    evicting = SchedulerOptions(use_cache_eviction=True)
    short, long = (
        part(fit(models, "llama-u4", context_tokens=tokens, scheduler=evicting), "kv_cache")
        for tokens in (4_000, 100_000)
    )
    assert short == long > 0


def test_optimum_needs_more_for_a_long_prompt_and_the_advice_is_the_other_backend(models: Path) -> None:
    optimum = fit(models, "llama-u4", backend="optimum", context_tokens=8192)
    assert (
        part(optimum, "working") - part(fit(models, "llama-u4", context_tokens=8192), "working") > 3 * 8192 * 128256 * 4
    )
    assert "genai backend" in " ".join(optimum.advice)


def test_without_a_key_value_cache_none_is_counted(models: Path) -> None:
    assert part(fit(models, "llama-u4", backend="optimum", use_cache=False), "kv_cache") == 0


def test_accuracy_makes_the_cache_of_a_processor_f32(models: Path) -> None:
    usual = part(fit(models, "llama-u4", ov_config={"KV_CACHE_PRECISION": "f16"}), "kv_cache")
    assert part(fit(models, "llama-u4", ov_config={"EXECUTION_MODE_HINT": "ACCURACY"}), "kv_cache") == 2 * usual


def test_a_discrete_gpu_is_held_against_its_own_memory_without_the_process(models: Path) -> None:
    estimate = fit(models, "llama-u4", "GPU.1", free_bytes=1 * GB)
    assert (estimate.verdict, estimate.device) == ("green", "GPU.1")
    assert (estimate.free_bytes, estimate.total_bytes) == (14 * GB, 16 * GB)
    assert part(estimate, "process") == 0
    assert part(estimate, "weights") == 4 * GB, "once, not twice as on a processor"


def test_an_integrated_gpu_shares_what_the_system_has_free(models: Path) -> None:
    estimate = fit(models, "llama-u4", "GPU.0", free_bytes=3 * GB)
    assert (estimate.verdict, estimate.free_bytes) == ("red", 3 * GB)
    assert part(estimate, "process") > 0


def test_an_npu_is_held_to_the_lengths_it_is_compiled_for(models: Path) -> None:
    estimate = fit(models, "llama-u4", "NPU", context_tokens=50_000)
    assert estimate.context_tokens == 1024 + 128
    assert (estimate.verdict, estimate.largest_context_tokens) == ("green", 1152)


def test_hetero_splits_and_auto_and_multi_keep_a_copy_on_each(models: Path) -> None:
    assert fit(models, "llama-u8", "GPU.2").verdict == "red"
    split = fit(models, "llama-u8", "HETERO:GPU.1,GPU.2")
    assert split.verdict == "green"
    assert part(split, "weights") < 8 * GB
    for composite in ("AUTO:GPU.1,GPU.2", "MULTI:GPU.1,GPU.2"):
        copied = fit(models, "llama-u8", composite)
        assert (copied.verdict, copied.device) == ("red", "GPU.2")


def test_members_that_share_system_memory_are_added_up(models: Path) -> None:
    both, gpu_alone, cpu_alone = (fit(models, "llama-u4", device) for device in ("AUTO:GPU.0,CPU", "GPU.0", "CPU"))
    assert both.needed_bytes == gpu_alone.needed_bytes + cpu_alone.needed_bytes - part(cpu_alone, "process")


def test_batch_is_its_one_device(models: Path) -> None:
    assert fit(models, "llama-u4", "BATCH:GPU.1(4)").needed_bytes == fit(models, "llama-u4", "GPU.1").needed_bytes


@pytest.mark.parametrize("device", ["GPU.3", "AUTO:GPU.1,GPU.3"])
def test_a_device_that_throws_when_read_is_unknown_with_the_reason(models: Path, device: str) -> None:
    estimate = fit(models, "llama-u4", device)
    assert estimate.verdict == "unknown"
    assert estimate.needed_bytes > 4 * GB, "what is needed is known all the same"
    assert estimate.largest_context_tokens is None
    assert "GPU.3 does not tell" in estimate.words


def test_where_not_even_one_token_fits_it_is_said_with_numbers_set_apart(models: Path) -> None:
    estimate = fit(models, "llama-u4", free_bytes=1 * GB, sequences=100_000)
    assert (estimate.verdict, estimate.largest_context_tokens) == ("red", 0)
    assert estimate.words.endswith("which is too little for even one token.")
    assert "100\u202f000 sequences of 2\u202f048 tokens" in estimate.words and " TB for " in estimate.words
    larger = fit(models, "llama-u4", free_bytes=24 * GB, sequences=1000)
    assert larger.verdict == "red" and larger.words.endswith("which is too little.")


def test_a_device_that_does_not_exist_is_unknown_with_the_reason(models: Path) -> None:
    estimate = fit(models, "llama-u4", "GPU.9")
    assert (estimate.verdict, estimate.parts) == ("unknown", ())
    assert "GPU.9" in estimate.words


def test_a_scripted_model_is_unknown_since_it_has_no_weights(tmp_path: Path) -> None:
    write_script(tmp_path / "script")
    assert "scripted" in fit(tmp_path, "script", backend="scripted").words
