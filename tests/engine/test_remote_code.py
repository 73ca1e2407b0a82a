"""Python files in a model's folder: never run unless the server was started so, whatever a request or a folder says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from openarc_ui.engine.backends.files import needs_own_code
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import ModelLoadFailed
from tests.conftest import ask

CODE = """\
from pathlib import Path

from transformers import LlamaConfig

Path({marker!r}).touch()


class OwnConfig(LlamaConfig):
    model_type = "{model_type}"
"""
AUTO_MAP = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"}


@pytest.fixture(scope="module")
def folder(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the starter model."""
    return Path(shutil.copytree(starter_folder, tmp_path_factory.mktemp("models") / "own"))


def give_code(folder: Path, model_type: str, marker: Path) -> None:
    """Name a Python file in the model's configuration; when it is run it leaves a marker."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": AUTO_MAP, "model_type": model_type}))
    (folder / "configuration_own.py").write_text(CODE.format(marker=str(marker), model_type=model_type))


def test_it_is_no_field_of_a_request() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        LoadRequest.model_validate({"model_path": "m", "trust_remote_code": True})


@pytest.mark.parametrize(
    ("config", "needs"),
    [
        ({"model_type": "llama"}, False),
        ({"model_type": "own"}, False),
        ({"model_type": "llama", "auto_map": AUTO_MAP}, False),
        ({"model_type": "own", "auto_map": AUTO_MAP}, True),
        ({"auto_map": AUTO_MAP}, True),
        ({"model_type": "own", "auto_map": {}}, False),
    ],
)
def test_only_a_type_that_nobody_knows_needs_the_code(tmp_path: Path, config: dict[str, object], needs: bool) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert needs_own_code(tmp_path, {"llama"}) is needs


@pytest.mark.model
def test_without_the_switch_the_file_is_never_imported_and_the_refusal_says_what_to_do(
    folder: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    order = LoadRequest(model_path="own", backend="optimum", ov_config={"KV_CACHE_PRECISION": "f16"})
    with Engine(folder.parent) as engine:
        give_code(folder, "own", marker)
        with pytest.raises(ModelLoadFailed, match="Python files in its folder") as caught:
            engine.load(order)
        assert "--trust-remote-code" in caught.value.hint
        give_code(folder, "llama", marker)
        engine.load(order)
        answer = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=12))
        assert "Paris" in answer.result(timeout=60).texts[0], "transformers has a class of its own for it"
    assert not marker.exists()


@pytest.mark.model
def test_with_the_switch_only_optimum_runs_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "ran"
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    give_code(folder, "llama", marker)
    with Engine(folder.parent, trust_remote_code=True) as engine:
        engine.load(LoadRequest(model_path="own", backend="genai"))
        assert not marker.exists()
        engine.unload()
        engine.load(LoadRequest(model_path="own", backend="optimum", ov_config={"KV_CACHE_PRECISION": "f16"}))
        answer = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=12))
        assert "Paris" in answer.result(timeout=60).texts[0]
    assert marker.exists()
