"""Our own rules about an ov_config: the mistakes that a plugin lets through, and what will not do what it seems to.

Each rule is a function from a `Setting` to findings. Measured on OpenVINO 2026.4.1; the reasons stand in the traps of
assets/help/traps.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from openarc_ui.engine.findings import Finding
from openarc_ui.engine.types import PropertyValue

KV_PROPERTIES = ("KV_CACHE_PRECISION", "KEY_CACHE_PRECISION", "VALUE_CACHE_PRECISION")
SMALL_KV_TYPES = frozenset({"u8", "u4"})
CACHE_FOLDER_PROPERTIES = ("CACHE_DIR", "NPUW_CACHE_DIR")
LONGEST_PATH = 200
MODEL_FOLDER_PROPERTIES = ("WEIGHTS_PATH",)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the rules look at.

    Attributes:
        members: the real devices behind `device`.
        backend: the backend that will run the model; "" while that is open.
        is_paged: it runs with continuous batching over paged attention.
        is_cache_fixed: the scheduler limits the KV cache, so that it has its size from the start.
        capabilities: of the first member, such as FP32, BF16, INT8.
    """

    device: str
    members: tuple[str, ...]
    backend: str
    is_paged: bool
    is_cache_fixed: bool
    ov_config: Mapping[str, PropertyValue]
    capabilities: frozenset[str]
    model_folder: Path
    cache_folder: Path | None

    @property
    def is_cpu_only(self) -> bool:
        return all(member.startswith("CPU") for member in self.members)

    @property
    def head(self) -> str:
        return self.device.partition(":")[0]

    def text(self, name: str) -> str:
        """A value as plain lower-case text, "" when it is not set."""
        value = self.ov_config.get(name)
        return "" if value is None else str(value).strip().casefold()


Rule = Callable[[Setting], Iterator[Finding]]


def findings(setting: Setting) -> list[Finding]:
    """What every rule has to say."""
    return [found for rule in RULES for found in rule(setting)]


def _error(name: str, message: str, hint: str, trap: str) -> Finding:
    return Finding(f"ov_config.{name}" if name else "device", "error", "rules", message, hint, trap)


def _warning(name: str, message: str, hint: str, trap: str) -> Finding:
    return Finding(f"ov_config.{name}" if name else "device", "warning", "rules", message, hint, trap)


def _negative_numbers(setting: Setting) -> Iterator[Finding]:
    for name, value in setting.ov_config.items():
        if name.endswith("GROUP_SIZE") and _number(value) is not None and (_number(value) or 0) < 0:
            yield _error(
                name,
                f"{name} can't be negative, got {value}.",
                "0 leaves the size to the plugin, which would wrap a negative one to 2^64.",
                "negative_group_size",
            )


def _kv_precision(setting: Setting) -> Iterator[Finding]:
    """What a CPU was measured to compile with; see the traps."""
    if not setting.is_cpu_only:
        return
    both = setting.text("KV_CACHE_PRECISION")
    kept = {"KV_CACHE_PRECISION": both} | {name: setting.text(name) or both for name in KV_PROPERTIES[1:]}
    usable = SMALL_KV_TYPES | (_float_types(setting) if setting.is_paged else frozenset({"bf16", "f16", "f32"}))
    for name, wanted in kept.items():
        if setting.text(name) and wanted not in usable:
            how = "With continuous batching the CPU" if setting.is_paged else "The CPU"
            more = "; f32 needs INFERENCE_PRECISION_HINT f32 as well" if wanted == "f32" else ""
            yield _error(
                name,
                f"{how} can't keep the KV cache in {wanted} here.",
                f"Use {', '.join(sorted(usable))}{more}.",
                "kv_cache_precision",
            )
            return
    if setting.is_paged:
        yield from _keys_and_values(setting, kept)
        yield from _growing_u4(setting, kept)


def _keys_and_values(setting: Setting, kept: Mapping[str, str]) -> Iterator[Finding]:
    """Paged attention wants keys and values of one kind: both small integers, or both floats."""
    key, value = (kept[name] or "u8" for name in KV_PROPERTIES[1:])
    if (key in SMALL_KV_TYPES) != (value in SMALL_KV_TYPES):
        culprit = next(name for name in (*KV_PROPERTIES[1:], KV_PROPERTIES[0]) if setting.text(name))
        yield _error(
            culprit,
            f"Keys in {key} do not go with values in {value}.",
            "Set KV_CACHE_PRECISION for both, or choose u8 or u4 for both.",
            "key_value_precision",
        )


def _growing_u4(setting: Setting, kept: Mapping[str, str]) -> Iterator[Finding]:
    """A u4 cache that grows ends the process (measured); one of a fixed size does not."""
    culprit = next((name for name in kept if setting.text(name) == "u4"), None)
    if culprit is not None and not setting.is_cache_fixed:
        yield _error(
            culprit,
            "A u4 cache that grows ends the process on a CPU.",
            "Set cache_size or num_kv_blocks in the scheduler, or use u8.",
            "growing_u4_cache",
        )


def _float_types(setting: Setting) -> frozenset[str]:
    """The float types a cache may have beside a computation in f32, or else in bf16."""
    hint = setting.text("INFERENCE_PRECISION_HINT")
    if hint in ("undefined", "dynamic"):
        return frozenset({"f32", "f16", "bf16"})
    is_accurate = not hint and setting.text("EXECUTION_MODE_HINT") == "accuracy"
    if hint in ("f32", "fp32") or is_accurate or not setting.capabilities & {"BF16", "FP16"}:
        return frozenset({"f32", "f16"})
    return frozenset({"bf16", "f16"})


def _several_devices(setting: Setting) -> Iterator[Finding]:
    """A language model keeps its state on one device; and paged attention runs as if the composite were not there."""
    if setting.head in ("AUTO", "MULTI") and setting.text("PERFORMANCE_HINT") == "cumulative_throughput":
        yield _error(
            "PERFORMANCE_HINT",
            "A language model keeps its state on one device, so CUMULATIVE_THROUGHPUT is refused.",
            "Use LATENCY or THROUGHPUT; for several devices load the model once on each.",
            "cumulative_throughput",
        )
    if setting.head == "MULTI" and len(setting.members) > 1:
        yield _error(
            "",
            "A language model keeps its state on one device, so MULTI over several is refused.",
            "Load the model once on each device, or use HETERO to split it.",
            "cumulative_throughput",
        )
    elif setting.head == "MULTI" and setting.is_paged:
        yield _error(
            "",
            "With continuous batching a model does not load on MULTI.",
            f"Use {setting.members[0]} itself, or ATTENTION_BACKEND SDPA, or Optimum.",
            "cumulative_throughput",
        )
    if setting.is_paged and "DEVICE_PROPERTIES" in setting.ov_config:
        yield _error(
            "DEVICE_PROPERTIES",
            "Continuous batching ignores DEVICE_PROPERTIES.",
            "Set the properties themselves; they reach every member that knows them.",
            "composite_swallows_unknown",
        )


def _threads(setting: Setting) -> Iterator[Finding]:
    wanted, processors = _number(setting.ov_config.get("INFERENCE_NUM_THREADS")), psutil.cpu_count() or 1
    if wanted is not None and wanted > processors and any(member.startswith("CPU") for member in setting.members):
        yield _warning(
            "INFERENCE_NUM_THREADS",
            f"This machine has {processors} logical processors; more threads are cut to that.",
            "Leave it out to let OpenVINO choose.",
            "threads_are_clipped",
        )
    asks_for_both = setting.ov_config.get("ENABLE_HYPER_THREADING") is True
    if asks_for_both and setting.is_cpu_only and processors == psutil.cpu_count(logical=False):
        yield _warning(
            "ENABLE_HYPER_THREADING",
            "This machine shows one logical processor a core, so there is nothing to enable.",
            "",
            "hyper_threading",
        )


def _what_it_seems(setting: Setting) -> Iterator[Finding]:
    """Values that are taken and then mean something else."""
    if setting.ov_config.get("ENABLE_CPU_RESERVATION") is True:
        yield _warning(
            "ENABLE_CPU_RESERVATION",
            "It reserves the cores within this model's own process only; other models and programs still use them.",
            "",
            "cpu_reservation",
        )
    asks_for_f16 = setting.text("INFERENCE_PRECISION_HINT") in ("f16", "fp16")
    if asks_for_f16 and setting.is_cpu_only and "FP16" not in setting.capabilities:
        instead = "bf16" if "BF16" in setting.capabilities else "f32"
        yield _warning(
            "INFERENCE_PRECISION_HINT",
            f"This CPU does not compute in f16; it will take {instead}.",
            f"Ask for {instead} to say what will be used.",
            "f16_becomes_bf16",
        )
    if setting.text("PERFORMANCE_HINT") == "throughput" and setting.is_cpu_only:
        yield _warning(
            "PERFORMANCE_HINT",
            "THROUGHPUT splits the cores into streams; one answer uses one stream.",
            "For language models LATENCY is faster, and continuous batching serves many users.",
            "throughput_streams",
        )


def _accuracy(setting: Setting) -> Iterator[Finding]:
    """EXECUTION_MODE_HINT ACCURACY against the precisions beside it, as measured with paged attention."""
    if not setting.is_cpu_only or setting.text("EXECUTION_MODE_HINT") != "accuracy":
        return
    trap = "accuracy_turns_kv_to_f32"
    hint = setting.text("INFERENCE_PRECISION_HINT")
    if setting.is_paged and hint in ("bf16", "f16", "fp16"):
        yield _error(
            "EXECUTION_MODE_HINT",
            f"ACCURACY keeps the KV cache in f32, which does not go with computing in {hint}.",
            "Leave one of the two out.",
            trap,
        )
    elif setting.text("KV_CACHE_PRECISION") in SMALL_KV_TYPES:
        yield _warning(
            "KV_CACHE_PRECISION",
            "With ACCURACY the KV cache stays in f32, although the device reports the smaller type.",
            "Leave EXECUTION_MODE_HINT out for a smaller cache.",
            trap,
        )
    else:
        yield _warning(
            "EXECUTION_MODE_HINT",
            "ACCURACY computes in f32 and keeps the KV cache in f32, more than three times the memory of u8.",
            "Leave it out for a smaller cache.",
            trap,
        )


def _paths(setting: Setting) -> Iterator[Finding]:
    """Nothing outside our folders is read or written because a request asked."""
    for names, folder, whose, trap in (
        (CACHE_FOLDER_PROPERTIES, setting.cache_folder, "OpenArc's cache folder", "cache_dir_outside"),
        (MODEL_FOLDER_PROPERTIES, setting.model_folder, "the model folder", "paths_outside"),
    ):
        for name in names:
            value = setting.ov_config.get(name)
            if value in (None, "") or (folder is not None and _is_below(folder, str(value))):
                continue
            yield _error(
                name,
                f"{name} must stay inside {whose}.",
                f"Leave it out, give a folder below {whose}, or an empty text to switch it off.",
                trap,
            )
    for name in setting.ov_config:
        if name.startswith("NPUW_DUMP"):
            yield _error(name, f"{name} would write files of its own.", "Leave it out.", "paths_outside")


def _useless_cache(setting: Setting) -> Iterator[Finding]:
    wanted = str(setting.ov_config.get("CACHE_DIR") or "")
    is_ours = setting.cache_folder is not None and _is_below(setting.cache_folder, wanted)
    if wanted and is_ours and setting.is_paged and setting.is_cpu_only:
        yield _warning(
            "CACHE_DIR",
            "With continuous batching on the CPU the cache is written, as large as the model, and saves no time.",
            "Leave it out.",
            "",
        )


def _npu(setting: Setting) -> Iterator[Finding]:
    if not any(member.startswith("NPU") for member in setting.members):
        return
    if setting.backend == "optimum":
        yield _error("", "Optimum can't run a language model on an NPU.", "Choose the GenAI backend.", "npu_limits")
    else:
        yield _warning(
            "",
            "An NPU reads prompts of at most MAX_PROMPT_LEN tokens (1024 unless set), one request at a time, "
            "and wants symmetric 4-bit weights.",
            "Not run on hardware by OpenArc's tests.",
            "npu_limits",
        )


def _is_below(folder: Path, value: str) -> bool:
    """A relative path counts from the folder, which is not below itself."""
    if "\0" in value or len(value) > LONGEST_PATH:
        return False
    whole, root = (folder / value).resolve(), folder.resolve()
    return whole != root and whole.is_relative_to(root)


def _number(value: PropertyValue | None) -> float | None:
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


RULES: tuple[Rule, ...] = (
    _negative_numbers,
    _kv_precision,
    _several_devices,
    _threads,
    _what_it_seems,
    _accuracy,
    _paths,
    _useless_cache,
    _npu,
)
