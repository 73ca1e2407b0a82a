"""The page's own scripts and styles at /page-assets/: two folders of assets/, and nothing else of it."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

ASSETS = Path(__file__).parent.parent.parent / "assets"
FOLDERS = ("chat", "vendor")
PREFIX = "/page-assets"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""A browser runs no module of another type, and what a system's own table says of .js is not always this."""


class PageAssets(StaticFiles):
    """Files that are asked for again each time, and sent again only when they changed (ETag)."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        known = TYPES.get(Path(str(full_path)).suffix.lower())
        if known is not None and "content-type" in response.headers:
            response.headers["content-type"] = known
        return response


def mount_page_assets(api: FastAPI, assets: Path = ASSETS) -> None:
    """Serve the folders of assets/ that the page loads by itself. Call it before the page is mounted at /."""
    for folder in FOLDERS:
        api.mount(f"{PREFIX}/{folder}", PageAssets(directory=assets / folder), name=f"page-assets-{folder}")
