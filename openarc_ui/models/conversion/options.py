"""What a conversion can be asked for: the installed version's own options, read once by a process of their own.

What is not offered says why. Rules about combinations are in `combinations`; the command line is in `command`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import openarc_ui
from openarc_ui.engine.options import Choice, OptionKind, OptionSpec
from openarc_ui.errors import ConversionFailed

READ_SECONDS: Final = 120.0
TASK: Final = "text-generation-with-past"
TASKS: Final = (
    Choice(TASK, "with a key-value cache, as every answer needs it"),
    Choice("text-generation", "without a cache: each token computes the whole text again"),
)
NOT_OFFERED: Final[Mapping[str, str]] = {
    "model": "It is the request's source.",
    "output": "The result goes into the model folder, under the request's name.",
    "cache_dir": "Nothing is downloaded during a conversion.",
    "framework": "There is only one, PyTorch.",
    "library": "OpenArc runs text models, which the transformers library describes.",
    "variant": "Name the weights as transformers does by default.",
    "trust-remote-code": "A model's own Python files are not run.",
    "quantization-statistics-path": "It would write outside of the result's folder.",
    "pad-token-id": "It is read for text classification only, which OpenArc does not run.",
    "model-kwargs": "It could reach anything of the libraries, paths included.",
}
"""Option -> why it can't be set."""
COMMON: Final = frozenset({"weight-format", "sym", "group-size", "ratio", "awq"})
GROUPS: Final[Mapping[str, str]] = {
    "task": "Model",
    "disable-stateful": "Model",
    "disable-convert-tokenizer": "Model",
    "weight-format": "Weights",
    "sym": "Weights",
    "group-size": "Weights",
    "group-size-fallback": "Weights",
    "ratio": "Weights",
    "backup-precision": "Weights",
    "all-layers": "Weights",
    "sensitivity-metric": "Weights",
    "awq": "Better 4-bit weights",
    "scale-estimation": "Better 4-bit weights",
    "gptq": "Better 4-bit weights",
    "lora-correction": "Better 4-bit weights",
    "dataset": "Better 4-bit weights",
    "num-samples": "Better 4-bit weights",
    "quant-mode": "Activations too",
    "smooth-quant-alpha": "Activations too",
}
OTHER_GROUP: Final = "Others"
WEIGHT_FORMATS: Final[Mapping[str, str]] = {
    "fp32": "full precision, 4 bytes a weight",
    "fp16": "half precision, 2 bytes a weight",
    "int8": "1 byte a weight, hardly any loss",
    "int4": "half a byte a weight and its scales",
    "mxfp4": "4-bit floats in groups of 32",
    "nf4": "4-bit numbers spread like a normal distribution",
    "cb4": "a table of 16 fixed values",
}
HELP: Final[Mapping[str, str]] = {
    "task": "What the model is exported for.",
    "weight-format": "How the weights are stored. Left out: as in the source; int8 above 10⁹ parameters.",
    "sym": "Symmetric: no zero point, smaller and on some devices faster, a little less exact.",
    "group-size": "Weights that share one scale: 32, 64 or 128; -1: a whole row. Smaller is more exact and larger on disk. "
    "Left out, int4 takes 128; the Convert form's INT4 sets 64.",
    "group-size-fallback": "What to do with a layer whose width the group size does not divide. OpenArc's default is adjust.",
    "ratio": "The share of the layers that becomes 4-bit, 0 to 1; the rest becomes int8.",
    "dataset": "auto: texts that the model writes itself. Or the name of a .txt or .jsonl file of the model folder, with your own.",
    "num-samples": "How many of the dataset's texts are read; 128 where nothing is said. Fewer is faster.",
    "scale-estimation": "Chooses scales by the error they make on data. Slow, and often the largest gain at 4 bits.",
    "gptq": "Corrects each layer for the rounding before it. Slow, and needs much memory.",
    "quant-mode": "Weights and activations, measured on data. Not every device runs the result faster.",
    "backup-precision": "What a layer becomes that is not made 4-bit: int8 with or without zero point, or as it was.",
    "all-layers": "Embedding and output layer become 4-bit too, which costs quality; else they are int8.",
    "sensitivity-metric": "By what the layers are chosen that stay int8 where the ratio is below 1.",
    "disable-stateful": "The cache becomes inputs and outputs. GenAI cannot run such a model; Optimum can.",
    "disable-convert-tokenizer": "No OpenVINO tokenizer. GenAI cannot run such a model; Optimum can.",
    "lora-correction": "Adds small matrices to each layer that make up for the rounding: better, and a little slower at every token.",
    "smooth-quant-alpha": "With quant-mode: how far the activations' outliers are moved into the weights, 0 to 1; -1: not at all.",
    "awq": "Scales weights by how they are used before rounding them. Without a dataset by their own size alone.",
}
_LISTED: Final = re.compile(r"one of the following:\s*\[([^\]]+)\]")
_QUOTED: Final = re.compile(r"'([^']+)'")


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """The options that can be set, as for every form, and whose they are.

    Attributes:
        not_offered: name of a known option -> why it can't be set.
        versions: of optimum-intel, nncf, openvino, transformers, torch.
    """

    options: tuple[OptionSpec, ...]
    not_offered: Mapping[str, str]
    versions: Mapping[str, str]

    def find(self, name: str) -> OptionSpec | None:
        """An option by its own name, without dashes before it."""
        return next((option for option in self.options if option.name == name), None)


def conversion_options() -> ConversionOptions:
    """Those of the installed version; the first call takes about 0.3 s, and they are remembered by the version.

    Raises:
        ConversionFailed: optimum-intel is missing or broken.
    """
    try:
        return _options_of_version(version("optimum-intel"))
    except PackageNotFoundError:
        raise ConversionFailed("optimum-intel is not installed.", "Install requirements.txt again.") from None


@lru_cache(maxsize=4)
def _options_of_version(_: str) -> ConversionOptions:
    told = _ask()
    offered = [_spec(option) for option in told["options"] if option["name"] not in NOT_OFFERED]
    known = {option["name"] for option in told["options"]} | {"model", "output"}
    not_offered = {name: why for name, why in NOT_OFFERED.items() if name in known}
    order = {name: position for position, name in enumerate(GROUPS)}
    offered.sort(key=lambda option: (order.get(option.name, len(order)), option.name))
    return ConversionOptions(tuple(offered), not_offered, told["versions"])


def _ask() -> dict[str, Any]:
    command = [sys.executable, "-m", "openarc_ui.models.conversion.options_process"]
    root = Path(openarc_ui.__file__).parent.parent
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", cwd=root, timeout=READ_SECONDS, check=True
        )
        told: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConversionFailed(
            "The options of optimum-cli can't be read: optimum-intel is missing or broken.",
            "Install requirements.txt again.",
        ) from error
    return told


def _spec(option: Mapping[str, Any]) -> OptionSpec:
    name, text = option["name"], " ".join(option["help"].split())
    kind: OptionKind = option["kind"]
    choices = tuple(
        Choice(choice, WEIGHT_FORMATS.get(choice, "") if name == "weight-format" else "")
        for choice in option["choices"]
    )
    listed = _LISTED.search(text)
    if kind == "text" and listed:
        kind, choices = "choice", tuple(Choice(each) for each in _QUOTED.findall(listed.group(1)))
    default = option["default"]
    if name == "task":
        kind, choices, default = "choice", TASKS, TASK
    return OptionSpec(
        name=name,
        kind=kind,
        group=GROUPS.get(name, OTHER_GROUP),
        is_common=name in COMMON,
        help=HELP.get(name) or _first_sentence(text),
        text=text,
        default=None if default is None else str(default),
        choices=choices,
        minimum={"ratio": 0.0, "group-size": -1.0, "num-samples": 1.0, "smooth-quant-alpha": -1.0}.get(name),
        maximum={"ratio": 1.0, "smooth-quant-alpha": 1.0}.get(name),
    )


def _first_sentence(text: str) -> str:
    first, dot, _ = text.partition(". ")
    return first + "." if dot else text
