"""The Metrics tab: what every request cost, from the database, live. Nothing is read when nothing changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from openarc_ui.metrics import frames
from openarc_ui.metrics.frames import Filter
from openarc_ui.metrics.store import MetricsStore, StoreHealth
from openarc_ui.ui import plots
from openarc_ui.ui.html import NOT_MEASURED, card, empty, figures, number, seconds, table

RANGES = {"15 minutes": 900.0, "1 hour": 3600.0, "1 day": 86400.0, "7 days": 604800.0, "All": None}
ALL_MODELS = "All models"
LIVE_SECONDS = 1.5
RECENT = 50
HEADINGS = (
    "Time",
    "Model",
    "Backend",
    "Device",
    "End",
    "Prompt",
    "Generated",
    "TTFT",
    "Decode tok/s",
    "Queue",
    "Total",
    "Source",
)
NUMBERS = (5, 6, 7, 8, 9, 10)

Seen = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MetricsTab:
    """What the page wires: the timer runs while the tab is open, `refresh` draws at once."""

    timer: gr.Timer
    refresh: Any
    inputs: list[Any]
    outputs: list[Any]


def load(store: MetricsStore, range_name: str, model_name: str, seen: Seen | None) -> list[Any]:
    """Everything the tab shows, or skips when nothing is new.

    Returns:
        Tiles, recent table, six figures, body and empty-state visibility, model choices, health, what was seen.
    """
    span = RANGES.get(range_name)
    # A window that ends now moves on even without new requests; once a minute is often enough to show that.
    now_seen = (store.revision(), store.health(), range_name, model_name, int(time.time() // 60) if span else 0)
    if now_seen == seen:
        return [gr.skip()] * 13
    chosen = Filter(time.time() - span if span else None, None if model_name == ALL_MODELS else model_name)
    with store.reading() as connection:
        counted = frames.totals(connection, chosen)
        names = [ALL_MODELS, *frames.models(connection)]
        choices = gr.update(choices=names)
        if not counted.requests:
            return [gr.skip()] * 8 + [
                gr.update(visible=False),
                empty_state(len(names) > 1),
                choices,
                health_line(store.health()),
                now_seen,
            ]
        series = frames.series(connection, chosen)
        spread = frames.distribution(connection, chosen)
        drawn = [
            plots.throughput_over_time(series),
            plots.latency_over_time(series),
            plots.prefill_over_time(series),
            plots.throughput_distribution(spread),
            plots.ttft_distribution(spread),
            plots.inter_token_distribution(frames.inter_token_latencies(connection, chosen)),
        ]
        shown = [
            tiles(counted, frames.percentiles(connection, chosen)),
            recent_table(frames.recent_requests(connection, chosen, RECENT)),
        ]
    return [
        *shown,
        *drawn,
        gr.update(visible=True),
        gr.update(visible=False),
        choices,
        health_line(store.health()),
        now_seen,
    ]


def empty_state(has_others: bool) -> Any:
    """What stands there instead of empty plots."""
    if has_others:
        return gr.update(
            visible=True, value=empty("Nothing in this range", "Choose a longer time range or another model.")
        )
    text = "Send a message in the Chat tab, or POST to /generate/text; each request appears here with what it cost."
    return gr.update(visible=True, value=empty("No requests yet", text))


def tiles(counted: frames.Totals, measured: dict[str, tuple[float, ...] | None]) -> str:
    """The row of figures: the median, with the ninetieth percentile below."""
    items = [("Requests", f"{counted.requests}", "", f"{counted.failed} failed, {counted.cancelled} cancelled")]
    for label, name, scale, unit, digits in (
        ("Time to first token", "ttft_seconds", 1000.0, "ms", 0),
        ("Decode", "decode_tokens_per_second", 1.0, "tok/s", 1),
        ("Prefill", "prefill_tokens_per_second", 1.0, "tok/s", 0),
        ("Time per output token", "tpot_seconds", 1000.0, "ms", 1),
    ):
        values = measured[name]
        middle = number(values[0] * scale, digits) if values else NOT_MEASURED
        items.append(
            (
                label,
                middle,
                unit,
                f"p50; p90 {number(values[1] * scale, digits)} {unit}" if values else "not measured yet",
            )
        )
    items.append(
        ("Tokens generated", number(counted.generated_tokens, 0), "", f"{number(counted.prompt_tokens, 0)} in prompts")
    )
    return card("", figures(items))


def recent_table(frame: Any) -> str:
    """The latest requests, newest first."""
    rows = [(_row(record), "bad" if record["finish_reason"] == "error" else "") for record in frame.to_dict("records")]
    return card("Recent requests", table(HEADINGS, rows, NUMBERS))


def _row(record: dict[str, Any]) -> list[str]:
    known = {name: None if value is None or value != value else value for name, value in record.items()}
    return [
        time.strftime("%d %b %H:%M:%S", time.localtime(record["submitted_at"])),
        record["model"],
        record["backend"],
        record["device"],
        record["finish_reason"],
        number(known["prompt_tokens"], 0),
        number(known["generated_tokens"], 0),
        seconds(known["ttft_seconds"]),
        number(known["decode_tokens_per_second"]),
        seconds(known["queue_seconds"]),
        seconds(known["total_seconds"]),
        record["source"],
    ]


def health_line(health: StoreHealth) -> Any:
    """A warning while reports can't be written, or when a damaged file was set aside."""
    parts = [health.notice] if health.notice else []
    if health.problem:
        parts.append(
            f"{health.waiting} rows wait in memory: {health.problem}. They are written as soon as the database takes them."
        )
    if health.dropped:
        parts.append(f"{health.dropped} rows were lost, because too many were waiting.")
    return gr.update(
        visible=bool(parts),
        value=card("The metrics database", "".join(f"<p>{escape(part)}</p>" for part in parts), "warn"),
    )


def build_metrics_tab(store: MetricsStore) -> MetricsTab:
    """The tab's components and wiring, inside an open gr.Tab."""
    seen = gr.State(None)
    with gr.Row(equal_height=True):
        range_name = gr.Radio(
            list(RANGES),
            value="1 hour",
            label="Time range",
            interactive=True,
            scale=2,
            min_width=300,
            elem_id="oa-range",
        )
        model_name = gr.Dropdown(
            [ALL_MODELS], value=ALL_MODELS, label="Model", interactive=True, scale=1, elem_id="oa-metrics-model"
        )
    health = gr.HTML(visible=False)
    nothing = gr.HTML(empty("No requests yet", "Send a message in the Chat tab."), elem_id="oa-metrics-empty")
    with gr.Column(visible=False, elem_id="oa-metrics-body") as body:
        shown_tiles = gr.HTML(elem_id="oa-tiles")
        drawn = []
        for _ in range(3):
            with gr.Row(equal_height=True):
                drawn += [gr.Plot(show_label=False, min_width=320, container=True) for _ in range(2)]
        recent = gr.HTML(elem_id="oa-recent")
    timer = gr.Timer(LIVE_SECONDS, active=False)
    inputs = [range_name, model_name, seen]
    outputs = [shown_tiles, recent, *drawn, body, nothing, model_name, health, seen]

    def refresh(range_value: str, model_value: str, seen_value: Seen | None) -> list[Any]:
        return load(store, range_value, model_value, seen_value)

    for event in (timer.tick, range_name.change, model_name.change):
        event(refresh, inputs, outputs, api_visibility="private", show_progress="hidden")
    return MetricsTab(timer, refresh, inputs, outputs)
