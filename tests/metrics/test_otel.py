"""OpenTelemetry: what a real collector receives of a request, and what a bad one costs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import StructuredOutput, Tool, ToolFunction
from openarc_ui.engine.types import FinishReason, GenerationRequest
from openarc_ui.metrics import otel, otel_attributes
from openarc_ui.metrics.otel import Telemetry, signal_endpoint
from openarc_ui.metrics.otel_log import CollectorLog, address_of
from tests.application import Application
from tests.conftest import write_script
from tests.metrics.collector import Collector, attributes_of, running_collector
from tests.metrics.files import wait_until
from tests.reports import report, unmeasured

DOCUMENTATION = Path(__file__).parent.parent.parent / "docs" / "monitoring.md"
DEAD = "http://127.0.0.1:9"
SECRET = "xyzzy-plugh"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """One that answers, so that what is sent at the end arrives, however busy the machine is."""
    monkeypatch.setattr(otel, "CLOSE_SECONDS", 60.0)
    with running_collector() as found:
        yield found


@contextmanager
def telemetry_to(endpoint: str) -> Iterator[Telemetry]:
    telemetry = Telemetry(endpoint, "1.2.3")
    try:
        yield telemetry
    finally:
        telemetry.close()


def asked(**changes: Any) -> GenerationRequest:
    return GenerationRequest(conversation=(Message(role="user", content=SECRET),), **changes)


def test_a_request_is_one_span_with_the_true_times_and_its_parts_inside(collector: Collector) -> None:
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report(prefill_seconds=0.15))
    spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {"chat model", "queue", "prefill", "decode"}
    whole = spans["chat model"]
    begins = round(1_700_000_000.0 * 1e9)
    assert (whole.start_time_unix_nano, whole.end_time_unix_nano) == (begins, begins + 600_000_000)
    times = {
        name: (span.start_time_unix_nano - begins, span.end_time_unix_nano - begins) for name, span in spans.items()
    }
    assert times["queue"] == (0, 1_000_000)
    assert times["prefill"] == (50_000_000, 200_000_000)
    assert times["decode"] == (200_000_000, 500_000_000)
    assert {spans[name].parent_span_id for name in ("queue", "prefill", "decode")} == {whole.span_id}
    assert {span.trace_id for span in spans.values()} == {whole.trace_id}
    assert whole.parent_span_id == b""


def test_a_span_has_the_attributes_of_the_conventions(collector: Collector) -> None:
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(
            report(cached_prompt_tokens=32),
            asked(temperature=1, top_k=40, seed=7, max_new_tokens=9, num_return_sequences=2, stop=("end",)),
        )
    whole = next(span for span in collector.spans() if span.name == "chat model")
    found = attributes_of(whole)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openarc",
        "gen_ai.request.model": "model",
        "gen_ai.response.model": "model",
        "gen_ai.response.id": "r",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 50,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 32,
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.choice.count": 2,
        "openarc.backend": "genai",
        "openarc.device": "CPU",
        "openarc.configuration_id": "abc",
        "openarc.source": "chat",
        "openarc.concurrent_requests": 1,
        "openarc.dropped_messages": 0,
        "openarc.time_to_first_token": 0.2,
        "openarc.time_per_output_token": 0.1,
    }
    assert isinstance(found["gen_ai.request.temperature"], float)
    collector.spans()
    assert collector.resources[0]["service.name"] == "openarc"
    assert collector.resources[0]["service.version"] == "1.2.3"
    assert not any("/" in str(value) for value in collector.resources[0].values())


def test_what_is_not_known_is_absent_and_not_zero(collector: Collector) -> None:
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(unmeasured(finish_reason=FinishReason.CANCELLED))
    (whole,) = collector.spans()
    found = attributes_of(whole)
    assert found["gen_ai.response.finish_reasons"] == ["cancelled"]
    assert "gen_ai.usage.input_tokens" not in found and "gen_ai.usage.cache_read.input_tokens" not in found
    assert "error.type" not in found and whole.status.code == 0
    assert set(collector.metrics()) == {"gen_ai.server.request.duration"}


def test_a_failed_request_has_its_code_and_not_its_message(collector: Collector) -> None:
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(
            unmeasured(finish_reason=FinishReason.ERROR, error_code="worker_died", error_message=f"said {SECRET}")
        )
    (whole,) = collector.spans()
    assert attributes_of(whole)["error.type"] == "worker_died"
    assert (whole.status.code, whole.status.message) == (2, "")
    (point,) = collector.metrics()["gen_ai.server.request.duration"].histogram.data_points
    assert attributes_of(point)["error.type"] == "worker_died"
    assert all(SECRET.encode() not in body for _, body in collector.bodies)


def test_the_metrics_have_the_names_units_and_bounds_of_the_conventions(collector: Collector) -> None:
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report())
        telemetry.record(report(total_seconds=1.4, ttft_seconds=None, tpot_seconds=None))
    metrics = collector.metrics()
    assert {name: metric.unit for name, metric in metrics.items()} == {
        "gen_ai.server.request.duration": "s",
        "gen_ai.server.time_to_first_token": "s",
        "gen_ai.server.time_per_output_token": "s",
        "gen_ai.client.token.usage": "{token}",
    }
    (duration,) = metrics["gen_ai.server.request.duration"].histogram.data_points
    assert (duration.count, duration.sum) == (2, pytest.approx(2.0))
    assert list(duration.explicit_bounds) == [0.01 * 2**power for power in range(14)]
    assert duration.bucket_counts[6] == 1 and duration.bucket_counts[8] == 1
    (first,) = metrics["gen_ai.server.time_to_first_token"].histogram.data_points
    assert (first.count, first.sum, list(first.explicit_bounds)[-1]) == (1, pytest.approx(0.2), 10.0)
    usage = {
        attributes_of(point)["gen_ai.token.type"]: point.sum
        for point in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert usage == {"input": 100, "output": 8}
    bounds = list(metrics["gen_ai.client.token.usage"].histogram.data_points[0].explicit_bounds)
    assert bounds[:3] == [1, 4, 16] and bounds[-1] == 67108864


def test_nothing_that_a_person_typed_is_sent(collector: Collector) -> None:
    request = asked(
        stop=(SECRET,),
        chat_template=f"{{{{ '{SECRET}' }}}}",
        tools=(Tool(function=ToolFunction(name=SECRET, description=SECRET)),),
        documents=({"text": SECRET},),
        template_arguments={"name": SECRET},
        structured_output=StructuredOutput(json_schema={"title": SECRET}),
    )
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report(error_message=SECRET), request)
    assert len(collector.spans()) == 4
    assert attributes_of(next(s for s in collector.spans() if s.name == "chat model"))["gen_ai.output.type"] == "json"
    assert all(SECRET.encode() not in body for _, body in collector.bodies)


def test_each_signal_has_its_path_below_the_collectors_own(collector: Collector) -> None:
    with telemetry_to(collector.address + "/otlp/") as telemetry:
        telemetry.record(report())
    assert collector.paths == {"/otlp/v1/traces", "/otlp/v1/metrics"}
    assert signal_endpoint("https://c/?key=1", "/v1/traces") == "https://c/v1/traces?key=1"


def test_the_sdks_own_variables_are_honoured(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-token=abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report())
    assert {headers["x-token"] for headers in collector.headers} == {"abc"}
    assert len(collector.spans()) == 4
    assert collector.resources[0]["service.name"] == "mine"


def test_nothing_global_is_set(collector: Collector) -> None:
    from opentelemetry import metrics, trace

    before = (type(trace.get_tracer_provider()), type(metrics.get_meter_provider()))
    library = logging.getLogger("opentelemetry")
    with telemetry_to(collector.address):
        assert (type(trace.get_tracer_provider()), type(metrics.get_meter_provider())) == before
    assert library.propagate and not library.handlers


@pytest.mark.parametrize("kind", ["dead", "slow", "refusing"])
def test_a_bad_collector_costs_a_request_microseconds_and_the_end_three_seconds(
    kind: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    monkeypatch.setattr(otel, "CLOSE_SECONDS", 3.0)
    collector.status = 503
    if kind == "slow":
        collector.hold.clear()
    telemetry = Telemetry(DEAD if kind == "dead" else collector.address, "1")
    costs, waits = [], []
    for _ in range(300):
        began_at, computed_at = time.perf_counter(), time.thread_time()
        telemetry.record(report(inter_token_latencies_seconds=(0.1,) * 1000))
        costs.append(time.thread_time() - computed_at)
        waits.append(time.perf_counter() - began_at)
    assert sorted(costs)[150] < 0.001
    assert sorted(waits)[150] < 0.05, "it waits for nobody but a processor"
    time.sleep(0.3)
    began_at = time.perf_counter()
    telemetry.close()
    assert time.perf_counter() - began_at < 8, "the library itself would try for ten seconds and more"


def test_memory_is_bounded_while_nobody_takes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel, "MAX_WAITING", 10)
    begun, stuck = threading.Event(), threading.Event()
    telemetry = Telemetry(DEAD, "1")

    def tell(*_: object) -> None:
        begun.set()
        stuck.wait(60)

    try:
        monkeypatch.setattr(telemetry, "_tell", tell)
        telemetry.record(report())
        assert begun.wait(30), "the one thread that takes something holds it"
        for _ in range(100):
            telemetry.record(report(inter_token_latencies_seconds=(0.1,) * 1000))
        assert len(telemetry._waiting) == 10
        assert telemetry._waiting[0][0].inter_token_latencies_seconds == ()
    finally:
        stuck.set()
        telemetry.close()


def test_a_dead_collector_is_said_once_a_minute_and_without_secrets(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={SECRET}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with telemetry_to(f"http://me:{SECRET}@127.0.0.1:9/{SECRET}?key={SECRET}") as telemetry:
        for _ in range(5):
            telemetry.record(report())
            time.sleep(0.2)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1, said
    assert "http://127.0.0.1:9 gets nothing" in said[0] and "can't be reached" in said[0]
    assert SECRET not in caplog.text


def test_a_web_server_that_sets_up_its_logging_does_not_give_the_libraries_their_voice_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    with telemetry_to(DEAD) as telemetry:
        uvicorn.Config(lambda: None, log_level="warning")
        for _ in range(3):
            telemetry.record(report())
            time.sleep(0.2)
        logging.getLogger("opentelemetry.exporter.otlp.proto.http").warning("Transient error %s", SECRET)
    assert [record.name for record in caplog.records] == ["openarc_ui.metrics.otel_log"], caplog.text
    assert SECRET not in caplog.text and "shutdown" not in caplog.text


def test_a_header_that_can_not_be_sent_is_never_in_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20TOPSECRET6%0Ax")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    with telemetry_to(DEAD) as telemetry:
        uvicorn.Config(lambda: None, log_level="warning")
        for _ in range(3):
            telemetry.record(report())
            time.sleep(0.2)
    time.sleep(0.2)
    said = caplog.text + "".join(capfd.readouterr())
    assert "gets nothing" in said and "InvalidHeader" in said
    assert "TOPSECRET6" not in said and "shutdown" not in said


def test_the_whole_program_never_says_a_header_and_says_a_dead_collector_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_script(tmp_path / "script")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20TOPSECRET6%0Ax")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    flags = ("--model", "script", "--backend", "scripted", "--otlp-endpoint", DEAD)
    with Application(tmp_path, *flags) as program:
        program.wait()
        for _ in range(3):
            body = {"conversation": [{"role": "user", "content": "hello"}]}
            assert httpx.post(f"{program.address}/generate/text", json=body, timeout=20).status_code == 200
            time.sleep(0.2)
        program.end()
        log = program.log.read_text(encoding="utf-8")
    assert log.count("gets nothing at the moment: sending fails with InvalidHeader") == 1, log
    assert "TOPSECRET6" not in log and "shutdown" not in log and "Traceback" not in log


def test_a_program_that_ends_in_a_hurry_says_nothing_of_its_exporters(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otel, "CLOSE_SECONDS", 0.3)
    collector.hold.clear()
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report())
        time.sleep(0.1)
    collector.hold.set()
    time.sleep(1.5)
    assert {record.name for record in caplog.records} <= {"openarc_ui.metrics.otel_log"}, caplog.text
    assert logging.getLogger("opentelemetry").propagate


def test_a_refusing_collector_is_said_with_its_status(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    collector.status = 401
    with telemetry_to(collector.address) as telemetry:
        telemetry.record(report())
    assert [record.getMessage() for record in caplog.records if "status 401" in record.getMessage()]


def test_it_is_said_again_after_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("openarc_ui.metrics.otel_log.time.monotonic", lambda: clock[0])
    log = CollectorLog("http://c:4318")
    try:
        for clock[0] in (100.0, 130.0, 159.0, 161.0):
            logging.getLogger("opentelemetry.exporter").error("Failed to export %s batch code: %s", "spans", 500)
    finally:
        log.end()
    assert [record.getMessage().count("status 500") for record in caplog.records] == [1, 1]


def test_an_error_in_the_library_ends_neither_the_thread_nor_a_request(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = Telemetry(collector.address, "1")
    broken = otel_attributes.of_report
    monkeypatch.setattr(otel_attributes, "of_report", lambda _: 1 / 0)
    telemetry.record(report())
    wait_until(lambda: "ZeroDivisionError" in caplog.text)
    monkeypatch.setattr(otel_attributes, "of_report", broken)
    telemetry.record(report())
    telemetry.close()
    assert "ZeroDivisionError" in caplog.text
    assert len(collector.spans()) == 4


def test_closing_twice_is_fine_and_a_late_request_is_dropped(collector: Collector) -> None:
    telemetry = Telemetry(collector.address, "1")
    telemetry.close()
    telemetry.record(report())
    telemetry.close()
    assert collector.spans() == []


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert address_of("https://me:pw@[::1]:4318/a?b=c#d") == "https://[::1]:4318"


def test_the_libraries_are_imported_only_where_a_collector_is_configured() -> None:
    program = "import sys, openarc_ui.metrics.otel; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_attribute_and_metric_is_documented() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    whole = report(cached_prompt_tokens=1, finish_reason=FinishReason.ERROR)
    request = asked(
        **dict.fromkeys(set(otel_attributes.SAMPLING) - {"top_p", "min_p"}, 1),
        top_p=0.5,
        min_p=0.5,
        num_return_sequences=2,
        structured_output=StructuredOutput(regex="a"),
    )
    names = {*otel_attributes.of_report(whole), *otel_attributes.of_request(request)}
    assert len(names) == 29
    for name in names:
        assert f"`{name}`" in text or f"`{name.removeprefix('gen_ai.request')}`" in text, name
    assert all(f"`{instrument.name}`" in text for instrument in otel_attributes.INSTRUMENTS)
