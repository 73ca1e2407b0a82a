"""OpenVINO GenAI's stateful pipeline, one request at a time: for an NPU, and where ATTENTION_BACKEND is SDPA.

A step runs a whole request: the streamer hands over each token, a status ends it. A cancel is seen between tokens, not
while the prompt is read. The NPU's part follows OpenVINO's documentation and GenAI's source: not run on hardware.
How likely a token was it does not tell: a streamer is given ids alone, and the result the sum of all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.base import Job, LoadedModel, ReachStage
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
from openarc_ui.engine.backends.properties import CompiledAnswer, compile_probe
from openarc_ui.engine.backends.structure_checker import StructureChecker
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.pipelines import (
    ATTENTION_BACKEND,
    NPU_LENGTHS,
    NpuLimits,
    check_pipeline,
    npu_limits,
    stateful_properties,
)
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.sampling import SAMPLING_NAMES
from openarc_ui.engine.types import BackendName, FinishReason, LoadRequest, PropertyValue, WorkerGauges
from openarc_ui.errors import ParameterNotSupported, PromptTooLong

Probe = Callable[[str, dict[str, PropertyValue]], CompiledAnswer]


class StatefulGenAIBackend:
    """`LLMPipeline` behind the Backend protocol. Several sequences of a request run one after another.

    Args:
        genai: the `openvino_genai` module; left out, it is imported.
        probe: how the effective configuration is asked for.
    """

    name: BackendName = "genai"
    supported_sampling = SAMPLING_NAMES
    max_running = 1
    tells_probabilities = False
    most_alternatives = 0
    has_structured_output = True

    def __init__(self, genai: Any = None, probe: Probe = compile_probe) -> None:
        self._genai = genai or import_genai()
        self._probe = probe
        self._pipeline: Any = None
        self._text: PromptText
        self._limits: NpuLimits | None = None
        self._checker = StructureChecker("")
        self._eos_token_id: int | None = None
        self._job: Job | None = None

    def load(self, request: LoadRequest, path: str, reach_stage: ReachStage) -> LoadedModel:
        check_pipeline(request)
        is_npu = request.device == "NPU"
        self._limits = npu_limits(request.ov_config) if is_npu else None
        self.has_structured_output = not is_npu
        self._eos_token_id = request.eos_token_id
        self._checker = StructureChecker(path)
        try:
            reach_stage("Checking the device configuration", 0.15)
            (execution_devices, effective), warnings = self._ask_device(request)
            reach_stage("Reading the tokenizer and the chat template", 0.2)
            # By itself, with no property: LLMPipeline would compile it with the model's, and a tokenizer that reserves
            # the cores (ENABLE_CPU_RESERVATION) leaves the model none.
            tokenizer = self._genai.Tokenizer(path)
            self._text = prompt_text(tokenizer, Path(path))
            reach_stage("Reading and compiling the model", 0.3)
            self._pipeline = self._genai.LLMPipeline(
                path, tokenizer, request.device, **stateful_properties(request.device, request.ov_config)
            )
        except RuntimeError as error:
            raise load_failed(error) from error
        return LoadedModel(
            execution_devices=execution_devices,
            effective_properties=effective | self._own_properties(request),
            context_length=self._context_length(Path(path)),
            context_source=self._context_source(Path(path)),
            generation_config=model_generation_config(Path(path)),
            versions=genai_versions(),
            warnings=warnings,
        )

    @property
    def text(self) -> PromptText:
        return self._text

    def check_structure(self, structure: StructuredOutput) -> None:
        if self._limits is not None:
            raise ParameterNotSupported(
                "An NPU has no structured output here.",
                "Leave structured_output out, or load the model on a CPU or GPU.",
            )
        self._checker.check(structure)

    def start(self, job: Job) -> None:
        """Take a job.

        Raises:
            PromptTooLong: an NPU was compiled for shorter prompts.
            InvalidRequest: its structured answer is never to end.
        """
        refuse_endless_structure(job)
        if self._limits is not None and len(job.prompt_ids) > self._limits.prompt_tokens:
            raise PromptTooLong(
                f"The conversation takes {len(job.prompt_ids)} tokens; "
                f"the NPU was loaded for prompts of at most {self._limits.prompt_tokens}.",
                "Shorten the conversation, or load the model again with a larger MAX_PROMPT_LEN.",
            )
        self._job = job

    def step(self, on_output: Callable[[], None]) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        inference_seconds = sampling_seconds = 0.0
        for index in range(job.sampling.num_return_sequences):
            if job.wants_stop(index):
                job.finish(index, FinishReason.CANCELLED)
                continue
            reason, inference, sampling = self._run(job, index, on_output)
            # One after another, so these add up.
            inference_seconds, sampling_seconds = inference_seconds + inference, sampling_seconds + sampling
            job.told(inference_seconds, sampling_seconds)
            job.finish(index, reason)

    def gauges(self) -> WorkerGauges:
        """This pipeline's cache grows with its one request and has no size of its own."""
        return WorkerGauges()

    def reset(self) -> None:
        """Each request begins with an empty state, so one that failed leaves nothing behind."""
        self._job = None

    def close(self) -> None:
        self._job = None
        self._pipeline = None
        self._checker.close()

    def _run(self, job: Job, sequence_index: int, on_output: Callable[[], None]) -> tuple[FinishReason, float, float]:
        """Run one sequence: why it ended, and inference and sampling after the request's first token in seconds."""
        config = fill_generation_config(
            self._genai, self._pipeline.get_generation_config(), job, sequence_index, self._eos_token_id
        )
        streamer = _make_streamer(self._genai, job, sequence_index, on_output)
        results = self._pipeline.generate(as_tensor(job.prompt_ids), config, streamer)
        if streamer.failure is not None:
            raise streamer.failure
        has_stopped = self._genai.GenerationFinishReason.STOP in results.finish_reasons
        # A later sequence's prompt is read after the request's first token.
        first = 1 if sequence_index == 0 else 0
        seconds = seconds_after_first(results.perf_metrics, streamer.tokens, first)
        return (FinishReason.STOP if has_stopped else FinishReason.LENGTH), *seconds

    def _ask_device(self, request: LoadRequest) -> tuple[CompiledAnswer, tuple[str, ...]]:
        """The effective configuration; an NPU that can't tell does not stop the load."""
        try:
            return self._probe(request.device, request.ov_config), ()
        except RuntimeError as error:
            if self._limits is None:
                raise
            warning = f"The NPU does not tell its effective properties: {clean_message(error)}"
            return ((request.device,), {}), (warning,)

    def _own_properties(self, request: LoadRequest) -> dict[str, str]:
        """What GenAI itself settles: the device is not asked."""
        lengths = NPU_LENGTHS if self._limits is not None else {}
        own = {name: str(request.ov_config.get(name, default)) for name, default in lengths.items()}
        return {**own, ATTENTION_BACKEND: "SDPA"}

    def _context_length(self, path: Path) -> int | None:
        lengths = (model_context_length(path), self._limits.context_tokens if self._limits is not None else None)
        return min((each for each in lengths if each is not None), default=None)

    def _context_source(self, path: Path) -> str:
        model = model_context_length(path)
        if self._limits is not None and (model is None or self._limits.context_tokens <= model):
            return "the length the NPU was compiled for"
        return context_source(path)


def _make_streamer(genai: Any, job: Job, sequence_index: int, on_output: Callable[[], None]) -> Any:
    class Streamer(genai.StreamerBase):  # type: ignore[misc]
        """Receives each id while the next one is computed."""

        def __init__(self) -> None:
            super().__init__()
            self.failure: Exception | None = None
            self.tokens = 0

        def write(self, token: int | list[int]) -> Any:
            """An exception here would leave the infer request busy for ever: it is kept, and raised after the end."""
            token_ids = token if isinstance(token, list) else [token]
            self.tokens += len(token_ids)
            try:
                job.push(sequence_index, token_ids)
                on_output()
                is_wanted = not job.wants_stop(sequence_index)
            except Exception as error:  # noqa: BLE001 - the edge to a library that does not survive one
                self.failure = error
                is_wanted = False
            return genai.StreamingStatus.RUNNING if is_wanted else genai.StreamingStatus.CANCEL

        def end(self) -> None:
            """Nothing is held back here."""

    return Streamer()
