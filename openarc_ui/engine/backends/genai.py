"""OpenVINO GenAI with paged attention: continuous batching, prefix caching on.

One `step()` gives every running request its next token, or a chunk of 256 prompt tokens. Prompts go in as ids only: text
would be put through the chat template again. Facts behind the odd lines: research/engine, section 3.

A token's log probability is GenAI's own (`logprobs`), which is of the model's distribution before anything is done to it:
compared with the softmax of the logits, with temperature, top-k, penalties and grammars on. It tells no alternatives.

How many prompt tokens came from the prefix cache can't be told. GenAI restores blocks inside `add_request`
and counts nothing: the handle's perf metrics hold the whole prompt and a 1 for each generated token, `get_metrics()` the same
cache usage and size for a prompt seen before and a new one. Keeping the books ourselves would be a guess, because
old blocks are overwritten in an order of GenAI's own.

How long the device computed and how long tokens were chosen is GenAI's own too. It tells it of a request that has ended, and
of one that was cancelled only after one more step: that is made at once where nobody else is running, and costs a
millisecond; beside others the request's end does not wait for it, and nothing is told.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.base import Job, LoadedModel, ReachStage, TokenOdds
from openarc_ui.engine.backends.genai_common import (
    as_tensor,
    context_source,
    fill_generation_config,
    genai_versions,
    import_genai,
    load_failed,
    model_context_length,
    model_generation_config,
    prompt_text,
    refuse_endless_structure,
    seconds_after_first,
)
from openarc_ui.engine.backends.prompt_text import PromptText
from openarc_ui.engine.backends.properties import compile_probe
from openarc_ui.engine.backends.structure_checker import StructureChecker
from openarc_ui.engine.pipelines import ATTENTION_BACKEND, check_pipeline, device_properties
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.scheduler import MAX_NUM_SEQS, SchedulerOptions
from openarc_ui.engine.types import BackendName, FinishReason, LoadRequest, WorkerGauges
from openarc_ui.errors import GenerationFailed, PromptTooLong

Seconds = tuple[float, float]
"""Inference and sampling of one sequence after its first token."""


@dataclass(slots=True, eq=False)
class _Run:
    """One sequence of a job: GenAI has no streaming of several sequences in one request, so each is its own.

    Attributes:
        ended: of every sequence of the job that has ended, how many tokens it had and what GenAI tells of its time.
    """

    job: Job
    sequence_index: int
    handle: Any
    ended: list[tuple[int, Seconds | None]]
    tokens: int = field(default=0)


class GenAIBackend:
    """`ContinuousBatchingPipeline` behind the Backend protocol.

    Args:
        genai: the `openvino_genai` module; left out, it is imported.
    """

    name: BackendName = "genai"
    supported_sampling = SAMPLING_NAMES
    max_running = MAX_NUM_SEQS
    tells_probabilities = True
    most_alternatives = 0
    has_structured_output = True

    def __init__(self, genai: Any = None) -> None:
        self._genai = genai or import_genai()
        self._pipeline: Any = None
        self._text: PromptText
        self._make_pipeline: Callable[[], Any] = lambda: None
        self._eos_token_id: int | None = None
        self._longest_prompt: int | None = None
        self._has_bound = False
        self._checker = StructureChecker("")
        self._runs: list[_Run] = []
        self._gauges = WorkerGauges()
        self._ids = itertools.count(1)

    def load(self, request: LoadRequest, path: str, reach_stage: ReachStage) -> LoadedModel:
        check_pipeline(request)
        properties = device_properties(request.device, request.ov_config)
        try:
            reach_stage("Checking the device configuration", 0.15)
            execution_devices, effective = compile_probe(request.device, request.ov_config)
            reach_stage("Reading and compiling the model", 0.2)
            settled = request.scheduler.settled()
            self.max_running = settled["max_num_seqs"]
            self._has_bound = bool(settled["cache_size"] or settled["num_kv_blocks"])
            self._longest_prompt = None if settled["dynamic_split_fuse"] else settled["max_num_batched_tokens"]
            self._make_pipeline = lambda: self._genai.ContinuousBatchingPipeline(
                path, scheduler_config(self._genai, request.scheduler), request.device, dict(properties)
            )
            self._pipeline = self._make_pipeline()
        except RuntimeError as error:
            raise load_failed(error) from error
        reach_stage("Reading the tokenizer and the chat template", 0.85)
        self._text = prompt_text(self._pipeline.get_tokenizer(), Path(path))
        self._eos_token_id = request.eos_token_id
        self._checker = StructureChecker(path)
        return LoadedModel(
            execution_devices=execution_devices,
            effective_properties={**effective, ATTENTION_BACKEND: "PA"},
            context_length=model_context_length(Path(path)),
            context_source=context_source(Path(path)),
            generation_config=model_generation_config(Path(path)),
            versions=genai_versions(),
            scheduler=settled,
        )

    @property
    def text(self) -> PromptText:
        return self._text

    def check_structure(self, structure: StructuredOutput) -> None:
        self._checker.check(structure)

    def start(self, job: Job) -> None:
        """Take a job.

        Raises:
            PromptTooLong: its prompt can't be read in one step, and the scheduler may not split it.
            InvalidRequest: its structured answer is never to end.
        """
        refuse_endless_structure(job)
        if self._longest_prompt is not None and len(job.prompt_ids) > self._longest_prompt:
            raise PromptTooLong(
                f"The prompt has {len(job.prompt_ids)} tokens; without dynamic_split_fuse at most {self._longest_prompt} "
                "are read.",
                "Shorten the conversation, or load the model with a larger max_num_batched_tokens.",
            )
        ended: list[tuple[int, Seconds | None]] = []
        for index in range(job.sampling.num_return_sequences):
            self._runs.append(_Run(job, index, self._submit(job, index) if index == 0 else None, ended))

    def step(self, on_output: Callable[[], None]) -> None:
        self._drop_unwanted()
        if self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            self._gauges = self._cache_in_use()
        for run in list(self._runs):
            if run.handle is not None:
                self._read(run)
        on_output()
        if not self._runs:
            # GenAI's figure stays that of the last step; what prefixes still hold can be overwritten.
            self._gauges = self._in_use(0.0, 0)

    def gauges(self) -> WorkerGauges:
        return self._gauges

    def reset(self) -> None:
        """A step that raised leaves the pipeline unusable for good: build it again."""
        self._runs.clear()
        self._gauges = WorkerGauges()
        self._pipeline = None
        self._pipeline = self._make_pipeline()

    def close(self) -> None:
        self._runs.clear()
        self._pipeline = None
        self._checker.close()

    def _cache_in_use(self) -> WorkerGauges:
        """As of the last step. The share is of all blocks there are, and the size that of all of them."""
        metrics = self._pipeline.get_metrics()
        used_bytes = round(metrics.kv_cache_size_in_bytes * metrics.cache_usage / 100)
        return self._in_use(metrics.cache_usage, used_bytes)

    def _in_use(self, percent: float, used_bytes: int) -> WorkerGauges:
        """A room that grows with what is needed is always about full, so a share of it says nothing."""
        return WorkerGauges(percent if self._has_bound else None, used_bytes)

    def _submit(self, job: Job, sequence_index: int) -> Any:
        config = fill_generation_config(
            self._genai, self._pipeline.get_config(), job, sequence_index, self._eos_token_id
        )
        return self._pipeline.add_request(next(self._ids), as_tensor(job.prompt_ids), config)

    def _read(self, run: _Run) -> None:
        handle, outcomes, reason = run.handle, self._genai.GenerationStatus, None
        status = handle.get_status()
        while handle.can_read():
            for output in handle.read().values():
                odds = map(TokenOdds, output.generated_log_probs) if run.job.wants_odds else ()
                run.tokens += len(output.generated_ids)
                run.job.push(run.sequence_index, output.generated_ids, tuple(odds))
                reason = output.finish_reason
            self._start_siblings(run)
        if run.job.wants_stop(run.sequence_index):
            self._cancel([run])
            self._end(run, FinishReason.CANCELLED)
        elif status == outcomes.IGNORED:
            self._fail(run)
        elif status != outcomes.RUNNING:
            length = self._genai.GenerationFinishReason.LENGTH
            self._end(run, FinishReason.LENGTH if reason == length else FinishReason.STOP)

    def _start_siblings(self, first: _Run) -> None:
        """The other sequences join once the first has its prompt in the prefix cache."""
        for run in self._runs:
            if run.job is first.job and run.handle is None:
                run.handle = self._submit(run.job, run.sequence_index)

    def _drop_unwanted(self) -> None:
        unwanted = [run for run in self._runs if run.job.wants_stop(run.sequence_index)]
        self._cancel(unwanted)
        for run in unwanted:
            self._end(run, FinishReason.CANCELLED)

    def _cancel(self, unwanted: list[_Run]) -> None:
        """Cancel what still runs of these; when nothing else does, a step frees their blocks and brings their figures."""
        running = self._genai.GenerationStatus.RUNNING
        live = [run for run in unwanted if run.handle is not None and run.handle.get_status() == running]
        for run in live:
            run.handle.cancel()
        if live and all(run.handle is None or run in unwanted for run in self._runs):
            self._pipeline.step()

    def _end(self, run: _Run, reason: FinishReason) -> None:
        self._runs.remove(run)
        run.ended.append((run.tokens, self._told(run)))
        if all(other.job is not run.job for other in self._runs):
            _, told = max(run.ended, key=lambda each: (each[0], each[1] is not None))
            if told is not None:
                run.job.told(*told)
        run.job.finish(run.sequence_index, reason)

    def _told(self, run: _Run) -> Seconds | None:
        """What GenAI says of a sequence that has ended; None where it does not, since it was cancelled beside others."""
        if run.handle is None:
            return None
        try:
            return seconds_after_first(run.handle.get_perf_metrics(), run.tokens)
        except RuntimeError:
            return None

    def _fail(self, ignored: _Run) -> None:
        """The KV cache has no room for the prompt; GenAI says so by a status, without an exception."""
        for run in [run for run in self._runs if run.job is ignored.job]:
            self._runs.remove(run)
            if run.handle is not None:
                run.handle.cancel()
        ignored.job.fail(
            GenerationFailed(
                "The KV cache has no room for this prompt.", "Shorten the conversation, or wait for other requests."
            )
        )


def scheduler_config(genai: Any, options: SchedulerOptions) -> Any:
    """The options as an `openvino_genai.SchedulerConfig`."""
    config = genai.SchedulerConfig()
    for name, value in options.settled().items():
        if name == "cache_eviction_config":
            value = genai.CacheEvictionConfig(
                **{**value, "aggregation_mode": getattr(genai.AggregationMode, value["aggregation_mode"])}
            )
        elif name == "sparse_attention_config":
            value = genai.SparseAttentionConfig(**{**value, "mode": getattr(genai.SparseAttentionMode, value["mode"])})
        setattr(config, name, value)
    return config
