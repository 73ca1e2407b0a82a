"""What REST, the Gradio endpoints and agents are told of the metrics, as JSON: the same numbers, each in its stored unit.

Times are in seconds, throughput is in tokens a second. Null is "not measured", never zero. Pure reads; it knows no HTTP.
"""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas

from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.errors import nearest
from openarc_ui.metrics import compare, cores, detail, frames, load, roofline, timeline
from openarc_ui.metrics.definitions import BY_NAME, INTER_TOKEN, STAGES
from openarc_ui.metrics.drawing import newest
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.schema import REQUEST_COLUMNS

MOST_REQUESTS = 1000
MOST_POINTS = 2000
SHOWN_COLUMNS = ("id", *(name for name in REQUEST_COLUMNS if name != INTER_TOKEN.name))
"""Of a request in a list."""


def summary(connection: sqlite3.Connection, chosen: Filter) -> dict[str, Any]:
    """Totals, the prefix cache's share, and mean and percentiles of every figure that was measured."""
    counted = frames.totals(connection, chosen)
    return {
        "since": chosen.since,
        "until": chosen.until,
        **_totals(counted),
        "figures": {name: _figure(each) for name, each in frames.summary(connection, chosen).items()},
        "notes": _notes(connection, chosen),
    }


def options(connection: sqlite3.Connection, chosen: Filter) -> dict[str, list[str]]:
    """The values of each dimension in the span, whatever else the filter wants; also of what is left out without a source."""
    return frames.options(connection, replace(chosen, leaves_out=()))


def series(connection: sqlite3.Connection, chosen: Filter, points: int) -> dict[str, Any]:
    """Buckets over time: requests and figures of each model, processor and memory, power, each core, and all requests together."""
    grid, notes = timeline.grid_for(connection, chosen, points), _notes(connection, chosen)
    if grid is None:
        return {"grid": None, "requests": [], "machine": [], "power": [], "cores": [], "load": [], "notes": notes}
    return {
        "grid": dataclasses.asdict(grid),
        "requests": _rows(timeline.series(connection, chosen, grid)),
        "machine": _rows(timeline.machine(connection, chosen, grid)),
        "power": _rows(timeline.power(connection, chosen, grid)),
        "cores": _rows(cores.cores(connection, chosen, grid)),
        "load": _rows(load.load(connection, chosen, grid)),
        "notes": notes,
    }


def stages(connection: sqlite3.Connection, chosen: Filter) -> list[dict[str, Any]]:
    """Where the time went: mean seconds of each stage, for each model and configuration."""
    names = [stage.name for stage in STAGES]
    return [
        {
            "model": row["model"],
            "configuration_id": row["configuration_id"],
            "requests": row["requests"],
            "mean_seconds": {name: row[name] for name in names if name in row},
        }
        for row in _rows(frames.stages(connection, chosen))
    ]


def requests(connection: sqlite3.Connection, chosen: Filter, limit: int, before_id: int | None) -> dict[str, Any]:
    """One page of requests, newest first, and where the next begins. Not by a frame: that makes a seed a rounded float.

    Args:
        before_id: of the last request of the page before; it need not be kept any more.
    """
    rows = newest(connection, chosen, SHOWN_COLUMNS, limit, _kept_at_or_after(connection, before_id))
    found = [dict(zip(SHOWN_COLUMNS, row, strict=True)) for row in rows]
    return {
        "requests": found,
        "next_before_id": found[-1]["id"] if len(found) == limit else None,
        "notes": _notes(connection, chosen),
    }


def _kept_at_or_after(connection: sqlite3.Connection, before_id: int | None) -> int | None:
    """The id itself, or the next larger one that is kept; None where a page begins with the newest."""
    if before_id is None:
        return None
    (kept,) = connection.execute("SELECT min(id) FROM requests WHERE id >= ?", (before_id,)).fetchone()
    return None if kept is None else int(kept)


def request(connection: sqlite3.Connection, request_id: str, with_texts: bool = True) -> dict[str, Any]:
    """One request in full.

    Args:
        with_texts: whoever asks may read what others typed and were answered.

    Raises:
        RequestNotFound: none of that id is kept.
    """
    found = detail.request(connection, request_id, with_texts)
    labels = {stage.name: stage for stage in STAGES}
    return {
        "request": {name: found.row[name] for name in SHOWN_COLUMNS},
        "inter_token_latencies_seconds": list(found.gaps_seconds),
        "stages": [
            {"name": name, "label": labels[name].label, "meaning": labels[name].meaning, "seconds": seconds}
            for name, seconds in found.stages
        ],
        "settings": found.settings,
        "messages": found.messages,
        "answers": None if found.answers is None else list(found.answers),
        "configuration": found.configuration,
    }


def comparison(connection: sqlite3.Connection, a: Filter, b: Filter) -> dict[str, Any]:
    """Group b beside group a: medians, the difference in percent with its 95% interval, and a verdict."""
    found = compare.compare(connection, a, b)
    return {
        "a": _totals(found.a),
        "b": _totals(found.b),
        "notes": [f"{name}: {note}" for name, group in (("a", a), ("b", b)) for note in _notes(connection, group)],
        "figures": [
            {
                **{field.name: plain(getattr(each, field.name)) for field in dataclasses.fields(each)},
                "label": BY_NAME[each.name].label,
                "unit": unit_of(each.name),
                "a": _figure(each.a),
                "b": _figure(each.b),
            }
            for each in found.figures
        ],
    }


def definitions() -> dict[str, Any]:
    """Every figure and stage: name, unit, formula."""
    figures = [
        {
            "name": each.name,
            "label": each.label,
            "words": each.words,
            "unit": unit_of(each.name),
            "is_better_higher": each.is_better_higher,
            "formula": each.formula,
            "documentation": f"/docs/metrics#{each.name}",
        }
        for each in BY_NAME.values()
    ]
    return {"figures": figures, "stages": [dataclasses.asdict(stage) for stage in STAGES]}


def roofs(connection: sqlite3.Connection, chosen: Filter) -> list[dict[str, Any]]:
    """How near each configuration comes to what the memory can give; only requests that ran alone count."""
    latest = roofline.latest(connection, chosen)
    known = frames.configurations(connection, [each.configuration_id for each in latest])
    return [_roof(each, known.get(each.configuration_id)) for each in latest]


def unit_of(name: str) -> str:
    """The unit of a figure as it is stored and told."""
    return "s" if name.endswith("_seconds") else "tokens/s"


def plain(value: Any) -> Any:
    """A value of a frame or a row as JSON has it: no numpy types, and null for what is no number."""
    if hasattr(value, "item"):
        value = value.item()
    if value is pandas.NA or value is pandas.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _rows(frame: pandas.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _totals(counted: frames.Totals) -> dict[str, Any]:
    cached, told = counted.cached_prompt_tokens, counted.told_prompt_tokens
    percent = 100.0 * cached / told if cached is not None and told else None
    return {"totals": dataclasses.asdict(counted), "prefix_cache_percent": percent}


def _figure(found: frames.FigureSummary | None) -> dict[str, Any] | None:
    if found is None:
        return None
    values = {name: plain(value) for name, value in dataclasses.asdict(found).items()}
    return {**values, "label": BY_NAME[found.name].label, "unit": unit_of(found.name)}


def _roof(decoded: roofline.Decoded, info: Mapping[str, Any] | None) -> dict[str, Any]:
    found = roofline.roof(info, decoded.decode_tokens_per_second, decoded.context_tokens, 1, decoded.bandwidth)
    return {
        "model": decoded.model,
        "configuration_id": decoded.configuration_id,
        "device": (info or {}).get("device"),
        "decode_tokens_per_second": plain(decoded.decode_tokens_per_second),
        "context_tokens": plain(decoded.context_tokens),
        "bandwidth": None if decoded.bandwidth is None else dataclasses.asdict(decoded.bandwidth),
        **dataclasses.asdict(found),
    }


def _notes(connection: sqlite3.Connection, chosen: Filter) -> list[str]:
    """What is left out, and names that no request ever had: such a one is more likely misspelt than new."""
    number = frames.left_out(connection, chosen)
    notes = [left_out_words(number) + " Name their source, tuning, to have them."] if number else []
    if not any(_wanted(chosen)):
        return notes
    kept = frames.options(connection, Filter())
    return notes + [
        without_long_echoes(
            f"No request with the {name} '{value}' is kept. {nearest(value, kept.get(name, ()))}".strip()
        )
        for name, value in _wanted(chosen)
        if value not in kept.get(name, ())
    ]


def left_out_words(number: int) -> str:
    """How many requests do not count because a tuning run sent them."""
    return f"{number} request{' of a tuning run is' if number == 1 else 's of tuning runs are'} left out."


def _wanted(chosen: Filter) -> Iterable[tuple[str, str]]:
    return ((name, value) for name in DIMENSIONS for value in getattr(chosen, name))
