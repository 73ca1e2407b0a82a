"""Small pieces of escaped HTML: cards, figures, tables. Every text that comes in is escaped here."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from markdown_it import MarkdownIt

from openarc_ui.errors import OpenArcError

NOT_MEASURED = "–"
Tone = Literal["", "good", "warn", "bad"]


def card(title: str, body: str, tone: Tone = "") -> str:
    """A card; `body` is HTML already."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="oa-card {tone}">{heading}{body}</div>'


def problem_card(title: str, message: str, hint: str = "") -> str:
    """An error as a card: what went wrong and what to do."""
    below = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    return f'<div role="alert">{card(title, f"<p>{escape(message)}</p>{below}", "bad")}</div>'


def error_card(title: str, error: OpenArcError) -> str:
    """An OpenArcError as a card."""
    return problem_card(title, error.message, error.hint)


def empty(title: str, text: str) -> str:
    """What stands where there is nothing yet."""
    return f'<div class="oa-empty"><b>{escape(title)}</b>{escape(text)}</div>'


def figures(items: Iterable[tuple[str, str, str, str]]) -> str:
    """Numbers in a row: (label, number, unit, a line below)."""
    cells = "".join(
        f'<div><div class="label">{escape(label)}</div><div class="number">{escape(number)}'
        f'<span class="unit">{escape(unit)}</span></div><div class="below">{escape(below)}</div></div>'
        for label, number, unit, below in items
    )
    return f'<div class="oa-figures">{cells}</div>'


def table(headings: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], numbers: Sequence[int] = ()) -> str:
    """A table; each row is (cells, class), columns in `numbers` are set right."""
    side = dict.fromkeys(numbers, ' class="number"')
    head = "".join(f"<th{side.get(index, '')}>{escape(text)}</th>" for index, text in enumerate(headings))
    body = "".join(
        f'<tr class="{kind}">'
        + "".join(f"<td{side.get(at, '')}>{escape(cell)}</td>" for at, cell in enumerate(cells))
        + "</tr>"
        for cells, kind in rows
    )
    return f'<div class="oa-scroll"><table class="oa-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


@functools.lru_cache(maxsize=512)
def markdown(text: str) -> str:
    """Markdown of ours as HTML; HTML in it is shown, not obeyed. "" stays ""."""
    return str(MarkdownIt("js-default").render(text)).strip() if text else ""


def size(size_bytes: float | None) -> str:
    """Bytes in the unit a person reads: 97.5 MB, 1.85 GB (powers of ten)."""
    if size_bytes is None:
        return NOT_MEASURED
    for unit, scale, digits in (("TB", 1e12, 2), ("GB", 1e9, 2), ("MB", 1e6, 0), ("kB", 1e3, 0)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.{digits}f} {unit}"
    return f"{size_bytes:.0f} B"


def number(value: float | None, digits: int = 1) -> str:
    """A number with thousands set apart, an en dash when it was not measured."""
    return NOT_MEASURED if value is None else f"{value:,.{digits}f}".replace(",", "\u202f")


def seconds(value: float | None) -> str:
    """A duration with its unit: 12 ms, 1.25 s."""
    if value is None:
        return NOT_MEASURED
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
