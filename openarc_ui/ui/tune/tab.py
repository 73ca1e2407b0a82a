"""The Tune tab: one component, drawn by assets/tune/. What its script may ask is in questions.py."""

from __future__ import annotations

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.tune.questions import questions

OPENING = '<p role="status" style="margin: 16px 0; opacity: .75">Opening the runs …</p>'
VIEW_SCRIPT = """
// The whole address: Chromium resolves a path in such code against the page that compiled it first, be it another one.
import(`${window.location.origin}/page-assets/tune/view.js`)
  .then((view) => view.mount(element, props, trigger, watch, server))
  .catch((error) => console.error(error));
"""


def build_tune_tab(
    engine: Engine, runs: TuningRuns, profiles: ProfileStore, rights: Rights, *, needs_key: bool = False
) -> gr.HTML:
    """The tab's component, inside an open gr.Tab.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    return gr.HTML(
        "{}",
        html_template=f'<div class="oa-tune">{OPENING}</div>',
        js_on_load=VIEW_SCRIPT,
        apply_default_css=False,
        server_functions=questions(engine, runs, profiles, rights, needs_key),
        elem_id="oa-tune",
        elem_classes="oa-tight",
    )
