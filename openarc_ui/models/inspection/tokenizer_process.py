"""The process that tries a model's tokenizers: an order on standard input, one JSON line for each tokenizer on standard output.

OpenVINO's comes from GenAI, Hugging Face's from transformers, as the two backends load them; no code of the model's folder is run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.models.child import last_words
from openarc_ui.models.childhood import claim_stdout, end_with_parent
from openarc_ui.models.inspection.samples import TEXTS, control_text
from openarc_ui.privacy import forbid_telemetry

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


def tried(encode: Encode, decode: Decode, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Each text there and back: ids and text, or what was raised."""
    found: list[dict[str, Any]] = []
    for text in texts:
        try:
            ids = encode(text)
            found.append({"ids": ids, "back": decode(ids) if ids else ""})
        except Exception as error:  # noqa: BLE001 - whatever a tokenizer does wrong is told
            found.append({"problem": _said(error)})
    return found


def _said(error: Exception) -> str:
    """The line that tells something; OpenVINO's errors begin with where they were thrown."""
    return f"{type(error).__name__}: {last_words(str(error).splitlines())}".rstrip(": .") + "."


def openvino_tokenizer(path: str) -> tuple[Encode, Decode]:
    """As the genai backend uses it."""
    import openvino_genai

    tokenizer = openvino_genai.Tokenizer(path)

    def encode(text: str) -> list[int]:
        ids = tokenizer.encode(text, add_special_tokens=False).input_ids.data
        return [int(each) for each in ids[0].tolist()] if ids.size else []

    return encode, lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False))


def hugging_face_tokenizer(path: str) -> tuple[Encode, Decode]:
    """As the optimum backend uses it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)

    def encode(text: str) -> list[int]:
        return [int(each) for each in tokenizer.encode(text, add_special_tokens=False)]

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    return encode, decode


MAKERS = {"openvino": openvino_tokenizer, "hugging_face": hugging_face_tokenizer}


def main() -> None:
    output = claim_stdout()
    order = json.loads(sys.stdin.readline())
    end_with_parent()
    forbid_telemetry()
    texts = [*(text for _, text in TEXTS), control_text(order["control_tokens"])]
    for name in order["tokenizers"]:
        told: dict[str, Any] = {"tokenizer": name}
        try:
            told["texts"] = tried(*MAKERS[name](str(Path(order["path"]))), texts)
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            told["problem"] = _said(error)
        output.write(json.dumps(told) + "\n")
        output.flush()


if __name__ == "__main__":
    main()
