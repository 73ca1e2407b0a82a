"""OpenTelemetry: a span and the GenAI metrics of each request, sent to a collector by OTLP over HTTP.

Only made where a collector is configured: its libraries take a tenth of a second to import. Headers, certificates,
timeouts and compression are the SDK's own OTEL_EXPORTER_OTLP_* variables, which it reads itself. No global provider is
set; the libraries' logger is taken over until everything is closed (otel_log.py).
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.metrics import otel_attributes
from openarc_ui.metrics.otel_log import CollectorLog
from openarc_ui.metrics.outcomes import outcome_of

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram
    from opentelemetry.sdk.resources import Resource

MAX_WAITING = 4096
"""Requests whose spans are not made yet; as many spans again wait in the SDK (OTEL_BSP_MAX_QUEUE_SIZE)."""
CLOSE_SECONDS = 3.0
SERVICE = "openarc"
TRACES_PATH, METRICS_PATH = "/v1/traces", "/v1/metrics"

Waiting = tuple[PerformanceReport, otel_attributes.Attributes]


class Telemetry:
    """Sends what requests cost to a collector. A collector that is away, slow or refuses costs a request nothing.

    Args:
        endpoint: where OTLP over HTTP is taken, without the path of a signal: "http://localhost:4318".
        version: OpenArc's.
    """

    def __init__(self, endpoint: str, version: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._log = CollectorLog(endpoint)
        resource = _resource(version)
        self._span_exporter = OTLPSpanExporter(signal_endpoint(endpoint, TRACES_PATH))
        self._metric_exporter = OTLPMetricExporter(signal_endpoint(endpoint, METRICS_PATH))
        self._meters = MeterProvider(
            [PeriodicExportingMetricReader(self._metric_exporter)], resource, shutdown_on_exit=False
        )
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False, meter_provider=self._meters)
        self._tracers.add_span_processor(BatchSpanProcessor(self._span_exporter, meter_provider=self._meters))
        self._tracer = self._tracers.get_tracer(SERVICE, version)
        meter = self._meters.get_meter(SERVICE, version)
        self._histograms: dict[str, Histogram] = {
            instrument.name: meter.create_histogram(
                instrument.name,
                instrument.unit,
                instrument.description,
                explicit_bucket_boundaries_advisory=instrument.bounds,
            )
            for instrument in otel_attributes.INSTRUMENTS
        }
        self._waiting: deque[Waiting] = deque(maxlen=MAX_WAITING)
        self._changed = threading.Condition()
        self._closing = False
        self._worker = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._worker.start()

    def record(self, report: PerformanceReport, request: GenerationRequest | None = None) -> None:
        """Send one request's span and figures, later, from another thread. Nothing that was typed is kept for it."""
        settings = otel_attributes.of_request(request) if request is not None else {}
        # The latencies of a long answer are megabytes, and no attribute needs them.
        small = dataclasses.replace(report, inter_token_latencies_seconds=(), error_message=None)
        with self._changed:
            self._waiting.append((small, settings))
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, for three seconds at most. Idempotent."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        ends_at = time.monotonic() + CLOSE_SECONDS
        self._worker.join(CLOSE_SECONDS / 3)
        closers = [self._start(self._tracers.shutdown), self._start(self._meters.shutdown)]
        _join(closers, ends_at - CLOSE_SECONDS / 6)
        if any(closer.is_alive() for closer in closers):
            self._log.say("it took too long at the end, so the last of it is lost")
            # Ends the waiting between two attempts; an attempt itself ends with its own timeout, in a daemon thread.
            self._span_exporter.shutdown()  # type: ignore[no-untyped-call]
            self._metric_exporter.shutdown()
            _join(closers, ends_at)
        if any(closer.is_alive() for closer in closers):
            # They still talk, of exporters that are shut down already, so the log ends after them.
            threading.Thread(target=self._end_log, args=(closers,), name="telemetry-end", daemon=True).start()
        else:
            self._log.end()

    def _end_log(self, closers: list[threading.Thread]) -> None:
        for closer in closers:
            closer.join()
        self._log.end()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                report, settings = self._waiting.popleft()
            try:
                self._tell(report, settings)
            except Exception as error:  # noqa: BLE001 - the top of a thread, and it is said
                self._log.say(f"a request can't be told ({type(error).__name__})")

    def _tell(self, report: PerformanceReport, settings: otel_attributes.Attributes) -> None:
        """One request to the SDK, which sends it in its own time."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        submitted_at = round(report.submitted_at * 1e9)
        span = self._tracer.start_span(
            f"{otel_attributes.OPERATION} {report.model}",
            Context(),
            SpanKind.SERVER,
            {**settings, **otel_attributes.of_report(report)},
            start_time=submitted_at,
        )
        inside = set_span_in_context(span, Context())
        for part in otel_attributes.parts(report):
            begins_at = submitted_at + round(part.begins_at * 1e9)
            child = self._tracer.start_span(part.name, inside, SpanKind.INTERNAL, start_time=begins_at)
            child.end(begins_at + round(part.seconds * 1e9))
        if outcome_of(report) == FinishReason.ERROR.value:
            span.set_status(Status(StatusCode.ERROR))
        for instrument, value, attributes in otel_attributes.figures(report):
            self._histograms[instrument.name].record(value, attributes, inside)
        span.end(submitted_at + round(report.total_seconds * 1e9))

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the top of a thread, and it is said
                self._log.say(f"it can't be closed ({type(error).__name__})")

        thread = threading.Thread(target=run, name="telemetry-close", daemon=True)
        thread.start()
        return thread


def signal_endpoint(endpoint: str, path: str) -> str:
    """Where one signal goes: its path below the collector's own, as the OTLP specification has it."""
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))


def _resource(version: str) -> Resource:
    """Who sends: OpenArc, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another name."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

    found = Resource.create()
    name = str(found.attributes.get(SERVICE_NAME, ""))
    ours = {SERVICE_NAME: SERVICE, SERVICE_VERSION: version} if name.startswith("unknown_service") else {}
    return found.merge(Resource({SERVICE_VERSION: version, **ours}))


def _join(threads: list[threading.Thread], until: float) -> None:
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
