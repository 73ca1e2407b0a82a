"""The figure over time: what its rows say of a value, what they leave out, and how far its axis goes."""

from __future__ import annotations

from typing import Any

import pandas
import plotly.graph_objects
import pytest

from openarc_ui.metrics.timeline import Grid
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.style import Styles
from openarc_ui.ui.metrics.timeline_figure import extension, whole
from openarc_ui.ui.metrics.timeline_rows import Readings, byte_count

GRID = Grid(0.0, 60, 10)
CLOCK = Clock(0, "UTC")


def readings(failed: float = 0.0, cores: bool = True) -> Readings:
    times = [60.0, 120.0]
    series = pandas.DataFrame(
        {"time": times, "model": ["m", "m"], "requests": [1, 12], "ttft_seconds": [0.1, 0.2], "decode_tokens_per_second": [9.0, 8.0]}
    )  # fmt: skip
    machine = pandas.DataFrame(
        {
            "time": [60.0, 60.0],
            "worker": ["", "m"],
            "processor_percent": [50.0, 120.0],
            "memory_bytes": [None, 2.5e9],
            "available_memory_bytes": [8e9, None],
            "device_memory_bytes": [None, 300e6],
            "kv_cache_percent": [None, 5.0],
            "kv_cache_bytes": [None, 8.8e6],
        }
    ).astype({"memory_bytes": float, "device_memory_bytes": float, "kv_cache_percent": float, "kv_cache_bytes": float})
    load = pandas.DataFrame(
        {"time": times, "generated_tokens_per_second": [3.0, 0.0], "requests_per_minute": [1.0, 0.0], "failed_per_minute": [failed, 0.0]}
    )  # fmt: skip
    busy = pandas.DataFrame({"time": times, "least": [1.0, 2.0], "most": [90.0, 95.0]})
    power = pandas.DataFrame({"time": [60.0], "source": ["package-0"], "watts": [38.0]})
    return Readings(series, machine, power, load, busy if cores else busy.head(0))


def drawn(told: Readings, **more: Any) -> dict[str, Any]:
    figure, _ = whole(told, GRID, CLOCK, Styles(["m"]), **more)
    plotly.graph_objects.Figure(figure)
    return figure


def trace(figure: dict[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in figure["data"] if each["uid"].startswith(prefix))
    return found


def test_a_hover_says_which_line_which_row_the_value_and_its_unit() -> None:
    figure = drawn(readings())
    assert trace(figure, "decode")["hovertemplate"].startswith("%{fullData.name}: decode %{y:,.1f} tok/s")
    assert trace(figure, "decode")["customdata"][1:] == [" (mean of 1 request)", " (mean of 12 requests)"]
    assert trace(figure, "power")["hovertemplate"] == "%{fullData.name}: power %{y:,.1f} W<extra></extra>"
    assert trace(figure, "kv")["hovertemplate"] == "%{fullData.name}: KV cache %{customdata}<extra></extra>"
    assert trace(figure, "kv")["customdata"][-1] == "8.8 MB, 5.0% of its room"
    assert trace(figure, "device")["customdata"][-1] == "300 MB"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0 B"), (999.0, "999 B"), (8.8e6, "8.8 MB"), (45e6, "45 MB"), (12.94e9, "12.9 GB"), (2.5e9, "2.5 GB"), (1.85e9, "1.85 GB"), (1.5e15, "1\u202f500\u202f000 GB")],
)  # fmt: skip
def test_bytes_have_the_unit_that_fits_them(value: float, words: str) -> None:
    assert byte_count(value) == words


def test_ticks_of_bytes_fit_their_size_and_thousands_are_apart_as_in_the_tiles() -> None:
    layout = drawn(readings())["layout"]
    assert layout["separators"] == ".\u202f"
    of_bytes = [each for name, each in layout.items() if name.startswith("yaxis") and each.get("ticksuffix") == "B"]
    assert len(of_bytes) == 3 and {each["tickformat"] for each in of_bytes} == {"~s"}
    assert all(each["showspikes"] is False for name, each in layout.items() if name.startswith("yaxis"))


def test_lines_of_the_machine_and_of_what_is_available_look_different() -> None:
    looks = {
        each["name"]: (each["line"]["color"], each["line"]["dash"]) for each in drawn(readings(cores=False))["data"]
    }
    names = ("machine", "available", "all requests", "m")
    assert len({looks[name] for name in names}) == len(names)


def test_errors_are_a_line_only_where_there_are_any() -> None:
    assert "errors" not in {each["name"] for each in drawn(readings())["data"]}
    assert "errors" in {each["name"] for each in drawn(readings(failed=2.0))["data"]}
    known = [each["uid"] for each in drawn(readings())["data"]]
    assert extension(readings(), GRID, CLOCK, 60.0, known, []) is not None
    assert extension(readings(failed=2.0), GRID, CLOCK, 60.0, known, []) is None, "the figure is to be drawn anew"


def test_the_cores_are_a_band_that_can_be_appended_to() -> None:
    figure = drawn(readings())
    band = trace(figure, "cores")
    assert band["y"] == [1.0, 90.0, None, 2.0, 95.0, None] and band["customdata"][0] == "1 to 90%"
    assert band["yaxis"] == trace(figure, "processor")["yaxis"]
    found = extension(readings(), GRID, CLOCK, 120.0, [each["uid"] for each in figure["data"]], [])
    assert found is not None and found["traces"]["cores"]["y"] == [2.0, 95.0, None]


def test_the_axis_spans_the_whole_range_where_that_is_wanted() -> None:
    ends = drawn(readings(), spans_all=True)["layout"]["xaxis"]["autorangeoptions"]["include"]
    assert ends == ["1970-01-01 00:00:00", "1970-01-01 00:10:00"]
    assert "autorangeoptions" not in drawn(readings())["layout"]["xaxis"]
