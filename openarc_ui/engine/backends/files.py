"""What a model's small files say: JSON and the header of a GGUF, read the same way for every backend."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from openarc_ui.engine.catalogue.gguf_header import read_gguf_header

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
MAX_JSON_BYTES = 64 * 2**20
MAX_CONTEXT_TOKENS = 2**31 - 1
MAX_PATH_CHARACTERS = 32_767
"""Windows' limit; other systems have smaller ones."""
CONFIGURATIONS = ("config.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json")
PATH_ENDINGS = ("_file", "_files", "_path")
PATH_NAMES = frozenset({"vocab", "merges", "init_inputs", "base_model_name_or_path", "weight_map"})
"""What transformers 5 hands to a tokenizer or opens under names of their own."""
NEVER_OPENED = frozenset({"special_tokens_map_file", "name_or_path", "_name_or_path"})
"""Many published models name a path of the machine they were made on here; transformers 5 only passes it along."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} when there is no such file.

    Raises:
        ValueError: the file is not JSON, holds no object or what is no text, or is far too long.
    """
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"it is longer than {MAX_JSON_BYTES} bytes")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def context_length(config: dict[str, Any]) -> int | None:
    """Tokens of prompt and answer together that a config.json allows, None where it does not say."""
    inner = config.get("text_config")
    for section in (config, inner if isinstance(inner, dict) else {}):
        for key in CONTEXT_KEYS:
            value = section.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_CONTEXT_TOKENS:
                return value
    return None


def path_outside(folder: Path) -> str:
    """What a configuration names that lies outside the model's folder, such as "tokenizer_file in tokenizer_config.json".

    transformers opens these paths as they are: absolute ones anywhere, others from the working directory or the folder.

    Returns:
        "" where nothing leads out. A file that can't be read names nothing; whoever needs it says so.
    """
    root = folder.resolve()
    files = [folder / name for name in (*CONFIGURATIONS, "adapter_config.json")]
    for file in [*files, *sorted(folder.glob("*.index.json"))]:
        try:
            content = read_json(file)
        except (OSError, ValueError):
            continue
        found = next((name for name, value in _paths(content) if _leads_out(root, value)), "")
        if found:
            return f"{found} in {file.name}"
    return ""


def needs_own_code(folder: Path, known_types: Container[str]) -> bool:
    """Whether a model can be configured only by Python files of its own folder, which its `auto_map` names.

    Many published models name some although the library has long had classes for them; then those are taken, and the files
    of the folder are never opened.

    Args:
        known_types: the `model_type`s that the library has classes for.

    Raises:
        ValueError: its config.json can't be read.
    """
    config = read_json(folder / "config.json")
    return bool(config.get("auto_map")) and config.get("model_type") not in known_types


def _paths(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name, text) of everything that is opened as a file, at any depth; what is below a name that is a path is one too."""
    if isinstance(value, str):
        if name:
            yield name, value
        return
    if isinstance(value, list):
        for each in value:
            yield from _paths(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            is_path = key in PATH_NAMES or (key.endswith(PATH_ENDINGS) and key not in NEVER_OPENED)
            yield from _paths(each, key if is_path else name)


def _leads_out(root: Path, value: str) -> bool:
    """Whether a path of a model at `root` is one of another place, by the rules of any system."""
    if not value or "\0" in value or len(value) > MAX_PATH_CHARACTERS:
        return False  # no system opens it
    is_elsewhere = value.startswith(("/", "\\")) or bool(PureWindowsPath(value).drive)
    if is_elsewhere or ".." in re.split(r"[\\/]", value):
        is_of_another_system = os.name != "nt" and "\\" in value
        return is_of_another_system or not (root / value).resolve().is_relative_to(root)
    try:
        return Path(value).is_file() and not Path(value).resolve().is_relative_to(root)
    except OSError:
        return False  # a name that is too long, or behind a folder that can't be read


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """What a GGUF file's metadata says; None where it does not."""

    architecture: str | None
    context_length: int | None
    has_chat_template: bool


def gguf_facts(path: Path) -> GgufFacts:
    """Read the metadata of a GGUF file.

    Raises:
        ValueError: the file is no GGUF.
    """
    header = read_gguf_header(path)
    return GgufFacts(header.architecture, header.context_length, header.chat_template is not None)
