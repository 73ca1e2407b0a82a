"""The documentation: the pages of docs/ that are for users, rendered, a page that lists them, and one to paste into a prompt.

Every heading can be linked to by its own text, links between the pages lead to each other, and nothing comes from elsewhere.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token

from openarc_ui.errors import nearest
from openarc_ui.server.problems import PLAIN, documented, refusal
from openarc_ui.server.routes.heads import add_heads

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENTS = ROOT / "docs"
PAGE = ROOT / "assets" / "docs_page.html"
PAGES = {
    "api": "Every route with its parameters, bodies, answers and errors, and a command for each.",
    "openai": "The OpenAI SDK and what else speaks its API: how each is pointed here, and what every parameter does.",
    "responses": "OpenAI's Responses API: what goes in, what comes out, what is refused.",
    "gradio": "The page's actions from Python by gradio_client, from curl, and the tools for agents (MCP).",
    "security": "Keys, networks, browsers and files: what is promised, and what is not.",
    "models": "Getting models from the Hugging Face Hub, converting them, looking into them, keeping order.",
    "tuning": "Measuring a configuration, comparing two, searching many for the best.",
    "metrics": "What every figure means, in the Metrics tab and everywhere else.",
    "monitoring": "Prometheus, Grafana and OpenTelemetry.",
    "memory": "How OpenArc tells before a load whether a model fits.",
}
"""Names of the pages, in the order in which they are listed, and what is on each; a file that is not there is left out."""
OUTSIDE = ("https://", "http://", "#", "/")
COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
"""Says beside an example why it is not run by the tests; for who writes the page, not for who reads it."""
WRITTEN_FOR = "http://127.0.0.1:7860"
"""The address that the documents name; whoever reads them is at another, perhaps."""
LISTED_COLUMNS = 4
"""A table of so many columns at most is a list of its rows on a narrow screen; one with more is compared by its columns, and scrolls."""
INDEX = """# Documentation

{pages}

For programs: [/openapi.json](/openapi.json) describes every route, and [/llms.txt](/llms.txt) has the whole API on one page
to paste into a prompt.
"""


def docs_routes(prompt_page: Callable[[str], str], folder: Path = DOCUMENTS) -> APIRouter:
    """The routes, over a folder of Markdown files.

    Args:
        prompt_page: makes /llms.txt for the address the server was asked at. It may take a second the first time.
    """
    router = APIRouter(tags=["docs"])

    @lru_cache(maxsize=len(PAGES))
    def made(document: Path, changed_at: int, there: tuple[str, ...]) -> str:
        """The longest takes half a second."""
        return rendered(document, there)

    def made_of(document: Path, there: tuple[str, ...]) -> str:
        return made(document, document.stat().st_mtime_ns, there)

    @router.get("/docs", summary="The documentation", responses=documented(), response_class=HTMLResponse)
    async def index() -> HTMLResponse:
        """A page that lists the others."""
        return HTMLResponse(await anyio.to_thread.run_sync(_index, folder))

    @router.get("/docs/{page}", summary="A page of it", responses=documented(404), response_class=HTMLResponse)
    async def page(
        page: Annotated[str, PathParameter(max_length=100, description="Its name.", examples=["metrics"])],
        request: Request,
    ) -> Response:
        """One page; the anchor of a heading is its text, such as /docs/metrics#ttft_seconds."""
        there = await anyio.to_thread.run_sync(_there, folder)
        if page not in there:
            near = nearest(page, there)
            hint = near if near.startswith("Did you mean") else "/docs lists every page."
            words = refusal(request.url.path, 404, f"There is no page '{page}'.", PLAIN[404][0], hint)
            return JSONResponse(words, 404)
        whole = await anyio.to_thread.run_sync(made_of, folder / f"{page}.md", there)
        return HTMLResponse(_at(whole, str(request.base_url).rstrip("/")))

    @router.get("/llms.txt", summary="The API on one page", responses=documented(), response_class=PlainTextResponse)
    async def llms(request: Request) -> str:
        """Every route and every model as Python classes, with examples, to paste into a prompt."""
        return await anyio.to_thread.run_sync(prompt_page, str(request.base_url).rstrip("/"))

    add_heads(router)
    return router


def _at(page: str, address: str) -> str:
    """A page with the address it was asked at in its examples."""
    here = html.escape(address)
    netloc = here.partition("://")[2]
    return page.replace(WRITTEN_FOR, here).replace(WRITTEN_FOR.partition("://")[2], netloc)


def _there(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in PAGES if (folder / f"{name}.md").is_file())


def _index(folder: Path) -> str:
    """The page of pages: each with its title and what is on it."""
    lines = []
    for name in _there(folder):
        title = _title((folder / f"{name}.md").read_text(encoding="utf-8"))
        lines.append(f"- [{title}](/docs/{name}): {PAGES[name]}")
    return _page(INDEX.format(pages="\n".join(lines)), ())


def _title(text: str) -> str:
    """A document's first heading."""
    tokens = _markdown().parse(COMMENT.sub("", text.partition("\n## ")[0]))
    return next((_plain(inline) for each, inline in itertools.pairwise(tokens) if each.type == "heading_open"), "")


def rendered(document: Path, there: tuple[str, ...] = tuple(PAGES)) -> str:
    """A Markdown file as a whole page.

    Args:
        there: names of the pages that links may lead to.
    """
    return _page(document.read_text(encoding="utf-8"), there)


def _page(text: str, there: tuple[str, ...]) -> str:
    markdown = _markdown()
    tokens = markdown.parse(COMMENT.sub("", text))
    headings = list(_anchored(tokens))
    _lead_to_pages(tokens, there)
    contents = "".join(
        f'<li><a href="#{anchor}">{html.escape(text)}</a></li>' for level, anchor, text in headings if level == "h2"
    )
    title = next((text for level, _, text in headings if level == "h1"), "OpenArc")
    _label_cells(tokens)
    _drop_empty_headings(tokens)
    body = markdown.renderer.render(tokens, markdown.options, {})
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(title), contents=contents, body=body)


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def slug(text: str) -> str:
    """The anchor of a heading: lower case, - for spaces, without other punctuation; underscores stay."""
    return re.sub(r"[^\w-]", "", text.strip().lower().replace(" ", "-"))


def _plain(token: Token) -> str:
    """The words of a heading or a paragraph, without marks."""
    words = {"text": None, "code_inline": None, "softbreak": " "}
    return "".join(words[child.type] or child.content for child in token.children or () if child.type in words)


def _anchored(tokens: list[Token]) -> Iterator[tuple[str, str, str]]:
    """Gives every heading its anchor; (tag, anchor, text) of each. A second one of the same text gets a number."""
    taken: dict[str, int] = {}
    for token, inline in itertools.pairwise(tokens):
        if token.type != "heading_open":
            continue
        text = _plain(inline)
        anchor = slug(text)
        taken[anchor] = taken.get(anchor, -1) + 1
        anchor += f"-{taken[anchor]}" if taken[anchor] else ""
        token.attrSet("id", anchor)
        yield token.tag, anchor, text


def _label_cells(tokens: list[Token]) -> None:
    """A table of few columns is marked, and each of its cells has its column's heading, so that a narrow screen can show rows as lists."""
    table, headings, column = tokens[0], [""], 0
    for token, inline in itertools.pairwise(tokens):
        if token.type == "table_open":
            table, headings = token, []
        elif token.type == "th_open":
            headings.append(_plain(inline))
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            token.attrSet("data-heading", headings[column])
            column += 1
        elif token.type == "thead_close" and any(headings) and len(headings) <= LISTED_COLUMNS:
            table.attrSet("class", "listed")


def _drop_empty_headings(tokens: list[Token]) -> None:
    """A table without headings has a row of empty ones in Markdown, which knows no other; here it has none."""
    begins = [index for index, token in enumerate(tokens) if token.type == "thead_open"]
    for begin in reversed(begins):
        end = next(index for index in range(begin, len(tokens)) if tokens[index].type == "thead_close")
        if not any(token.content.strip() for token in tokens[begin:end] if token.type == "inline"):
            del tokens[begin : end + 1]


def _lead_to_pages(tokens: list[Token], there: tuple[str, ...]) -> None:
    """Links to other pages lead to them; links to other files of the repository are text here, since they are not served."""
    for token in tokens:
        is_dead = False
        for child in token.children or ():
            if child.type == "link_open":
                target = _target(str(child.attrGet("href")), there)
                is_dead = target is None
                child.attrSet("href", target or "")
            if child.type in ("link_open", "link_close") and is_dead:
                _make_plain(child)


def _target(written: str, there: tuple[str, ...]) -> str | None:
    """Where a link of a document leads when it is served; None: nowhere."""
    if written.startswith(OUTSIDE):
        return written
    file, _, anchor = written.partition("#")
    name = file.removesuffix(".md")
    if not file.endswith(".md") or name not in there:
        return None
    return f"/docs/{name}" + (f"#{anchor}" if anchor else "")


def _make_plain(token: Any) -> None:
    token.type, token.tag, token.attrs, token.nesting = "text", "", {}, 0
