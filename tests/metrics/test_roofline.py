"""The roof: bytes by hand, words for each height, and which requests it is computed from."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.types import Bandwidth
from openarc_ui.metrics import frames
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.roofline import NOT_ALONE, Decoded, Roof, device_of, latest, roof
from openarc_ui.metrics.rows import TABLES, bandwidth_row, request_row
from openarc_ui.metrics.schema import migrate
from tests.reports import report

CPU_INFO: dict[str, Any] = {
    "device": "CPU",
    "execution_devices": ["CPU"],
    "traffic": {"weights_bytes": 100_000_000, "kv_bytes_per_token": 20_000, "how": "made up"},
}
CPU = Bandwidth("CPU", "A processor", 20e9, 1_700_000_000.0, "made up")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "metrics.sqlite3", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def put(connection: sqlite3.Connection, reports: Iterable[Any]) -> None:
    connection.executemany(TABLES["requests"].insert, (request_row(each, keep_texts=False)[1] for each in reports))


def describe(connection: sqlite3.Connection, configuration_id: str, info: dict[str, Any]) -> None:
    connection.execute("INSERT INTO configurations VALUES (?, 0, ?)", (configuration_id, json.dumps(info)))


def measured(connection: sqlite3.Connection, bandwidth: Bandwidth) -> None:
    connection.execute(TABLES["bandwidths"].insert, bandwidth_row(bandwidth)[1])


def found_by(rate: float, context: float = 1000, concurrent: int = 1, **changes: Any) -> Roof:
    return roof({**CPU_INFO, **changes}, rate, context, concurrent, CPU)


def test_the_fraction_is_bytes_read_over_bandwidth() -> None:
    found = found_by(100)
    assert found.bytes_per_token == 100_000_000 + 20_000 * 1000
    assert found.bytes_per_second == 12e9
    assert found.fraction == pytest.approx(0.6)
    assert (found.bandwidth_bytes_per_second, found.missing) == (20e9, None)


def test_requests_at_once_share_the_weights_and_not_the_cache() -> None:
    found = found_by(100, concurrent=4)
    assert found.bytes_per_token == 100_000_000 / 4 + 20_000 * 1000
    assert found.bytes_per_second == (100_000_000 + 4 * 20_000 * 1000) * 100
    assert found.fraction == pytest.approx(0.9)
    assert found.words.endswith("The weights are read once for all 4 requests that run at once.")


def test_an_empty_context_reads_the_weights_alone() -> None:
    assert found_by(100, context=0).bytes_per_token == 100_000_000


@pytest.mark.parametrize(
    ("rate", "says", "not_says"),
    [
        (136 / 1.2, "68% of the memory roof: more threads won't help; a smaller precision of the weights", "caches"),
        (100, "60% of the memory roof: memory and computing both count. More threads may help", "won't"),
        (20, "12% of the memory roof: memory is not what limits it. Look at threads", "won't help"),
        (200, "120% of the memory roof: more was read than the memory gave when it was measured", "won't help"),
    ],
)
def test_words_say_what_to_do_at_each_height(rate: float, says: str, not_says: str) -> None:
    words = found_by(rate).words
    assert words.startswith(says)
    assert not_says not in words
    assert words.endswith(".")


def test_the_words_change_at_40_65_and_100_percent() -> None:
    def advice(percent: float) -> str:
        return found_by(percent / 100 * 20e9 / 120e6).words.partition(": ")[2]

    heights = [10, 39.9, 40.1, 64.9, 65.1, 99.9, 100.1, 300]
    assert [advice(one) == advice(other) for one, other in itertools.pairwise(heights)] == [
        True, False, True, False, True, False, True,
    ]  # fmt: skip


def test_where_the_cache_is_most_of_it_the_cache_is_to_be_made_smaller() -> None:
    words = found_by(60, context=10_000).words
    assert "more threads won't help; a KV cache of a smaller precision or a shorter context will" in words
    assert "of the weights" not in words


def test_a_gpu_has_no_threads_to_add() -> None:
    words = found_by(120, device="GPU", execution_devices=["GPU.0"]).words
    assert "more computing power won't help" in words
    assert "thread" not in words + found_by(20, device="GPU.0", execution_devices=["GPU.0"]).words


def test_without_a_bandwidth_it_says_what_to_measure_and_keeps_what_is_known() -> None:
    found = roof(CPU_INFO, 100, 1000, 1, None)
    assert (found.fraction, found.words) == (None, "")
    assert found.bytes_per_second == 12e9
    assert found.missing is not None and found.missing.startswith("The memory bandwidth of CPU was not measured yet.")


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({**CPU_INFO, "traffic": None}, "mixtures of experts"),
        ({"device": "CPU"}, "Load the model again."),
        ({}, "Load the model again."),
    ],
)
def test_without_the_bytes_of_a_token_it_says_why(info: dict[str, Any], says: str) -> None:
    found = roof(info, 100, 1000, 1, CPU)
    assert found.missing is not None and says in found.missing
    assert (found.fraction, found.bytes_per_token, found.bytes_per_second) == (None, None, None)
    assert found.bandwidth_bytes_per_second == 20e9


def test_on_several_devices_there_is_no_one_bandwidth() -> None:
    info = {**CPU_INFO, "device": "HETERO:GPU,CPU", "execution_devices": ["GPU.0", "CPU"]}
    assert device_of(info) is None
    for traffic in (info["traffic"], None):
        found = roof({**info, "traffic": traffic}, 100, 1000, 1, None)
        assert found.missing is not None and "several devices" in found.missing


def test_a_device_that_auto_chose_is_that_device() -> None:
    assert device_of({"device": "AUTO", "execution_devices": ["(CPU)"]}) == "CPU"
    assert device_of({"device": "CPU"}) == "CPU"
    assert device_of({}) is None


@pytest.mark.parametrize(("rate", "context"), [(None, None), (None, 5.0), (100.0, None), (0.0, 5.0)])
def test_before_a_request_ran_alone_it_says_so(rate: float | None, context: float | None) -> None:
    assert roof(CPU_INFO, rate, context, 1, CPU).missing == NOT_ALONE


def test_only_requests_that_ran_alone_count_by_their_median(connection: sqlite3.Connection) -> None:
    describe(connection, "abc", CPU_INFO)
    measured(connection, CPU)
    alone = [
        report(
            request_id=f"{rate}",
            decode_tokens_per_second=rate,
            tpot_seconds=1 / rate,
            prompt_tokens=100,
            generated_tokens=20,
        )
        for rate in (10.0, 20.0, 90.0)
    ]
    beside = [report(decode_tokens_per_second=1.0, tpot_seconds=1.0, concurrent_requests=2)] * 5
    two_sequences = [report(decode_tokens_per_second=500.0, tpot_seconds=1 / 250)] * 5
    one_token = [report(decode_tokens_per_second=None, tpot_seconds=None, prompt_tokens=9999)] * 5
    failed_early = [report(decode_tokens_per_second=7.0, tpot_seconds=1 / 7, prompt_tokens=None)]
    put(connection, [*alone, *beside, *two_sequences, *one_token, *failed_early])
    assert latest(connection, Filter()) == [Decoded("model", "abc", 20.0, 110.0, CPU)]


def test_each_model_and_configuration_has_its_own_and_the_filter_holds(connection: sqlite3.Connection) -> None:
    for model, configuration, rate in (("a", "x", 10.0), ("a", "y", 20.0), ("b", "x", 40.0)):
        put(
            connection,
            [
                report(
                    model=model,
                    configuration_id=configuration,
                    decode_tokens_per_second=rate,
                    tpot_seconds=1 / rate,
                )
            ],
        )
    found = latest(connection, Filter())
    assert [each[:3] for each in found] == [("a", "x", 10.0), ("a", "y", 20.0), ("b", "x", 40.0)]
    assert {each.bandwidth for each in found} == {None}
    assert [each[:2] for each in latest(connection, Filter(configuration=("x",), model=("a",)))] == [("a", "x")]
    assert latest(connection, Filter(model=("nobody",))) == []


def test_where_none_ran_alone_there_is_a_row_that_says_so(connection: sqlite3.Connection) -> None:
    put(connection, [report(concurrent_requests=3)])
    assert latest(connection, Filter()) == [Decoded("model", "abc", None, None, None)]


def test_the_newest_200_decide(connection: sqlite3.Connection) -> None:
    old = [report(decode_tokens_per_second=5.0, tpot_seconds=0.2, submitted_at=1.7e9 + n) for n in range(300)]
    new = [report(decode_tokens_per_second=50.0, tpot_seconds=0.02, submitted_at=1.7e9 + 300 + n) for n in range(200)]
    put(connection, [*old, *new])
    (found,) = latest(connection, Filter())
    assert found.decode_tokens_per_second == 50.0


def test_a_new_configuration_is_seen_though_the_sample_missed_it(connection: sqlite3.Connection) -> None:
    put(connection, [report(request_id="old", submitted_at=1.7e9)])
    sample = frames.sample(connection, Filter())
    put(connection, [report(request_id="new", configuration_id="new", submitted_at=1.7e9 + 9)])
    assert [each.configuration_id for each in latest(connection, Filter(), sample)] == ["abc", "new"]


def test_the_newest_measurement_of_the_device_it_runs_on_counts(connection: sqlite3.Connection) -> None:
    for bandwidth in (
        Bandwidth("CPU", "An older one", 5e9, 1.0, ""),
        Bandwidth("CPU", "This one", 20e9, 2.0, ""),
        Bandwidth("GPU", "Graphics", 90e9, 3.0, ""),
    ):
        measured(connection, bandwidth)
    devices = {"cpu": ["CPU"], "gpu": ["GPU.0"], "other": ["GPU.1"], "both": ["GPU.0", "CPU"]}
    for name, execution in devices.items():
        describe(connection, name, {"device": "AUTO", "execution_devices": execution})
        put(connection, [report(configuration_id=name)])
    found = {each.configuration_id: each.bandwidth for each in latest(connection, Filter())}
    speeds = {name: each and each.bytes_per_second for name, each in found.items()}
    assert speeds == {"cpu": 20e9, "gpu": 90e9, "other": None, "both": None}
