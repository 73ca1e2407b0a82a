"""The definitions of the metrics as a page: docs/metrics.md, rendered. Every heading can be linked to by its own text."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import anyio
from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token

from openarc_ui.server.problems import documented
from openarc_ui.server.routes.heads import add_heads

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENT = ROOT / "docs" / "metrics.md"
PAGE = ROOT / "assets" / "docs_page.html"
OUTSIDE = ("https://", "http://", "#")


def docs_routes(document: Path = DOCUMENT) -> APIRouter:
    """The one route, over a Markdown file."""
    router = APIRouter(tags=["metrics"])

    @router.get(
        "/docs/metrics",
        summary="What each metric is, as a page",
        responses=documented(404),
        response_class=HTMLResponse,
    )
    async def metrics_page() -> HTMLResponse:
        """Every figure with its formula, unit and limits; a heading's anchor is its text, such as #ttft_seconds."""
        try:
            return HTMLResponse(await anyio.to_thread.run_sync(rendered, document))
        except OSError:
            raise HTTPException(404, "The definitions are not installed here") from None

    add_heads(router)
    return router


def rendered(document: Path) -> str:
    """A Markdown file as a whole page.

    Raises:
        OSError: it can't be read.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(document.read_text(encoding="utf-8"))
    headings = list(_anchored(tokens))
    _without_dead_links(tokens)
    contents = "".join(
        f'<li><a href="#{anchor}">{html.escape(text)}</a></li>' for level, anchor, text in headings if level == "h2"
    )
    title = next((text for level, _, text in headings if level == "h1"), "OpenArc")
    body = markdown.renderer.render(tokens, markdown.options, {})
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(title), contents=contents, body=body)


def slug(text: str) -> str:
    """The anchor of a heading: lower case, - for spaces, without other punctuation; underscores stay."""
    return re.sub(r"[^\w-]", "", text.strip().lower().replace(" ", "-"))


def _anchored(tokens: list[Token]) -> Iterator[tuple[str, str, str]]:
    """Gives every heading its anchor; (tag, anchor, text) of each. A second one of the same text gets a number."""
    taken: dict[str, int] = {}
    for token, inline in itertools.pairwise(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
        anchor = slug(text)
        taken[anchor] = taken.get(anchor, -1) + 1
        anchor += f"-{taken[anchor]}" if taken[anchor] else ""
        token.attrSet("id", anchor)
        yield token.tag, anchor, text


def _without_dead_links(tokens: list[Token]) -> None:
    """Links to other files of the repository are text here: they are not served."""
    for token in tokens:
        is_dead = False
        for child in token.children or ():
            if child.type == "link_open":
                is_dead = not str(child.attrGet("href")).startswith(OUTSIDE)
            if child.type in ("link_open", "link_close") and is_dead:
                _make_plain(child)


def _make_plain(token: Any) -> None:
    token.type, token.tag, token.attrs, token.nesting = "text", "", {}, 0
