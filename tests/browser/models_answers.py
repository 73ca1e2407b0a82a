"""Made-up answers of the server's functions for the Models view, made of the same dataclasses as real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from openarc_ui.engine.options import Choice, OptionSpec
from openarc_ui.models.hub.client import FoundModel, HubFile, RepositoryFiles
from openarc_ui.models.inspection.inspect import GraphReport, Inspection, LayerSize, Trial
from openarc_ui.models.library import LibraryEntry, LibraryItem
from openarc_ui.models.results import (
    ConversionCard,
    ModelTask,
    QuickCheck,
    TaskProblem,
    TaskProgress,
    TaskState,
)
from openarc_ui.models.tidy import FolderSize, VerifiedFile

Json = dict[str, Any]
TASK: TypeAdapter[ModelTask] = TypeAdapter(ModelTask)
START = 1_795_600_000.0
REPOSITORY = "OpenVINO/Qwen3-0.6B-int4-ov"
COMMAND = (
    "optimum-cli export openvino --model SmolLM2-135M --task text-generation-with-past --weight-format int4 result"
)
NEEDS = {
    "weights_bytes": 270_000_000,
    "memory_bytes": 1_330_000_000,
    "disk_bytes": 630_000_000,
    "free_memory_bytes": 9_100_000_000,
}
CHECKS = (
    QuickCheck(16.33, 1024, 21.4, 48, "PyTorch, float32"),
    QuickCheck(17.02, 1024, 74.9, 48, "OpenVINO, CPU"),
)
CARD = ConversionCard(
    source="SmolLM2-135M",
    source_kind="gguf",
    source_bytes=98_000_000,
    result_bytes=110_000_000,
    command=tuple(COMMAND.split()),
    options={"weight-format": "int4", "group-size": 64},
    versions={"optimum-intel": "2.1.0", "nncf": "3.4.0", "openvino": "2026.4.1"},
    weights="u4 in groups of 64, u8",
    began_at=START,
    seconds=52.0,
    peak_memory_bytes=1_820_000_000,
    source_check=CHECKS[0],
    result_check=CHECKS[1],
    notes=("Its weights were rounded twice: to 4 bits in the GGUF, and once more.",),
)


def download(
    task_id: str = "d1", state: TaskState = TaskState.RUNNING, fraction: float = 0.34, **more: Any
) -> ModelTask:
    """A download of a gigabyte."""
    total, is_running = 1_000_000_000, state is TaskState.RUNNING
    progress = TaskProgress(
        stage="Downloading" if is_running else "",
        fraction=fraction,
        done_bytes=int(total * fraction),
        total_bytes=total,
        bytes_per_second=11_800_000.0 if is_running else None,
        left_seconds=56.0 if is_running else None,
        memory_bytes=91_000_000 if is_running else None,
        detail="openvino_model.bin" if is_running else "",
    )
    ended = (
        None if state in (TaskState.RUNNING, TaskState.WAITING, TaskState.PAUSED, TaskState.INTERRUPTED) else START + 90
    )
    return ModelTask(
        task_id=task_id,
        kind="download",
        name="Qwen3-0.6B-int4-ov",
        state=state,
        created_at=START,
        ended_at=ended,
        request={"kind": "download", "repository": REPOSITORY, "revision": "main", "files": [], "name": ""},
        progress=progress,
        **{"can_pause": is_running, "can_resume": state in (TaskState.PAUSED, TaskState.INTERRUPTED), **more},
    )


def conversion(task_id: str = "c1", state: TaskState = TaskState.RUNNING, **more: Any) -> ModelTask:
    """A conversion of the starter's GGUF."""
    is_running = state is TaskState.RUNNING
    given = {
        "card": CARD if state is TaskState.FINISHED else None,
        "log": ("Reading the GGUF", "Statistics of the bitwidth distribution:", "int4, 100% (210 / 210)"),
        "problem": TaskProblem("conversion_failed", "The conversion ended with exit code 1.", "Read the log.")
        if state is TaskState.FAILED
        else None,
        **more,
    }
    return ModelTask(
        task_id=task_id,
        kind="conversion",
        name="SmolLM2-135M-int4",
        state=state,
        created_at=START,
        ended_at=None if is_running else START + 60,
        request={"kind": "conversion", "source": "SmolLM2-135M.gguf", "name": "", "options": {}, "check": True},
        progress=TaskProgress(
            stage="Compressing the weights" if is_running else "",
            fraction=0.62 if is_running else None,
            memory_bytes=1_400_000_000 if is_running else None,
            peak_memory_bytes=1_820_000_000,
        ),
        command=tuple(COMMAND.split()),
        can_resume=state in (TaskState.FAILED, TaskState.INTERRUPTED),
        **given,
    )


def view(
    *tasks: ModelTask,
    revision: str = "1",
    log_of: str | None = None,
    results: Mapping[str, str] = MappingProxyType({}),
    unloadable: Mapping[str, str] = MappingProxyType({}),
    **more: Any,
) -> Json:
    """What `models_view` answers.

    Args:
        results: task -> the model it made, where that is not named as its folder.
        unloadable: task -> why what it made can't be loaded.
    """
    told = [TASK.dump_python(each, mode="json") for each in tasks]
    for each in told:
        if each["task_id"] != log_of:
            each["log"] = []
        each["result_model"] = results.get(each["task_id"], each["name"]) if each["state"] == "finished" else None
        each["can_load"] = each["state"] == "finished" and each["task_id"] not in unloadable
        each["result_problem"] = unloadable.get(each["task_id"], "")
    return {
        "revision": revision,
        "tasks": told,
        "loaded": [FOLDERS[0].name],
        "loading": [],
        "verifying": None,
        "free_bytes": 38_400_000_000,
        "hub": {"endpoint": "http://127.0.0.1:9", "has_token": False},
        "may_administer": True,
        "why_not": "",
        "folder_revision": "f1",
        **more,
    }


def item(name: str, **more: Any) -> LibraryItem:
    """A recommended model with its verdict."""
    of_entry = {each.name for each in dataclasses.fields(LibraryEntry)}
    entry: dict[str, Any] = {
        "name": name,
        "repository": f"Echo9Zulu/{name}",
        "collection": "OpenArc",
        "size_bytes": 1_850_000_000,
        "parameters": 3_300_000_000,
        "precision": "INT4 asym",
        "licence": "apache-2.0",
        "context_length": 131_072,
        "good_for": "Short answers and summaries on a small machine.",
        "shape": (26, 8, 128),
        "facts_from": ("size: the README of a test", "licence: its card"),
        **{key: value for key, value in more.items() if key in of_entry},
    }
    verdict: dict[str, Any] = {
        "device": "CPU",
        "context_tokens": 4096,
        "needed_bytes": 2_300_000_000,
        "fit": "fits",
        "fit_words": "It needs about 2.30 GB with 4 096 tokens, and 11.2 GB are free.",
        "installed_as": None,
        **{key: value for key, value in more.items() if key not in of_entry},
    }
    required = {each.name for each in dataclasses.fields(LibraryEntry) if each.default is dataclasses.MISSING}
    assert required <= set(entry), required - set(entry)
    return LibraryItem(entry=LibraryEntry(**entry), **verdict)


LIBRARY = (
    item("SmolLM2-135M-Instruct-int4", repository="", collection="Starter", size_bytes=106_000_000, parameters=135_000_000,
         context_length=8192, good_for="A first try: answers at once on every machine.", precision="INT4 in groups of 32, INT8 embedding",
         installed_as="SmolLM2-135M-Instruct-int4"),
    item("Phi-4-o1-int4_asym-awq-weight_quantization_error-ov", precision="INT4 asymmetric with AWQ", licence="falcon-llm-license"),
    item("Ministral-3b-instruct-int4_asym-ov"),
    item("Falcon3-10B-Instruct-int4_asym-ov", size_bytes=5_740_000_000, parameters=10_300_000_000, context_length=32_768,
         fit="tight", fit_words="It needs about 6.60 GB with 4 096 tokens, and 6.9 GB are free.", licence="falcon-llm-license"),
    item("Qwen2.5-72B-Instruct-int4-ns-ov", size_bytes=39_000_000_000, parameters=72_700_000_000, fit="too large",
         fit_words="It needs about 40.4 GB with 4 096 tokens, and 11.2 GB are free.", licence="qwen",
         good_for="The largest: hard questions, where a server has the memory."),
    item("Qwen3-0.6B-int4-ov", repository=REPOSITORY, collection="OpenVINO", size_bytes=410_000_000, parameters=596_000_000,
         context_length=40_960, good_for="Small and quick, thinks before it answers."),
    item("Phi-4-mini-instruct-int4-ov", repository="OpenVINO/Phi-4-mini-instruct-int4-ov", collection="OpenVINO",
         size_bytes=2_400_000_000, parameters=3_840_000_000, licence="mit", fit="unknown",
         fit_words="How much its cache needs is not known: its shape is not told.", good_for="Reasoning and code in little room."),
)  # fmt: skip
FOUND = (
    FoundModel(REPOSITORY, 120_345, 23, "2026-09-03T10:00:00.000Z", False, ("openvino",), "apache-2.0"),
    FoundModel("meta/gated-8b-ov", 2_400_000, 1204, "2026-10-12T10:00:00.000Z", True, ("openvino",), "llama3"),
    FoundModel("someone/untold", None, None, None, False, (), None),
)
FILES = RepositoryFiles(
    repository=REPOSITORY,
    revision="main",
    commit="0123456789abcdef0123456789abcdef01234567",
    is_gated=False,
    licence="apache-2.0",
    files=(
        HubFile("README.md", 4_100, None, "a" * 40, False),
        HubFile("config.json", 1_200, None, "b" * 40, True),
        HubFile("openvino_model.bin", 398_000_000, "c" * 64, None, True),
        HubFile("openvino_model.xml", 2_100_000, None, "d" * 40, True),
        HubFile("pytorch_model.bin", 1_190_000_000, "e" * 64, None, False),
    ),
)
FOLDERS = (
    FolderSize("SmolLM2-135M-Instruct-int4", 106_000_000, 11, True, True, "OpenVINO"),
    FolderSize("SmolLM2-135M.gguf", 98_000_000, 1, True, False, "GGUF"),
    FolderSize("notes", 12_000, 3, False, False, "Something else"),
)
OPTIONS = (
    OptionSpec("weight-format", "choice", "Weights", True, "How the weights are stored.",
               choices=tuple(Choice(each) for each in ("fp16", "int8", "int4", "nf4"))),
    OptionSpec("sym", "switch", "Weights", True, "No zero point."),
    OptionSpec("group-size", "integer", "Weights", True, "Weights that share one scale.", minimum=-1.0),
    OptionSpec("ratio", "number", "Weights", True, "The share that becomes 4-bit.", minimum=0.0, maximum=1.0),
    OptionSpec("awq", "switch", "Better 4-bit weights", True, "Scales weights before rounding."),
    OptionSpec("dataset", "text", "Better 4-bit weights", False, "The data to look at."),
    OptionSpec("task", "choice", "Model", False, "What it is exported for.", default="text-generation-with-past",
               choices=(Choice("text-generation-with-past", "with a cache"), Choice("text-generation"))),
)  # fmt: skip
LAYERS = (
    LayerSize("embedding", 28_311_552, (("u8", 28_311_552),)),
    *(LayerSize(f"layer {at}", 2_280_000, (("u4", 1_770_000), ("f16", 510_000))) for at in range(30)),
    LayerSize("output", 1_000, (("f32", 1_000),)),
)
INSPECTION = Inspection(
    model="SmolLM2-135M-Instruct-int4",
    graph=GraphReport(
        operations=(
            ("Constant", 1204),
            ("MatMul", 211),
            ("Convert", 240),
            ("Add", 180),
            ("ReadValue", 60),
            ("Assign", 60),
        ),
        precisions=(("u4", 53_100_000), ("u8", 28_311_552), ("f16", 15_300_000), ("f32", 1_000)),
        layers=LAYERS,
        is_stateful=True,
        inputs=("input_ids", "attention_mask", "position_ids", "beam_idx"),
        outputs=("logits",),
        weights_bytes=96_712_552,
        ir_version=11,
    ),
    tokenizer=(
        Trial("English", "good", "Comes back letter by letter; both tokenizers agree.", 12),
        Trial("emoji with a joiner", "differs", "Came back with another joiner.", 9),
    ),
    template=(
        Trial("one user", "good", "Rendered.", None),
        Trial("tools", "warning", "Rendered, but the tools are not in it.", None),
        Trial("two users in a row", "refused", "Conversation roles must alternate user/assistant/…", None),
    ),
    problems=(),
)
VERIFIED = (
    VerifiedFile("openvino_model.bin", 98_000_000, "changed", "other bytes than when it came"),
    VerifiedFile("config.json", 1_200, "good", "as it came"),
    VerifiedFile("notes.txt", 20, "unknown", "nothing was noted of it"),
)


def folders(*, is_whole: bool = True) -> Json:
    """What `models_sizes` answers, or `models_installed`: the models alone."""
    kinds = ("ir", "gguf", None)
    told = [
        {**dataclasses.asdict(each), "kind": kind, "can_run": kind == "ir", "problems": []}
        for each, kind in zip(FOLDERS, kinds, strict=True)
        if is_whole or each.is_model
    ]
    return {"folders": told, "free_bytes": 38_400_000_000}


def answers(*tasks: ModelTask, **more: Any) -> Json:
    """All of them, with these tasks."""
    names = [each.name for each in FOLDERS]
    started = {"task": TASK.dump_python(download(), mode="json")}
    return {
        "models_view": view(*tasks),
        "models_library": {
            "items": [dataclasses.asdict(each) for each in LIBRARY],
            "devices": [{"name": "CPU", "label": "Some CPU"}, {"name": "GPU", "label": "Some Arc"}],
            "device": "CPU",
            "context_tokens": 4096,
            "free_bytes": 38_400_000_000,
        },
        "models_installed": folders(is_whole=False),
        "models_sizes": folders(),
        "models_search": {"found": [dataclasses.asdict(each) for each in FOUND], "installed": names},
        "models_files": {
            **dataclasses.asdict(FILES),
            "wanted_bytes": FILES.wanted_bytes,
            "free_bytes": 38_400_000_000,
            "names": names,
        },
        "models_token": {"has_token": True},
        "models_download": started,
        "models_convert": {"task": TASK.dump_python(conversion(), mode="json")},
        "models_options": {
            "sources": [{"name": "SmolLM2-135M.gguf", "kind": "gguf", "size_bytes": 98_000_000, "problem": ""}],
            "names": names,
            "options": [dataclasses.asdict(each) for each in OPTIONS],
            "versions": {"optimum-intel": "2.1.0", "nncf": "3.4.0", "openvino": "2026.4.1"},
        },
        "models_command": {
            "name": "SmolLM2-135M-int4",
            "command": COMMAND,
            "source_bytes": 98_000_000,
            "needs": NEEDS,
            "notes": [],
        },
        "models_inspect": {"inspection": dataclasses.asdict(INSPECTION)},
        "models_load": {"model": "m", "words": "m is loaded, in 1.2 s, and answers in the Chat tab."},
        "models_rename": {"model": "other", "profiles": [], "words": "It is called other now."},
        "models_delete": {"freed_bytes": 98_000_000},
        **more,
    }
