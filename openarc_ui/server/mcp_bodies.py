"""What the tools for agents answer: the structured content, and its schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.types import BackendName


class Told(BaseModel):
    """Base of all: read from the engine's own values."""

    model_config = ConfigDict(from_attributes=True)


class DeviceTold(Told):
    """A device that OpenVINO has on this machine."""

    name: str = Field(description="To load on: CPU, GPU.0, NPU.")
    full_name: str = Field(description="As its maker calls it.")
    kind: str = Field(description="CPU, GPU or NPU.")
    type: str = Field(description="Integrated or discrete, where the device tells.")
    memory_bytes: int | None = Field(description="What it can hold at most; null where it does not tell.")
    capabilities: list[str] = Field(description="Precisions and more that it computes with.")
    driver: str = Field(description="Version of its driver or plugin.")
    good_for: str = Field(description="In a sentence.")
    matters: list[str] = Field(description="The properties that matter most for language models.")
    limits: list[str] = Field(description="What it can not do.")
    is_run_in_tests: bool = Field(description="False where OpenArc's tests have no such hardware.")


class ModelTold(Told):
    """A model in the model folder."""

    name: str = Field(description="For load_model.")
    kind: str = Field(description="What its folder holds.")
    architecture: str | None = Field(description="Null where the files do not tell.")
    parameters: int | None = Field(description="How many.")
    precision: str | None = Field(description="Of its weights.")
    context_length: int | None = Field(description="Tokens of prompt and answer together.")
    size_bytes: int = Field(description="On disk.")
    backends: list[str] = Field(description="Those that can run it; none: it can't be loaded.")
    problems: list[str] = Field(description="What is wrong with it.")


class ProfileTold(Told):
    """A saved load."""

    name: str = Field(description="For load_profile.")
    load: dict[str, Any] | None = Field(description="Model, device and settings that are not the default.")
    problem: str = Field(description="Why it can't be used; empty where it can.")


class LoadedTold(Told):
    """A model that was just loaded."""

    name: str = Field(description="It is served under.")
    backend: BackendName = Field(description="That runs it.")
    device: str = Field(description="It runs on.")
    load_seconds: float = Field(description="What it took.")
    memory_bytes: int = Field(description="Its process holds.")
    context_length: int | None = Field(description="Tokens of prompt and answer together.")
    requested_properties: dict[str, Any] = Field(description="The ov_config as it was asked for.")
    effective_properties: dict[str, str] = Field(description="The ov_config as it is in effect.")
    warnings: list[str] = Field(description="In sentences.")


class UnloadedTold(Told):
    """A model that is gone."""

    name: str = Field(description="It was served under.")
    cancelled_requests: int = Field(description="Requests that ended with it.")
    freed_memory_bytes: int = Field(description="What its process gave back.")


class ModelStatusTold(Told):
    """A model that is loaded or on its way."""

    name: str = Field(description="For chat and unload_model.")
    state: str = Field(description="loading, ready, unloading or failed.")
    device: str = Field(description="It runs on.")
    memory_bytes: int | None = Field(description="Its process holds.")
    running: int = Field(description="Requests it answers now.")
    queued: int = Field(description="Requests that wait.")
    failure: str | None = Field(description="Why it failed.")
    last_decode_tokens_per_second: float | None = Field(description="Of the last request.")


class RunTold(Told):
    """A run that measures, or has measured."""

    run_id: str = Field(description="For tuning_results.")
    kind: str = Field(description="bench, comparison or sweep.")
    name: str = Field(description="What it is called.")
    state: str = Field(description="waiting, running, interrupted, cancelled, finished or failed.")
    words: str = Field(description="What came of it so far.")


class RunsTold(Told):
    """Runs, and what one of them found."""

    runs: list[RunTold] = Field(description="The newest first; or the one that was asked for.")
    results: str = Field(description="What that one measured, as Markdown with units; empty in a list.")


class RecommendedTold(Told):
    """A model worth getting."""

    name: str = Field(description="Of the model.")
    repository: str = Field(description="For start_download; empty: it comes with OpenArc.")
    size_bytes: int | None = Field(description="Of its files.")
    parameters: int | None = Field(description="How many.")
    precision: str = Field(description="Of its weights.")
    licence: str | None = Field(description="As its card says.")
    context_length: int | None = Field(description="Tokens of prompt and answer together.")
    good_for: str = Field(description="In a sentence.")
    fit: str = Field(description="fits, tight, too large or unknown, on the device that was asked about.")
    fit_words: str = Field(description="Why, in a sentence.")
    installed_as: str | None = Field(description="Its name for load_model; null: it is not there yet.")


class TaskTold(Told):
    """A download or a conversion."""

    task_id: str = Field(description="Its id.")
    kind: str = Field(description="download or conversion.")
    name: str = Field(description="For load_model, once it is finished.")
    state: str = Field(description="waiting, running, paused, interrupted, finished, failed or cancelled.")
    stage: str = Field(description="What is done now.")
    fraction: float | None = Field(description="Of the whole, 0 to 1.")
    left_seconds: float | None = Field(description="An estimate.")
    problem: str = Field(description="Why it failed; empty: it did not.")


class AnswerTold(Told):
    """An answer, and what it cost."""

    text: str = Field(description="As the model wrote it.")
    model: str = Field(description="That wrote it.")
    finish_reason: str = Field(
        description="stop: it ended by itself; length: max_new_tokens or the context was reached."
    )
    prompt_tokens: int | None = Field(description="Of the whole conversation.")
    generated_tokens: int = Field(description="Of the answer.")
    ttft_seconds: float | None = Field(description="Time to first token.")
    decode_tokens_per_second: float | None = Field(description="After the first token.")
