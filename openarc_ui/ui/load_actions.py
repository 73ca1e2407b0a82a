"""What the load form does: look ahead, load, cancel, unload, use and keep profiles. It returns updates and knows no layout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.help import traps
from openarc_ui.engine.options import flatten, nest
from openarc_ui.engine.preflight import OptionForm
from openarc_ui.engine.types import LoadRequest, LoadStage, ModelInfo, ModelState
from openarc_ui.errors import DoesNotFit, InvalidRequest, ModelNotFound, OpenArcError
from openarc_ui.profiles import NAME_RULE, Profile, ProfileStore
from openarc_ui.snippets import local_path, snippet
from openarc_ui.ui import load_view
from openarc_ui.ui.fit_view import field_notes, fit_card, fit_problem, verdict
from openarc_ui.ui.html import error_card
from openarc_ui.ui.load_components import backend_choices, choices_of, device_choices, form_specs
from openarc_ui.ui.load_form import FORM_FIELDS, FormValues, as_json, form_of, read_object, values_of
from openarc_ui.ui.option_form import form_state, shown_findings
from openarc_ui.ui.profiles_bar import NONE, chosen, export_link, said, went_wrong

STARTING = LoadStage("Starting the worker process", 0.0)
LOAD_TIMEOUT_SECONDS = 0.25
ERROR_FIELDS = {"device_unavailable": "device", "property_rejected": "ov_config"}


class Actions:
    """The form's actions over one engine."""

    def __init__(self, engine: Engine, profiles: ProfileStore, needs_key: bool) -> None:
        self._engine = engine
        self._profiles = profiles
        self._needs_key = needs_key
        self._traps = {name: trap.text for name, trap in traps().items()}

    def look_ahead(self, request: gr.Request, *values: Any) -> tuple[Any, ...]:
        """Updates for `LookAhead.outputs`: findings at their fields, the fit, and the code."""
        form = form_of(list(values[: len(FORM_FIELDS)]))
        context, sequences, kind = values[len(FORM_FIELDS) :]
        address = str(request.request.base_url).rstrip("/") if request is not None and request.request else ""
        try:
            request_values = form.as_request_values()
        except InvalidRequest as error:
            found = [Finding("form", "error", "rules", error.message, error.hint)]
            return (
                *self._sections(form, found),
                "",
                fit_problem("Correct the form first."),
                verdict(found),
                gr.skip(),
                gr.skip(),
            )
        found = self._engine.preflight.check(request_values)
        fit, is_red = self._fit(form, context, sequences)
        overcommit = gr.update(visible=is_red) if is_red else gr.update(visible=False, value=False)
        return (
            *self._sections(form, found),
            field_notes(found, "device", self._traps),
            fit,
            verdict([*found, *self._red_finding(is_red, form)]),
            overcommit,
            self._code(form, kind, address),
        )

    def as_text(self, values: dict[str, Any]) -> tuple[str, str]:
        """The widgets changed: the same as JSON, and no complaint about the JSON any more."""
        return as_json(nest(values or {})), ""

    def from_text(self, section: str) -> Callable[[str], tuple[Any, str]]:
        """The JSON changed: the same in the widgets, or what is wrong with it."""

        def read(text: str) -> tuple[Any, str]:
            try:
                values = read_object(text, section)
            except InvalidRequest as error:
                return (
                    gr.skip(),
                    f'<div class="oa-form-error" role="alert">{escape(f"{error.message} {error.hint}")}</div>',
                )
            return gr.update(value=flatten(values) if section == "scheduler" else values), ""

        return read

    def new_model(self, name: str | None) -> tuple[Any, ...]:
        """Updates for `LoadForm.model_outputs`."""
        if not name:
            return "", gr.skip(), gr.skip(), gr.skip()
        try:
            entry = self._engine.catalogue.find(name)
        except ModelNotFound as error:
            return load_view.no_model(error), gr.skip(), gr.skip(), gr.skip()
        config = dict(entry.ov_config)
        about = load_view.about(entry, self._engine.catalogue.details(name))
        return about, gr.update(choices=backend_choices(entry), value="auto"), gr.update(value=config), as_json(config)

    def refresh(self, *values: Any) -> tuple[Any, Any, str]:
        """Updates for `LoadForm.refresh_outputs`. A page built before the first model was there chooses it now."""
        self._engine.preflight.refresh()
        form = form_of(list(values))
        names = choices_of(self._engine.catalog())
        name = form.model or next(iter(names), None)
        return (
            gr.update(choices=names, value=name),
            gr.update(choices=device_choices(self._engine.preflight.devices())),
            self.new_model(name)[0],
        )

    async def load_form(self, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        """Load what the form says."""
        form = form_of(list(values[: len(FORM_FIELDS)]))
        try:
            request = form.as_request()
            await asyncio.to_thread(self._require_room, request, *values[len(FORM_FIELDS) :])
        except OpenArcError as error:
            title = "It was not loaded" if isinstance(error, DoesNotFit) else "The form has a mistake"
            yield error_card(title, error), *[gr.skip()] * 4
            return
        async for update in self._run(request):
            yield update

    async def load_again(self) -> AsyncIterator[tuple[Any, ...]]:
        """Load the model that failed once more, as it was."""
        failed = next((model for model in self._engine.status().models if model.state is ModelState.FAILED), None)
        if failed is not None:
            async for update in self._run(failed.request.model_copy(update={"name": failed.name})):
                yield update

    async def cancel_load(self) -> None:
        """End the load that is under way."""
        loading = next(
            (model.name for model in self._engine.status().models if model.state is ModelState.LOADING), None
        )
        if loading is not None:
            await asyncio.to_thread(self._engine.unload, loading)

    async def unload(self, name: str | None) -> tuple[str, str]:
        """Unload a model."""
        try:
            text = load_view.unloaded(await asyncio.to_thread(self._engine.unload, name or None))
        except OpenArcError as error:
            text = error_card("Nothing was unloaded", error)
        return text, load_view.models(self._engine.status())

    def use_profile(self, name: str) -> tuple[Any, ...]:
        """Updates for the whole form, the words about the model, the note and the export link."""
        if name == NONE:
            return *[gr.skip()] * (len(FORM_FIELDS) + 1), "", export_link(NONE)
        try:
            profile = self._profiles.get(name)
        except OpenArcError as error:
            return *[gr.skip()] * (len(FORM_FIELDS) + 1), went_wrong(error), export_link(NONE)
        form = values_of(profile.load)
        updates = [gr.update(value=getattr(form, field)) for field in FORM_FIELDS]
        about = self.new_model(form.model)[0]
        words = profile.description or f"The form holds what {name} says; nothing is loaded yet."
        return *updates, about, said(words), export_link(name)

    def keep_profile(self, name: str, may_replace: bool, *values: Any) -> tuple[Any, ...]:
        """Keep the form under a name."""
        try:
            wanted = replace(form_of(list(values)), allow_overcommit=False)
            profile = _profile(name, wanted)
            self._profiles.save(profile, replace=bool(may_replace))
        except OpenArcError as error:
            exists = error.code == "profile_exists"
            return gr.skip(), went_wrong(error), gr.skip(), gr.update(visible=exists, value=False)
        return (
            chosen(self._profiles, profile.name),
            said(f"{profile.name} is saved."),
            export_link(profile.name),
            gr.update(visible=False, value=False),
        )

    def forget_profile(self, name: str) -> tuple[Any, ...]:
        """Forget a profile; an empty name is a question that was answered with no."""
        if not name:
            return gr.skip(), gr.skip(), gr.skip()
        try:
            self._profiles.delete(name)
        except OpenArcError as error:
            return gr.skip(), went_wrong(error), gr.skip()
        return chosen(self._profiles, NONE), said(f"{name} is deleted."), export_link(NONE)

    def import_profile(self, file: str | None) -> tuple[Any, ...]:
        """Keep a profile that comes as a file."""
        if not file:
            return gr.skip(), gr.skip(), gr.skip()
        try:
            profile = self._profiles.import_text(Path(file).read_text(encoding="utf-8"))
        except OpenArcError as error:
            return gr.skip(), went_wrong(error), gr.skip()
        except (OSError, UnicodeDecodeError) as error:
            return (
                gr.skip(),
                went_wrong(InvalidRequest(f"The file can't be read: {error}", "Export the profile again.")),
                gr.skip(),
            )
        return (
            chosen(self._profiles, profile.name),
            said(f"{profile.name} is imported. Choose it to fill the form."),
            export_link(profile.name),
        )

    def _sections(self, form: FormValues, found: list[Finding]) -> tuple[Any, ...]:
        """Updates for the three groups of widgets: what there is to set on this device, and what is wrong with it."""
        return tuple(
            gr.update(state=form_state(spec, shown_findings(found, section, self._traps)))
            for section, spec in form_specs(self._options(form)).items()
        )

    def _options(self, form: FormValues) -> OptionForm:
        """What can be set; for a device that is not there, what the first one takes, until the name is corrected."""
        try:
            return self._engine.preflight.options((form.device or "").strip(), form.backend)
        except OpenArcError:
            return self._engine.preflight.options(self._engine.preflight.devices()[0].name, form.backend)

    def _fit(self, form: FormValues, context: str | None, sequences: str | None) -> tuple[str, bool]:
        try:
            estimate = self._engine.preflight.fit(
                form.as_request(),
                _whole(context, "Context to plan for"),
                _whole(sequences, "Conversations at once") or 1,
            )
        except OpenArcError as error:
            return fit_problem(error.message), False
        return fit_card(estimate), estimate.verdict == "red"

    def _require_room(self, request: LoadRequest, context: str | None, sequences: str | None) -> None:
        """What was planned for has to fit too, unless it was agreed to.

        Raises:
            DoesNotFit, InvalidRequest: a number to plan for is none.
        """
        planned = _whole(context, "Context to plan for"), _whole(sequences, "Conversations at once") or 1
        if request.allow_overcommit or planned == (None, 1):
            return
        try:
            estimate = self._engine.preflight.fit(request, *planned)
        except OpenArcError:
            return  # the load says it better
        if estimate.verdict == "red":
            raise DoesNotFit(
                estimate.words, "Plan for less, change what the estimate names, or confirm above the button."
            )

    def _red_finding(self, is_red: bool, form: FormValues) -> list[Finding]:
        if not is_red or form.allow_overcommit:
            return []
        words = "It needs more memory than is free."
        return [Finding("memory", "error", "rules", words, "Change what the estimate names, or confirm below.")]

    def _code(self, form: FormValues, kind: str, address: str) -> Any:
        language = "shell" if kind == "curl" else "python"
        try:
            path = local_path(self._engine.model_folder, form.model or "")
            text = snippet(kind, form.as_request(), address=address, model_path=path, needs_key=self._needs_key)  # type: ignore[arg-type]
        except OpenArcError as error:
            text = f"# {error.message}\n# {error.hint}"
        return gr.update(value=text, language=language)

    async def _run(self, request: LoadRequest) -> AsyncIterator[tuple[Any, ...]]:
        busy = gr.update(interactive=False, value="Loading …")
        async for text, found in load(self._engine, request):
            places = self._sections(values_of(request), found)[0] if found else gr.skip()
            yield text, busy, gr.update(visible=True), load_view.models(self._engine.status()), places
        yield (
            gr.skip(),
            gr.update(interactive=True, value="Load"),
            gr.update(visible=False),
            load_view.models(self._engine.status()),
            gr.skip(),
        )


async def load(engine: Engine, request: LoadRequest) -> AsyncIterator[tuple[str, list[Finding]]]:
    """Load on a thread, yielding the stages as HTML, then the result; or the error, with the fields it is about."""
    loop = asyncio.get_running_loop()
    stages: asyncio.Queue[LoadStage] = asyncio.Queue()

    def reached(stage: LoadStage) -> None:
        loop.call_soon_threadsafe(stages.put_nowait, stage)

    loading: asyncio.Task[ModelInfo] = asyncio.create_task(asyncio.to_thread(engine.load, request, reached))
    shown = request.name or request.model_path.replace("\\", "/").rpartition("/")[2]
    yield load_view.progress(shown, STARTING), []
    while not loading.done():
        try:
            yield load_view.progress(shown, await asyncio.wait_for(stages.get(), LOAD_TIMEOUT_SECONDS)), []
        except TimeoutError:
            continue
    try:
        info = await loading
        yield load_view.loaded(info, engine.cache_note(info)), []
    except OpenArcError as error:
        yield error_card(f"{shown} was not loaded", error), findings_of(error)


def findings_of(error: OpenArcError) -> list[Finding]:
    """A failed load at the properties it blames; none where it blames none."""
    layer: Any = "first_token" if "first token" in error.message else "compile"
    names: tuple[str, ...] = getattr(error, "properties", ())
    return [Finding(f"ov_config.{name}", "error", layer, error.message, error.hint) for name in names]


def _profile(name: str | None, form: FormValues) -> Profile:
    wanted = (name or "").strip()
    if not wanted:
        raise InvalidRequest("The profile needs a name.", "Write one, then press Save.")
    try:
        return Profile(name=wanted, load=form.as_request())
    except ValidationError as error:
        words = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"'{wanted}' can't be the name of a profile: {words}.", NAME_RULE) from None


def _whole(text: str | None, what: str) -> int | None:
    """A whole number as typed, None when nothing is.

    Raises:
        InvalidRequest: it is no whole number from 1.
    """
    typed = (text or "").strip().replace("\u202f", "").replace(" ", "")
    if not typed:
        return None
    if not typed.isdecimal() or not 1 <= int(typed) <= 100_000_000:
        raise InvalidRequest(f"{what}: '{text}' is not a whole number from 1.", "Correct it, or empty the field.")
    return int(typed)
