"""From a conversation to ids and from ids to text, the same way for every backend that runs a real model.

One renderer and, where it gives the same ids, one tokenizer (the Rust one), so that both backends give a model the same
prompt. Every method may be called from any thread while another one generates.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.base import TemplateSource
from openarc_ui.engine.backends.chat_renderer import ChatRenderer
from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.backends.template import find_templates, special_tokens
from openarc_ui.engine.backends.vocabulary import DecodeIds, Vocabulary, texts_by_decoding, texts_by_offsets
from openarc_ui.engine.formats.templates import ANSWER_MARKS
from openarc_ui.engine.prompts import PromptOptions, PromptToken
from openarc_ui.engine.types import Message
from openarc_ui.errors import ModelLoadFailed

TOKENIZER_PROBE = "Hello, wörld! 12 plus 34 → 46.\n\tdef f(x): return x  # 日本語 👩‍🔬"
SHORT_IDS = 256
"""So many ids decode in 0.1 ms; more are handed to the call that lets other threads go on."""
Encode = Callable[[str], list[int]]


class PromptText:
    """`ModelText` over a model folder and the backend's own tokenizer.

    Args:
        folder: the model's folder; of a GGUF file the one around it.
        encode: the backend's own tokenizer, no special token added.
        decode: the same backwards; its second argument says whether special tokens are left out.
        own_template: the template the backend's tokenizer carries, for a folder without one.
        own_special_tokens: bos_token, eos_token, ... of the backend's tokenizer, for a folder that names none.
        own_adds_bos: the backend's tokenizer puts the beginning-of-text token before a text; for a folder without the Rust
            tokenizer. None: it can't be asked.

    Raises:
        ModelLoadFailed: a file of the folder can't be read.
    """

    def __init__(
        self,
        folder: Path,
        encode: Encode,
        decode: DecodeIds,
        own_template: str | None,
        own_special_tokens: Mapping[str, str] | None = None,
        own_adds_bos: bool | None = None,
    ) -> None:
        lock = threading.Lock()  # a backend's tokenizer is not made for two threads; the Rust one is
        self._fast = _fast_tokenizer(folder)
        self._encodes_fast = False
        self._marks: frozenset[int] = frozenset()
        self._decode: DecodeIds = _locked(decode, lock)
        self.encode: Encode = _locked(encode, lock)
        try:
            tokens = special_tokens(folder, own_special_tokens or {})
            self._use_fast_tokenizer(tokens)
            adds_bos = self._adds_bos(folder, tokens, own_adds_bos)
            templates = find_templates(folder, own_template, adds_bos)
            size = _vocabulary_size(read_json(folder / "config.json"))
        except (OSError, ValueError) as error:
            raise ModelLoadFailed(
                f"The model's chat template or special tokens can't be read: {error}", "Look at the files themselves."
            ) from error
        self._vocabulary = Vocabulary(self._fast, self._decode, size)
        self._renderer = ChatRenderer(templates, tokens)
        self._marks = self._special_marks()
        self._first_ids = self.encode(tokens["bos_token"]) if adds_bos else []

    def template(self) -> TemplateSource:
        return self._renderer.source()

    def render(
        self, conversation: Sequence[Message], options: PromptOptions, *, add_generation_prompt: bool = True
    ) -> str:
        return self._renderer.render(conversation, options, add_generation_prompt=add_generation_prompt)

    def encode_plain(self, text: str) -> list[int]:
        token_ids = self.encode(text)
        first = self._first_ids
        return token_ids if token_ids[: len(first)] == first else [*first, *token_ids]

    def check_ids(self, token_ids: Sequence[int]) -> None:
        self._vocabulary.check_ids(token_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ids without special tokens, but for those that begin or end a tool call or a thought."""
        if self._marks.isdisjoint(token_ids):
            return self._decode(token_ids, True)
        runs = itertools.groupby(token_ids, self._marks.__contains__)
        return "".join(self._decode(list(run), not is_mark) for is_mark, run in runs)

    def decode_whole(self, token_ids: Sequence[int]) -> str:
        return self._decode(token_ids, False)

    def tokens(self, text: str) -> tuple[PromptToken, ...]:
        encoding = self._fast.encode_batch([text], add_special_tokens=False)[0] if self._fast is not None else None
        if encoding is not None and (self._encodes_fast or encoding.ids == self.encode(text)):
            return self._vocabulary.with_texts(encoding.ids, texts_by_offsets(text, encoding))
        token_ids = self.encode(text)
        return self._vocabulary.with_texts(token_ids, texts_by_decoding(token_ids, self.decode_whole))

    def token(self, token_id: int) -> PromptToken:
        return self._vocabulary.token(token_id)

    def _use_fast_tokenizer(self, tokens: Mapping[str, str]) -> None:
        """Use the Rust tokenizer where both give the same ids and text.

        It decodes a token in 3 µs against 97 µs, and it does not cut a long prompt: the converted tokenizer silently
        drops what is beyond the length it was converted with, so a prompt would be answered that nobody sent.
        """
        fast = self._fast
        if fast is None:
            return
        probe = TOKENIZER_PROBE + "".join(tokens.values())
        ids = self.encode(probe)
        if fast.decode(ids) == self.decode(ids):
            self._decode = _fast_decode(fast)
        # A batch of one: `encode` itself holds the interpreter lock, 0.7 s for a million characters.
        if fast.encode_batch_fast([probe], add_special_tokens=False)[0].ids == ids:
            self._encodes_fast = True
            self.encode = lambda text: list(fast.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def _special_marks(self) -> frozenset[int]:
        """The marks of tool calls and thoughts that the tokenizer would leave out of an answer."""
        encoded = [self.encode(mark) for mark in ANSWER_MARKS]
        return frozenset(ids[0] for ids in encoded if len(ids) == 1 and not self._decode(ids, True))

    def _adds_bos(self, folder: Path, tokens: Mapping[str, str], own: bool | None) -> bool:
        """Whether the tokenizer itself would put the beginning-of-text token before a text."""
        if "bos_token" not in tokens:
            return False
        if self._fast is None:
            return own if own is not None else read_json(folder / "tokenizer_config.json").get("add_bos_token") is True
        first: list[int] = self._fast.encode("a").ids[:1]
        return first == [self._fast.token_to_id(tokens["bos_token"])]


def _fast_tokenizer(folder: Path) -> Any:
    """The Rust tokenizer of a folder, whole texts only; None where it has none."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    from tokenizers import Tokenizer

    fast = Tokenizer.from_file(str(file))
    fast.no_truncation()
    fast.no_padding()
    return fast


def _fast_decode(fast: Any) -> DecodeIds:
    def decode(token_ids: Sequence[int], skip_special_tokens: bool) -> str:
        if len(token_ids) <= SHORT_IDS:
            return str(fast.decode(token_ids, skip_special_tokens=skip_special_tokens))
        return str(fast.decode_batch([token_ids], skip_special_tokens=skip_special_tokens)[0])

    return decode


def _locked(function: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with lock:
            return function(*arguments)

    return call


def _vocabulary_size(config: Mapping[str, Any]) -> int | None:
    """How many ids a config.json says the model knows."""
    inner = config.get("text_config")
    size = config.get("vocab_size") or (inner.get("vocab_size") if isinstance(inner, dict) else None)
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None
