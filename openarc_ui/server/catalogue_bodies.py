"""Answers about the model folder and the cache: the engine's own values, with the examples the API's description shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.catalogue.details import ModelDetails
from openarc_ui.engine.catalogue.files import FILE_LANGUAGES, ModelFile
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.compile_cache import CacheUsage, Cleared

NAME: Any = "SmolLM2-135M-Instruct-int4"


class WeightsBody(BaseModel):
    """The weights of a model."""

    parameters: int = Field(description="Elements of all weights, without scales and zero points.")
    parameters_by_type: dict[str, int] = Field(
        description="Elements of the weights by their type.", examples=[{"u4": 106168320, "u8": 28311552, "f32": 35136}]
    )
    group_sizes: dict[str, int] = Field(description="Weights that share one scale; 0 where a whole row does.")
    size_bytes: int = Field(description="Of all constants: what a device has to hold.")
    end_bytes: int = Field(description="How long the file of the weights must be at least.")


class QuantizationBody(BaseModel):
    """How Optimum-Intel compressed the weights, from openvino_config.json."""

    data_type: str | None = Field(description="What the weights were compressed to.", examples=["int4"])
    bits: int | None = Field(description="Of one weight.", examples=[4])
    group_size: int | None = Field(description="Weights that share one scale; -1 where a whole row does.")
    is_symmetric: bool | None = Field(description="Without zero points.")
    ratio: float | None = Field(description="The share of the weights that has this type.", examples=[0.8])


class DetailsBody(BaseModel):
    """One model, described from its files."""

    name: str = Field(description="Its path below the model folder.", examples=[NAME])
    kind: str = Field(description="ir, gguf, checkpoint or script.", examples=["ir"])
    backends: list[str] = Field(description="Which backends can run it, best first.", examples=[["genai", "optimum"]])
    cannot_run: dict[str, str] = Field(description="Backend -> why not.")
    architecture: str | None = Field(description="From its config.json or GGUF header.", examples=["LlamaForCausalLM"])
    parameters: int | None = Field(description="Elements of all weights.", examples=[134515008])
    precision: str | None = Field(
        description="Types of the weights, in words.", examples=["u4 in groups of 32, u8 in groups of 32"]
    )
    group_size: int | None = Field(description="Weights that share one scale; 0: a whole row; null: not compressed.")
    weights: WeightsBody | None = Field(description="Read from the model's graph; null where there is none.")
    quantization: QuantizationBody | None = Field(description="From openvino_config.json; null where there is none.")
    context_length: int | None = Field(description="Tokens of prompt and answer together.", examples=[8192])
    has_chat_template: bool = Field(description="It brings a chat template of its own.")
    has_tokenizer_ir: bool = Field(description="It has openvino_tokenizer.xml, which GenAI needs.")
    size_bytes: int = Field(description="On disk.", examples=[106174051])
    problems: list[str] = Field(description="What is wrong with its files, one sentence each.")

    @classmethod
    def of(cls, details: ModelDetails) -> Self:
        """The engine's description as a body."""
        return cls.model_validate(dataclasses.asdict(details))


class EntryBody(BaseModel):
    """One model of the model folder."""

    name: str = Field(description="Its path below the model folder.", examples=[NAME])
    kind: str = Field(description="ir, gguf, checkpoint or script.", examples=["ir"])
    backends: list[str] = Field(description="Which backends can run it, best first.", examples=[["genai", "optimum"]])
    cannot_run: dict[str, str] = Field(description="Backend -> why not.")
    size_bytes: int = Field(description="On disk.", examples=[106174051])
    ov_config: dict[str, Any] = Field(description="What its openarc_profile.json recommends.")
    problems: list[str] = Field(description="What is wrong with its files, one sentence each.")
    details: DetailsBody | None = Field(description="With `details=true`; else null.")

    @classmethod
    def of(cls, entry: ModelEntry, details: ModelDetails | None) -> Self:
        """An entry of the catalogue as a body."""
        values = dataclasses.asdict(entry)
        del values["path"]
        return cls(**values, details=None if details is None else DetailsBody.of(details))


class ModelFileBody(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "config.json", "language": "json"}]})

    name: str = Field(description="As `/models/file` takes it.", examples=list(FILE_LANGUAGES))
    language: str = Field(description="json or jinja2, for highlighting.", examples=["json"])


class FileTextBody(ModelFileBody):
    """One file of a model with its text."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    text: str = Field(description="What is in it.", examples=['{"architectures": ["LlamaForCausalLM"]}'])
    source: str = Field(description="The file it was read from.", examples=["config.json"])
    size_bytes: int = Field(description="Of the whole text.", examples=[541])
    is_cut: bool = Field(description="Only the beginning is here.")
    problem: str = Field(description="What is wrong with its bytes; empty when nothing is.")

    @classmethod
    def of(cls, file: ModelFile) -> Self:
        """A file as a body."""
        return cls.model_validate(dataclasses.asdict(file))


class LoadNoteBody(BaseModel):
    """What loading one configuration took: reading and compiling the model, in seconds."""

    backend: str = Field(description="That compiled it.", examples=["optimum"])
    device: str = Field(description="That it was compiled for.", examples=["CPU"])
    configuration: str = Field(description="Stands for the ov_config.", examples=["1f3870be"])
    first_seconds: float | None = Field(description="Without the compiled model; null: not seen.", examples=[1.74])
    cached_seconds: float | None = Field(description="With it; null: not seen.", examples=[0.57])


class ModelCacheBody(BaseModel):
    """What is kept for one model."""

    model: str = Field(description="Its name in the catalogue.", examples=[NAME])
    size_bytes: int = Field(description="Of its files.", examples=[146857317])
    files: int = Field(description="How many there are.", examples=[1])
    loads: list[LoadNoteBody] = Field(description="What each of its configurations took.")


class CacheBody(BaseModel):
    """What is kept for all models, the largest first."""

    is_on: bool = Field(description="False: OpenArc was started without a cache folder.")
    size_bytes: int = Field(description="Of all files.", examples=[146857317])
    files: int = Field(description="How many there are.", examples=[1])
    models: list[ModelCacheBody] = Field(description="What is kept for each.")

    @classmethod
    def of(cls, usage: CacheUsage | None) -> Self:
        """The usage as a body; None: there is no cache."""
        values: Mapping[str, Any] = dataclasses.asdict(usage) if usage is not None else {}
        return cls(
            is_on=usage is not None,
            size_bytes=values.get("size_bytes", 0),
            files=values.get("files", 0),
            models=values.get("models", []),
        )


class ClearedBody(BaseModel):
    """What emptying the cache did."""

    freed_bytes: int = Field(description="Of the deleted files.", examples=[146857317])
    files: int = Field(description="How many were deleted.", examples=[1])
    skipped: list[str] = Field(description="Files that could not be deleted, with the system's reason.")

    @classmethod
    def of(cls, cleared: Cleared) -> Self:
        """The outcome as a body."""
        return cls.model_validate(dataclasses.asdict(cleared))
