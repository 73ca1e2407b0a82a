"""A person's own texts for a conversion that looks at data: a .txt or .jsonl file of the model folder, found, read and bounded.

Nothing is fetched, and the texts are told to nobody: the result's folder has the file's name alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openarc_ui.errors import InvalidRequest, nearest

ENDINGS: Final = (".txt", ".jsonl")
MOST_FILE_BYTES: Final = 16_000_000
MOST_TEXTS: Final = 1000
MOST_CHARACTERS: Final = 4000
"""Of one text, about a thousand tokens: all that one weighs is in memory at once, in float32."""
USUAL_TEXTS: Final = 128
"""What Optimum reads where `num-samples` is not set."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What a file holds.

    Attributes:
        texts: at most `MOST_TEXTS`, none longer than `MOST_CHARACTERS`, none empty.
        cut: how many were longer.
        left_out: how many came behind the last one.
    """

    texts: tuple[str, ...]
    cut: int = 0
    left_out: int = 0


def is_own(dataset: object) -> bool:
    """Whether a `dataset` is the name of such a file, by its ending."""
    return isinstance(dataset, str) and dataset.lower().endswith(ENDINGS)


def texts_files(model_folder: Path) -> tuple[str, ...]:
    """Names of the files that could be one, by name: in the model folder itself, not below it."""
    try:
        found = [each for each in model_folder.iterdir() if is_own(each.name) and not each.name.startswith(".")]
        return tuple(sorted(each.name for each in found if each.is_file() and not each.is_symlink()))
    except OSError:
        return ()


def find_texts(model_folder: Path, name: str) -> Path:
    """Where such a file lies.

    Raises:
        InvalidRequest: there is none of this name.
    """
    known = texts_files(model_folder)
    if name not in known:
        where = f"There is no file '{name[:200]}' with texts in the model folder."
        hint = "Put it into the model folder itself: texts with an empty line between them (.txt), or one JSON a line (.jsonl)."
        raise InvalidRequest(where, nearest(name, known) or hint)
    return model_folder / name


def require_texts(model_folder: Path, name: str) -> Texts:
    """The texts, before anything begins.

    Raises:
        InvalidRequest: there is no such file, or it can't be read.
    """
    path = find_texts(model_folder, name)
    try:
        return read_texts(path)
    except ValueError as error:
        raise InvalidRequest(f"The texts can't be used: {error}.", "Mend the file, or set dataset to auto.") from None
    except OSError as error:
        raise InvalidRequest(f"'{name}' can't be read: {error.strerror}.", "Look at the file's permissions.") from None


def read_texts(path: Path) -> Texts:
    """The texts of a file.

    Raises:
        ValueError: it is too large, no UTF-8, a line of it is no JSON with a text, or it holds none.
        OSError: it can't be read.
    """
    size_bytes = path.stat().st_size
    if size_bytes > MOST_FILE_BYTES:
        raise ValueError(f"{path.name} has {size_bytes / 1e6:.1f} MB, and at most {MOST_FILE_BYTES / 1e6:.0f} are read")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not UTF-8: byte {error.start} begins no character") from None
    all_texts = list(_of_lines(path.name, content) if path.suffix.lower() == ".jsonl" else _of_paragraphs(content))
    if not all_texts:
        raise ValueError(f"{path.name} holds no text")
    texts = tuple(text[:MOST_CHARACTERS] for text in all_texts[:MOST_TEXTS])
    cut = sum(len(text) > MOST_CHARACTERS for text in all_texts[:MOST_TEXTS])
    return Texts(texts, cut, len(all_texts) - len(texts))


def texts_note(name: str, found: Texts, wanted: int | None) -> str:
    """What of a file is looked at, in a sentence.

    Args:
        wanted: `num-samples`; None: as many as Optimum reads by itself.
    """
    count = min(len(found.texts), wanted or USUAL_TEXTS)
    of = len(found.texts) + found.left_out
    said = f"It looks at {count} of the {of} texts in {name}" if count < of else f"It looks at {_texts(of)} in {name}"
    if found.cut:
        said += f"; {_texts(found.cut)} {'is' if found.cut == 1 else 'are'} cut to {MOST_CHARACTERS} characters"
    return said + "."


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count} texts"


def _of_paragraphs(content: str) -> Iterator[str]:
    """What empty lines part."""
    paragraph: list[str] = []
    for line in [*content.splitlines(), ""]:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield "\n".join(paragraph)
            paragraph = []


def _of_lines(name: str, content: str) -> Iterator[str]:
    """One JSON a line: a text, or an object with one as `text`."""
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        text = _text_of(line)
        if text is None:
            raise ValueError(f'line {number} of {name} is no JSON text and no object with a "text"')
        if text.strip():
            yield text


def _text_of(line: str) -> str | None:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        return None
    return text.encode("utf-8", "replace").decode()
