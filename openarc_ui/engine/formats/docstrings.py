"""What a docstring says of a function and of its parameters, in Google's, NumPy's or Sphinx's way."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

PARAMETER_HEADINGS = frozenset(
    {"args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters"}
)
HEADINGS = PARAMETER_HEADINGS | {
    *("attributes", "example", "examples", "note", "notes", "raises", "references", "return", "returns"),
    *("see also", "todo", "warning", "warnings", "warns", "yield", "yields"),
}
GOOGLE_ENTRY = re.compile(r"\s*(\*{0,2}\w+)\s*(?:\(([^)]*)\))?\s*:\s*(.*)")
NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::\s*(.*))?$")
SPHINX_FIELD = re.compile(r"\s*:(param|parameter|arg|argument|key|keyword)\s+(?:([^:]*?)\s+)?(\*{0,2}\w+)\s*:\s*(.*)")
SPHINX_OTHER = re.compile(r"\s*:\w+[^:]*:")


@dataclass(slots=True)
class Documented:
    """What a docstring says.

    Attributes:
        summary: everything before the first section, in paragraphs.
        parameters: what it says of each parameter, by name without stars.
    """

    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str) -> Documented:
    """A docstring in its parts."""
    lines = inspect.cleandoc(text).splitlines()
    found = Documented()
    summary: list[str] = []
    at = 0
    while at < len(lines):
        heading = _heading(lines, at)
        sphinx = SPHINX_FIELD.match(lines[at])
        if heading:
            at += 2 if heading[1] else 1
            end = next((i for i in range(at, len(lines)) if _ends_section(lines, i, is_numpy=heading[1])), len(lines))
            if heading[0] in PARAMETER_HEADINGS:
                _read_section(lines[at:end], found.parameters, is_numpy=heading[1])
            at = end
        elif sphinx:
            at, told = _continued(lines, at + 1, sphinx[4])
            found.parameters[sphinx[3].lstrip("*")] = told
        elif SPHINX_OTHER.match(lines[at]) and lines[at].lstrip().startswith((":return", ":rtype", ":raise", ":type")):
            at, _ = _continued(lines, at + 1, "")
        else:
            summary.append(lines[at].rstrip())
            at += 1
    found.summary = "\n".join(summary).strip()
    return found


def _heading(lines: list[str], at: int) -> tuple[str, bool] | None:
    """(heading, whether it is NumPy's) of a line that opens a section."""
    word = lines[at].strip().removesuffix(":").lower()
    if word not in HEADINGS or lines[at][:1].isspace():
        return None
    if at + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[at + 1].strip()):
        return word, True
    return (word, False) if lines[at].rstrip().endswith(":") else None


def _ends_section(lines: list[str], at: int, *, is_numpy: bool) -> bool:
    if is_numpy:
        return at + 1 < len(lines) and bool(re.fullmatch(r"-{3,}", lines[at + 1].strip())) and bool(lines[at].strip())
    return bool(lines[at].strip()) and not lines[at][:1].isspace()


def _read_section(lines: list[str], parameters: dict[str, str], *, is_numpy: bool) -> None:
    """The entries of a section: a line at its own indentation begins one, deeper ones go on with it."""
    filled = [line for line in lines if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    names: list[str] = []
    for line in filled:
        is_entry = len(line) - len(line.lstrip()) == indent
        match = (NUMPY_ENTRY if is_numpy else GOOGLE_ENTRY).match(line.strip()) if is_entry else None
        if match:
            names = [name.strip().lstrip("*") for name in match[1].split(",")]
            parameters.update(dict.fromkeys(names, "" if is_numpy else match[3].strip()))
        else:
            for name in names:
                parameters[name] = f"{parameters[name]} {line.strip()}".strip()


def _continued(lines: list[str], at: int, begun: str) -> tuple[int, str]:
    """A Sphinx field with its indented lines: where it ends, and its text."""
    parts = [begun.strip()]
    while at < len(lines) and lines[at][:1].isspace() and not lines[at].lstrip().startswith(":"):
        parts.append(lines[at].strip())
        at += 1
    return at, " ".join(filter(None, parts))
