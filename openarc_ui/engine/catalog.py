"""The model folder: which folders and files in it are models, which backends can run them, and how big they are.

Reads nothing outside the model folder, and no weights. It knows no backend library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openarc_ui.engine.types import BackendName
from openarc_ui.errors import ModelNotFound, nearest

ModelKind = Literal["ir", "gguf", "checkpoint", "script"]
PROFILE_FILE = "openarc_profile.json"
DEPTH = 3


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model in the model folder.

    Attributes:
        name: its path below the model folder, with forward slashes.
        backends: which backends can run it, best first; empty when none can.
        cannot_run: backend -> why not.
        ov_config: the OpenVINO properties its openarc_profile.json recommends.
        size_bytes: of all its files.
    """

    name: str
    path: str
    kind: ModelKind
    backends: tuple[BackendName, ...]
    cannot_run: Mapping[str, str]
    size_bytes: int
    ov_config: Mapping[str, Any] = field(default_factory=dict)


def list_models(model_folder: Path) -> list[ModelEntry]:
    """Every model below `model_folder`, at most three folders deep, by name. A missing folder holds none."""
    root = model_folder.resolve()
    return sorted(_scan(root, root, DEPTH), key=lambda entry: entry.name.casefold()) if root.is_dir() else []


def find_model(model_folder: Path, model_path: str) -> ModelEntry:
    """The entry that `model_path` names: a name of the catalogue, or a path inside the model folder.

    Raises:
        ModelNotFound: nothing there, or outside the model folder.
    """
    root = model_folder.resolve()
    entries = list_models(root)
    for entry in entries:
        if model_path in (entry.name, Path(entry.name).name):
            return entry
    wanted = (root / model_path).resolve()
    if wanted != root and not wanted.is_relative_to(root):
        raise ModelNotFound(
            f"'{model_path}' is outside the model folder.",
            "Put the model into the model folder, or start OpenArc with another one.",
        )
    for entry in entries:
        if Path(entry.path) == wanted:
            return entry
    hint = nearest(model_path, [entry.name for entry in entries]) or "The model folder holds no model yet."
    raise ModelNotFound(f"No model '{model_path}' in the model folder.", hint)


def _scan(folder: Path, root: Path, depth: int) -> Iterator[ModelEntry]:
    entry = _entry_of_folder(folder, root) if folder != root else None
    if entry is not None:
        yield entry
        return
    for child in sorted(folder.iterdir()):
        if child.name.startswith(".") or not child.resolve().is_relative_to(root):
            continue
        if child.is_dir() and depth > 0:
            yield from _scan(child, root, depth - 1)
        elif child.suffix.lower() == ".gguf" and child.is_file():
            yield ModelEntry(
                child.relative_to(root).as_posix(),
                str(child),
                "gguf",
                ("genai",),
                {"optimum": "reads OpenVINO folders and Hugging Face checkpoints, not GGUF"},
                child.stat().st_size,
            )


def _entry_of_folder(folder: Path, root: Path) -> ModelEntry | None:
    kind = _kind_of(folder)
    if kind is None:
        return None
    cannot_run = _cannot_run(folder, kind)
    preferred: tuple[BackendName, ...] = ("scripted",) if kind == "script" else ("genai", "optimum")
    size_bytes = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return ModelEntry(
        name=folder.relative_to(root).as_posix(),
        path=str(folder),
        kind=kind,
        backends=tuple(backend for backend in preferred if backend not in cannot_run),
        cannot_run=cannot_run,
        size_bytes=size_bytes,
        ov_config=_profile(folder),
    )


def _kind_of(folder: Path) -> ModelKind | None:
    if (folder / "script.json").is_file():
        return "script"
    if (folder / "openvino_model.xml").is_file():
        return "ir"
    if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
        return "checkpoint"
    return None


def _cannot_run(folder: Path, kind: ModelKind) -> dict[str, str]:
    """Backend -> the file it misses, for the two real backends."""
    if kind == "script":
        return {}
    reasons: dict[str, str] = {}
    if kind == "checkpoint":
        reasons["genai"] = "needs an OpenVINO folder; load it with Optimum and export_model"
    elif not (folder / "openvino_tokenizer.xml").is_file() or not (folder / "openvino_detokenizer.xml").is_file():
        reasons["genai"] = "openvino_tokenizer.xml or openvino_detokenizer.xml is missing"
    if kind == "ir" and not (folder / "openvino_model.bin").is_file():
        reasons["genai"] = reasons["optimum"] = "openvino_model.bin is missing"
    elif not (folder / "config.json").is_file():
        reasons["optimum"] = "config.json is missing"
    elif not any(
        (folder / name).is_file()
        for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    ):
        reasons["optimum"] = "the Hugging Face tokenizer is missing"
    return reasons


def _profile(folder: Path) -> dict[str, Any]:
    """The recommended ov_config; a profile that can't be read recommends nothing."""
    try:
        profile = json.loads((folder / PROFILE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    config = profile.get("ov_config") if isinstance(profile, dict) else None
    return dict(config) if isinstance(config, dict) else {}
