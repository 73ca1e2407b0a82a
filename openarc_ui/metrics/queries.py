"""What a question to the metrics may say, for the page, REST, Gradio and agents alike; and a reader whose errors are ours.

It knows no HTTP and no figures.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar, get_args

from openarc_ui.engine.types import BackendName, Source
from openarc_ui.errors import InvalidRequest, MetricsUnreadable, nearest
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.outcomes import OUTCOMES
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.sqlite_file import primary_code

T = TypeVar("T")

RANGES: dict[str, float | None] = {
    "15m": 15 * 60.0,
    "1h": 3600.0,
    "6h": 6 * 3600.0,
    "24h": 24 * 3600.0,
    "7d": 7 * 24 * 3600.0,
    "30d": 30 * 24 * 3600.0,
    "all": None,
}
"""Name of a span that ends now -> its seconds."""
NAMES = ("range", "since", "until", *DIMENSIONS)
"""What a filter may say."""
CUSTOM = "custom"
"""The range whose ends are `since` and `until`."""
VALUES: dict[str, tuple[str, ...]] = {
    "backend": get_args(BackendName),
    "outcome": OUTCOMES,
    "source": get_args(Source),
}
"""Dimensions that have no other values than these; a model or a device may be any."""
LEFT_OUT = ("tuning",)
"""Sources that count only where they are asked for: a run sends hundreds of requests, which are in its own figures already."""
LATEST_SECONDS = 1e11
"""In the year 5138; what is beyond was meant in milliseconds."""
LARGEST_ID = 2**63 - 1
"""Of a row in SQLite."""
MOST_VALUES = 100
LONGEST_VALUE = 200
OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_SCHEMA,
    }
)
"""SQLite's errors about the file and not about the question."""


def filter_of(
    *,
    range: str | None = None,
    since: float | str | None = None,
    until: float | str | None = None,
    now: float | None = None,
    **dimensions: Sequence[str] | str | None,
) -> Filter:
    """The filter of a question. Nothing said is everything but the requests of tuning runs; `source` may name these too.

    Args:
        range: one of RANGES, or "custom" for `since` and `until`.
        since: seconds since the epoch or a time in ISO 8601 with its zone, inclusive.
        until: the same, exclusive.
        now: where a range ends; left out: now.
        dimensions: of DIMENSIONS; one value or several, an empty one is none.

    Raises:
        InvalidRequest: a name, a value or a span that can't be; with the nearest right one.
    """
    for name in dimensions:
        if name not in DIMENSIONS:
            raise InvalidRequest(f"There is no filter '{name}'.", _choices(name, NAMES))
    begin, end = _moment("since", since), _moment("until", until)
    if begin is not None and end is not None and begin >= end:
        raise InvalidRequest("until is not after since.", "Give the earlier moment as since.")
    chosen = {name: _values(name, values) for name, values in dimensions.items()}
    leaves_out = () if chosen.get("source") else LEFT_OUT
    return Filter(since=_begin(range, begin, end, now), until=end, leaves_out=leaves_out, **chosen)


def pair_of(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Filter, Filter]:
    """The filters of two groups that are held against each other.

    Raises:
        InvalidRequest: as `filter_of` does, with the group's name before it; or neither group is filtered.
    """
    one, other = _group("a", a), _group("b", b)
    if one == other == filter_of():
        raise InvalidRequest(
            "Both groups are all requests, so there is nothing to compare.",
            "Give at least one of them a filter, such as a model, a device or a range.",
        )
    return one, other


def _group(name: str, given: Mapping[str, Any]) -> Filter:
    try:
        for unknown in given.keys() - set(NAMES):
            raise InvalidRequest(f"There is no filter '{unknown}'.", _choices(unknown, NAMES))
        return filter_of(**given)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error.message}", error.hint) from None


@contextmanager
def reading(store: MetricsStore) -> Iterator[sqlite3.Connection]:
    """A read-only connection; what is wrong with the file is raised as ours, also in the middle of a question.

    Raises:
        MetricsUnreadable: the file is locked, damaged, or not to be read.
    """
    try:
        with store.reading() as connection:
            yield connection
    except sqlite3.Error as error:
        found = _unreadable(error)
        if found is None:
            raise
        raise found from error


def answer(store: MetricsStore, question: Callable[[sqlite3.Connection], T]) -> T:
    """What a question comes to, on this thread.

    Raises:
        MetricsUnreadable: as `reading` does.
    """
    with reading(store) as connection:
        return question(connection)


def _unreadable(error: BaseException | None) -> MetricsUnreadable | None:
    """Ours where the file is to blame; None for a mistake in the question."""
    code = primary_code(error)
    if code not in OUT_OF_REACH:
        return None
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return MetricsUnreadable("The metrics database is held by another program.", "Try again, or end that program.")
    return MetricsUnreadable(f"The metrics database can't be read: {error}.", "The server's log may say more.")


def _begin(range: str | None, since: float | None, until: float | None, now: float | None) -> float | None:
    """Where the span begins."""
    if not range:
        return since
    if not isinstance(range, str):
        raise InvalidRequest("range must be a text.", f"One of {', '.join((*RANGES, CUSTOM))}.")
    if range == CUSTOM:
        if since is None and until is None:
            raise InvalidRequest("A custom range needs since, until or both.", "Or name a range such as 1h.")
        return since
    if range not in RANGES:
        raise InvalidRequest(f"There is no range '{range}'.", _choices(range, (*RANGES, CUSTOM)))
    if since is not None or until is not None:
        raise InvalidRequest(f"The range {range} and since or until exclude each other.", "Leave one of them out.")
    seconds = RANGES[range]
    return None if seconds is None else (time.time() if now is None else now) - seconds


def _moment(name: str, given: Any) -> float | None:
    """A moment in seconds since the epoch."""
    if given is None or given == "":
        return None
    hint = "Give seconds since the epoch, or a time with its zone such as 2026-11-26T04:30:00Z (a + is written %2B)."
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise InvalidRequest(f"{name} is no moment.", hint)
    if isinstance(given, str) and len(given) > LONGEST_VALUE:
        raise InvalidRequest(f"{name} is no moment: it is longer than {LONGEST_VALUE} characters.", hint)
    try:
        moment = float(given)
    except ValueError:
        moment = _calendar(name, str(given), hint)
    except OverflowError:
        moment = math.inf
    if not -LATEST_SECONDS <= moment <= LATEST_SECONDS:
        raise InvalidRequest(f"{name} is no moment of these millennia.", f"{hint} Milliseconds are too many.")
    return moment


def _calendar(name: str, given: str, hint: str) -> float:
    try:
        parsed = datetime.fromisoformat(given)
    except ValueError:
        raise InvalidRequest(f"{name} is no moment: '{given}'.", hint) from None
    if parsed.tzinfo is None:
        raise InvalidRequest(f"{name} has no time zone: '{given}'.", hint)
    return parsed.timestamp()


def _values(name: str, given: Any) -> tuple[str, ...]:
    """The values of one dimension, each once."""
    listed = given if isinstance(given, (list, tuple)) else () if given is None else (given,)
    if not all(isinstance(value, str) for value in listed):
        raise InvalidRequest(f"{name} must be a text, or a list of texts.")
    wanted = tuple(dict.fromkeys(value for value in listed if value))
    if len(listed) > MOST_VALUES:
        raise InvalidRequest(f"{name} has {len(listed)} values.", f"At most {MOST_VALUES} are taken.")
    for value in wanted:
        if len(value) > LONGEST_VALUE or not value.isprintable():
            raise InvalidRequest(
                f"{name} can't be '{value}'.", "Names are short texts, as /metrics/options tells them."
            )
        if name in VALUES and value not in VALUES[name]:
            raise InvalidRequest(f"There is no {name} '{value}'.", _choices(value, VALUES[name]))
    return wanted


def _choices(name: str, known: Sequence[str]) -> str:
    """The nearest of them, or all of them in their own order."""
    near = nearest(name, known)
    return near if near.startswith("Did you mean") else f"Known names: {', '.join(known)}."
