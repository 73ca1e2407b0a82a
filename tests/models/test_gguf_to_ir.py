"""The converted model predicts what the GGUF's own weights predict, and runs in GenAI."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import openvino
import openvino_genai
import pytest
from tokenizers import Tokenizer

from openarc_ui.models.gguf_source import BlockScales, GgufSource
from openarc_ui.models.gguf_to_ir import write_exact_model
from openarc_ui.models.side_files import RECOMMENDED_SAMPLING
from openarc_ui.models.verify import verify_folder

FloatArray = npt.NDArray[np.float32]

TEXT = """\
The ferry left the island before sunrise. Maria stood at the rail with a cup of coffee and watched the harbour grow
smaller, one light after another going out behind the hill. She had come for a week and stayed for eleven years, first
to repair the old lighthouse, later because nobody asked her to leave. In her bag were two books, a loaf of bread and
the letter from the city council that offered her the work she had once dreamed of.

"You will be back," the captain said. He did not look at her; he looked at the clouds in the west.

Water boils at 100 degrees Celsius at sea level, but only at about 93 degrees at a height of 2,000 metres, because the
pressure of the air is lower there. This is why rice takes longer to cook in the mountains.

def mean(values):
    if not values:
        raise ValueError("mean of an empty list")
    return sum(values) / len(values)

Le marché ouvre à huit heures. On y trouve du pain, du fromage et des pommes.

To plant a tree, first dig a hole that is twice as wide as the roots. Put the tree in the middle, fill the hole with
earth, press it down with your foot, and give it plenty of water. In the first summer it needs water every week.
"""
# Relative to the mean loss. Measured: 0.00001 and 0.003; with GenAI's rounded zero points 0.10.
INT4_TOLERANCE = 0.0005
INT8_TOLERANCE = 0.01
# Mean difference of a token's loss, in nats. Measured: 0.003, from zero points in f16; with rounded ones 0.64.
INT4_TOKEN_TOLERANCE = 0.01


@dataclass(frozen=True)
class Reference:
    """What the GGUF's weights, dequantised to f32, say about the text.

    Attributes:
        losses: negative log likelihood of each token after the first.
    """

    token_ids: npt.NDArray[np.int64]
    losses: FloatArray

    @property
    def mean_loss(self) -> float:
        return float(self.losses.mean())


def losses_of(logits: FloatArray, token_ids: npt.NDArray[np.int64]) -> FloatArray:
    """Negative log likelihood of each token from the logits before it; `logits` has shape (tokens, vocabulary)."""
    before = logits[:-1].astype(np.float64)
    top = before.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(before - top).sum(axis=1))
    losses: FloatArray = (log_sum - before[np.arange(len(before)), token_ids[1:]]).astype(np.float32)
    return losses


def reference_state(path: Path) -> dict[str, Any]:
    """The GGUF's tensors under Hugging Face's names, read without the code that is tested."""
    import torch

    names = {
        "token_embd": "model.embed_tokens",
        "output_norm": "model.norm",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    state = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        *block, kind, _weight = tensor.name.split(".")
        heads = {"attn_q": 9, "attn_k": 3}.get(kind)
        if heads is not None:
            rows, columns = values.shape
            values = values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        prefix = f"model.layers.{block[1]}." if block else ""
        state[f"{prefix}{names[kind]}.weight"] = torch.from_numpy(values.copy())
    return state


@pytest.fixture(scope="module")
def reference(starter_folder: Path, starter_gguf: Path) -> Reference:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    token_ids = np.array(Tokenizer.from_file(str(starter_folder / "tokenizer.json")).encode(TEXT).ids, dtype=np.int64)
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig.from_json_file(str(starter_folder / "config.json")))
    state = reference_state(starter_gguf)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)
    with torch.inference_mode():
        logits = model.eval()(torch.from_numpy(token_ids)[None]).logits[0].numpy()
    return Reference(token_ids, losses_of(logits, token_ids))


def losses_of_ir(folder: Path, token_ids: npt.NDArray[np.int64]) -> FloatArray:
    """The same for an OpenVINO model, computed in f32 so that only the weights differ."""
    precise = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "KV_CACHE_PRECISION": "f32"}
    request = openvino.Core().compile_model(folder / "openvino_model.xml", "CPU", precise).create_infer_request()
    length = len(token_ids)
    results = request.infer(
        {
            "input_ids": token_ids[None],
            "attention_mask": np.ones((1, length), dtype=np.int64),
            "position_ids": np.arange(length, dtype=np.int64)[None],
            "beam_idx": np.zeros(1, dtype=np.int32),
        }
    )
    return losses_of(results["logits"][0], token_ids)


def test_zero_points_say_the_same_as_scales_and_minima() -> None:
    scales = np.array([[0.5, 0.25, 0.0]], dtype=np.float16)
    minima = np.array([[-3.0, -1.9, 0.0]], dtype=np.float16)
    zero_points = BlockScales(scales, minima).zero_points()
    assert zero_points.dtype == np.float16
    for number in range(16):
        exact = number * scales.astype(np.float32) + minima.astype(np.float32)
        again = (number - zero_points.astype(np.float32)) * scales.astype(np.float32)
        assert np.allclose(exact, again, atol=1e-3)


def test_a_block_that_zero_points_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="scale 0"):
        BlockScales(np.zeros((1, 1), np.float16), np.ones((1, 1), np.float16)).zero_points()


@pytest.mark.model
def test_the_text_is_of_a_useful_length(reference: Reference) -> None:
    assert 250 <= len(reference.token_ids) <= 600
    assert reference.mean_loss < 3.5  # a model that understands the text at all


@pytest.mark.model
def test_int4_predicts_what_the_gguf_predicts(starter_folder: Path, reference: Reference) -> None:
    losses = losses_of_ir(starter_folder, reference.token_ids)
    assert float(losses.mean()) == pytest.approx(reference.mean_loss, rel=INT4_TOLERANCE)
    assert float(np.abs(losses - reference.losses).mean()) < INT4_TOKEN_TOLERANCE


@pytest.mark.model
def test_int8_predicts_nearly_what_the_gguf_predicts(starter_int8_folder: Path, reference: Reference) -> None:
    losses = losses_of_ir(starter_int8_folder, reference.token_ids)
    assert float(losses.mean()) == pytest.approx(reference.mean_loss, rel=INT8_TOLERANCE)


@pytest.mark.model
def test_the_weights_keep_four_and_eight_bits(starter_folder: Path, starter_int8_folder: Path) -> None:
    sizes = [(folder / "openvino_model.bin").stat().st_size for folder in (starter_folder, starter_int8_folder)]
    assert sizes[0] < 100e6
    assert sizes[1] < 140e6


@pytest.mark.model
def test_a_graph_of_another_gguf_is_refused(starter_folder: Path, gguf_source: GgufSource, tmp_path: Path) -> None:
    class Other(GgufSource):
        def __init__(self) -> None:
            """The same file with one tensor less."""
            self.__dict__.update(vars(gguf_source))
            self._tensors = {name: each for name, each in self._tensors.items() if name != "blk.3.attn_v.weight"}

    with pytest.raises(ValueError, match="no tensor of the GGUF"):
        write_exact_model(starter_folder, Other(), "int4", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.model
def test_the_check_finds_a_tokenizer_of_another_model(starter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(starter_folder, folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    verify_folder(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.pre_tokenizer = None
    (folder / "tokenizer.json").unlink()
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(ValueError, match="different token ids"):
        verify_folder(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match="missing or empty"):
        verify_folder(folder)


@pytest.mark.model
def test_the_configuration_carries_the_recommended_sampling_and_the_profile(starter_folder: Path) -> None:
    generation = json.loads((starter_folder / "generation_config.json").read_text())
    assert generation == {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2} | RECOMMENDED_SAMPLING
    assert RECOMMENDED_SAMPLING == {"do_sample": False, "temperature": 0.2, "top_p": 0.9}
    profile = json.loads((starter_folder / "openarc_profile.json").read_text())
    assert profile == {"ov_config": {"KV_CACHE_PRECISION": "f16"}}
    assert "Apache License, Version 2.0" in (starter_folder / "MODEL_LICENSE.txt").read_text()


@pytest.mark.model
def test_with_its_profile_genai_knows_the_capital_of_france(starter_folder: Path) -> None:
    profile = json.loads((starter_folder / "openarc_profile.json").read_text())["ov_config"]
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = 1
    pipeline = openvino_genai.LLMPipeline(str(starter_folder), "CPU", scheduler_config=scheduler, **profile)
    question = openvino_genai.ChatHistory([{"role": "user", "content": "What is the capital of France?"}])
    answer = pipeline.generate(question, max_new_tokens=16, do_sample=False)
    assert "Paris" in answer.texts[0]


@pytest.mark.model
def test_optimum_loads_the_same_folder(starter_folder: Path, reference: Reference) -> None:
    import torch
    from optimum.intel import OVModelForCausalLM

    model = OVModelForCausalLM.from_pretrained(
        str(starter_folder), export=False, local_files_only=True, ov_config={"INFERENCE_PRECISION_HINT": "f32"}
    )
    ids = torch.from_numpy(reference.token_ids[:32])[None]
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].numpy()
    assert float(losses_of(logits, reference.token_ids[:32]).mean()) == pytest.approx(
        float(reference.losses[:31].mean()), rel=0.01
    )
