"""Workloads: the presets, and what exactly is sent. The prompts come from the bundled text, different ones each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openarc_ui.tuning.requests import Preset, Workload

PRESETS: Mapping[Preset, Workload] = {
    "chat": Workload(name="chat", prompt_tokens=128, generated_tokens=128),
    "document": Workload(name="document", prompt_tokens=2048, generated_tokens=128),
    "agent": Workload(name="agent", prompt_tokens=256, generated_tokens=48, turns=6),
    "users": Workload(name="users", prompt_tokens=128, generated_tokens=64, concurrent_requests=8),
}


def grid(
    prompt_tokens: Sequence[int],
    generated_tokens: Sequence[int],
    depth_tokens: Sequence[int] = (0,),
    concurrent_requests: Sequence[int] = (1,),
) -> list[Workload]:
    """Every combination as a workload, named as llama-bench names its tests: pp512+tg128 @ d0 x1."""
    raise NotImplementedError
