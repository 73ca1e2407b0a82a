"""A checkpoint whose weights another program has quantised already: whether they can be read here, and what is to be known.

By `quantization_config` of its config.json, which transformers reads them by (transformers/quantizers, `validate_environment`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

SHOWN_CHARACTERS: Final = 60
NAMES: Final[Mapping[str, str]] = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "bitsandbytes": "bitsandbytes",
    "fp8": "FP8",
    "compressed-tensors": "compressed-tensors",
    "auto-round": "AutoRound",
    "torchao": "torchao",
    "bitnet": "BitNet",
    "mxfp4": "MXFP4",
}
READERS: Final[Mapping[str, tuple[str, ...]]] = {
    "gptq": ("gptqmodel",),
    "awq": ("gptqmodel", "accelerate"),
    "bitsandbytes": ("bitsandbytes", "accelerate"),
    "fp8": ("accelerate", "triton"),
    "compressed-tensors": ("compressed-tensors",),
    "auto-round": ("auto-round",),
    "torchao": ("torchao",),
    "bitnet": ("accelerate",),
    "mxfp4": (),
}
"""`quant_method` -> packages that transformers reads such weights with. OpenArc installs none of them.

Optimum-Intel makes 16-bit weights of mxfp4 itself. Others that transformers knows are not offered: nobody tried them here.
"""
BITS: Final[Mapping[str, int]] = {"fp8": 8, "mxfp4": 4, "bitnet": 2}
"""Of those whose configuration need not say."""
GROWTH: Final[Mapping[str, float]] = {"mxfp4": 16 / 4.25, "fp8": 2.0}
"""How much larger the weights become that are made 16-bit before anything else: MXFP4 has 8 bits of scale for 32 weights."""
PLAIN: Final = ("fp16", "fp32")
HINT: Final = "Choose the repository of the same model that is not quantised, or one that is OpenVINO already."


def problem_of_quantized(config: Mapping[str, Any]) -> str:
    """Why weights that are quantised already can't be converted, as a clause; "" where they can, or are not quantised.

    Args:
        config: what its config.json holds.
    """
    said = config.get("quantization_config")
    if said is None:
        return ""
    method = _method(said)
    if method not in READERS:
        named = f" by {method[:SHOWN_CHARACTERS]!r}" if method else ", by what its config.json does not say"
        return f"its weights are quantised already{named}, which is not read here"
    missing = [name for name in READERS[method] if not _is_installed(name)]
    if missing:
        packages = " and ".join(f"`{name}`" for name in missing)
        return f"{_described(said)}, and OpenArc does not install {packages}, which would read them"
    return ""


def quantized_note(config: Mapping[str, Any], target: str) -> str:
    """What comes of rounding them once more, in a sentence; "" where they are not quantised.

    Args:
        target: the weight format or quant mode that is asked for; "": none.
    """
    said = config.get("quantization_config")
    if said is None:
        return ""
    begin = _described(said)
    begin = begin[:1].upper() + begin[1:]
    if not target or target in PLAIN:
        return f"{begin}: the result is larger than they are, and no more exact."
    return f"{begin}: {target} rounds them a second time, on another grid, and what they lose adds up."


def growth(config: Mapping[str, Any]) -> float:
    """How many times the size of its files the weights have once they are read."""
    return GROWTH.get(_method(config.get("quantization_config")), 1.0)


def _described(said: Any) -> str:
    """ "its weights are quantised already (GPTQ, 4 bits)"."""
    method, bits = _method(said), _bits(said)
    return f"its weights are quantised already ({NAMES.get(method, method)}{f', {bits} bits' if bits else ''})"


def _method(said: Any) -> str:
    """As transformers finds it out (`AutoHfQuantizer`); "" where it does not say."""
    if not isinstance(said, dict):
        return ""
    if said.get("load_in_8bit") or said.get("load_in_4bit"):
        return "bitsandbytes"
    method = said.get("quant_method")
    return method if isinstance(method, str) else ""


def _bits(said: Any) -> int | None:
    if said.get("load_in_4bit") or said.get("load_in_8bit"):
        return 4 if said.get("load_in_4bit") else 8
    bits = said.get("bits", BITS.get(_method(said)))
    return bits if type(bits) is int and 0 < bits <= 16 else None


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
