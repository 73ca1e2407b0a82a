"""Backends: one module each, imported only in the worker process, and only the one that is asked for."""

from __future__ import annotations

from openarc_ui.engine.backends.base import Backend
from openarc_ui.engine.pipelines import pipeline_of
from openarc_ui.engine.types import BackendName, LoadRequest


def create_backend(name: BackendName, request: LoadRequest, *, trust_remote_code: bool = False) -> Backend:
    """Import a backend's library and make the backend; for GenAI the one whose pipeline the request needs.

    Args:
        trust_remote_code: run the Python files that a model's folder names. Only Optimum would; GenAI reads none.

    Raises:
        BackendUnavailable: its library can't be imported here.
    """
    if name == "genai" and pipeline_of(request.device, request.ov_config) == "stateful":
        from openarc_ui.engine.backends.genai_stateful import StatefulGenAIBackend

        return StatefulGenAIBackend()
    if name == "genai":
        from openarc_ui.engine.backends.genai import GenAIBackend

        return GenAIBackend()
    if name == "optimum":
        from openarc_ui.engine.backends.optimum import OptimumBackend

        return OptimumBackend(trust_remote_code)
    from openarc_ui.engine.backends.scripted import ScriptedBackend

    return ScriptedBackend()
