"""What one model of the model folder is: architecture, weights, context, template, read from its files.

A file that can't be read is a problem in the answer, not an error. It knows no backend library and loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from openarc_ui.engine.backends.files import context_length, path_outside, read_json
from openarc_ui.engine.catalogue.folder import TOKENIZER_IR, ModelEntry, without_backends
from openarc_ui.engine.catalogue.gguf_header import GgufHeader, read_gguf_header
from openarc_ui.engine.catalogue.parts import INDEX_FILE, NUMBERED, WHOLE_FILE, files_of_index, missing_of_index
from openarc_ui.engine.catalogue.safetensors_header import problem_of_safetensors
from openarc_ui.engine.catalogue.weights import MAX_NUMBER, TooLong, WeightSummary, read_weights
from openarc_ui.engine.types import BackendName
from openarc_ui.errors import InvalidRequest, OpenArcError

TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
READ_WHEN_LOADING = ("config.json", "generation_config.json", "tokenizer_config.json")
GGUF_WEIGHT_TYPES = ("f16", "q4_0", "q4_1", "q8_0", "q4_k", "q6_k")
"""Of matrices. Tried with GenAI 2026.4: f32, bf16, q2_k, q3_k, q5_0, q5_k, iq4_nl and mxfp4 end in an error while loading."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Quantization:
    """How Optimum-Intel compressed the weights, from `openvino_config.json`; None where it does not say.

    Attributes:
        data_type: such as "int4" or "int8".
        group_size: weights that share one scale; -1 where a whole row does.
        ratio: the share of the weights that has this type; the rest has a larger one.
    """

    data_type: str | None
    bits: int | None
    group_size: int | None
    is_symmetric: bool | None
    ratio: float | None


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """A model, described from its files.

    Attributes:
        backends: which backends can run it, best first, now that its files were read.
        cannot_run: backend -> why not.
        architecture: the class its config.json names, or the GGUF's architecture; None where none is named.
        parameters: elements of all weights; None where they were not counted.
        precision: "u4 in groups of 32, u8"; of a checkpoint the type its config.json names.
        group_size: weights that share one scale; 0: one scale a row; None: not compressed.
        weights: of an OpenVINO IR or a GGUF, None for every other kind.
        quantization: what openvino_config.json says of it.
        context_length: tokens of prompt and answer together.
        problems: what is wrong with its files, one sentence each.
    """

    name: str
    kind: str
    backends: tuple[BackendName, ...]
    cannot_run: Mapping[str, str]
    architecture: str | None
    parameters: int | None
    precision: str | None
    group_size: int | None
    weights: WeightSummary | None
    quantization: Quantization | None
    context_length: int | None
    has_chat_template: bool
    has_tokenizer_ir: bool
    size_bytes: int
    problems: tuple[str, ...]


def describe_model(entry: ModelEntry) -> ModelDetails:
    """Read the files of one model; an IR's XML takes about 20 ms a megabyte, a GGUF's vocabulary as much."""
    return _describe_gguf(entry) if entry.kind == "gguf" else _describe_folder(entry)


def _describe_gguf(entry: ModelEntry) -> ModelDetails:
    path = Path(entry.path)
    problems: list[str] = []
    header: GgufHeader | None = None
    if not entry.problems:
        header = _read(lambda: read_gguf_header(path), None, path.name, problems)
    elif NUMBERED.fullmatch(path.name):
        header = _read(lambda: read_gguf_header(path), None, path.name, [])  # a part's problem is told by its name
    problems += _gguf_problems(header, path.name) if not entry.problems else []
    cannot_run = dict(entry.cannot_run)
    if problems and not entry.problems:
        cannot_run |= without_backends(entry, problems[0])
    elif header is not None and "genai" not in cannot_run:
        cannot_run |= _unknown_types(header)
    weights = header.weights() if header is not None else None
    return ModelDetails(
        name=entry.name,
        kind=entry.kind,
        backends=tuple(backend for backend in entry.backends if backend not in cannot_run),
        cannot_run=cannot_run,
        architecture=header.architecture if header is not None else None,
        parameters=weights.parameters if weights is not None else None,
        precision=weights.precision if weights is not None else None,
        group_size=weights.group_size if weights is not None else None,
        weights=weights,
        quantization=None,
        context_length=header.context_length if header is not None else None,
        has_chat_template=header is not None and header.chat_template is not None,
        has_tokenizer_ir=False,
        size_bytes=entry.size_bytes,
        problems=(*entry.problems, *problems),
    )


def _gguf_problems(header: GgufHeader | None, name: str) -> list[str]:
    if header is None:
        return []
    parts = header.values.get("split.count")
    if isinstance(parts, int) and parts > 1:
        return [f"{name} is one of {parts} parts; merge them into one file first."]
    if header.size_bytes < header.end_bytes:
        return [f"{name} has {header.size_bytes} of at least {header.end_bytes} bytes; its copy was interrupted."]
    return [] if header.tensors else [f"{name} holds no weights."]


def _unknown_types(header: GgufHeader) -> dict[str, str]:
    for tensor in header.tensors:
        if len(tensor.shape) >= 2 and tensor.type_name not in GGUF_WEIGHT_TYPES:
            return {"genai": f"its GGUF reader takes no {tensor.type_name} weights ({tensor.name})"}
    return {}


def _describe_folder(entry: ModelEntry) -> ModelDetails:
    problems: list[str] = []
    names = (*READ_WHEN_LOADING, "openvino_config.json")
    files = {name: _read(partial(_json, entry, name), dict[str, Any](), name, problems) for name in names}
    stopping = [each for each in problems if each.startswith(READ_WHEN_LOADING)]
    weights: WeightSummary | None = None
    model_xml = entry.file("openvino_model.xml") if entry.kind == "ir" else None
    if model_xml is not None:
        weights, unread, is_torn = _weights(model_xml)
        torn = unread + _size_problem(weights, entry.file("openvino_model.bin"))
        problems, stopping = problems + torn, stopping + (torn if is_torn or not unread else [])
    if entry.kind == "checkpoint" and not entry.problems:
        absent = _absent(entry)
        torn = absent or _cut(entry)
        problems, stopping = problems + torn, stopping + torn
    quantization = _quantization(files["openvino_config.json"])
    cannot_run = dict(entry.cannot_run)
    if stopping and entry.kind != "script":
        cannot_run |= without_backends(entry, stopping[0].rstrip("."))
    outside = path_outside(Path(entry.path)) if "optimum" in entry.backends else ""
    if outside:
        problems.append(f"{outside} leads out of the model's folder.")
        cannot_run.setdefault("optimum", problems[-1].rstrip("."))
    has_template = any(entry.file(name) for name in TEMPLATE_FILES)
    return ModelDetails(
        name=entry.name,
        kind=entry.kind,
        backends=tuple(backend for backend in entry.backends if backend not in cannot_run),
        cannot_run=cannot_run,
        architecture=_architecture(files["config.json"]),
        parameters=weights.parameters if weights is not None else None,
        precision=_precision(weights, files["config.json"]),
        group_size=weights.group_size if weights is not None else None,
        weights=weights,
        quantization=quantization,
        context_length=context_length(files["config.json"]),
        has_chat_template=has_template or bool(files["tokenizer_config.json"].get("chat_template")),
        has_tokenizer_ir=all(entry.file(name) for name in TOKENIZER_IR),
        size_bytes=entry.size_bytes,
        problems=(*entry.problems, *problems, *_disagreement(quantization, weights)),
    )


def _weights(model_xml: Path) -> tuple[WeightSummary | None, list[str], bool]:
    """The weights, or what is wrong, and whether that keeps a backend from running it."""
    try:
        return read_weights(model_xml), [], False
    except InvalidRequest as error:
        return None, [error.message.rstrip(".") + "."], not isinstance(error.__cause__, TooLong)


def _absent(entry: ModelEntry) -> list[str]:
    """Files that the index of a checkpoint names and nobody has."""
    index = entry.file(INDEX_FILE)
    if index is None or entry.file(WHOLE_FILE) is not None:
        return []
    problems: list[str] = []
    found = partial(missing_of_index, has=lambda name: entry.file(name) is not None)
    missing = _read(lambda: found(read_json(index)), "", INDEX_FILE, problems)
    return [*problems, *([f"{missing}."] if missing else [])]


def _cut(entry: ModelEntry) -> list[str]:
    """What is wrong with the first of the weights' files that is not whole, by its header: an interrupted copy or download.

    Only of those that transformers opens: other programs' weights may lie beside them.
    """
    index = entry.file(INDEX_FILE)
    if entry.file(WHOLE_FILE) is not None:
        names = [WHOLE_FILE]
    elif index is not None:
        names = files_of_index(read_json(index))
    else:
        names = sorted(path.name for path in Path(entry.path).glob("*.safetensors"))
    for name in names:
        problems: list[str] = []
        path = entry.file(name)
        if path is not None:
            said = _read(partial(problem_of_safetensors, path), "", name, problems)
            problems += [said] if said else []
        if problems:
            return problems
    return []


def _json(entry: ModelEntry, name: str) -> dict[str, Any]:
    path = entry.file(name)
    return read_json(path) if path is not None else {}


def _read(read: Callable[[], Value], otherwise: Value, name: str, problems: list[str]) -> Value:
    """What `read` gives; when it can't, `otherwise` and a problem."""
    try:
        return read()
    except OpenArcError as error:
        problems.append(error.message)
    except OSError as error:
        problems.append(f"{name} can't be read: {error.strerror}")
    except ValueError as error:
        problems.append(f"{name} can't be read: {error}")
    return otherwise


def _architecture(config: Mapping[str, Any]) -> str | None:
    names = config.get("architectures")
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None


def _precision(weights: WeightSummary | None, config: Mapping[str, Any]) -> str | None:
    if weights is not None:
        return weights.precision or None
    named = config.get("dtype") or config.get("torch_dtype")
    return named if isinstance(named, str) else None


def _quantization(config: Mapping[str, Any]) -> Quantization | None:
    """The weight part of what optimum.intel.OVConfig wrote."""
    said = config.get("quantization_config")
    if isinstance(said, dict) and isinstance(said.get("weight_quantization_config"), dict):
        said = said["weight_quantization_config"]
    if not isinstance(said, dict):
        return None
    data_type, bits, group_size, is_symmetric, ratio = (
        said.get(name) for name in ("dtype", "bits", "group_size", "sym", "ratio")
    )
    return Quantization(
        data_type=data_type if isinstance(data_type, str) else None,
        bits=_whole(bits),
        group_size=_whole(group_size),
        is_symmetric=is_symmetric if isinstance(is_symmetric, bool) else None,
        ratio=_share(ratio),
    )


def _whole(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and abs(value) <= MAX_NUMBER else None


def _share(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


def _disagreement(quantization: Quantization | None, weights: WeightSummary | None) -> list[str]:
    """openvino_config.json belongs to another conversion: the XML is what runs."""
    if quantization is None or weights is None or quantization.bits not in (4, 8):
        return []
    narrow = {4: ("u4", "i4", "nf4", "f4e2m1"), 8: ("u8", "i8", "f8e4m3", "f8e5m2")}[quantization.bits]
    if any(name in weights.parameters_by_type for name in narrow):
        return []
    return [f"openvino_config.json speaks of {quantization.bits}-bit weights; the model has {weights.precision}."]


def _size_problem(weights: WeightSummary | None, binary: Path | None) -> list[str]:
    """The weights file ends before the last constant: an interrupted copy or download."""
    if weights is None or binary is None:
        return []
    size_bytes = binary.stat().st_size
    if size_bytes >= weights.end_bytes:
        return []
    return [f"{binary.name} has {size_bytes} of at least {weights.end_bytes} bytes; its copy was interrupted."]
