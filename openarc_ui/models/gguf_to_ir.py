"""The weights: from the starter's GGUF to an OpenVINO model whose numbers are those of the GGUF.

OpenVINO GenAI reads the GGUF and builds graph and tokenizers. It rounds each block's zero point to a 4-bit integer,
which costs a fifth of the perplexity (16.3 -> 20.7 on mixed text); here the exact ones are put back. The CPU plugin
keeps 4-bit weights with an f16 zero point. Imports OpenVINO: for the preparing process only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai
from openvino import opset13

from openarc_ui.models.gguf_source import FloatArray, GgufSource
from openarc_ui.models.starter_files import Precision

EMBEDDING = "token_embd.weight"
TOKENIZER_FILES = (
    "openvino_tokenizer.xml",
    "openvino_tokenizer.bin",
    "openvino_detokenizer.xml",
    "openvino_detokenizer.bin",
)
WEIGHT_INPUT = {"MatMul": 1, "Gather": 0}


@dataclass(frozen=True, slots=True)
class CompressedWeight:
    """One 4-bit weight of the graph: Convert(numbers) -> Subtract(zero points) -> Multiply(scales) -> ... -> MatMul.

    Attributes:
        scales: the bytes of the f16 scales, which tell which tensor of the GGUF it is: the graph has no names.
    """

    subtract: Any
    matmul: Any
    scales: bytes


def read_with_genai(gguf_path: Path, work_folder: Path) -> Path:
    """Let GenAI turn the GGUF into openvino_model, openvino_tokenizer and openvino_detokenizer.

    GenAI writes beside the file it is given, so it is given a link (or a copy) in `work_folder`.

    Returns:
        The folder with the files: `work_folder`.
    """
    work_folder.mkdir(exist_ok=True)
    local_path = work_folder / "model.gguf"
    if gguf_path != local_path:
        _link_or_copy(gguf_path, local_path)
    openvino_genai.LLMPipeline(str(local_path), "CPU", ATTENTION_BACKEND="SDPA", enable_save_ov_model=True)
    return work_folder


def write_exact_model(genai_folder: Path, source: GgufSource, precision: Precision, output_folder: Path) -> None:
    """Write openvino_model.xml and .bin with the GGUF's own weights, and copy the tokenizers.

    Args:
        precision: "int4" keeps the GGUF's numbers; "int8" quantises them again, one scale for each output channel.

    Raises:
        ValueError: graph and GGUF don't fit together.
    """
    model = openvino.Core().read_model(genai_folder / "openvino_model.xml")
    name_of = {source.block_scales(name).scales.tobytes(): name for name in source.q4_1_names()}
    replaced: set[str] = set()
    for weight in list(_compressed_weights(model)):
        name = name_of.get(weight.scales)
        if name is None or name in replaced:
            raise ValueError("a 4-bit weight of the graph is no tensor of the GGUF")
        replaced.add(name)
        if precision == "int4":
            zero_points = source.block_scales(name).zero_points()[..., np.newaxis]
            weight.subtract.input(1).replace_source_output(opset13.constant(zero_points).output(0))
        else:
            weight.matmul.input(1).replace_source_output(_int8_weight(source.weights(name)))
    if len(replaced) != len(list(source.q4_1_names())):
        raise ValueError(f"the graph holds {len(replaced)} 4-bit weights, the GGUF more")
    if precision == "int8":
        _share_int8_embedding(model, source.weights(EMBEDDING))
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, output_folder / "openvino_model.xml", compress_to_fp16=False)
    for name in TOKENIZER_FILES:
        shutil.copyfile(genai_folder / name, output_folder / name)


def _link_or_copy(source: Path, link: Path) -> None:
    try:
        link.symlink_to(source.resolve())
    except OSError:  # Windows without the right to make links
        shutil.copyfile(source, link)


def _compressed_weights(model: Any) -> Iterator[CompressedWeight]:
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Subtract":
            continue
        numbers = _producer(_producer(node, 0), 0)
        if numbers.get_type_name() != "Constant" or numbers.get_output_element_type(0) != openvino.Type.u4:
            continue
        multiply = _consumer(node)
        scales = np.ascontiguousarray(_producer(multiply, 1).data)
        yield CompressedWeight(node, _matmul_after(multiply), scales.tobytes())


def _matmul_after(node: Any) -> Any:
    while node.get_type_name() != "MatMul":
        node = _consumer(node)
    return node


def _producer(node: Any, index: int) -> Any:
    """What feeds input `index` of `node`; `node` itself when it has no inputs."""
    return node.input(index).get_source_output().get_node() if node.get_input_size() > index else node


def _consumer(node: Any) -> Any:
    return next(iter(node.output(0).get_target_inputs())).get_node()


def _int8_weight(weights: FloatArray) -> Any:
    """Symmetric 8-bit numbers with one f16 scale a row, `max|row| / 127`, as the output that feeds a MatMul."""
    scales = (np.abs(weights).max(axis=1, keepdims=True) / 127).astype(np.float16)
    scales[scales == 0] = 1
    numbers = np.clip(np.round(weights / scales.astype(np.float32)), -127, 127).astype(np.int8)
    as_half = opset13.convert(opset13.constant(numbers), "f16")
    return opset13.convert(opset13.multiply(as_half, opset13.constant(scales)), "f32").output(0)


def _share_int8_embedding(model: Any, embedding: FloatArray) -> None:
    """One 8-bit table for the embedding (Gather) and the output layer (MatMul), which are tied in this model."""
    table = _int8_weight(embedding)
    for node in model.get_ordered_ops():
        index = WEIGHT_INPUT.get(node.get_type_name())
        if index is None:
            continue
        fed_by = node.input(index).get_source_output()
        if fed_by.partial_shape.is_static and list(fed_by.shape) == list(embedding.shape):
            node.input(index).replace_source_output(table)
