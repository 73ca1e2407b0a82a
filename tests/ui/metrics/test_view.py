"""The answers to `metrics`, against a real database: all at first, then what changed, and in the end exactly what is there."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plotly.graph_objects
import pytest

from openarc_ui.engine.types import FinishReason
from openarc_ui.errors import MetricsUnreadable
from openarc_ui.metrics import frames
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics.seen import COSTLY_SECONDS
from openarc_ui.ui.metrics.tab import as_text
from openarc_ui.ui.metrics.view import MetricsView
from openarc_ui.ui.metrics.wanted import AskedRequests, View
from tests.reports import report, unmeasured
from tests.ui.metrics.conftest import Page, settled

FIGURE_NAMES = {"timeline", "ttft", "decode", "itl", "prompt_length", "concurrency", "concurrency_ttft", "stages"}


class Clock:
    """A time that is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    # The middle of a minute, so that a few seconds more are the same minute.
    return Clock(time.time() // 60 * 60 + 20)


def tile(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in page.parts["tiles"] if each["id"] == name)
    return found


def test_the_first_answer_has_every_part_and_is_json(filled: MetricsStore) -> None:
    page = Page(MetricsView(filled))
    answer = page.ask()
    parts = {"zone", "seen", "empty", "health", "kept", "options", "tiles", "roofs", "figures", "requests", "left_out"}
    assert set(answer) == parts
    assert answer["empty"] is None and answer["health"] == [] and answer["left_out"] is None
    assert set(answer["figures"]) == FIGURE_NAMES
    assert json.loads(as_text(answer)) == json.loads(json.dumps(answer))
    assert len(answer["requests"]) == 50
    assert answer["requests"][0]["epoch"] >= answer["requests"][-1]["epoch"]
    assert answer["kept"] | {"size": ""} == {
        "texts": False,
        "size": "",
        "requests": 1200,
        "oldest": answer["kept"]["oldest"],
    }
    assert {each["value"] for each in answer["options"]["model"]} == {"qwen3-4b-int4", "phi-4-mini-int8"}


def test_plotly_takes_every_figure_and_every_trace_has_an_id_of_its_own_that_is_a_selector(
    filled: MetricsStore,
) -> None:
    page = Page(MetricsView(filled))
    for figure in page.ask()["figures"].values():
        plotly.graph_objects.Figure(figure)
        ids = [trace["uid"] for trace in figure["data"]]
        assert ids and len(set(ids)) == len(ids)
        assert all(each.replace("-", "").replace("_", "").isalnum() for each in ids)


def test_tiles_say_what_the_database_says(filled: MetricsStore) -> None:
    page = Page(MetricsView(filled), range="all")
    page.ask()
    with filled.reading() as connection:
        counted = frames.totals(connection, View(range="all").filter())
        summaries = frames.summary(connection, View(range="all").filter())
    for definition in (*FIGURES, INTER_TOKEN):
        shown, found = tile(page, definition.name), summaries[definition.name]
        assert shown["value"] == number(found.p50 * definition.scale, definition.digits)
        if not definition.is_better_higher:
            assert shown["rows"][1] == ["p99", number(found.p99 * definition.scale, definition.digits)]
        assert shown["unit"] == definition.unit and definition.formula in shown["title"]
    assert tile(page, "requests")["value"] == number(counted.requests, 0) == "1\u202f200"
    assert tile(page, "errors")["rows"][0] == ["failed", number(counted.failed, 0)]
    assert tile(page, "tokens")["value"] == number(counted.generated_tokens, 0)


def test_nothing_is_opened_when_nothing_changed(filled: MetricsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(MetricsView(filled, now=Clock(time.time())))
    page.ask()
    monkeypatch.setattr(filled, "reading", lambda: pytest.fail("the database was opened"))
    assert page.ask() == {}


def test_a_filter_counts_only_what_it_names(filled: MetricsStore) -> None:
    page = Page(MetricsView(filled), model=("phi-4-mini-int8",), outcome=("stop", "length"))
    page.ask()
    assert {row["model"] for row in page.parts["requests"]} == {"phi-4-mini-int8"}
    assert {row["outcome"] for row in page.parts["requests"]} <= {"finished", "length limit"}
    assert tile(page, "prefix_cache")["value"] == "–" and "No backend" in tile(page, "prefix_cache")["title"]
    assert len(page.parts["options"]["model"]) == 2, "what can be chosen does not depend on what is chosen"


def test_a_sweep_floods_nothing_until_its_requests_are_asked_for(store: MetricsStore) -> None:
    for place in range(12):
        tuned = {"source": "tuning", "model": "tuning", "configuration_id": f"c{place}"}
        store.record(report(request_id=f"r{place}", submitted_at=time.time() - 20 + place, **(tuned if place else {})))
    store.flush()
    page = Page(MetricsView(store))
    page.ask()
    assert [row["request_id"] for row in page.parts["requests"]] == ["r0"] and tile(page, "requests")["value"] == "1"
    assert len(page.parts["roofs"]) == 1 and page.parts["empty"] is None
    told = page.parts["left_out"]
    assert told["words"] == "11 requests of tuning runs are not shown"
    options = {name: {each["value"] for each in found} for name, found in page.parts["options"].items()}
    assert options["model"] == {"model"} and options["configuration"] == {"abc"}
    assert options["source"] == {"chat", "tuning"}, "so that they can be chosen"
    shown = Page(MetricsView(store), source=tuple(told["sources"]))
    shown.ask()
    assert len(shown.parts["requests"]) == 12 and shown.parts["left_out"] is None and len(shown.parts["roofs"]) == 12
    only = Page(MetricsView(store), source=("tuning",))
    only.ask()
    assert len(only.parts["requests"]) == 11


def test_where_there_are_only_a_sweeps_requests_it_is_said_where_their_figures_are(store: MetricsStore) -> None:
    store.record(report(source="tuning", model="tuning", submitted_at=time.time() - 20))
    store.flush()
    page = Page(MetricsView(store))
    page.ask()
    assert "tuning runs" in page.parts["empty"]["title"] and "Tune tab" in page.parts["empty"]["text"]
    assert page.parts["left_out"]["words"] == "1 request of a tuning run is not shown"


def test_an_empty_database_says_where_requests_come_from(store: MetricsStore) -> None:
    page = Page(MetricsView(store))
    page.ask()
    assert page.parts["empty"]["title"] == "No requests yet" and "Chat tab" in page.parts["empty"]["text"]
    assert tile(page, "ttft_seconds")["value"] == "–" and "No request" in tile(page, "ttft_seconds")["title"]
    assert page.parts["figures"]["timeline"]["layout"]["annotations"][0]["text"]
    store.record(report(submitted_at=time.time() - 86_400))
    store.flush()
    page.ask()
    assert page.parts["empty"]["title"] == "Nothing in this selection"


def test_a_new_request_comes_at_once_without_drawing_the_past_again(store: MetricsStore, clock: Clock) -> None:
    for place in range(20):
        store.record(report(request_id=f"r{place}", submitted_at=clock.now - 300 + place * 15))
    store.flush()
    page = Page(MetricsView(store, now=clock))
    page.ask()
    clock.now += 2
    store.record(report(request_id="new", submitted_at=clock.now - 1, ttft_seconds=0.7))
    store.flush()
    answer = page.ask()
    assert "figures" not in answer and "options" not in answer and "roofs" not in answer
    assert answer["requests"][0]["request_id"] == "new"
    assert tile(page, "requests")["value"] == "21"
    assert tile(page, "ttft_seconds")["value"] == "200", "the median is of five seconds ago at most"
    points = sum(len(trace["x"]) for trace in answer["extend"]["timeline"]["traces"].values())
    assert points <= 12
    assert page.ask() == {}
    clock.now += COSTLY_SECONDS
    answer = page.ask()
    assert set(answer["figures"]) >= {"ttft", "stages"} and "timeline" not in answer["figures"]
    assert page.ask() == {}


def test_appending_leads_to_the_same_page_as_reading_all_anew(store: MetricsStore, clock: Clock) -> None:
    view = MetricsView(store, now=clock)
    page, began = Page(view), clock.now
    for place in range(30):
        for model in ("a", "b"):
            # Recorded at its end, shown where it began: the slow ones come late into old buckets.
            submitted_at = clock.now - (40.0 if place % 7 == 3 else 1.0)
            store.record(
                report(
                    request_id=f"{model}{place}", model=model, submitted_at=submitted_at, ttft_seconds=0.1 + place / 50
                )
            )
        if place % 5 != 4:
            store.record_sample(Sample(clock.now, 10.0 + place, 5_000_000_000, ()))
        store.flush()
        page.ask()
        clock.now += 150.0 if place == 12 else 2.0
    clock.now = began // 60 * 60 + 300
    page.ask()
    clock.now += 60
    page.ask()
    fresh = Page(view)
    fresh.ask()
    assert {name: page.parts[name] for name in ("tiles", "requests", "options", "roofs", "kept", "empty")} == {
        name: fresh.parts[name] for name in ("tiles", "requests", "options", "roofs", "kept", "empty")
    }
    assert {k: v for k, v in page.parts["figures"].items() if k != "timeline"} == {
        k: v for k, v in fresh.parts["figures"].items() if k != "timeline"
    }
    assert page.lines() == fresh.lines()
    assert any(y is None for points in fresh.lines().values() for _, y, _ in points[1:]), "the pause breaks the lines"


def test_most_answers_append(store: MetricsStore, clock: Clock) -> None:
    page = Page(MetricsView(store, now=clock), range="15m")
    drawn = 0
    for place in range(40):
        store.record(report(request_id=f"r{place}", submitted_at=clock.now - 0.5))
        store.flush()
        drawn += "timeline" in page.ask().get("figures", {})
        clock.now += 1.5
    assert drawn <= 6, "the grid may widen and the span may move, but hardly ever"


def test_a_model_that_was_never_seen_brings_the_whole_figure(store: MetricsStore, clock: Clock) -> None:
    store.record(report(submitted_at=clock.now - 5, model="old"))
    store.flush()
    page = Page(MetricsView(store, now=clock))
    page.ask()
    store.record(report(submitted_at=clock.now - 4, model="new"))
    store.flush()
    assert "timeline" in page.ask()["figures"]
    assert {"old", "new"} <= {trace["name"] for trace in page.parts["figures"]["timeline"]["data"]}


def test_more_models_than_can_be_told_apart_are_left_out_and_do_not_redraw_it_each_time(
    store: MetricsStore, clock: Clock
) -> None:
    for place in range(40):
        store.record(report(request_id=str(place), submitted_at=clock.now - 60 + place, model=f"m{place % 20:02d}"))
    store.flush()
    page = Page(MetricsView(store, now=clock))
    page.ask()
    names = {trace["name"] for trace in page.parts["figures"]["timeline"]["data"]}
    assert len(names - {"all requests"}) == 8
    left_out = next(f"m{place:02d}" for place in range(20) if f"m{place:02d}" not in names)
    store.record(report(submitted_at=clock.now - 1, model=left_out))
    store.flush()
    assert "extend" in page.ask()


def test_requests_leave_a_span_that_ends_now(store: MetricsStore, clock: Clock) -> None:
    store.record(report(request_id="early", submitted_at=clock.now - 890))
    store.record(report(request_id="late", submitted_at=clock.now - 5))
    store.flush()
    page = Page(MetricsView(store, now=clock), range="15m")
    page.ask()
    assert tile(page, "requests")["value"] == "2"
    clock.now += 60
    page.ask()
    assert tile(page, "requests")["value"] == "1"
    assert [row["request_id"] for row in page.parts["requests"]] == ["late"]


def test_what_was_not_measured_is_never_zero(store: MetricsStore) -> None:
    failed = {"finish_reason": FinishReason.ERROR, "error_code": "worker_died", "error_message": "It broke."}
    store.record(unmeasured(submitted_at=time.time() - 5, **failed))
    store.flush()
    page = Page(MetricsView(store))
    page.ask()
    (row,) = page.parts["requests"]
    assert [row[name] for name in ("prompt", "ttft", "decode", "queue")] == ["–"] * 4
    assert (row["outcome"], row["outcome_kind"], row["title"]) == ("error", "bad", "It broke.")
    assert tile(page, "errors")["value"] == "100.0"
    assert "more than one token" in tile(page, "decode_tokens_per_second")["note"]
    words = page.parts["figures"]["decode"]["layout"]["annotations"][0]["text"]
    assert words.startswith("No request") and page.parts["figures"]["decode"]["data"] == []


def test_a_database_that_can_not_be_read_is_said_and_tried_again(
    store: MetricsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(report(submitted_at=time.time() - 5))
    store.flush()
    page = Page(MetricsView(store, now=Clock(time.time())))
    reading = store.reading

    @contextmanager
    def locked() -> Any:
        raise MetricsUnreadable("It is locked.", "Wait.")
        yield

    monkeypatch.setattr(store, "reading", locked)
    first = page.ask()
    assert first["health"] == ["It is locked. Wait."] and first["empty"]["title"] == "The metrics can't be read"
    monkeypatch.setattr(store, "reading", reading)
    page.ask()
    assert page.parts["health"] == [] and page.parts["empty"] is None
    store.record(report(submitted_at=time.time() - 3))
    store.flush()
    monkeypatch.setattr(store, "reading", locked)
    assert "empty" not in page.ask() and page.parts["health"] == ["It is locked. Wait."]
    monkeypatch.setattr(store, "reading", reading)
    page.ask()
    assert page.parts["health"] == [] and tile(page, "requests")["value"] == "2"


def test_a_restart_of_the_server_is_noticed(tmp_path: Path) -> None:
    path, now = tmp_path / "m.sqlite3", Clock(time.time())
    first = MetricsStore(path)
    first.record(report(submitted_at=now() - 5))
    first.flush()
    page = Page(MetricsView(first, now=now))
    page.ask()
    first.close()
    second = settled(MetricsStore(path))
    page._view = MetricsView(second, now=now)
    assert "health" in page.ask() and "figures" in page.last, "numbers of another start mean nothing"
    assert page.ask() == {}
    second.close()


def test_two_pages_see_the_same(filled: MetricsStore) -> None:
    view = MetricsView(filled, now=Clock(time.time()))
    one, two = Page(view), Page(view)
    one.ask()
    two.ask()
    assert one.parts == two.parts


def test_a_view_nobody_remembers_gets_its_percentiles_with_the_next_request(store: MetricsStore, clock: Clock) -> None:
    store.record(report(submitted_at=clock.now - 5))
    store.flush()
    view = MetricsView(store, now=clock)
    page = Page(view)
    page.ask()
    for place in range(40):
        Page(view, model=(f"m{place}",)).ask()
    store.record(report(submitted_at=clock.now - 4))
    store.flush()
    page.ask()
    assert next(each["id"] for each in page.parts["tiles"]) == "ttft_seconds"


def test_a_view_is_answered_in_three_parts_so_that_none_takes_long(filled: MetricsStore) -> None:
    page = Page(MetricsView(filled, now=Clock(time.time())), range="all")
    first = page.ask_once()
    assert first["more"] is True and set(first["figures"]) == {"timeline"}
    assert {"options", "kept", "requests", "empty", "zone"} <= set(first) and "roofs" not in first
    assert [each["id"] for each in first["tiles"] if each.get("waiting")] == [each["id"] for each in first["tiles"][:7]]
    assert {each["value"] for each in first["tiles"][:7]} == {"…"} and tile(page, "requests")["value"] == "1\u202f200"
    second = page.ask_once()
    assert second["more"] is True and set(second) == {"tiles", "figures", "more", "seen"}
    assert not any(each.get("waiting") for each in second["tiles"]) and "stages" not in second["figures"]
    third = page.ask_once()
    assert set(third) == {"roofs", "figures", "seen"} and set(third["figures"]) == {"stages"}
    assert set(page.parts["figures"]) == FIGURE_NAMES and page.ask_once() == {}


def test_a_page_that_knows_no_parts_has_them_all_with_its_next_questions(filled: MetricsStore) -> None:
    clock = Clock(time.time() // 60 * 60 + 20)
    page = Page(MetricsView(filled, now=clock))
    for _ in range(3):
        page.ask_once()
        clock.now += 1.5
    assert set(page.parts["figures"]) == FIGURE_NAMES and not any("waiting" in each for each in page.parts["tiles"])


def test_the_slow_tail_of_a_throughput_is_its_low_end(filled: MetricsStore) -> None:
    page = Page(MetricsView(filled), range="all")
    page.ask()
    with filled.reading() as connection:
        drawn = frames.sample(connection, View(range="all").filter())
    for name in ("decode_tokens_per_second", "prefill_tokens_per_second"):
        digits = next(each.digits for each in FIGURES if each.name == name)
        expected = [number(float(drawn[name].dropna().quantile(share)), digits) for share in (0.1, 0.01)]
        assert tile(page, name)["rows"] == [["p10", expected[0]], ["p1", expected[1]]]
        assert "at least this" in tile(page, name)["title"]


def test_a_dash_has_no_unit_and_notes_are_short(store: MetricsStore) -> None:
    store.record(unmeasured(submitted_at=time.time() - 5))
    store.flush()
    page = Page(MetricsView(store))
    page.ask()
    missing = [each for each in page.parts["tiles"] if each["value"] == "–"]
    assert len(missing) >= 5 and {each["unit"] for each in missing} == {""}
    assert all(len(each["note"]) <= 52 for each in page.parts["tiles"])


def test_the_zone_of_the_moments_is_told(filled: MetricsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert Page(MetricsView(filled)).ask()["zone"] == {"name": "IST", "offset_seconds": 19_800}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_samples_extend_the_figure_once_a_bucket_and_not_one_by_one(store: MetricsStore, clock: Clock) -> None:
    store.record(report(submitted_at=clock.now - 5))
    store.record_sample(Sample(clock.now - 5, 10.0, 5_000_000_000, ()))
    store.flush()
    page = Page(MetricsView(store, now=clock))
    page.ask()
    clock.now += COSTLY_SECONDS + 1
    extended = 0
    for _ in range(16):
        store.record_sample(Sample(clock.now, 20.0, 5_000_000_000, ()))
        store.flush()
        extended += "extend" in page.ask()
        clock.now += 2
    width = page.seen["timeline"]["width_seconds"]
    assert width >= 15 and 1 <= extended <= 32 // width + 2


def test_samples_of_now_do_not_extend_a_span_that_has_ended(store: MetricsStore, clock: Clock) -> None:
    store.record(report(submitted_at=clock.now - 5000))
    store.flush()
    page = Page(MetricsView(store, now=clock), range="custom", since=clock.now - 6000, until=clock.now - 4000)
    page.ask()
    answers = []
    for _ in range(3):
        store.record_sample(Sample(clock.now, 20.0, 5_000_000_000, ()))
        store.flush()
        answers.append(page.ask())
        clock.now += 20
    assert sum("extend" in each for each in answers) <= 1


@pytest.mark.parametrize(
    ("sort", "column", "ascending"),
    [
        ("newest", "submitted_at", False),
        ("ttft", "ttft_seconds", False),
        ("total", "total_seconds", False),
        ("decode", "decode_tokens_per_second", True),
    ],
)
def test_every_request_is_reached_page_by_page_in_each_order(
    filled: MetricsStore, sort: Any, column: str, ascending: bool
) -> None:
    view, chosen = MetricsView(filled), View(range="all", model=("phi-4-mini-int8",))
    ids: list[int] = []
    before: dict[str, Any] | None = {"before_id": None, "sort": sort}
    while before is not None:
        answer = view.listed(AskedRequests(view=chosen, **before))
        ids += [row["id"] for row in answer["requests"]]
        before = answer["next"]
        assert len(answer["requests"]) == 50 or before is None
    with filled.reading() as connection:
        every = frames.requests(connection, chosen.filter(), limit=5000).dropna(subset=[column])
    expected = every.sort_values([column, "id"], ascending=[ascending, False], kind="stable")["id"].tolist()
    assert len(ids) > 100 and ids == expected


def test_a_list_before_a_request_that_is_gone_is_at_its_end(filled: MetricsStore) -> None:
    for sort in ("newest", "decode"):
        asked = AskedRequests(view=View(range="all"), before_id=10**9, sort=sort)
        assert MetricsView(filled).listed(asked) == {"requests": [], "next": None}
