"""What a model folder's small JSON files say; read the same way for every backend."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} when there is no such file.

    Raises:
        ValueError: the file is not JSON.
    """
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def context_length(config: dict[str, Any]) -> int | None:
    """Tokens of prompt and answer together that a config.json allows, None where it does not say."""
    for section in (config, config.get("text_config") or {}):
        for key in CONTEXT_KEYS:
            if isinstance(section.get(key), int):
                return int(section[key])
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
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    lengths = [int(field.contents()) for name, field in fields.items() if name.endswith(".context_length")]
    architecture = fields.get("general.architecture")
    return GgufFacts(
        architecture=str(architecture.contents()) if architecture is not None else None,
        context_length=lengths[0] if lengths else None,
        has_chat_template="tokenizer.chat_template" in fields,
    )
