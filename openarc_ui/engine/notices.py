"""What a host says of a model that can't answer: why, and what to do."""

from __future__ import annotations

from openarc_ui.engine.types import ModelState
from openarc_ui.errors import EngineBusy, ModelNotLoaded, WorkerDied


def not_ready(name: str, state: ModelState, failure: str | None) -> ModelNotLoaded:
    """It takes no requests; one whose process ended says how."""
    if state is ModelState.FAILED:
        return ModelNotLoaded(f"{name} died: {failure or 'its process ended'}.", "Load the model again.")
    return ModelNotLoaded(f"{name} is {state.value}.", "Wait until it is ready, or load it again.")


def died(name: str, reason: str) -> WorkerDied:
    """Its process ended with this request in flight."""
    return WorkerDied(f"{name} died: {reason}.", "Load the model again.")


def queue_is_full(name: str, size: int) -> EngineBusy:
    """As many requests wait as may."""
    waiting = "1 request waits" if size == 1 else f"{size} requests wait"
    return EngineBusy(
        f"{waiting} for {name} already.", "Try again in a moment, or start the server with a larger --queue-size."
    )
