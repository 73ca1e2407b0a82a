"""What every figure has in common: who has which colour, and layouts in the page's manner. Plotly's JSON, as plain values.

Plain dicts and not `graph_objects`: building those validates each value again, which takes longer than reading the database.
The tests hold every figure against them. Colours of text and grid are the page's: it knows whether it is dark.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from openarc_ui.ui.html import number

Figure = dict[str, Any]
"""{"data": [...], "layout": {...}}."""
Trace = dict[str, Any]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette, darkest first: seven colours that colour-blind readers tell apart."""
GREY = "#7d8896"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
PATTERNS = ("", "/", "x", "-", ".", "\\", "+", "|")
MOST_LINES = 8
"""Of models in one plot; more can't be told apart. Those with the most requests are shown."""
MARGIN = {"l": 62, "r": 16, "t": 38, "b": 46}
HEIGHT = 310
SEPARATORS = ".\u202f"
"""Of decimals and of thousands, in ticks and hovers; as `html.number` has them."""
LINE_PIXELS = 15


def uid(kind: str, name: str = "") -> str:
    """The id of a trace, the same at every answer. Plotly looks for it as a CSS selector, so no name is in it as it is."""
    return f"{kind}-{hashlib.blake2s(name.encode('utf-8', 'replace'), digest_size=6).hexdigest()}" if name else kind


class Styles:
    """Which colour, dash, marker and pattern a name has; the same in every figure of one answer."""

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(dict.fromkeys(names))}

    def joined_by(self, names: Iterable[str]) -> Styles:
        """The same with further names after these."""
        return Styles([*self._places, *names])

    def _of(self, name: str, choices: Sequence[str]) -> str:
        return choices[self._places.get(name, len(self._places)) % len(choices)]

    def line(self, name: str) -> dict[str, Any]:
        """A line that is told apart without its colour too."""
        return {"color": self._of(name, COLOURS), "dash": self._of(name, DASHES), "width": 2}

    def marker(self, name: str, size: int = 4) -> dict[str, Any]:
        """Its points."""
        return {"color": self._of(name, COLOURS), "symbol": self._of(name, MARKERS), "size": size}

    def bar(self, name: str) -> dict[str, Any]:
        """Its bars."""
        return {
            "color": self._of(name, COLOURS),
            "line": {"width": 0},
            "pattern": {"shape": self._of(name, PATTERNS), "solidity": 0.35},
        }


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with its title, which names the unit."""
    return {"title": {"text": title, "font": {"size": 12}}, "automargin": True, "zeroline": False, **more}


def layout(x_title: str, y_title: str, **more: Any) -> dict[str, Any]:
    """A figure with one plot in it."""
    return {
        "height": HEIGHT,
        "margin": dict(MARGIN),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis(x_title),
        "yaxis": axis(y_title, rangemode="tozero"),
        "legend": {"orientation": "h", "y": -0.32, "x": 0, "yanchor": "top"},
        "hovermode": "closest",
        "showlegend": False,
        "separators": SEPARATORS,
        **more,
    }


def note(text: str, **where: Any) -> dict[str, Any]:
    """Small words at the upper right of a plot, above it; a semicolon begins a new line, since cards can be narrow."""
    place = {"x": 1, "y": 1.0, "xanchor": "right", "yanchor": "bottom"}
    return {
        "text": text.replace("; ", "<br>"),
        "align": "right",
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "font": {"size": 11},
        **place,
        **where,
    }


def noted(figure_layout: dict[str, Any], *words: str) -> None:
    """Put the words that are any above a plot, each on a line of its own, with room for all of them."""
    lines = [line for each in words for line in each.split("; ") if line]
    figure_layout["annotations"] = [note("; ".join(lines))] if lines else []
    figure_layout["margin"]["t"] = max(MARGIN["t"], LINE_PIXELS * len(lines) + 10)


def counted(count: float, noun: str) -> str:
    """A number of things: "1 request", "12 requests"."""
    return f"{number(count, 0)} {noun}{'' if count == 1 else 's'}"


def nothing(words: str, height: int = HEIGHT) -> Figure:
    """Words in the place of a plot that has nothing to show."""
    middle = note(words, x=0.5, y=0.5, xanchor="center", yanchor="middle", font={"size": 13})
    hidden = {"visible": False}
    return {
        "data": [],
        "layout": {
            **layout("", ""),
            "height": height,
            "xaxis": hidden,
            "yaxis": hidden,
            "annotations": [middle],
            "meta": {"empty": words},
        },
    }


def rounded(value: float | None, digits: int = 4) -> float | None:
    """A value to so many significant digits, which a plot can't show more of; None stays None, and so does what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def spans_orders(least: float, most: float) -> bool:
    """Values so far apart that a linear axis would hide the small ones."""
    return least > 0 and most / least >= 30
