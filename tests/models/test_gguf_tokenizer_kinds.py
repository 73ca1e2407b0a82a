"""Tokenizers of other models' GGUFs: each way of splitting against an independent encoder, and SentencePiece's joining by score."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import openvino_genai
import pytest
import regex
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from openarc_ui.models.gguf_kinds import KINDS
from openarc_ui.models.gguf_source import GgufSource
from openarc_ui.models.gguf_tokenizer import TokenizerUnknown, build_tokenizer, tokenizer_config
from tests.models.conversion.tiny_gguf import vocabulary

TEXTS = [
    "the thing is in 12 the 1234567, isn't it? IT'S THE ENDING",
    "naïve café e\u0301 \u212b 日本 हिन्दी العربية 👩‍👩‍👧",
    "  two  spaces\n\n\tand tabs\r\n  ",
    "def f(x):\n    return x[1:]  # the //",
    "CamelCaseWords and ALLCAPS and McDonald's",
    "a<|turn|>the<think>in</think>",
    "",
]
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CONTRACTED = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = {
    "llama-bpe": CONTRACTED + r"\p{N}{1,3}" + REST,
    "dbrx": CONTRACTED + r"\p{N}{1,3}" + REST,
    "smaug-bpe": CONTRACTED + r"\p{N}{1,3}" + REST,
    "qwen2": CONTRACTED + r"\p{N}" + REST,
    "gpt-2": GPT2,
    "smollm": GPT2,
}
"""As llama-vocab.cpp splits, in the syntax of the `regex` package."""


def write_vocabulary(path: Path, pre: str, **values: Any) -> GgufSource:
    """A GGUF of a tokenizer alone."""
    tokens, kinds, merges = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for key, value in values.items():
        writer.add_bool(f"tokenizer.ggml.{key}", value)
    return _written(writer, path)


def write_sentencepiece(path: Path, *, begins_with_space: bool) -> GgufSource:
    """A tiny SentencePiece vocabulary: scores are what decides."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = list("▁abcdeht")
    pieces = {
        "▁a": -1.0,
        "th": -2.0,
        "▁the": -3.5,
        "he": -3.0,
        "▁th": -2.5,
        "the": -4.0,
        "bc": -9.0,
        "ab": -5.0,
        "abc": -6.0,
    }
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *letters, *pieces]
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(letters) + len(pieces))]
    scores = [0.0] * 3 + [0.0] * 256 + [-20.0 - number for number in range(len(letters))] + list(pieces.values())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(begins_with_space)
    return _written(writer, path)


def _written(writer: Any, path: Path) -> GgufSource:
    writer.add_tensor("token_embd.weight", gguf.np.zeros((1, 32), dtype="float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GgufSource(path)


def byte_pair_encoder(source: GgufSource, pre: str) -> Callable[[str], list[int]]:
    """Slow, plain, and written independently of the library."""
    tokens: list[str] = source.tokenizer("ggml.tokens")
    kinds = source.tokenizer("ggml.token_type")
    ids = {token: index for index, token in enumerate(tokens)}
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(source.tokenizer("ggml.merges"))}
    whole = [token for token, kind in zip(tokens, kinds, strict=True) if kind in (3, 4)]
    special = regex.compile("(" + "|".join(map(regex.escape, whole)) + ")")
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}

    def word(text: str) -> list[int]:
        parts = [characters[byte] for byte in text.encode()]
        if pre == "llama-bpe" and "".join(parts) in ids:
            return [ids["".join(parts)]]
        while len(parts) > 1:
            pairs = list(itertools.pairwise(parts))
            best = min(range(len(pairs)), key=lambda at: ranks.get(pairs[at], len(ranks)))
            if pairs[best] not in ranks:
                break
            parts[best : best + 2] = ["".join(pairs[best])]
        return [ids[part] for part in parts]

    def encode(text: str) -> list[int]:
        found: list[int] = []
        for piece in special.split(text):
            if piece in whole:
                found.append(ids[piece])
                continue
            if pre == "qwen2":
                import unicodedata

                piece = unicodedata.normalize("NFC", piece)
            runs = regex.findall(r"\p{N}|\P{N}+", piece) if pre == "smollm" else [piece]
            found += [each for run in runs for match in regex.finditer(WORDS[pre], run) for each in word(match.group())]
        return found

    return encode


@pytest.mark.parametrize("pre", sorted(WORDS))
def test_text_is_split_as_llama_cpp_splits_it(pre: str, tmp_path: Path) -> None:
    source = write_vocabulary(tmp_path / "tokens.gguf", pre, add_bos_token=False)
    tokenizer, plain = build_tokenizer(source), byte_pair_encoder(source, pre)
    for text in TEXTS:
        assert tokenizer.encode(text).ids == plain(text), text
        if pre != "qwen2":
            assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_tekken_splits_by_case(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(write_vocabulary(tmp_path / "tokens.gguf", "tekken"))
    words = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str("CamelCase IT'S 12")]
    assert words == ["Camel", "Case", "ĠIT", "'S", "Ġ", "1", "2"]


@pytest.mark.parametrize("pre", ["llama-bpe", "qwen2", "tekken", "gpt-2", "smollm"])
def test_openvinos_tokenizer_gives_the_same_ids(pre: str, tmp_path: Path) -> None:
    import openvino
    from openvino_tokenizers import convert_tokenizer

    source = write_vocabulary(tmp_path / "tokens.gguf", pre, add_bos_token=False)
    tokenizer = build_tokenizer(source)
    told = tokenizer_config(source)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=told["eos_token"], bos_token=told["bos_token"])
    for model, name in zip(convert_tokenizer(fast, with_detokenizer=True), ("tokenizer", "detokenizer"), strict=True):
        openvino.save_model(model, tmp_path / f"openvino_{name}.xml")
    theirs = openvino_genai.Tokenizer(str(tmp_path))
    for text in filter(None, TEXTS):
        ids = theirs.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids, text


def test_a_begin_token_is_added_where_llama_cpp_adds_one(tmp_path: Path) -> None:
    by_default = build_tokenizer(write_vocabulary(tmp_path / "a.gguf", "llama-bpe"))
    assert by_default.encode("the").ids[0] == 0
    assert by_default.encode("the", add_special_tokens=False).ids[0] != 0
    said_no = write_vocabulary(tmp_path / "b.gguf", "llama-bpe", add_bos_token=False)
    assert build_tokenizer(said_no).encode("the").ids[0] != 0
    assert tokenizer_config(said_no)["add_bos_token"] is False
    assert build_tokenizer(write_vocabulary(tmp_path / "c.gguf", "qwen2")).encode("the").ids[0] != 0


@pytest.mark.parametrize("pre", ["dbrx", "smaug-bpe"])
def test_who_splits_like_llama_3_does_not_begin_or_skip_merges_like_it(pre: str, tmp_path: Path) -> None:
    source = write_vocabulary(tmp_path / "a.gguf", pre)
    tokenizer = build_tokenizer(source)
    assert tokenizer.encode("the").ids[0] != 0 and tokenizer_config(source)["add_bos_token"] is False
    assert tokenizer.model.ignore_merges is False
    assert build_tokenizer(write_vocabulary(tmp_path / "b.gguf", "llama3")).model.ignore_merges is True


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerUnknown, match=r"\(bloom\) is not known; known are .*smollm"):
        build_tokenizer(write_vocabulary(tmp_path / "a.gguf", "bloom"))
    assert set(WORDS) <= set(KINDS)


def sentencepiece_encoder(source: GgufSource) -> Callable[[str], list[int]]:
    """SentencePiece's own way: join the neighbours whose whole has the best score, the leftmost first."""
    tokens: list[str] = source.tokenizer("ggml.tokens")
    scores = source.tokenizer("ggml.scores")
    ids = {token: index for index, token in enumerate(tokens)}

    def encode(text: str) -> list[int]:
        parts = list(text.replace(" ", "▁"))
        while True:
            joined = [(scores[ids[a + b]], -at) for at, (a, b) in enumerate(itertools.pairwise(parts)) if a + b in ids]
            if not joined:
                break
            at = -max(joined)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [
            each
            for part in parts
            for each in ([ids[part]] if part in ids else [ids[f"<0x{byte:02X}>"] for byte in part.encode()])
        ]

    return encode


@pytest.mark.parametrize("begins_with_space", [True, False])
def test_sentencepiece_joins_by_score(begins_with_space: bool, tmp_path: Path) -> None:
    source = write_sentencepiece(tmp_path / "tokens.gguf", begins_with_space=begins_with_space)
    tokenizer, plain = build_tokenizer(source), sentencepiece_encoder(source)
    for text in ("the abc", "ab the  bc the", "a日b", "thethe hethe", "ähm\n\tthe"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == plain((" " if begins_with_space else "") + text), text
        assert tokenizer.decode(ids) == text
        assert tokenizer.encode(text).ids == [1, *ids]


def test_a_sentencepiece_vocabulary_survives_its_file(tmp_path: Path) -> None:
    tokenizer = build_tokenizer(write_sentencepiece(tmp_path / "tokens.gguf", begins_with_space=True))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    read = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert read.encode("the abc</s>").ids == tokenizer.encode("the abc</s>").ids
    assert read.encode("</s>").ids[-1] == 2
