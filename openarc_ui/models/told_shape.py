"""A model's shape for the estimate of memory, from what is told of it, where its files are not here to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openarc_ui.engine.catalogue.weights import WeightSummary
from openarc_ui.engine.memory.shape import ModelShape

USUAL_GROUP = 128
"""Weights that share a scale in a 4-bit model of optimum-cli (`--group-size`)."""
SCALE_BITS = 20
"""Of an f16 scale and a 4-bit zero point."""
ROW_SHARE = 1.003
"""8-bit weights with a scale for each row; the starter's measured."""
MOST_FOUR_BIT, MOST_EIGHT_BIT = 0.8, 1.5
"""Bytes a parameter: above them most weights have 8 and 16 bits."""
FOUR_BIT = "INT4"


@dataclass(frozen=True, slots=True)
class Widths:
    """The numbers of a config.json that decide about memory.

    Attributes:
        intermediate: of all experts that work on one token.
        shares_embedding: the output is the embedding's matrix once more.
    """

    layers: int
    kv_heads: int
    head_size: int
    hidden: int
    intermediate: int
    vocabulary: int
    shares_embedding: bool

    @property
    def embedding_parameters(self) -> int:
        """Of embedding and output, which stay 8-bit in a 4-bit model of optimum-cli."""
        return self.vocabulary * self.hidden * (1 if self.shares_embedding else 2)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a model; `size_bytes` may be missing where the weights are 4-bit.

    Attributes:
        group_size: weights that share one scale; 0: a whole row does; None: not told.
    """

    widths: Widths
    size_bytes: int | None
    parameters: int
    precision: str
    group_size: int | None
    context_tokens: int | None


def told_shape(told: Told) -> ModelShape | None:
    """The shape; None where what is told is too little."""
    group = _group(told.widths, told.group_size)
    by_type = _by_size(told, group) if told.size_bytes is not None else _by_precision(told)
    if by_type is None:
        return None
    widths = told.widths
    size_bytes = _bytes(by_type, group)
    groups = {"u4": 0 if told.group_size == 0 else group} if "u4" in by_type else {}
    return ModelShape(
        weights=WeightSummary(told.parameters, by_type, groups, size_bytes, size_bytes, has_state=True),
        layers=widths.layers,
        kv_heads=widths.kv_heads,
        key_size=widths.head_size,
        value_size=widths.head_size,
        hidden=widths.hidden,
        intermediate=widths.intermediate,
        vocabulary=widths.vocabulary,
        context_tokens=told.context_tokens,
    )


def four_bit_bytes(widths: Widths, parameters: int, group_size: int | None = None) -> int:
    """What a usual 4-bit model's weights take: embedding and output in 8 bits, a scale for each group of the rest."""
    eight_bit = min(parameters, widths.embedding_parameters)
    return _bytes({"u4": parameters - eight_bit, "u8": eight_bit}, _group(widths, group_size))


def _group(widths: Widths, group_size: int | None) -> int:
    """A row is at least as long as the model is wide."""
    return USUAL_GROUP if group_size is None else group_size or widths.hidden


def _by_size(told: Told, group: int) -> Mapping[str, int] | None:
    """As many have 4 bits, with their scales, as makes the size come out; the rest 8."""
    assert told.size_bytes is not None
    share = told.size_bytes / told.parameters
    if share > MOST_EIGHT_BIT:
        return {"f16": told.parameters}
    if share > MOST_FOUR_BIT:
        return {"u8": told.parameters}
    saved = ROW_SHARE - (4 + SCALE_BITS / group) / 8
    four_bit = min(told.parameters, max(0, int((ROW_SHARE * told.parameters - told.size_bytes) / saved)))
    return {"u4": four_bit, "u8": told.parameters - four_bit}


def _by_precision(told: Told) -> Mapping[str, int] | None:
    if not told.precision.startswith(FOUR_BIT):
        return None
    eight_bit = min(told.parameters, told.widths.embedding_parameters)
    return {"u4": told.parameters - eight_bit, "u8": eight_bit}


def _bytes(by_type: Mapping[str, int], group: int) -> int:
    """With scales and zero points."""
    return int(
        by_type.get("u4", 0) * (4 + SCALE_BITS / group) / 8
        + by_type.get("u8", 0) * ROW_SHARE
        + by_type.get("f16", 0) * 2
    )
