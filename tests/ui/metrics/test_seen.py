"""What is to be read for a page, decided without the database."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from openarc_ui.ui.metrics.seen import COSTLY_SECONDS, Seen, Shown, Situation, due, seen_of

NOW = 1_000_000.0
AT = Situation(server="s", view="v", moves=True, revision=5, samples=7, health="h", now=NOW)
SEEN = Seen(
    server="s", view="v", revision=5, samples=7, minute=AT.minute, health="h", costly_revision=5, costly_minute=AT.minute, costly_at=NOW - 60,
    rest_revision=5, rest_minute=AT.minute
)  # fmt: skip


def situation(**changes: Any) -> Situation:
    return dataclasses.replace(AT, **changes)


def test_nothing_is_due_when_nothing_changed() -> None:
    assert not due(SEEN, AT).reads and not due(SEEN, AT).health


@pytest.mark.parametrize("changes", [{"server": "another start"}, {"view": "another view"}])
def test_everything_is_due_for_another_view_or_another_server(changes: dict[str, Any]) -> None:
    wanted = due(SEEN, situation(**changes))
    assert wanted.is_first and wanted.requests and wanted.timeline and wanted.choices
    assert not wanted.costly and not wanted.rest, "the first answer does not wait for them"


def test_samples_alone_extend_the_timeline_and_nothing_else() -> None:
    wanted = due(SEEN, situation(samples=8))
    assert wanted.timeline and not wanted.requests and not wanted.costly


def test_a_request_is_shown_at_once_and_percentiles_rest_between_two_readings() -> None:
    just_read = SEEN.model_copy(update={"costly_at": NOW - 1})
    wanted = due(just_read, situation(revision=6))
    assert wanted.requests and wanted.timeline and not wanted.costly
    shown = just_read.model_copy(update={"revision": 6})
    assert not due(shown, situation(revision=6)).reads, "waiting for the rest opens no database"
    assert due(shown, situation(revision=6, now=NOW - 1 + COSTLY_SECONDS)).costly, "the last change is read in the end"


def test_a_span_that_ends_now_moves_with_the_minute_and_others_do_not() -> None:
    later = NOW + 60
    assert due(SEEN, situation(now=later)).requests and due(SEEN, situation(now=later)).costly
    fixed = SEEN.model_copy(update={"minute": 0, "costly_minute": 0, "rest_minute": 0})
    assert not due(fixed, situation(now=later, moves=False)).reads


def test_a_clock_that_was_set_back_does_not_stop_the_reading() -> None:
    ahead = SEEN.model_copy(update={"costly_at": NOW + 10_000, "costly_revision": 4})
    assert due(ahead, AT).costly


def test_what_could_not_be_read_is_tried_again() -> None:
    assert due(SEEN.model_copy(update={"is_unreadable": True}), AT).requests


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "x",
        [],
        {},
        {"server": "s"},
        {**SEEN.model_dump(), "more": 1},
        {"a": float("nan")},
        {**SEEN.model_dump(), "newest_id": 10**30},
        {**SEEN.model_dump(), "costly_at": float("inf")},
        {**SEEN.model_dump(), "timeline": {"start": 0, "width_seconds": 5, "last": 1e300, "offset_seconds": 0}},
    ],
)
def test_what_a_page_says_it_has_and_can_not_be_read_is_nothing(broken: Any) -> None:
    assert seen_of(broken) is None


def test_it_comes_back_from_a_page_as_it_went() -> None:
    assert seen_of(SEEN.model_dump(mode="json")) == SEEN


def test_samples_alone_extend_the_timeline_once_a_bucket() -> None:
    shown = SEEN.model_copy(update={"timeline": Shown(start=0, width_seconds=15, last=NOW, offset_seconds=0)})
    assert not due(shown, situation(samples=8, now=NOW + 14)).timeline
    assert due(shown, situation(samples=8, now=NOW + 15)).timeline
    assert due(shown, situation(samples=8, revision=6, now=NOW + 1)).timeline, "a request is shown at once"


def test_what_is_costly_comes_after_the_first_answer_and_the_rest_after_that() -> None:
    first = SEEN.model_copy(update={"costly_revision": -1, "costly_at": 0.0, "rest_revision": -1})
    assert due(first, AT).costly and not due(first, AT).rest and not first.is_whole
    second = SEEN.model_copy(update={"rest_revision": -1})
    assert due(second, AT).rest and not due(second, AT).costly and not second.is_whole
    assert SEEN.is_whole
