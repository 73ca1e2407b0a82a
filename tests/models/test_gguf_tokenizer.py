"""The three tokenizers are one: tokenizer.json, openvino_tokenizer.xml, and the vocabulary and merges in the GGUF."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import openvino_genai
import pytest
import regex
from tokenizers import Tokenizer

from openarc_ui.models.gguf_source import GgufSource

pytestmark = pytest.mark.model

STRINGS = [
    "Hello, world!",
    "The capital of France is Paris.",
    "  leading and trailing spaces   ",
    "a\n\nb\tc\r\nd",
    "0 12 345 6789 3.14159 1e-5",
    "naïve café, Ærøskøbing, straße",
    "日本語のテキストと中文",
    "مرحبا بالعالم ١٢٣",
    "Привет, мир",
    "नमस्ते दुनिया १२३",
    "👩‍👩‍👧 family, 👍🏽 thumbs, 🇫🇷 flag",
    "zero\u200bwidth\u00a0space \u2028 line",
    "nul\x00byte",
    "def f(x):\n    return x[::-1]  # reversed\n",
    "I'm sure they've said we'll won't; it's DON'T",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "almost <|im_start |> special <|endoftext|><repo_name>",
    "½ ² Ⅷ ٣ 𝟜 e\u0301",
    "x" * 50 + " " * 20 + "y",
]
# The pattern of GPT-2's tokenizer (openai/gpt-2, encoder.py).
WORDS = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
CONTROL = 3

Encode = Callable[[str], list[int]]


def character_of_byte() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(others)}


def plain_encoder(source: GgufSource) -> Encode:
    """A plain byte-pair encoder straight from the GGUF: slow, and written independently of the library."""
    tokens = source.tokenizer("ggml.tokens")
    ids = {token: index for index, token in enumerate(tokens)}
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(source.tokenizer("ggml.merges"))}
    control = [t for t, kind in zip(tokens, source.tokenizer("ggml.token_type"), strict=True) if kind == CONTROL]
    special = regex.compile("(" + "|".join(regex.escape(token) for token in control) + ")")
    characters = character_of_byte()

    def encode_word(word: str) -> list[int]:
        parts = [characters[byte] for byte in word.encode()]
        while len(parts) > 1:
            pairs = list(itertools.pairwise(parts))
            best = min(range(len(pairs)), key=lambda at: ranks.get(pairs[at], len(ranks)))
            if pairs[best] not in ranks:
                break
            parts[best : best + 2] = ["".join(pairs[best])]
        return [ids[part] for part in parts]

    def encode(text: str) -> list[int]:
        result: list[int] = []
        for piece in special.split(text):
            if piece in control:
                result.append(ids[piece])
                continue
            for run in regex.findall(r"\p{N}|\P{N}+", piece):
                result += [token_id for word in WORDS.findall(run) for token_id in encode_word(word)]
        return result

    return encode


@pytest.fixture(scope="module")
def from_gguf(gguf_source: GgufSource) -> Encode:
    return plain_encoder(gguf_source)


@pytest.fixture(scope="module")
def hugging_face(starter_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(starter_folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def openvino_tokenizer(starter_folder: Path) -> openvino_genai.Tokenizer:
    return openvino_genai.Tokenizer(str(starter_folder))


@pytest.mark.parametrize("text", STRINGS, ids=range(len(STRINGS)))
def test_all_three_give_the_same_ids_and_the_text_back(
    text: str, from_gguf: Encode, hugging_face: Tokenizer, openvino_tokenizer: openvino_genai.Tokenizer
) -> None:
    expected = from_gguf(text)
    assert hugging_face.encode(text, add_special_tokens=False).ids == expected
    assert openvino_tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist() == expected
    assert hugging_face.decode(expected, skip_special_tokens=False) == text
    assert openvino_tokenizer.decode(expected, skip_special_tokens=False) == text


def test_each_digit_is_a_token(hugging_face: Tokenizer) -> None:
    assert hugging_face.encode("2025").tokens == ["2", "0", "2", "5"]


def test_special_tokens_have_the_ids_of_the_model(
    hugging_face: Tokenizer, openvino_tokenizer: openvino_genai.Tokenizer, gguf_source: GgufSource
) -> None:
    assert hugging_face.get_vocab_size() == gguf_source.architecture("vocab_size")
    assert [hugging_face.token_to_id(token) for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")] == [0, 1, 2]
    assert openvino_tokenizer.get_bos_token_id() == 1
    assert openvino_tokenizer.get_eos_token_id() == 2
    assert openvino_tokenizer.get_pad_token_id() == 2
