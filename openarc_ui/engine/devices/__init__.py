"""OpenVINO's devices: which there are, what they can be set to, and whether an ov_config will do, before any load."""

from __future__ import annotations

from openarc_ui.engine.devices.layer import DeviceLayer, OpenVinoLayer, clean_message
from openarc_ui.engine.devices.names import VIRTUAL_DEVICES, check_device

__all__ = ["VIRTUAL_DEVICES", "DeviceLayer", "OpenVinoLayer", "check_device", "clean_message"]
