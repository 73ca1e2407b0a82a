"""What the Load tab shows, as HTML: stages, the result of a load, the loaded models. Pure."""

from __future__ import annotations

from html import escape

from openarc_ui.engine.catalogue.details import ModelDetails
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.compile_cache import LoadNote
from openarc_ui.engine.devices.differences import Comparison, compare
from openarc_ui.engine.devices.values import as_text
from openarc_ui.engine.options import flatten
from openarc_ui.engine.types import EngineStatus, LoadStage, ModelInfo, ModelState, ModelStatus, Unloaded
from openarc_ui.errors import ModelAlreadyLoading, ModelNotFound
from openarc_ui.ui.html import NOT_MEASURED, card, empty, figures, number, seconds, size, table
from openarc_ui.ui.status_strip import TUNE_LINK

BACKENDS = {"genai": "OpenVINO GenAI", "optimum": "Optimum-Intel", "scripted": "Scripted"}
STATE_KINDS = {
    ModelState.READY: "ready",
    ModelState.LOADING: "busy",
    ModelState.UNLOADING: "busy",
    ModelState.FAILED: "failed",
}
TUNE = f'<a href="{TUNE_LINK}">Open the Tune tab</a>'
KINDS = {"ir": "OpenVINO IR", "gguf": "GGUF", "checkpoint": "Hugging Face checkpoint", "script": "Script"}


def progress(model: str, stage: LoadStage) -> str:
    """A load under way."""
    return card(f"Loading {model}", _bar(model, stage))


def _bar(model: str, stage: LoadStage) -> str:
    words = " · ".join(part for part in (stage.label, stage.detail) if part)
    return (
        f'<div class="oa-progress" style="max-width:none" role="progressbar" aria-label="Loading {escape(model)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{stage.fraction * 100:.0f}">'
        f'<span style="width:{stage.fraction * 100:.0f}%"></span></div>'
        f"<p>{escape(words)} <span class='oa-muted'>{stage.fraction:.0%}</span></p>"
    )


def gone(name: str) -> str:
    """Somebody else's load ended without a model."""
    return card(f"{name} was not loaded", "<p>The load that was under way has failed or was cancelled.</p>", "warn")


def waiting(error: ModelAlreadyLoading) -> str:
    """In place of a result, where somebody loads it already; the list below shows how far that is."""
    return f'<p class="oa-about" role="status">{escape(error.message)} It is in the list below.</p>'


def loaded(info: ModelInfo, cached: LoadNote | None = None) -> str:
    """The result of a load: seconds, memory, backend, requested and effective properties, what the compile cache did."""
    context = number(info.context_length, 0) if info.context_length else NOT_MEASURED
    head = figures(
        [
            ("Loaded in", f"{info.load_seconds:.1f}", "s", f"{len(info.stage_seconds)} stages"),
            ("Memory", *_split(size(info.memory_bytes)), "of the worker process"),
            ("Backend", info.backend, "", info.backend_reason),
            ("Runs on", ", ".join(info.execution_devices) or info.device, "", f"asked for {info.device}"),
            (
                "Context",
                context,
                "tokens",
                f"up to {info.max_running} request{'s' if info.max_running > 1 else ''} at once",
            ),
        ]
    )
    warnings = "".join(f"<p>{escape(warning)}</p>" for warning in info.warnings)
    stages = table(("Stage", "Seconds"), [((label, f"{spent:.2f}"), "") for label, spent in info.stage_seconds], (1,))
    body = head + (card("Warnings", warnings, "warn") if warnings else "") + _cache_words(cached)
    body += (
        properties(info) + scheduler(info) + f"<details><summary>Where the load time went</summary>{stages}</details>"
    )
    return card(f"{info.name} is ready", body, "good")


def properties(info: ModelInfo) -> str:
    """Requested beside effective: differences first, marked and explained; then what was asked for; the rest folded."""
    rows = compare(info.requested_properties, info.effective_properties)
    asked = [_compared(row) for row in rows if row.requested is not None]
    rest = [_compared(row) for row in rows if row.requested is None]
    headings = ("Property", "Requested", "Effective", "")
    first = (
        table(headings, asked)
        if asked
        else '<p class="oa-muted">No property was requested; the device chose them all.</p>'
    )
    return f"{first}<details><summary>All {len(rows)} properties</summary>{table(headings, asked + rest)}</details>"


def _compared(row: Comparison) -> tuple[tuple[str, ...], str]:
    cells = (
        row.name,
        row.requested or "",
        row.effective if row.effective is not None else "not reported",
        row.explanation,
    )
    return cells, "differs" if row.is_different else ""


def scheduler(info: ModelInfo) -> str:
    """The continuous batching that runs, folded."""
    if info.scheduler is None:
        return ""
    rows = [((name, as_text(value)), "") for name, value in flatten(info.scheduler).items()]
    return f"<details><summary>Continuous batching</summary>{table(('Setting', 'Value'), rows)}</details>"


def unloaded(done: Unloaded) -> str:
    """What unloading gave back."""
    cancelled = f" {done.cancelled_requests} requests were cancelled." if done.cancelled_requests else ""
    text = (
        f"Its process has ended; {size(done.freed_memory_bytes)} that was its alone went back to the system. "
        f"Pages of the model file are kept by the system while nobody else needs the room.{cancelled}"
    )
    return card(f"{done.name} is unloaded", f"<p>{escape(text)}</p>", "good")


def models(status: EngineStatus) -> str:
    """Every loaded model with its state; what it was asked for and what is in effect is folded below it.

    That of a run that measures comes and goes by itself and is nobody's to unload, so the run is told of in its place.
    """
    listed = "".join(_model(model) for model in status.users_models)
    if status.reserved is not None:
        measured = f"{status.reserved.rstrip('.')}, with a model of its own."
        refused = "Those that are loaded answer again when it ends." if listed else "Loads are refused until it ends."
        listed += f'<p class="oa-about" role="note">{escape(measured)} {refused} {TUNE}</p>'
    return card("Loaded models", listed or empty("None yet", "Choose a model and press Load."))


def _model(model: ModelStatus) -> str:
    speed = model.last_decode_tokens_per_second
    facts = [
        f"{BACKENDS[model.info.backend]} on {model.request.device}" if model.info else f"on {model.request.device}",
        size(model.memory_bytes) if model.memory_bytes is not None else "",
        f"{model.running} running, {model.queued} waiting" if model.state is ModelState.READY else "",
        f"last decode {number(speed)} tok/s" if speed is not None else "",
    ]
    head = (
        f'<div class="oa-model-name"><b>{escape(model.name)}</b>'
        f'<span class="oa-state {STATE_KINDS[model.state]}">{model.state.value}</span></div>'
        f'<div class="oa-muted">{escape(" · ".join(fact for fact in facts if fact))}</div>'
    )
    if model.state is ModelState.LOADING and model.stage is not None:
        head += _bar(model.name, model.stage)
    if model.state is ModelState.FAILED:
        head += f'<p class="oa-about warn">{escape(model.failure or "")}</p>'
    below = ""
    if model.info is not None and model.state is ModelState.READY:
        body = properties(model.info) + scheduler(model.info)
        below = f"<details><summary>Requested and effective</summary>{body}</details>"
    return f'<div class="oa-model">{head}{below}</div>'


def load_words(note: LoadNote) -> str:
    """What the compile cache did for one configuration: "GenAI on CPU: 1.62 s at first, 0.44 s from the cache"."""
    where = f"{BACKENDS[note.backend]} on {note.device}, settings {note.configuration}"
    if note.first_seconds is not None and note.cached_seconds is not None:
        return f"{where}: {seconds(note.first_seconds)} at first, {seconds(note.cached_seconds)} from the cache"
    if note.first_seconds is not None:
        return f"{where}: {seconds(note.first_seconds)} at first; the next load finds it compiled"
    return f"{where}: {seconds(note.cached_seconds)} from the cache" if note.cached_seconds is not None else ""


def _cache_words(note: LoadNote | None) -> str:
    words = load_words(note) if note is not None else ""
    return f"<p class='oa-muted'>Reading and compiling, {escape(words)}.</p>" if words else ""


def no_model(error: ModelNotFound) -> str:
    """In place of the words about a model that is not there."""
    return f'<p class="oa-about warn" role="alert">{escape(error.message)} {escape(error.hint)}</p>'


def about(entry: ModelEntry | None, details: ModelDetails | None = None) -> str:
    """The chosen model: what it is, who can run it, and what is wrong with it."""
    if entry is None:
        return ""
    facts = [KINDS[entry.kind]]
    if details is not None:
        facts += [details.architecture or "", _weights(details)]
        facts.append(f"context {number(details.context_length, 0)} tokens" if details.context_length else "")
        facts.append("" if details.has_chat_template or entry.kind == "script" else "no chat template")
    facts += [f"{size(entry.size_bytes)} on disk", f"runs on {', '.join(entry.backends) or 'no backend'}"]
    broken = details.problems if details is not None else entry.problems
    problems = [f"{backend} can't: {why}" for backend, why in entry.cannot_run.items() if why not in broken] + [*broken]
    text = " · ".join(fact for fact in facts if fact)
    warnings = "".join(f'<p class="oa-about warn">{escape(problem)}</p>' for problem in problems)
    return f'<p class="oa-about">{escape(text)}</p>{warnings}'


def _weights(details: ModelDetails) -> str:
    return details.weights.words if details.weights is not None else details.precision or ""


def _split(text: str) -> tuple[str, str]:
    value, _, unit = text.partition(" ")
    return value, unit
