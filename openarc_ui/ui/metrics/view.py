"""The answer to `metrics`: what is due is read in one transaction, and of that only the parts that changed are sent.

It runs in a thread, never on the event loop.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from openarc_ui.metrics import frames, recorded
from openarc_ui.metrics.database import MetricsUnreadable
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.queries import reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.metrics import costly, health_view, requests_view, tiles
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.seen import Due, Seen, Situation, digest, due, seen_of
from openarc_ui.ui.metrics.style import Styles
from openarc_ui.ui.metrics.timeline_view import Timeline, read_timeline
from openarc_ui.ui.metrics.wanted import AskedView, View

Answer = dict[str, Any]

REMEMBERED_VIEWS = 32


class MetricsView:
    """What pages are answered. Thread-safe; it remembers percentiles of the views that are open, and no page.

    Args:
        hidden: JSON without paths of this machine.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        store: MetricsStore,
        hidden: Callable[[Any], Any] = lambda value: value,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._hidden = hidden
        self._now = now
        self._server = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._figure_tiles: OrderedDict[str, list[tiles.Tile]] = OrderedDict()

    def answer(self, asked: AskedView) -> Answer:
        """What a page has to change; {} when that is nothing, and then nothing was read.

        Raises:
            InvalidRequest: a filter that can't be.
        """
        now = self._now()
        chosen = asked.view.filter(now)
        seen = seen_of(asked.seen)
        sentences = health_view.sentences(self._store.health())
        at = self._situation(asked.view, now, sentences)
        wanted = due(seen, at)
        if not (wanted.reads or wanted.health):
            return {}
        if seen is None or wanted.is_first:
            seen = Seen(server=at.server, view=at.view, revision=-1, samples=-1, minute=-1, health="")
        told: Answer = {"health": sentences} if wanted.health else {}
        if not wanted.reads:
            return {**told, "seen": seen.model_copy(update={"health": at.health}).model_dump(mode="json")}
        try:
            with reading(self._store) as connection:
                parts, seen = self._read(connection, chosen, wanted, seen, at)
        except MetricsUnreadable as error:
            return _unreadable(error, sentences, seen, wanted)
        changed, digests = _only_changed(parts, seen.parts)
        seen = seen.model_copy(update={"parts": {**seen.parts, **digests}})
        return {**changed, **told, "seen": seen.model_dump(mode="json")}

    def _situation(self, view: View, now: float, sentences: list[str]) -> Situation:
        return Situation(
            server=self._server,
            view=digest(view.model_dump(mode="json")),
            moves=view.moves,
            revision=self._store.revision(),
            samples=self._store.sample_revision(),
            health=digest(sentences),
            now=now,
        )

    def _read(
        self, connection: sqlite3.Connection, chosen: Filter, wanted: Due, seen: Seen, at: Situation
    ) -> tuple[Answer, Seen]:
        """All parts that are due, and what the page then has seen."""
        clock = Clock.at(at.now)
        parts: Answer = {}
        known: dict[str, Any] = {"samples": at.samples, "health": at.health, "is_unreadable": False}
        is_costly = wanted.costly or (wanted.requests and self._tiles_of(at.view) is None)
        if wanted.requests:
            newest = frames.requests(connection, chosen, limit=requests_view.NEWEST)
            parts["requests"] = requests_view.rows(newest, clock)
            known |= {"revision": at.revision, "minute": at.minute}
        counted = frames.totals(connection, chosen) if wanted.requests or is_costly else None
        styles = Styles(seen.names)
        if is_costly and counted is not None:
            found = costly.read(connection, chosen, counted, self._store, self._hidden)
            parts |= found.parts
            self._remember(at.view, found.figure_tiles)
            styles, known["names"] = Styles(found.names), found.names
            known |= {"costly_revision": at.revision, "costly_minute": at.minute, "costly_at": at.now}
        if counted is not None:
            parts["empty"] = None if counted.requests else self._empty(connection)
            parts["tiles"] = [*(self._tiles_of(at.view) or []), *tiles.count_tiles(counted)]
        if wanted.timeline:
            timeline = read_timeline(connection, chosen, seen, wanted.is_first, clock, styles, at.now)
            _put(parts, timeline)
            known |= {"timeline": timeline.shown, "newest_id": recorded.newest_row(connection)}
        return parts, seen.model_copy(update=known)

    def _empty(self, connection: sqlite3.Connection) -> dict[str, str]:
        if frames.totals(connection, Filter()).requests:
            return {
                "title": "Nothing in this selection",
                "text": "No request lies in this time range with these filters. Choose a longer range, or clear a filter.",
            }
        return {
            "title": "No requests yet",
            "text": "Send a message in the Chat tab, or POST to /generate/text; each request appears here with what it cost.",
        }

    def _tiles_of(self, view: str) -> list[tiles.Tile] | None:
        with self._lock:
            return self._figure_tiles.get(view)

    def _remember(self, view: str, found: list[tiles.Tile]) -> None:
        with self._lock:
            self._figure_tiles[view] = found
            self._figure_tiles.move_to_end(view)
            while len(self._figure_tiles) > REMEMBERED_VIEWS:
                self._figure_tiles.popitem(last=False)


def _put(parts: Answer, timeline: Timeline) -> None:
    """The whole figure among the others, or what is to be appended to it."""
    if timeline.figure is not None:
        parts["figures"] = {**parts.get("figures", {}), "timeline": timeline.figure}
    if timeline.extension is not None:
        parts["extend"] = {"timeline": timeline.extension}


def _only_changed(parts: Answer, had: dict[str, str]) -> tuple[Answer, dict[str, str]]:
    """The parts whose digest is another one than the page's, and all digests. Figures count one by one.

    The figure over time is not compared: what a page has of it may have been appended to.
    """
    changed: Answer = {}
    digests: dict[str, str] = {}
    for name, value in parts.items():
        if name == "extend":
            changed[name] = value
        elif name == "figures":
            digests |= {f"figures.{each}": digest(figure) for each, figure in value.items() if each != "timeline"}
            news = {each: figure for each, figure in value.items() if _is_news(f"figures.{each}", digests, had)}
            if news:
                changed[name] = news
        else:
            digests[name] = digest(value)
            if _is_news(name, digests, had):
                changed[name] = value
    return changed, digests


def _is_news(name: str, digests: dict[str, str], had: dict[str, str]) -> bool:
    return name not in digests or digests[name] != had.get(name)


def _unreadable(error: MetricsUnreadable, sentences: list[str], seen: Seen, wanted: Due) -> Answer:
    """What is shown stays; the page asks again, and then it is tried again."""
    said = [*sentences, f"{error.message} {error.hint}".strip()]
    known = seen.model_copy(update={"health": digest(said), "is_unreadable": True})
    told: Answer = {"seen": known.model_dump(mode="json")}
    if seen.health != known.health:
        told["health"] = said
    if wanted.is_first:
        told["empty"] = {"title": "The metrics can't be read", "text": f"{error.message} {error.hint}".strip()}
    return told
