"""One model looked into: its graph as numbers, its tokenizer tried on texts, its chat template on conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.engine import Engine


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
    """An IR's graph, read from its XML.

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
    verdict: Literal["good", "differs", "warning", "refused"]
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


def inspect_model(engine: Engine, model: str, parts: Sequence[Literal["graph", "tokenizer", "template"]] = ()) -> Inspection:
    """Look into a model of the folder; the tokenizer is tried in a process of its own. Seconds.

    Args:
        parts: only these; left out: all.

    Raises:
        ModelNotFound.
    """
    raise NotImplementedError
