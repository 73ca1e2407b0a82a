"""Files that go along with a message, as text a model can read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from openarc_ui.ui.chat.wanted import AttachedFile

LANGUAGES = {
    "py": "python", "js": "javascript", "ts": "typescript", "md": "markdown", "rs": "rust", "sh": "bash", "yml": "yaml",
    "cc": "cpp", "h": "c", "rb": "ruby", "kt": "kotlin",
}  # fmt: skip
"""Endings of file names whose language has another name."""
LANGUAGE = re.compile(r"[a-z0-9+#-]{1,12}")


def with_files(text: str, files: Iterable[AttachedFile]) -> str:
    """A message with its files below, each in a fenced block under its name."""
    return "\n\n".join([*([text] if text.strip() else []), *(_block(file) for file in files)])


def _block(file: AttachedFile) -> str:
    """The fence is longer than any in the file, so the file can't end its block."""
    longest = max((len(run) for run in re.findall(r"`{3,}", file.text)), default=2)
    fence = "`" * (longest + 1)
    ending = PurePath(file.name).suffix.lstrip(".").lower()
    language = LANGUAGES.get(ending, ending if LANGUAGE.fullmatch(ending) else "")
    name = file.name.replace("\n", " ").strip()
    heading = f"{name}\n" if name else ""
    end = "" if file.text.endswith("\n") else "\n"
    return f"{heading}{fence}{language}\n{file.text}{end}{fence}"
