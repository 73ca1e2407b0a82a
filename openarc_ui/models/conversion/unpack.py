"""From a GGUF to a Hugging Face folder: `python -m openarc_ui.models.conversion.unpack FILE.gguf FOLDER`.

config.json, safetensors of 16 bits, tokenizer, chat template, generation_config.json, as any other program reads them. The
folder comes into being in one step, or not at all.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.types import LoadStage
from openarc_ui.models.childhood import claim_stdout
from openarc_ui.models.progress import TextReporter
from openarc_ui.privacy import forbid_telemetry

Say = Callable[[str, float], None]
SAMPLING = {
    "temperature": "temp",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "penalty_repeat",
}
"""Of a generation_config.json -> of a GGUF."""


def unpack(gguf: Path, folder: Path, say: Say = lambda stage, fraction: None) -> None:
    """Write the checkpoint into `folder`, which must not be there.

    Args:
        say: a stage in words, and the share of the whole that is done.

    Raises:
        ValueError: it can't be unpacked exactly, with the reason.
        OSError: it can't be read, or the folder can't be written.
    """
    from openarc_ui.models.gguf_source import GgufSource
    from openarc_ui.models.gguf_tokenizer import build_tokenizer

    if folder.exists():
        raise FileExistsError(17, "File exists", str(folder))
    say("Reading the GGUF", 0.0)
    source = GgufSource(gguf)
    tokenizer = build_tokenizer(source)
    # These import transformers, seconds that a file should not wait for which can't be unpacked anyway.
    from openarc_ui.models.conversion.gguf_config import read_config
    from openarc_ui.models.conversion.gguf_weights import write_weights

    config = read_config(source)
    building = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    building.mkdir(parents=True)
    try:
        config.save_pretrained(building)
        tokenizer.save(str(building / "tokenizer.json"))
        write_texts(source, gguf, building)
        say("Writing the weights in 16 bits", 0.2)
        write_weights(source, config, building, lambda share: say("Writing the weights in 16 bits", 0.2 + 0.8 * share))
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def write_texts(source: Any, gguf: Path, folder: Path) -> None:
    """Everything beside configuration, weights and tokenizer.json; of the starter's GGUF what its own preparation writes too."""
    from openarc_ui.models.gguf_tokenizer import tokenizer_config
    from openarc_ui.models.side_files import CHAT_TEMPLATE, RECOMMENDED_SAMPLING, carry_starter_files
    from openarc_ui.models.starter_files import STARTER_GGUF

    _write_json(folder / "tokenizer_config.json", tokenizer_config(source))
    generation = {
        f"{name}_token_id": source.value(f"tokenizer.ggml.{key}_token_id")
        for name, key in (("bos", "bos"), ("pad", "padding"))
    }
    generation["eos_token_id"] = _ends(source)
    generation |= _sampling(source)
    generation = {name: value for name, value in generation.items() if value is not None}
    template = source.value("tokenizer.chat_template")
    if template:
        (folder / CHAT_TEMPLATE).write_text(template, encoding="utf-8")
    if STARTER_GGUF.is_at(gguf):
        generation |= RECOMMENDED_SAMPLING
        carry_starter_files(folder)
    _write_json(folder / "generation_config.json", generation)


def _sampling(source: Any) -> dict[str, Any]:
    """What the file itself recommends, where it does (llama.cpp: `general.sampling.*`)."""
    told = {name: source.value(f"general.sampling.{key}") for name, key in SAMPLING.items()}
    said = {name: value for name, value in told.items() if type(value) in (int, float) and 0 <= value < math.inf}
    if not said:
        return {}
    if said.get("temperature") == 0:
        return {"do_sample": False}
    # In 32 bits 0.6 is 0.60000002384.
    return {"do_sample": True} | {name: round(value, 6) for name, value in said.items()}


def _ends(source: Any) -> int | list[int] | None:
    """The tokens that end an answer: of the text, of a turn, of a message to a tool."""
    ids = [source.value(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")]
    known = list(dict.fromkeys(each for each in ids if each is not None))
    return known[0] if len(known) == 1 else known or None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the command line; the exit code is 0 when the folder is there."""
    parser = argparse.ArgumentParser(
        prog="python -m openarc_ui.models.conversion.unpack",
        description="Write the weights, tokenizer and chat template of a GGUF as a Hugging Face folder, which optimum-cli reads.",
    )
    parser.add_argument("gguf", type=Path, help="the GGUF file")
    parser.add_argument("folder", type=Path, help="the folder to be made")
    options = parser.parse_args(arguments)
    forbid_telemetry()
    output = claim_stdout()
    reporter = TextReporter(output)
    try:
        unpack(options.gguf, options.folder, lambda stage, fraction: reporter.send(LoadStage(stage, fraction)))
    except (ValueError, OSError) as error:
        output.write(f"\n{options.gguf.name} can't be unpacked: {error}.\n")
        output.flush()
        return 1
    output.write(f"\nReady: {options.folder}\n")
    output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
