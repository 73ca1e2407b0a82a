"""Which processes an engine's models run in."""

from __future__ import annotations

from openarc_ui.engine.engine import Engine


def worker_processes(engine: Engine) -> dict[str, int]:
    """Model name -> process id of its worker, for those that live; of a name that is being replaced, the one that answers."""
    return {model.name: model.process_id for model in reversed(engine.status().models) if model.process_id is not None}
