"""The page's own scripts and styles at /page-assets/: seven folders of assets/, Plotly's script, and nothing else."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

ASSETS = Path(__file__).parent.parent.parent / "assets"
FOLDERS = ("chat", "docs", "metrics", "models", "shared", "tune", "vendor")
PLOTLY = "plotly.min.js"
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


class PlotlyScript(PageAssets):
    """The one file of the installed plotly package that the page needs: figures are drawn by the version that made them."""

    def __init__(self) -> None:
        found = find_spec("plotly")
        assert found is not None and found.submodule_search_locations is not None
        super().__init__(directory=Path(found.submodule_search_locations[0]) / "package_data")

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path != PLOTLY:
            raise HTTPException(404)
        return await super().get_response(path, scope)


def mount_page_assets(api: FastAPI, assets: Path = ASSETS) -> None:
    """Serve the folders of assets/ that the page loads by itself. Call it before the page is mounted at /."""
    for folder in FOLDERS:
        api.mount(f"{PREFIX}/{folder}", PageAssets(directory=assets / folder), name=f"page-assets-{folder}")
    api.mount(f"{PREFIX}/plotly", PlotlyScript(), name="page-assets-plotly")
