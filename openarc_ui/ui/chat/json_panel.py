"""The JSON tab of the chat's right column: the conversation as OpenAI's API writes it, and what is wrong with what is typed."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from openarc_ui.conversations.exchange import ImportedConversation, from_text
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat.settings_view import note, problem

STAYS = "The conversation stays as it is."
ABOUT = "What is typed here becomes the conversation as soon as it is valid."


@dataclass(frozen=True, slots=True)
class JsonPanel:
    """The editor and the note below it."""

    text: gr.Code
    note: gr.HTML


def build_json_panel() -> JsonPanel:
    """The components, inside whatever is open."""
    text = gr.Code(
        "",
        language="json",
        label="The conversation as JSON",
        lines=16,
        max_lines=40,
        interactive=True,
        wrap_lines=True,
        elem_id="oa-chat-json",
        elem_classes="oa-chat-editor",
    )
    words = gr.HTML(note(ABOUT), elem_id="oa-chat-json-note", elem_classes="oa-tight oa-said")
    return JsonPanel(text, words)


def read_conversation(text: str) -> tuple[ImportedConversation | None, str]:
    """(the conversation, the note): None where it can't be read, and then the note says line and column."""
    if not text.strip():
        return None, note(f"Nothing is written. {STAYS}", "warn")
    try:
        if text.lstrip()[:1] not in ("{", "["):
            raise InvalidRequest("Line 1, column 1: this is not JSON.", "Begin with { or [.")
        found = from_text(text)
    except InvalidRequest as error:
        return None, problem(InvalidRequest(error.message, f"{error.hint} {STAYS}".strip()))
    count = len(found.messages)
    return found, note(f"Valid: {count} message{'' if count == 1 else 's'}.", "good") + "".join(map(note, found.notes))
