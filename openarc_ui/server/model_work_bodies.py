"""Bodies of the routes about getting, converting and keeping models: the results' own dataclasses, with words for every field.

A test holds each against its dataclass in `openarc_ui.models`, field by field.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.frozen import Frozen
from openarc_ui.models.requests import ConversionRequest, DownloadRequest, FolderName, HubToken, OptionValue
from openarc_ui.models.results import TaskKind, TaskState
from openarc_ui.server.routes.devices import OptionBody

TASK_ID: Any = "20261126-120000-3f2a9c"
REPOSITORY: Any = "OpenVINO/Qwen3-0.6B-int4-ov"
SOURCE = "SmolLM2-135M-Instruct"
DOWNLOAD_EXAMPLE: dict[str, Any] = {"repository": REPOSITORY}
CONVERSION_EXAMPLE: dict[str, Any] = {
    "source": SOURCE,
    "name": "SmolLM2-small",
    "options": {"weight-format": "int4", "group-size": 64},
}
RENAMED, OTHER_NAME, UNWANTED = "Qwen3-0.6B", "Qwen3-small", "old-model"
"""What the examples rename and delete."""


def _with_example(example: dict[str, Any]) -> Any:
    return Frozen.model_config | {"json_schema_extra": {"examples": [example]}}


class DownloadBody(DownloadRequest):
    """Body of `POST /models/tasks/downloads`."""

    model_config = _with_example(DOWNLOAD_EXAMPLE)


class ConversionBody(ConversionRequest):
    """Body of `POST /models/tasks/conversions` and `POST /models/conversion-command`."""

    model_config = _with_example(CONVERSION_EXAMPLE)


class HubTokenBody(Frozen):
    """Body of `PUT /models/hub/token`."""

    model_config = _with_example({"token": "hf_xxxxxxxxxxxxxxxx"})

    token: HubToken = Field(description="Kept in memory only, and told to nobody.")


class RenameModelBody(Frozen):
    """Body of `POST /models/rename`."""

    model_config = _with_example({"model": RENAMED, "new_name": OTHER_NAME})

    model: str = Field(min_length=1, max_length=LONGEST_NAME, description="Its name in the catalogue.")
    new_name: FolderName = Field(min_length=1, description="One name, no path; its folder stays where it is.")


class DeleteModelBody(Frozen):
    """Body of `POST /models/delete`."""

    model_config = _with_example({"model": UNWANTED, "confirm": UNWANTED})

    model: str = Field(min_length=1, max_length=LONGEST_NAME, description="Its name in the catalogue.")
    confirm: str = Field(max_length=LONGEST_NAME, description="Its whole name once more; anything else is refused.")


class VerifyModelBody(Frozen):
    """Body of `POST /models/verify`."""

    model_config = _with_example({"model": "SmolLM2-135M-Instruct-int4"})

    model: str = Field(min_length=1, max_length=LONGEST_NAME, description="Its name in the catalogue.")


class LibraryEntryBody(BaseModel):
    """A recommended model, as who published it tells it; null: not known."""

    name: str = Field(description="Of the model.")
    repository: str = Field(description="On the Hub; empty of the starter, which comes as a Python package.")
    collection: str = Field(description="OpenArc, OpenVINO or Starter.")
    size_bytes: int | None = Field(description="Of the files that are needed.")
    parameters: int | None = Field(description="How many.")
    precision: str = Field(description="Of its weights.")
    licence: str | None = Field(description="As its card says.")
    context_length: int | None = Field(description="Tokens of prompt and answer together.")
    good_for: str = Field(description="In a sentence.")
    shape: list[int] | None = Field(description="Layers, key/value heads, head size.")
    widths: list[int] | None = Field(description="Hidden, intermediate, vocabulary.")
    shares_embedding: bool = Field(description="The output is the embedding's matrix once more.")
    group_size: int | None = Field(description="Weights that share one scale; 0: a whole row does.")
    facts_from: list[str] = Field(description="Where the numbers come from.")


class LibraryItemBody(BaseModel):
    """A recommended model, held against this machine."""

    entry: LibraryEntryBody = Field(description="The model.")
    device: str = Field(description="That the estimate is for.")
    context_tokens: int = Field(description="That the estimate is for.")
    needed_bytes: int | None = Field(description="Weights, KV cache and work space; null: can't be told.")
    fit: Literal["fits", "tight", "too large", "unknown"] = Field(description="Into the memory that is free now.")
    fit_words: str = Field(description="The estimate in a sentence.")
    installed_as: str | None = Field(description="Its name in the model folder; null: it is not there.")
    reckoned_bytes: int | None = Field(description="Of its weights, from its parameters, where its size is not told.")


class FoundModelBody(BaseModel):
    """A repository that the Hub found; null: it does not say."""

    repository: str = Field(description="For a download.", examples=[REPOSITORY])
    downloads: int | None = Field(description="Of the last 30 days.")
    likes: int | None = Field(description="Of people.")
    updated_at: str | None = Field(description="ISO 8601.")
    is_gated: bool = Field(description="Its owner wants to be asked first; a token is needed.")
    tags: list[str] = Field(description="As on the Hub.")
    licence: str | None = Field(description="As its card says.")


class HubFileBody(BaseModel):
    """One file of a repository."""

    path: str = Field(description="In the repository.")
    size_bytes: int = Field(description="Of the file.")
    sha256: str | None = Field(description="Of a large file.")
    git_sha1: str | None = Field(description="Of a small one.")
    is_wanted: bool = Field(description="Fetched unless files are named.")


class RepositoryFilesBody(BaseModel):
    """A repository at one commit."""

    repository: str = Field(description="That was asked for.")
    revision: str = Field(description="That was asked for.")
    commit: str = Field(description="What the revision means now.")
    is_gated: bool = Field(description="A token is needed.")
    licence: str | None = Field(description="As its card says.")
    files: list[HubFileBody] = Field(description="By path.")
    words: str = Field("", description="What of several was chosen or left out, in sentences.")
    wanted_bytes: int = Field(description="Of the files that a download fetches.")


class HubTokenStateBody(BaseModel):
    """Whether there is a token for the Hub."""

    is_set: bool = Field(description="There is one; whether it is good for anything only the Hub knows.")


class TaskProgressBody(BaseModel):
    """How far a task is; null: can't be told."""

    stage: str = Field(description="What is done now.")
    fraction: float | None = Field(description="Of the whole, 0 to 1.")
    done_bytes: int | None = Field(description="Of a download.")
    total_bytes: int | None = Field(description="Of a download.")
    bytes_per_second: float | None = Field(description="Over the last seconds.")
    left_seconds: float | None = Field(description="An estimate by that.")
    memory_bytes: int | None = Field(description="Of its processes, now.")
    peak_memory_bytes: int | None = Field(description="Of its processes, the most so far.")
    detail: str = Field(description="A file's name, a count.")


class TaskProblemBody(BaseModel):
    """Why a task failed."""

    code: str = Field(description="A stable word for programs, as in the body of an error.")
    message: str = Field(description="What went wrong.")
    hint: str = Field(description="What to do about it.")


class QuickCheckBody(BaseModel):
    """A short measurement of a model, by the same text and program for source and result."""

    perplexity: float | None = Field(description="Of the text's first tokens; lower is better. Null: see problem.")
    tokens: int = Field(description="That it is over.")
    decode_tokens_per_second: float | None = Field(description="Of one greedy answer.")
    generated_tokens: int = Field(description="Of that answer.")
    runtime: str = Field(description="What computed it, with its precision or device.")
    problem: str = Field(description="Why it could not be measured; empty where it was.")


class ConversionCardBody(BaseModel):
    """What a conversion did; `openarc_conversion.json` in the result's folder."""

    source: str = Field(description="Its name in the model folder.")
    source_kind: str = Field(description="checkpoint or gguf.")
    source_bytes: int = Field(description="Of its files.")
    result_bytes: int = Field(description="Of the result's files.")
    command: list[str] = Field(description="The equal command, word by word.")
    options: dict[str, OptionValue] = Field(description="As they were run.")
    versions: dict[str, str] = Field(description="Of the libraries.")
    weights: str = Field(description="The result's precisions in words.")
    began_at: float = Field(description="Seconds since the epoch.")
    seconds: float = Field(description="That it took.")
    peak_memory_bytes: int = Field(description="Of its processes.")
    source_check: QuickCheckBody | None = Field(description="Of the source; null: not asked for.")
    result_check: QuickCheckBody | None = Field(description="Of the result; null: not asked for.")
    notes: list[str] = Field(description="What one has to know of the result, in sentences.")


class TaskBody(BaseModel):
    """A download or a conversion, as it is at this moment."""

    task_id: str = Field(description="Its id.", examples=[TASK_ID])
    kind: TaskKind = Field(description="download or conversion.")
    name: str = Field(description="The folder that it makes.")
    state: TaskState = Field(
        description="waiting, running, paused, interrupted (the server ended meanwhile), finished, failed or cancelled."
    )
    created_at: float = Field(description="Seconds since the epoch.")
    ended_at: float | None = Field(description="Seconds since the epoch; null: it has not ended.")
    request: dict[str, Any] = Field(description="As it was asked for.")
    progress: TaskProgressBody = Field(description="How far it is.")
    problem: TaskProblemBody | None = Field(description="Why it failed; null: it did not.")
    command: list[str] = Field(description="Of a conversion: the equal command.")
    log: list[str] = Field(description="Its last lines; empty in a list of tasks.")
    can_pause: bool = Field(description="It can be paused now.")
    can_resume: bool = Field(description="It can go on now; a conversion begins anew.")
    card: ConversionCardBody | None = Field(description="Of a finished conversion.")
    notes: list[str] = Field(description="What one has to know, in sentences.")


class ConversionOptionsBody(BaseModel):
    """What a conversion can be asked for, by the installed version."""

    options: list[OptionBody] = Field(description="Of `optimum-cli export openvino`, without dashes before them.")
    not_offered: dict[str, str] = Field(description="Option -> why it can't be set.")
    versions: dict[str, str] = Field(description="Of the libraries.")


class ConversionPlanBody(BaseModel):
    """What a conversion would do."""

    name: str = Field(description="Of the result in the model folder.")
    source: str = Field(description="Its name in the catalogue.")
    source_kind: str = Field(description="checkpoint or gguf.")
    source_bytes: int = Field(description="Of its files.")
    options: dict[str, OptionValue] = Field(description="As they are run.")
    first_step: list[str] = Field(description="Unpacks a GGUF; empty for a checkpoint.")
    export: list[str] = Field(description="The equal command, word by word.")
    text: str = Field(description="All of it for a shell, to be run in the model folder.")
    needed_memory_bytes: int | None = Field(description="At the most, by estimate; null: the source does not tell.")
    needed_disk_bytes: int | None = Field(description="The same, in the model folder.")
    notes: list[str] = Field(description="What one should know before it begins, in sentences.")


class FolderSizeBody(BaseModel):
    """What one entry of the model folder takes."""

    name: str = Field(description="In the model folder.")
    size_bytes: int = Field(description="Of all its files.")
    files: int = Field(description="How many.")
    is_model: bool = Field(description="It is in the catalogue.")
    is_loaded: bool = Field(description="A worker has it open.")
    what: str = Field(description="What it is, in words.")


class RenamedBody(BaseModel):
    """A model under its new name."""

    message: str = Field(description="What was done, and what still names the old one, in words.")
    model: str = Field(description="Its name in the catalogue now.")
    profiles: list[str] = Field(description="Those that still name the old one; nothing is changed in them.")


class DeletedModelBody(BaseModel):
    """A model that is gone."""

    message: str = Field(description="What was deleted, in words.")
    freed_bytes: int = Field(description="That this gave back.")


class VerifiedFileBody(BaseModel):
    """A file held against what was noted when it was downloaded or converted."""

    path: str = Field(description="In the model's folder.")
    size_bytes: int | None = Field(description="Now; null: it is missing.")
    verdict: Literal["good", "changed", "missing", "unknown"] = Field(description="unknown: nothing was noted of it.")
    words: str = Field(description="The verdict in a sentence.")


class VerificationBody(BaseModel):
    """Every file of a model."""

    model: str = Field(description="That was asked for.")
    is_good: bool | None = Field(description="No file is changed or missing; null: nothing was noted of any of them.")
    files: list[VerifiedFileBody] = Field(description="By path.")


class LayerSizeBody(BaseModel):
    """One block of a model, or one part of it."""

    name: str = Field(description="Of the block.")
    size_bytes: int = Field(description="Of its weights.")
    by_precision: list[tuple[str, int]] = Field(description="Element type and bytes.")


class GraphReportBody(BaseModel):
    """A model's graph as numbers."""

    operations: list[tuple[str, int]] = Field(description="Type and how often, the most frequent first.")
    precisions: list[tuple[str, int]] = Field(description="Element type and bytes.")
    layers: list[LayerSizeBody] = Field(description="In their order.")
    is_stateful: bool = Field(description="It keeps its KV cache itself.")
    inputs: list[str] = Field(description="Names.")
    outputs: list[str] = Field(description="Names.")
    weights_bytes: int = Field(description="Of all weights.")
    ir_version: int | None = Field(description="Of OpenVINO's format; null: it is another.")


class TrialBody(BaseModel):
    """One text through the tokenizer, or one conversation through the template."""

    what: str = Field(description="That was tried.")
    verdict: Literal["good", "differs", "warning", "refused"] = Field(description="What came of it.")
    words: str = Field(description="The verdict in a sentence.")
    token_count: int | None = Field(description="Where it was tokenized.")


class InspectionBody(BaseModel):
    """A model looked into; what could not be looked at is empty."""

    model: str = Field(description="Its name in the catalogue.")
    graph: GraphReportBody | None = Field(description="Operations, precisions, sizes by layer.")
    tokenizer: list[TrialBody] = Field(description="Texts there and back.")
    template: list[TrialBody] = Field(description="Conversations through the chat template.")
    problems: list[str] = Field(description="What could not be looked at, and why.")
