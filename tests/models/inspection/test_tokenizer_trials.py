"""A text that comes back otherwise, other token ids and a tokenizer that refuses have each their verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.errors import BackendUnavailable, InvalidRequest
from openarc_ui.models.inspection import tokenizer_trials
from openarc_ui.models.inspection.samples import CONTROL_TOKENS, TEXTS, control_text
from openarc_ui.models.inspection.tokenizer_process import tried
from openarc_ui.models.inspection.tokenizer_trials import judge, try_tokenizers


def both(back: str, ids: list[int] | None = None, other: list[int] | None = None) -> dict[str, Any]:
    """What two tokenizers told of one text."""
    ids = [1, 2] if ids is None else ids
    return {
        "openvino": {"ids": ids, "back": back},
        "hugging_face": {"ids": ids if other is None else other, "back": back},
    }


def ir(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("openvino_model.xml", "openvino_model.bin", *names):
        (folder / name).write_text("{}" if name.endswith("json") else "<net/>")
    return folder


def test_a_text_that_comes_back_is_good_and_its_tokens_are_counted() -> None:
    found = judge("English", "Hello", both("Hello", [5, 6, 7]))
    assert (found.verdict, found.token_count) == ("good", 3)
    assert "both tokenizers give the same token ids" in found.words


def test_one_tokenizer_alone_is_said() -> None:
    found = judge("English", "Hello", {"openvino": {"ids": [1], "back": "Hello"}})
    assert found.verdict == "good" and "only OpenVINO's tokenizer was tried" in found.words


@pytest.mark.parametrize(
    ("text", "back", "words"),
    [
        ("Grüße", "Grusse", "'usse' in place of 'üße', at character 2"),
        (" a ", "a", "white space at an end"),
        ("a  b", "a b", "white space inside it"),
        ("don 't", "don't", "at character 3"),
        ("ﬁ", "fi", "NFKC"),
        ("abc", "ab", "in place of 'c'"),
        ("ab", "abc", "'c' in place of ''"),
        ("a", "", "'' in place of 'a'"),
    ],
)
def test_a_text_that_comes_back_otherwise_differs_and_is_shown_where(text: str, back: str, words: str) -> None:
    found = judge("sample", text, both(back))
    assert found.verdict == "differs" and words in found.words, found.words


def test_composed_characters_are_no_mistake_but_said() -> None:
    found = judge("marks", "cafe\u0301", both("café"))
    assert found.verdict == "good" and "NFC" in found.words


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([1, 2, 3], [1, 9, 3], "at token 1 OpenVINO's tokenizer has 2, the Hugging Face tokenizer 9 (3 and 3 tokens)"),
        ([1, 2], [1, 2, 3], "has the end, the Hugging Face tokenizer 3"),
        ([], [1], "has the end"),
    ],
)
def test_other_token_ids_differ_and_are_shown_where(one: list[int], other: list[int], words: str) -> None:
    found = judge("sample", "Hello", both("Hello", one, other))
    assert found.verdict == "differs" and words in found.words, found.words


def test_a_tokenizer_that_raises_refuses() -> None:
    found = judge("No text", "", {**both(""), "hugging_face": {"problem": "ValueError: no text"}})
    assert found.verdict == "refused" and "ValueError: no text" in found.words


def test_what_a_tokenizer_raises_is_told_of_each_text_alone() -> None:
    def encode(text: str) -> list[int]:
        if not text:
            raise ValueError("Exception from a.cpp:5:\nno such text")
        return [ord(letter) for letter in text]

    found = tried(encode, lambda ids: "".join(map(chr, ids)), ["ab", ""])
    assert found == [{"ids": [97, 98], "back": "ab"}, {"problem": "ValueError: no such text."}]


def test_the_samples_are_the_hard_ones() -> None:
    texts = dict(TEXTS)
    assert "\u200d" in texts["Emoji with joiners"] and "\t" in texts["Code with tabs"]
    assert "\r\n" in texts["Newlines"] and texts["No text"] == ""
    assert "ß" in texts["German umlauts"] and "\u0301" in texts["Accents as marks of their own"]
    assert control_text(["<|a|>", "<|b|>"]) == "Say <|a|> <|b|> aloud."


def test_a_model_without_tokenizers_says_so(tmp_path: Path) -> None:
    ir(tmp_path)
    with pytest.raises(InvalidRequest, match="no OpenVINO tokenizer"):
        try_tokenizers(find_model(tmp_path, "m"))


@pytest.mark.parametrize("leads", ["link", "configuration"])
def test_a_tokenizer_that_leads_out_of_the_folder_is_not_opened(leads: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    folder = ir(tmp_path / "models", "tokenizer.json", "tokenizer_config.json")
    (tmp_path / "outside.json").write_text("{}")
    if leads == "link":
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer.json").symlink_to(tmp_path / "outside.json")
    else:
        (folder / "tokenizer_config.json").write_text(json.dumps({"vocab_file": "/etc/passwd"}))
    with pytest.raises(InvalidRequest, match="not opened"):
        try_tokenizers(find_model(tmp_path / "models", "m"))


def test_control_tokens_are_the_models_own(tmp_path: Path) -> None:
    folder = ir(tmp_path, "tokenizer.json")
    added = [
        {"content": "<|x|>", "special": True},
        {"content": "word", "special": False},
        {"content": 5, "special": True},
    ]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    assert tokenizer_trials._control_tokens(find_model(tmp_path, "m")) == ["<|x|>"]


def test_a_tokenizer_that_cannot_be_loaded_is_told_without_a_traceback(tmp_path: Path) -> None:
    ir(tmp_path, "openvino_tokenizer.xml", "openvino_detokenizer.xml")
    with pytest.raises(BackendUnavailable, match="OpenVINO's tokenizer can't be loaded"):
        try_tokenizers(find_model(tmp_path, "m"))


def test_a_process_that_dies_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_trials, "PROCESS", "openarc_ui.models.inspection.no_such_module")
    ir(tmp_path, "openvino_tokenizer.xml", "openvino_detokenizer.xml")
    with pytest.raises(BackendUnavailable, match="ended with exit code 1"):
        try_tokenizers(find_model(tmp_path, "m"))


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    ir(tmp_path, "openvino_tokenizer.xml", "openvino_detokenizer.xml")
    with pytest.raises(BackendUnavailable, match="longer than 0 s"):
        try_tokenizers(find_model(tmp_path, "m"), limit_seconds=0.0)


@pytest.mark.model
def test_the_starters_two_tokenizers_agree_on_every_sample(starter_folder: Path) -> None:
    found = try_tokenizers(find_model(starter_folder.parent, starter_folder.name))
    assert [trial.what for trial in found.trials] == [*(what for what, _ in TEXTS), CONTROL_TOKENS]
    assert {trial.verdict for trial in found.trials} == {"good"} and found.problems == ()
    counts = {trial.what: trial.token_count for trial in found.trials}
    assert counts["No text"] == 0 and all(count for what, count in counts.items() if what != "No text")
    assert all("both tokenizers" in trial.words for trial in found.trials)


@pytest.mark.model
def test_a_gguf_is_tried_with_the_tokenizer_it_brings(starter_gguf: Path) -> None:
    found = try_tokenizers(find_model(starter_gguf.parent, starter_gguf.name))
    assert {trial.verdict for trial in found.trials} == {"good"}


@pytest.mark.model
def test_a_changed_tokenizer_is_found(starter_folder: Path, tmp_path: Path) -> None:
    """As where a conversion wrote a tokenizer.json that lowers every letter, and OpenVINO's was made from another."""
    folder = tmp_path / "m"
    shutil.copytree(starter_folder, folder, ignore=shutil.ignore_patterns("openvino_model.bin"))
    (folder / "openvino_model.bin").touch()
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    found = {trial.what: trial for trial in try_tokenizers(find_model(tmp_path, "m")).trials}
    assert found["English"].verdict == "differs" and "disagree: at token 0" in found["English"].words
    assert found["Chinese"].verdict == found["Hindi"].verdict == "good"
