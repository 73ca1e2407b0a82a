"""How the server is, as named Gradio endpoints: its models, and the start-up that prepares and loads the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import anyio

from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.startup import Startup, StartupPhase, StartupStatus
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.rights import Rights


def system_endpoints(
    engine: Engine, startup: Startup, elsewhere: Elsewhere, rights: Rights
) -> list[Callable[..., Any]]:
    """The endpoints, in the order of the documentation."""
    retrying = rights.administers("Beginning the start-up again", endpoint(_retrying(startup)))
    return [*_looking(engine, startup, elsewhere), retrying]


def _looking(engine: Engine, startup: Startup, elsewhere: Elsewhere) -> list[Callable[..., Any]]:
    async def status() -> dict[str, Any]:
        """Every model that is loaded or on its way, with state, stage, memory, running and queued requests.

        Returns:
            The models, the one that answers by default, how many requests may wait, who has the machine alone with which
            of the models (null: nobody), and what another program measures, whose figures answers spoil (null: nothing).
        """
        now = engine.status()
        models = [{"name": each.name, "state": each.state.value, "device": each.request.device,
                   "backend": each.info and each.info.backend, "stage": each.stage and dataclasses.asdict(each.stage),
                   "memory_bytes": each.memory_bytes, "running": each.running, "queued": each.queued,
                   "failure": each.failure,
                   "last_decode_tokens_per_second": each.last_decode_tokens_per_second} for each in now.models]  # fmt: skip
        body: dict[str, Any] = engine.places.hidden(
            {
                "models": models,
                "default_model": now.default_model,
                "queue_size": now.queue_size,
                "reserved": now.reserved,
                "reserved_model": now.reserved_model,
                "measured_elsewhere": await anyio.to_thread.run_sync(elsewhere.words),
            }
        )
        return body

    async def startup_status() -> dict[str, Any]:
        """Where the start-up is, which prepares the starter model if it is wanted and loads the first one.

        Returns:
            The phase (waiting, preparing, loading, done or failed), the model, the stage, and what went wrong.
        """
        return _shown(engine, startup.status())

    return [status, startup_status]


def _retrying(startup: Startup) -> Callable[..., Any]:
    async def retry_startup() -> dict[str, bool]:
        """Begin the start-up again after it failed; nothing happens while it runs or when it is done.

        Returns:
            Whether it began again; /startup_status tells how far it is.
        """
        has_failed = startup.status().phase is StartupPhase.FAILED
        startup.retry()
        return {"begun": has_failed}

    return retry_startup


def _shown(engine: Engine, now: StartupStatus) -> dict[str, Any]:
    body: dict[str, Any] = engine.places.hidden(
        {
            "phase": now.phase.value,
            "model": now.model,
            "stage": None if now.stage is None else dataclasses.asdict(now.stage),
            "message": now.message,
            "hint": now.hint,
        }
    )
    return body
