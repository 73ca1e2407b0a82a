"""The program as the documentation takes it: the starter, a checkpoint, and a Hub on this machine in place of the real one."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openarc_ui.server.model_work_bodies import REPOSITORY, SOURCE
from tests.application import Application
from tests.hub_server import HubServer

WEIGHTS_BYTES = 150_000
BYTES_PER_SECOND = 37_500
"""A download takes four seconds, so that an example can pause it."""


@contextmanager
def documented_application(starter: Path, *flags: str) -> Iterator[Application]:
    """Running and ready; what its examples rename and delete is in a model folder of its own."""
    with tempfile.TemporaryDirectory() as folder, HubServer() as hub:
        models = Path(folder) / "models"
        shutil.copytree(starter, models / starter.name, copy_function=_link_or_copy)
        _write_checkpoint(models / SOURCE)
        hub.add_repository(REPOSITORY, _files(), downloads=12_345, likes=67)
        hub.faults.bytes_per_second = BYTES_PER_SECOND
        with Application(models, "--hub-endpoint", hub.endpoint, *flags) as running:
            running.wait()
            yield running


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write_checkpoint(folder: Path) -> None:
    """A checkpoint by its names and headers; a conversion of it would fail."""
    folder.mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8}
    (folder / "config.json").write_text(json.dumps(config))
    header = json.dumps({"weight": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))


def _files() -> dict[str, bytes]:
    """What a repository with an OpenVINO model has."""
    return {
        "README.md": b"---\nlicense: apache-2.0\n---\n",
        "config.json": b'{"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}',
        "openvino_model.xml": b'<net name="Model0" version="11"><layers/><edges/></net>',
        "openvino_model.bin": os.urandom(WEIGHTS_BYTES),
        "openvino_tokenizer.xml": b'<net name="tokenizer" version="11"><layers/><edges/></net>',
        "openvino_detokenizer.xml": b'<net name="detokenizer" version="11"><layers/><edges/></net>',
        "tokenizer.json": b"{}",
    }
