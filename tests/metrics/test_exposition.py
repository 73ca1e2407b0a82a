"""Prometheus: what a scrape says, read back by Prometheus's own parsers."""

from __future__ import annotations

import dataclasses
import math
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from openarc_ui.engine.types import FinishReason, ModelState
from openarc_ui.metrics.counts import HISTOGRAMS, PREFIX
from openarc_ui.metrics.exposition import MAX_MODELS, OTHER_MODELS, Exposition
from openarc_ui.metrics.outcomes import REFUSALS
from tests.metrics.exposed import exposition, full_exposition, health, status
from tests.reports import report, unmeasured

DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "monitoring.md"
VLLM_LATENCY = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0)
VLLM_LATENCY += (480.0, 960.0, 1920.0, 7680.0)
VLLM_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)


def families(exposed: Exposition) -> dict[str, Any]:
    """By name; one name twice is an error of the scrape."""
    found = list(parser.text_string_to_metric_families(exposed.text()[0].decode()))
    names = [family.name for family in found]
    assert len(names) == len(set(names))
    return {family.name: family for family in found}


def value(exposed: Exposition, name: str, **labels: str) -> float | None:
    """The sample of that name and these labels, None when there is none."""
    labels = labels or {"model_name": "model"}
    found = [
        sample.value
        for family in families(exposed).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def bucket(exposed: Exposition, name: str, bound: str) -> float | None:
    return value(exposed, f"openarc:{name}_bucket", model_name="model", le=bound)


def test_each_figure_is_in_the_bucket_whose_bound_is_not_below_it() -> None:
    exposed = exposition()
    exposed.record(report(ttft_seconds=0.25))
    assert bucket(exposed, "time_to_first_token_seconds", "0.1") == 0
    assert bucket(exposed, "time_to_first_token_seconds", "0.25") == 1
    assert bucket(exposed, "time_to_first_token_seconds", "+Inf") == 1
    assert value(exposed, "openarc:time_to_first_token_seconds_sum") == 0.25


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("time_to_first_token_seconds", 0.2),
        ("request_time_per_output_token_seconds", 0.1),
        ("e2e_request_latency_seconds", 0.6),
        ("request_queue_time_seconds", 0.001),
        ("request_prefill_time_seconds", 0.19),
        ("request_decode_time_seconds", 0.3),
        ("request_prompt_tokens", 50),
        ("request_generation_tokens", 4),
    ],
)
def test_a_request_is_one_observation_of_each_of_its_figures(name: str, total: float) -> None:
    exposed = exposition()
    exposed.record(report())
    assert value(exposed, f"openarc:{name}_count") == 1
    assert value(exposed, f"openarc:{name}_sum") == pytest.approx(total)


def test_inter_token_latency_counts_every_gap_and_not_every_request() -> None:
    exposed = exposition()
    exposed.record(report())
    exposed.record(report(inter_token_latencies_seconds=()))
    assert value(exposed, "openarc:inter_token_latency_seconds_count") == 3
    assert value(exposed, "openarc:inter_token_latency_seconds_sum") == pytest.approx(0.3)
    assert bucket(exposed, "inter_token_latency_seconds", "0.1") == 2


def test_what_was_not_measured_is_not_observed() -> None:
    exposed = exposition()
    exposed.record(unmeasured(finish_reason=FinishReason.CANCELLED, total_seconds=0.1))
    assert value(exposed, "openarc:time_to_first_token_seconds_count") == 0
    assert value(exposed, "openarc:request_prompt_tokens_count") == 0
    assert value(exposed, "openarc:e2e_request_latency_seconds_count") == 1


def test_requests_are_counted_by_how_they_ended_and_begin_at_zero() -> None:
    exposed = exposition()
    exposed.record(report())
    exposed.record(report(finish_reason=FinishReason.ERROR, error_code="worker_died"))
    exposed.record(report(finish_reason=FinishReason.ERROR, error_code=None))
    counted = {
        reason.value: value(exposed, "openarc:request_success_total", finished_reason=reason.value)
        for reason in FinishReason
    }
    assert counted == {"stop": 1, "length": 0, "cancelled": 0, "error": 2}
    assert value(exposed, "openarc:request_success_total", finished_reason="refused") == 0
    assert value(exposed, "openarc:request_failure_total", error_code="worker_died") == 1
    assert value(exposed, "openarc:request_failure_total", error_code="unknown") == 1


def test_reading_a_prompt_that_gave_no_first_token_is_no_prefill_time() -> None:
    exposed = exposition()
    exposed.record(report(ttft_seconds=None, prefill_seconds=9.0))
    assert value(exposed, "openarc:request_prefill_time_seconds_count") == 0
    exposed.record(report(prefill_seconds=0.5))
    assert value(exposed, "openarc:request_prefill_time_seconds_sum") == 0.5


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_request_that_was_wrong_itself_is_counted_as_refused_and_not_as_failed(code: str) -> None:
    exposed = exposition()
    exposed.record(report(finish_reason=FinishReason.ERROR, error_code=code))
    assert value(exposed, "openarc:request_refused_total", error_code=code) == 1
    assert value(exposed, "openarc:request_failure_total", error_code=code) is None
    assert value(exposed, "openarc:request_success_total", finished_reason="refused") == 1
    assert value(exposed, "openarc:request_success_total", finished_reason="error") == 0


def test_a_loaded_model_begins_at_zero_so_that_a_rate_sees_its_first_request() -> None:
    exposed = exposition(status(), status("failed", state=ModelState.FAILED, info=None))
    before = exposed.text()[0].decode()
    assert value(exposed, "openarc:time_to_first_token_seconds_count") == 0
    assert value(exposed, "openarc:generation_tokens_total") == 0
    assert value(exposed, "openarc:request_failure_total", model_name="model", error_code="worker_died") == 0
    assert value(exposed, "openarc:request_refused_total", model_name="model", error_code="prompt_too_long") == 0
    assert 'openarc:generation_tokens_total{model_name="failed"}' not in before
    exposed.record(report())
    assert value(exposed, "openarc:generation_tokens_total") == 4


def test_many_models_that_had_no_request_do_not_fill_a_scraper() -> None:
    exposed = exposition(*(status(f"model-{number}") for number in range(MAX_MODELS + 20)))
    samples = families(exposed)["openarc:generation_tokens"].samples
    assert (
        len(samples) == MAX_MODELS + 1
        and value(exposed, "openarc:generation_tokens_total", model_name=OTHER_MODELS) == 0
    )


def test_the_prefix_cache_counts_only_requests_that_told() -> None:
    exposed = exposition()
    exposed.record(report())
    assert value(exposed, "openarc:prefix_cache_queries_total") is None
    exposed.record(report(cached_prompt_tokens=32))
    exposed.record(report(cached_prompt_tokens=0))
    assert value(exposed, "openarc:prefix_cache_queries_total") == 100
    assert value(exposed, "openarc:prefix_cache_hits_total") == 32
    assert value(exposed, "openarc:prompt_tokens_total") == 150
    assert value(exposed, "openarc:generation_tokens_total") == 12


def test_gauges_are_the_engines_at_the_moment_of_the_scrape() -> None:
    exposed = exposition(status())
    assert {
        name: value(exposed, f"openarc:{name}")
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "kv_cache_bytes")
    } == {
        "num_requests_running": 2,
        "num_requests_waiting": 3,
        "kv_cache_usage_perc": 0.25,
        "kv_cache_bytes": 1000,
    }
    assert value(exposed, "openarc:device_memory_bytes") == 2000
    assert value(exposed, "openarc:worker_memory_bytes") == 3000
    assert value(exposed, "openarc:last_decode_tokens_per_second") == 12.5
    assert value(exposed, "openarc:max_num_requests_running") == 32
    assert families(exposed)["openarc:queue_capacity"].samples[0].value == 32


def test_a_gauge_that_can_not_be_told_is_absent_and_not_zero() -> None:
    exposed = exposition(status(gauges=None, memory_bytes=None, last_decode_tokens_per_second=None, info=None))
    for name in ("kv_cache_usage_perc", "kv_cache_bytes", "device_memory_bytes", "worker_memory_bytes", "model_info"):
        assert value(exposed, f"openarc:{name}") is None
    assert value(exposed, "openarc:num_requests_running") == 2


def test_a_name_that_is_being_replaced_is_scraped_once_as_the_one_that_answers() -> None:
    exposed = exposition(status(), status(state=ModelState.LOADING, running=0))
    assert value(exposed, "openarc:num_requests_running") == 2
    assert value(exposed, "openarc:model_state", model_name="model", state="ready") == 1
    assert value(exposed, "openarc:model_state", model_name="model", state="loading") == 0


def test_a_model_is_described_by_its_configuration() -> None:
    (info,) = families(full_exposition())["openarc:model_info"].samples
    assert info.labels == {
        "model_name": "model",
        "backend": "genai",
        "device": "AUTO:GPU,CPU",
        "execution_devices": "GPU.0,CPU",
        "configuration_id": "abc",
        "context_length": "4096",
        "openvino_version": "2026.4.1",
    }
    (cache,) = families(full_exposition())["openarc:cache_config_info"].samples
    assert cache.labels["enable_prefix_caching"] == "True" and cache.labels["max_num_seqs"] == "32"


def test_the_stores_health_is_told() -> None:
    well = {sample.name: sample.value for family in families(exposition()).values() for sample in family.samples}
    assert (well["openarc:metrics_rows_waiting"], well["openarc:metrics_rows_dropped_total"]) == (4, 5)
    assert (well["openarc:metrics_database_writable"], well["openarc:metrics_database_bytes"]) == (1, 6000)
    ill = families(exposition(stored=health(problem="database is locked")))
    assert ill["openarc:metrics_database_writable"].samples[0].value == 0


def test_the_process_has_the_names_of_every_prometheus_client() -> None:
    found = families(exposition())
    assert time.time() - found["process_start_time_seconds"].samples[0].value < 3600 * 24
    assert found["process_resident_memory_bytes"].samples[0].value > 1e6
    assert found["process_cpu_seconds"].samples[0].value > 0


@pytest.mark.parametrize("definition", HISTOGRAMS, ids=lambda definition: definition.name)
def test_the_bounds_hold_all_of_vllms(definition: Any) -> None:
    assert list(definition.bounds) == sorted(set(definition.bounds))
    theirs = {
        "inter_token": VLLM_TOKEN,
        "time_per_output": VLLM_TOKEN,
        "time_seconds": VLLM_LATENCY,
        "e2e": VLLM_LATENCY,
    }
    wanted = [bounds for part, bounds in theirs.items() if part in definition.name]
    for bounds in wanted:
        assert set(bounds) <= set(definition.bounds)


def test_a_histogram_is_cumulative_and_ends_with_its_count() -> None:
    for family in families(full_exposition()).values():
        if family.type != "histogram":
            continue
        buckets = [(float(s.labels["le"]), s.value) for s in family.samples if s.name.endswith("_bucket")]
        assert [bound for bound, _ in buckets] == sorted(bound for bound, _ in buckets)
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        counted = next(s.value for s in family.samples if s.name.endswith("_count"))
        assert buckets[-1] == (math.inf, counted)


def test_openmetrics_says_the_same_as_the_text_format() -> None:
    exposed = full_exposition()
    text, media_type = exposed.text(openmetrics=True)
    assert media_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith(b"# EOF\n")
    theirs = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in openmetrics_parser.text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not family.name.startswith("process_")
    }
    ours = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(exposed).values()
        for sample in family.samples
        if not family.name.startswith("process_")
    }
    assert theirs == ours and len(ours) > 200
    assert exposed.text()[1] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "ä 模型", "{model_name}"])
def test_any_model_name_comes_through(name: str) -> None:
    exposed = exposition(status(name))
    exposed.record(report(model=name))
    assert value(exposed, "openarc:num_requests_running", model_name=name) == 2
    assert value(exposed, "openarc:generation_tokens_total", model_name=name) == 4
    list(openmetrics_parser.text_string_to_metric_families(exposed.text(openmetrics=True)[0].decode()))


def test_the_number_of_label_values_is_bounded_and_nothing_is_lost() -> None:
    exposed = exposition()
    for index in range(MAX_MODELS + 50):
        exposed.record(report(model=f"model {index}"))
    counted = families(exposed)["openarc:generation_tokens"].samples
    assert len(counted) == MAX_MODELS + 1
    assert next(sample.value for sample in counted if sample.labels["model_name"] == OTHER_MODELS) == 50 * 4
    exposed.record(report(model="model 0"))
    assert value(exposed, "openarc:generation_tokens_total", model_name="model 0") == 8


def test_requests_from_many_threads_are_all_counted_while_it_is_scraped() -> None:
    exposed = exposition(status())

    def many() -> None:
        for _ in range(500):
            exposed.record(report())

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found = families(exposed)
        counts = {
            next(s.value for s in found[f"openarc:{name}"].samples if s.name.endswith("_count"))
            for name in ("time_to_first_token_seconds", "e2e_request_latency_seconds")
            if found[f"openarc:{name}"].samples
        }
        assert len(counts) <= 1, "one scrape is one moment"
    assert value(exposed, "openarc:time_to_first_token_seconds_count") == 2000


def test_nothing_is_registered_globally() -> None:
    full_exposition().text()
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith(PREFIX)]


def test_no_path_and_no_text_is_exposed() -> None:
    exposed = exposition(status(info=dataclasses.replace(status().info, path="/home/somebody/model")))  # type: ignore[type-var]
    exposed.record(report(finish_reason=FinishReason.ERROR, error_code="x", error_message="/home/somebody said no"))
    assert b"somebody" not in exposed.text()[0]


def test_every_name_is_documented_and_every_documented_name_exists() -> None:
    found = set()
    for family in families(full_exposition()).values():
        suffix = "_total" if family.type == "counter" else ""
        found.add(family.name + suffix)
    table = DOCUMENTATION.read_text(encoding="utf-8").partition("<!-- prometheus -->")[2].partition("<!-- end -->")[0]
    documented = set(re.findall(r"^\| `([a-z0-9_:]+)`", table, re.MULTILINE))
    assert documented == found


def test_recording_costs_microseconds_and_a_scrape_of_twenty_models_milliseconds() -> None:
    exposed = exposition(*(status(f"model {index}") for index in range(20)))
    reports = [
        report(model=f"model {index}", inter_token_latencies_seconds=tuple(0.01 + i / 1000 for i in range(128)))
        for index in range(20)
    ]
    costs = []
    for _ in range(20):
        for each in reports:
            began_at = time.thread_time()
            exposed.record(each)
            costs.append(time.thread_time() - began_at)
    assert sorted(costs)[len(costs) // 2] < 0.0005
    scrapes = []
    for _ in range(5):
        began_at = time.thread_time()
        exposed.text()
        scrapes.append(time.thread_time() - began_at)
    assert min(scrapes) < 0.25
