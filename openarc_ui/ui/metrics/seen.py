"""What a page has been given, and from that what is to be read for it now; nothing, where nothing changed. No database here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from openarc_ui.engine.frozen import Frozen

COSTLY_SECONDS = 5.0
"""How often percentiles, distributions and comparisons of configurations are read anew while requests come in."""


Moment = Annotated[float, Field(ge=-1e11, le=1e11, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=-1, le=2**62)]


class Shown(Frozen):
    """The timeline a page has.

    Attributes:
        start, width_seconds: of its grid.
        last: start of the newest bucket in it.
        offset_seconds: of its clock.
        traces: uids of its traces.
        left_out: uids of the traces that were too many.
    """

    start: Moment
    width_seconds: Number
    last: Moment
    offset_seconds: int
    traces: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Seen(Frozen):
    """What a page was last answered, as it goes to the page and comes back. It is the page's word, so it decides nothing but that.

    Attributes:
        server: which start of the server answered; numbers of another start mean nothing.
        view: digest of the view.
        revision, samples: the store's numbers when it was read.
        costly_revision, costly_minute, costly_at: the same of the parts that are read less often.
        newest_id: of the requests in the table, the newest row's.
        names: who has which style, in order.
        parts: name of a part of the answer -> digest of what the page has.
        is_unreadable: the database could not be read.
    """

    server: str
    view: str
    revision: Number
    samples: Number
    minute: Number
    health: str
    costly_revision: Number = -1
    costly_minute: Number = -1
    costly_at: Moment = 0.0
    newest_id: Number = 0
    timeline: Shown | None = None
    names: tuple[str, ...] = ()
    parts: dict[str, str] = Field(default_factory=dict)
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What can be known without opening the database.

    Attributes:
        moves: the view's span ends now, so requests leave it with time.
    """

    server: str
    view: str
    moves: bool
    revision: int
    samples: int
    health: str
    now: float

    @property
    def minute(self) -> int:
        return int(self.now // 60) if self.moves else 0


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be read.

    Attributes:
        is_first: the page has nothing that could be kept.
        requests: totals and the newest requests.
        timeline: the figure over time, or what it lacks.
        costly: percentiles, distributions, stages, roofs, choices.
        health: the health sentences changed.
    """

    is_first: bool
    requests: bool
    timeline: bool
    costly: bool
    health: bool

    @property
    def reads(self) -> bool:
        """The database has to be opened."""
        return self.requests or self.timeline or self.costly


def seen_of(value: Any) -> Seen | None:
    """What a page says it has; what can't be read is nothing, and the page gets everything."""
    if value is None:
        return None
    try:
        return Seen.model_validate_json(json.dumps(value))
    except (ValidationError, ValueError, RecursionError):
        return None


def due(seen: Seen | None, at: Situation) -> Due:
    """What has to be read for a page."""
    if seen is None or (seen.server, seen.view) != (at.server, at.view):
        return Due(True, True, True, True, True)
    moved = seen.minute != at.minute
    requests = seen.revision != at.revision or moved or seen.is_unreadable
    is_stale = (seen.costly_revision, seen.costly_minute) != (at.revision, at.minute)
    rests = 0 <= at.now - seen.costly_at < COSTLY_SECONDS
    return Due(
        is_first=False,
        requests=requests,
        timeline=requests or seen.samples != at.samples,
        costly=is_stale and not rests,
        health=seen.health != at.health,
    )


def digest(value: Any) -> str:
    """A short text that is another one when the value is; of JSON's values."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
