"""The Models tab: one component, drawn by assets/models/. What its script may ask is in questions.py."""

from __future__ import annotations

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.models.questions import questions
from openarc_ui.ui.rights import Rights

OPENING = '<p role="status" style="margin: 16px 0; opacity: .75">Opening the models: recommended ones, the Hub, conversions …</p>'
"""Stands there until the script and its styles came, which takes seconds on a busy machine."""
VIEW_SCRIPT = """
// The whole address: Chromium resolves a path in such code against the page that compiled it first, be it another one.
import(`${window.location.origin}/page-assets/models/view.js`)
  .then((view) => view.mount(element, props, trigger, watch, server))
  .catch((error) => {
    console.error(error);
    element.textContent = "The models could not be opened: reload the page.";
  });
"""


def build_models_tab(engine: Engine, tasks: ModelTasks, hub: Hub, profiles: ProfileStore, rights: Rights) -> gr.HTML:
    """The tab's component, inside an open gr.Tab."""
    return gr.HTML(
        "{}",
        html_template=f'<div class="oa-models">{OPENING}</div>',
        js_on_load=VIEW_SCRIPT,
        apply_default_css=False,
        server_functions=questions(engine, tasks, hub, rights, profiles),
        elem_id="oa-models-tab",
        elem_classes="oa-tight",
    )
