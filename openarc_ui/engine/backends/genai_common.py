"""What both GenAI pipelines share: the tokenizer as functions, sampling as a GenerationConfig, and what a load tells.

It runs no model. Facts behind the odd lines: research/engine, section 3.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.base import Job
from openarc_ui.engine.backends.files import context_length, gguf_facts, read_json
from openarc_ui.engine.backends.prompt_text import PromptText
from openarc_ui.engine.backends.structure import grammar_text
from openarc_ui.engine.devices import clean_message
from openarc_ui.errors import BackendUnavailable, InvalidRequest, ModelLoadFailed


def import_genai() -> Any:
    """The `openvino_genai` module.

    Raises:
        BackendUnavailable: it can't be imported here.
    """
    try:
        import openvino_genai
    except ImportError as error:
        raise BackendUnavailable(
            f"openvino_genai can't be imported: {error}", "Install requirements.txt again."
        ) from error
    return openvino_genai


def load_failed(error: RuntimeError) -> ModelLoadFailed:
    """What OpenVINO raised while it loaded, as an error of ours."""
    return ModelLoadFailed(
        f"OpenVINO can't load the model: {clean_message(error)}", "Check the folder, the device and the ov_config."
    )


def prompt_text(tokenizer: Any, path: Path) -> PromptText:
    """The words of a model that GenAI runs.

    Args:
        tokenizer: the `openvino_genai.Tokenizer` of the model.
        path: a model folder, or a GGUF file.
    """

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        return ids

    def decode(token_ids: Sequence[int], skip_special_tokens: bool) -> str:
        return str(tokenizer.decode(list(token_ids), skip_special_tokens=skip_special_tokens)) if token_ids else ""

    folder = path if path.is_dir() else path.parent
    own = {
        "bos_token": tokenizer.get_bos_token(),
        "eos_token": tokenizer.get_eos_token(),
        "pad_token": tokenizer.get_pad_token(),
    }
    own_special_tokens = {name: token for name, token in own.items() if token}
    return PromptText(folder, encode, decode, tokenizer.chat_template or None, own_special_tokens, _adds_bos(tokenizer))


def _adds_bos(tokenizer: Any) -> bool:
    """Whether a tokenizer begins a text with its beginning-of-text token."""
    if not tokenizer.get_bos_token():
        return False
    token_ids = tokenizer.encode("a", add_special_tokens=True).input_ids.data[0].tolist()
    return bool(token_ids) and token_ids[0] == tokenizer.get_bos_token_id()


def as_tensor(prompt_ids: Sequence[int]) -> Any:
    """Ids as the only input GenAI takes as it is: an `openvino.Tensor` of int64 [1, n]; text would be templated again."""
    import numpy
    import openvino

    return openvino.Tensor(numpy.asarray([prompt_ids], dtype=numpy.int64))


def fill_generation_config(genai: Any, config: Any, job: Job, sequence_index: int, eos_token_id: int | None) -> Any:
    """Set everything one sequence of a job asks for on a pipeline's own `GenerationConfig`, and give it back.

    Each sequence is a request of its own, with its own seed: GenAI has no streaming of several in one. `logprobs` takes
    2% of the decode throughput (vocabulary of 49,152, paired runs) and leaves the drawn tokens as they are.
    """
    sampling = job.sampling
    config.logprobs = 1 if job.wants_odds else 0
    if job.structured_output is not None:
        grammar = grammar_text(job.structured_output)
        config.structured_output_config = genai.StructuredOutputConfig(**{grammar.kind: grammar.text})
    config.max_new_tokens = sampling.max_new_tokens
    config.do_sample = sampling.do_sample
    config.num_return_sequences = 1
    config.rng_seed = sampling.seed + sequence_index
    config.ignore_eos = sampling.ignore_eos
    config.repetition_penalty = sampling.repetition_penalty
    config.presence_penalty = sampling.presence_penalty
    config.frequency_penalty = sampling.frequency_penalty
    config.stop_strings = set()
    if sampling.do_sample:
        config.temperature = sampling.temperature
        config.top_p = sampling.top_p
        config.min_p = sampling.min_p
        config.top_k = sampling.top_k or sys.maxsize
    if eos_token_id is not None:
        config.eos_token_id = eos_token_id
        config.stop_token_ids = {eos_token_id}
    config.stop_token_ids = {*config.stop_token_ids, *sampling.stop_token_ids}
    config.min_new_tokens = sampling.min_new_tokens
    return config


def seconds_after_first(perf_metrics: Any, tokens: int, first: int = 1) -> tuple[float, float]:
    """Inference and sampling of the tokens from index `first` to `tokens`, in seconds.

    GenAI keeps a duration in microseconds for each step that brought a token, so the first belongs to the prompt, of which
    earlier chunks have none. The stateful pipeline has computed one token more than it hands over when it is cancelled.
    """
    raw = perf_metrics.raw_metrics
    inference, sampling = raw.token_infer_durations[first:tokens], raw.sampling_durations[first:tokens]
    return sum(inference) / 1e6, sum(sampling) / 1e6


def refuse_endless_structure(job: Job) -> None:
    """See that a structured answer may end.

    Raises:
        InvalidRequest: `ignore_eos` or `min_new_tokens` would go on after it, with anything.
    """
    if job.structured_output is None:
        return
    for name in ("ignore_eos", "min_new_tokens"):
        if getattr(job.sampling, name):
            raise InvalidRequest("A structured answer ends where its structure does.", f"Leave {name} out.")


def model_context_length(path: Path) -> int | None:
    """Tokens of prompt and answer together that the model was made for; None where it does not say."""
    return context_length(read_json(path / "config.json")) if path.is_dir() else gguf_facts(path).context_length


def context_source(path: Path) -> str:
    """Where `model_context_length` has it from, in words."""
    if model_context_length(path) is None:
        return ""
    return "the model's config.json" if path.is_dir() else "the header of the GGUF file"


def model_generation_config(path: Path) -> dict[str, Any]:
    """The model's generation_config.json; {} for a GGUF."""
    return read_json(path / "generation_config.json") if path.is_dir() else {}


def genai_versions() -> dict[str, str]:
    """Versions of the libraries that run the model."""
    return {name: version(name) for name in ("openvino", "openvino-genai")}
