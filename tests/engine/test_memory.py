"""Does it fit: the estimate against the measured worker, and over machines and models that were never built."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.catalog import find_model
from openarc_ui.engine.devices import OpenVinoLayer
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.memory import FitEstimate, estimate_fit
from openarc_ui.engine.memory_formulas import Situation, type_bits
from openarc_ui.engine.memory_room import Room, device_room, system_room
from openarc_ui.engine.memory_shape import ModelShape, read_shape
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import BackendName, LoadRequest, PropertyValue
from openarc_ui.engine.weights import WeightSummary
from tests.conftest import ask, write_script

GB = 10**9
TOLERANCE = 0.15
LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


class Machine:
    """A machine that was never built: what is not in `values` throws when it is read."""

    def __init__(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self.values = values

    def available_devices(self) -> list[str]:
        return list(self.values)

    def get_property(self, device: str, name: str) -> Any:
        if name not in self.values.get(device, {}):
            raise RuntimeError(f"{device} throws at {name}")
        return self.values[device][name]

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return dict.fromkeys(self.values[device], "RO")

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        raise RuntimeError("nothing is set for an estimate")

    def version(self, device: str) -> str:
        return "none"


def gpu(kind: str, total_bytes: int, used_bytes: int = 0) -> dict[str, Any]:
    return {
        "DEVICE_TYPE": f"Type.{kind}",
        "GPU_DEVICE_TOTAL_MEM_SIZE": total_bytes,
        "GPU_MEMORY_STATISTICS": {"usm_device": used_bytes},
        "KV_CACHE_PRECISION": "<Type: 'float16'>",
        "INFERENCE_PRECISION_HINT": "<Type: 'float16'>",
    }


CPU = {"KV_CACHE_PRECISION": "<Type: 'uint8_t'>", "INFERENCE_PRECISION_HINT": "<Type: 'bfloat16'>"}
MACHINE = Machine(
    {
        "CPU": CPU,
        "GPU.0": gpu("INTEGRATED", 24 * GB),
        "GPU.1": gpu("DISCRETE", 16 * GB, used_bytes=2 * GB),
        "GPU.2": gpu("DISCRETE", 8 * GB),
        "GPU.3": {},
        "NPU": {"NPU_DEVICE_TOTAL_MEM_SIZE": 30 * GB, "NPU_DEVICE_ALLOC_MEM_SIZE": 1 * GB},
    }
)


def memory(free_bytes: int) -> Room:
    return Room("CPU", free_bytes, 64 * GB, True, "system memory")


def write_model(folder: Path, element_type: str, parameters: int, config: Mapping[str, Any] = LLAMA_8B) -> Path:
    """A model folder whose XML names one matrix; there are no weights, since none are read."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    size_bytes = parameters * type_bits(element_type) // 8
    (folder / "openvino_model.xml").write_text(
        f'<net><layers><layer type="Const"><data element_type="{element_type}" shape="{parameters}, 2" '
        f'offset="0" size="{2 * size_bytes}"/></layer></layers></net>'
    )
    (folder / "openvino_model.bin").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an 8 B model in three precisions."""
    root = tmp_path_factory.mktemp("models")
    for element_type in ("f16", "u8", "u4"):
        write_model(root / f"llama-{element_type}", element_type, 4 * GB)
    return root


def fit(
    root: Path,
    name: str,
    device: str = "CPU",
    free_bytes: int = 24 * GB,
    backend: BackendName = "genai",
    layer: Machine = MACHINE,
    context_tokens: int | None = None,
    sequences: int = 1,
    **request: Any,
) -> FitEstimate:
    return estimate_fit(
        find_model(root, name),
        LoadRequest(model_path=name, device=device, **request),
        backend,
        layer,
        context_tokens=context_tokens,
        sequences=sequences,
        system=lambda: memory(free_bytes),
    )


def part(estimate: FitEstimate, name: str) -> int:
    return next(each.memory_bytes for each in estimate.parts if each.name == name)


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
        ("int4", "genai", "f16", [(512, 1), (3000, 1), (2000, 4)]),
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
        process_id = next(iter(engine.worker_processes().values()))
        for words, sequences in loads:
            with peak_of(process_id) as measured:
                asked = [
                    ask(f"{number} " + "word " * words, max_new_tokens=4, do_sample=False, ignore_eos=True)
                    for number in range(sequences)
                ]
                running = [engine.submit(each) for each in asked]
                report = [generation.result(timeout=120) for generation in running][0].report
            assert report.prompt_tokens is not None and report.prompt_tokens >= words
            estimate = estimate_fit(
                find_model(folder.parent, folder.name),
                request,
                backend,
                OpenVinoLayer(),
                context_tokens=report.prompt_tokens + 4,
                sequences=sequences,
            )
            case = f"{words} words * {sequences}: {estimate.needed_bytes / 1e6:.0f} MB against {measured[0] / 1e6:.0f}"
            print(precision, backend, cache, case)
            assert abs(estimate.needed_bytes / measured[0] - 1) <= TOLERANCE, case


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


def test_a_device_that_does_not_exist_is_unknown_with_the_reason(models: Path) -> None:
    estimate = fit(models, "llama-u4", "GPU.9")
    assert (estimate.verdict, estimate.parts) == ("unknown", ())
    assert "GPU.9" in estimate.words


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("config.json", "{", "config.json|Expecting"),
        ("config.json", "{}", "num_hidden_layers"),
        ("config.json", '{"num_hidden_layers": -3}', "num_hidden_layers"),
        ("config.json", None, "config.json"),
        ("openvino_model.xml", "<html/>", "not an OpenVINO model"),
        ("openvino_model.xml", "<net><layers", "not an OpenVINO model"),
    ],
)
def test_a_broken_folder_is_unknown_with_the_reason(tmp_path: Path, file: str, content: str | None, why: str) -> None:
    folder = write_model(tmp_path / "broken", "u4", 1000)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    estimate = fit(tmp_path, "broken")
    assert estimate.verdict == "unknown"
    assert any(each in estimate.words for each in why.split("|"))


def test_a_scripted_model_is_unknown_since_it_has_no_weights(tmp_path: Path) -> None:
    write_script(tmp_path / "script")
    assert "scripted" in fit(tmp_path, "script", backend="scripted").words


def write_checkpoint(folder: Path, header: bytes) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def test_a_checkpoint_is_read_from_its_safetensors_header_and_says_that_it_is_converted(tmp_path: Path) -> None:
    header = {"__metadata__": {}, "weight": {"dtype": "BF16", "shape": [1000, 500], "data_offsets": [0, 1_000_000]}}
    write_checkpoint(tmp_path / "checkpoint", json.dumps(header).encode())
    shape = read_shape(find_model(tmp_path, "checkpoint"))
    assert shape.weights.parameters_by_type == {"bf16": 500_000}
    assert shape.weights.size_bytes == 1_000_000
    estimate = fit(tmp_path, "checkpoint", backend="optimum", export_model=True)
    assert "conversion" in estimate.parts[0].how


@pytest.mark.parametrize("header", [b"", b"[]", b"not json", b'{"a": {"dtype": "F16"}}', b"[" * 100_000])
def test_a_broken_checkpoint_is_unknown(tmp_path: Path, header: bytes) -> None:
    write_checkpoint(tmp_path / "checkpoint", header)
    assert fit(tmp_path, "checkpoint", backend="optimum").verdict == "unknown"


@pytest.mark.model
def test_a_gguf_is_estimated_from_its_header() -> None:
    from tests.starter_fixture import ensure_starter_gguf

    path = ensure_starter_gguf()
    entry = find_model(path.parent, path.name)
    shape = read_shape(entry)
    assert (shape.layers, shape.kv_heads, shape.key_size, shape.hidden) == (30, 3, 64, 576)
    assert (shape.vocabulary, shape.context_tokens, shape.is_converted) == (49_152, 8192, True)


def test_other_families_names_and_latent_attention_are_read(tmp_path: Path) -> None:
    inner = {**LLAMA_8B, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
    write_model(tmp_path / "nested", "u4", 1000, {"text_config": inner})
    shape = read_shape(find_model(tmp_path, "nested"))
    assert (shape.kv_heads, shape.key_size, shape.value_size) == (32, 192, 128)
    old = {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257, "n_positions": 1024, "n_inner": None}
    write_model(tmp_path / "gpt2", "f32", 1000, old)
    shape = read_shape(find_model(tmp_path, "gpt2"))
    assert (shape.layers, shape.kv_heads, shape.key_size, shape.intermediate) == (12, 12, 64, 3072)


def cgroup(root: Path, lines: str, files: Mapping[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": lines, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_container_limit_of_version_2_counts_when_it_is_tighter(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/a/b/"
    files = {
        base + "memory.max": "500000000\n",
        base + "memory.current": "300000000\n",
        base + "memory.stat": "anon 1\ninactive_file 100000000\n",
        "sys/fs/cgroup/a/memory.max": "max\n",
        "sys/fs/cgroup/a/memory.current": "300000000\n",
    }
    room = system_room(cgroup(tmp_path, "0::/a/b\n", files))
    assert (room.free_bytes, room.total_bytes) == (300_000_000, 500_000_000)
    assert "container" in room.limit


def test_a_container_limit_of_version_1_counts_and_no_limit_does_not(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory/"
    files = {base + "memory.limit_in_bytes": "400000000", base + "memory.usage_in_bytes": "150000000"}
    lines = "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"
    assert system_room(cgroup(tmp_path / "limited", lines, files)).free_bytes == 250_000_000
    unlimited = {**files, base + "memory.limit_in_bytes": "9223372036854771712"}
    assert system_room(cgroup(tmp_path / "unlimited", lines, unlimited)).limit == "system memory"


def test_a_container_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/"
    files = {base + "memory.max": "100", base + "memory.current": "200"}
    assert system_room(cgroup(tmp_path, "0::/\n", files)).free_bytes == 0


@pytest.mark.parametrize("lines", ["", "nonsense\n", "0::\n", "0::/../..\n"])
def test_a_cgroup_file_that_makes_no_sense_limits_nothing(tmp_path: Path, lines: str) -> None:
    assert system_room(cgroup(tmp_path, lines, {})).limit == "system memory"


def test_the_real_machine_tells_its_memory() -> None:
    room = device_room(OpenVinoLayer(), "CPU")
    assert room.free_bytes is not None and room.total_bytes is not None
    assert 0 < room.free_bytes <= room.total_bytes


def situation(**changes: Any) -> Situation:
    weights = WeightSummary(10**9, {"u4": 10**9}, {}, 6 * 10**8, 6 * 10**8)
    values: dict[str, Any] = {
        "shape": ModelShape(weights, 16, 8, 64, 64, 2048, 8192, 128_256, 131_072),
        "runner": "paged",
        "device_kind": "CPU",
        "key_precision": "u8",
        "value_precision": "u8",
        "key_group": 0,
        "value_group": 0,
        "activation_bits": 16,
        "batched_tokens": 256,
        "has_cache": True,
        "cache_limit_bytes": 0,
        "cache_limit_blocks": 0,
        "evicted_to_tokens": None,
        "is_in_system_memory": True,
    }
    return Situation(**{**values, **changes})


def needed(where: Situation, tokens: int, sequences: int) -> int:
    return sum(each.memory_bytes for each in where.parts(tokens, sequences))


@given(
    tokens=st.integers(1, 200_000),
    more=st.integers(0, 100_000),
    sequences=st.integers(1, 64),
    runner=st.sampled_from(["paged", "stateful", "optimum"]),
    kind=st.sampled_from(["CPU", "GPU", "NPU"]),
    precision=st.sampled_from(["f32", "f16", "u8", "u4"]),
    blocks=st.sampled_from([0, 1, 1000]),
    evicted=st.sampled_from([None, 672]),
)
def test_more_context_or_more_sequences_never_need_less(
    tokens: int, more: int, sequences: int, runner: str, kind: str, precision: str, blocks: int, evicted: int | None
) -> None:
    where = situation(
        runner=runner,
        device_kind=kind,
        key_precision=precision,
        value_precision=precision,
        cache_limit_blocks=blocks,
        evicted_to_tokens=evicted,
    )
    assert needed(where, tokens, sequences) <= needed(where, tokens + more, sequences)
    assert needed(where, tokens, sequences) <= needed(where, tokens, sequences + 1)


def test_a_finer_precision_of_the_cache_never_needs_less() -> None:
    sizes = [situation(key_precision=each, value_precision=each).block_bytes for each in ("u4", "u8", "f16", "f32")]
    assert sizes == sorted(sizes)
    assert situation(value_group=16).block_bytes > situation().block_bytes
