"""Which files of a repository are needed to run or convert its model: one format of its weights, and what stands beside them.

Decided by names alone, before anything is fetched. Whoever knows better names the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

PREFERRED = ("Q4_K_M", "Q4_0", "Q4_1", "Q8_0", "Q4_K_S", "Q5_K_M", "Q6_K", "F16", "BF16", "F32")
"""Quantisations of a GGUF, by what a person most likely wants: small without losing much, then what GenAI's reader takes."""
_QUANTISATION = re.compile(
    r"(?:^|[.\-_/])((?:UD-)?(?:I?Q\d\w*|B?F16|F32|FP16|FP32|MXFP4\w*))(?=[.\-/]|$)", re.IGNORECASE
)
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_VARIANT = re.compile(r"\.(fp16|fp32|bf16|int8|non_ema|8bit|4bit)\b", re.IGNORECASE)
_NEVER_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".pdf", ".mp4", ".mov", ".ipynb", ".csv", ".parquet", ".zip"),
    *(".tar.gz", ".msgpack", ".h5", ".ot", ".tflite", ".mlmodel", ".mlpackage", ".pte", ".engine", ".nemo", ".ggml"),
    *(".llamafile", ".lock", ".log", ".tfevents", ".metal"),
)
_NEVER_NAMES = (
    *(".gitattributes", ".gitignore", "training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt"),
    "script.json",  # would make the folder a scripted model, which answers with whatever somebody wrote in there
)
_NEVER_FOLDERS = (
    "original",
    "onnx",
    "coreml",
    "runs",
    "logs",
    "metal",
    ".cache",
    "figures",
    "assets",
    "images",
    "imgs",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
OF_PICKLES = "Its weights are pickles of PyTorch, which OpenArc can neither run nor convert"
ONLY_PICKLES = f"{OF_PICKLES}, so no file is chosen; look for a repository with OpenVINO IR, safetensors or a GGUF."
_NO_WEIGHTS = (
    ".json",
    ".txt",
    ".jinja",
    ".model",
    ".md",
    ".xml",
    ".py",
    ".tiktoken",
    ".yaml",
    ".yml",
    ".spm",
    ".vocab",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is fetched unless somebody names files, and a sentence where that is a choice among several."""

    paths: frozenset[str]
    words: str = ""


def chosen(paths: Iterable[str]) -> Choice:
    """The files of a repository that are needed."""
    useful = [path for path in paths if not _is_never_needed(path)]
    ggufs = [path for path in useful if path.lower().endswith(".gguf")]
    others = [path for path in useful if path not in ggufs and not path.lower().endswith(".onnx")]
    if any(path.lower().endswith(".xml") and f"{path[:-4]}.bin" in others for path in others):
        return Choice(frozenset(path for path in others if not _is_of_pytorch(path, others)))
    tensors = [path for path in others if path.lower().endswith(".safetensors")]
    if tensors:
        doubles = {path for path in others if path.lower().endswith(PICKLES) or ".bin.index." in path.lower()}
        return Choice(frozenset(others) - doubles - _double_tensors(tensors))
    if ggufs:
        return _one_gguf(ggufs, others)
    if any(path.lower().endswith(PICKLES) for path in others):
        return Choice(frozenset(), ONLY_PICKLES)  # nothing of it is needed: gigabytes that nobody could run or convert
    return Choice(frozenset(others))


def _is_never_needed(path: str) -> bool:
    parts = PurePosixPath(path.lower()).parts
    return (
        parts[-1].endswith(_NEVER_ENDINGS)
        or parts[-1] in _NEVER_NAMES
        or parts[-1].startswith(("events.out.", "rng_state", "mmproj", "imatrix"))
        or any(part in _NEVER_FOLDERS or part.startswith("checkpoint-") for part in parts[:-1])
    )


def _is_of_pytorch(path: str, others: Sequence[str]) -> bool:
    """Weights beside an IR that are no half of one: OpenVINO's .bin has an .xml of its name."""
    lower = path.lower()
    if lower.endswith(".safetensors") or ".safetensors.index." in lower or ".bin.index." in lower:
        return True
    return lower.endswith(PICKLES) and f"{path.rpartition('.')[0]}.xml" not in others


def _double_tensors(tensors: Sequence[str]) -> frozenset[str]:
    """Safetensors that hold the same weights once more: a maker's own shards, another precision."""
    plain = [path for path in tensors if not _VARIANT.search(path)]
    doubles = {path for path in tensors if _VARIANT.search(path)} if plain else set()
    if any(PurePosixPath(path).name.startswith("model") for path in plain):
        doubles |= {path for path in tensors if PurePosixPath(path).name.startswith("consolidated")}
    return frozenset(doubles)


def _one_gguf(ggufs: Sequence[str], others: Sequence[str]) -> Choice:
    """One quantisation with all of its parts, and the small files beside it."""
    groups: dict[str, list[str]] = {}
    for path in sorted(ggufs):
        groups.setdefault(_PART.sub("", path), []).append(path)
    name = min(groups, key=_rank(groups))
    beside = {path for path in others if path.lower().endswith(_NO_WEIGHTS) or "licen" in path.lower()}
    words = ""
    if len(groups) > 1:
        what = quantisation_of(name) or PurePosixPath(groups[name][0]).name
        words = f"{what} is taken of {len(groups)} GGUF models in there; name files for another."
    return Choice(frozenset({*groups[name], *beside}), words)


def _rank(groups: dict[str, list[str]]) -> Callable[[str], tuple[bool, int, str]]:
    """The preferred quantisation first; one file before several, which GenAI does not read."""
    order = {name: rank for rank, name in enumerate(PREFERRED)}

    def rank(name: str) -> tuple[bool, int, str]:
        return len(groups[name]) > 1, order.get(quantisation_of(name), len(order)), name

    return rank


def quantisation_of(path: str) -> str:
    """Such as "Q4_K_M", by the file's name; "" where it says none."""
    found = _QUANTISATION.findall(path.removesuffix(".gguf").removesuffix(".GGUF"))
    return found[-1].upper() if found else ""
