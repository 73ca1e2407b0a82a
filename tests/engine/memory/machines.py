"""Machines and models that were never built, for the tests of the memory estimate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.memory.estimate import FitEstimate, estimate_fit
from openarc_ui.engine.memory.formulas import type_bits
from openarc_ui.engine.memory.room import Room
from openarc_ui.engine.types import BackendName, LoadRequest, PropertyValue

GB = 10**9
LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


class Machine:
    """A machine that was never built: what is not in `values` throws when it is read."""

    def __init__(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        self.values = values

    def available_devices(self) -> list[str]:
        return list(self.values)

    def get_property(self, device: str, name: str) -> Any:
        if name not in self.values.get(device, {}):
            raise RuntimeError(f"{device} throws at {name}")
        return self.values[device][name]

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return dict.fromkeys(self.values[device], "RO")

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        raise RuntimeError("nothing is set for an estimate")

    def version(self, device: str) -> str:
        return "none"


def gpu(kind: str, total_bytes: int, used_bytes: int = 0) -> dict[str, Any]:
    return {
        "DEVICE_TYPE": f"Type.{kind}",
        "GPU_DEVICE_TOTAL_MEM_SIZE": total_bytes,
        "GPU_MEMORY_STATISTICS": {"usm_device": used_bytes},
        "KV_CACHE_PRECISION": "<Type: 'float16'>",
        "INFERENCE_PRECISION_HINT": "<Type: 'float16'>",
    }


CPU = {"KV_CACHE_PRECISION": "<Type: 'uint8_t'>", "INFERENCE_PRECISION_HINT": "<Type: 'bfloat16'>"}
MACHINE = Machine(
    {
        "CPU": CPU,
        "GPU.0": gpu("INTEGRATED", 24 * GB),
        "GPU.1": gpu("DISCRETE", 16 * GB, used_bytes=2 * GB),
        "GPU.2": gpu("DISCRETE", 8 * GB),
        "GPU.3": {},
        "NPU": {"NPU_DEVICE_TOTAL_MEM_SIZE": 30 * GB, "NPU_DEVICE_ALLOC_MEM_SIZE": 1 * GB},
    }
)


def memory(free_bytes: int) -> Room:
    return Room("CPU", free_bytes, 64 * GB, True, "system memory")


def write_model(folder: Path, element_type: str, parameters: int, config: Mapping[str, Any] = LLAMA_8B) -> Path:
    """A model folder whose XML names one matrix; there are no weights, since none are read."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    size_bytes = parameters * type_bits(element_type) // 8
    (folder / "openvino_model.xml").write_text(
        f'<net><layers><layer type="Const"><data element_type="{element_type}" shape="{parameters}, 2" '
        f'offset="0" size="{2 * size_bytes}"/></layer></layers></net>'
    )
    (folder / "openvino_model.bin").write_bytes(b"")
    return folder


def fit(
    root: Path,
    name: str,
    device: str = "CPU",
    free_bytes: int = 24 * GB,
    backend: BackendName = "genai",
    layer: Machine = MACHINE,
    context_tokens: int | None = None,
    sequences: int = 1,
    **request: Any,
) -> FitEstimate:
    return estimate_fit(
        find_model(root, name),
        LoadRequest(model_path=name, device=device, **request),
        backend,
        layer,
        context_tokens=context_tokens,
        sequences=sequences,
        system=lambda: memory(free_bytes),
    )


def part(estimate: FitEstimate, name: str) -> int:
    return next(each.memory_bytes for each in estimate.parts if each.name == name)
