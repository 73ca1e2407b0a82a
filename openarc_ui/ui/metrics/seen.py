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
        rest_revision, rest_minute: what these were when the parts were read that come after them.
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
    rest_revision: Number = -1
    rest_minute: Number = -1
    newest_id: Number = 0
    timeline: Shown | None = None
    names: tuple[str, ...] = ()
    parts: dict[str, str] = Field(default_factory=dict)
    is_unreadable: bool = False

    @property
    def has_costly(self) -> bool:
        """The page was given the parts that take longer."""
        return self.costly_revision >= 0

    @property
    def has_rest(self) -> bool:
        """The page was given what comes after these."""
        return (self.rest_revision, self.rest_minute) == (self.costly_revision, self.costly_minute)

    @property
    def is_whole(self) -> bool:
        """There is nothing that the page should ask for at once."""
        return self.has_costly and self.has_rest


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
        choices: what can be chosen, and what is kept.
        costly: percentiles and distributions; never in a page's first answer, which is not to wait for them.
        rest: stages and roofs, in the answer after that.
        health: the health sentences changed.
    """

    is_first: bool
    requests: bool
    timeline: bool
    choices: bool
    costly: bool
    rest: bool
    health: bool

    @property
    def reads(self) -> bool:
        """The database has to be opened."""
        return self.requests or self.timeline or self.choices or self.costly or self.rest


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
        return Due(is_first=True, requests=True, timeline=True, choices=True, costly=False, rest=False, health=True)
    moved = seen.minute != at.minute
    requests = seen.revision != at.revision or moved or seen.is_unreadable
    is_stale = (seen.costly_revision, seen.costly_minute) != (at.revision, at.minute)
    rests = 0 <= at.now - seen.costly_at < COSTLY_SECONDS
    costly = is_stale and not rests
    return Due(
        is_first=False,
        requests=requests,
        timeline=requests or (seen.samples != at.samples and _is_next_bucket(seen.timeline, at.now)),
        choices=costly and seen.has_costly,
        costly=costly,
        rest=not costly and seen.has_costly and not seen.has_rest,
        health=seen.health != at.health,
    )


def _is_next_bucket(shown: Shown | None, now: float) -> bool:
    """Samples alone extend the figure once a bucket and not one by one."""
    return shown is None or now >= shown.last + shown.width_seconds


def digest(value: Any) -> str:
    """A short text that is another one when the value is; of JSON's values."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
