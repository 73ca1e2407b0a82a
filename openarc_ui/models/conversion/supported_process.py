"""Which model types the installed libraries know, as JSON on standard output; run as a process of its own.

It imports torch, transformers and optimum, which takes seconds; the main process imports none of them.
"""

from __future__ import annotations

import json
import sys

from openarc_ui.models.childhood import claim_stdout
from openarc_ui.privacy import forbid_telemetry

TASKS = frozenset({"text-generation", "text-generation-with-past"})


def read_types() -> dict[str, list[str]]:
    """`known`: what transformers has classes for. `convertible`: what Optimum exports to OpenVINO as a text model.

    Some types are another's class under a name of their own, such as gpt-sw3, which is GPT-2.
    """
    import optimum.exporters.openvino.model_configs  # noqa: F401  (what it registers is what can be exported)
    from optimum.exporters.tasks import TasksManager
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    registered = TasksManager._SUPPORTED_MODEL_TYPE
    convertible = {
        name for name, exporters in registered.items() if not TASKS.isdisjoint(exporters.get("openvino", ()))
    }
    classes = {CONFIG_MAPPING_NAMES[name] for name in convertible if name in CONFIG_MAPPING_NAMES}
    convertible |= {name for name, each in CONFIG_MAPPING_NAMES.items() if each in classes}
    return {"known": sorted(CONFIG_MAPPING_NAMES), "convertible": sorted(convertible)}


def main() -> int:
    """Entry of the process."""
    forbid_telemetry()
    output = claim_stdout()
    json.dump(read_types(), output)
    output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
