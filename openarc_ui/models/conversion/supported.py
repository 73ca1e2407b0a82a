"""Whether a checkpoint is of a type that can be converted, by its config.json and what the installed libraries say they know.

The libraries are asked once, by a process of their own; a task that was started would end with the same refusal, later.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import openarc_ui
from openarc_ui.engine.backends.files import needs_own_code, read_json
from openarc_ui.errors import ConversionFailed
from openarc_ui.models.conversion.prequantized import HINT as QUANTIZED_HINT
from openarc_ui.models.conversion.prequantized import problem_of_quantized

READ_SECONDS: Final = 120.0
CERTAIN: Final = frozenset(
    {"gemma2", "gemma3_text", "gpt2", "llama", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"}
)
"""Types of most models, for which nobody is asked: any version of the libraries that OpenArc runs with converts them."""
OWN_CODE: Final = "the model needs Python files of its own folder, and a model's own code is not run"
OWN_CODE_HINT: Final = "Choose another model, or download one that is converted already."
NO_TYPE: Final = "its config.json names no model_type, so nothing tells what it is"
SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class ModelTypes:
    """`model_type`s.

    Attributes:
        known: those that transformers has classes for.
        convertible: those that Optimum exports to OpenVINO as text models.
    """

    known: frozenset[str]
    convertible: frozenset[str]


def problem_of_type(folder: Path) -> str:
    """Why a checkpoint can't be converted, as a clause; "" where nothing of its config.json stands against it.

    The first call for a type that is not `CERTAIN` takes some seconds.

    Raises:
        ConversionFailed: optimum-intel is missing or broken.
        ValueError, OSError: its config.json can't be read.
    """
    config = read_json(folder / "config.json")
    problem = problem_of_config(config)
    if problem:
        return problem
    model_type = str(config["model_type"])
    if model_type in CERTAIN:
        return ""
    if model_type == "mistral" and "layer_types" in config:
        model_type = "ministral"  # as transformers takes it (AutoConfig.from_pretrained)
    types = model_types()
    if needs_own_code(folder, types.known):
        return OWN_CODE
    if model_type in types.convertible:
        return ""
    return f"Optimum-Intel has no text generation of the type {model_type[:SHOWN_CHARACTERS]!r}"


def problem_of_config(config: Mapping[str, Any]) -> str:
    """The same, as far as nobody has to be asked: weights that can't be read, or no type at all.

    Args:
        config: what its config.json holds.
    """
    if not isinstance(config.get("model_type"), str):
        return OWN_CODE if config.get("auto_map") else NO_TYPE
    return problem_of_quantized(config)


def hint_of(problem: str) -> str:
    """What to do about such a problem."""
    if problem in (OWN_CODE, NO_TYPE):
        return OWN_CODE_HINT if problem == OWN_CODE else "Choose another model, or download its config.json again."
    return QUANTIZED_HINT if "quantised" in problem else "Choose a text-generation model of another type."


def model_types() -> ModelTypes:
    """Of the installed version, remembered.

    Raises:
        ConversionFailed: optimum-intel is missing or broken.
    """
    try:
        return _types_of_versions(version("optimum-intel"), version("transformers"))
    except PackageNotFoundError:
        raise ConversionFailed("optimum-intel is not installed.", "Install requirements.txt again.") from None


@lru_cache(maxsize=4)
def _types_of_versions(*_: str) -> ModelTypes:
    command = [sys.executable, "-m", "openarc_ui.models.conversion.supported_process"]
    root = Path(openarc_ui.__file__).parent.parent
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", cwd=root, timeout=READ_SECONDS, check=True
        )
        told = json.loads(done.stdout)
        return ModelTypes(frozenset(told["known"]), frozenset(told["convertible"]))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise ConversionFailed(
            "The model types of optimum-intel can't be read: it is missing or broken.",
            "Install requirements.txt again.",
        ) from error
