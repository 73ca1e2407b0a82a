"""No library may call home: what every process of ours sets before it imports one."""

from __future__ import annotations

import os
import sys

SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "64",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Also keeps Gradio from rebuilding its usage statistics after each event, and a forked tokenizer from warning."""


def forbid_telemetry() -> None:
    """Call before importing gradio, openvino, nncf or a Hugging Face library.

    openvino_telemetry has no switch in the environment and takes a missing opt-out file for consent, so it is made
    impossible to import; OpenVINO and NNCF go on without it.
    """
    os.environ.update(SILENT)
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
