"""Optimum opens no path of a configuration that leads out of the model's folder, whoever calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openarc_ui.engine.backends.optimum import OptimumBackend
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import BackendUnavailable, ModelLoadFailed
from tests.engine.catalogue.test_details import whole


def test_a_tokenizer_file_outside_ends_the_load_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_file": str(tmp_path / "tokenizer.json")}))
    stages: list[str] = []
    # Made without its libraries, which take seconds to import and have no part in this.
    backend = object.__new__(OptimumBackend)
    with pytest.raises(ModelLoadFailed, match=r"tokenizer_file in .* leads out") as caught:
        backend.load(LoadRequest(model_path="m"), str(folder), lambda label, fraction: stages.append(label))
    assert stages == [] and caught.value.hint


def test_an_engine_refuses_it_before_it_starts_a_worker(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    folder = whole(tmp_path / "models" / "m")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_file": "/somewhere/tokenizer.json"}')
    with Engine(tmp_path / "models") as engine:
        with pytest.raises(BackendUnavailable, match="leads out of the model's folder"):
            engine.load(LoadRequest(model_path="m", backend="optimum"))
        assert engine.status().models == ()
