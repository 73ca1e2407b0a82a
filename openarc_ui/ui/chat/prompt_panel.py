"""The Prompt tab of the chat's right column: what the model is given, as text or as tokens, and its chat template.

The prompt is one component, whose browser side is assets/prompt_view.js; `prompt_value` and `problem_value` make its value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import ChatTemplate, PromptToken, RenderedPrompt
from openarc_ui.errors import OpenArcError, TemplateRefused
from openarc_ui.ui.chat.settings_panel import SettingsPanel
from openarc_ui.ui.chat.settings_view import note, problem
from openarc_ui.ui.chat.template_view import (
    mistake_note,
    origin_words,
    refusal_note,
    special_words,
    template_mistake,
)
from openarc_ui.ui.html import number
from openarc_ui.ui.theme import ASSETS

ROLES = (None, "system", "user", "assistant", "tool")
"""Whose text a token is, by the number it has in the component's value; None is the template's own."""
NOTHING: dict[str, Any] = {
    "problem": "",
    "figures": [],
    "text": "",
    "tokens": "[]",
    "empty": "There is no message yet.",
}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True, slots=True)
class PromptPanel:
    """The panel's components; the template's editor is `SettingsPanel.chat_template`.

    Attributes:
        prompt: its value is made by `prompt_value`, `problem_value`, or is NOTHING.
    """

    prompt: gr.HTML
    origin: gr.HTML
    own: gr.Code
    change: gr.Button
    back: gr.Button
    note: gr.HTML


def build_prompt_panel(settings: SettingsPanel) -> PromptPanel:
    """The components, inside whatever is open; the editor of the settings' template among them."""
    prompt = gr.HTML(
        dict(NOTHING),
        html_template='<div class="oa-prompt"></div>',
        js_on_load=(ASSETS / "prompt_view.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="oa-chat-prompt",
        elem_classes="oa-tight",
    )
    gr.HTML('<h3 class="oa-chat-heading">Chat template</h3>', elem_classes="oa-tight")
    origin = gr.HTML(elem_id="oa-chat-template-origin", elem_classes="oa-tight oa-said")
    settings.chat_template.render()
    words = gr.HTML(elem_id="oa-chat-template-note", elem_classes="oa-tight oa-said")
    with gr.Row(elem_classes="oa-chat-row"):
        change = gr.Button("Change it for this conversation", size="sm", elem_id="oa-chat-template-change")
        back = gr.Button("Back to the model's own", size="sm", visible=False, elem_id="oa-chat-template-back")
    own = gr.Code(
        "",
        language="jinja2",
        label="The model's own template",
        lines=6,
        max_lines=16,
        interactive=False,
        elem_id="oa-chat-template-own",
        elem_classes="oa-chat-editor",
    )
    return PromptPanel(prompt, origin, own, change, back, words)


def prompt_value(
    prompt: RenderedPrompt, *, has_answer: bool = False, cached_prompt_tokens: float | None = None
) -> dict[str, Any]:
    """What the component shows of a rendered prompt. The tokens go as one text: Gradio would wrap every list in them (1.2 s for 8,000).

    Args:
        has_answer: the conversation has an answer, so that something can be said of the prefix cache.
        cached_prompt_tokens: of the last answer's prompt; None where there is no prefix cache or the backend does not tell.
    """
    return {
        "problem": "",
        "figures": prompt_figures(prompt, has_answer=has_answer, cached_prompt_tokens=cached_prompt_tokens),
        "text": prompt.text,
        "tokens": json.dumps(token_rows(prompt.tokens), ensure_ascii=False, separators=(",", ":")),
        "empty": "",
    }


def problem_value(error: OpenArcError, template: str = "") -> dict[str, Any]:
    """What the component shows of a conversation that can't be rendered.

    Args:
        template: the template in use; where the error names a line of it, the line is shown.
    """
    words = refusal_note(template, error) if isinstance(error, TemplateRefused) else problem(error)
    return {**NOTHING, "problem": words, "empty": ""}


def token_rows(tokens: Sequence[PromptToken]) -> list[list[Any]]:
    """Tokens as the component takes them: [id, text, piece, is special, number of the role]."""
    return [[each.id, each.text, each.piece, int(each.is_special), ROLES.index(each.role)] for each in tokens]


def prompt_figures(
    prompt: RenderedPrompt, *, has_answer: bool, cached_prompt_tokens: float | None
) -> list[dict[str, str]]:
    """The numbers above the prompt: label, number with its unit, and more on hover."""
    cached = "no answer yet"
    if has_answer:
        cached = "not told" if cached_prompt_tokens is None else f"{number(cached_prompt_tokens, 0)} tokens"
    limit = "" if prompt.context_length is None else f" of {number(prompt.context_length, 0)}"
    figures = [
        _figure("Prompt", f"{number(len(prompt.tokens), 0)}{limit} tokens", _source(prompt)),
        _figure("From the prefix cache", cached, _cache_words(has_answer, cached_prompt_tokens)),
        _figure("Template", milliseconds(prompt.template_seconds), "Rendering the chat template"),
        _figure("Tokenize", milliseconds(prompt.tokenize_seconds), "Turning the prompt into ids"),
    ]
    if prompt.dropped_messages:
        dropped = prompt.dropped_messages
        words = "the oldest message" if dropped == 1 else f"the oldest {dropped} messages"
        figures.append(_figure("Left out", words, "So that the rest fits"))
    return figures


def milliseconds(seconds: float) -> str:
    """A short duration: 0.42 ms, 3.1 ms, 120 ms."""
    value = seconds * 1000
    digits = 0 if value >= 100 else 1 if value >= 1 else 2
    return f"{value:.{digits}f} ms"


def template_note(override: str) -> str:
    """What stands under the template's editor: its first mistake, or that it is used."""
    if not override.strip():
        return ""
    mistake = template_mistake(override)
    if mistake is not None:
        return mistake_note(override, mistake)
    return note("This conversation uses this template in place of the model's.", "warn")


def template_shown(template: ChatTemplate | None, error: OpenArcError | None, override: str) -> tuple[Any, ...]:
    """(origin, the model's own template, note, change button, back button)."""
    has_override = bool(override.strip())
    buttons = gr.update(visible=template is not None and not has_override), gr.update(visible=has_override)
    if template is None:
        origin = problem(error) if error is not None else ""
        return origin, gr.update(value="", visible=False), template_note(override), *buttons
    label = "OpenArc's plain template" if template.is_plain else "The model's own template"
    marks = special_words(template.special_tokens.items())
    origin = note(origin_words(template), "warn" if template.is_plain else "") + note(marks)
    return origin, gr.update(value=template.text, label=label, visible=True), template_note(override), *buttons


def wire_prompt_panel(page: gr.Blocks, panel: PromptPanel, settings: SettingsPanel, engine: Engine) -> None:
    """The template's events; rendering the prompt is the chat's, because it knows the conversation."""

    def ask(model: str) -> tuple[ChatTemplate | None, OpenArcError | None]:
        try:
            return engine.chat_template(model or None), None
        except OpenArcError as error:
            return None, error

    def show_template(model: str, override: str) -> tuple[Any, ...]:
        return template_shown(*ask(model), override)

    def begin_override(model: str) -> Any:
        template, _ = ask(model)
        return gr.skip() if template is None else gr.update(value=template.text, visible=True)

    gr.on(
        [page.load, settings.model.change, settings.loaded.change, settings.chat_template.change],
        show_template,
        [settings.model, settings.chat_template],
        [panel.origin, panel.own, panel.note, panel.change, panel.back],
        trigger_mode="always_last",
        concurrency_limit=None,
        **QUIET,
    )
    panel.change.click(begin_override, [settings.model], settings.chat_template, **QUIET)
    panel.back.click(without_override, None, settings.chat_template, **QUIET)


def _figure(label: str, shown: str, more: str) -> dict[str, str]:
    return {"label": label, "number": shown, "more": more}


def _source(prompt: RenderedPrompt) -> str:
    if prompt.context_length is None:
        return "Nothing bounds prompt and answer together."
    return f"Prompt and answer together; the limit is from {prompt.context_source}."


def _cache_words(has_answer: bool, cached_prompt_tokens: float | None) -> str:
    if not has_answer:
        return "Known after the first answer."
    if cached_prompt_tokens is None:
        return "At the last answer. The model has no prefix cache, or its backend does not tell how many."
    return "At the last answer: tokens of its prompt that were not computed again."


def without_override() -> Any:
    """An update of the template's editor: the model's own template again."""
    return gr.update(value="", visible=False)
