"""A drawing as SVG text that can stand in a page beside others: no global state left behind, the same text each time.

Matplotlib takes some settings of SVG only from its global ones, so drawing is done by one thread at a time.
"""

from __future__ import annotations

import html
import io
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

WIDTH_INCHES = 7.6
INK, DIM, LINE = "#17212e", "#5a6878", "#dde3ea"
BLUE, GREY, ORANGE, GREEN, RED = "#0b62d6", "#9aa7b6", "#c2570c", "#12805c", "#b3261e"
FONT_POINTS = 9.0
SETTINGS = {
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_POINTS,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": DIM,
    "xtick.color": DIM,
    "ytick.color": DIM,
}
"""Text stays text, in the page's font; it is laid out by the measures of one that comes with Matplotlib."""
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        svg: an element, to stand in a page as it is.
        alt: what it shows, in words.
    """

    name: str
    heading: str
    alt: str
    svg: str


def draw(
    name: str, height_inches: float, title: str, paint: Callable[[Drawing], None], hints: Mapping[str, str]
) -> str:
    """A picture as an SVG element.

    Args:
        name: begins every id in it, so that several pictures fit into one page.
        title: what it shows, for those who can't see it.
        paint: draws.
        hints: id that an artist was given -> words that appear over it.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with _ONE_AT_A_TIME, matplotlib.rc_context({**SETTINGS, "svg.hashsalt": name}):
        drawing = Figure(figsize=(WIDTH_INCHES, height_inches), facecolor="white", layout="constrained")
        canvas, text = FigureCanvasSVG(drawing), io.StringIO()
        paint(drawing)
        canvas.print_svg(text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _for_a_page(text.getvalue(), name, title, hints)


def plain(axes: Axes, grid: str) -> None:
    """Only what helps to read: no frame, a faint grid along one or both directions ("x", "y", "both")."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=LINE, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _for_a_page(text: str, name: str, title: str, hints: Mapping[str, str]) -> str:
    """Without what belongs to a file; ids and styles that touch nothing else."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    for identity, words in hints.items():
        opening = f'<g id="{name}-{identity}">'
        text = text.replace(opening, f"{opening}<title>{html.escape(words)}</title>")
    first, rest = text.split(">", 1)
    first = re.sub(r' (?:width|height)="[^"]*"', "", first)
    return f'{first} role="img" aria-label="{html.escape(title)}" style="stroke-linejoin: round; stroke-linecap: butt">{rest}'
