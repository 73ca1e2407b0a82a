"""Which backend runs a model, and which options of a load it can't honour. Pure: a catalogue entry and a request in."""

from __future__ import annotations

from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.types import BackendName, LoadRequest
from openarc_ui.errors import BackendUnavailable, InvalidRequest

OPTIMUM_ONLY_OPTIONS = ("bos_token_id", "pad_token_id")


def choose_backend(request: LoadRequest, entry: ModelEntry) -> tuple[BackendName, str]:
    """Which backend runs the model, and why.

    Raises:
        BackendUnavailable: the backend asked for can't, or none can.
        InvalidRequest: an option the chosen backend has no use for.
    """
    if request.backend != "auto":
        if request.backend not in entry.backends:
            why = entry.cannot_run.get(request.backend, f"runs no model of kind '{entry.kind}'")
            raise BackendUnavailable(
                f"The {request.backend} backend can't run {entry.name}: {why}.", _other_backends(entry)
            )
        _check_options(request, request.backend)
        return request.backend, "asked for"
    if not entry.backends:
        whys = "; ".join(f"{backend}: {why}" for backend, why in entry.cannot_run.items())
        raise BackendUnavailable(
            f"No backend can run {entry.name}: {whys}.", "Complete the folder, or convert the model again."
        )
    optimum_options = _options_for_optimum(request)
    if optimum_options and "optimum" in entry.backends:
        return "optimum", f"{', '.join(optimum_options)} is honoured by Optimum only"
    chosen = entry.backends[0]
    _check_options(request, chosen)
    if chosen == "genai":
        return chosen, "GenAI runs many requests at once and caches prefixes"
    return chosen, "; ".join(
        f"{backend}: {why}" for backend, why in entry.cannot_run.items()
    ) or "the only one for this model"


def _options_for_optimum(request: LoadRequest) -> list[str]:
    options = [name for name in OPTIMUM_ONLY_OPTIONS if getattr(request, name) is not None]
    return options + ["use_cache"] * (not request.use_cache) + ["export_model"] * request.export_model


def _check_options(request: LoadRequest, backend: BackendName) -> None:
    if not request.dynamic_shapes:
        raise InvalidRequest(
            "Language models run with dynamic shapes only; Optimum-Intel ignores dynamic_shapes=false.",
            "Leave dynamic_shapes on true.",
        )
    unused = _options_for_optimum(request) if backend != "optimum" else []
    unused += ["scheduler"] if backend == "optimum" and request.scheduler.given() else []
    if unused:
        other = "genai" if backend == "optimum" else "optimum"
        raise InvalidRequest(
            f"The {backend} backend has no option {', '.join(unused)}.", f"Leave it out, or choose the {other} backend."
        )


def _other_backends(entry: ModelEntry) -> str:
    return (
        f"Use {' or '.join(entry.backends)}, or auto."
        if entry.backends
        else "Complete the folder, or convert the model again."
    )
