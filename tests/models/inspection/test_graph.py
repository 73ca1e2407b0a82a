"""What is told of a graph: each byte under one layer and one precision, and broken files refused."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.inspection import ir_graph
from openarc_ui.models.inspection.graph_report import graph_report
from openarc_ui.models.inspection.ir_graph import read_graph
from openarc_ui.models.inspection.layers import layer_of_name, layer_order
from openarc_ui.models.inspection.reports import GraphReport
from tests.models.inspection.small_ir import SmallIr, transformer

# A layer: two norms of 64 f32; q, k, v and o 64 x 64; gate and up 128 x 64, down 64 x 128; each a scale in f16 a row.
LAYER = {"u4": (4 * 64 * 64 + 3 * 128 * 64) // 2, "f16": 2 * (4 * 64 + 2 * 128 + 64), "f32": 2 * 64 * 4}


def report(folder: Path) -> GraphReport:
    return graph_report(find_model(folder.parent, folder.name))


def by_layer(found: GraphReport) -> dict[str, dict[str, int]]:
    return {layer.name: dict(layer.by_precision) for layer in found.layers}


@pytest.mark.parametrize("is_named", [True, False], ids=["as Optimum", "as GenAI"])
@pytest.mark.parametrize("is_tied", [True, False], ids=["shared embedding", "own output"])
def test_each_block_is_told_with_its_bytes(is_named: bool, is_tied: bool, tmp_path: Path) -> None:
    ir = transformer(3, is_named=is_named, is_tied=is_tied)
    ir.write(tmp_path / "m")
    found = report(tmp_path / "m")
    output = {"f32": 256} if is_tied else {"u4": 3200, "f16": 200, "f32": 256}
    axis = 4  # of the Gather that takes rows from the embedding; only a name tells that it is that one's
    assert by_layer(found) == {
        "embedding": {"u4": 3200, "f16": 200, **({"f32": axis} if is_named else {})},
        "layer 0": LAYER,
        "layer 1": LAYER,
        "layer 2": LAYER,
        "output": output,
        "other": {"f32": 32 * 4 + (0 if is_named else axis)},  # the angles of the positions
    }
    assert found.weights_bytes == ir.end_bytes == sum(layer.size_bytes for layer in found.layers)
    assert found.weights_bytes == sum(size for _, size in found.precisions)


def test_the_layers_stand_in_the_order_of_the_computation(tmp_path: Path) -> None:
    transformer(12, is_named=False, is_tied=False).write(tmp_path / "m")
    expected = ["embedding", *(f"layer {at}" for at in range(12)), "output", "other"]
    assert [layer.name for layer in report(tmp_path / "m").layers] == expected


def test_operations_inputs_outputs_and_the_state_are_told(tmp_path: Path) -> None:
    transformer(2, is_named=True, is_tied=True).write(tmp_path / "m")
    found = report(tmp_path / "m")
    operations = dict(found.operations)
    assert (operations["MatMul"], operations["ScaledDotProductAttention"], operations["ReadValue"]) == (15, 2, 2)
    assert [count for _, count in found.operations] == sorted(operations.values(), reverse=True)
    assert (found.inputs, found.outputs) == (("input_ids", "beam_idx"), ("logits",))
    assert (found.is_stateful, found.ir_version) == (True, 11)


def test_a_graph_without_attention_and_names_is_one_part(tmp_path: Path) -> None:
    ir = SmallIr()
    x = ir.add("Parameter", ports="x")
    y = ir.add("MatMul", [x, ir.constant(8, 8)])
    ir.add("Result", [ir.add("MatMul", [y, ir.constant(8, 8)])])
    ir.write(tmp_path / "m")
    found = report(tmp_path / "m")
    assert by_layer(found) == {"other": {"f32": 512}}
    assert not found.is_stateful


def test_constants_that_share_bytes_count_once(tmp_path: Path) -> None:
    ir = SmallIr()
    x = ir.add("Parameter")
    shared = '<data element_type="f32" shape="8,8" offset="0" size="256" />'
    one, two = ir.add("Const", data=shared), ir.add("Const", data=shared)
    ir.add("Result", [ir.add("MatMul", [ir.add("MatMul", [x, one]), two])])
    ir.write(tmp_path / "m")
    assert report(tmp_path / "m").weights_bytes == 256


def test_constants_in_the_body_of_a_loop_are_counted(tmp_path: Path) -> None:
    ir = SmallIr()
    inner = SmallIr()
    inner.constant(4, 4)
    body = inner.text().partition("<layers>")[2].partition("</net>")[0]
    x = ir.add("Parameter")
    loop = ir.add("TensorIterator", [x], data=f"<body><layers>{body}</body>")
    ir.add("Result", [loop])
    ir.write(tmp_path / "m")
    found = report(tmp_path / "m")
    assert found.weights_bytes == 64 and dict(found.operations)["Const"] == 1


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("self.model.layers.7.mlp.up_proj.weight", "layer 7"),
        ("__module.model.layers.31.self_attn.q_proj/aten::linear/MatMul", "layer 31"),
        ("transformer.h.0.attn.c_attn.weight", "layer 0"),
        ("blk.12.ffn_down.weight", "layer 12"),
        ("model.embed_tokens.weight", "embedding"),
        ("token_embd.weight", "embedding"),
        ("lm_head.weight", "output"),
        ("output.weight", "output"),
        ("output_norm.weight", "output"),
        ("__module.model.norm/aten::mul/Multiply", "output"),
        ("Constant_5", None),
        ("layers", None),
        ("h2o.3d", None),
    ],
)
def test_a_name_tells_its_layer_or_nothing(name: str, layer: str | None) -> None:
    assert layer_of_name(name) == layer


def test_layers_are_ordered_by_number_not_by_letter() -> None:
    assert sorted(["other", "layer 10", "output", "layer 9", "embedding"], key=layer_order) == [
        "embedding", "layer 9", "layer 10", "output", "other",
    ]  # fmt: skip


GOOD = transformer(1, is_named=False, is_tied=True).text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element"),
        ("<html/>", "outermost element"),
        (GOOD[:2000], "not an OpenVINO model"),
        ("<net><layers/></net>", "no operations"),
        ('<!DOCTYPE net [<!ENTITY a "b">]>' + GOOD.partition("?>")[2], "document type"),
        (GOOD.replace('to-layer="3"', 'to-layer="9999"', 1), "not there"),
        (GOOD.replace('size="128"', 'size="-1"', 1), "impossible"),
        (GOOD.replace('size="128"', f'size="{2**70}"', 1), "impossible"),
        (GOOD.replace('size="128"', 'size="many"', 1), "not an OpenVINO model"),
    ],
)
def test_a_broken_graph_is_refused_with_its_first_problem(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "openvino_model.xml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=re.escape(why)):
        read_graph(file)


@pytest.mark.parametrize(("bound", "limit"), [("MAX_LAYERS", 20), ("MAX_ELEMENTS", 100), ("MAX_EDGES", 20), ("MAX_XML_BYTES", 1000)])  # fmt: skip
def test_a_graph_that_is_too_long_is_not_read_to_its_end(
    bound: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino_model.xml").write_text(GOOD)
    monkeypatch.setattr(ir_graph, bound, limit)
    with pytest.raises(InvalidRequest, match="too long"):
        read_graph(tmp_path / "openvino_model.xml")


def test_a_checkpoint_has_no_graph_yet(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match=r"no openvino_model\.xml") as caught:
        report(tmp_path / "m")
    assert caught.value.hint  # how it becomes one that has, or why it can't


@pytest.mark.parametrize(
    ("file", "says"), [("pytorch_model.bin", "pickles of PyTorch"), ("tokenizer.json", "no weights either")]
)
def test_what_can_not_be_converted_is_not_told_to_be(file: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "m" / file).write_bytes(b"x")
    with pytest.raises(InvalidRequest) as caught:
        report(tmp_path / "m")
    assert says in caught.value.hint and "Convert it" not in caught.value.hint


@pytest.mark.model
def test_every_byte_of_the_real_starter_is_told_once_and_its_layers_are_alike(starter_folder: Path) -> None:
    found = report(starter_folder)
    assert found.weights_bytes == (starter_folder / "openvino_model.bin").stat().st_size
    layers = [layer for layer in found.layers if layer.name.startswith("layer ")]
    assert len(layers) == 30
    sizes = Counter(dict(layer.by_precision)["u4"] for layer in layers)
    assert sizes == {1_769_472: 30}
    assert max(layer.size_bytes for layer in layers) - min(layer.size_bytes for layer in layers) < 4096
    parts = {layer.name: layer.size_bytes for layer in found.layers}
    assert parts["embedding"] > 49_152 * 576 and parts["other"] < 5000
    assert found.outputs == ("logits",) and found.is_stateful


@pytest.mark.model
def test_a_gguf_tells_its_tensors_by_layer(starter_gguf: Path) -> None:
    found = graph_report(find_model(starter_gguf.parent, starter_gguf.name))
    names = [layer.name for layer in found.layers]
    assert names == ["embedding", *(f"layer {at}" for at in range(30)), "output"]
    assert dict(found.precisions).keys() == {"q4_1", "q8_0", "f32"}
    assert (found.operations, found.inputs, found.ir_version, found.is_stateful) == ((), (), None, False)


def test_a_broken_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF\3\0\0\0")
    with pytest.raises(InvalidRequest, match="can't be read as a GGUF"):
        graph_report(find_model(tmp_path, "a.gguf"))
