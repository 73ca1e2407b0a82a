"""What both GenAI pipelines share: the tokenizer, the chat template, sampling as a GenerationConfig, and what a load tells.

It runs no model. Facts behind the odd lines: research/engine, section 3.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import context_length, gguf_facts, read_json
from openarc_ui.engine.backends.template import find_template, render, special_tokens
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.sampling import Sampling
from openarc_ui.engine.types import Message
from openarc_ui.errors import BackendUnavailable, InvalidRequest, ModelLoadFailed

TOKENIZER_PROBE = "Hello, wörld! 12 plus 34 → 46.\n\tdef f(x): return x  # 日本語 👩‍🔬"


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


class PromptText:
    """From a conversation to ids and from ids to text, with what lies beside a model.

    Args:
        tokenizer: the `openvino_genai.Tokenizer` of the model.
        path: a model folder, or a GGUF file.
    """

    def __init__(self, tokenizer: Any, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        self._tokenizer = tokenizer
        self._template = find_template(folder) or tokenizer.chat_template or None
        self._special_tokens = special_tokens(folder)
        self.encode: Callable[[str], list[int]] = self._encode_with_openvino
        self.decode: Callable[[Sequence[int]], str] = self._decode_with_openvino
        self._choose_tokenizer(folder)

    def render(self, conversation: Sequence[Message]) -> str:
        """The prompt the chat template makes.

        Raises:
            InvalidRequest: there is no template, or it refuses the conversation.
        """
        if self._template is None:
            raise InvalidRequest(
                "This model has no chat template.", "Add a chat_template.jinja to its folder and load it again."
            )
        return render(self._template, conversation, self._special_tokens)

    def _choose_tokenizer(self, folder: Path) -> None:
        """Use the Rust tokenizer where both give the same ids and text.

        It decodes a token in 3 µs against 97 µs, and it does not cut a long prompt: the converted tokenizer silently
        drops what is beyond the length it was converted with, so a prompt would be answered that nobody sent.
        """
        file = folder / "tokenizer.json"
        if not file.is_file():
            return
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(file))
        fast.no_truncation()
        fast.no_padding()
        probe = TOKENIZER_PROBE + "".join(self._special_tokens.values())
        ids = self._encode_with_openvino(probe)
        if fast.decode(ids) == self._decode_with_openvino(ids):
            self.decode = fast.decode
        if fast.encode(probe, add_special_tokens=False).ids == ids:
            self.encode = lambda text: list(fast.encode(text, add_special_tokens=False).ids)

    def _encode_with_openvino(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        return ids

    def _decode_with_openvino(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True)) if token_ids else ""


def as_tensor(prompt_ids: Sequence[int]) -> Any:
    """Ids as the only input GenAI takes as it is: an `openvino.Tensor` of int64 [1, n]; text would be templated again."""
    import numpy
    import openvino

    return openvino.Tensor(numpy.asarray([prompt_ids], dtype=numpy.int64))


def fill_generation_config(config: Any, sampling: Sampling, sequence_index: int, eos_token_id: int | None) -> Any:
    """Set every sampling value of one sequence on a pipeline's own `GenerationConfig`, and give it back.

    Each sequence is a request of its own, with its own seed: GenAI has no streaming of several in one.
    """
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
    return config


def model_context_length(path: Path) -> int | None:
    """Tokens of prompt and answer together that the model was made for; None where it does not say."""
    return context_length(read_json(path / "config.json")) if path.is_dir() else gguf_facts(path).context_length


def model_generation_config(path: Path) -> dict[str, Any]:
    """The model's generation_config.json; {} for a GGUF."""
    return read_json(path / "generation_config.json") if path.is_dir() else {}


def genai_versions() -> dict[str, str]:
    """Versions of the libraries that run the model."""
    return {name: version(name) for name in ("openvino", "openvino-genai")}
