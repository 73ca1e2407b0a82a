"""How many tokens a loaded model can hold: its own context, or what its key-value cache was given, if that is less.

Only what the scheduler was told is counted; a cache that grows is bounded by nothing but memory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openarc_ui.engine.backends.base import LoadedModel
from openarc_ui.engine.catalogue.folder import scan
from openarc_ui.engine.memory.formulas import BITS, CPU_BLOCK_TOKENS, GPU_BLOCK_TOKENS, Situation
from openarc_ui.engine.memory.shape import read_shape
from openarc_ui.errors import InvalidRequest

GIGABYTE = 2**30
BLOCK_TOKENS = {"CPU": CPU_BLOCK_TOKENS, "GPU": GPU_BLOCK_TOKENS}


def within_cache(model: LoadedModel, path: str) -> LoadedModel:
    """The model with the context that its key-value cache can hold, where that is known and shorter than its own.

    Args:
        path: of the model's folder or file.
    """
    scheduler, kind = model.scheduler, _kind(model)
    if scheduler is None or kind is None or scheduler.get("use_cache_eviction"):
        return model
    tokens, source = None, ""
    if scheduler.get("num_kv_blocks"):
        blocks, block_tokens = int(scheduler["num_kv_blocks"]), BLOCK_TOKENS[kind]
        tokens, source = blocks * block_tokens, f"num_kv_blocks: {blocks} blocks of {block_tokens} tokens"
    elif scheduler.get("cache_size"):
        gigabytes = int(scheduler["cache_size"])
        tokens, source = _tokens_in(gigabytes, kind, model, path), f"cache_size: {gigabytes} GB of key-value cache"
    if tokens is None or (model.context_length is not None and model.context_length <= tokens):
        return model
    return replace(model, context_length=tokens, context_source=source)


def _kind(model: LoadedModel) -> str | None:
    """CPU or GPU; None for several devices at once, and where the size of a block is not known."""
    kinds = {device.partition(".")[0] for device in model.execution_devices}
    kind = kinds.pop() if len(kinds) == 1 else ""
    has_own_blocks = kind == "GPU" and (model.scheduler or {}).get("use_sparse_attention")
    return kind if kind in BLOCK_TOKENS and not has_own_blocks else None


def _tokens_in(gigabytes: int, kind: str, model: LoadedModel, path: str) -> int | None:
    """Tokens of one sequence in so much cache; None where precision or shape are not known."""
    effective = model.effective_properties
    shared = effective.get("KV_CACHE_PRECISION", "")
    keys, values = (effective.get(f"{which}_CACHE_PRECISION", shared).lower() for which in ("KEY", "VALUE"))
    entry = next((each for each in scan(Path(path).parent) if each.path == path), None)
    if entry is None or keys not in BITS or values not in BITS:
        return None
    try:
        shape = read_shape(entry)
    except InvalidRequest:
        return None
    situation = Situation(
        shape=shape,
        runner="paged",
        device_kind=kind,
        key_precision=keys,
        value_precision=values,
        key_group=_number(effective.get("KEY_CACHE_GROUP_SIZE")),
        value_group=_number(effective.get("VALUE_CACHE_GROUP_SIZE")),
        activation_bits=BITS["f32"],
        batched_tokens=1,
        has_cache=True,
        cache_limit_bytes=gigabytes * GIGABYTE,
        cache_limit_blocks=0,
        evicted_to_tokens=None,
        is_in_system_memory=True,
    )
    return situation.tokens_within_limit(1)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0
