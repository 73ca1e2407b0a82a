"""Made-up answers of the server's functions for the Tune view, made of the same dataclasses as real ones."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from pydantic import TypeAdapter

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.figures import FIGURES
from openarc_ui.tuning.reading import field_label
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, QualityOptions, SweepRequest
from openarc_ui.tuning.results import (
    Configuration,
    ConfigurationResult,
    ConfigurationState,
    Difference,
    Divergence,
    Failure,
    Importance,
    Loaded,
    Progress,
    Quality,
    RunHead,
    RunState,
    RunView,
    Summary,
)
from openarc_ui.tuning.workloads import PRESETS, grid

Json = dict[str, Any]
START = 1_795_600_000.0
MODELS = ("SmolLM2-135M-Instruct-int4", "SmolLM2-135M-Instruct-int8")
THREADS: tuple[int | None, ...] = (None, 1, 2)
PRECISIONS = ("f16", "u8")
BASE = LoadRequest(model_path=MODELS[0], ov_config={"KV_CACHE_PRECISION": "f16"})
MEDIANS = {"ttft_seconds": 0.198, "decode_tokens_per_second": 53.6, "total_seconds": 2.2, "memory_bytes": 6.1e8}
MACHINE = {"Processor": "Some CPU, 2 cores", "Memory": "16.8 GB", "System": "Linux 6.1", "openvino": "2026.4.1"}


def summary(median: float, reach: float | None = 0.015, count: int = 12) -> Summary:
    """A figure whose interval reaches so far, as a share of it, to each side."""
    low, high = (None, None) if reach is None else (median * (1 - reach), median * (1 + reach))
    return Summary(count, median, median, median * 0.02, median * 0.97, median * 1.04, low, high)


def figures_of(latency: float, memory: float, kl: float | None, reach: float | None = 0.015) -> dict[str, Summary]:
    """All figures, from three numbers."""
    found = {
        "ttft_seconds": summary(latency * 0.09, reach),
        "prefill_tokens_per_second": summary(1400 / latency, reach),
        "decode_tokens_per_second": summary(118 / latency, reach),
        "tpot_seconds": summary(latency / 141, reach),
        "total_seconds": summary(latency, reach),
        "throughput_tokens_per_second": summary(112 / latency, reach),
        "memory_bytes": summary(memory, 0.004, 3),
        "load_seconds": summary(1.9, 0.1, 3),
    }
    if kl is not None:
        found |= {
            name: summary(value, None, 1) for name, value in (("mean_kl_divergence", kl), ("perplexity", 16.4 + kl))
        }
    return found


def difference(figure: str, by: float, verdict: str, reach: float = 1.6, **more: Any) -> Difference:
    label = next(each.label for each in FIGURES if each.name == figure)
    words = f"{label} is {abs(by):.1f}% {'lower' if by < 0 else 'higher'}: {verdict}."
    if verdict == "no real difference":
        words = f"No real difference in {label}: the interval has zero in it."
    base = MEDIANS.get(figure, 2.2)
    return Difference(figure, 6, base, base * (1 + by / 100), by, by - reach, by + reach, 95.0, verdict, words, **more)


def verdict_of(more: float, reach: float) -> str:
    """Of a figure of which less is better."""
    if abs(more) <= reach:
        return "no real difference"
    return "worse" if more > 0 else "better"


def quality(configuration_id: str, reference_id: str, kl: float, changes: bool | None) -> Quality:
    own = "The sky is blue because molecules in the air scatter short wavelengths more strongly than long ones."
    other = "The sky is blue because molecules in the air spread blue light in all directions."
    differing = Divergence("Why is the sky blue?", 11, 48, own, other)
    same = Divergence("What is the capital of France?", None, 48, "Paris.", "Paris.")
    words = "It writes what the reference writes." if not changes else "4 of 6 answers differ from the reference's."
    method = "Next-token distributions of 512 positions by OpenVINO, reference from configuration."
    return Quality(
        configuration_id, reference_id, kl, kl * 9, 1 - kl * 4, 16.4 + kl, 16.4, None, 512, 0.33 if changes else 1.0,
        (differing, same) if changes else (same,), method, changes, words, 8.4,
    )  # fmt: skip


def loaded(backend: str, threads: int | None, precision: str) -> Loaded:
    properties = {"INFERENCE_NUM_THREADS": str(threads or 2), "KV_CACHE_PRECISION": precision, "NUM_STREAMS": "1"}
    properties |= {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "ENABLE_HYPER_THREADING": "NO"}
    name = "genai-cb" if backend == "genai" else "optimum"
    return Loaded(name, "CPU", ("CPU",), properties, {"max_num_batched_tokens": 256}, {"openvino": "2026.4.1"}, "abc")


def sweep_request(**more: Any) -> SweepRequest:
    axes = [
        {"field": "ov_config.INFERENCE_NUM_THREADS", "values": THREADS},
        {"field": "ov_config.KV_CACHE_PRECISION", "values": PRECISIONS},
        {"field": "backend", "values": ("genai", "optimum")},
        {"field": "model_path", "values": MODELS},
    ]
    usual = {"base": BASE, "axes": axes, "objectives": ("total_seconds", "memory_bytes"), "workload": PRESETS["chat"]}
    return SweepRequest.model_validate(usual | more)


def sweep_results() -> list[ConfigurationResult]:
    """All 24 combinations: two fail, three are given up, one is best."""
    results: list[ConfigurationResult] = []
    combinations = itertools.product(THREADS, PRECISIONS, ("genai", "optimum"), MODELS)
    for number, (threads, precision, backend, model) in enumerate(combinations, 1):
        latency = (
            2.2 * (1.6 if threads == 1 else 1) * (1.3 if backend == "optimum" else 1) * (0.93 if "int8" in model else 1)
        )
        latency *= 0.97 if precision == "u8" else 1
        memory = (
            6.1e8
            + (4e7 if "int8" in model else 0)
            + (2.1e8 if backend == "optimum" else 0)
            - (9e6 if precision == "u8" else 0)
        )
        kl = 0.0004 + (0.06 if precision == "u8" else 0) + (0.002 if "int4" in model else 0)
        settings: dict[str, PropertyValue | None] = {
            "ov_config.INFERENCE_NUM_THREADS": threads,
            "ov_config.KV_CACHE_PRECISION": precision,
            "backend": backend,
            "model_path": model,
        }
        label = f"{threads or 'default'} threads · {precision} · {backend} · {model.rpartition('-')[2]}"
        load = LoadRequest(model_path=model, backend=backend, ov_config={"KV_CACHE_PRECISION": precision})
        results.append(
            one_result(number, Configuration(f"c{number}", label, load, settings), latency, memory, kl, precision)
        )
    return results


def one_result(
    number: int, configuration: Configuration, latency: float, memory: float, kl: float, precision: str
) -> ConfigurationResult:
    settings = configuration.settings
    backend, threads = str(settings["backend"]), settings["ov_config.INFERENCE_NUM_THREADS"]
    made = loaded(backend, threads if isinstance(threads, int) else None, precision)
    if backend == "optimum" and threads == 2:
        words = "The CPU plugin refused KV_CACHE_PRECISION=u8 with this model: unsupported precision for the key cache."
        failure = Failure("load", "model_load_failed", words, "Leave the property out.")
        return ConfigurationResult(configuration, number, ConfigurationState.FAILED, 0, {}, failure=failure)
    state = ConfigurationState.PRUNED if threads == 1 and backend == "optimum" else ConfigurationState.MEASURED
    is_best = number == 18
    slower, larger = (latency / 2.2 - 1) * 100, (memory / 6.1e8 - 1) * 100
    against = (
        difference("total_seconds", slower, verdict_of(slower, 1.6)),
        difference("memory_bytes", larger, verdict_of(larger, 0.4), 0.4),
        difference("decode_tokens_per_second", -slower, verdict_of(slower, 1.6)),
    )
    return ConfigurationResult(
        configuration,
        number,
        state,
        6 if is_best else 2,
        {"chat": figures_of(latency, memory, kl if state is ConfigurationState.MEASURED else None)},
        made,
        quality(configuration.configuration_id, "ref", kl, kl > 0.05) if state is ConfigurationState.MEASURED else None,
        is_on_front=number in (1, 2, 17, 18, 19),
        is_best=is_best,
        against_reference=() if number == 1 or state is ConfigurationState.PRUNED else against,
        marks=("It changes the text.",) if kl > 0.05 and state is ConfigurationState.MEASURED else (),
    )


def head(run_id: str = "run-1", **more: Any) -> RunHead:
    usual: Json = {"kind": "sweep", "name": "threads, KV precision, backend", "state": RunState.FINISHED}
    usual |= {"created_at": START, "updated_at": START + 600, "configurations": 24}
    usual["words"] = "INT8 with 2 threads answers 6.9% sooner than the base, with the same text."
    return RunHead(run_id=run_id, **{**usual, **more})


def sweep_view(**more: Any) -> RunView:
    """A sweep that is over."""
    request = sweep_request()
    importances = tuple(
        Importance(axis.field, objective, share)
        for objective, shares in (("total_seconds", (0.61, 0.03, 0.3, 0.06)), ("memory_bytes", (0.01, 0.02, 0.9, 0.07)))
        for axis, share in zip(request.axes, shares, strict=True)
    )
    usual: Json = {
        "head": head(),
        "request": request.model_dump(mode="json"),
        "progress": Progress("Done", "", 24, 24, 571.0, 0.0),
        "results": tuple(sweep_results()),
        "best_id": "c18",
        "reference_id": "c1",
        "importances": importances,
        "notes": ("Other programs kept 0.3 of 2 cores busy during 4 of 61 repetitions; these are marked.",),
        "problem": None,
        "machine": MACHINE,
    }
    return RunView(**{**usual, **more})


def running_view(done: int = 7) -> RunView:
    """The same in the middle of it."""
    results = [
        dataclasses.replace(each, is_best=each.number == 2, is_on_front=each.number == 2, against_reference=())
        for each in sweep_results()[:done]
    ]
    results[-1] = dataclasses.replace(
        results[-1], state=ConfigurationState.MEASURING, figures={}, visits=0, quality=None, failure=None
    )
    words = "Best so far: int8 with f16, 2.05 s for an answer."
    return sweep_view(
        head=head(state=RunState.RUNNING, words=words, configurations=done),
        progress=Progress(
            "Exploring", "Measuring 2 threads · u8 · genai · int4, repetition 2 of 3", done - 1, None, 148.0, 452.0
        ),
        results=tuple(results),
        best_id="c2",
        importances=(),
        notes=(),
    )


def comparison_view() -> RunView:
    """A against B, over; one figure better, one not different."""
    b = BASE.model_copy(update={"ov_config": {"KV_CACHE_PRECISION": "u8"}})
    request = ComparisonRequest(a=BASE, b=b, workload=PRESETS["chat"])
    first, second = sweep_results()[0], sweep_results()[2]
    first = dataclasses.replace(
        first, configuration=Configuration("a", "KV f16", BASE), quality=None, is_on_front=False
    )
    differences = (
        difference("total_seconds", -2.9, "better", 1.1),
        difference("decode_tokens_per_second", 3.1, "better", 1.2),
        difference("ttft_seconds", -0.4, "no real difference", 1.9),
        difference("memory_bytes", 1.5, "worse", 0.3),
        Difference("load_seconds", 3, 1.9, 2.0, None, None, None, 95.0, "too few", "Too few rounds for Load."),
    )
    second = dataclasses.replace(
        second,
        configuration=Configuration("b", "KV u8", b),
        against_reference=differences,
        is_on_front=False,
        quality=None,
    )
    words = "B answers 2.9% sooner than A (1.8 to 4.0%)."
    return sweep_view(
        head=head("run-2", kind="comparison", name="KV u8 against f16", words=words, configurations=2),
        request=request.model_dump(mode="json"),
        results=(first, second),
        best_id=None,
        reference_id="a",
        importances=(),
        notes=(),
    )


def bench_view() -> RunView:
    """One configuration on four workloads."""
    workloads = grid([128, 512], [128], [0], [1, 4])
    request = BenchRequest(configuration=BASE, workloads=tuple(workloads))
    figures = {each.name: figures_of(1.5 + each.prompt_tokens / 400, 6.1e8, None) for each in workloads}
    result = ConfigurationResult(
        Configuration("a", "SmolLM2-135M-Instruct-int4", BASE),
        1,
        ConfigurationState.MEASURED,
        1,
        figures,
        loaded("genai", None, "f16"),
    )
    words = "Decode 47.0 tok/s, TTFT 162 ms with 128 prompt tokens."
    return sweep_view(
        head=head("run-3", kind="bench", name="int4 as it is", words=words, configurations=1),
        request=request.model_dump(mode="json"),
        results=(result,),
        best_id=None,
        reference_id=None,
        importances=(),
        notes=(),
    )


def answer(view: RunView | None, heads: tuple[RunHead, ...] | None = None, **more: Any) -> Json:
    """An answer of `tune_view`."""
    listed = heads if heads is not None else ((view.head,) if view is not None else ())
    active = next((each for each in listed if each.state is RunState.RUNNING), None)
    as_json = TypeAdapter(RunHead).dump_python
    usual: Json = {
        "revision": 1,
        "active": as_json(active, mode="json") if active else None,
        "heads": [as_json(each, mode="json") for each in listed],
        "figures": [dataclasses.asdict(figure) for figure in FIGURES],
        "fields": fields_of(view),
        "missing": None,
        "view": TypeAdapter(RunView).dump_python(view, mode="json") if view is not None else None,
        "may_administer": True,
        "why_not": "",
    }
    return usual | more


def fields_of(view: RunView | None) -> Json:
    """What varies, in plain words and as it is set."""
    axes: Any = view.request.get("axes", ()) if view is not None else ()
    fields = [axis["field"] for axis in axes] or ["ov_config.KV_CACHE_PRECISION"]
    return {field: {"label": field_label(field), "name": field.partition(".")[2]} for field in fields}


def offer(field: str, label: str, values: tuple[Any, ...], choices: tuple[Any, ...] = (), **more: Any) -> Json:
    usual = {"help": f"What {label} does.", "group": "CPU", "is_suggested": False}
    return {"field": field, "label": label, "values": list(values), "choices": list(choices), **usual, **more}


def offers(**more: Any) -> Json:
    """An answer of `tune_offers`."""
    base = BASE.model_dump(mode="json")
    axes = [
        offer("model_path", "Weights", MODELS, MODELS, group="Model", is_suggested=True),
        offer(
            "backend", "Backend", ("genai", "optimum"), ("auto", "genai", "optimum"), group="Model", is_suggested=True
        ),
        offer("ov_config.INFERENCE_NUM_THREADS", "Threads", (None, 1, 2), (), is_suggested=True),
        offer(
            "ov_config.PERFORMANCE_HINT",
            "Performance hint",
            ("LATENCY", "THROUGHPUT"),
            ("LATENCY", "THROUGHPUT"),
            is_suggested=True,
        ),
        offer(
            "ov_config.KV_CACHE_PRECISION",
            "KV cache precision",
            ("f16", "u8"),
            ("f16", "f32", "u8", "u4"),
            is_suggested=True,
        ),
        offer("ov_config.ENABLE_HYPER_THREADING", "ENABLE_HYPER_THREADING", (None, True, False), (True, False)),
        offer("ov_config.NUM_STREAMS", "Streams", (1, 2), ()),
        offer("scheduler.max_num_batched_tokens", "Batched tokens", (256, 1024), (), group="Scheduler"),
    ]
    suggested = [{"field": each["field"], "values": each["values"]} for each in axes if each["is_suggested"]]
    sweep = SweepRequest.model_validate({"base": BASE, "axes": suggested, "workload": PRESETS["chat"]})
    requests = {
        "sweep": sweep.model_dump(mode="json"),
        "bench": BenchRequest(configuration=BASE, workloads=(PRESETS["chat"],)).model_dump(mode="json"),
        "comparison": ComparisonRequest(a=BASE, b=BASE, workload=PRESETS["chat"]).model_dump(mode="json"),
    }
    usual: Json = {
        "base": base,
        "bases": [
            {"group": "Loaded", "label": MODELS[0], "load": base},
            {
                "group": "Model",
                "label": MODELS[1],
                "load": base | {"model_path": MODELS[1], "ov_config": {"KV_CACHE_PRECISION": "u8"}},
            },
        ],
        "problem": None,
        "axes": axes,
        "models": [{"name": name, "can_run": True, "size_bytes": 106_000_000} for name in MODELS],
        "devices": [{"name": "CPU", "label": "Some CPU"}],
        "backends": [
            {"name": name, "label": label}
            for name, label in (("auto", "Automatic"), ("genai", "OpenVINO GenAI"), ("optimum", "Optimum Intel"))
        ],
        "presets": {name: workload.model_dump(mode="json") for name, workload in PRESETS.items()},
        "quality": QualityOptions().model_dump(mode="json"),
        "loaded": [MODELS[0]],
        "requests": requests,
    }
    return usual | more


def answers(**more: Any) -> Json:
    """What a server in good order answers about a sweep that is over."""
    usual: Json = {
        "tune_view": answer(sweep_view()),
        "tune_offers": offers(),
        "tune_code": {"code": "curl http://host/model/load"},
    }
    usual |= {
        "tune_apply": {
            "model": MODELS[1],
            "words": "SmolLM2-135M-Instruct-int8 is loaded with these settings, in 1.9 s.",
        }
    }
    usual |= {"tune_profile": {"words": "tuned is saved. The Load tab has it among its profiles."}}
    return usual | more
