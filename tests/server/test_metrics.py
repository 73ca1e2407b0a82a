"""The routes about metrics over a real server: what they answer, what they refuse, and a file that can't be read."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import numpy
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from openarc_ui.engine.types import Bandwidth, FinishReason, PerformanceReport
from openarc_ui.errors import EngineBusy
from openarc_ui.metrics import export as exporting
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, STAGES
from openarc_ui.server.routes.metrics import wants_openmetrics
from openarc_ui.settings import Settings
from tests.metrics.filling import fill
from tests.reports import report, unmeasured
from tests.server.conftest import HELLO, Served
from tests.server.test_routes import problem

NOW = 1_700_000_000.0
HISTOGRAMS = {
    "ttft_seconds": "openarc:time_to_first_token_seconds",
    "tpot_seconds": "openarc:request_time_per_output_token_seconds",
    "queue_seconds": "openarc:request_queue_time_seconds",
    "total_seconds": "openarc:e2e_request_latency_seconds",
    "inter_token_latencies_seconds": "openarc:inter_token_latency_seconds",
}
"""Figure -> its histogram in the text for Prometheus."""


def made_up(number: int) -> PerformanceReport:
    """Requests that differ in every figure; each fifth is of another model, each seventh failed, each eleventh cancelled."""
    if number % 7 == 6:
        return unmeasured(
            request_id=f"r{number}",
            submitted_at=NOW + number,
            finish_reason=FinishReason.ERROR,
            error_code="generation_failed",
            error_message="It failed.",
        )
    gaps = tuple(0.01 + (number * 7 + place) % 13 / 1000 for place in range(1 + number % 4))
    return report(
        request_id=f"r{number}",
        submitted_at=NOW + number,
        model="other" if number % 5 == 4 else "model",
        finish_reason=FinishReason.CANCELLED if number % 11 == 10 else FinishReason.STOP,
        ttft_seconds=0.05 + number / 300,
        decode_seconds=sum(gaps),
        decode_inference_seconds=None,
        tpot_seconds=sum(gaps) / len(gaps),
        queue_seconds=number / 7000,
        total_seconds=0.6 + number / 100,
        prompt_tokens=10 + number,
        cached_prompt_tokens=number if number % 3 else None,
        generated_tokens=len(gaps) + 1,
        decode_tokens_per_second=len(gaps) / sum(gaps),
        prefill_tokens_per_second=100.0 + number,
        inter_token_latencies_seconds=gaps,
    )


def keep(served: Served, *reports: PerformanceReport) -> None:
    """As if the engine had reported them."""
    for each in reports:
        served.store.record(each)
        served.exposition.record(each)
    assert served.store.flush()


@pytest.fixture
def empty(serve: Callable[..., Served]) -> Served:
    """A server without a model that has measured nothing yet."""
    return serve(load=False)


@pytest.fixture
def filled(empty: Served) -> Served:
    """A server with sixty made-up requests."""
    keep(empty, *map(made_up, range(60)))
    return empty


def exported(served: Served, form: str, **asked: Any) -> list[dict[str, Any]]:
    """The rows of a file; numbers of a CSV are numbers again."""
    answer = served.client.get("/metrics/export", params={"format": form, **asked})
    assert answer.status_code == 200, answer.text
    if form == "parquet":
        import pyarrow.parquet

        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
        return rows
    if form == "json":
        found: list[dict[str, Any]] = answer.json()
        return found
    if form == "jsonl":
        return [json.loads(line) for line in answer.text.splitlines()]
    return [_typed(row) for row in csv.DictReader(io.StringIO(answer.text))]


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, text in row.items():
        if name == INTER_TOKEN.name:
            typed[name] = [float(each) for each in text.split()]
        elif name.endswith(("_seconds", "_tokens", "_per_second", "submitted_at")):
            typed[name] = float(text) if text else None
        else:
            typed[name] = text or None
    return typed


def prometheus(served: Served) -> dict[str, float]:
    """Name of a sample -> its value, all models together."""
    answer = served.client.get("/metrics")
    assert answer.status_code == 200
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_summary_files_and_prometheus_tell_the_same_numbers(filled: Served, form: str) -> None:
    summary = filled.client.get("/metrics/summary").json()
    scraped = prometheus(filled)
    rows = exported(filled, form)
    assert summary["totals"]["requests"] == len(rows) == 60 == scraped["openarc:e2e_request_latency_seconds_count"]
    failed = sum(row["finish_reason"] == "error" for row in rows)
    assert summary["totals"]["failed"] == failed == 8
    for name in ("prompt_tokens", "generated_tokens"):
        of_rows = sum(row[name] or 0 for row in rows)
        counter = {
            "prompt_tokens": "openarc:prompt_tokens_total",
            "generated_tokens": "openarc:generation_tokens_total",
        }
        assert summary["totals"][name] == of_rows == scraped[counter[name]], name
    told = [row for row in rows if row["cached_prompt_tokens"] is not None]
    assert summary["totals"]["cached_prompt_tokens"] == sum(row["cached_prompt_tokens"] for row in told)
    assert summary["totals"]["told_prompt_tokens"] == sum(row["prompt_tokens"] for row in told)
    for name in [figure.name for figure in FIGURES] + [INTER_TOKEN.name]:
        values = [row[name] for row in rows if row[name] is not None]
        values = [gap for gaps in values for gap in gaps] if name == INTER_TOKEN.name else values
        figure = summary["figures"][name]
        assert (figure["count"], figure["sampled"]) == (len(values), len(values)), name
        assert figure["mean"] == pytest.approx(statistics.fmean(values), rel=1e-6), name
        p50, p90, p99 = numpy.percentile(values, (50, 90, 99))
        assert (figure["p50"], figure["p90"], figure["p99"]) == pytest.approx((p50, p90, p99), rel=1e-6), name
        assert (figure["least"], figure["most"]) == pytest.approx((min(values), max(values)), rel=1e-6), name
        if name in HISTOGRAMS:
            assert scraped[f"{HISTOGRAMS[name]}_count"] == len(values), name
            assert scraped[f"{HISTOGRAMS[name]}_sum"] == pytest.approx(sum(values), rel=1e-6), name


def test_a_request_is_counted_everywhere_once_it_was_answered(served: Served, reports: list[PerformanceReport]) -> None:
    answer = served.client.post("/generate/text", json={**HELLO, "request_id": "mine"}).json()
    keep(served, *reports)
    (row,) = exported(served, "json")
    one = served.client.get("/metrics/requests/mine").json()
    ttft = answer["performance_metrics"]["ttft_seconds"]
    assert row["ttft_seconds"] == one["request"]["ttft_seconds"] == ttft
    assert served.client.get("/metrics/summary").json()["figures"]["ttft_seconds"]["p50"] == pytest.approx(ttft)
    assert prometheus(served)["openarc:time_to_first_token_seconds_sum"] == pytest.approx(ttft)
    assert row["inter_token_latencies_seconds"] == pytest.approx(one["inter_token_latencies_seconds"], rel=1e-6)


def test_requests_of_tuning_runs_count_where_their_source_is_named_and_are_told_of_where_not(served: Served) -> None:
    keep(served, made_up(0), *(report(request_id=f"t{n}", model="tuning", source="tuning") for n in range(3)))

    def get(path: str) -> Any:
        return served.client.get(path).raise_for_status().json()

    summary = get("/metrics/summary")
    assert summary["totals"]["requests"] == 1
    assert summary["notes"] == ["3 requests of tuning runs are left out. Name their source, tuning, to have them."]
    assert [each["request_id"] for each in get("/metrics/requests")["requests"]] == ["r0"]
    assert [each["request_id"] for each in exported(served, "json")] == ["r0"]
    assert {each["model"] for each in get("/metrics/roofline")} == {"model"}
    for query, number in (("source=tuning", 3), ("source=tuning&source=chat", 4), ("source=chat", 1)):
        found = get(f"/metrics/summary?{query}")
        assert (found["totals"]["requests"], found["notes"]) == (number, []), query
    assert set(get("/metrics/options")["model"]) == {"model", "tuning"}, "what can be named"
    labelled = served.client.get("/metrics").text
    assert 'openarc:e2e_request_latency_seconds_count{model_name="tuning"} 3.0' in labelled, (
        "Prometheus can leave it out"
    )


FILTERS: list[tuple[dict[str, Any], Callable[[PerformanceReport], bool]]] = [
    ({"model": "other"}, lambda each: each.model == "other"),
    ({"model": ["other", "model"], "outcome": "error"}, lambda each: each.finish_reason is FinishReason.ERROR),
    ({"outcome": ["stop", "cancelled"]}, lambda each: each.finish_reason is not FinishReason.ERROR),
    ({"since": NOW + 10, "until": NOW + 20}, lambda each: NOW + 10 <= each.submitted_at < NOW + 20),
    ({"range": "custom", "since": "2023-11-14T22:13:40Z"}, lambda each: each.submitted_at >= NOW + 20),
    (
        {"range": "all", "backend": "genai", "device": "CPU", "configuration": "abc", "source": "chat"},
        lambda each: True,
    ),
    ({"range": "1h"}, lambda each: False),
    ({"backend": "optimum"}, lambda each: False),
]


@pytest.mark.parametrize(("asked", "counts"), FILTERS)
def test_a_filter_means_the_same_to_every_route(
    filled: Served, asked: dict[str, Any], counts: Callable[[PerformanceReport], bool]
) -> None:
    right = [each.request_id for each in map(made_up, range(60)) if counts(each)]
    assert [row["request_id"] for row in exported(filled, "jsonl", **asked)] == right

    def get(path: str, **more: Any) -> Any:
        answer = filled.client.get(path, params=asked | more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert get("/metrics/summary")["totals"]["requests"] == len(right)
    assert [each["request_id"] for each in get("/metrics/requests", limit=100)["requests"]] == right[::-1]
    assert sum(each["requests"] for each in get("/metrics/stages")) == len(right)
    assert sum(each["requests"] for each in get("/metrics/series")["requests"]) == len(right)
    prefixed = {f"a.{name}": value for name, value in asked.items()}
    compared = filled.client.get("/metrics/compare", params=prefixed).json()
    assert (compared["a"]["totals"]["requests"], compared["b"]["totals"]["requests"]) == (len(right), 60)


def test_requests_come_in_pages(filled: Served) -> None:
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 25}
    while True:
        page = filled.client.get("/metrics/requests", params=asked).json()
        found += [each["request_id"] for each in page["requests"]]
        if page["next_before_id"] is None:
            break
        asked["before_id"] = page["next_before_id"]
    assert found == [f"r{number}" for number in reversed(range(60))]


def test_a_request_tells_its_stages_and_what_can_be_copied(filled: Served) -> None:
    one = filled.client.get("/metrics/requests/r5").json()
    assert [stage["name"] for stage in one["stages"]] == [stage.name for stage in STAGES]
    assert sum(stage["seconds"] for stage in one["stages"]) == pytest.approx(one["request"]["total_seconds"])
    assert one["inter_token_latencies_seconds"] == pytest.approx(made_up(5).inter_token_latencies_seconds, rel=1e-6)
    assert (one["messages"], one["answers"]) == (None, None)
    curl = filled.client.get("/metrics/requests/r5/curl")
    assert curl.headers["content-type"].startswith("text/plain")
    assert f"{filled.address}/generate/text" in curl.text and '"seed": 7' in curl.text.replace('"seed":7', '"seed": 7')
    for path in ("/metrics/requests/nobody", "/metrics/requests/nobody/curl"):
        assert problem(filled.client.get(path), 404)["code"] == "request_not_found"


def test_whole_numbers_stay_whole_beside_what_was_not_measured(empty: Served) -> None:
    keep(empty, report(request_id="whole", seed=2**63 - 1), unmeasured(request_id="none", seed=None))
    none, whole = empty.client.get("/metrics/requests").json()["requests"]
    assert (none["seed"], none["prompt_tokens"], none["ttft_seconds"]) == (None, None, None)
    assert whole["seed"] == empty.client.get("/metrics/requests/whole").json()["request"]["seed"] == 2**63 - 1
    assert '"prompt_tokens":50,' in empty.client.get("/metrics/requests").text


def test_options_and_definitions_tell_what_there_is(filled: Served) -> None:
    options = filled.client.get("/metrics/options").json()
    assert options["model"] == ["model", "other"] and set(options["outcome"]) == {"stop", "cancelled", "error"}
    known = filled.client.get("/metrics/definitions").json()
    assert [each["name"] for each in known["figures"]] == [each.name for each in (*FIGURES, INTER_TOKEN)]
    page = filled.client.get("/docs/metrics").text
    for each in known["figures"]:
        path, _, anchor = each["documentation"].partition("#")
        assert path == "/docs/metrics" and f'id="{anchor}"' in page


def test_two_groups_are_held_against_each_other(empty: Served) -> None:
    slow = [report(request_id=f"a{n}", model="a", ttft_seconds=0.2 + n / 1000) for n in range(20)]
    fast = [report(request_id=f"b{n}", model="b", ttft_seconds=0.1 + n / 1000) for n in range(20)]
    keep(empty, *slow, *fast)
    found = empty.client.get("/metrics/compare", params={"a.model": "a", "b.model": "b"}).json()
    ttft = next(each for each in found["figures"] if each["name"] == "ttft_seconds")
    assert ttft["verdict"] == "better" and ttft["low_percent"] < ttft["difference_percent"] < ttft["high_percent"] < 0
    assert (ttft["a"]["count"], ttft["unit"]) == (20, "s")


def test_nothing_kept_is_answered_with_nothing(empty: Served) -> None:
    get = empty.client.get
    summary = get("/metrics/summary").json()
    assert (summary["totals"]["requests"], summary["figures"], summary["prefix_cache_percent"]) == (0, {}, None)
    nothing: dict[str, Any] = {name: [] for name in ("requests", "machine", "power", "cores", "load", "notes")}
    assert get("/metrics/series").json() == {"grid": None, **nothing}
    assert get("/metrics/stages").json() == get("/metrics/roofline").json() == []
    assert get("/metrics/requests").json() == {"requests": [], "next_before_id": None, "notes": []}
    assert exported(empty, "json") == exported(empty, "csv") == exported(empty, "parquet") == []
    assert prometheus(empty).get("openarc:prompt_tokens_total", 0.0) == 0.0


def test_a_name_that_no_request_had_is_told_as_a_note(filled: Served) -> None:
    (note,) = filled.client.get("/metrics/summary?model=modle").json()["notes"]
    assert "Did you mean 'model'" in note
    assert filled.client.get("/metrics/summary?model=model").json()["notes"] == []
    for path in ("/metrics/summary", "/metrics/series", "/metrics/requests"):
        assert filled.client.get(f"{path}?model=modle&model=model").json()["notes"] == [note], path
    compared = filled.client.get("/metrics/compare?a.model=model&b.model=modle").json()
    assert compared["notes"] == [f"b: {note}"]


def test_a_page_begins_after_its_cursor_whether_that_one_is_kept_or_not(filled: Served) -> None:
    def ids(before_id: int) -> list[int]:
        answer = filled.client.get("/metrics/requests", params={"limit": 3, "before_id": before_id})
        return [each["id"] for each in answer.json()["requests"]]

    newest = ids(2**63 - 1)
    assert newest == [60, 59, 58] == ids(61)
    assert ids(40) == [39, 38, 37]
    filled.store.close()
    with closing(sqlite3.connect(filled.store.path)) as connection, connection:
        connection.execute("DELETE FROM requests WHERE id IN (40, 41)")
    assert ids(40) == ids(41) == [39, 38, 37]
    assert ids(1) == []


REFUSED = {"finish_reason": FinishReason.ERROR, "error_code": "prompt_too_long", "error_message": "Too long."}


def test_a_request_that_was_wrong_itself_is_refused_and_no_failure(empty: Served) -> None:
    keep(empty, unmeasured(request_id="wrong", **REFUSED), report(request_id="right"))
    for found in (
        empty.client.get("/metrics/summary").json(),
        empty.client.get("/metrics/compare?a.outcome=refused&a.outcome=stop").json()["a"],
    ):
        totals = found["totals"]
        assert (totals["requests"], totals["failed"], totals["refused"]) == (2, 0, 1)
    (one,) = empty.client.get("/metrics/requests?outcome=refused").json()["requests"]
    assert (one["request_id"], one["finish_reason"]) == ("wrong", "refused")
    assert empty.client.get("/metrics/summary?outcome=stop").json()["totals"]["refused"] == 0


def test_heads_are_answered_where_gets_are(filled: Served) -> None:
    for path in (*READING, "/metrics", "/metrics/definitions", "/docs/metrics"):
        head, got = filled.client.head(path), filled.client.get(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path
    assert filled.client.head("/metrics/requests/nobody").status_code == 404
    assert all("head" not in methods for methods in filled.client.get("/openapi.json").json()["paths"].values())


def test_every_route_answers_its_own_examples(filled: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled.engine, "measure_bandwidth", lambda device: MEASURED)
    api = filled.client.get("/openapi.json").json()
    walked = 0
    for path, methods in api["paths"].items():
        for method, route in methods.items() if path.startswith("/metrics") else ():
            query, address = {}, path
            for each in route.get("parameters", ()):
                example = each.get("example", (each.get("examples") or each["schema"].get("examples") or [None])[0])
                assert example is not None, (path, each["name"])
                if each["in"] == "path":
                    address = address.replace(f"{{{each['name']}}}", example)
                    keep(filled, report(request_id=example))
                else:
                    query[each["name"]] = example
            body = {"json": {"device": "CPU"}} if method == "post" else {}
            answer = filled.client.request(method, address, params=query, **body)
            assert answer.status_code == 200, (path, answer.text)
            walked += 1
    assert walked == 13
    assert api["components"]["schemas"]["BandwidthAsked"]["examples"] == [{"device": "CPU"}]


WRONG = [
    ("/metrics/summary?modle=x", "'model'"),
    ("/metrics/summary?range=1H", "'1h'"),
    ("/metrics/summary?range=1h&since=5", "exclude each other"),
    ("/metrics/summary?range=1h&range=6h", "twice"),
    ("/metrics/summary?since=yesterday", "since"),
    ("/metrics/summary?since=nan", "since"),
    ("/metrics/summary?outcome=stopped", "'stop'"),
    ("/metrics/summary?" + "&".join(f"model={number}" for number in range(101)), "model"),
    ("/metrics/summary?model=%00", "model"),
    ("/metrics/series?points=0", "points"),
    ("/metrics/series?points=1e9", "points"),
    ("/metrics/requests?limit=1001", "limit"),
    ("/metrics/requests?before_id=99999999999999999999", "before_id"),
    ("/metrics/export?format=xlsx", "format"),
    ("/metrics/export?fromat=csv", "'format'"),
    ("/metrics/compare?a.modle=x", "'a.model'"),
    ("/metrics/compare?model=x", "'a.model'"),
    ("/metrics/compare?b.source=web", "b: There is no source 'web'"),
    ("/metrics/compare?a.model=x&b.range=1H", "b: There is no range '1H'"),
    ("/metrics/compare", "at least one of them a filter"),
    ("/metrics/compare?a.range=all&b.model=", "at least one of them a filter"),
    ("/metrics/options?model=x", "range, since, until"),
    ("/metrics/summary?range=week", "15m, 1h, 6h, 24h, 7d, 30d, all, custom"),
    ("/metrics/summary?outcome=xyz", "stop, length, cancelled, error, refused"),
    ("/metrics?model=x", "none"),
    ("/docs/metrics?x=1", "none"),
    ("/metrics/definitions?x=1", "none"),
]


def test_what_can_not_be_is_a_422_that_says_what_is_right(empty: Served) -> None:
    for address, says in WRONG:
        answer = problem(empty.client.get(address), 422)
        assert says in answer["detail"] + answer["hint"], address


def test_an_unknown_path_names_the_nearest(empty: Served) -> None:
    assert "'/metrics/summary'" in problem(empty.client.get("/metrics/sumary"), 404)["hint"]
    assert problem(empty.client.get("/docs/metric"), 404)["code"] == "not_found"
    assert problem(empty.client.post("/metrics/export"), 405)["code"] == "method_not_allowed"


READING = [
    "/metrics/summary",
    "/metrics/series",
    "/metrics/stages",
    "/metrics/options",
    "/metrics/requests",
    "/metrics/requests/r1",
    "/metrics/requests/r1/curl",
    "/metrics/compare?a.model=model",
    "/metrics/roofline",
    "/metrics/export?format=csv",
    "/metrics/export?format=json",
    "/metrics/export?format=parquet",
]


@pytest.fixture
def locked(filled: Served) -> Iterator[Served]:
    """Another program holds the whole file."""
    with closing(sqlite3.connect(filled.store.path, isolation_level=None, timeout=5)) as other:
        filled.store.close()
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        yield filled


def test_a_locked_database_is_a_503_and_prometheus_still_answers(locked: Served) -> None:
    with ThreadPoolExecutor(len(READING)) as threads:
        answers = list(threads.map(locked.client.get, READING))
        assert locked.client.get("/health").status_code == 200
    for path, response in zip(READING, answers, strict=True):
        answer = problem(response, 503)
        assert answer["code"] == "metrics_unreadable" and answer["hint"], path
        assert str(locked.store.path.parent) not in json.dumps(answer), path
    assert locked.client.get("/metrics").status_code == 200
    assert locked.client.get("/metrics/definitions").status_code == 200


def test_a_damaged_database_is_a_503_or_begun_anew_and_never_a_500(filled: Served) -> None:
    filled.store.close()
    data = filled.store.path.read_bytes()
    filled.store.path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    for path in READING:
        answer = filled.client.get(path)
        assert answer.status_code in (200, 404, 503), (path, answer.text)


def test_the_key_guards_them_all(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none", api_key=SecretStr("correct-horse-battery")), load=False)
    keep(served, made_up(1))
    for path in ("/metrics", "/metrics/summary", "/metrics/export", "/docs/metrics"):
        assert problem(served.client.get(path), 401)["code"] == "unauthorized"
    key = {"Authorization": "Bearer correct-horse-battery"}
    assert served.client.get("/metrics", headers=key).status_code == 200
    curl = served.client.get("/metrics/requests/r1/curl", headers=key).text
    assert "Authorization: Bearer" in curl and "correct-horse-battery" not in curl


def test_a_scraper_gets_the_form_it_asks_for(filled: Served) -> None:
    plain = filled.client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
    newer = filled.client.get("/metrics", headers=accept)
    assert newer.headers["content-type"].startswith("application/openmetrics-text")
    assert newer.text.rstrip().endswith("# EOF") and "# EOF" not in plain.text


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("", False),
        ("*/*", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.9", False),
        ("text/plain;q=0.4, application/openmetrics-text;q=0.4", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x,*/*;q=0.1", False),
        ("application/openmetrics-text;q=0.7,*/*;q=0.8", False),
        ("application/openmetrics-textual", False),
    ],
)
def test_the_form_that_is_wanted_more_is_given(accept: str, wants: bool) -> None:
    assert wants_openmetrics(accept) == wants


def test_all_files_have_their_columns_in_one_order(filled: Served) -> None:
    columns = list(exported(filled, "csv")[0])
    assert [list(exported(filled, form)[0]) for form in ("json", "jsonl", "parquet")] == [columns] * 3


def test_an_empty_range_is_none(filled: Served) -> None:
    assert filled.client.get(f"/metrics/summary?range=&since={NOW + 10}").json()["totals"]["requests"] == 50


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("json", "application/json"),
        ("jsonl", "application/x-ndjson"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_a_file_has_a_name_and_a_type(filled: Served, form: str, media_type: str) -> None:
    answer = filled.client.get("/metrics/export", params={"format": form})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    assert answer.headers["content-disposition"].startswith('attachment; filename="openarc-metrics-')


def test_an_export_is_streamed_and_ends_with_its_reader(serve: Callable[..., Served], monkeypatch: Any) -> None:
    served = serve(load=False)
    served.store.close()
    fill(served.store.path, 20_000, most_gaps=128)
    pieces: list[int] = []
    original = exporting._piece

    def counted(cursor: sqlite3.Cursor) -> Any:
        pieces.append(1)
        return original(cursor)

    monkeypatch.setattr(exporting, "_piece", counted)
    monkeypatch.setattr(exporting, "PIECE_ROWS", 50)
    with served.client.stream("GET", "/metrics/export?format=csv") as answer:
        assert "content-length" not in answer.headers
        next(answer.iter_bytes())
    served.wait_for(lambda: _stays(pieces), 10)
    assert len(pieces) < 300
    assert served.client.get("/metrics/summary").json()["totals"]["requests"] == 20_000


def _stays(pieces: list[int]) -> bool:
    before = len(pieces)
    time.sleep(0.3)
    return len(pieces) == before


def test_slow_exports_hold_nobody_up(serve: Callable[..., Served]) -> None:
    served = serve(load=False)
    served.store.close()
    fill(served.store.path, 5_000, most_gaps=128)
    streams = [
        httpx.Client(base_url=served.address, timeout=20).stream("GET", "/metrics/export?format=json")
        for _ in range(12)
    ]
    for stream in streams:
        stream.__enter__()
    assert served.client.get("/metrics/summary").json()["totals"]["requests"] == 5_000
    assert served.client.get("/health").status_code == 200
    for stream in streams:
        stream.__exit__(None, None, None)


MEASURED = Bandwidth("CPU", "A processor", 19e9, NOW, "A sum over a large constant.")


def test_a_bandwidth_is_measured_kept_and_used(filled: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(filled.engine, "measure_bandwidth", lambda device: asked.append(device) or MEASURED)
    found = filled.client.post("/metrics/bandwidth", json={"device": "CPU"}).json()
    assert (asked, found["bytes_per_second"], found["method"]) == (["CPU"], 19e9, MEASURED.method)
    assert filled.store.flush()
    with filled.store.reading() as connection:
        assert connection.execute("SELECT bytes_per_second FROM bandwidths").fetchall() == [(19e9,)]


def test_a_bandwidth_that_can_not_be_measured_says_why(filled: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(device: str) -> Bandwidth:
        raise EngineBusy("A request runs.", "Try again when it has ended.")

    monkeypatch.setattr(filled.engine, "measure_bandwidth", busy)
    assert problem(filled.client.post("/metrics/bandwidth", json={"device": "CPU"}), 503)["code"] == "engine_busy"
    for body in ({}, {"devise": "CPU"}, {"device": ""}, {"device": 5}, {"device": "x" * 1000}):
        problem(filled.client.post("/metrics/bandwidth", json=body), 422)
