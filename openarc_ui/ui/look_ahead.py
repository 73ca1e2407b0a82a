"""The side of the form that looks ahead: does it fit, what is wrong, and the same load as code. Components only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from openarc_ui.engine.memory.estimate import DEFAULT_CONTEXT_TOKENS
from openarc_ui.ui.load_actions import NO_FAILURE, Newest
from openarc_ui.ui.load_components import LoadForm

STORAGE_SECRET = "openarc"
"""Nothing secret is kept there; without one the form would be lost at every restart of the server."""
COPY_KINDS = [
    ("curl", "curl"),
    ("Python", "python"),
    ("gradio_client", "gradio_client"),
    ("openvino_genai", "openvino_genai"),
    ("optimum", "optimum"),
]


@dataclass(slots=True)
class LookAhead:
    """Its components; `kind` and `code` are of "Copy as".

    Attributes:
        failure: of this session, the load that failed last.
        newest: of this session, the look ahead that was asked for last.
        saved: of this browser, the form as it was left. Rendered outside the tabs: one inside is read too late.
    """

    fit: gr.HTML
    context: gr.Textbox
    sequences: gr.Textbox
    verdict: gr.HTML
    overcommit: gr.Checkbox
    kind: gr.Radio
    code: gr.Code
    failure: gr.State
    newest: gr.State
    saved: gr.BrowserState

    def inputs(self, form: LoadForm, profile: gr.Dropdown) -> list[Any]:
        return [*form.inputs, self.context, self.sequences, self.kind, profile, self.failure, self.newest]

    def outputs(self, form: LoadForm, profile_state: gr.HTML) -> list[Any]:
        widgets = [section.widgets for section in form.sections]
        notes = [form.device_note, form.backend_note, form.recommend]
        return [*widgets, *notes, self.fit, self.verdict, self.overcommit, self.code, profile_state, self.saved]


def build_look_ahead() -> LookAhead:
    """The components, inside whatever is open; those after the Load button are rendered later, by the functions below."""
    fit = gr.HTML(elem_id="oa-fit", elem_classes="oa-tight")
    with gr.Row():
        context = gr.Textbox(
            label="Context to plan for",
            info="Tokens of prompt and answer",
            placeholder=f"{DEFAULT_CONTEXT_TOKENS}",
            max_lines=1,
            interactive=True,
            min_width=120,
            elem_id="oa-fit-context",
        )
        sequences = gr.Textbox(
            label="Conversations at once",
            info="Each with that context",
            placeholder="1",
            max_lines=1,
            interactive=True,
            min_width=120,
            elem_id="oa-fit-sequences",
        )
    verdict = gr.HTML(elem_id="oa-verdict", elem_classes="oa-tight", render=False)
    overcommit = gr.Checkbox(
        False,
        label="Load it all the same; the machine may swap",
        visible=False,
        interactive=True,
        elem_id="oa-overcommit",
        render=False,
    )
    kind = gr.Radio(
        COPY_KINDS,
        value="curl",
        show_label=False,
        container=False,
        interactive=True,
        render=False,
        elem_id="oa-copy-kind",
    )
    code = gr.Code(
        "",
        language="shell",
        show_label=False,
        lines=4,
        max_lines=24,
        interactive=False,
        render=False,
        elem_id="oa-copy",
    )
    saved = gr.BrowserState({}, storage_key="openarc-load-form", secret=STORAGE_SECRET, render=False)
    failure, newest = gr.State(dict(NO_FAILURE)), gr.State(Newest())
    return LookAhead(fit, context, sequences, verdict, overcommit, kind, code, failure, newest, saved)


def render_verdict(ahead: LookAhead) -> None:
    """Below the Load button, so that the button stays where it is whatever is found."""
    ahead.verdict.render()
    ahead.overcommit.render()


def render_copy_as(ahead: LookAhead) -> None:
    """ "Copy as", inside whatever is open."""
    with gr.Accordion("Copy as code", open=False):
        ahead.kind.render()
        ahead.code.render()
