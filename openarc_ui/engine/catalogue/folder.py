"""One look at the model folder: which folders and files in it are models, and which backends can run them.

Reads names, sizes, small profiles and the first bytes of GGUF files; nothing outside the model folder, and no weights.
A broken model is an entry too, with what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.gguf_header import read_gguf_architecture
from openarc_ui.engine.catalogue.parts import missing_parts, problem_of_part
from openarc_ui.engine.explain import explain
from openarc_ui.engine.frozen import is_text
from openarc_ui.engine.types import BackendName, LoadRequest

ModelKind = Literal["ir", "gguf", "checkpoint", "script"]
PROFILE_FILE = "openarc_profile.json"
DEPTH = 3
TEMPORARY_ENDINGS = (".tmp", ".part", ".incomplete")
GGUF_ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""What GenAI's GGUF reader builds; it refuses every other with "Unsupported model architecture" (gguf_modeling.cpp)."""
NO_GGUF = "reads OpenVINO folders and Hugging Face checkpoints, not GGUF"
TOKENIZER_IR = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model in the model folder.

    Attributes:
        name: its path below the model folder, with forward slashes.
        backends: which backends can run it, best first; empty when none can.
        cannot_run: backend -> why not.
        ov_config: the OpenVINO properties its openarc_profile.json recommends.
        size_bytes: of all its files.
        problems: what is wrong with the whole of it, one sentence each, as far as names and first bytes tell.
    """

    name: str
    path: str
    kind: ModelKind
    backends: tuple[BackendName, ...]
    cannot_run: Mapping[str, str]
    size_bytes: int
    ov_config: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def file(self, name: str) -> Path | None:
        """A file of its folder; None where there is none, or a link that leaves the model folder."""
        path = Path(self.path) / name
        if not path.is_file():
            return None
        root = Path(self.path).parents[self.name.count("/")]
        return path if path.resolve().is_relative_to(root) else None


@dataclass(frozen=True, slots=True)
class _Listing:
    """What stands in a folder. Links that leave the model folder are named, and nothing more is asked of them."""

    sizes: Mapping[str, int]
    folders: tuple[Path, ...]
    outside: tuple[str, ...]

    def has(self, *names: str) -> bool:
        return all(name in self.sizes for name in names)

    def ending(self, suffix: str) -> list[str]:
        return [name for name in self.sizes if name.lower().endswith(suffix)]

    def everything(self) -> tuple[str, ...]:
        """Every file, and every link that leads out: whoever looks for a name has it either way."""
        return (*self.sizes, *self.outside)


def scan(root: Path) -> list[ModelEntry]:
    """Every model below `root`, which must be resolved, at most three folders deep, by name."""
    entries = (_in_text(entry) for entry in _scan(root, root, DEPTH))
    return sorted(entries, key=lambda entry: (entry.name.casefold(), entry.name))


def without_backends(entry: ModelEntry, problem: str) -> dict[str, str]:
    """The reason against every real backend, for what is wrong with the whole of a model."""
    keeps = {"optimum": NO_GGUF} if entry.kind == "gguf" else {"optimum": problem}
    return {"genai": problem} | keeps


def _scan(folder: Path, root: Path, depth: int) -> Iterator[ModelEntry]:
    try:
        listing = _list(folder, root)
    except FileNotFoundError:
        return
    except OSError as error:
        if folder != root:
            yield _broken(folder, root, f"The folder can't be read: {error.strerror}.")
        return
    ggufs = [name for name in listing.ending(".gguf") if not name.startswith(".")]
    for name in ggufs:
        yield _gguf(folder / name, root, listing)
    judged = _judge(listing) if folder != root else None
    if judged is not None and judged.has_weights:
        yield _entry(folder, root, listing, judged)
        return
    below = [entry for child in listing.folders if depth > 0 for entry in _scan(child, root, depth - 1)]
    # What stands beside a GGUF, such as the config.json of its repository, is no broken model.
    if judged is not None and not below and not ggufs:
        yield _entry(folder, root, listing, judged)
    yield from below


def _list(folder: Path, root: Path) -> _Listing:
    sizes: dict[str, int] = {}
    folders: list[Path] = []
    outside: list[str] = []
    with os.scandir(folder) as children:
        for child in sorted(children, key=lambda each: each.name):
            if child.is_symlink():
                target = Path(child.path).resolve()
                if not target.is_relative_to(root):
                    outside.append(child.name)
                    continue
                if folder.is_relative_to(target):
                    continue
            if child.is_file():
                sizes[child.name] = child.stat().st_size
            elif child.is_dir() and not child.name.startswith(".") and not child.name.endswith(TEMPORARY_ENDINGS):
                folders.append(folder / child.name)
    return _Listing(sizes, tuple(folders), tuple(outside))


@dataclass(frozen=True, slots=True)
class _Judgement:
    kind: ModelKind
    has_weights: bool
    problem: str = ""


def _judge(listing: _Listing) -> _Judgement | None:
    """What a folder is by the names in it; None when it has nothing of a model."""
    parts = [
        name
        for name in listing.ending(".xml")
        if name.startswith("openvino_") and name not in (*TOKENIZER_IR, "openvino_model.xml")
    ]
    others = [
        name for name in listing.ending(".xml") if name[:-4] + ".bin" in listing.sizes and name not in TOKENIZER_IR
    ]
    if listing.has("script.json"):
        return _Judgement("script", True)
    if listing.has("openvino_model.xml"):
        problem = "" if listing.has("openvino_model.bin") else "openvino_model.bin is missing"
        return _Judgement("ir", True, problem)
    if listing.has("model_index.json"):
        return _Judgement("ir", True, "it is a pipeline of several models (model_index.json), not a text-only model")
    if parts:
        return _Judgement("ir", True, f"it is not a text-only model: {parts[0]} in place of openvino_model.xml")
    if listing.has("openvino_model.bin"):
        return _Judgement("ir", True, "openvino_model.xml is missing")
    if listing.ending(".safetensors"):
        missing = missing_parts(listing.everything(), ".safetensors")
        return _Judgement("checkpoint", True, missing if listing.has("config.json") else "config.json is missing")
    if others:
        return _Judgement("ir", True, f"its model is named {others[0]}; both backends look for openvino_model.xml")
    if any(name in listing.sizes for name in TOKENIZER_IR):
        return _Judgement("ir", False, "it holds a tokenizer and no model")
    if any(name in listing.sizes for name in (*TOKENIZERS, "config.json")):
        return _Judgement("checkpoint", False, "it holds no weights")
    return None


def _entry(folder: Path, root: Path, listing: _Listing, judged: _Judgement) -> ModelEntry:
    problems = [judged.problem] if judged.problem else []
    if listing.outside:
        problems.append(f"{listing.outside[0]} is a link out of the model folder")
    cannot_run = _cannot_run(listing, judged.kind)
    if problems and judged.kind != "script":
        cannot_run = dict.fromkeys(("genai", "optimum"), problems[0])
    ov_config, profile_problem = _profile(folder) if listing.has(PROFILE_FILE) else ({}, "")
    problems += [profile_problem] if profile_problem else []
    preferred: tuple[BackendName, ...] = ("scripted",) if judged.kind == "script" else ("genai", "optimum")
    return ModelEntry(
        name=folder.relative_to(root).as_posix(),
        path=str(folder),
        kind=judged.kind,
        backends=tuple(backend for backend in preferred if backend not in cannot_run),
        cannot_run=cannot_run,
        size_bytes=sum(listing.sizes.values()) + _tree_bytes(folder),
        ov_config=ov_config,
        problems=tuple(_sentence(problem) for problem in problems),
    )


def _cannot_run(listing: _Listing, kind: ModelKind) -> dict[str, str]:
    """Backend -> the file it misses, for the two real backends."""
    if kind == "script":
        return {}
    reasons: dict[str, str] = {}
    if kind == "checkpoint":
        reasons["genai"] = "needs an OpenVINO folder; load it with Optimum and export_model"
    elif not listing.has(*TOKENIZER_IR):
        reasons["genai"] = "openvino_tokenizer.xml or openvino_detokenizer.xml is missing"
    if not listing.has("config.json"):
        reasons["optimum"] = "config.json is missing"
    elif not any(name in listing.sizes for name in TOKENIZERS):
        reasons["optimum"] = "the Hugging Face tokenizer is missing"
    return reasons


def _gguf(path: Path, root: Path, listing: _Listing) -> ModelEntry:
    """A GGUF file, judged by its first bytes and its name."""
    problem, reason = problem_of_part(path.name, listing.everything()), ""
    try:
        architecture = read_gguf_architecture(path)
        if architecture is not None and architecture not in GGUF_ARCHITECTURES:
            reason = f"its GGUF reader runs {', '.join(GGUF_ARCHITECTURES)}, not {architecture}"
    except ValueError as error:
        problem = f"it is no whole GGUF file: {error}"
    except OSError as error:
        problem = f"it can't be read: {error.strerror}"
    cannot_run = {"optimum": NO_GGUF} | ({"genai": problem or reason} if problem or reason else {})
    return ModelEntry(
        name=path.relative_to(root).as_posix(),
        path=str(path),
        kind="gguf",
        backends=() if problem or reason else ("genai",),
        cannot_run=cannot_run,
        size_bytes=listing.sizes[path.name],
        problems=(_sentence(problem),) if problem else (),
    )


def _broken(folder: Path, root: Path, problem: str) -> ModelEntry:
    cannot_run = dict.fromkeys(("genai", "optimum"), "the folder can't be read")
    return ModelEntry(folder.relative_to(root).as_posix(), str(folder), "ir", (), cannot_run, 0, {}, (problem,))


def _tree_bytes(folder: Path, is_top: bool = True) -> int:
    """Of all files in the folders below `folder`; links are not followed, and what can't be read counts nothing."""
    size_bytes = 0
    try:
        with os.scandir(folder) as children:
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    size_bytes += _tree_bytes(Path(child.path), is_top=False)
                elif not is_top:
                    size_bytes += child.stat(follow_symlinks=False).st_size
    except OSError:
        return size_bytes
    return size_bytes


def _in_text(entry: ModelEntry) -> ModelEntry:
    """A name of bytes that are no text shows as ?, since no answer could carry it; such a model can't be asked for."""
    if is_text(entry.name) and all(map(is_text, (*entry.problems, *entry.cannot_run.values()))):
        return entry
    problems = tuple(_shown(problem) for problem in entry.problems)
    cannot_run = {backend: _shown(why) for backend, why in entry.cannot_run.items()}
    if is_text(entry.name):
        return replace(entry, problems=problems, cannot_run=cannot_run)
    problem = "its name is not text in UTF-8; rename it"
    kinds = ("scripted",) if entry.kind == "script" else ("genai", "optimum")
    return replace(
        entry,
        name=_shown(entry.name),
        backends=(),
        cannot_run=cannot_run | dict.fromkeys(kinds, problem),
        problems=(_sentence(problem), *problems),
    )


def _shown(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _profile(folder: Path) -> tuple[dict[str, Any], str]:
    """The recommended ov_config, or what is wrong with it: then nothing is recommended."""
    try:
        config = read_json(folder / PROFILE_FILE).get("ov_config", {})
        return dict(LoadRequest(model_path=".", ov_config=config).ov_config), ""
    except ValidationError as error:
        return {}, f"{PROFILE_FILE}: {explain(error.errors(include_url=False), {}).message}"
    except (OSError, ValueError) as error:
        return {}, f"{PROFILE_FILE} can't be read: {error}"


def _sentence(problem: str) -> str:
    """A problem as a sentence of its own; a file name at its beginning keeps its small letter."""
    begin = problem[:1].upper() + problem[1:] if problem.startswith(("it ", "its ")) else problem
    return begin if begin.endswith(".") else begin + "."
