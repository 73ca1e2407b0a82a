"""The compile cache: how large it is and what it saved, and emptying it. `/cache`."""

from __future__ import annotations

from typing import Annotated

import anyio
from fastapi import APIRouter, Query

from openarc_ui.engine.answers import LONGEST_NAME, empty_cache
from openarc_ui.engine.engine import Engine
from openarc_ui.server.catalogue_bodies import NAME, CacheBody, ClearedBody
from openarc_ui.server.problems import documented


def cache_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["models"])

    def usage() -> CacheBody:
        return CacheBody.of(engine.compile_cache.usage() if engine.compile_cache is not None else None)

    @router.get("/cache", summary="How large the compile cache is", responses=documented())
    async def cache() -> CacheBody:
        """The compiled models OpenVINO keeps for the next load, and what that saved: first load against cached load."""
        return await anyio.to_thread.run_sync(usage)

    @router.delete("/cache", summary="Empty the compile cache", responses=documented(404))
    async def empty(
        model: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=LONGEST_NAME,
                description="Only what is kept for this one; left out: everything.",
                examples=[NAME],
            ),
        ] = None,
    ) -> ClearedBody:
        """Delete the compiled models. Loaded models are not disturbed; the next load compiles again."""
        return ClearedBody.of(await anyio.to_thread.run_sync(empty_cache, engine, model))

    return router
