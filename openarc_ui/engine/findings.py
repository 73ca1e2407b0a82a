"""What is wrong, or worth knowing, about one field of a load, before or after it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Layer = Literal["rules", "plugin", "compile", "first_token"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one field.

    Attributes:
        field: where it belongs, as a path in a LoadRequest: "device", "ov_config.NUM_STREAMS", "scheduler.cache_size".
        severity: an error stops the load, a warning does not.
        layer: who found it: our rules, the plugin, compiling the model, or its first token.
        hint: what to do; may be empty.
        trap: id of the known trap that explains it, "" where there is none.
    """

    field: str
    severity: Severity
    layer: Layer
    message: str
    hint: str = ""
    trap: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"
