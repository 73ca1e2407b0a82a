"""How the right column follows the conversation: its settings, its prompt, its JSON. What they look like is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio
import gradio as gr

from openarc_ui.conversations.answer_figures import measured
from openarc_ui.conversations.exchange import messages_of, to_json
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import PromptRequest
from openarc_ui.errors import OpenArcError, TemplateRefused
from openarc_ui.ui.chat.json_panel import ABOUT, JsonPanel
from openarc_ui.ui.chat.pictures import Pictures
from openarc_ui.ui.chat.prompt_panel import NOTHING, PromptPanel, problem_value, prompt_value
from openarc_ui.ui.chat.session import ChatSession
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.settings_panel import SettingsPanel, show_seed, updates_of
from openarc_ui.ui.chat.settings_view import note

SETTINGS, PROMPT, JSON = "settings", "prompt", "json"


@dataclass(frozen=True, slots=True)
class Column:
    """The right column's components.

    Attributes:
        filled_for: hidden; the conversation whose settings the panel shows, so that a late change goes to no other.
    """

    settings: SettingsPanel
    prompt: PromptPanel
    json: JsonPanel
    filled_for: gr.Textbox

    @property
    def outputs(self) -> list[Any]:
        """What `Panels.after` updates."""
        seed, _ = show_seed(self.settings, None)
        parts = [self.filled_for, *self.settings.inputs, seed]
        return [*parts, self.prompt.prompt, self.json.text, self.json.note]


class Panels:
    """Updates of the column after something was done in a page."""

    def __init__(self, engine: Engine, pictures: Pictures, column: Column) -> None:
        self._engine = engine
        self._pictures = pictures
        self._column = column

    async def after(self, session: ChatSession) -> list[Any]:
        """Updates of `Column.outputs`; what is not shown, or did not change, is left alone."""
        now = session.conversation_id or ""
        conversation = await self._pictures.conversation(session) if session.panel != SETTINGS else None
        is_other = session.filled_for != now
        session.filled_for = now
        inputs = [gr.skip() for _ in self._column.settings.inputs]
        if session.settings != session.shown_settings:
            inputs, session.shown_settings = updates_of(session.settings), session.settings
        _, seed = show_seed(self._column.settings, session.last_seed)
        prompt: Any = gr.skip()
        if session.panel == PROMPT:
            prompt = await anyio.to_thread.run_sync(self._prompt, conversation, session.settings)
        return [now if is_other else gr.skip(), *inputs, seed, prompt, *_json(session, conversation)]

    def _prompt(self, conversation: Conversation | None, settings: ChatSettings) -> dict[str, Any]:
        """What a model would be given now."""
        path = conversation.path() if conversation is not None else ()
        if not path:
            return dict(NOTHING)
        answer = next((node.answer for node in reversed(path) if node.answer is not None), None)
        try:
            request = PromptRequest(
                conversation=messages_of(path),
                model=settings.model or None,
                add_generation_prompt=path[-1].role != "assistant",
                **settings.render_fields(),
            )
            rendered = self._engine.render(request)
        except OpenArcError as error:
            return problem_value(error, self._template(settings) if isinstance(error, TemplateRefused) else "")
        cached = measured(answer.figures, "cached_prompt_tokens") if answer is not None else None
        return prompt_value(rendered, has_answer=answer is not None, cached_prompt_tokens=cached)

    def _template(self, settings: ChatSettings) -> str:
        """The template in use, so that the line of an error can be shown."""
        if settings.chat_template.strip():
            return settings.chat_template
        try:
            return self._engine.chat_template(settings.model or None).text
        except OpenArcError:
            return ""


def _json(session: ChatSession, conversation: Conversation | None) -> tuple[Any, Any]:
    """(text, note) of the JSON panel."""
    if session.panel != JSON:
        return gr.skip(), gr.skip()
    text = to_json(conversation) if conversation is not None else ""
    if text == session.json_text:
        return gr.skip(), gr.skip()
    session.json_text = text
    return text, note(ABOUT)
