"""Tuning as tools for agents: measure a configuration, and read what runs found. Sweeps and comparisons are started elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import anyio
from pydantic import Field

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import BackendChoice
from openarc_ui.server.mcp_bodies import RunsTold, RunTold
from openarc_ui.tuning.answers import LONGEST_ID, as_json, read_request
from openarc_ui.tuning.export.formats import export
from openarc_ui.tuning.requests import MOST_TOKENS
from openarc_ui.tuning.runs import TuningRuns

MOST_RUNS = 20
RUN = "run_id of one run, whose results are then told; left out: the newest runs are listed."
Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS, description="Of each prompt.")]


def tuning_tools(engine: Engine, runs: TuningRuns) -> tuple[Callable[..., Any], ...]:
    """The tools, over the runs of a server."""

    async def tuning_results(
        run_id: Annotated[str | None, Field(max_length=LONGEST_ID, description=RUN)] = None,
    ) -> RunsTold:
        """What runs of the Tune tab found: benches, comparisons and sweeps over settings, with figures and intervals."""

        def read() -> RunsTold:
            if run_id is None:
                heads = [as_json(each, engine.places) for each in list(runs.heads())[:MOST_RUNS]]
                return RunsTold(runs=[RunTold.model_validate(each) for each in heads], results="")
            view = runs.view(run_id)
            head = RunTold.model_validate(as_json(view.head, engine.places))
            return RunsTold(runs=[head], results=engine.places.hidden(export(view, "markdown")))

        return await anyio.to_thread.run_sync(read)

    async def start_bench(
        model: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, description="One of list_models.")],
        device: Annotated[str, Field(max_length=200, description="CPU, GPU.0, NPU, AUTO:GPU,CPU, ...")] = "CPU",
        backend: Annotated[BackendChoice, Field(description="auto takes genai where it can run the model.")] = "auto",
        ov_config: Annotated[
            dict[str, Any] | None,
            Field(description="OpenVINO properties; left out: those the model recommends."),
        ] = None,
        prompt_tokens: Tokens = 512,
        generated_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS, description="Of each answer.")] = 128,
        concurrent_requests: Annotated[int, Field(ge=1, le=256, description="Asked at the same time.")] = 1,
        repetitions: Annotated[int, Field(ge=1, le=100, description="How often it is asked.")] = 5,
    ) -> RunTold:
        """Measure a model; returns at once. Until tuning_results tells that it is finished, nobody can chat or load."""
        load = {"model_path": model, "device": device, "backend": backend}
        workload = {
            "name": "bench",
            "prompt_tokens": prompt_tokens,
            "generated_tokens": generated_tokens,
            "concurrent_requests": concurrent_requests,
        }
        asked = {
            "kind": "bench",
            "configuration": load if ov_config is None else {**load, "ov_config": ov_config},
            "workloads": [workload],
            "repetitions": repetitions,
        }
        head = await anyio.to_thread.run_sync(lambda: runs.start(read_request(asked)))
        return RunTold.model_validate(as_json(head, engine.places))

    return tuning_results, start_bench
