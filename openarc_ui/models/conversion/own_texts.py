"""Optimum's export with a person's own texts: `python -m openarc_ui.models.conversion.own_texts TEXTS.jsonl --model …`.

`optimum-cli export openvino` takes names of data sets alone; what it makes of its options takes a list of texts in the same
place (`OVWeightQuantizationConfig(dataset=[…])`, optimum-intel 2.1), so the command's own `dataset` is replaced by one. All
other words are the command's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from openarc_ui.models.conversion.calibration import read_texts

CONFIGURATION: Final = "openvino_config.json"


@contextmanager
def calibrated_by(path: Path) -> Iterator[None]:
    """The export command sees a file's texts as its data set for as long as the context lasts.

    Raises:
        ValueError, OSError: the file can't be used.
    """
    texts = read_texts(path).texts
    from optimum.commands.export.openvino import OVExportCommand

    run = OVExportCommand.run

    def run_with_texts(command: Any) -> None:
        command.args.dataset = list(texts)
        try:
            run(command)
        finally:
            forget_texts(Path(command.args.output), path.name)

    OVExportCommand.run = run_with_texts
    try:
        yield
    finally:
        OVExportCommand.run = run


def forget_texts(result: Path, name: str) -> None:
    """Optimum notes its data set beside the result, texts and all: only the file's name stays."""
    path = result / CONFIGURATION
    if path.is_file():
        kept = _without_texts(json.loads(path.read_text(encoding="utf-8")), name)
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _without_texts(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {
            key: name if key == "dataset" and isinstance(each, list) else _without_texts(each, name)
            for key, each in value.items()
        }
    return [_without_texts(each, name) for each in value] if isinstance(value, list) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the command line; the exit code is 0 when the model is there."""
    from openarc_ui.privacy import forbid_telemetry

    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) < 2 or given[0].startswith("-"):
        sys.stderr.write(
            "usage: python -m openarc_ui.models.conversion.own_texts TEXTS --model MODEL [option …] RESULT\n"
        )
        sys.stderr.write("The options are those of optimum-cli export openvino, without --dataset.\n")
        return 2
    path, words = Path(given[0]), given[1:]
    try:
        read_texts(path)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{path.name} can't be used: {error}.\n")
        return 1
    forbid_telemetry()
    from optimum.commands.optimum_cli import main as optimum

    sys.argv = ["optimum-cli", "export", "openvino", *words]
    with calibrated_by(path):
        optimum()
    return 0


if __name__ == "__main__":
    sys.exit(main())
