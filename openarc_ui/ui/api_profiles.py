"""Profiles as named Gradio endpoints: list, read, save, delete, load, as a file's text, and as code."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio
import gradio as gr

from openarc_ui.engine.answers import with_recommended
from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import ProfileStore, parse_profile
from openarc_ui.snippets import SnippetKind, local_path, snippet
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_shown import JsonObject
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.rights import Rights

ACTIONS = {
    "list_profiles": "Listing profiles",
    "get_profile": "Reading a profile",
    "export_profile": "Exporting a profile",
    "save_profile": "Saving a profile",
    "delete_profile": "Deleting a profile",
    "load_profile": "Loading a profile",
    "profile_code": "Copying a profile as code",
}
"""Endpoint -> what its caller is told that needs the administration key."""


def profile_endpoints(
    engine: Engine, profiles: ProfileStore, watch: LoadWatch, rights: Rights, needs_key: bool
) -> list[Callable[..., Any]]:
    """Every endpoint about profiles, in the order of the documentation.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    made = [*_keeping(engine, profiles), *_using(engine, profiles, watch, needs_key)]
    return [rights.administers(ACTIONS[each.__name__], endpoint(each)) for each in made]


def _keeping(engine: Engine, profiles: ProfileStore) -> list[Callable[..., Any]]:
    async def list_profiles() -> list[dict[str, Any]]:
        """Every saved profile; the one called "last good" is the last load that worked.

        Returns:
            One object a profile: name, when it was saved, what is wrong with it, and what it says.
        """
        entries = await anyio.to_thread.run_sync(profiles.list)
        return [{"name": each.name, "problem": each.problem, "saved_at": each.saved_at, "is_last_good": each.is_last_good,
                 "profile": each.profile and each.profile.model_dump(mode="json")} for each in entries]  # fmt: skip

    async def get_profile(name: str) -> dict[str, Any]:
        """One profile: model, backend, device, ov_config, scheduler and sampling defaults.

        Args:
            name: Which.

        Returns:
            The profile: version, name, description and what it loads.
        """
        return (await anyio.to_thread.run_sync(profiles.get, name)).model_dump(mode="json")

    async def export_profile(name: str) -> str:
        """One profile as the text of its file, to keep or to give away; /save_profile takes it back.

        Args:
            name: Which.

        Returns:
            The text of the file.
        """
        return await anyio.to_thread.run_sync(profiles.export, name)

    async def save_profile(profile: JsonObject, replace: bool = False, name: str | None = None) -> str:
        """Keep a profile, written here or exported elsewhere. Without an ov_config it keeps the one the model recommends now.

        Args:
            profile: {"version": 1, "name": ..., "description": ..., "load": {"model_path": ..., ...}}, or that as a text.
            replace: Overwrite one of the same name.
            name: Save it under this name instead of its own.

        Returns:
            The name it was saved under.
        """
        text = profile if isinstance(profile, str) else json.dumps(profile)

        def keep() -> str:
            parsed = parse_profile(text)
            settled = parsed.model_copy(update={"load": with_recommended(engine, parsed.load)})
            return profiles.import_text(settled.as_json(), replace, name).name

        return await anyio.to_thread.run_sync(keep)

    async def delete_profile(name: str) -> str:
        """Forget a profile.

        Args:
            name: Which.

        Returns:
            Name of the profile that is gone.
        """
        await anyio.to_thread.run_sync(profiles.delete, name)
        return name

    return [list_profiles, get_profile, export_profile, save_profile, delete_profile]


def _using(engine: Engine, profiles: ProfileStore, watch: LoadWatch, needs_key: bool) -> list[Callable[..., Any]]:
    async def load_profile(name: str) -> AsyncIterator[dict[str, Any]]:
        """Load what a profile says and wait until it answers, as /load_model does. A client that leaves cancels its load.

        Args:
            name: Which.

        Returns:
            Stages while it loads; the last is the loaded model with the state ready.
        """
        profile = await anyio.to_thread.run_sync(profiles.get, name)
        async for news in watch.load(profile.load):
            yield news

    async def profile_code(name: str, kind: SnippetKind, request: gr.Request) -> str:
        """A profile as code that loads the same thing.

        Args:
            name: Which.
            kind: curl, python or gradio_client call this server; openvino_genai and optimum need no OpenArc.

        Returns:
            The code.
        """
        profile = await anyio.to_thread.run_sync(profiles.get, name)
        path = await anyio.to_thread.run_sync(local_path, engine.model_folder, profile.load.model_path)
        address = str(request.request.base_url)
        making = partial(snippet, kind, profile.load, address=address, model_path=path, needs_key=needs_key)
        return await anyio.to_thread.run_sync(making)

    return [load_profile, profile_code]
