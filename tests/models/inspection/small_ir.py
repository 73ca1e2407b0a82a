"""Small graphs written as OpenVINO writes them, to be read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr


class SmallIr:
    """A graph, operation by operation; each call gives the id for those that come after."""

    def __init__(self) -> None:
        self._layers: list[str] = []
        self._edges: list[str] = []
        self.end_bytes = 0

    def add(self, kind: str, inputs: Sequence[int] = (), name: str = "", ports: str = "", data: str = "") -> int:
        number = len(self._layers)
        names = f" names={quoteattr(ports)}" if ports else ""
        self._layers.append(
            f'<layer id="{number}" name={quoteattr(name or f"{kind}_{number}")} type="{kind}" version="opset1">{data}'
            f'<output><port id="9" precision="FP32"{names}><dim>-1</dim></port></output></layer>'
        )
        self._edges += [
            f'<edge from-layer="{each}" from-port="9" to-layer="{number}" to-port="{port}" />'
            for port, each in enumerate(inputs)
        ]
        return number

    def constant(self, *shape: int, element_type: str = "f32", bits: int = 32, name: str = "") -> int:
        size = 1
        for length in shape:
            size *= length
        size = size * bits // 8
        data = (
            f'<data element_type="{element_type}" shape="{", ".join(map(str, shape))}" offset="{self.end_bytes}" '
            f'size="{size}" />'
        )
        self.end_bytes += size
        return self.add("Const", name=name, data=data)

    def weight(self, *shape: int, name: str = "") -> int:
        """A 4-bit matrix with a scale for each row, unpacked."""
        packed = self.constant(*shape, element_type="u4", bits=4, name=name)
        wide = self.add("Convert", [packed])
        scale = self.constant(shape[0], 1, element_type="f16", bits=16, name=f"{name}/scale" if name else "")
        return self.add("Multiply", [wide, scale])

    def text(self) -> str:
        return (
            '<?xml version="1.0"?><net name="Model0" version="11"><layers>'
            + "".join(self._layers)
            + "</layers><edges>"
            + "".join(self._edges)
            + "</edges></net>"
        )

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "openvino_model.xml").write_text(self.text(), encoding="utf-8")
        (folder / "openvino_model.bin").write_bytes(b"\0" * self.end_bytes)
        return folder / "openvino_model.xml"


def transformer(layers: int = 3, *, is_named: bool, is_tied: bool) -> SmallIr:
    """A decoder as GenAI (nameless) or Optimum (named) builds it: width 64, vocabulary 100, feed-forward 128."""
    ir = SmallIr()

    def called(text: str) -> str:
        return text if is_named else ""

    def norm(x: int, text: str) -> int:
        scale = ir.constant(1, 1, 64)
        return ir.add("Multiply", [x, scale], name=called(f"__module.model.{text}/aten::mul/Multiply"))

    def linear(x: int, out: int, width: int, text: str) -> int:
        weight = ir.weight(out, width, name=called(f"self.model.{text}.weight"))
        return ir.add("MatMul", [x, weight], name=called(f"__module.model.{text}/MatMul"))

    tokens = ir.add("Parameter", name="input_ids", ports="input_ids")
    beams = ir.add("Parameter", name="beam_idx", ports="beam_idx")
    angles = ir.add("Sin", [ir.add("Multiply", [tokens, ir.constant(32)])])
    table = ir.weight(100, 64, name=called("self.model.embed_tokens.weight"))
    x = ir.add("Gather", [table, tokens, ir.constant(1)], name=called("__module.model.embed_tokens/Gather"))
    for at in range(layers):
        normed = norm(x, f"layers.{at}.input_layernorm")
        parts = [linear(normed, 64, 64, f"layers.{at}.self_attn.{each}_proj") for each in "qkv"]
        state = ir.add("ReadValue", data=f'<data variable_id="past_key_values.{at}.key" />')
        query = ir.add("Multiply", [parts[0], angles])
        key = ir.add("Concat", [ir.add("Gather", [state, beams]), ir.add("Multiply", [parts[1], angles])])
        heard = ir.add("ScaledDotProductAttention", [query, key, parts[2]])
        x = ir.add("Add", [x, linear(heard, 64, 64, f"layers.{at}.self_attn.o_proj")])
        normed = norm(x, f"layers.{at}.post_attention_layernorm")
        wide = ir.add("Multiply", [linear(normed, 128, 64, f"layers.{at}.mlp.{each}") for each in ("gate", "up")])
        x = ir.add("Add", [x, linear(wide, 64, 128, f"layers.{at}.mlp.down")])
    normed = norm(x, "norm")
    logits = ir.add("MatMul", [normed, table if is_tied else ir.weight(100, 64)], ports="logits")
    ir.add("Result", [logits], name="Result_0")
    return ir
