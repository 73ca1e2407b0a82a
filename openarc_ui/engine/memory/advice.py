"""What to change when a model is tight, the most effective first, each with the bytes it saves.

Every saving is the estimate made again with that one change. It decides nothing and knows no device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from openarc_ui.engine.catalogue.weights import WeightSummary
from openarc_ui.engine.memory.formulas import BITS, Situation, grouped, type_bits, words

WORTH_SAYING = 0.01
"""Of what is needed: smaller savings change nothing."""
FOUR_BIT_GROUP = 128
"""Weights that share an f16 scale in a usual 4-bit model."""
SHORT_CONTEXT_TOKENS = 256
"""A context below this is no conversation, so it is not advised."""

Members = Sequence[tuple[Situation, float]]


def advise(
    members: Members, tokens: int, sequences: int, largest_tokens: int | None, missing_bytes: int
) -> tuple[str, ...]:
    """Sentences for a person.

    Args:
        members: (situation, share of the model) of each device that uses the memory.
        largest_tokens: the context that just fits.
        missing_bytes: how much less would be green.
    """
    now_bytes = _total(members, tokens, sequences)
    found = [
        (now_bytes - after_bytes, sentence)
        for after_bytes, sentence in _changes(members, tokens, sequences, largest_tokens)
        if now_bytes - after_bytes > WORTH_SAYING * now_bytes
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    sentences = [f"{sentence}: saves {words(saved_bytes)}." for saved_bytes, sentence in found]
    if sum(saved_bytes for saved_bytes, _ in found) < missing_bytes:
        sentences.append(f"Take a smaller model or free memory: {words(missing_bytes)} more would make it comfortable.")
    return tuple(sentences)


def _changes(members: Members, tokens: int, sequences: int, largest: int | None) -> Iterator[tuple[int, str]]:
    """(bytes needed after it, what to do) for every change that applies."""
    first = members[0][0]
    if BITS[first.key_precision] > 8 or BITS[first.value_precision] > 8:
        smaller = _with(members, key_precision="u8", value_precision="u8")
        yield _total(smaller, tokens, sequences), "Set KV_CACHE_PRECISION to u8"
    if _is_wide(first.shape.weights):
        shape = dataclasses.replace(first.shape, weights=_four_bit(first.shape.weights), is_converted=False)
        yield _total(_with(members, shape=shape), tokens, sequences), "Take the model with 4-bit weights"
    shorter = largest if largest and SHORT_CONTEXT_TOKENS <= largest < tokens else tokens // 2
    if shorter >= SHORT_CONTEXT_TOKENS:
        yield (
            _total(members, shorter, sequences),
            f"Keep conversations within {grouped(shorter)} tokens (a shorter context)",
        )
    if sequences > 1:
        yield _total(members, tokens, 1), "Let one answer run at a time"
    if first.runner == "optimum" and not first.shape.is_converted:
        paged = _with(members, runner="paged", batched_tokens=256)
        yield _total(paged, tokens, sequences), "Use the genai backend, which keeps logits of the last token only"
    elif first.runner == "paged" and first.batched_tokens > 256:
        yield _total(_with(members, batched_tokens=256), tokens, sequences), "Set max_num_batched_tokens to 256"


def _is_wide(weights: WeightSummary) -> bool:
    """Whether most weights have 8 bits or more."""
    wide = sum(count for name, count in weights.parameters_by_type.items() if type_bits(name) >= 8)
    return wide > weights.parameters / 2


def _four_bit(weights: WeightSummary) -> WeightSummary:
    size_bytes = weights.parameters // 2 + 2 * weights.parameters // FOUR_BIT_GROUP
    return WeightSummary(weights.parameters, {"i4": weights.parameters}, {"i4": FOUR_BIT_GROUP}, size_bytes, size_bytes)


def _with(members: Members, **changes: Any) -> Members:
    return [(dataclasses.replace(situation, **changes), share) for situation, share in members]


def _total(members: Members, tokens: int, sequences: int) -> int:
    total = 0
    for position, (situation, share) in enumerate(members):
        for part in situation.parts(tokens, sequences):
            if part.name == "process":
                total += part.memory_bytes if position == 0 else 0
            else:
                total += int(share * part.memory_bytes)
    return total
