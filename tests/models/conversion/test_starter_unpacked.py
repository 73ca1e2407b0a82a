"""The starter's GGUF unpacked: it predicts what the GGUF predicts, in the same tokens, and keeps what belongs to the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openvino_genai
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from openarc_ui.models.conversion.unpack import unpack
from tests.models.test_gguf_to_ir import TEXT, reference_state
from tests.models.test_gguf_tokenizer import STRINGS

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def unpacked(starter_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked") / "starter"
    unpack(starter_gguf, folder)
    return folder


def test_its_weights_and_its_perplexity_are_the_ggufs(unpacked: Path, starter_gguf: Path) -> None:
    """Against the GGUF's tensors read without any of this code: equal but for the rounding to 16 bits."""
    ids = AutoTokenizer.from_pretrained(unpacked)(TEXT, return_tensors="pt").input_ids
    model = AutoModelForCausalLM.from_pretrained(unpacked, dtype=torch.float32)
    state = reference_state(starter_gguf)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    mine = model.state_dict()
    assert set(mine) == set(state)
    assert all(torch.equal(mine[name], tensor.half().float()) for name, tensor in state.items())
    unpacked_loss = mean_loss(model, ids)
    model.load_state_dict(state)
    assert unpacked_loss == pytest.approx(mean_loss(model, ids), rel=1e-4)


def mean_loss(model: Any, ids: Any) -> float:
    with torch.inference_mode():
        return float(torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:]))


def test_its_token_ids_are_those_of_the_ir(unpacked: Path, starter_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(unpacked)
    theirs = openvino_genai.Tokenizer(str(starter_folder))
    for text in STRINGS:
        ids = theirs.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        assert tokenizer(text, add_special_tokens=False).input_ids == ids, text


def test_what_belongs_to_the_starter_comes_along(unpacked: Path, starter_folder: Path) -> None:
    for name in ("chat_template.jinja", "MODEL_LICENSE.txt", "openarc_profile.json"):
        assert (unpacked / name).read_bytes() == (starter_folder / name).read_bytes()
    mine, theirs = (
        json.loads((folder / "generation_config.json").read_text()) for folder in (unpacked, starter_folder)
    )
    assert mine == theirs
    assert (mine["do_sample"], mine["temperature"]) == (False, 0.2)
