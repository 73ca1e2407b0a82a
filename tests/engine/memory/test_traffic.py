"""What a token reads from memory: on models that were never built, and on the starter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.devices import OpenVinoLayer
from openarc_ui.engine.memory.traffic import has_experts, token_traffic
from openarc_ui.engine.types import LoadRequest, TokenTraffic
from tests.engine.memory.machines import LLAMA_8B, MACHINE, write_model

VOCABULARY, HIDDEN = 1000, 64
CONFIG = {**LLAMA_8B, "vocab_size": VOCABULARY, "hidden_size": HIDDEN}
TABLE = VOCABULARY * HIDDEN
LAYERS = 5_000_000


def constants(folder: Path, *found: tuple[str, str, str, int], config: Mapping[str, Any] = CONFIG) -> None:
    """A model folder of these constants: name, element type, shape, size in bytes."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    layers = "".join(
        f'<layer name="{name}" type="Const"><data element_type="{kind}" shape="{shape}" offset="0" size="{size}"/></layer>'
        for name, kind, shape, size in found
    )
    (folder / "openvino_model.xml").write_text(f"<net><layers>{layers}</layers></net>")
    (folder / "openvino_model.bin").write_bytes(b"")


def traffic(
    root: Path, name: str = "model", devices: tuple[str, ...] = ("CPU",), **request: Any
) -> TokenTraffic | None:
    order = LoadRequest(model_path=name, **request)
    return token_traffic(find_model(root, name), order, "genai", MACHINE, devices)


def table(name: str) -> tuple[tuple[str, str, str, int], ...]:
    """A compressed vocabulary * hidden matrix with a scale and a zero point for each row, and a shape between."""
    return (
        (name, "i8", f"{VOCABULARY}, {HIDDEN}", TABLE),
        (f"{name}/shape", "i64", "2", 16),
        (f"{name}/scale", "f16", f"{VOCABULARY}, 1", 2 * VOCABULARY),
        (f"{name}/zero", "u8", f"{VOCABULARY}, 1", VOCABULARY),
    )


BODY = ("body", "i8", "5000, 1000", LAYERS)
ROWS = TABLE + 3 * VOCABULARY


def test_one_matrix_for_embedding_and_logits_is_read_whole(tmp_path: Path) -> None:
    constants(tmp_path / "model", *table("tied"), BODY)
    found = traffic(tmp_path)
    assert found is not None and found.weights_bytes == LAYERS + ROWS + 16


@pytest.mark.parametrize("first", ["Constant_1", "model.embed_tokens.weight"])
def test_an_embedding_of_its_own_is_looked_up_with_its_scales(tmp_path: Path, first: str) -> None:
    constants(tmp_path / "model", *table(first), BODY, *table("lm_head"))
    found = traffic(tmp_path)
    assert found is not None and found.weights_bytes == LAYERS + ROWS + 32
    assert "a token reads one row of" in found.how


def test_the_matrix_that_is_called_embedding_is_the_one_wherever_it_stands(tmp_path: Path) -> None:
    half = ("embed_tokens", "f16", f"{VOCABULARY}, {HIDDEN}", 2 * TABLE)
    constants(tmp_path / "model", *table("lm_head"), BODY, half)
    found = traffic(tmp_path)
    assert found is not None and found.weights_bytes == LAYERS + ROWS + 16


@pytest.mark.parametrize(
    "config",
    [{"num_local_experts": 8}, {"text_config": {"num_experts": 64}}, {"n_routed_experts": 2}],
)
def test_a_mixture_of_experts_has_none_since_not_all_is_read(tmp_path: Path, config: dict[str, Any]) -> None:
    constants(tmp_path / "model", BODY, config={**CONFIG, **config})
    assert traffic(tmp_path) is None


def test_one_expert_or_a_word_is_no_mixture() -> None:
    assert not has_experts({"num_experts": 1, "num_local_experts": None, "text_config": "none"})


def test_it_is_unknown_where_the_files_do_not_tell_or_several_devices_share_the_work(tmp_path: Path) -> None:
    constants(tmp_path / "model", BODY)
    assert traffic(tmp_path) is not None
    assert traffic(tmp_path, devices=("GPU.0", "GPU.1")) is None
    assert traffic(tmp_path, devices=()) is None
    (tmp_path / "model" / "config.json").write_text("{")
    assert traffic(tmp_path) is None
    (tmp_path / "model" / "config.json").write_text("{}")
    assert traffic(tmp_path) is None


def test_the_cache_counts_in_the_precision_it_is_kept_in(tmp_path: Path) -> None:
    write_model(tmp_path / "model", "u4", 1_000_000)
    whole, halves = traffic(tmp_path, ov_config={"KV_CACHE_PRECISION": "f16"}), traffic(tmp_path)
    assert whole is not None and whole.kv_bytes_per_token == 2 * 32 * 8 * 128 * 2
    assert halves is not None and halves.kv_bytes_per_token < whole.kv_bytes_per_token


@pytest.mark.model
def test_the_starters_bytes_are_those_of_its_file_and_of_genais_cache(starter_folder: Path) -> None:
    entry = find_model(starter_folder.parent, starter_folder.name)
    size = (starter_folder / "openvino_model.bin").stat().st_size
    for precision, kv_bytes in (("f16", 23_040), ("u8", 13_680)):
        order = LoadRequest(model_path=entry.name, ov_config={"KV_CACHE_PRECISION": precision})
        found = token_traffic(entry, order, "genai", OpenVinoLayer(), ("CPU",))
        assert found is not None
        assert found.kv_bytes_per_token == kv_bytes
        assert found.weights_bytes == pytest.approx(size, rel=0.001)
