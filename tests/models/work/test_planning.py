"""Whether a model can be converted is said before anything begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.work.planning import source_of
from tests.engine.catalogue.test_catalogue import HUGGING_FACE, gguf, make


def test_a_checkpoint_with_parts_missing_is_not_offered_a_conversion(
    tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    make(tmp_path / "models" / "cut", "model-00001-of-00002.safetensors", *HUGGING_FACE)
    with pytest.raises(InvalidRequest, match=r"'cut' can't be converted: 1 of 2 parts is missing"):
        source_of(make_engine(), "cut")
    (tmp_path / "models" / "cut" / "model-00002-of-00002.safetensors").touch()
    assert source_of(make_engine(), "cut").name == "cut"


def test_a_part_of_a_gguf_is_not_offered_a_conversion(tmp_path: Path, make_engine: Callable[..., Engine]) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m-00001-of-00002.gguf").write_bytes(gguf("llama"))
    with pytest.raises(InvalidRequest, match="one of 2 parts"):
        source_of(make_engine(), "m-00001-of-00002.gguf")
