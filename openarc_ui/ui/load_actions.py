"""What the load form does while it is filled in: look ahead, keep widgets and JSON one value, follow the chosen model.

It returns updates and knows no layout. Loading and profiles are in the modules beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.choice import choose_backend
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.help import traps
from openarc_ui.engine.memory.estimate import FitEstimate
from openarc_ui.engine.options import nest
from openarc_ui.engine.preflight import OptionForm
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, ModelNotFound, OpenArcError
from openarc_ui.profiles import ProfileStore
from openarc_ui.snippets import local_path, snippet
from openarc_ui.ui import load_view
from openarc_ui.ui.fit_view import field_notes, fit_card, fit_problem, verdict
from openarc_ui.ui.load_components import backend_choices, choices_of, device_choices, form_specs
from openarc_ui.ui.load_form import FORM_FIELDS, SECTIONS, FormValues, as_json, form_of, read_object
from openarc_ui.ui.option_form import form_state, shown_findings
from openarc_ui.ui.profiles_bar import differs_from
from openarc_ui.ui.rights import NOTE, Rights

NO_FAILURE: dict[str, Any] = {"request": None, "findings": []}
BROKEN_FORM = "# The form has a mistake; correct it first."


@dataclass(slots=True)
class Newest:
    """Which look ahead a page asked for last. An answer to an older one would come as the form was before."""

    look: object = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What beside the form a look ahead goes by, in the order of `LookAhead.inputs`.

    Attributes:
        context, sequences: to plan for, as typed.
        kind: of the code to copy.
        profile: name of the chosen profile, "" for none.
        failure: the load that failed last, as values, and its findings.
        newest: of this session, the look ahead that was asked for last.
    """

    context: str | None
    sequences: str | None
    kind: str
    profile: str
    failure: dict[str, Any] | None
    newest: Newest


class Actions:
    """The form's actions over one engine. Whose key is for use only is told neither profiles nor where models are."""

    def __init__(self, engine: Engine, profiles: ProfileStore, needs_key: bool, rights: Rights | None = None) -> None:
        self._engine = engine
        self._profiles = profiles
        self._needs_key = needs_key
        self._rights = rights or Rights()
        self._traps = {name: trap.text for name, trap in traps().items()}

    def look_ahead(self, request: gr.Request, *values: Any) -> tuple[Any, ...]:
        """Updates for `LookAhead.outputs`: findings at their fields, the fit, the verdict, and the code.

        None where the form was looked at anew meanwhile: this answer may come after that one, and would take away what
        it showed, with what somebody agreed to there.
        """
        form = form_of(list(values[: len(FORM_FIELDS)]))
        planned = Planned(*values[len(FORM_FIELDS) :])
        planned.newest.look = own = object()
        shown = self._shown(request, form, planned)
        return shown if planned.newest.look is own else tuple(gr.skip() for _ in shown)

    def _shown(self, request: gr.Request, form: FormValues, planned: Planned) -> tuple[Any, ...]:
        address = str(request.request.base_url).rstrip("/") if request is not None and request.request else ""
        found, estimate, fit = self._look(form, planned)
        is_red = estimate is not None and estimate.verdict == "red"
        is_offered = self._rights.may_administer(request)
        return (
            *self.sections(form, found),
            field_notes(found, "device", self._traps),
            self._backend_note(form, found),
            self._recommendation(form),
            fit,
            self._verdict([*found, *self._red_finding(is_red, form)], form) if is_offered else "",
            _agreement(is_red, form.allow_overcommit),
            self._code(form, planned.kind, address) if is_offered else gr.update(value=f"# {NOTE}"),
            differs_from(self._profiles, planned.profile, form) if is_offered else "",
            {"version": 1, "planned": [planned.context, planned.sequences], **dataclasses.asdict(form)},
        )

    def _look(self, form: FormValues, planned: Planned) -> tuple[list[Finding], FitEstimate | None, str]:
        """Everything that is wrong, the estimate where there is one, and what the fit card shows."""
        try:
            values = form.as_request_values()
        except InvalidRequest as error:
            return (
                [Finding("", "error", "rules", error.message, error.hint)],
                None,
                fit_problem("Correct the form first."),
            )
        found = self._engine.preflight.check(values)
        found += _still_standing(planned.failure, values)
        try:
            context, sequences = planned_for(planned.context, planned.sequences)
        except InvalidRequest as error:
            return [*found, Finding("", "error", "rules", error.message, error.hint)], None, fit_problem(error.message)
        try:
            estimate = self._engine.preflight.fit(form.as_request(), context, sequences, is_strict=False)
        except OpenArcError as error:
            return found, None, fit_problem(error.message)
        return found, estimate, fit_card(estimate, context)

    def note_on_text(self, section: str) -> Callable[[str], str]:
        """What is wrong with JSON as it was typed, "" when nothing is.

        It may come after the page's own note on a field that was changed meanwhile, so it says the same as that one.
        """

        def note(text: str) -> str:
            try:
                read_object(text, section)
            except InvalidRequest as error:
                words = escape(
                    f"{error.message} {error.hint} Correct the JSON first: until then no changed field is in it."
                )
                return f'<div class="oa-form-error" role="alert">{words}</div>'
            return ""

        return note

    def new_model(self, name: str | None, backend: str, before: str | None) -> tuple[Any, ...]:
        """Updates for `LoadForm.model_outputs`: settings that were changed by hand are kept, others follow the model.

        Which those are is seen in the browser, from what is offered: somebody may change them before this answer comes.
        """
        entry, about = self.about(name)
        if entry is None or name == before:
            return about, gr.skip(), None, name
        old = self._entry(before)
        can_run = backend == "auto" or backend in entry.backends
        choices = backend_choices(entry)
        offered = {"values": dict(entry.ov_config), "instead_of": dict(old.ov_config) if old is not None else {}}
        return about, gr.update(choices=choices) if can_run else gr.update(choices=choices, value="auto"), offered, name

    def take_recommended(self, name: str | None) -> tuple[Any, Any]:
        """Widgets and JSON of the ov_config that the model's own profile recommends."""
        entry = self._entry(name)
        config = dict(entry.ov_config) if entry is not None else {}
        return gr.update(value=config), as_json(config)

    def about(self, name: str | None) -> tuple[ModelEntry | None, str]:
        """The chosen model, and the words about it."""
        if not name:
            return None, ""
        try:
            entry = self._engine.catalogue.find(name)
            return entry, load_view.about(entry, self._engine.catalogue.details(name))
        except ModelNotFound as error:
            return None, load_view.no_model(error)

    def refresh(self, *values: Any) -> tuple[Any, Any, str, Any]:
        """Updates for `LoadForm.refresh_outputs`. A page built before the first model was there chooses it now.

        A model that was chosen is not told again: another one may be chosen before this answer comes.
        """
        self._engine.preflight.refresh()
        form = form_of(list(values))
        names = choices_of(self._engine.catalog())
        name = form.model or next(iter(names), None)
        devices = gr.update(choices=device_choices(self._engine.preflight.devices()))
        if form.model:
            return gr.update(choices=names), devices, self.about(name)[1], gr.skip()
        return gr.update(choices=names, value=name), devices, self.about(name)[1], None

    def restore(self, saved: Any) -> tuple[Any, ...]:
        """The form as this browser left it: updates for every field, the model it was for, and what was planned for.

        Nothing where it can't be used.
        """
        is_usable = isinstance(saved, dict) and saved.get("version") == 1 and set(FORM_FIELDS) < set(saved)
        if not is_usable or self._entry(saved["model"]) is None:
            return (*[gr.skip()] * (len(FORM_FIELDS) + 3),)
        values = {**saved, "allow_overcommit": False}
        for section in SECTIONS:
            values[f"{section}_text"] = _text_beside(section, values)
        context, sequences = (saved.get("planned") or [None, None])[:2]
        return *[gr.update(value=values[name]) for name in FORM_FIELDS], saved["model"], context, sequences

    def sections(self, form: FormValues, found: list[Finding]) -> tuple[Any, ...]:
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

    def _entry(self, name: str | None) -> ModelEntry | None:
        try:
            return self._engine.catalogue.find(name) if name else None
        except ModelNotFound:
            return None

    def _backend_note(self, form: FormValues, found: list[Finding]) -> str:
        """What is wrong with the backend, or which one Automatic takes and why."""
        notes = field_notes(found, "backend", self._traps)
        entry = self._entry(form.model)
        if notes or entry is None or form.backend != "auto":
            return notes
        try:
            backend, reason = choose_backend(form.as_request(), entry)
        except OpenArcError:
            return ""
        return f'<p class="oa-about">Automatic takes {escape(load_view.BACKENDS[backend])}: {escape(reason)}.</p>'

    def _recommendation(self, form: FormValues) -> Any:
        """The button that takes the model's recommended ov_config, where it has one that is not in the form."""
        entry = self._entry(form.model)
        recommended = dict(entry.ov_config) if entry is not None else {}
        is_wanted = bool(recommended) and recommended != dict(form.ov_config or {})
        words = ", ".join(f"{name} {value}" for name, value in recommended.items())
        return gr.update(visible=is_wanted, value=f"Take what the model recommends: {words}")

    def _verdict(self, found: list[Finding], form: FormValues) -> str:
        """What a click on Load would come to now."""
        return verdict(found, self._consequence(form), self._engine.status().reserved)

    def _consequence(self, form: FormValues) -> str:
        """What the load does to a model that answers to its name now."""
        try:
            replaces = self._engine.replaces(form.as_request())
        except OpenArcError:
            return ""
        if replaces == "beside":
            return "The loaded model answers until this one is ready."
        return "The loaded model is unloaded first, because both do not fit." if replaces else ""

    def _red_finding(self, is_red: bool, form: FormValues) -> list[Finding]:
        if not is_red or form.allow_overcommit:
            return []
        words = "It needs more memory than is free."
        return [Finding("", "error", "rules", words, "Change what the estimate names, or agree below.")]

    def _code(self, form: FormValues, kind: str, address: str) -> Any:
        language = "shell" if kind == "curl" else "python"
        try:
            request: LoadRequest = form.as_request()
            path = local_path(self._engine.model_folder, form.model or "")
            text = snippet(kind, request, address=address, model_path=path, needs_key=self._needs_key)  # type: ignore[arg-type]
        except InvalidRequest as error:
            text = f"{BROKEN_FORM}\n# {error.message}"
        except OpenArcError as error:
            text = f"# {error.message}\n# {error.hint}"
        return gr.update(value=text, language=language)


def _agreement(is_red: bool, is_given: bool) -> Any:
    """An update of the box that agrees. Only what was given as this was asked is taken back: a click may be newer."""
    if is_red:
        return gr.update(visible=True)
    return gr.update(visible=False, value=False) if is_given else gr.update(visible=False)


def planned_for(context: str | None, sequences: str | None) -> tuple[int | None, int]:
    """Context and conversations to plan for, as typed; nothing typed is None and 1.

    Raises:
        InvalidRequest: one of them is no whole number from 1.
    """
    return _whole(context, "Context to plan for"), _whole(sequences, "Conversations at once") or 1


def _whole(text: str | None, what: str) -> int | None:
    typed = (text or "").strip().replace("\u202f", "").replace(" ", "")
    if not typed:
        return None
    if not typed.isdecimal() or not 1 <= int(typed[:12]) <= 100_000_000:
        raise InvalidRequest(
            f"{what}: '{(text or '')[:40]}' is not a whole number from 1.", "Correct it, or empty the field."
        )
    return int(typed[:12])


def _still_standing(failure: dict[str, Any] | None, values: dict[str, Any]) -> list[Finding]:
    """What the last failed load blamed, as long as model, device, backend and that property are as they were."""
    failed = (failure or NO_FAILURE)["request"]
    if failed is None or any(failed[name] != values[name] for name in ("model_path", "device", "backend")):
        return []
    findings = [Finding(**each) for each in (failure or NO_FAILURE)["findings"]]
    return [
        each
        for each in findings
        if failed["ov_config"].get(each.field[len("ov_config.") :])
        == values["ov_config"].get(each.field[len("ov_config.") :])
    ]


def _text_beside(section: str, saved: Mapping[str, Any]) -> Any:
    """The JSON of a section as it was saved, unless it says something else than the fields, which are what is loaded.

    A save can come between a changed field and its JSON.
    """
    text, values = saved[f"{section}_text"], saved[section] or {}
    try:
        fields = nest(values) if section == "scheduler" else dict(values)
        is_alike = read_object(text, section) == fields
    except (InvalidRequest, TypeError, ValueError, AttributeError):
        return text
    return text if is_alike else as_json(fields)
