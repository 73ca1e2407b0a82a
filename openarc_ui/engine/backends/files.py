"""What a model's small files say: JSON and the header of a GGUF, read the same way for every backend."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openarc_ui.engine.catalogue.gguf_header import read_gguf_header

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
MAX_JSON_BYTES = 64 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} when there is no such file.

    Raises:
        ValueError: the file is not JSON, holds no object, or is far too long.
    """
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"it is longer than {MAX_JSON_BYTES} bytes")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
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
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


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
