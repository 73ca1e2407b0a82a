"""A load as code to copy: calls to this server, or a whole script that does the same without OpenArc.

Pure: a request in, text out. It knows no server; address and folder are given. A key is never written, only where to get it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.devices.checks import map_old_names
from openarc_ui.engine.devices.rules import CACHE_FOLDER_PROPERTIES, MODEL_FOLDER_PROPERTIES
from openarc_ui.engine.pipelines import ATTENTION_BACKEND, device_properties, pipeline_of, stateful_properties
from openarc_ui.engine.sampling import BUILT_IN
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest, SamplingParameters
from openarc_ui.errors import InvalidRequest

SnippetKind = Literal["curl", "python", "gradio_client", "openvino_genai", "optimum"]
QUESTION = "What is the capital of France?"
ANYWHERE = frozenset({"model_path", "name", "backend", "device", "ov_config", "sampling_defaults"})
WITH_IDS = frozenset({"bos_token_id", "eos_token_id", "pad_token_id"})
CAN_SAY: Mapping[SnippetKind, frozenset[str]] = {
    "curl": frozenset(LoadRequest.model_fields),
    "python": frozenset(LoadRequest.model_fields),
    "gradio_client": ANYWHERE | {"scheduler"},
    "openvino_genai": ANYWHERE | {"scheduler", "eos_token_id"},
    "optimum": ANYWHERE | WITH_IDS | {"use_cache", "export_model"},
}
"""Which fields of a load each kind has words for. `allow_overcommit` is agreed to for one load, so no code carries it."""
OUR_PATHS = (*CACHE_FOLDER_PROPERTIES, *MODEL_FOLDER_PROPERTIES)
"""In a script they would count from wherever it is run."""
LOAD_ENDPOINT = "/load_model"
KEY_IN_PYTHON = """headers={"Authorization": "Bearer " + os.environ["OPENARC_API_KEY"]}"""


def snippet(kind: SnippetKind, request: LoadRequest, *, address: str, model_path: str, needs_key: bool = False) -> str:
    """Code that loads the same thing.

    Args:
        address: of the server, such as `http://127.0.0.1:7860`; for the kinds that call it.
        model_path: of the model from where the user runs the code, see `local_path`; for the two scripts without OpenArc.
        needs_key: the server wants a key; the code takes it from the environment variable OPENARC_API_KEY.

    Raises:
        InvalidRequest: the load has something this kind can't say; with the kinds that can.
    """
    _check(kind, request)
    if kind in ("openvino_genai", "optimum"):
        ov_config = map_old_names(request.ov_config)[0]
        left_out = [name for name in OUR_PATHS if ov_config.get(name)]
        kept = {name: value for name, value in ov_config.items() if name not in left_out}
        order = request.model_copy(update={"ov_config": kept})
        script = (_genai_script if kind == "openvino_genai" else _optimum_script)(order, model_path)
        return "".join(f"# {name} is left out: its path counts from OpenArc's folders.\n" for name in left_out) + script
    writers: Mapping[str, Callable[[LoadRequest, str, bool], str]] = {
        "curl": _curl,
        "python": _requests,
        "gradio_client": _gradio_client,
    }
    return writers[kind](request, address.rstrip("/"), needs_key)


def local_path(model_folder: Path, model_path: str) -> str:
    """Path of a model of the catalogue, from where the server was started: the model folder as it was set, and the name.

    Raises:
        ModelNotFound: nothing there, or outside the model folder.
    """
    return (model_folder / find_model(model_folder, model_path).name).as_posix()


def given_fields(request: LoadRequest) -> dict[str, Any]:
    """The fields that are not the default, as JSON has them, without `allow_overcommit`."""
    return request.model_dump(mode="json", exclude_defaults=True, exclude={"allow_overcommit"})


def _check(kind: SnippetKind, request: LoadRequest) -> None:
    given = given_fields(request)
    unsaid = sorted(given.keys() - CAN_SAY[kind])
    if (
        kind == "openvino_genai"
        and pipeline_of(request.device, request.ov_config) == "stateful"
        and "scheduler" in given
    ):
        unsaid.append("scheduler (the stateful pipeline has none)")
    of_genai = sorted(request.ov_config.keys() - device_properties(request.device, request.ov_config).keys())
    unsaid += of_genai if kind == "optimum" else []
    if unsaid:
        able = [
            other
            for other, words in CAN_SAY.items()
            if given.keys() <= words and other != kind and not (other == "optimum" and of_genai)
        ]
        raise InvalidRequest(f"Code for {kind} can't say {', '.join(unsaid)}.", f"Copy it as {' or '.join(able)}.")
    if kind in ("openvino_genai", "optimum") and request.backend == "scripted":
        raise InvalidRequest("Only OpenArc plays a script.", "Copy it as curl, python or gradio_client.")
    if kind == "optimum" and "NPU" in request.device:
        raise InvalidRequest("Optimum can't run a language model on an NPU.", "Copy it as openvino_genai.")
    if kind == "optimum" and request.model_path.lower().endswith(".gguf"):
        raise InvalidRequest("Optimum reads no GGUF.", "Copy it as openvino_genai.")


def _curl(request: LoadRequest, address: str, needs_key: bool) -> str:
    body = json.dumps(_rest_body(request), indent=2, ensure_ascii=False)
    key = """-H "Authorization: Bearer $OPENARC_API_KEY" \\\n  """ if needs_key else ""
    url = shlex.quote(f"{address}/model/load")
    return f"curl --fail-with-body {url} \\\n  {key}-H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}\n"


def _requests(request: LoadRequest, address: str, needs_key: bool) -> str:
    arguments = [_literal(f"{address}/model/load"), f"json={_literal(_rest_body(request), 1)}"]
    arguments[1:1] = [KEY_IN_PYTHON] if needs_key else []
    return _lines(
        "import os\n" if needs_key else None,
        "import requests",
        "",
        f"answer = requests.post({_arguments(arguments)})",
        "print(answer.json())",
        "answer.raise_for_status()",
    )


def _gradio_client(request: LoadRequest, address: str, needs_key: bool) -> str:
    values = given_fields(request)
    texts = {"ov_config": values.pop("ov_config", {})}
    texts |= {name: values.pop(name) for name in ("scheduler", "sampling_defaults") if name in values}
    values = {"model_path": values.pop("model_path"), "device": request.device, **values}
    arguments = [f"{name}={_literal(value)}" for name, value in values.items()]
    arguments += [f"{name}=json.dumps({_literal(value, 1)})" for name, value in texts.items()]
    client = [_literal(address), KEY_IN_PYTHON] if needs_key else [_literal(address)]
    return _lines(
        "import json",
        "import os\n" if needs_key else "",
        "from gradio_client import Client",
        "",
        f"client = Client({', '.join(client)})",
        f"print(client.predict({_arguments([*arguments, f'api_name={_literal(LOAD_ENDPOINT)}'])}))",
    )


def _rest_body(request: LoadRequest) -> dict[str, Any]:
    """The body of `/model/load`. `ov_config` is always there: left out, it would be what the model recommends."""
    values = given_fields(request)
    config = {"id_model": values.pop("model_path"), "device": request.device}
    ov_config = values.pop("ov_config", {})
    return {"load_config": {**config, **values}, "ov_config": ov_config}


def _genai_script(request: LoadRequest, model_path: str) -> str:
    generation = _generation_lines(request)
    if pipeline_of(request.device, request.ov_config) == "stateful":
        keywords = stateful_properties(request.device, request.ov_config)
        arguments = [_literal(model_path), "tokenizer", _literal(request.device), f"**{_literal(keywords, 1)}"]
        making = [
            "# Made by itself: inside the pipeline it would be compiled with the same properties and reserve the same cores.",
            f"tokenizer = openvino_genai.Tokenizer({_literal(model_path)})",
            f"pipeline = openvino_genai.LLMPipeline({_arguments(arguments)})",
            "",
            "generation = pipeline.get_generation_config()",
            *generation,
            f"print(pipeline.generate({_literal(QUESTION)}, generation))",
        ]
    else:
        properties = {name: value for name, value in request.ov_config.items() if name != ATTENTION_BACKEND}
        arguments = [_literal(model_path), "scheduler", _literal(request.device), _literal(properties, 1)]
        making = [
            *_scheduler_lines(request.scheduler),
            "",
            f"pipeline = openvino_genai.ContinuousBatchingPipeline({_arguments(arguments)})",
            "",
            "generation = pipeline.get_config()",
            *generation,
            f"(answer,) = pipeline.generate([{_literal(QUESTION)}], [generation])",
            "print(answer.m_generation_ids[0])",
        ]
    return _lines(
        "# Needs: pip install openvino-genai",
        "import sys\n" if any("sys." in line for line in generation) else None,
        "import openvino_genai",
        "",
        *making,
    )


def _scheduler_lines(options: SchedulerOptions) -> list[str]:
    """Every value that OpenArc hands over, since GenAI's own are others."""
    lines = ["scheduler = openvino_genai.SchedulerConfig()"]
    for name, value in options.settled().items():
        if name == "cache_eviction_config":
            mode = f"aggregation_mode=openvino_genai.AggregationMode.{value['aggregation_mode']}"
            value = _call("openvino_genai.CacheEvictionConfig", value, "aggregation_mode", mode)
        elif name == "sparse_attention_config":
            mode = f"mode=openvino_genai.SparseAttentionMode.{value['mode']}"
            value = _call("openvino_genai.SparseAttentionConfig", value, "mode", mode)
        else:
            value = _literal(value)
        lines.append(f"scheduler.{name} = {value}")
    return lines


def _generation_lines(request: LoadRequest) -> list[str]:
    """How the answer is generated: what the load's sampling defaults set, under GenAI's names."""
    values = _sampling(request.sampling_defaults)
    seed, stop, stop_ids = (values.pop(name, None) for name in ("seed", "stop", "stop_token_ids"))
    lines = [
        f"generation.{name} = {'sys.maxsize  # no limit' if (name, value) == ('top_k', 0) else _literal(value)}"
        for name, value in values.items()
    ]
    lines += [f"generation.rng_seed = {seed}"] if seed is not None else []
    lines += [f"generation.stop_strings = {{{', '.join(map(_literal, stop))}}}"] if stop else []
    if request.eos_token_id is not None:
        lines += [
            f"generation.eos_token_id = {request.eos_token_id}",
            f"generation.stop_token_ids = {{{request.eos_token_id}}}",
        ]
    more = ", ".join(map(str, stop_ids or ()))
    return [*lines, f"generation.stop_token_ids = {{*generation.stop_token_ids, {more}}}"] if more else lines


def _optimum_script(request: LoadRequest, model_path: str) -> str:
    loading = [
        _literal(model_path),
        f"device={_literal(request.device)}",
        f"ov_config={_literal(request.ov_config, 1)}",
    ]
    loading += [
        f"{name}={value}" for name, value in (("export", request.export_model), ("use_cache", request.use_cache))
    ]
    values = _sampling(request.sampling_defaults)
    seed, stop, stop_ids = (values.pop(name, None) for name in ("seed", "stop", "stop_token_ids"))
    lacking = [name for name in ("presence_penalty", "frequency_penalty") if values.pop(name, 0.0)]
    ends_never = values.pop("ignore_eos", False)
    values |= {name: getattr(request, name) for name in sorted(WITH_IDS) if getattr(request, name) is not None}
    values |= {"eos_token_id": [-1]} if ends_never else {}
    if stop_ids:
        eos = values.pop("eos_token_id", "tokenizer.eos_token_id")
        own = [] if ends_never else [eos]
    generating = ["**prompt", *(f"{name}={_literal(value)}" for name, value in values.items())]
    generating += [f"eos_token_id=[{', '.join(map(str, (*own, *stop_ids)))}]"] if stop_ids else []
    generating += [f"stop_strings={_literal(stop)}", "tokenizer=tokenizer"] if stop else []
    messages = _literal([{"role": "user", "content": QUESTION}])
    return _lines(
        '# Needs: pip install "optimum-intel[openvino]"',
        "import torch" if seed is not None else None,
        "from optimum.intel import OVModelForCausalLM",
        "from transformers import AutoTokenizer",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({_literal(model_path)}, local_files_only=True)",
        f"model = OVModelForCausalLM.from_pretrained({_arguments([*loading, 'local_files_only=True'])})",
        "",
        f"messages = {messages}",
        'prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")',
        f"torch.manual_seed({seed})" if seed is not None else None,
        *(f"# transformers has no {name}; OpenArc computes it itself." for name in lacking),
        f"answer = model.generate({_arguments(generating)})",
        'print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))',
    )


def _sampling(parameters: SamplingParameters) -> dict[str, Any]:
    """What was set, and how OpenArc would take it: a value that shapes the choice asks for sampling, temperature 0 is greedy.

    `num_return_sequences` stays behind, since a script prints one answer; `max_new_tokens` is always there to end it.
    """
    values = parameters.model_dump(exclude_none=True, exclude={"num_return_sequences"})
    shaping = values.keys() & {"temperature", "top_k", "top_p", "min_p"}
    if values.get("temperature") == 0:
        values["do_sample"] = False
    elif shaping or "seed" in values:
        values.setdefault("do_sample", True)
    if values.get("do_sample") is False:
        values = {name: value for name, value in values.items() if name not in shaping}
    return {"max_new_tokens": BUILT_IN["max_new_tokens"], **values}


def _literal(value: Any, depth: int = 0) -> str:
    """A value as Python; objects one entry a line, indented below `depth` indentations. JSON's quotes are Python's too."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        inside = "    " * (depth + 1)
        entries = "".join(f"{inside}{_literal(name)}: {_literal(each, depth + 1)},\n" for name, each in value.items())
        return f"{{\n{entries}{'    ' * depth}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_inline(each) for each in value)}]"
    return repr(value)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(name)}: {_inline(each)}' for name, each in value.items())}}}"
    return _literal(value)


def _call(name: str, values: Mapping[str, Any], replaced: str, by: str) -> str:
    """A constructor with keywords, one of which is no plain value."""
    keywords = [by if key == replaced else f"{key}={_literal(value)}" for key, value in values.items()]
    return f"{name}({_arguments(keywords)})"


def _arguments(arguments: Sequence[str]) -> str:
    return "\n" + "".join(f"    {argument},\n" for argument in arguments)


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line is not None) + "\n"
