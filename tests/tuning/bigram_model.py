"""A language model small enough to work out by hand: the next token depends on the one before it alone.

It is a real IR with a real tokenizer, so everything around it is the real thing, and it compiles in milliseconds. It has twenty
words, since the catalogue takes no table below 256 entries for weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy

from openarc_ui.tuning.workloads import text

WORDS = (
    "[UNK]",
    "the",
    "and",
    "to",
    "a",
    "she",
    "it",
    "of",
    "Alice",
    "said",
    ",",
    ".",
    "'",
    "in",
    "was",
    "you",
    "that",
    "as",
    "her",
    "at",
)


def make_bigram_model(
    folder: Path,
    logits: numpy.ndarray,
    *,
    words: tuple[str, ...] = WORDS,
    context: int = 4096,
    other_input: str = "",
) -> Path:
    """A model folder.

    Args:
        logits: [vocabulary, vocabulary], of the next token by the last one.
        other_input: name of an input that no language model has.
    """
    import openvino
    from openvino import opset13

    folder.mkdir(parents=True)
    ids = opset13.parameter([-1, -1], numpy.int64, name="input_ids")
    mask = opset13.parameter([-1, -1], numpy.int64, name="attention_mask")
    inputs = [ids, mask]
    table = opset13.constant(logits.astype(numpy.float32))
    rows: Any = opset13.gather(table, ids, opset13.constant(numpy.int64(0)))
    zero = opset13.multiply(opset13.convert(opset13.reduce_sum(mask, [0, 1], True), "f32"), numpy.float32(0))
    rows = opset13.add(rows, opset13.reshape(zero, [1, 1, 1], False))
    if other_input:
        inputs.append(opset13.parameter([-1, -1], numpy.int64, name=other_input))
    for each in inputs:
        each.output(0).set_names({each.get_friendly_name()})
    result = opset13.result(rows)
    result.output(0).set_names({"logits"})
    model = openvino.Model([result], inputs, "bigram")
    openvino.save_model(model, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "max_position_embeddings": context}))
    _tokenizer(folder, words)
    return folder


def token_ids(folder: Path, count: int) -> numpy.ndarray:
    """The bundled text's first so many ids."""
    from tokenizers import Tokenizer

    return numpy.asarray(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text()).ids[:count])


def _tokenizer(folder: Path, words: tuple[str, ...]) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
