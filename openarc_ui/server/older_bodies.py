"""Bodies of OpenArc 2's paths: its names around the engine's own types. What it had and this one has not is refused by name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import BackendChoice, LoadRequest, PropertyValue
from openarc_ui.errors import ParameterNotSupported

NAME: Any = "SmolLM2-135M-Instruct-int4"
BACKEND_OF: dict[str, BackendChoice] = {"ovgenai": "genai", "optimum": "optimum"}
ENGINE_OF = {backend: engine for engine, backend in BACKEND_OF.items()}
MODEL_TYPES = {
    "vlm": "Only text models are served.",
    "whisper": "Speech is not served.",
    "qwen3_asr": "Speech is not served.",
    "kokoro": "Speech is not served.",
    "qwen3_tts_custom_voice": "Speech is not served.",
    "qwen3_tts_voice_design": "Speech is not served.",
    "qwen3_tts_voice_clone": "Speech is not served.",
    "emb": "Embeddings are not served.",
    "rerank": "Reranking is not served.",
}
WITHOUT_EFFECT: dict[str, str] = {
    "cache_dir": "Start OpenArc with --cache-folder instead.",
    "draft_model_path": "There are no draft models here; leave it out.",
    "num_assistant_tokens": "There are no draft models here; leave it out.",
    "assistant_confidence_threshold": "There are no draft models here; leave it out.",
    "vlm_type": "Only text models are served; leave it out.",
}
NO_BLOCKS = "Only for models with linear attention, in OpenArc 2; only null here."


class OlderScheduler(Frozen):
    """`scheduler_config` of OpenArc 2: the names of /model/load's `scheduler`, as far as both have them."""

    max_num_batched_tokens: int | None = Field(None, description="Most tokens computed in one step.")
    num_kv_blocks: int | None = Field(None, description="Limit of the KV cache in blocks of tokens.")
    cache_size: int | None = Field(None, description="Limit of the KV cache in GB.")
    num_linear_attention_blocks: int | None = Field(None, description=NO_BLOCKS)
    cache_interval_multiplier: int | None = Field(None, description=NO_BLOCKS)
    dynamic_split_fuse: bool | None = Field(None, description="Read long prompts in chunks between running answers.")
    enable_prefix_caching: bool | None = Field(None, description="Keep the cache of finished prompts.")
    use_cache_eviction: bool | None = Field(None, description="Drop the least important tokens from a full cache.")
    use_sparse_attention: bool | None = Field(None, description="Attend to a part of a long prompt only.")
    max_num_seqs: int | None = Field(None, description="Most answers computed side by side.")


class OlderLoadBody(Frozen):
    """Body of `POST /openarc/load`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model_path": NAME,
                    "model_name": "small",
                    "model_type": "llm",
                    "engine": "ovgenai",
                    "device": "CPU",
                    "runtime_config": {"KV_CACHE_PRECISION": "f16"},
                }
            ]
        },
    )

    model_path: str = Field(
        min_length=1, max_length=LONGEST_NAME, description="A name in the catalogue, or a path inside the model folder."
    )
    model_name: str = Field(max_length=100, description="Name to serve it under.")
    model_type: str = Field(max_length=100, description="Only llm.")
    engine: str = Field(max_length=100, description="ovgenai or optimum.")
    device: str = Field(min_length=1, max_length=200, description="CPU, GPU.0, AUTO:GPU,CPU, ...")
    runtime_config: dict[str, PropertyValue] | None = Field(
        None, description="OpenVINO properties; left out: those the model recommends."
    )
    scheduler_config: OlderScheduler | None = Field(None, description="Continuous batching (ovgenai only).")
    draft_device: Literal["CPU"] | None = Field(
        None, description="Of a draft model, of which there are none: null, or OpenArc 2's default CPU."
    )
    cache_dir: str | None = Field(None, max_length=LONGEST_NAME, description="Only null: the server's cache folder.")
    draft_model_path: str | None = Field(None, max_length=LONGEST_NAME, description="Only null: no draft models here.")
    num_assistant_tokens: int | None = Field(None, description="Only null: no draft models here.")
    assistant_confidence_threshold: float | None = Field(None, description="Only null: no draft models here.")
    vlm_type: str | None = Field(None, max_length=100, description="Only null: text models only.")

    def request(self, recommended: dict[str, Any]) -> LoadRequest:
        """The engine's own request.

        Args:
            recommended: what the model's profile recommends.

        Raises:
            ParameterNotSupported: it asks for what this OpenArc does not have.
            InvalidRequest: a value is wrong.
        """
        self._refuse_what_is_not_here()
        scheduler = self.scheduler_config.model_dump(exclude_none=True) if self.scheduler_config else {}
        values = {
            "model_path": self.model_path,
            "name": self.model_name,
            "backend": BACKEND_OF[self.engine],
            "device": self.device,
            "ov_config": recommended if self.runtime_config is None else self.runtime_config,
        }
        try:
            return LoadRequest(**values, scheduler=SchedulerOptions(**scheduler))
        except ValidationError as error:
            raise explain(error.errors(), fields_by_path(LoadRequest)) from None

    def _refuse_what_is_not_here(self) -> None:
        if self.model_type != "llm":
            what = MODEL_TYPES.get(self.model_type, f"'{self.model_type}' is no type of OpenArc 2.")
            raise ParameterNotSupported(f"model_type: {what}", "Use model_type llm with a text model.")
        if self.engine not in BACKEND_OF:
            raise ParameterNotSupported(
                f"engine: there is no '{self.engine}' for text models.", "Use ovgenai or optimum; or POST /model/load."
            )
        for name, hint in WITHOUT_EFFECT.items():
            if getattr(self, name) is not None:
                raise ParameterNotSupported(f"{name} is not supported.", hint)
        for name in ("num_linear_attention_blocks", "cache_interval_multiplier"):
            if self.scheduler_config is not None and getattr(self.scheduler_config, name) is not None:
                raise ParameterNotSupported(f"scheduler_config.{name} is not supported.", "Leave it out.")


class OlderLoadedBody(BaseModel):
    """Answer of `POST /openarc/load`."""

    model_id: str = Field(description="The configuration_id of what was loaded.")
    model_name: str = Field(description="Name it is served under.")
    status: Literal["loaded"] = Field("loaded", description="It answers now.")


class OlderUnloadBody(Frozen):
    """Body of `POST /openarc/unload`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model_name": NAME}]})

    model_name: str = Field(min_length=1, max_length=LONGEST_NAME, description="Name it is served under.")


class OlderUnloadedBody(BaseModel):
    """Answer of `POST /openarc/unload`."""

    model_name: str = Field(description="Name it was served under.")
    status: Literal["unloading"] = Field("unloading", description="OpenArc 2's word; here it is gone already.")


class OlderModelStatus(BaseModel):
    """One model in `GET /openarc/status`."""

    model_name: str = Field(description="Name it is served under.")
    model_type: Literal["llm"] = Field("llm", description="Always llm.")
    engine: str = Field(description="ovgenai or optimum; auto before a load has chosen.")
    device: str = Field(description="As it was asked for.")
    runtime_config: dict[str, PropertyValue] = Field(description="The ov_config it was loaded with.")
    status: Literal["loading", "loaded", "unloading", "failed"] = Field(description="What it is doing.")
    time_loaded: str | None = Field(description="When it began to answer, as ISO 8601 in UTC; null: it does not yet.")
    error_message: str | None = Field(description="Why it failed; null where it has not.")


class OlderStatusBody(BaseModel):
    """Answer of `GET /openarc/status`."""

    total_loaded_models: int = Field(description="How many answer now.")
    models: list[OlderModelStatus] = Field(description="Every model, whatever it is doing.")
    openai_model_names: list[str] = Field(description="Names that /v1 takes now.")


class OlderModel(BaseModel):
    """One model of the model folder, with the fields of OpenArc 2's saved configurations."""

    id: str = Field(description="Its name in the catalogue.")
    path: str = Field(description="`model_path` to load it with: the same name.")
    model_name: str = Field(description="Name it would be served under.")
    model_type: Literal["llm"] = Field("llm", description="Always llm.")
    engine: str | None = Field(description="ovgenai or optimum, the one that suits it best; null: nothing runs it.")
    runtime_config: dict[str, Any] = Field(description="What its openarc_profile.json recommends.")
    has_config: bool = Field(description="It has an openarc_profile.json with an ov_config.")
    vlm_type: None = Field(None, description="Always null: text models only.")
    draft_model_path: None = Field(None, description="Always null: no draft models.")
    draft_device: None = Field(None, description="Always null: no draft models.")
    num_assistant_tokens: None = Field(None, description="Always null: no draft models.")
    assistant_confidence_threshold: None = Field(None, description="Always null: no draft models.")
    hf_author: None = Field(None, description="Always null: the Hub is never asked.")
    hf_repo: None = Field(None, description="Always null: the Hub is never asked.")


class OlderModelsBody(BaseModel):
    """Answer of `GET /openarc/models`."""

    models: list[OlderModel] = Field(description="The model folder; configurations are kept as /profiles.")


class VersionBody(BaseModel):
    """Answer of `GET /openarc/version`."""

    version: str = Field(description="Of OpenArc.")


class ProcessorBody(BaseModel):
    """A processor, as OpenArc 2 tells it."""

    id: str = Field(description="CPU.")
    name: str = Field(description="Its full name.")
    cores: int | None = Field(description="Physical cores; null where the system does not tell.")
    threads: int | None = Field(description="Logical ones.")
    usage: float = Field(description="Percent of all of them, over a tenth of a second.")


class GraphicsBody(BaseModel):
    """A GPU, as OpenArc 2 tells it."""

    id: str = Field(description="GPU.0, ...")
    name: str = Field(description="Its full name.")
    total_vram: int | None = Field(description="MB; null where it does not tell.")
    used_vram: int | None = Field(description="MB that OpenArc's models hold there; null where none tells.")
    usage: float | None = Field(None, description="Always null: OpenVINO does not tell.")
    is_shared: bool = Field(description="It shares the machine's memory.")


class NeuralBody(BaseModel):
    """An NPU, as OpenArc 2 tells it."""

    id: str = Field(description="NPU.")
    name: str = Field(description="Its full name.")


class OlderMetricsBody(BaseModel):
    """Answer of `GET /openarc/metrics`."""

    cpus: list[ProcessorBody] = Field(description="One.")
    total_ram: int = Field(description="MB.")
    used_ram: int = Field(description="MB.")
    gpus: list[GraphicsBody] = Field(description="Every GPU OpenVINO has here.")
    npus: list[NeuralBody] = Field(description="Every NPU OpenVINO has here.")
    gpu_metrics_worked: bool = Field(description="A GPU's memory in use is known.")
