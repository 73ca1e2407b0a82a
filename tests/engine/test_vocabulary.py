"""Tokens of a text where a model has no Rust tokenizer, or another one than its backend's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends.genai_common import prompt_text
from openarc_ui.engine.backends.prompt_text import PromptText
from openarc_ui.engine.backends.vocabulary import Vocabulary, texts_by_decoding, texts_by_offsets
from openarc_ui.errors import InvalidRequest

TEXTS = ["Hello, wörld!\t\t👩‍🔬 日本語", " ", "<|im_start|>user\nHi<|im_end|>", "\ufffd a", ""]


class Encoding:
    """As much of a `tokenizers.Encoding` as is read."""

    def __init__(self, *spans: tuple[int, int] | None) -> None:
        self._spans = spans

    def __len__(self) -> int:
        return len(self._spans)

    def token_to_chars(self, index: int) -> tuple[int, int] | None:
        return self._spans[index]


@pytest.mark.parametrize(
    ("text", "spans", "texts"),
    [
        ("a b", [(0, 1), (1, 3)], ["a", " b"]),
        ("a b ", [(0, 1), (2, 3)], ["a", " b "]),
        ("日a", [(0, 1), (0, 1), (0, 2)], ["日", "", "a"]),
        ("a", [None, (0, 1), None], ["", "a", ""]),
        ("", [], []),
    ],
)
def test_a_texts_tokens_joined_are_the_text(text: str, spans: list[Any], texts: list[str]) -> None:
    assert texts_by_offsets(text, Encoding(*spans)) == texts


def test_the_first_token_of_a_character_has_it() -> None:
    data = "a日b".encode()
    assert texts_by_decoding(list(data), lambda ids: bytes(ids).decode(errors="replace")) == ["a", "日", "", "", "b"]
    cut = texts_by_decoding(list(data[:3]), lambda ids: bytes(ids).decode(errors="replace"))
    assert cut == ["a", "\ufffd", ""]


@pytest.mark.model
def test_a_model_without_a_fast_tokenizer_has_the_same_tokens(starter_folder: Path, tmp_path: Path) -> None:
    import openvino_genai

    fast = prompt_text(openvino_genai.Tokenizer(str(starter_folder)), starter_folder)
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 49152}))
    slow = PromptText(tmp_path, *_functions(openvino_genai.Tokenizer(str(starter_folder))), None)
    for text in TEXTS:
        ours, theirs = slow.tokens(text), fast.tokens(text)
        assert [(each.id, each.is_special) for each in ours] == [(each.id, each.is_special) for each in theirs]
        assert "".join(each.text for each in ours) == "".join(each.text for each in theirs) == text
    assert slow.token(1).is_special and slow.token(1).text == "<|im_start|>"
    with pytest.raises(InvalidRequest, match="49152 is not the id"):
        slow.token(49152)


@pytest.mark.model
@pytest.mark.parametrize("adds", [True, False])
def test_the_plain_template_begins_as_the_tokenizer_does(starter_folder: Path, tmp_path: Path, adds: bool) -> None:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    tokenizer = Tokenizer.from_file(str(starter_folder / "tokenizer.json"))
    if adds:
        tokenizer.post_processor = TemplateProcessing(single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<|im_start|>"}')
    text = PromptText(
        tmp_path, lambda text: tokenizer.encode(text, add_special_tokens=False).ids, _decode(tokenizer), None
    )
    assert text.template().text.startswith("{{- bos_token -}}") is adds
    assert text.encode("Hi") == tokenizer.encode("Hi", add_special_tokens=False).ids


@pytest.mark.model
def test_an_answer_keeps_the_marks_of_calls_and_thoughts_where_they_are_special(
    starter_folder: Path, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(starter_folder / "tokenizer.json"))
    tokenizer.add_special_tokens(["<tool_call>", "</tool_call>", "[THINK]"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = PromptText(
        tmp_path, lambda text: tokenizer.encode(text, add_special_tokens=False).ids, _decode(tokenizer), None
    )
    said = '[THINK]Now [think] <tool_call>{"name": "f"}</tool_call>'
    assert text.decode(text.encode(f"<|im_start|>{said}<|im_end|>")) == said
    assert text.decode(text.encode("<|im_start|>plain<|im_end|>")) == "plain"


def _functions(tokenizer: Any) -> tuple[Any, Any]:
    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()) if text else []

    def decode(ids: Any, skip: bool) -> str:
        return str(tokenizer.decode([int(each) for each in ids], skip_special_tokens=skip)) if ids else ""

    return encode, decode


def _decode(tokenizer: Any) -> Any:
    return lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip)


@pytest.mark.model
@pytest.mark.parametrize("adds", [True, False])
@pytest.mark.parametrize("fast", [True, False])
def test_a_plain_text_begins_as_the_tokenizer_begins_it_and_never_twice(
    starter_folder: Path, tmp_path: Path, adds: bool, fast: bool
) -> None:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    tokenizer = Tokenizer.from_file(str(starter_folder / "tokenizer.json"))
    if adds:
        tokenizer.post_processor = TemplateProcessing(single="<|im_start|> $A", special_tokens=[("<|im_start|>", 1)])
    if fast:
        tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": "<|im_start|>"}')
    text = PromptText(
        tmp_path,
        lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        _decode(tokenizer),
        None,
        own_adds_bos=adds,
    )
    plain = text.encode("Hi there")
    assert text.encode_plain("Hi there") == ([1, *plain] if adds else plain)
    assert text.encode_plain("<|im_start|>Hi there") == text.encode("<|im_start|>Hi there") == [1, *plain]


def test_ids_beyond_the_models_own_are_refused_though_the_tokenizer_has_more() -> None:
    class Fast:
        def get_added_tokens_decoder(self) -> dict[int, Any]:
            return {}

        def get_vocab_size(self, with_added_tokens: bool) -> int:
            return 20

    vocabulary = Vocabulary(Fast(), lambda ids, skip: "", 10)
    vocabulary.check_ids(())
    vocabulary.check_ids((0, 9))
    for wrong in ((3, 10), (-1, 3), (19,)):
        with pytest.raises(InvalidRequest, match="is not the id of a token"):
            vocabulary.check_ids(wrong)
