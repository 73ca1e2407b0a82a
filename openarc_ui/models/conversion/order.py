"""What the converting process is told to do; it and whoever starts it read this, and neither needs the other's imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TRACING: Final = "Tracing the model"
COMPRESSING: Final = "Compressing the weights"


@dataclass(frozen=True, slots=True)
class ConversionOrder:
    """One line of JSON on the process's standard input.

    Attributes:
        gguf: to be unpacked into `checkpoint` first; "": the checkpoint is there.
        words: behind `optimum-cli export openvino`.
        result: the folder that they make.
        wants_tokenizer: its OpenVINO tokenizers have to be there.
        texts: a file with own texts to look at; "": none.
    """

    gguf: str
    checkpoint: str
    words: tuple[str, ...]
    result: str
    wants_tokenizer: bool
    texts: str = ""
