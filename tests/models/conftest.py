"""The real starter model, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.models.gguf_source import GgufSource
from tests.starter_fixture import ensure_starter, ensure_starter_gguf


@pytest.fixture(scope="session")
def starter_folder() -> Path:
    return ensure_starter("int4")


@pytest.fixture(scope="session")
def starter_int8_folder() -> Path:
    return ensure_starter("int8")


@pytest.fixture(scope="session")
def starter_gguf() -> Path:
    return ensure_starter_gguf()


@pytest.fixture(scope="session")
def gguf_source(starter_gguf: Path) -> GgufSource:
    return GgufSource(starter_gguf)
