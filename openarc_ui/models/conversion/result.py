"""What stands beside a converted model: what the source had that Optimum drops, the card, and the hashes of its files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.folder import PROFILE_FILE
from openarc_ui.engine.catalogue.weights import read_weights
from openarc_ui.errors import ConversionFailed, InvalidRequest
from openarc_ui.models.results import ConversionCard

CARD_FILE: Final = "openarc_conversion.json"
FILE_LIST: Final = "openarc_files.json"
GENERATION: Final = "generation_config.json"
LICENCES: Final = ("license", "licence", "notice", "copying", "model_license", "use_policy")
MOST_BYTES: Final = 1_000_000
BLOCK_BYTES: Final = 2**22


def carry_side_files(checkpoint: Path, result: Path) -> None:
    """Copy licence and recommended properties where Optimum wrote none, and keep the sampling defaults of the source."""
    for path in sorted(checkpoint.iterdir()):
        is_licence = path.stem.casefold() in LICENCES and path.suffix.casefold() in ("", ".txt", ".md")
        if (is_licence or path.name in (PROFILE_FILE, GENERATION)) and path.is_file() and not path.is_symlink():
            target = result / path.name
            if path.stat().st_size > MOST_BYTES:
                continue
            if path.name == GENERATION and target.exists():
                _keep_generation(path, target)
            elif not target.exists():
                shutil.copyfile(path, target)


def _keep_generation(source: Path, target: Path) -> None:
    """What the source says stands, beside what Optimum added.

    Optimum writes the file by transformers, which leaves it out where it finds it odd, such as greedy with a temperature for
    who samples, and may leave out what another version of it wrote.
    """
    try:
        kept = read_json(target) | read_json(source)
    except ValueError:
        return  # transformers could not read it either
    target.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def name_the_source(result: Path, checkpoint: Path, source: str) -> None:
    """Put the source's name where Optimum noted the path it was read from, such as `tokenizer` in openvino_config.json."""
    for path in result.glob("*.json"):
        if path.stat().st_size > MOST_BYTES:
            continue
        text = path.read_text(encoding="utf-8")
        if json.dumps(str(checkpoint))[1:-1] in text:
            named = _named(json.loads(text), str(checkpoint), source)
            path.write_text(json.dumps(named, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _named(value: Any, path: str, source: str) -> Any:
    if isinstance(value, str):
        return value.replace(path, source)
    if isinstance(value, dict):
        return {name: _named(each, path, source) for name, each in value.items()}
    return [_named(each, path, source) for each in value] if isinstance(value, list) else value


def result_weights(result: Path) -> str:
    """The precisions of the result in words, as the catalogue tells them.

    Raises:
        ConversionFailed: the graph can't be read.
    """
    try:
        return read_weights(result / "openvino_model.xml").words
    except InvalidRequest as error:
        raise ConversionFailed(f"The result is no model: {error.message}", "The task's log says more.") from error


def write_card(card: ConversionCard, result: Path) -> None:
    """Keep the card beside the model."""
    (result / CARD_FILE).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def write_file_list(
    source: Mapping[str, str], result: Path, require_going_on: Callable[[], None] = lambda: None
) -> None:
    """Note size and SHA-256 of every file, so that it can be seen later whether one changed.

    Args:
        source: what the files came from: `kind`, and what there is to say.
        require_going_on: called between blocks; raises to stop.
    """
    files = {}
    for path in sorted(each for each in result.rglob("*") if each.is_file()):
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                require_going_on()
        name = path.relative_to(result).as_posix()
        files[name] = {"size_bytes": path.stat().st_size, "sha256": digest.hexdigest()}
    told = {"source": dict(source), "files": files}
    (result / FILE_LIST).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
