"""The options of GenAI's continuous batching, under GenAI's own names, and the values OpenArc gives to what is left out.

No backend is known here; `backends/genai` turns them into an `openvino_genai.SchedulerConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from openarc_ui.engine.frozen import Frozen

MAX_NUM_SEQS = 32
BLOCK_TOKENS = 32
"""Tokens in one block of the KV cache on a CPU (research: engine, section 3.5)."""
MAX_TOKENS = 32 * 2**20
"""No context is longer; GenAI wraps what is beyond 2^32."""


class CacheEviction(Frozen):
    """Which tokens leave the KV cache when a sequence grows past `max_cache_size`. All sizes are tokens, in whole blocks."""

    start_size: int = Field(
        32, ge=BLOCK_TOKENS, le=MAX_TOKENS, multiple_of=BLOCK_TOKENS, description="Tokens kept from the beginning."
    )
    recent_size: int = Field(
        128, ge=BLOCK_TOKENS, le=MAX_TOKENS, multiple_of=BLOCK_TOKENS, description="Tokens kept from the end."
    )
    max_cache_size: int = Field(
        672,
        ge=3 * BLOCK_TOKENS,
        le=MAX_TOKENS,
        multiple_of=BLOCK_TOKENS,
        description="Tokens a sequence may keep in the cache.",
    )
    aggregation_mode: Literal["SUM", "NORM_SUM"] = Field(
        "NORM_SUM", description="How a token's importance adds up over steps; NORM_SUM divides it by the token's age."
    )
    apply_rotation: bool = Field(False, description="Re-rotate the positions of what stays, so that there is no gap.")
    snapkv_window_size: int = Field(8, ge=0, le=1024, description="Last prompt tokens whose attention decides; 0: all.")

    @model_validator(mode="after")
    def _leaves_something_to_evict(self) -> CacheEviction:
        if self.start_size + self.recent_size >= self.max_cache_size:
            raise ValueError("max_cache_size must be more than start_size and recent_size together")
        return self


class SparseAttention(Frozen):
    """Attention to a part of a long prompt only, while it is read."""

    mode: Literal["TRISHAPE", "XATTENTION"] = Field(
        "TRISHAPE", description="TRISHAPE keeps the ends, XATTENTION the blocks that matter."
    )
    num_last_dense_tokens_in_prefill: int = Field(
        100, ge=0, le=MAX_TOKENS, description="Tokens at the prompt's end that see everything."
    )
    num_retained_start_tokens_in_cache: int = Field(
        128, ge=0, le=MAX_TOKENS, description="TRISHAPE: tokens kept from the beginning."
    )
    num_retained_recent_tokens_in_cache: int = Field(
        1920, ge=0, le=MAX_TOKENS, description="TRISHAPE: tokens kept from the end."
    )
    xattention_threshold: float = Field(0.8, gt=0, le=1, description="XATTENTION: share of the attention to keep.")
    xattention_block_size: int = Field(64, ge=1, le=MAX_TOKENS, description="XATTENTION: tokens a block.")
    xattention_stride: int = Field(8, ge=1, le=MAX_TOKENS, description="XATTENTION: tokens between samples of a block.")


class SchedulerOptions(Frozen):
    """`openvino_genai.SchedulerConfig`, field by field. None is OpenArc's value, see `SCHEDULER_DEFAULTS`."""

    cache_size: int | None = Field(
        None, ge=0, le=4096, description="Most memory for the KV cache, in GB; 0: it grows as needed."
    )
    num_kv_blocks: int | None = Field(
        None, ge=0, le=10_000_000, description="The same limit in blocks of tokens; 0: not limited this way."
    )
    max_num_batched_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="Most tokens computed in one step, prompt and answers together."
    )
    max_num_seqs: int | None = Field(None, ge=1, le=1024, description="Most answers computed side by side.")
    dynamic_split_fuse: bool | None = Field(
        None, description="Read long prompts in chunks between the steps of running answers."
    )
    enable_prefix_caching: bool | None = Field(
        None,
        description="Keep the cache of finished prompts, so that the next one with the same beginning starts sooner.",
    )
    use_cache_eviction: bool | None = Field(None, description="Drop the least important tokens from a full cache.")
    cache_eviction_config: CacheEviction | None = Field(None, description="How; needs use_cache_eviction.")
    use_sparse_attention: bool | None = Field(None, description="Attend to a part of a long prompt only.")
    sparse_attention_config: SparseAttention | None = Field(None, description="How; needs use_sparse_attention.")

    @model_validator(mode="after")
    def _goes_together(self) -> SchedulerOptions:
        if self.cache_size and self.num_kv_blocks:
            raise ValueError("cache_size and num_kv_blocks both limit the KV cache; set one of them")
        for switch, detail in (
            ("use_cache_eviction", "cache_eviction_config"),
            ("use_sparse_attention", "sparse_attention_config"),
        ):
            if getattr(self, detail) is not None and not getattr(self, switch):
                raise ValueError(f"{detail} has no effect without {switch}")
        return self

    def given(self) -> dict[str, Any]:
        """Only what was set, nested as in JSON."""
        return self.model_dump(exclude_none=True)

    def settled(self) -> dict[str, Any]:
        """Every value, with OpenArc's own where none was set; the two detail objects only where they have an effect."""
        values = {**SCHEDULER_DEFAULTS, **self.given()}
        details: Mapping[str, tuple[str, Frozen]] = {
            "use_cache_eviction": ("cache_eviction_config", CacheEviction()),
            "use_sparse_attention": ("sparse_attention_config", SparseAttention()),
        }
        for switch, (detail, built_in) in details.items():
            if values[switch]:
                values.setdefault(detail, built_in.model_dump())
        return values


SCHEDULER_DEFAULTS: Mapping[str, Any] = {
    "cache_size": 0,
    "num_kv_blocks": 0,
    "max_num_batched_tokens": 256,
    "max_num_seqs": MAX_NUM_SEQS,
    "dynamic_split_fuse": True,
    "enable_prefix_caching": True,
    "use_cache_eviction": False,
    "use_sparse_attention": False,
}
"""GenAI's, but with prefix caching and as many sequences as OpenArc runs; 256 batched tokens keep TTFT short at eight
users (research: perf)."""
