"""The strip that is always visible: model, backend, device, state, memory, last tokens/s, queue; or how far the start-up is; or
who has the machine alone. Beside them, that another program measures."""

from __future__ import annotations

from html import escape

from openarc_ui.engine.types import EngineStatus, LoadStage, ModelState, ModelStatus
from openarc_ui.startup import StartupPhase, StartupStatus
from openarc_ui.ui.html import NOT_MEASURED, number, size

STATE_CLASS = {
    ModelState.READY: "ready",
    ModelState.LOADING: "busy",
    ModelState.UNLOADING: "busy",
    ModelState.FAILED: "failed",
}

LOAD_TAB = "#load"
TUNE_TAB = "#tune"
TUNE_LINK = "#tune?run=active"
"""The run that works now; see assets/tune/link.js."""


def strip(engine: EngineStatus, startup: StartupStatus, elsewhere: str | None = None) -> str:
    """The strip as HTML.

    Args:
        elsewhere: who measures in another program, as the beginning of a sentence; None: nobody.
    """
    if engine.reserved is not None:
        return _frame(_reserved(engine.reserved))
    return _frame(_content(engine, startup) + (_elsewhere(elsewhere) if elsewhere is not None else ""))


def _content(engine: EngineStatus, startup: StartupStatus) -> str:
    """While the machine is everybody's."""
    model = shown_model(engine)
    answering = next((each for each in engine.models if each.name == engine.default_model), None)
    if model is not None and model.state is ModelState.LOADING and answering is not None:
        beside = f"{model.stage.fraction:.0%} {model.name}" if model.stage is not None else model.name
        return _model(answering, len({each.name for each in engine.models})) + _item("loading", beside)
    if model is not None and model.state is ModelState.LOADING:
        stage = startup.stage if startup.phase is StartupPhase.LOADING and startup.model == model.name else model.stage
        return _progress(f"Loading {model.name}", stage)
    if model is not None:
        return _model(model, len(engine.models))
    if startup.phase in (StartupPhase.PREPARING, StartupPhase.LOADING):
        what = "Preparing the starter model" if startup.phase is StartupPhase.PREPARING else f"Loading {startup.model}"
        return _progress(what, startup.stage)
    if startup.phase is StartupPhase.FAILED:
        words = f"{startup.message} {startup.hint}".strip()
        return (
            _state("failed", "Not started") + f'<span class="oa-words" title="{escape(words)}">{escape(words)}</span>'
        )
    if startup.phase is StartupPhase.WAITING:
        return _state("busy", "Starting")
    return _state("idle", "No model") + f'<a class="oa-strip-link" href="{LOAD_TAB}">Load one in the Load tab</a>'


def shown_model(engine: EngineStatus) -> ModelStatus | None:
    """The model the strip is about: one that is loading, else the default, else the last there is."""
    models = engine.users_models
    loading = [model for model in models if model.state is ModelState.LOADING]
    default = [model for model in models if model.name == engine.default_model]
    candidates = loading or default or list(models)
    return candidates[-1] if candidates else None


def _frame(content: str) -> str:
    return f'<div class="oa-strip" role="status" aria-live="off">{content}</div>'


def _state(kind: str, words: str) -> str:
    return f'<span class="oa-state {kind}">{escape(words)}</span>'


def _item(label: str, value: str, title: str = "") -> str:
    hover = f' title="{escape(title)}"' if title else ""
    return f'<span class="item"{hover}><span class="label">{escape(label)}</span><span class="value">{escape(value)}</span></span>'


def _progress(what: str, stage: LoadStage | None) -> str:
    fraction = stage.fraction if stage is not None else 0.0
    words = " · ".join(part for part in (stage.label, stage.detail) if part) if stage is not None else ""
    return (
        _state("busy", what)
        + f'<span class="oa-progress" role="progressbar" aria-valuenow="{fraction * 100:.0f}" aria-label="{escape(what)}">'
        + f'<span style="width:{fraction * 100:.0f}%"></span></span>'
        + f'<span class="value">{fraction:.0%}</span><span class="oa-words">{escape(words)}</span>'
    )


def _reserved(words: str) -> str:
    """Who has the machine alone. What it loads and unloads by itself comes and goes too fast to be read."""
    sentence = f"Chats and loads are refused. {words.rstrip('.')}."  # the part that can be long at the end
    return (
        _state("busy", "Tuning")
        + f'<span class="oa-words" title="{escape(sentence)}">{escape(sentence)}</span>'
        + f'<a class="oa-strip-link" href="{TUNE_LINK}">Open the Tune tab</a>'
    )


def _elsewhere(words: str) -> str:
    """Another program measures on this machine. It can't be kept from others, so it is said what they do to it."""
    title = f"{words.rstrip('.')} in another program."
    return (
        f'<span class="oa-strip-warning"><span title="{escape(title)}">Another program measures: answers now spoil its '
        f'figures</span><a class="oa-strip-link" href="{TUNE_TAB}">Open the Tune tab</a></span>'
    )


def _model(model: ModelStatus, loaded: int) -> str:
    words = {ModelState.READY: "Generating" if model.running else "Ready"}.get(
        model.state, model.state.value.capitalize()
    )
    kind = "busy" if model.state is ModelState.READY and model.running else STATE_CLASS[model.state]
    parts = [_state(kind, words), _item("model", model.name + (f" +{loaded - 1}" if loaded > 1 else ""))]
    if model.state is ModelState.FAILED:
        return (
            "".join(parts)
            + f'<span class="oa-words" title="{escape(model.failure or "")}">{escape(model.failure or "")}</span>'
        )
    speed = model.last_decode_tokens_per_second
    parts += [
        _item(
            "backend",
            model.info.backend if model.info else NOT_MEASURED,
            model.info.backend_reason if model.info else "",
        ),
        _item("device", model.request.device),
        _item("memory", size(model.memory_bytes), "Resident memory of the worker process"),
        _item(
            "last",
            f"{number(speed)} tok/s" if speed is not None else "– tok/s",
            "Decode throughput of the last request",
        ),
        _item("queue", f"{model.running} running, {model.queued} waiting"),
    ]
    return "".join(parts)
