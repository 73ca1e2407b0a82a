"""What happens inside the chat's settings: presets, checks while something is typed, and words that follow the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.errors import InvalidRequest, ModelNotLoaded, OpenArcError
from openarc_ui.ui.chat import presets, settings_view
from openarc_ui.ui.chat.sampling_form import sampling_state, shown_sampling
from openarc_ui.ui.chat.settings import ChatSettings, read_structure
from openarc_ui.ui.chat.settings_panel import SettingsPanel, structure_editor
from openarc_ui.ui.chat.template_view import TemplateNames, template_names

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
TYPED: dict[str, Any] = {**QUIET, "trigger_mode": "always_last", "concurrency_limit": None}
DEBOUNCE_SECONDS = 0.35
PROBE = StructuredOutput(choice=("a",))
"""Asks a backend whether it has structured output at all."""

OwnerOf = Callable[[gr.Request], str]


class SettingsActions:
    """What the panel's events call. Handlers that ask the model block; Gradio runs them in a thread."""

    def __init__(self, engine: Engine, store: ConversationStore, owner_of: OwnerOf) -> None:
        self._engine = engine
        self._store = store
        self._owner_of = owner_of

    def about_model(self, model: str, compare_with: str, override: str, last_seed: str, *texts: str) -> list[Any]:
        """Everything that depends on the model: (models note, sampling's state, notes of tools, arguments, documents, formats).

        Args:
            texts: tools, template arguments, documents.
        """
        tools, arguments, documents = texts
        status = self._engine.status()
        chosen = settings_view.chosen_model(status, model)
        defaults = chosen.info.generation_defaults if chosen is not None and chosen.info is not None else {}
        template = self.template(model, override)
        names = template_names(template) if template is not None else None
        return [
            settings_view.models_note(status, model, compare_with),
            gr.update(state=sampling_state(defaults, last_seed)),
            settings_view.tools_note(tools, names),
            settings_view.arguments_note(arguments, names),
            settings_view.documents_note(documents, names),
            gr.update(choices=settings_view.tool_format_choices(template, names)),
        ]

    def template(self, model: str, override: str) -> str | None:
        """The chat template that is used; None while no model can tell."""
        if override.strip():
            return override
        try:
            return self._engine.chat_template(model or None).text
        except OpenArcError:
            return None  # the models' note and the Prompt tab say what is wrong with the model

    def _names(self, model: str, override: str) -> TemplateNames | None:
        template = self.template(model, override)
        return template_names(template) if template is not None else None

    def tools_typed(self, text: str, model: str, override: str) -> tuple[Any, ...]:
        """(note, heading, the two example buttons) for tools as typed."""
        button = gr.update(visible=not text.strip())
        note = settings_view.tools_note(text, self._names(model, override))
        return note, gr.update(label=settings_view.tools_title(text)), button, button

    def more_typed(self, arguments: str, documents: str, model: str, override: str) -> tuple[Any, ...]:
        """(arguments' note, documents' note, heading)."""
        names = self._names(model, override)
        return (
            settings_view.arguments_note(arguments, names),
            settings_view.documents_note(documents, names),
            gr.update(label=settings_view.more_title(arguments, documents)),
        )

    async def structure_typed(self, kind: Any, text: str, model: str) -> AsyncIterator[tuple[Any, ...]]:
        """(note, heading, example button): first what is wrong with its form, then what the model says."""
        heading = gr.update(label=settings_view.structure_title(kind))
        button = gr.update(visible=bool(kind) and not text.strip())
        wrong = settings_view.structure_note(kind, text)
        help_words = settings_view.note(settings_view.STRUCTURE_HELP[kind])
        yield wrong or help_words, heading, button
        if not kind:
            return
        await asyncio.sleep(DEBOUNCE_SECONDS)
        said = await asyncio.to_thread(self.structure_verdict, kind, text, model)
        yield said or wrong or help_words, heading, button

    def structure_verdict(self, kind: Any, text: str, model: str) -> str:
        """What the model's backend says to a structure; "" while it can't be asked."""
        try:
            structure = read_structure(kind, text) or PROBE
        except InvalidRequest:
            structure = PROBE
        try:
            self._engine.check_structure(structure, model or None)
        except ModelNotLoaded:
            return ""
        except OpenArcError as error:
            return settings_view.problem(error)
        return "" if structure is PROBE else settings_view.structure_accepted(kind, text)

    def structure_chosen(self, kind: Any, text: str) -> Any:
        """The editor for a kind of structure, with its example: what was written for another kind means nothing in it."""
        return structure_editor(kind, settings_view.STRUCTURE_EXAMPLES.get(kind, "") if kind else text)

    def own_presets(self, request: gr.Request) -> dict[str, dict[str, Any]]:
        """The owner's presets; none where the database can't be read."""
        try:
            return dict(self._store.presets(self._owner_of(request)))
        except OpenArcError:
            return {}

    def presets_shown(self, sampling: dict[str, Any] | None, own: dict[str, dict[str, Any]]) -> tuple[Any, Any]:
        """(selector, delete button): the preset that the fields hold now."""
        now = presets.held(sampling or {}, own)
        return gr.update(choices=presets.choices(own, now), value=now), gr.update(visible=now in own)

    def take_preset(
        self, name: str, sampling: dict[str, Any] | None, own: dict[str, dict[str, Any]]
    ) -> tuple[Any, str]:
        """(sampling, note) after a preset was chosen."""
        if not name:
            return gr.skip(), ""
        try:
            taken = presets.applied(name, sampling or {}, own)
        except InvalidRequest as error:
            return gr.skip(), settings_view.problem(error)
        return shown_sampling(taken), settings_view.note(presets.summary(taken))

    def save_preset(self, name: str, sampling: dict[str, Any] | None, request: gr.Request) -> tuple[Any, Any, str]:
        """(the owner's presets, name field, note) after the fields were saved under a name."""
        try:
            checked = presets.check_name(name)
            settings = ChatSettings.read({"sampling": sampling or {}})
            self._store.put_preset(self._owner_of(request), checked, presets.to_save(settings.sampling))
        except OpenArcError as error:
            return gr.skip(), gr.skip(), settings_view.problem(error)
        return self.own_presets(request), "", settings_view.note(f"Saved as {checked}.", "good")

    def delete_preset(self, name: str, request: gr.Request) -> tuple[Any, str]:
        """(the owner's presets, note) after one was deleted; "" is a question that was answered with no."""
        if not name:
            return gr.skip(), ""
        try:
            self._store.delete_preset(self._owner_of(request), name)
        except OpenArcError as error:
            return gr.skip(), settings_view.problem(error)
        return self.own_presets(request), settings_view.note(f"{name} is deleted; its values stay in the fields.")


def wire_settings_panel(
    page: gr.Blocks, panel: SettingsPanel, engine: Engine, store: ConversationStore, owner_of: OwnerOf
) -> None:
    """The panel's own events; what goes on to the conversation is the chat's."""
    actions = SettingsActions(engine, store, owner_of)
    _wire_model(page, panel, actions)
    _wire_presets(page, panel, actions)
    _wire_editors(panel, actions)


def _wire_model(page: gr.Blocks, panel: SettingsPanel, actions: SettingsActions) -> None:
    inputs = [panel.model, panel.compare_with, panel.chat_template, panel.last_seed]
    texts = [panel.tools, panel.template_arguments, panel.documents]
    outputs = [
        panel.models_note, panel.sampling, panel.tools_note, panel.arguments_note, panel.documents_note,
        panel.tool_format,
    ]  # fmt: skip
    triggers = [
        each.change for each in (panel.model, panel.compare_with, panel.chat_template, panel.last_seed, panel.loaded)
    ]
    gr.on([page.load, *triggers], actions.about_model, [*inputs, *texts], outputs, **TYPED)


def _wire_presets(page: gr.Blocks, panel: SettingsPanel, actions: SettingsActions) -> None:
    parts, sampling = panel.presets, panel.sampling
    shown: dict[str, Any] = {
        "fn": actions.presets_shown, "inputs": [sampling, parts.own], "outputs": [parts.choice, parts.delete], **TYPED
    }  # fmt: skip
    page.load(actions.own_presets, None, parts.own, **QUIET).then(**shown)
    sampling.change(**shown)
    sampling.input(None, None, parts.note, js="() => ''", **QUIET)
    parts.choice.input(actions.take_preset, [parts.choice, sampling, parts.own], [sampling, parts.note], **QUIET)
    for save in (parts.save.click, parts.name.submit):
        save(actions.save_preset, [parts.name, sampling], [parts.own, parts.name, parts.note], **QUIET).then(**shown)
    ask = "(name) => [name && window.confirm(`Delete the preset ${name}?`) ? name : '']"
    parts.delete.click(actions.delete_preset, [parts.choice], [parts.own, parts.note], js=ask, **QUIET).then(**shown)


def _wire_editors(panel: SettingsPanel, actions: SettingsActions) -> None:
    panel.structure.input(
        actions.structure_chosen, [panel.structure, panel.structure_text], panel.structure_text, **QUIET
    )
    gr.on(
        [panel.structure.change, panel.structure_text.change, panel.model.change, panel.loaded.change],
        actions.structure_typed,
        [panel.structure, panel.structure_text, panel.model],
        [panel.structure_note, panel.structure_part, panel.structure_example],
        **TYPED,
    )
    panel.structure_example.click(
        actions.structure_chosen, [panel.structure, panel.structure_text], panel.structure_text, **QUIET
    )
    where = [panel.model, panel.chat_template]
    shown = [panel.tools_note, panel.tools_part, panel.tools_json, panel.tools_python]
    panel.tools.change(actions.tools_typed, [panel.tools, *where], shown, **TYPED)
    panel.tools_json.click(tools_json_example, None, panel.tools, **QUIET)
    panel.tools_python.click(tools_python_example, None, panel.tools, **QUIET)
    notes = [panel.arguments_note, panel.documents_note, panel.more_part]
    for editor in (panel.template_arguments, panel.documents):
        editor.change(actions.more_typed, [panel.template_arguments, panel.documents, *where], notes, **TYPED)


def tools_json_example() -> str:
    """An example of tools in JSON."""
    return settings_view.TOOLS_JSON_EXAMPLE


def tools_python_example() -> str:
    """An example of tools as Python signatures."""
    return settings_view.TOOLS_PYTHON_EXAMPLE
