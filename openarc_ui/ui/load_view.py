"""What the Load tab shows, as HTML: stages, the result of a load, the loaded models. Pure."""

from __future__ import annotations

from html import escape

from openarc_ui.engine.catalog import ModelEntry
from openarc_ui.engine.details import ModelDetails
from openarc_ui.engine.types import EngineStatus, LoadStage, ModelInfo, ModelState, Unloaded
from openarc_ui.ui.html import NOT_MEASURED, card, empty, figures, number, size, table

KINDS = {"ir": "OpenVINO IR", "gguf": "GGUF", "checkpoint": "Hugging Face checkpoint", "script": "Script"}
SAME_TYPES = {"true": "yes", "false": "no", "1": "yes", "0": "no"}


def progress(model: str, stage: LoadStage) -> str:
    """A load under way."""
    words = " · ".join(part for part in (stage.label, stage.detail) if part)
    bar = (
        f'<div class="oa-progress" style="max-width:none" role="progressbar" aria-valuenow="{stage.fraction * 100:.0f}">'
        f'<span style="width:{stage.fraction * 100:.0f}%"></span></div>'
    )
    return card(f"Loading {model}", f"{bar}<p>{escape(words)} <span class='oa-muted'>{stage.fraction:.0%}</span></p>")


def loaded(info: ModelInfo) -> str:
    """The result of a load: seconds, memory, backend, requested and effective properties."""
    context = number(info.context_length, 0) if info.context_length else NOT_MEASURED
    head = figures(
        [
            ("Loaded in", f"{info.load_seconds:.1f}", "s", f"{len(info.stage_seconds)} stages"),
            ("Memory", *_split(size(info.memory_bytes)), "of the worker process"),
            ("Backend", info.backend, "", info.backend_reason),
            ("Runs on", ", ".join(info.execution_devices) or info.device, "", f"asked for {info.device}"),
            ("Context", context, "tokens", f"up to {info.max_running} requests at once"),
        ]
    )
    warnings = "".join(f"<p>{escape(warning)}</p>" for warning in info.warnings)
    stages = table(("Stage", "Seconds"), [((label, f"{spent:.2f}"), "") for label, spent in info.stage_seconds], (1,))
    body = head + (card("Warnings", warnings, "warn") if warnings else "")
    body += properties(info) + f"<details><summary>Where the load time went</summary>{stages}</details>"
    return card(f"{info.name} is ready", body, "good")


def properties(info: ModelInfo) -> str:
    """Requested beside effective, differences first and marked."""
    names = sorted(set(info.requested_properties) | set(info.effective_properties))
    rows = []
    for name in names:
        requested = info.requested_properties.get(name)
        effective = info.effective_properties.get(name)
        differs = requested is not None and effective is not None and not same_value(str(requested), effective)
        cells = (
            name,
            "" if requested is None else str(requested),
            effective if effective is not None else "not reported",
        )
        rows.append((not differs, requested is None, (cells, "differs" if differs else "")))
    asked = [row for _, is_default, row in sorted(rows, key=lambda each: each[:2]) if not is_default]
    rest = [row for _, is_default, row in rows if is_default]
    headings = ("Property", "Requested", "Effective")
    first = (
        table(headings, asked)
        if asked
        else '<p class="oa-muted">No property was requested; the device chose them all.</p>'
    )
    return f"{first}<details><summary>All {len(names)} properties</summary>{table(headings, asked + rest)}</details>"


def same_value(requested: str, effective: str) -> bool:
    """YES is True, f16 is F16: the same value in other words is no difference."""
    left, right = requested.casefold(), effective.casefold()
    return left == right or SAME_TYPES.get(left, left) == SAME_TYPES.get(right, right)


def unloaded(done: Unloaded) -> str:
    """What unloading gave back."""
    cancelled = f" {done.cancelled_requests} requests were cancelled." if done.cancelled_requests else ""
    text = f"Its process has ended; {size(done.freed_memory_bytes)} of memory went back to the system.{cancelled}"
    return card(f"{done.name} is unloaded", f"<p>{escape(text)}</p>", "good")


def models(status: EngineStatus) -> str:
    """Every loaded model with its state."""
    if not status.models:
        return card("Loaded models", empty("None yet", "Choose a model on the left and press Load."))
    headings = ("Model", "State", "Backend", "Device", "Memory", "Running", "Waiting", "Last decode")
    rows = []
    for model in status.models:
        speed = model.last_decode_tokens_per_second
        cells = (
            model.name,
            model.state.value,
            model.info.backend if model.info else NOT_MEASURED,
            model.request.device,
            size(model.memory_bytes),
            str(model.running),
            str(model.queued),
            NOT_MEASURED if speed is None else f"{number(speed)} tok/s",
        )
        rows.append((cells, ""))
    failed = [model for model in status.models if model.state is ModelState.FAILED]
    below = "".join(card(f"{model.name} failed", f"<p>{escape(model.failure or '')}</p>", "bad") for model in failed)
    return card("Loaded models", table(headings, rows, (4, 5, 6, 7))) + below


def about(entry: ModelEntry | None, details: ModelDetails | None = None) -> str:
    """The chosen model: what it is, who can run it, and what is wrong with it."""
    if entry is None:
        return ""
    facts = [KINDS[entry.kind]]
    if details is not None:
        facts += [details.architecture or "", details.weights.words if details.weights else ""]
        facts.append(f"context {number(details.context_length, 0)} tokens" if details.context_length else "")
        facts.append("" if details.has_chat_template or entry.kind == "script" else "no chat template")
    facts += [f"{size(entry.size_bytes)} on disk", f"runs on {', '.join(entry.backends) or 'no backend'}"]
    problems = [f"{backend} can't: {why}" for backend, why in entry.cannot_run.items()]
    problems += details.problems if details is not None else ()
    text = " · ".join(fact for fact in facts if fact)
    warnings = "".join(f'<p class="oa-about warn">{escape(problem)}</p>' for problem in problems)
    return f'<p class="oa-about">{escape(text)}</p>{warnings}'


def _split(text: str) -> tuple[str, str]:
    value, _, unit = text.partition(" ")
    return value, unit
