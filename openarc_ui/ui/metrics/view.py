"""The answer to `metrics`: what is due is read in one transaction, and of that only the parts that changed are sent.

A view that a page has not shown before is answered in three parts, so that none takes long: counts, requests and the figure
over time at once; percentiles and distributions, then roofs and stages with the next questions, which the page asks right away.

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

from openarc_ui.errors import MetricsUnreadable
from openarc_ui.metrics import frames, recorded
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.ordered import ordered
from openarc_ui.metrics.queries import LEFT_OUT, VALUES, reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import number as shown
from openarc_ui.ui.metrics import costly, health_view, requests_view, tiles
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.seen import Due, Seen, Situation, digest, due, seen_of
from openarc_ui.ui.metrics.style import Styles
from openarc_ui.ui.metrics.timeline_view import Timeline, read_timeline
from openarc_ui.ui.metrics.wanted import AskedRequests, AskedView, View

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

        Of a view that is new to the page, what is quickly read comes first, with "more": the rest comes when it asks again.

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
        more = {} if seen.is_whole else {"more": True}
        return {**changed, **told, **more, "seen": seen.model_dump(mode="json")}

    def listed(self, asked: AskedRequests) -> Answer:
        """One page of requests in the asked order, and what to ask for the next one.

        Raises:
            InvalidRequest: a filter that can't be.
            MetricsUnreadable: the database can't be read now.
        """
        now = self._now()
        with reading(self._store) as connection:
            found = ordered(connection, asked.view.filter(now), asked.sort, requests_view.NEWEST + 1, asked.before_id)
        rows = requests_view.rows(found, Clock.at(now))
        is_more = len(found) > len(rows)
        return {"requests": rows, "next": {"before_id": rows[-1]["id"], "sort": asked.sort} if is_more else None}

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
        known: dict[str, Any] = {"health": at.health, "is_unreadable": False}
        counted = frames.totals(connection, chosen) if wanted.requests or wanted.costly else None
        # Where nothing is found nothing takes long, and there is no second answer to wait for.
        is_costly = counted is not None and (
            wanted.costly or (not counted.requests if wanted.is_first else self._tiles_of(at.view) is None)
        )
        names = seen.names
        if wanted.choices or is_costly or wanted.rest:
            choices = costly.choices(connection, chosen, self._hidden)
            names = known["names"] = choices.names
            parts |= {"options": choices.shown(), "kept": costly.kept(connection, self._store)}
            if is_costly and counted is not None:
                found, figure_tiles = costly.read(connection, chosen, counted, choices)
                parts |= found
                self._remember(at.view, figure_tiles)
                known |= {"costly_revision": at.revision, "costly_minute": at.minute, "costly_at": at.now}
                if not counted.requests:
                    known |= {"rest_revision": at.revision, "rest_minute": at.minute}
            elif wanted.rest:
                parts |= costly.rest(connection, chosen, choices)
                known |= {"rest_revision": seen.costly_revision, "rest_minute": seen.costly_minute}
        if wanted.requests:
            newest = frames.requests(connection, chosen, limit=requests_view.NEWEST)
            parts |= {"requests": requests_view.rows(newest, clock), "zone": clock.zone}
            known |= {"revision": at.revision, "minute": at.minute}
        if counted is not None:
            left_out = frames.left_out(connection, chosen)
            parts["left_out"] = left_out_words(left_out)
            parts["empty"] = None if counted.requests else self._empty(connection, left_out)
            is_waiting = wanted.is_first and not is_costly
            shown = tiles.waiting_tiles() if is_waiting else self._tiles_of(at.view) or []
            parts["tiles"] = [*shown, *tiles.count_tiles(counted)]
        if wanted.timeline:
            timeline = read_timeline(connection, chosen, seen, wanted.is_first, clock, Styles(names), at.now)
            _put(parts, timeline)
            newest_id = recorded.newest_row(connection)
            known |= {"timeline": timeline.shown, "samples": at.samples, "newest_id": newest_id}
        return parts, seen.model_copy(update=known)

    def _empty(self, connection: sqlite3.Connection, left_out: int) -> dict[str, str]:
        if left_out:
            return {
                "title": "Only requests of tuning runs here",
                "text": "What they came to is in the Tune tab, for each configuration. All others of this selection would be shown here.",
            }
        if frames.totals(connection, Filter(leaves_out=LEFT_OUT)).requests:
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


def left_out_words(number: int) -> dict[str, Any] | None:
    """The quiet line about what does not count, and the sources that show it; None: nothing to say."""
    if not number:
        return None
    words = f"{shown(number, 0)} request{' of a tuning run is' if number == 1 else 's of tuning runs are'} not shown"
    return {"words": words, "sources": list(VALUES["source"])}


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
            # A sample of what the page already shows, such as a span that has ended, changes nothing.
            digests[name] = digest(value)
            if _is_news(name, digests, had):
                changed[name] = value
        elif name == "figures":
            digests |= {f"figures.{each}": digest(figure) for each, figure in value.items() if each != "timeline"}
            news = {each: figure for each, figure in value.items() if _is_news(f"figures.{each}", digests, had)}
            if news:
                changed[name] = news
            if "timeline" in news:
                digests["extend"] = ""
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
