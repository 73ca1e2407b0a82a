"""Profiles over HTTP: `/profiles` and what can be done with one. The store keeps them, the engine loads them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from openarc_ui.engine.answers import with_recommended
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.profiles import MAX_FILE_BYTES, Profile, ProfileStore, parse_profile
from openarc_ui.server.problems import documented
from openarc_ui.server.routes.models import LOADS_AT_ONCE, loaded
from openarc_ui.server.schemas import PROFILE_EXAMPLE, DeletedBody, ModelBody, ProfileBody, ProfileItem
from openarc_ui.snippets import SnippetKind, local_path, snippet

IMPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ProfileBody"},
                "examples": {"exported": {"value": {"version": 1, "name": "short answers", **PROFILE_EXAMPLE}}},
            }
        },
    }
}
"""The body is read as text, since the store reads files and imports the same way; `name` must be in it, or in the query."""

Name = Annotated[str, Path(description="Of the profile.", examples=["short answers"])]
Replace = Annotated[bool, Query(description="Write over the profile that has the name.", examples=[True])]


def profile_routes(engine: Engine, profiles: ProfileStore, needs_key: bool) -> APIRouter:
    """The routes, bound to an engine and a store."""
    router = APIRouter(tags=["profiles"])
    _add_keeping(router, engine, profiles)
    _add_files(router, engine, profiles)
    _add_using(router, engine, profiles, needs_key)
    return router


def _add_keeping(router: APIRouter, engine: Engine, profiles: ProfileStore) -> None:
    """List, read, save and delete."""

    @router.get("/profiles", summary="List the profiles", responses=documented())
    async def list_profiles() -> list[ProfileItem]:
        """The last good load first, then by name; a broken file is listed with what is wrong with it."""
        entries = await anyio.to_thread.run_sync(profiles.list)
        return [
            ProfileItem(**{field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)})
            for entry in entries
        ]

    @router.get("/profiles/{name}", summary="Read a profile", responses=documented(404))
    async def read_profile(name: Name) -> Profile:
        """Model, backend, device, ov_config, scheduler and sampling defaults under one name."""
        return await anyio.to_thread.run_sync(profiles.get, name)

    @router.put("/profiles/{name}", summary="Save a profile", responses=documented(409))
    async def save_profile(name: Name, body: ProfileBody, replace: Replace = False) -> Profile:
        """Nothing is loaded and the model need not be there; that is checked when the profile is loaded.

        Without an ov_config it keeps the one the model recommends now, as a load without one takes it.
        """
        profile = body.profile(name)
        return await anyio.to_thread.run_sync(lambda: profiles.save(_settled(engine, profile), replace))

    @router.delete("/profiles/{name}", summary="Delete a profile", responses=documented(404))
    async def delete_profile(name: Name) -> DeletedBody:
        """A model that was loaded from it stays loaded."""
        await anyio.to_thread.run_sync(profiles.delete, name)
        return DeletedBody(message=f"{name} is deleted.")


def _add_files(router: APIRouter, engine: Engine, profiles: ProfileStore) -> None:
    """A profile as a file, and back."""

    @router.post("/profiles/import", summary="Import a profile", responses=documented(409), openapi_extra=IMPORT_BODY)
    async def import_profile(
        request: Request,
        replace: Replace = False,
        name: Annotated[
            str | None, Query(description="Save it under this name instead of its own.", examples=["mine"])
        ] = None,
    ) -> Profile:
        """Save what an export gave, here or elsewhere."""
        text = _text(await request.body())

        def keep() -> Profile:
            return profiles.import_text(_settled(engine, parse_profile(text)).as_json(), replace, name)

        return await anyio.to_thread.run_sync(keep)

    @router.get(
        "/profiles/{name}/export",
        summary="Export a profile",
        responses={200: {"content": {"application/json": {}}, "description": "A file"}, **documented(404)},
        response_class=Response,
    )
    async def export_profile(name: Name) -> Response:
        """The profile as a file to keep or to give away."""
        profile = await anyio.to_thread.run_sync(profiles.get, name)
        headers = {"content-disposition": f'attachment; filename="{profile.name}.json"'}
        return Response(profile.as_json(), media_type="application/json", headers=headers)


def _add_using(router: APIRouter, engine: Engine, profiles: ProfileStore, needs_key: bool) -> None:
    """Load what a profile says, here or elsewhere."""
    limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    @router.post(
        "/profiles/{name}/load",
        summary="Load a profile's model",
        responses=documented(404, 409, 502, 503),
        response_model=ModelBody,
    )
    async def load_profile(name: Name, request: Request) -> ModelBody | Response:
        """Load and wait until it answers, as `/model/load` does. A client that leaves cancels its load."""
        profile = await anyio.to_thread.run_sync(profiles.get, name)
        return await loaded(engine, profile.load, request, limiter)

    @router.get(
        "/profiles/{name}/code",
        summary="Copy a profile as code",
        responses=documented(404),
        response_class=PlainTextResponse,
    )
    async def code_of_profile(
        name: Name,
        request: Request,
        kind: Annotated[SnippetKind, Query(alias="as", description="The last two need no OpenArc.", examples=["curl"])],
    ) -> str:
        """Code that loads the same thing: a call to this server, or a script with the model folder's own path in it."""
        profile = await anyio.to_thread.run_sync(profiles.get, name)
        path = await anyio.to_thread.run_sync(local_path, engine.model_folder, profile.load.model_path)
        return snippet(kind, profile.load, address=str(request.base_url), model_path=path, needs_key=needs_key)


def _settled(engine: Engine, profile: Profile) -> Profile:
    """The profile with an ov_config: its own, or the one that a load without one would take now."""
    return profile.model_copy(update={"load": with_recommended(engine, profile.load)})


def _text(body: bytes) -> str:
    """The body as text.

    Raises:
        InvalidRequest: it is none, or too long to be a profile.
    """
    if len(body) > MAX_FILE_BYTES:
        raise InvalidRequest(f"A profile has at most {MAX_FILE_BYTES} bytes.", "Send what an export gave.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not text in UTF-8.", "Send what an export gave.") from None
