"""The side of the form that looks ahead: does it fit, what is wrong, and the same load as code. Components only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from openarc_ui.ui.load_components import LoadForm

COPY_KINDS = [
    ("curl", "curl"),
    ("Python", "python"),
    ("gradio_client", "gradio_client"),
    ("openvino_genai", "openvino_genai"),
    ("optimum", "optimum"),
]


@dataclass(slots=True)
class LookAhead:
    """Its components; `kind` and `code` are of "Copy as"."""

    fit: gr.HTML
    context: gr.Textbox
    sequences: gr.Textbox
    verdict: gr.HTML
    overcommit: gr.Checkbox
    kind: gr.Radio
    code: gr.Code

    def inputs(self, form: LoadForm) -> list[Any]:
        return [*form.inputs, self.context, self.sequences, self.kind]

    def outputs(self, form: LoadForm) -> list[Any]:
        widgets = [section.widgets for section in form.sections]
        return [*widgets, form.device_note, self.fit, self.verdict, self.overcommit, self.code]


def build_look_ahead() -> LookAhead:
    """The components, inside whatever is open; "Copy as" is rendered later, by `render_copy_as`."""
    fit = gr.HTML(elem_id="oa-fit", elem_classes="oa-tight")
    with gr.Row():
        context = gr.Textbox(
            label="Context to plan for",
            info="Tokens of prompt and answer",
            placeholder="the model's",
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
    verdict = gr.HTML(elem_id="oa-verdict", elem_classes="oa-tight")
    overcommit = gr.Checkbox(
        False,
        label="Load it all the same; the machine may swap",
        visible=False,
        interactive=True,
        elem_id="oa-overcommit",
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
    return LookAhead(fit, context, sequences, verdict, overcommit, kind, code)


def render_copy_as(ahead: LookAhead) -> None:
    """ "Copy as", inside whatever is open."""
    with gr.Accordion("Copy as code", open=False):
        ahead.kind.render()
        ahead.code.render()
