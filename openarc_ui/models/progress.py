"""What the preparing process tells, and the two ways it tells it: JSON lines for the server, plain text for a person."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TextIO

from openarc_ui.engine.types import LoadStage


@dataclass(frozen=True, slots=True)
class Prepared:
    """The end: the folder is ready.

    Attributes:
        notes: what one has to know of it, in sentences.
    """

    folder: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(self.notes))  # from JSON it comes as a list


@dataclass(frozen=True, slots=True)
class Failed:
    """The end: it did not work."""

    message: str
    hint: str


Report = LoadStage | Prepared | Failed
_KINDS: dict[str, type[Report]] = {"stage": LoadStage, "prepared": Prepared, "failed": Failed}


def to_line(report: Report) -> str:
    """One report as one line of JSON."""
    kind = next(name for name, each in _KINDS.items() if isinstance(report, each))
    return json.dumps({"kind": kind, **asdict(report)})


def from_line(line: str) -> Report:
    """The report that `to_line` wrote.

    Raises:
        ValueError: the line is something else.
    """
    try:
        fields = json.loads(line)
        return _KINDS[fields.pop("kind")](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no report: {line[:100]!r}") from error


class Reporter(Protocol):
    """Where reports go."""

    def send(self, report: Report) -> None:
        """Pass one report on at once."""


class JsonReporter:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, report: Report) -> None:
        """Write and flush."""
        self._stream.write(to_line(report) + "\n")
        self._stream.flush()


class TextReporter:
    """One line a stage; on a terminal the line is overwritten while its detail changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._label = ""

    def send(self, report: Report) -> None:
        """Write and flush."""
        if isinstance(report, LoadStage):
            self._show(report)
        elif isinstance(report, Prepared):
            self._stream.write(f"\nReady: {Path(report.folder)}\n")
        else:
            self._stream.write(f"\n{report.message}\n{report.hint}\n")
        self._stream.flush()

    def _show(self, stage: LoadStage) -> None:
        is_new = stage.label != self._label
        if not is_new and not self._stream.isatty():
            return
        start = ("\n" if self._label else "") if is_new else "\r"
        self._label = stage.label
        self._stream.write(f"{start}{stage.fraction:4.0%}  {f'{stage.label}  {stage.detail}':<60}".rstrip(" \n"))
