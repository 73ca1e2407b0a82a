"""The command line that equals a conversion, to copy into a terminal; the same words are what is run.

A GGUF needs a step before: `python -m openarc_ui.models.conversion.unpack FILE.gguf FOLDER`. Own texts as data can't be said to
`optimum-cli`, so a module of OpenArc stands in its place, with the same words behind it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openarc_ui.models.conversion.calibration import is_own
from openarc_ui.models.conversion.options import TASK
from openarc_ui.models.requests import OptionValue

OPTIMUM_CLI: Final = ("optimum-cli", "export", "openvino")
OWN_TEXTS: Final = ("python", "-m", "openarc_ui.models.conversion.own_texts")
UNPACK: Final = ("python", "-m", "openarc_ui.models.conversion.unpack")


@dataclass(frozen=True, slots=True)
class ConversionCommand:
    """What is run, word by word, with names in the model folder in place of paths.

    Attributes:
        first_step: of a GGUF: to a Hugging Face folder beside the result. Empty for a checkpoint.
        export: `optimum-cli export openvino ...`, or the module that gives it own texts.
        text: both, quoted for a shell, one a line, to be run in the model folder.
    """

    first_step: tuple[str, ...]
    export: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(shlex.join(words) for words in (self.first_step, self.export) if words)


def export_words(model: str, options: Mapping[str, OptionValue], result: str) -> tuple[str, ...]:
    """The words behind `optimum-cli export openvino`; the options checked before, in their own order. Own texts are no option.

    Values are joined to their names where they could be read as options: `--group-size=-1`.
    """
    task = str(options.get("task", TASK))
    words = ["--model", model, "--task", task]
    for name, value in options.items():
        if name == "task" or value is False or (name == "dataset" and is_own(value)):
            continue
        if value is True:
            words.append(f"--{name}")
        elif str(value).startswith("-"):
            words.append(f"--{name}={value}")
        else:
            words += [f"--{name}", str(value)]
    return (*words, result)


def command_of(source: str, is_gguf: bool, options: Mapping[str, OptionValue], result: str) -> ConversionCommand:
    """The command for a source of the model folder.

    Args:
        source: its name there.
        result: the result's name there.
    """
    dataset = options.get("dataset")
    program = (*OWN_TEXTS, str(dataset)) if is_own(dataset) else OPTIMUM_CLI
    if not is_gguf:
        return ConversionCommand((), (*program, *export_words(source, options, result)))
    unpacked = f"{result}-unpacked"
    return ConversionCommand((*UNPACK, source, unpacked), (*program, *export_words(unpacked, options, result)))


def words_of(command: ConversionCommand) -> Sequence[str]:
    """The card's word list: both steps, joined as a shell would take them."""
    return (*command.first_step, "&&", *command.export) if command.first_step else command.export
