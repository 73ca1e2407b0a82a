"""Presets of sampling as named Gradio endpoints: OpenArc's own, and those the caller keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
import gradio as gr
from pydantic import Field

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.ui.api_requests import owner_from
from openarc_ui.ui.api_shown import JsonObject, as_object, as_text
from openarc_ui.ui.chat.presets import BUILT_IN_PRESETS, MAX_NAME_CHARACTERS, check_name, to_save

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]


def preset_endpoints(store: ConversationStore) -> list[Callable[..., Any]]:
    """Every endpoint about presets, in the order of the documentation."""

    async def list_presets(request: gr.Request) -> list[dict[str, Any]]:
        """The presets of the Chat tab: values of the sampling parameters under a name.

        Returns:
            One object a preset: name, sampling as a JSON text, and whether it is OpenArc's own.
        """
        own = await anyio.to_thread.run_sync(store.presets, owner_from(request))
        named = [(name, values, True) for name, values in BUILT_IN_PRESETS.items()]
        named += [(name, values, False) for name, values in own.items()]
        return [{"name": name, "sampling": as_text(values), "is_built_in": mark} for name, values, mark in named]

    async def save_preset(name: Name, sampling: JsonObject, request: gr.Request) -> str:
        """Keep sampling parameters under a name, in place of those the caller kept under it. A seed is left out.

        Args:
            name: Under which; OpenArc's own names are taken.
            sampling: Names and values of sampling parameters, an object or its JSON text.

        Returns:
            The name it was saved under.
        """
        checked = check_name(name)
        values = to_save(as_object(sampling, "sampling"))
        await anyio.to_thread.run_sync(partial(store.put_preset, owner_from(request), checked, values))
        return checked

    async def delete_preset(name: Name, request: gr.Request) -> str:
        """Forget a preset of one's own.

        Args:
            name: Which.

        Returns:
            Name of the preset that is gone.
        """
        await anyio.to_thread.run_sync(partial(store.delete_preset, owner_from(request), name))
        return name

    return [list_presets, save_preset, delete_preset]
