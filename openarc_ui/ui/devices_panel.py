"""The devices of this machine: a card each, with what it is good for and every property; and a builder for composites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from openarc_ui.engine.devices.describe import DeviceReport, PropertyReading
from openarc_ui.engine.devices.names import VIRTUAL_DEVICES, compose_device
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import DeviceUnavailable
from openarc_ui.ui.html import card, empty, size, table

TYPE_WORDS = {
    "bool": "switch", "int": "whole number", "float": "number", "str": "text", "list": "list", "tuple": "list", "set": "list",
    "dict": "table", "Type": "element type", "": "",
}  # fmt: skip
"""OpenVINO's Python types for a person; every other is an enumeration."""
COMPOSITE_WORDS = {
    "AUTO": "AUTO – OpenVINO picks one of them",
    "HETERO": "HETERO – split the model over them",
    "MULTI": "MULTI – requests go to either",
    "BATCH": "BATCH – gather requests on one",
}


@dataclass(frozen=True, slots=True)
class Builder:
    """The components that put a composite device together."""

    kind: gr.Radio
    members: gr.Dropdown
    batch_size: gr.Textbox
    note: gr.HTML
    use: gr.Button


def build_devices_panel(engine: Engine) -> tuple[gr.HTML, gr.Button]:
    """The list and its Refresh button, inside an open gr.Tab."""
    with gr.Row(equal_height=True):
        gr.HTML('<p class="oa-muted">What OpenVINO finds on this machine.</p>', elem_classes="oa-tight")
        refresh = gr.Button("Look for devices again", size="sm", scale=0, min_width=190, elem_id="oa-refresh-devices")
    return gr.HTML(devices_html(engine.preflight.devices()), elem_id="oa-devices", elem_classes="oa-tight"), refresh


def build_device_builder(devices: Sequence[DeviceReport]) -> Builder:
    """The builder, inside an open gr.Accordion."""
    names = [device.name for device in devices]
    kind = gr.Radio(
        [(COMPOSITE_WORDS[name], name) for name in VIRTUAL_DEVICES], value="AUTO", label="How", interactive=True
    )
    with gr.Row(equal_height=True):
        members = gr.Dropdown(
            names,
            value=[],
            multiselect=True,
            label="Devices",
            info="The preferred one first",
            interactive=True,
            scale=3,
        )
        size_field = gr.Textbox(
            label="Batch size",
            info="Empty: chosen",
            max_lines=1,
            visible=False,
            interactive=True,
            scale=1,
            min_width=110,
        )
    with gr.Row(equal_height=True):
        note = gr.HTML(composed_note("AUTO", [], ""), elem_classes="oa-tight oa-note", elem_id="oa-composed")
        use = gr.Button("Use this device", size="sm", scale=0, min_width=140)
    return Builder(kind, members, size_field, note, use)


def composed(kind: str, members: list[str] | None, batch_size: str | None) -> tuple[str, DeviceUnavailable | None]:
    """The device string of the builder, or why there is none."""
    typed = (batch_size or "").strip() if kind == "BATCH" else ""
    try:
        if typed and (not typed.isdecimal() or int(typed) < 1):
            raise DeviceUnavailable(
                f"'{typed[:20]}' is no batch size.", "Write a whole number from 1, or empty the field."
            )
        return compose_device(kind, members or [], int(typed) if typed else None), None
    except DeviceUnavailable as error:
        return "", error


def composed_note(kind: str, members: list[str] | None, batch_size: str | None) -> str:
    """What stands beside the button."""
    device, error = composed(kind, members, batch_size)
    if error is not None:
        return f'<p class="oa-about warn">{escape(error.message)} {escape(error.hint)}</p>'
    return f'<p class="oa-about">Device: <code>{escape(device)}</code></p>'


def devices_html(devices: Sequence[DeviceReport]) -> str:
    """Every device as a card."""
    if not devices:
        return card(
            "Devices", empty("OpenVINO finds no device", "Install the driver of your GPU or NPU, then look again.")
        )
    return "".join(_device(device) for device in devices)


def _device(device: DeviceReport) -> str:
    chips = "".join(f"<span class='oa-chip'>{escape(each)}</span>" for each in device.capabilities)
    facts = [
        ("Memory", size(device.memory_bytes) if device.memory_bytes is not None else "not told"),
        (
            "Kind",
            device.kind if device.kind == "CPU" else " ".join(part for part in (device.type, device.kind) if part),
        ),
        ("Driver", device.driver or "not told"),
    ]
    head = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    matters = ", ".join(f"<code>{escape(name)}</code>" for name in device.matters)
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in device.limits)
    not_run = (
        "" if device.is_run_in_tests else '<p class="oa-about warn">Not run on hardware by OpenArc\'s own tests.</p>'
    )
    body = (
        f'<dl class="oa-facts-list">{head}</dl><p class="oa-chips">{chips}</p>'
        f"<p>{escape(device.good_for)}</p>"
        + (f"<p class='oa-muted'>Matters most: {matters}</p>" if matters else "")
        + (f"<p class='oa-muted'>Limits:</p><ul class='oa-limits'>{limits}</ul>" if limits else "")
        + not_run
        + f"<details><summary>All {len(device.properties)} properties</summary>{_properties(device.properties)}</details>"
    )
    return card(f"{device.name} · {device.full_name}", body)


def _properties(readings: Sequence[PropertyReading]) -> str:
    words = {"RO": "read only", "RW": "can be changed", "WO": "can only be set"}
    rows = [
        (
            (
                each.name,
                each.value if each.value is not None else each.problem or "",
                TYPE_WORDS.get(each.type, "choice" if each.type else ""),
                words.get(each.access, each.access),
            ),
            "oa-threw" if each.problem is not None and each.access != "WO" else "",
        )
        for each in readings
    ]
    return table(("Property", "Value", "Type", "Access"), rows)
