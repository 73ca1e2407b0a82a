"""Prometheus: what a scraper reads at /metrics, under the names the field knows (vLLM's, with our prefix).

Counts reports as they come, and asks engine and store when it is scraped; knows no HTTP and no database. docs/monitoring.md
lists every name and where one deviates from vLLM's meaning.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

import psutil
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from openarc_ui import __version__
from openarc_ui.engine.scheduler import SCHEDULER_DEFAULTS
from openarc_ui.engine.types import EngineStatus, ModelInfo, ModelState, ModelStatus, PerformanceReport
from openarc_ui.metrics.counts import HISTOGRAMS, PREFIX, ModelCounts
from openarc_ui.metrics.store import StoreHealth

MAX_MODELS = 100
OTHER_MODELS = "<other>"
"""Stands for every model after the first `MAX_MODELS`, so that names can't fill a scraper's memory. No model is called so."""
MODEL_LABEL = "model_name"
INFO_LABELS = ("backend", "device", "execution_devices", "configuration_id", "context_length")
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Value = float | None


class Exposition:
    """Everything a scrape says. Thread-safe; `record` costs microseconds, and waits no longer than a scrape copies the counts."""

    def __init__(self, engine_status: Callable[[], EngineStatus], store_health: Callable[[], StoreHealth]) -> None:
        self._engine_status = engine_status
        self._store_health = store_health
        self._counts: dict[str, ModelCounts] = {}
        self._lock = threading.Lock()
        self._process = psutil.Process()
        self._registry = CollectorRegistry()
        self._registry.register(_Families(self._families))

    def record(self, report: PerformanceReport) -> None:
        """Count one request that ended."""
        with self._lock:
            name = report.model
            if name not in self._counts and len(self._counts) >= MAX_MODELS:
                name = OTHER_MODELS
            counts = self._counts.get(name)
            if counts is None:
                counts = self._counts[name] = ModelCounts()
            counts.add(report)

    def text(self, openmetrics: bool = False) -> tuple[bytes, str]:
        """All metrics now, and the media type to send them with: Prometheus's text format, or OpenMetrics 1.0."""
        # The names need no escaping, and to escape them turns the colons of OpenMetrics samples into underscores.
        if openmetrics:
            text: bytes = openmetrics_exposition.generate_latest(self._registry, ALLOWUTF8)  # type: ignore[no-untyped-call]
            return text, OPENMETRICS_TYPE
        return exposition.generate_latest(self._registry, ALLOWUTF8), PLAIN_TYPE

    def _families(self) -> Iterator[Metric]:
        """Every family, once; all counts of the same moment."""
        with self._lock:
            counts = {name: counts.copy() for name, counts in self._counts.items()}
        status = self._engine_status()
        _begin_at_zero(counts, status)
        yield from _histograms(counts)
        yield from _counters(counts)
        yield from _engine_gauges(status)
        yield from _store_gauges(self._store_health())
        yield from _process_gauges(self._process)


def _begin_at_zero(counts: dict[str, ModelCounts], status: EngineStatus) -> None:
    """Adds the models that are there and had no request yet: a rate needs a value before the first one."""
    for model in status.models:
        if model.name not in counts and model.state is not ModelState.FAILED:
            name = model.name if len(counts) < MAX_MODELS else OTHER_MODELS
            counts.setdefault(name, ModelCounts())


class _Families(Collector):
    """As the registry wants it. It describes nothing: names are not asked for before the first scrape."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        return self._families()


def _histograms(counts: dict[str, ModelCounts]) -> Iterator[Metric]:
    for index, definition in enumerate(HISTOGRAMS):
        family = HistogramMetricFamily(PREFIX + definition.name, definition.documentation, labels=[MODEL_LABEL])
        names = _bound_names(definition.bounds)
        for model, counted in counts.items():
            buckets, below = counted.histograms[index], 0
            cumulative = [(name, below := below + count) for name, count in zip(names, buckets.counts, strict=True)]
            family.add_metric([model], buckets=cumulative, sum_value=buckets.total)
        yield family


def _bound_names(bounds: Sequence[float]) -> list[str]:
    """As the label `le` says them, with the last one that has no bound."""
    return [floatToGoString(bound) for bound in (*bounds, float("inf"))]  # type: ignore[no-untyped-call]


def _counters(counts: dict[str, ModelCounts]) -> Iterator[Metric]:
    told = {model: counted for model, counted in counts.items() if counted.told_prompt_tokens}
    for name, documentation, field, which in (
        ("prompt_tokens", "Prompt tokens of requests that ended, cached ones included.", "prompt_tokens", counts),
        ("generation_tokens", "Generated tokens of requests that ended.", "generated_tokens", counts),
        (
            "prefix_cache_queries",
            "Prompt tokens looked up in the prefix cache, where it told.",
            "told_prompt_tokens",
            told,
        ),
        ("prefix_cache_hits", "Prompt tokens found in the prefix cache.", "cached_prompt_tokens", told),
    ):
        family = CounterMetricFamily(PREFIX + name, documentation, labels=[MODEL_LABEL])
        for model, counted in which.items():
            family.add_metric([model], getattr(counted, field))
        yield family
    for name, documentation, field, label in (
        (
            "request_success",
            "Requests that ended, by how; errors, refused and cancelled ones too.",
            "finished",
            "finished_reason",
        ),
        ("request_failure", "Requests that failed, by the error's code.", "failures", "error_code"),
        ("request_refused", "Requests that were wrong themselves, by the error's code.", "refusals", "error_code"),
    ):
        family = CounterMetricFamily(PREFIX + name, documentation, labels=[MODEL_LABEL, label])
        for model, counted in counts.items():
            for value, count in getattr(counted, field).items():
                family.add_metric([model, value], count)
        yield family


def _engine_gauges(status: EngineStatus) -> Iterator[Metric]:
    # A name that is being replaced is there twice; the first one answers. Two samples of one name would void the scrape.
    models: dict[str, ModelStatus] = {}
    for model in status.models[: 2 * MAX_MODELS]:
        models.setdefault(model.name, model)
    for name, documentation, value in _MODEL_GAUGES:
        yield _gauge(name, documentation, [((model.name,), value(model)) for model in models.values()])
    states = GaugeMetricFamily(PREFIX + "model_state", "1 for the state a model is in.", labels=[MODEL_LABEL, "state"])
    for model in models.values():
        for state in ModelState:
            states.add_metric([model.name, state.value], float(model.state is state))
    yield states
    yield from _infos([model.info for model in models.values() if model.info is not None])
    yield _gauge("queue_capacity", "Requests that may wait for one model.", [((), status.queue_size)], labels=())


_MODEL_GAUGES: tuple[tuple[str, str, Callable[[ModelStatus], Value]], ...] = (
    ("num_requests_running", "Requests the model works on now.", lambda model: model.running),
    ("num_requests_waiting", "Requests that wait for the model now.", lambda model: model.queued),
    (
        "kv_cache_usage_perc",
        "Share of the KV cache's room in use; 1 is all of it. Absent where the room has no bound.",
        lambda model: _share(model.gauges.kv_cache_percent if model.gauges else None),
    ),
    (
        "kv_cache_bytes",
        "Bytes of the KV cache in use.",
        lambda model: model.gauges.kv_cache_bytes if model.gauges else None,
    ),
    (
        "device_memory_bytes",
        "Memory of the device that the model's worker holds.",
        lambda model: model.gauges.device_memory_bytes if model.gauges else None,
    ),
    ("worker_memory_bytes", "Resident memory of the model's worker process.", lambda model: model.memory_bytes),
    (
        "max_num_requests_running",
        "Requests the model can work on at once.",
        lambda model: model.info.max_running if model.info else None,
    ),
    (
        "last_decode_tokens_per_second",
        "Decode throughput of the last request.",
        lambda model: model.last_decode_tokens_per_second,
    ),
)


def _share(percent: float | None) -> Value:
    return None if percent is None else percent / 100


def _infos(loaded: Sequence[ModelInfo]) -> Iterator[Metric]:
    models = InfoMetricFamily(PREFIX + "model", "What is loaded, and its configuration.", labels=[MODEL_LABEL])
    caches = InfoMetricFamily(PREFIX + "cache_config", "How requests are batched and cached.", labels=[MODEL_LABEL])
    for info in loaded:
        values = {label: _text(getattr(info, label)) for label in INFO_LABELS}
        models.add_metric([info.name], {**values, "openvino_version": info.versions.get("openvino", "")})
        if info.scheduler is not None:
            caches.add_metric([info.name], {name: _text(info.scheduler.get(name)) for name in SCHEDULER_DEFAULTS})
    yield models
    yield caches
    build = InfoMetricFamily(PREFIX + "build", "This server.")
    build.add_metric([], {"version": __version__})
    yield build


def _text(value: object) -> str:
    """As a label: empty where there is nothing, which Prometheus takes for no label."""
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _store_gauges(health: StoreHealth) -> Iterator[Metric]:
    yield _gauge("metrics_rows_waiting", "Rows not on disk yet.", [((), health.waiting)], labels=())
    yield CounterMetricFamily(PREFIX + "metrics_rows_dropped", "Rows that could not be kept.", health.dropped)
    is_written = float(health.problem is None)
    yield _gauge("metrics_database_writable", "1 while rows can be written.", [((), is_written)], labels=())
    yield _gauge("metrics_database_bytes", "Size of the database.", [((), health.size_bytes)], labels=())


def _process_gauges(process: psutil.Process) -> Iterator[Metric]:
    """The names every Prometheus client has, of the server's own process; workers have `worker_memory_bytes`."""
    began_at, memory_bytes = process.create_time(), process.memory_info().rss
    yield GaugeMetricFamily("process_start_time_seconds", "When the server began, seconds since the epoch.", began_at)
    yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory of the server.", memory_bytes)
    times = process.cpu_times()
    used_seconds = times.user + times.system
    yield CounterMetricFamily("process_cpu_seconds", "Processor time of the server.", used_seconds)


def _gauge(
    name: str,
    documentation: str,
    values: Iterable[tuple[Sequence[str], Value]],
    labels: Sequence[str] = (MODEL_LABEL,),
) -> Metric:
    """A family without the samples that can't be told: absent is not zero."""
    family = GaugeMetricFamily(PREFIX + name, documentation, labels=labels)
    for label_values, value in values:
        if value is not None:
            family.add_metric(label_values, value)
    return family
