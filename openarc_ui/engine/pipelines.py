"""Which of GenAI's two pipelines runs a model, and what the stateful one is given.

Paged attention serves many requests at once. The stateful pipeline serves one at a time, is the only one on an NPU, and is
`ATTENTION_BACKEND: "SDPA"` elsewhere. Pure: no library is imported here. What concerns the NPU follows OpenVINO's page
"OpenVINO GenAI on NPU" and GenAI's source (utils.cpp, get_npu_model_config); it was not run on hardware.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openarc_ui.engine.types import LoadRequest, PropertyValue
from openarc_ui.errors import InvalidRequest, PropertyRejected

PipelineName = Literal["paged", "stateful"]

ATTENTION_BACKEND = "ATTENTION_BACKEND"
"""GenAI's own key, no device knows it: "PA" (the default) or "SDPA"."""
NPU_LENGTHS = {"MAX_PROMPT_LEN": 1024, "MIN_RESPONSE_LEN": 128}
MAX_LENGTH_TOKENS = 1_000_000
"""GenAI would wrap what is beyond 2^32."""
NPU_CONFIGS = ("PREFILL_CONFIG", "GENERATE_CONFIG", "SHARED_HEAD_CONFIG")
NPU_MODEL_KEYS = frozenset(
    {*NPU_LENGTHS, *NPU_CONFIGS, "PREFILL_HINT", "GENERATE_HINT", "EXPORT_BLOB", "BLOB_PATH", "NPU_USE_NPUW"}
)
"""What GenAI takes for a language model on an NPU and hands to the plugin under other names; so are all NPUW_ keys."""


@dataclass(frozen=True, slots=True)
class NpuLimits:
    """What an NPU is compiled for, in tokens.

    Attributes:
        prompt_tokens: MAX_PROMPT_LEN, the longest prompt.
        context_tokens: MAX_PROMPT_LEN + MIN_RESPONSE_LEN, prompt and answer together.
    """

    prompt_tokens: int
    context_tokens: int


def pipeline_of(device: str, ov_config: Mapping[str, PropertyValue]) -> PipelineName:
    """The pipeline that runs a load by the GenAI backend. It judges nothing; `check_pipeline` does."""
    return "stateful" if "NPU" in device or ov_config.get(ATTENTION_BACKEND) == "SDPA" else "paged"


def check_pipeline(request: LoadRequest) -> PipelineName:
    """The pipeline of a load by the GenAI backend, once everything in the request goes with it.

    Raises:
        InvalidRequest: an NPU by another name than "NPU", or a scheduler for the stateful pipeline.
        PropertyRejected: an ATTENTION_BACKEND that does not exist or that an NPU lacks, or a wrong NPU length.
    """
    pipeline = pipeline_of(request.device, request.ov_config)
    chosen = request.ov_config.get(ATTENTION_BACKEND)
    if chosen not in (None, "PA", "SDPA"):
        raise PropertyRejected(
            f"{ATTENTION_BACKEND} is PA or SDPA, got {chosen!r}.", "Leave it out for PA.", (ATTENTION_BACKEND,)
        )
    if "NPU" in request.device:
        _check_npu(request)
    if pipeline == "stateful" and request.scheduler.given():
        raise InvalidRequest(
            "The stateful pipeline has no scheduler.",
            "Leave the scheduler out; an NPU runs no other pipeline."
            if "NPU" in request.device
            else "Leave the scheduler out, or use paged attention (ATTENTION_BACKEND PA).",
        )
    return pipeline


def npu_limits(ov_config: Mapping[str, PropertyValue]) -> NpuLimits:
    """The lengths an NPU is compiled for, with GenAI's defaults where they are not set.

    Raises:
        PropertyRejected: one of them is no whole number above 0.
    """
    prompt_tokens, response_tokens = (
        _length(name, ov_config.get(name, default)) for name, default in NPU_LENGTHS.items()
    )
    return NpuLimits(prompt_tokens, prompt_tokens + response_tokens)


def device_properties(device: str, ov_config: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """The part of an ov_config that is the device's own; on other devices an NPU's keys stay, to be refused by them."""
    is_npu = "NPU" in device
    return {
        name: value
        for name, value in ov_config.items()
        if name != ATTENTION_BACKEND and not (is_npu and _is_npu_model_key(name))
    }


def stateful_properties(device: str, ov_config: Mapping[str, PropertyValue]) -> dict[str, Any]:
    """The keyword arguments of `openvino_genai.LLMPipeline` that make it the stateful pipeline with this ov_config.

    GenAI takes the NPU's lengths as integers only and its configurations as objects, so text is read as such.

    Raises:
        PropertyRejected: a length is no whole number above 0, or a configuration is no JSON object.
    """
    properties: dict[str, Any] = {name: value for name, value in ov_config.items() if name != ATTENTION_BACKEND}
    if "NPU" not in device:
        return {**properties, ATTENTION_BACKEND: "SDPA"}
    for name, value in properties.items():
        if name in NPU_LENGTHS:
            properties[name] = _length(name, value)
        elif name.removeprefix("++").removeprefix("NPUW_LLM_") in NPU_CONFIGS:
            properties[name] = _configuration(name, value)
    return properties


def _check_npu(request: LoadRequest) -> None:
    if request.device != "NPU":
        is_numbered = request.device.startswith("NPU.")
        raise InvalidRequest(
            "GenAI compiles a language model for the device 'NPU', not for one of several by number."
            if is_numbered
            else f"A language model runs on an NPU alone, not as a part of {request.device}.",
            "Choose NPU." if is_numbered else "Choose NPU, or leave it out of the composite.",
        )
    if request.ov_config.get(ATTENTION_BACKEND) == "PA":
        raise PropertyRejected(
            "An NPU has no paged attention; it runs the stateful pipeline only.",
            f"Leave {ATTENTION_BACKEND} out.",
            (ATTENTION_BACKEND,),
        )
    npu_limits(request.ov_config)
    stateful_properties(request.device, request.ov_config)


def _is_npu_model_key(name: str) -> bool:
    plain = name.removeprefix("++")
    return plain in NPU_MODEL_KEYS or plain.startswith("NPUW_")


def _length(name: str, value: PropertyValue) -> int:
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit()
    if is_digits or (isinstance(value, int) and not isinstance(value, bool)):
        tokens = int(str(value))
        if 0 < tokens <= MAX_LENGTH_TOKENS:
            return tokens
    raise PropertyRejected(
        f"{name} is a number of tokens from 1 to {MAX_LENGTH_TOKENS}, got {value!r}.",
        f"GenAI's default is {NPU_LENGTHS[name]}.",
        (name,),
    )


def _configuration(name: str, value: PropertyValue) -> dict[str, Any]:
    try:
        configuration = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        configuration = None
    if isinstance(configuration, dict):
        return configuration
    raise PropertyRejected(
        f"{name} is a JSON object of properties, got {value!r}.", 'For example {"NPUW_DEVICES": "CPU"}.', (name,)
    )
