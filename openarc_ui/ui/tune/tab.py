"""The Tune tab: one component, and the questions its script asks."""

from __future__ import annotations

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.rights import Rights


def build_tune_tab(
    engine: Engine, runs: TuningRuns, profiles: ProfileStore, rights: Rights, *, needs_key: bool = False
) -> gr.HTML:
    """The tab's component, inside an open gr.Tab."""
    return gr.HTML("", elem_id="oa-tune", elem_classes="oa-tight")
