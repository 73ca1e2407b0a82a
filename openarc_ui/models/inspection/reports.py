"""What an inspection tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["graph", "tokenizer", "template"]
Verdict = Literal["good", "differs", "warning", "refused"]


@dataclass(frozen=True, slots=True)
class LayerSize:
    """One block of the model ("layer 7", "embedding", "output") or one part of it.

    Attributes:
        by_precision: element type -> bytes.
    """

    name: str
    size_bytes: int
    by_precision: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class GraphReport:
    """An IR's graph, read from its XML; of a GGUF, which has none, only precisions, layers and sizes.

    Attributes:
        operations: type -> how often, the most frequent first.
        is_stateful: it keeps its KV cache itself (ReadValue/Assign).
    """

    operations: tuple[tuple[str, int], ...]
    precisions: tuple[tuple[str, int], ...]
    layers: tuple[LayerSize, ...]
    is_stateful: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights_bytes: int
    ir_version: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One text through the tokenizer, or one conversation through the template.

    Attributes:
        verdict: "good"; "differs": text or token ids came back otherwise; "refused": it raised; "warning": works, but look.
    """

    what: str
    verdict: Verdict
    words: str
    token_count: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """All of it; a part that could not be looked at is empty, and `problems` says why."""

    model: str
    graph: GraphReport | None
    tokenizer: tuple[Trial, ...]
    template: tuple[Trial, ...]
    problems: tuple[str, ...]
