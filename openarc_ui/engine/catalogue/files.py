"""The small files of a model as text, for a person to read: configurations and the chat template.

Only the names below, only inside the model folder, and never more than a page can show. It changes nothing.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.folder import PROFILE_FILE, ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.errors import InvalidRequest, nearest

Language = Literal["json", "jinja2"]

TEMPLATE = "chat_template.jinja"
FILE_LANGUAGES: dict[str, Language] = {
    "config.json": "json",
    "generation_config.json": "json",
    "tokenizer_config.json": "json",
    "openvino_config.json": "json",
    TEMPLATE: "jinja2",
    PROFILE_FILE: "json",
}
TEMPLATE_SOURCES = ("chat_template.json", "tokenizer_config.json")
MAX_TEXT_BYTES = 256 * 1024
"""A tokenizer_config.json with thousands of added tokens has megabytes, which no page highlights."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        language: for highlighting.
        source: the file it was read from; a chat template may stand in another than its name says.
        size_bytes: of the whole text, where `is_cut` says that `text` is only its beginning.
        problem: what is wrong with its bytes, one sentence; "" when nothing is.
    """

    name: str
    language: Language
    text: str
    source: str
    size_bytes: int
    is_cut: bool
    problem: str


def model_files(entry: ModelEntry) -> tuple[str, ...]:
    """Which of the files a model has."""
    return tuple(name for name in FILE_LANGUAGES if _has(entry, name))


def read_model_file(entry: ModelEntry, file_name: str) -> ModelFile:
    """One file of a model, by a name of `model_files`.

    Raises:
        InvalidRequest: it is not one of the names, the model has no such file, or it can't be read.
    """
    if file_name not in FILE_LANGUAGES:
        raise InvalidRequest(f"'{file_name}' is not a file that is shown.", nearest(file_name, FILE_LANGUAGES))
    try:
        raw, size_bytes, source = _template(entry) if file_name == TEMPLATE else _file(entry, file_name)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidRequest(
            f"{file_name} of {entry.name} can't be read: {why}.", "Look at the file itself."
        ) from error
    if raw is None:
        there = model_files(entry)
        hint = f"It has {', '.join(there)}." if there else "It has none of the files that are shown."
        raise InvalidRequest(f"{entry.name} has no {file_name}.", hint)
    text, problem = _decode(raw, is_cut=size_bytes > len(raw))
    return ModelFile(file_name, FILE_LANGUAGES[file_name], text, source, size_bytes, size_bytes > len(raw), problem)


def _has(entry: ModelEntry, name: str) -> bool:
    if name != TEMPLATE:
        return entry.kind != "gguf" and entry.file(name) is not None
    try:
        return _template(entry)[0] is not None
    except (OSError, ValueError):
        return False


def _file(entry: ModelEntry, name: str) -> tuple[bytes | None, int, str]:
    """The first bytes of a file, the size of all, and its name."""
    path = entry.file(name) if entry.kind != "gguf" else None
    if path is None:
        return None, 0, name
    with path.open("rb") as file:
        return file.read(MAX_TEXT_BYTES), path.stat().st_size, name


def _template(entry: ModelEntry) -> tuple[bytes | None, int, str]:
    """The chat template, from where this kind of model keeps it."""
    if entry.kind == "gguf":
        return _first_bytes(read_gguf_header(Path(entry.path)).chat_template, Path(entry.path).name)
    raw, size_bytes, source = _file(entry, TEMPLATE)
    for name in TEMPLATE_SOURCES if raw is None else ():
        path = entry.file(name)
        text = _text_of(read_json(path).get("chat_template")) if path is not None else None
        if text is not None:
            return _first_bytes(text, name)
    return raw, size_bytes, source


def _first_bytes(text: str | None, source: str) -> tuple[bytes | None, int, str]:
    if text is None:
        return None, 0, source
    raw = text.encode("utf-8", "replace")
    return raw[:MAX_TEXT_BYTES], len(raw), source


def _text_of(template: Any) -> str | None:
    """A template, or the default of several named ones; of several without a default all of them, as JSON."""
    if isinstance(template, list):
        named = _named(template)
        return named.get("default") or (json.dumps(named, indent=2, ensure_ascii=False) if named else None)
    return template if isinstance(template, str) else None


def _named(templates: Sequence[Any]) -> dict[str, str]:
    return {
        each["name"]: each["template"]
        for each in templates
        if isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("template"), str)
    }


def _decode(raw: bytes, *, is_cut: bool) -> tuple[str, str]:
    """The text, and what is wrong with it. The cut may stand in the middle of a character, which is no mistake."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw, final=not is_cut), ""
    except UnicodeDecodeError as error:
        problem = f"It is not UTF-8: byte {error.start} begins no character; such bytes are shown as \ufffd."
        return raw.decode("utf-8", "replace"), problem
