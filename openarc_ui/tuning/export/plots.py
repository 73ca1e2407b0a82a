"""How each picture is drawn. What goes into it is decided in `pictures.py`; nothing is known here of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openarc_ui.tuning.export.canvas import BLUE, DIM, FONT_POINTS, GREEN, GREY, INK, LINE, ORANGE, RED, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

INCHES_A_ROW, INCHES_A_LINE = 0.27, 0.14
INCHES_AROUND = 0.75
CHARACTER_SHARE = 0.021
"""Of a bar's longest length, which a character beside it takes."""
COLUMNS = 2
"""Of panels."""
INCHES_AROUND_A_PANEL = 0.62


@dataclass(frozen=True, slots=True)
class Mark:
    """One configuration in a picture.

    Attributes:
        identity: in the SVG, for its hint.
        label: beside it; "" for none.
        kind: best, ahead, base, front, changed, over, pruned, other.
        low, high: of y, where there is an interval; of x `left`, `right`.
    """

    identity: str
    label: str
    kind: str
    x: float
    y: float
    left: float | None = None
    right: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a picture of bars."""

    label: str
    kind: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value may be at most, as a line.

    Attributes:
        is_across: of x, else of y.
    """

    label: str
    is_across: bool
    value: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several small pictures of bars, beside each other."""

    title: str
    bars: Sequence[Bar]


LOOKS: Mapping[str, tuple[str, str, str, float]] = {
    "best": ("the one to take", "*", BLUE, 190.0),
    "ahead": ("best so far", "*", BLUE, 190.0),
    "base": ("base", "D", INK, 52.0),
    "front": ("on the front", "o", BLUE, 46.0),
    "changed": ("text changed", "X", ORANGE, 56.0),
    "over": ("over the memory limit", "^", RED, 40.0),
    "pruned": ("given up early", "v", GREY, 30.0),
    "other": ("measured", "o", GREY, 34.0),
}
"""Kind -> name in the legend, form, colour, size. The form alone tells them apart."""
VERDICTS = {"better": GREEN, "worse": RED}


def height_of(lines: Sequence[Bar]) -> float:
    """Inches that so many lines need."""
    rows = 1 + max((line.label.count("\n") for line in lines), default=0)
    return INCHES_AROUND + (INCHES_A_ROW + INCHES_A_LINE * (rows - 1)) * len(lines)


def height_of_panels(shown: Sequence[Panel]) -> float:
    """Inches that panels in two columns need."""
    rows = -(-len(shown) // COLUMNS)
    return rows * (INCHES_AROUND_A_PANEL + INCHES_A_ROW * max(len(panel.bars) for panel in shown))


def shortened(text: str, most: int) -> str:
    """Without its middle where it is too long: models differ at the end."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"


def scatter(
    drawing: Drawing,
    marks: Sequence[Mark],
    front: Sequence[tuple[float, float]],
    x_name: str,
    y_name: str,
    limits: Sequence[Limit] = (),
) -> None:
    """Points with their intervals; the front as steps."""
    axes = drawing.add_subplot()
    plain(axes, "both")
    for limit in limits:
        draw_line = axes.axvline if limit.is_across else axes.axhline
        draw_line(limit.value, color=RED, linewidth=1.2, linestyle="--", label=limit.label, zorder=2)
    if len(front) > 1:
        axes.plot(*zip(*front, strict=True), color=BLUE, linewidth=1.2, alpha=0.45, zorder=2)
    for order, (kind, (_, form, colour, size)) in enumerate(reversed(list(LOOKS.items())), start=4):
        members = [mark for mark in marks if mark.kind == kind]
        for mark in members:
            if mark.low is not None and mark.high is not None:
                axes.plot([mark.x, mark.x], [mark.low, mark.high], color=colour, linewidth=1.0, alpha=0.6, zorder=3)
            if mark.left is not None and mark.right is not None:
                axes.plot([mark.left, mark.right], [mark.y, mark.y], color=colour, linewidth=1.0, alpha=0.6, zorder=3)
            point = axes.scatter(
                [mark.x], [mark.y], s=size, marker=form, color=colour, edgecolors="white", zorder=order
            )
            point.set_gid(mark.identity)
    for kind, (name, form, colour, size) in LOOKS.items():
        if any(mark.kind == kind for mark in marks):
            axes.scatter([], [], s=size, marker=form, color=colour, edgecolors="white", label=name)
    for mark in marks:
        if mark.label:
            axes.annotate(mark.label, (mark.x, mark.y), xytext=(7, 7), textcoords="offset points", color=INK, zorder=12)
    axes.margins(0.08, 0.12)
    axes.set_xlabel(x_name)
    axes.set_ylabel(y_name)
    drawing.legend(loc="outside upper left", ncols=6, frameon=False, handletextpad=0.2, columnspacing=1.2)


def bars(drawing: Drawing, lines: Sequence[Bar], name: str) -> None:
    """From 0, with intervals, the first one on top."""
    axes = drawing.add_subplot()
    _draw_bars(axes, lines, CHARACTER_SHARE)
    axes.set_xlabel(name)


def panels(drawing: Drawing, shown: Sequence[Panel]) -> None:
    """Small pictures of bars in two columns, each with its own scale."""
    rows = -(-len(shown) // COLUMNS)
    for number, panel in enumerate(shown, start=1):
        axes = drawing.add_subplot(rows, COLUMNS, number)
        _draw_bars(axes, panel.bars, CHARACTER_SHARE * COLUMNS)
        axes.set_title(panel.title, loc="left", fontsize=FONT_POINTS, color=INK)


def _draw_bars(axes: Axes, lines: Sequence[Bar], character_share: float) -> None:
    plain(axes, "x")
    places = range(len(lines) - 1, -1, -1)
    for place, line in zip(places, lines, strict=True):
        colour = LOOKS[line.kind][2] if line.kind in LOOKS else BLUE
        axes.barh(place, line.value, height=0.62, color=colour, alpha=0.85)
        end = line.value
        if line.low is not None and line.high is not None:
            axes.plot([line.low, line.high], [place, place], color=INK, linewidth=1.3, zorder=3)
            end = max(end, line.high)
        axes.annotate(line.text, (end, place), xytext=(5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(list(places), [line.label for line in lines])
    axes.tick_params(axis="y", colors=INK)
    for label in axes.get_yticklabels():
        label.set_multialignment("right")
    longest = max((max(line.value, line.high or 0.0) for line in lines), default=0.0)
    room = character_share * max((len(line.text) for line in lines), default=0)
    axes.set_xlim(0.0, longest * (1.03 + room) or 1.0)
    axes.set_ylim(-0.6, len(lines) - 0.4)


def forest(drawing: Drawing, lines: Sequence[Bar], name: str) -> None:
    """Differences with their intervals around nothing."""
    axes = drawing.add_subplot()
    plain(axes, "x")
    axes.axvline(0.0, color=INK, linewidth=1.1)
    for place, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
        colour = VERDICTS.get(line.kind, GREY)
        if line.low is not None and line.high is not None:
            axes.plot([line.low, line.high], [place, place], color=colour, linewidth=2.4, solid_capstyle="round")
        axes.scatter([line.value], [place], s=38, color=colour, edgecolors="white", zorder=3)
        axes.annotate(
            line.text, (1.0, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
            va="center", color=colour if line.kind in VERDICTS else DIM,
        )  # fmt: skip
    axes.set_yticks(list(range(len(lines) - 1, -1, -1)), [line.label for line in lines])
    axes.tick_params(axis="y", colors=INK)
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.margins(x=0.06)
    axes.set_xlabel(name)


def parallel(
    drawing: Drawing, fields: Sequence[tuple[str, Sequence[str]]], lines: Sequence[tuple[str, str, Sequence[float]]]
) -> None:
    """An axis for each field, a line for each configuration.

    Args:
        fields: name and the words of its places, evenly spread from 0 to 1; the last one is the objective.
        lines: identity, kind, and the place on each axis.
    """
    axes = drawing.add_subplot()
    plain(axes, "x")
    axes.grid(False)
    for number, (_, words) in enumerate(fields):
        axes.axvline(number, color=LINE, linewidth=1.4, zorder=1)
        for place, word in enumerate(words):
            height = place / (len(words) - 1) if len(words) > 1 else 0.5
            is_last = number == len(fields) - 1
            axes.annotate(
                word, (number, height), xytext=(6 if is_last else 5, 6 if not is_last else 0),
                textcoords="offset points", color=DIM, fontsize=8, va="center", zorder=6,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )  # fmt: skip
    order = ("pruned", "over", "other", "changed", "front", "base", "ahead", "best")
    for identity, kind, places in sorted(lines, key=lambda line: order.index(line[1])):
        is_marked = kind in ("best", "ahead", "base")
        (drawn,) = axes.plot(
            range(len(places)), places, color=LOOKS[kind][2], linewidth=2.4 if is_marked else 1.1,
            alpha=1.0 if is_marked else 0.55, zorder=4 if is_marked else 3,
            linestyle="--" if kind == "base" else "-",
        )  # fmt: skip
        drawn.set_gid(identity)
    axes.set_xticks(range(len(fields)), [name for name, _ in fields])
    axes.tick_params(axis="x", colors=INK)
    axes.set_yticks([])
    axes.set_xlim(-0.15, len(fields) - 0.55)
    axes.set_ylim(-0.08, 1.12)
