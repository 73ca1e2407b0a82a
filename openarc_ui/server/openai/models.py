"""The models as OpenAI's clients see them: those that are loaded and ready, since no other could answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelInfo, ModelState
from openarc_ui.server.openai.asked import loaded_model


class ModelObject(BaseModel):
    """One model. Fields after `owned_by` are OpenArc's, `max_model_len` by vLLM's name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "SmolLM2-135M-Instruct-int4",
                    "object": "model",
                    "created": 1767225600,
                    "owned_by": "openarc",
                    "context_length": 8192,
                    "max_model_len": 8192,
                    "backend": "genai",
                    "device": "CPU",
                }
            ]
        }
    )

    id: str = Field(description="The name requests give as `model`.")
    object: Literal["model"] = Field("model", description="What this is.")
    created: int = Field(description="When it was loaded, seconds since the epoch.")
    owned_by: Literal["openarc"] = Field("openarc", description="Always openarc.")
    context_length: int | None = Field(description="Tokens of prompt and answer together; null: nothing bounds them.")
    max_model_len: int | None = Field(description="The same.")
    backend: str = Field(description="What runs it.")
    device: str = Field(description="Where it was loaded to.")


class ModelList(BaseModel):
    """Answer of `GET /v1/models`."""

    object: Literal["list"] = Field("list", description="What this is.")
    data: list[ModelObject] = Field(description="The default model, which was loaded last, comes first.")


def model_list(engine: Engine) -> ModelList:
    """All models that can answer, also while a run measures and they are refused; the run's own is none of them."""
    models = engine.status().users_models
    ready = [each.info for each in models if each.state is ModelState.READY and each.info is not None]
    return ModelList(data=[_object(info) for info in reversed(ready)])


def model_object(engine: Engine, name: str) -> ModelObject:
    """One of them.

    Raises:
        ModelNotLoaded: it is not among them.
    """
    return _object(loaded_model(engine, name))


def _object(info: ModelInfo) -> ModelObject:
    return ModelObject(
        id=info.name,
        created=int(info.loaded_at),
        context_length=info.context_length,
        max_model_len=info.context_length,
        backend=info.backend,
        device=info.device,
    )
