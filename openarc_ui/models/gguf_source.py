"""A GGUF file as values and tensors; those of the llama architecture in Hugging Face's layout.

Block layouts are those of ggml (ggml-common.h: block_q4_1); it knows nothing of OpenVINO.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import gguf
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
HalfArray = npt.NDArray[np.float16]

Rows = TypeVar("Rows", FloatArray, HalfArray)

Q4_1_BLOCK_WEIGHTS = 32
Q4_1_BLOCK_BYTES = 20


@dataclass(frozen=True, slots=True)
class BlockScales:
    """Scales and minima of a Q4_1 tensor: `weight = number * scale + minimum`, for each 32 weights of a row.

    Attributes:
        scales: f16, shape (rows, blocks of a row).
        minima: f16, same shape.
    """

    scales: HalfArray
    minima: HalfArray

    def zero_points(self) -> HalfArray:
        """The z of `weight = (number - z) * scale`, that is `-minimum / scale`; f16, shape (rows, blocks).

        Raises:
            ValueError: a block has scale 0 and a minimum other than 0, which this form can't say.
        """
        is_flat = self.scales == 0
        if np.any(is_flat & (self.minima != 0)):
            raise ValueError("a block has scale 0 and a minimum other than 0")
        divisors = np.where(is_flat, np.float32(1), self.scales.astype(np.float32))
        return (-self.minima.astype(np.float32) / divisors).astype(np.float16)


class GgufSource:
    """Reads values and tensors; the weights stay in the mapped file until they are asked for."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self._values: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
        self._tensors: dict[str, Any] = {tensor.name: tensor for tensor in reader.tensors}
        self.architecture_name: str = self._values["general.architecture"]

    def architecture(self, key: str) -> Any:
        """A value below the architecture's name, such as `block_count` of `llama.block_count`."""
        return self._values[f"{self.architecture_name}.{key}"]

    def tokenizer(self, key: str) -> Any:
        """A value below `tokenizer.`, such as `ggml.tokens`."""
        return self._values[f"tokenizer.{key}"]

    def value(self, key: str, otherwise: Any = None) -> Any:
        """A value by its whole name; `otherwise` where there is none."""
        return self._values.get(key, otherwise)

    def keys(self) -> Iterator[str]:
        """The names of all values."""
        return iter(self._values)

    def __contains__(self, tensor_name: str) -> bool:
        return tensor_name in self._tensors

    def tensor_names(self) -> Iterator[str]:
        """Names of all tensors, in the file's order."""
        return iter(self._tensors)

    def type_name(self, tensor_name: str) -> str:
        """Such as "Q4_1"."""
        return str(self._tensors[tensor_name].tensor_type.name)

    def elements(self, tensor_name: str) -> int:
        """How many numbers a tensor has."""
        return math.prod(int(size) for size in self._tensors[tensor_name].shape)

    def q4_1_names(self) -> Iterator[str]:
        """Names of the tensors that are stored as Q4_1."""
        return (name for name, tensor in self._tensors.items() if tensor.tensor_type.name == "Q4_1")

    def numbers(self, name: str) -> FloatArray:
        """A tensor dequantised, as it lies in the file: shape (rows, columns), (columns,), or with experts before.

        Raises:
            NotImplementedError: its type can't be dequantised by the gguf package.
        """
        tensor = self._tensors[name]
        shape = [int(size) for size in reversed(tensor.shape)]
        values: FloatArray = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        return values.reshape(shape)

    def weights(self, name: str) -> FloatArray:
        """A tensor of a llama dequantised, rows of query and key in Hugging Face's order."""
        return self._in_hugging_face_order(name, self.numbers(name))

    def block_scales(self, name: str) -> BlockScales:
        """Scales and minima of a Q4_1 tensor; a block is f16 scale, f16 minimum, 16 bytes of numbers."""
        columns, rows = (int(size) for size in self._tensors[name].shape)
        blocks = np.asarray(self._tensors[name].data).reshape(-1, Q4_1_BLOCK_BYTES)
        halves = np.ascontiguousarray(blocks[:, :4]).view(np.float16)
        shape = (rows, columns // Q4_1_BLOCK_WEIGHTS)
        return BlockScales(
            scales=self._in_hugging_face_order(name, halves[:, 0].reshape(shape)),
            minima=self._in_hugging_face_order(name, halves[:, 1].reshape(shape)),
        )

    def _in_hugging_face_order(self, name: str, values: Rows) -> Rows:
        """Undo what llama.cpp's convert_hf_to_gguf.py does to the rows of query and key (LlamaModel.permute).

        llama.cpp rotates neighbouring rows of a head, Hugging Face the first half against the second.
        """
        if name.endswith("attn_q.weight"):
            heads = int(self.architecture("attention.head_count"))
        elif name.endswith("attn_k.weight"):
            heads = int(self.architecture("attention.head_count_kv"))
        else:
            return values
        rows, columns = values.shape
        by_head = values.reshape(heads, rows // heads // 2, 2, columns)
        return np.ascontiguousarray(by_head.swapaxes(1, 2).reshape(rows, columns))
