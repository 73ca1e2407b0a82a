"""What the downloading process tells, a line each. Nothing of it holds a token or a signed address."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from openarc_ui.errors import (
    DownloadFailed,
    HubAccessDenied,
    HubModelNotFound,
    HubUnreachable,
    ModelFolderUnusable,
    OpenArcError,
)

READING, DOWNLOADING, ASKING = "Reading what is there", "Downloading", "Asking again"
"""Stages of a file; between two requests there is also "Waiting 8 s: the connection was cut"."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """So many bytes of all files lie on the disk.

    Attributes:
        path: the file that is fetched now.
        stage: what is done, in words.
    """

    done_bytes: int
    path: str
    stage: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end: the result is there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The end: it did not work."""

    code: str
    message: str
    hint: str

    def error(self) -> OpenArcError:
        """As it was raised."""
        return _ERRORS.get(self.code, DownloadFailed)(self.message, self.hint)


Report = Arrived | Note | Finished | Failed
_KINDS: dict[str, type[Report]] = {"arrived": Arrived, "note": Note, "finished": Finished, "failed": Failed}
_ERRORS = {
    each.code: each for each in (HubUnreachable, HubModelNotFound, HubAccessDenied, DownloadFailed, ModelFolderUnusable)
}


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
