"""The store: what is recorded comes back whole, from many threads, at once, and private."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import stat
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openarc_ui.engine.types import Bandwidth, FinishReason, GenerationRequest, LoadRequest, ModelInfo
from openarc_ui.metrics import frames, schema
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.power import Power
from openarc_ui.metrics.rows import NOT_KEPT, pack_seconds
from openarc_ui.metrics.sampler import Sample, WorkerSample
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.files import check_sums, names, rows, unpacked
from tests.reports import WHOLE, report, unmeasured

SECRET = "xylophonic"
TYPED = GenerationRequest.model_validate(
    {
        "conversation": [
            {"role": "system", "content": f"{SECRET} system"},
            {"role": "user", "content": f"{SECRET} question", "name": SECRET},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": f"{SECRET} thought",
                "tool_calls": [{"function": {"name": SECRET, "arguments": {SECRET: SECRET}}}],
            },
            {"role": "tool", "content": f"{SECRET} result", "tool_call_id": SECRET},
        ],
        "stop": [f"{SECRET} stop"],
        "tools": [{"function": {"name": SECRET, "description": SECRET, "parameters": {"title": SECRET}}}],
        "documents": [{"text": SECRET}],
        "template_arguments": {SECRET: SECRET, "enable_thinking": True},
        "chat_template": f"{{{{ '{SECRET}' }}}}",
        "structured_output": {"json_schema": {"title": SECRET}},
        "temperature": 0.25,
        "max_new_tokens": 12,
        "token_details": True,
        "request_id": "r",
    }
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[MetricsStore]:
    store = MetricsStore(path)
    yield store
    store.close()


def bytes_of(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_every_field_of_a_report_comes_back(store: MetricsStore, path: Path) -> None:
    whole = dataclasses.replace(
        WHOLE,
        decode_inference_seconds=0.125,
        decode_sampling_seconds=0.0625,
        stream_seconds=0.5,
        kv_cache_percent=12.5,
        cached_prompt_tokens=3,
    )
    store.record(whole)
    assert store.flush()
    (row,) = rows(path)
    for name in schema.REQUEST_COLUMNS:
        expected = getattr(whole, name)
        if name == "inter_token_latencies_seconds":
            assert unpacked(row[name]) == pytest.approx(expected)
        else:
            assert row[name] == expected, name


def test_what_was_not_measured_is_null_and_not_zero(store: MetricsStore, path: Path) -> None:
    store.record(unmeasured(finish_reason=FinishReason.CANCELLED))
    store.flush()
    (row,) = rows(path)
    unknown = ("ttft_seconds", "tpot_seconds", "prompt_tokens", "decode_tokens_per_second", "kv_cache_percent")
    assert [row[name] for name in unknown] == [None] * 5
    assert row["finish_reason"] == "cancelled"


def test_the_table_has_a_column_for_every_field_of_a_report() -> None:
    assert list(schema.REQUEST_COLUMNS) == list(WHOLE.__dataclass_fields__)


def test_recording_from_many_threads_loses_nothing(store: MetricsStore, path: Path) -> None:
    def record(thread: int) -> None:
        for number in range(200):
            store.record(report(request_id=f"{thread}-{number}"))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.flush()
    assert len(set(names(path))) == 1600
    assert store.health().dropped == 0
    check_sums(path)


def test_recording_costs_the_caller_microseconds(store: MetricsStore) -> None:
    gaps = tuple(0.01 for _ in range(128))
    reports = [report(request_id=str(number), inter_token_latencies_seconds=gaps) for number in range(2000)]
    costs = []
    for each in reports:
        began_at = time.thread_time()
        store.record(each)
        costs.append(time.thread_time() - began_at)
    assert statistics.median(costs) < 100e-6, (
        "and not their mean: the garbage of the whole suite may be collected meanwhile"
    )
    assert store.flush()


def test_reports_are_there_after_a_restart(path: Path) -> None:
    for name in ("first", "second"):
        store = MetricsStore(path)
        store.record(report(request_id=name))
        store.close()
    assert names(path) == ["first", "second"]


def test_closing_twice_is_closing_once(path: Path) -> None:
    store = MetricsStore(path)
    store.record(WHOLE)
    store.close()
    store.close()
    assert names(path) == ["r"]


def test_what_is_recorded_after_the_end_is_counted_as_lost(path: Path) -> None:
    store = MetricsStore(path)
    store.record(WHOLE)
    store.close()
    store.record(report(request_id="too late"))
    assert (store.health().waiting, store.health().dropped) == (0, 1)
    assert names(path) == ["r"]


def test_nothing_is_made_before_something_is_recorded(path: Path) -> None:
    MetricsStore(path).close()
    assert list(path.parent.iterdir()) == []


def test_the_revision_changes_with_every_write_and_only_then(store: MetricsStore) -> None:
    before = store.revision()
    assert store.revision() == before
    store.record(WHOLE)
    store.flush()
    assert store.revision() != before


def test_samples_have_a_revision_of_their_own(store: MetricsStore) -> None:
    store.record(WHOLE)
    store.flush()
    requests, samples = store.revision(), store.sample_revision()
    store.record_sample(Sample(1.0, 12.5, 1000, ()))
    store.flush()
    assert store.revision() == requests
    assert store.sample_revision() != samples


def test_reading_before_anything_was_written_finds_nothing(store: MetricsStore) -> None:
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_reader_can_not_write(store: MetricsStore) -> None:
    store.record(WHOLE)
    store.flush()
    with store.reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM requests")


def test_a_reader_sees_one_moment_while_more_is_written(store: MetricsStore) -> None:
    store.record(WHOLE)
    store.flush()
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)
        store.record(WHOLE)
        assert store.flush()
        assert connection.execute("SELECT count(*), (SELECT sum(requests) FROM rollups) FROM requests").fetchone() == (
            1,
            1,
        )


def test_the_file_is_for_its_owner_only(store: MetricsStore, path: Path) -> None:
    store.record(WHOLE)
    store.flush()
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_health_says_how_large_the_file_is(store: MetricsStore, path: Path) -> None:
    assert store.health().size_bytes == 0
    store.record(WHOLE)
    store.flush()
    assert store.health().size_bytes == sum(file.stat().st_size for file in path.parent.iterdir())


def test_samples_are_kept_with_cores_gauges_and_power(store: MetricsStore, path: Path) -> None:
    worker = WorkerSample("model", 150.0, 500, device_memory_bytes=7, kv_cache_percent=30.0, kv_cache_bytes=9)
    store.record_sample(Sample(600.0, 12.5, 1000, (worker,), (10.0, 15.0), (Power("package-0", 4.5),)))
    store.record_sample(Sample(602.0, 37.5, 900, (WorkerSample("model", 50.0, 400),), (), (Power("package-0", 5.5),)))
    store.flush()
    machine, model, *_ = rows(path, "SELECT * FROM samples ORDER BY id")
    assert (machine["worker"], machine["memory_bytes"], unpacked(machine["cores"])) == (None, None, (10.0, 15.0))
    assert (model["worker"], model["memory_bytes"], model["device_memory_bytes"]) == ("model", 500, 7)
    assert (model["kv_cache_percent"], model["kv_cache_bytes"], model["cores"]) == (30.0, 9, None)
    sums = [tuple(row) for row in rows(path, "SELECT * FROM sample_rollups ORDER BY worker")]
    assert sums == [(2, "", 2, 50.0, None, 900, None, None, None), (2, "model", 2, 200.0, 500, None, 7, 30.0, 9)]
    assert [tuple(row) for row in rows(path, "SELECT * FROM power_rollups")] == [(2, "package-0", 2, 10.0)]


def test_a_bandwidth_takes_the_place_of_the_one_before(store: MetricsStore, path: Path) -> None:
    for speed in (1e9, 2e9):
        store.record_bandwidth(Bandwidth("CPU", "a processor", speed, 5.0, "copying"))
    before = store.revision()
    store.flush()
    assert store.revision() != before
    assert [tuple(row) for row in rows(path, "SELECT * FROM bandwidths")] == [
        ("CPU", "a processor", 2e9, 5.0, "copying")
    ]


def test_without_texts_nothing_that_was_typed_is_in_any_file(store: MetricsStore, path: Path) -> None:
    refused = report(request_id="e", error_code="template_refused", error_message=f"the template says {SECRET}")
    store.record(refused)
    store.record(WHOLE)
    store.record_answer(TYPED, (f"{SECRET} answer",), WHOLE)
    assert store.flush()
    assert SECRET.encode() not in bytes_of(path)
    (row,) = rows(path, "SELECT * FROM details")
    assert (row["messages"], row["answers"]) == (None, None)
    settings = json.loads(row["settings"])
    assert settings["sampling"] == {"max_new_tokens": 12, "temperature": 0.25}
    assert (settings["seed"], settings["max_new_tokens"], settings["token_details"]) == (7, 12, True)
    assert settings["template_arguments"] == {"enable_thinking": True}
    facts = settings["texts"]
    assert facts.pop("characters") > 0
    assert facts == {
        "messages": 4,
        "stop": 1,
        "tools": 1,
        "documents": 1,
        "template_arguments": 2,
        "structured_output": "json_schema",
        "chat_template": True,
    }
    store.close()
    assert SECRET.encode() not in bytes_of(path)


def test_an_error_sentence_is_kept_only_where_it_can_not_quote_the_request(store: MetricsStore, path: Path) -> None:
    free = ("prompt_too_long", "parameter_not_supported", "engine_busy", "worker_died", "model_load_failed")
    quoting = ("generation_failed", "openarc_error", "model_error", "of a later OpenArc", None)
    for code in (*free, *quoting):
        store.record(report(request_id=str(code), error_code=code, error_message=f"{SECRET} {code}"))
    assert store.flush()
    kept = [row["request_id"] for row in rows(path) if row["error_message"] == f"{SECRET} {row['request_id']}"]
    assert kept == list(free)
    assert {row["error_message"] for row in rows(path)[len(free) :]} == {NOT_KEPT}


def test_with_texts_every_error_sentence_is_kept(path: Path) -> None:
    store = MetricsStore(path, keep_texts=True)
    store.record(report(error_code="generation_failed", error_message=SECRET))
    store.close()
    assert rows(path)[0]["error_message"] == SECRET


def test_a_request_that_was_wrong_itself_is_refused_and_no_error(store: MetricsStore, path: Path) -> None:
    for code in ("prompt_too_long", "worker_died"):
        store.record(report(finish_reason=FinishReason.ERROR, error_code=code, error_message="Why."))
    assert store.flush()
    assert [row["finish_reason"] for row in rows(path)] == ["refused", "error"]
    with store.reading() as connection:
        totals = frames.totals(connection, Filter())
    assert (totals.requests, totals.failed, totals.refused) == (2, 1, 1)


@pytest.mark.parametrize("folder", ["/home/somebody/models", r"C:\Users\somebody\models", "/with space/somebody"])
def test_no_path_of_this_machine_is_in_a_configuration(store: MetricsStore, path: Path, folder: str) -> None:
    properties = {"CACHE_DIR": f"{folder}/cache", "CONFIG": f"read '{folder}/a.json', then more", "PERFORMANCE": "x/y"}
    request = LoadRequest(model_path="org/model", ov_config={"CACHE_DIR": f"{folder}/cache"})
    for identity, asked in (("a", request), ("b", request.model_copy(update={"model_path": f"{folder}/org/model"}))):
        store.record_model(loaded(f"{folder}/org/model", asked, properties, identity))
    assert store.flush()
    written = [json.loads(row["description"]) for row in rows(path, "SELECT * FROM configurations ORDER BY 1")]
    assert [each["path"] for each in written] == ["org/model", "mine"]
    assert [each["request"]["model_path"] for each in written] == ["org/model", "…/model"]
    assert written[0]["effective_properties"] == {
        "CACHE_DIR": "…/cache",
        "CONFIG": "read '…/a.json', then more",
        "PERFORMANCE": "x/y",
    }
    assert (
        written[0]["requested_properties"]["CACHE_DIR"] == written[0]["request"]["ov_config"]["CACHE_DIR"] == "…/cache"
    )
    store.close()
    assert b"somebody" not in bytes_of(path)


def test_a_configuration_of_before_loses_its_path_with_the_next_load(store: MetricsStore, path: Path) -> None:
    info = loaded("/home/somebody/models/m", LoadRequest(model_path="m"), {}, "a")
    store.record_model(info)
    assert store.flush()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('UPDATE configurations SET description = \'{"path": "/home/somebody"}\'')
        connection.commit()
    store.record_model(info)
    assert store.flush()
    store.close()
    assert b"somebody" not in bytes_of(path)


def loaded(model: str, request: LoadRequest, properties: dict[str, str], configuration_id: str) -> ModelInfo:
    return ModelInfo(
        name="mine",
        path=model,
        backend="genai",
        backend_reason="",
        device="CPU",
        execution_devices=("CPU",),
        requested_properties=dict(request.ov_config),
        effective_properties=properties,
        load_seconds=1.0,
        stage_seconds=(),
        memory_bytes=1,
        context_length=None,
        context_source="",
        generation_defaults={},
        scheduler=None,
        loaded_from_cache=None,
        max_running=1,
        versions={},
        request=request,
        configuration_id=configuration_id,
    )


def test_with_texts_the_request_can_be_sent_again(path: Path) -> None:
    store = MetricsStore(path, keep_texts=True)
    store.record(WHOLE)
    store.record_answer(TYPED, ("one", "two \ud800"), WHOLE)
    assert store.flush()
    (row,) = rows(path, "SELECT * FROM details")
    assert GenerationRequest.model_validate_json(row["messages"]) == TYPED
    assert json.loads(row["answers"]) == ["one", "two \ud800"]
    store.close()


def test_details_are_kept_only_beside_their_request(store: MetricsStore, path: Path) -> None:
    store.record_answer(TYPED, (), WHOLE)
    store.record(report(request_id="other"))
    assert store.flush()
    assert rows(path, "SELECT * FROM details") == []
    assert store.health().dropped == 1


def test_a_row_that_no_database_takes_is_counted_and_holds_up_no_other(store: MetricsStore, path: Path) -> None:
    store.record(report(request_id="before"))
    store.record(report(request_id="wrong", model="half a pair \ud800"))
    store.record(report(request_id="also wrong", seed=2**70))
    store.record(report(request_id="after"))
    assert store.flush()
    assert names(path) == ["before", "after"]
    assert (store.health().dropped, store.health().problem) == (2, None)
    check_sums(path)


def test_seconds_pack_to_four_bytes_each() -> None:
    packed = pack_seconds((0.5, 0.25))
    assert (len(packed), unpacked(packed)) == (8, (0.5, 0.25))


def test_sample_keys_are_spread_evenly(store: MetricsStore, path: Path) -> None:
    for number in range(4000):
        store.record(report(request_id=str(number)))
    store.flush()
    keys = [row["sample_key"] for row in rows(path)]
    assert min(keys) >= 0
    assert max(keys) < schema.SAMPLE_KEYS
    assert sum(key < schema.SAMPLE_KEYS // 2 for key in keys) == pytest.approx(2000, abs=250)
