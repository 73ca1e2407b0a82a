"""A model's logits for every token of a text, as the pipelines compute them. Runs in the scoring process only.

GenAI's paged attention and the stateful form are two models to a plugin: other kernels, another layout of the cache. Each is
run as the backend runs it. Chunks of 64 tokens read the ones before from the cache, as decoding does, at prefill's price; in
paged attention a chunk's own tokens come from it as well, so its size does not matter (64, 256 and 512 gave the same numbers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.errors import GenerationFailed, OpenArcError
from openarc_ui.tuning.quality.distributions import Array

CHUNK_TOKENS = 64
BLOCK_TOKENS = 32
"""Of a CPU's paged attention (`engine/scheduler.py`)."""
STATEFUL_INPUTS = frozenset({"input_ids", "attention_mask", "position_ids", "beam_idx"})
CACHES = ("key_cache.", "value_cache.")


class NotScorable(OpenArcError):
    """No distributions can be had of this model or on this device, and that is no fault."""

    code = "not_scorable"


def stateful_logits(
    xml: str, device: str, properties: Mapping[str, PropertyValue], token_ids: Sequence[int]
) -> Iterator[Array]:
    """Logits by the stateful form, [tokens, vocabulary] f32 for each chunk.

    A model without a cache of its own is given the whole text at once.

    Raises:
        NotScorable: its inputs are not those of a language model over token ids.
    """
    import openvino

    compiled = openvino.Core().compile_model(xml, device, dict(properties))
    names = {each.any_name for each in compiled.inputs}
    unknown = sorted(names - STATEFUL_INPUTS)
    if unknown or "input_ids" not in names:
        what = f"the input {unknown[0]}" if unknown else "no input of token ids"
        raise NotScorable(f"The model has {what}, which is not known here.")
    if any(each.any_name == "position_ids" and len(each.partial_shape) != 2 for each in compiled.inputs):
        raise NotScorable("The model's positions have more than one axis, which is not known here.")
    request = compiled.create_infer_request()
    chunk = CHUNK_TOKENS if request.query_state() else len(token_ids)
    if request.query_state():
        request.reset_state()
    ids = numpy.asarray(token_ids, numpy.int64)
    for first in range(0, len(ids), chunk):
        end = min(first + chunk, len(ids))
        feed = {
            "input_ids": ids[None, first:end],
            "attention_mask": numpy.ones((1, end), numpy.int64),
            "position_ids": numpy.arange(first, end, dtype=numpy.int64)[None],
            "beam_idx": numpy.zeros(1, numpy.int32),
        }
        request.infer({name: value for name, value in feed.items() if name in names})
        yield _logits(request, end - first)


def paged_logits(
    xml: str, device: str, properties: Mapping[str, PropertyValue], token_ids: Sequence[int]
) -> Iterator[Array]:
    """Logits by paged attention, [tokens, vocabulary] f32 for each chunk: the transformation that GenAI makes, run here.

    Raises:
        NotScorable: the model does not convert, or the plugin does not say how its cache is laid out.
    """
    import openvino

    # OpenVINO names this module as internal; GenAI calls the same pass, and a test holds the result against GenAI's own.
    from openvino._offline_transformations import paged_attention_transformation

    core = openvino.Core()
    model = core.read_model(xml)
    paged_attention_transformation(model)
    compiled = core.compile_model(model, device, dict(properties))
    names = {each.any_name for each in compiled.inputs}
    request = compiled.create_infer_request()
    blocks = -(-len(token_ids) // BLOCK_TOKENS)
    for each in compiled.inputs:
        if each.any_name.startswith(CACHES):
            request.set_tensor(each.any_name, _cache(openvino, each, blocks))
    ids = numpy.asarray(token_ids, numpy.int64)
    for first in range(0, len(ids), CHUNK_TOKENS):
        end = min(first + CHUNK_TOKENS, len(ids))
        feed = _paged_feed(ids, first, end)
        unknown = sorted(name for name in names - feed.keys() if not name.startswith(CACHES))
        if unknown:
            raise NotScorable(f"The model has the input {unknown[0]}, which is not known here.")
        for name, value in feed.items():
            if name in names:
                request.set_tensor(name, openvino.Tensor(value))
        request.infer()
        yield _logits(request, end - first)


def backend_log_probabilities(
    genai: Any,
    folder: str,
    device: str,
    properties: Mapping[str, PropertyValue],
    scheduler: Any,
    token_ids: Sequence[int],
) -> list[float]:
    """Log probability of each token but the first, by GenAI's own pipeline: it echoes the prompt and tells each token's.

    Raises:
        GenerationFailed: it tells none.
    """
    import openvino

    pipeline = genai.ContinuousBatchingPipeline(folder, scheduler, device, dict(properties))
    config = genai.GenerationConfig()
    config.echo, config.logprobs, config.max_new_tokens = True, 1, 1
    handle = pipeline.add_request(0, openvino.Tensor(numpy.asarray([token_ids], numpy.int64)), config)
    while pipeline.has_non_finished_requests():
        pipeline.step()
    told = [list(each.generated_log_probs) for each in handle.read().values()] if handle.can_read() else []
    if not told or len(told[0]) < len(token_ids):
        raise GenerationFailed("GenAI told no log probabilities of the text.")
    return told[0][1 : len(token_ids)]


def _logits(request: Any, tokens: int) -> Array:
    """Those of the last `infer`, f32; the two forms have them as [1, n, vocabulary] and [n, 1, vocabulary]."""
    data = request.get_tensor("logits").data
    if data.size % tokens or data.shape[-1] * tokens != data.size:
        raise NotScorable("The model tells logits of its last token only.")
    logits: Array = numpy.asarray(data, numpy.float32).reshape(tokens, -1)
    return logits


def _cache(openvino: Any, port: Any, blocks: int) -> Any:
    """An empty cache for so many blocks, laid out and typed as the plugin compiled it."""
    dimensions = list(port.partial_shape)
    if any(each.is_dynamic for each in dimensions[1:]) or port.element_type == openvino.Type.dynamic:
        raise NotScorable("The device does not say how its cache is laid out.")
    cache = openvino.Tensor(port.element_type, [blocks, *(each.get_length() for each in dimensions[1:])])
    cache.data.fill(0)
    return cache


def _paged_feed(ids: Array, first: int, end: int) -> dict[str, Array]:
    """One sequence, whose blocks come one after the other."""
    used = -(-end // BLOCK_TOKENS)
    return {
        "input_ids": ids[first:end].copy(),
        "position_ids": numpy.arange(first, end, dtype=numpy.int64),
        "max_context_len": numpy.array(end, numpy.int32),
        "past_lens": numpy.array([first], numpy.int32),
        "subsequence_begins": numpy.array([0, end - first], numpy.int32),
        "block_indices_begins": numpy.array([0, used], numpy.int32),
        "block_indices": numpy.arange(used, dtype=numpy.int32),
    }
