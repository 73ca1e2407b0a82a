"""A form made from descriptions of settings, as one component: what is set, what can be set, and what is wrong with it.

Its value is only what was set, {name: value} with dots into nested objects, so that False and 0 are values and a default
is none. The browser's side is assets/option_form.js.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gradio as gr

from openarc_ui.engine.findings import Finding
from openarc_ui.engine.options import OptionSpec
from openarc_ui.ui.html import markdown
from openarc_ui.ui.theme import ASSETS

GROUP_TITLES = {
    "performance": "Performance",
    "precision": "Precision",
    "threads": "Threads and cores",
    "cache": "Cache",
    "memory": "Memory",
    "gpu": "GPU",
    "npu": "NPU",
    "composite": "Several devices",
    "diagnostics": "Diagnostics",
    "other": "Other",
    "scheduler": "Continuous batching",
    "cache_eviction_config": "Cache eviction, with use_cache_eviction",
    "sparse_attention_config": "Sparse attention, with use_sparse_attention",
    "sampling": "For requests that leave a parameter out",
}
"""Headings, in the order of the page."""


def option_form(values: Mapping[str, Any], spec: Mapping[str, Any], elem_id: str) -> gr.HTML:
    """The component, inside whatever is open."""
    return gr.HTML(
        dict(values),
        html_template='<div class="oa-form"></div>',
        js_on_load=(ASSETS / "option_form.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="oa-tight",
        state=form_state(spec, []),
    )


def form_state(spec: Mapping[str, Any], findings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What the form shows beside its value. Always whole: a part would replace the whole in a tab that was not opened yet."""
    return {"spec": dict(spec), "findings": list(findings)}


def spec_of(
    form: str, key: str, options: Sequence[OptionSpec], *, composite: bool = False, empty: str = ""
) -> dict[str, Any]:
    """What the component shows: settings under their headings.

    Args:
        form: a short word that keeps the ids of several forms apart.
        key: changes when the form has to be built anew.
        composite: say which device takes which setting.
        empty: what stands there when there is nothing to set.
    """
    present = [group for group in GROUP_TITLES if any(each.group == group for each in options)]
    present += sorted({each.group for each in options} - set(present))
    groups = [
        {
            "title": GROUP_TITLES.get(group, group),
            "options": [_described(each) for each in options if each.group == group],
        }
        for group in present
    ]
    return {"form": form, "key": key, "groups": groups, "composite": composite, "empty": empty}


def shown_findings(findings: Iterable[Finding], prefix: str, traps: Mapping[str, str]) -> list[dict[str, str]]:
    """The findings of one form, as the component takes them: those whose field starts with `prefix` and a dot."""
    return [
        {
            "name": each.field[len(prefix) + 1 :],
            "severity": each.severity,
            "message": each.message,
            "hint": each.hint,
            "trap": traps.get(each.trap, ""),
        }
        for each in findings
        if each.field.startswith(f"{prefix}.")
    ]


def _described(option: OptionSpec) -> dict[str, Any]:
    described = dataclasses.asdict(option)
    described["html"] = markdown(described.pop("text"))
    return described
