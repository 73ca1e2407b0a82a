"""A run as one page of HTML that a person can post: no script, no outside host, pictures as SVG within."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterable

from openarc_ui import __version__
from openarc_ui.snippets import snippet
from openarc_ui.tuning.export.canvas import Picture
from openarc_ui.tuning.export.pictures import pictures_of
from openarc_ui.tuning.export.report_style import STYLE
from openarc_ui.tuning.export.tables import (
    Table,
    difference_table,
    failure_table,
    quality_table,
    result_tables,
    settings_table,
)
from openarc_ui.tuning.reading import in_order, is_best_sure, marks_told, shareable
from openarc_ui.tuning.results import ConfigurationResult, Divergence, RunState, RunView
from openarc_ui.tuning.views.methods import method_of

ADDRESS = "http://127.0.0.1:7860"
"""Of a server with its defaults; which one the reader has is not known."""
KINDS_OF_TABLES = {
    "No.": " class=wide",
    "Workload": " class=named",
    "Setting": " class=free",
    "Configuration": " class=named",
}
"""By the first column: where the names stand that may be broken into lines."""
MOST_CHANGED = 6
"""Texts of so many configurations are shown side by side."""
MOST_SHOWN_CHARACTERS = 600


def report(view: RunView) -> str:
    """The page."""
    name = html.escape(view.head.name)
    tables = [(table, _table(table)) for table in (*result_tables(view), difference_table(view)) if table is not None]
    parts = [
        _head(view),
        _state(view),
        _winner(view),
        *map(_picture, pictures_of(view)),
        *(_section(table.heading, text) for table, text in tables),
        _quality(view),
        _optional(failure_table(view)),
        _section("Notes", _list((*view.notes, *_marks(view)))) if view.notes or _marks(view) else "",
        _section("How it was measured", "".join(f"<p>{html.escape(each)}</p>" for each in method_of(view))),
        _section("Machine", _facts(view.machine.items())),
        f"<footer>Measured with OpenArc {__version__}. Run {html.escape(view.head.run_id)}.</footer>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{''.join(part for part in parts if part)}\n</main>\n</body>\n</html>\n"
    )


def _head(view: RunView) -> str:
    kind = {"sweep": "Sweep", "comparison": "Comparison", "bench": "Bench"}[view.head.kind]
    day = datetime.datetime.fromtimestamp(view.head.created_at, datetime.UTC).strftime("%d %B %Y, %H:%M UTC")
    count = f"{view.head.configurations} configuration{'s' if view.head.configurations != 1 else ''}"
    minutes = f"{view.progress.elapsed_seconds / 60.0:.1f} minutes of work"
    return (
        f'<header><p class="dim">{kind} · {day} · {count} · {minutes}</p>'
        f"<h1>{html.escape(view.head.name)}</h1>"
        f'<p class="outcome">{html.escape(view.head.words)}</p></header>\n'
    )


def _state(view: RunView) -> str:
    """What is said before everything else where the run is not whole."""
    if view.problem is not None:
        reason = " ".join(each for each in (view.problem.message, view.problem.hint) if each)
        return f'<p class="warn">It failed: {html.escape(reason)}</p>\n'
    if view.head.state is not RunState.FINISHED:
        return f'<p class="warn">The run is {view.head.state.value}, so this is not all of it.</p>\n'
    return ""


def _winner(view: RunView) -> str:
    """What the one to take is set to, and two ways to load it."""
    best = next((each for each in view.results if each.is_best), None)
    if best is None:
        return _optional(settings_table(view))
    load = shareable(best.configuration.load)
    settings = settings_table(view)
    marks = _list(best.marks) if best.marks else ""
    words = (
        "In the Tune tab, choose this run and this configuration, and press Apply. Or ask the server, at the address "
        "where yours is:"
    )
    code = snippet("curl", load, address=ADDRESS, model_path=load.model_path)
    return _section(
        f"{'The one to take' if is_best_sure(view) else 'Best so far'}: {best.configuration.label}",
        f"{_table(settings) if settings is not None else ''}{marks}"
        f"<details open><summary>How to load it</summary><p>{words}</p><pre><code>{html.escape(code)}</code></pre></details>",
        "card",
    )


def _picture(picture: Picture) -> str:
    return f"<figure><figcaption>{html.escape(picture.heading)}</figcaption>{picture.svg}</figure>\n"


def _optional(table: Table | None) -> str:
    return "" if table is None else _section(table.heading, _table(table))


def _quality(view: RunView) -> str:
    """The table, and texts that differ, side by side."""
    table = quality_table(view)
    if table is None:
        return ""
    changed = [
        (result, divergence)
        for result in in_order(view)
        if result.quality is not None
        for divergence in result.quality.divergences
        if divergence.first_difference is not None
    ]
    first_of: dict[str, tuple[ConfigurationResult, Divergence]] = {}
    for result, divergence in changed:
        first_of.setdefault(result.configuration.configuration_id, (result, divergence))
    samples = "".join(_side_by_side(*each) for each in list(first_of.values())[:MOST_CHANGED])
    words = "<h3>Where answers first differ</h3>" if samples else "<p>Every greedy answer is the reference's.</p>"
    return _section(table.heading, f"{_table(table)}{words}{samples}")


def _side_by_side(result: ConfigurationResult, divergence: Divergence) -> str:
    return (
        f"<h4>{html.escape(result.configuration.label)}: {html.escape(_cut(divergence.prompt))}</h4>"
        f'<p class="dim">Token {(divergence.first_difference or 0) + 1} of {divergence.tokens} is the first that differs.</p>'
        f'<div class="pair"><div><b>Reference</b><blockquote>{html.escape(_cut(divergence.reference_text))}</blockquote></div>'
        f"<div><b>This one</b><blockquote>{html.escape(_cut(divergence.text))}</blockquote></div></div>"
    )


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN_CHARACTERS else f"{text[:MOST_SHOWN_CHARACTERS]}…"


def _marks(view: RunView) -> list[str]:
    return marks_told(view, [each for each in in_order(view) if not each.is_best])


def _section(heading: str, content: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<section{attribute}><h2>{html.escape(heading)}</h2>{content}</section>\n"


def _table(table: Table) -> str:
    def row(cells: Iterable[str], tag: str, attribute: str = "") -> str:
        told = "".join(
            f"<{tag}{' class=number' if is_number else ''}{' scope=col' if tag == 'th' else ''}>{html.escape(cell)}</{tag}>"
            for cell, is_number in zip(cells, table.numbers, strict=True)
        )
        return f"<tr{attribute}>{told}</tr>"

    body = "".join(
        row(cells, "td", " class=strong" if place in table.strong else "") for place, cells in enumerate(table.rows)
    )
    note = f'<p class="dim">{html.escape(table.note)}</p>' if table.note else ""
    label, kind = html.escape(table.heading, quote=True), KINDS_OF_TABLES.get(table.columns[0], "")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table{kind}><thead>{row(table.columns, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>{note}"
    )


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(each)}</li>' for each in sentences)}</ul>"


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    told = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>" for name, words in pairs)
    return f"<dl>{told}</dl>"
