"""Optimum-Intel: `OVModelForCausalLM.generate`, one request at a time.

A step runs a whole request: the streamer hands over each token, a stopping criterion ends it. Facts behind the odd lines:
research/engine, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.base import Job, LoadedModel, ReachStage, TokenOdds
from openarc_ui.engine.backends.files import context_length, needs_own_code, path_outside, read_json
from openarc_ui.engine.backends.prompt_text import PromptText
from openarc_ui.engine.backends.properties import read_compiled, read_from_core
from openarc_ui.engine.backends.step_clock import StepClock
from openarc_ui.engine.backends.template import tokenizer_ir_template
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.sampling import SAMPLING_NAMES, Sampling
from openarc_ui.engine.types import BackendName, FinishReason, LoadRequest, WorkerGauges
from openarc_ui.errors import BackendUnavailable, InvalidRequest, ModelLoadFailed, ParameterNotSupported

NO_TOKEN = -1
ALTERNATIVES = 5


class OptimumBackend:
    """`OVModelForCausalLM` and `AutoTokenizer` behind the Backend protocol.

    Args:
        trust_remote_code: run the Python files that a model's folder names.
    """

    name: BackendName = "optimum"
    supported_sampling = SAMPLING_NAMES
    max_running = 1
    tells_probabilities = True
    most_alternatives = ALTERNATIVES
    has_structured_output = False

    def __init__(self, trust_remote_code: bool = False) -> None:
        try:
            import torch
            import transformers
            from optimum.intel import OVModelForCausalLM
        except ImportError as error:
            raise BackendUnavailable(
                f"optimum-intel can't be imported: {error}", "Install requirements.txt again."
            ) from error
        # PyTorch only samples here; more threads fight OpenVINO's for the cores (16.6 against 23 to 112 ms a token).
        torch.set_num_threads(1)
        transformers.logging.set_verbosity_error()
        self._torch, self._transformers, self._model_class = torch, transformers, OVModelForCausalLM
        self._trust_remote_code = trust_remote_code
        self._model: Any = None
        self._tokenizer: Any = None
        self._text: PromptText
        self._request: LoadRequest | None = None
        self._job: Job | None = None
        self._batch = 0
        self._clock = StepClock()

    def load(self, request: LoadRequest, path: str, reach_stage: ReachStage) -> LoadedModel:
        self._request = request
        _refuse_paths_outside(Path(path))
        reach_stage("Reading the tokenizer and the chat template", 0.3)
        try:
            if not self._trust_remote_code and needs_own_code(Path(path), self._transformers.CONFIG_MAPPING):
                raise _code_refused()
            self._tokenizer = self._transformers.AutoTokenizer.from_pretrained(
                path, local_files_only=True, trust_remote_code=self._trust_remote_code
            )
            reach_stage(
                "Converting and compiling the model" if request.export_model else "Reading and compiling the model", 0.4
            )
            self._model = self._model_class.from_pretrained(
                path,
                export=request.export_model,
                device=request.device,
                ov_config=dict(request.ov_config),
                use_cache=request.use_cache,
                local_files_only=True,
                trust_remote_code=self._trust_remote_code,
            )
        except (RuntimeError, ValueError, OSError, ImportError) as error:
            if not self._trust_remote_code and "trust_remote_code" in str(error):
                raise _code_refused() from error
            if "use_cache" in str(error):
                raise InvalidRequest(
                    f"This model was made {'with' if not request.use_cache else 'without'} a key-value cache and runs so only.",
                    f"Set use_cache to {'true' if not request.use_cache else 'false'}.",
                ) from error
            raise ModelLoadFailed(
                f"Optimum can't load the model: {clean_message(error)}",
                "Check the folder, the device and the ov_config.",
            ) from error
        self._text = _prompt_text(self._tokenizer, Path(path))
        self._model.forward = self._clock.timed(self._model.forward)
        import openvino

        execution_devices, effective = read_compiled(self._compiled_model())
        effective |= read_from_core(openvino.Core(), request.device, request.ov_config)
        compiled = self._compiled_model()
        tells_cache = "LOADED_FROM_CACHE" in compiled.get_property("SUPPORTED_PROPERTIES")
        folder = Path(path)
        return LoadedModel(
            execution_devices=execution_devices,
            effective_properties=effective,
            context_length=context_length(read_json(folder / "config.json")),
            context_source="the model's config.json" if context_length(read_json(folder / "config.json")) else "",
            generation_config=read_json(folder / "generation_config.json"),
            versions=_versions(),
            loaded_from_cache=bool(compiled.get_property("LOADED_FROM_CACHE")) if tells_cache else None,
        )

    @property
    def text(self) -> PromptText:
        return self._text

    def check_structure(self, structure: StructuredOutput) -> None:
        raise ParameterNotSupported(
            "Optimum has no structured output.",
            f"Leave structured_output ({structure.kind}) out, or load the model with the genai backend.",
        )

    def start(self, job: Job) -> None:
        self._job = job

    def step(self, on_output: Callable[[], None]) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        torch, sampling = self._torch, job.sampling
        end_ids = self._ends_of(sampling)
        torch.manual_seed(sampling.seed)
        input_ids = torch.tensor([list(job.prompt_ids)], dtype=torch.long)
        odds = _odds_reader(self._transformers, torch) if job.wants_odds else None
        self._make_room_for(sampling.num_return_sequences)
        self._clock.restart()
        self._model.generate(
            input_ids,
            attention_mask=torch.ones_like(input_ids),
            generation_config=self._generation_config(sampling),
            streamer=_Streamer(job, end_ids, on_output, odds, self._clock),
            stopping_criteria=[_stopping_criterion(self._transformers, torch, job)],
            logits_processor=self._logits_processors(job, odds, end_ids),
        )
        for index in range(sampling.num_return_sequences):
            job.finish(index, FinishReason.LENGTH)

    def gauges(self) -> WorkerGauges:
        """The cache of a model's state grows with its one request and has no size of its own."""
        return WorkerGauges()

    def reset(self) -> None:
        self._job = None

    def close(self) -> None:
        self._model = None

    def _logits_processors(self, job: Job, odds: Any, end_ids: frozenset[int]) -> list[Any]:
        """In the order they work: who reads the model's own distribution comes before whatever changes it.

        transformers would put its repetition penalty and its shortest length before all of these, so they are among them.
        """
        sampling = job.sampling
        processors = [] if odds is None else [odds]
        if sampling.repetition_penalty != 1.0:
            processors.append(self._transformers.RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
        if sampling.presence_penalty or sampling.frequency_penalty:
            processors.append(_penalties(self._transformers, self._torch, sampling, len(job.prompt_ids)))
        if sampling.min_new_tokens and end_ids:
            processors.append(
                self._transformers.MinNewTokensLengthLogitsProcessor(
                    len(job.prompt_ids), sampling.min_new_tokens, sorted(end_ids)
                )
            )
        return processors

    def _make_room_for(self, sequences: int) -> None:
        """Begin with a new state where the batch is another than before.

        OpenVINO's CPU plugin (2026.4.1) computes NaN when a state that is kept in u8 has to grow beyond its largest batch so
        far. A smaller batch is right with the old state, bit for bit; a new one gives its memory back. It is made in 0.05 ms.
        """
        if sequences != self._batch:
            self._model.request = self._compiled_model().create_infer_request()
            self._batch = sequences

    def _compiled_model(self) -> Any:
        if self._model.request is None:
            self._model.compile()
        request = self._model.request
        return request.get_compiled_model() if hasattr(request, "get_compiled_model") else request

    def _end_ids(self) -> frozenset[int]:
        own = self._request.eos_token_id if self._request is not None else None
        ids = own if own is not None else self._model.generation_config.eos_token_id
        if ids is None:
            ids = self._tokenizer.eos_token_id
        return frozenset(ids if isinstance(ids, (list, tuple)) else () if ids is None else (ids,))

    def _ends_of(self, sampling: Sampling) -> frozenset[int]:
        """The ids that end an answer with these parameters."""
        return frozenset(sampling.stop_token_ids) | (frozenset() if sampling.ignore_eos else self._end_ids())

    def _pad_id(self) -> int:
        own = self._request.pad_token_id if self._request is not None else None
        candidates = (
            own,
            self._model.generation_config.pad_token_id,
            self._tokenizer.pad_token_id,
            *sorted(self._end_ids()),
        )
        return next((int(each) for each in candidates if each is not None), 0)

    def _generation_config(self, sampling: Sampling) -> Any:
        end_ids = sorted(self._ends_of(sampling))
        values: dict[str, Any] = {
            "max_new_tokens": sampling.max_new_tokens,
            "do_sample": sampling.do_sample,
            "num_return_sequences": sampling.num_return_sequences,
            "eos_token_id": end_ids or [NO_TOKEN],
            "pad_token_id": self._pad_id(),
        }
        if self._request is not None and self._request.bos_token_id is not None:
            values["bos_token_id"] = self._request.bos_token_id
        if sampling.do_sample:
            values |= {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p}
            values |= {"min_p": sampling.min_p} if sampling.min_p > 0 else {}
        return self._transformers.GenerationConfig(**values)


def _prompt_text(tokenizer: Any, folder: Path) -> PromptText:
    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    def decode(token_ids: Sequence[int], skip_special_tokens: bool) -> str:
        return str(
            tokenizer.decode(token_ids, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False)
        )

    template = tokenizer.chat_template
    own = template if isinstance(template, str) else tokenizer_ir_template(folder)
    adds_bos = tokenizer.bos_token_id is not None and tokenizer("a").input_ids[:1] == [tokenizer.bos_token_id]
    return PromptText(folder, encode, decode, own, None, adds_bos)


class _Streamer:
    """Receives the prompt first, then one id for each sequence a step (transformers' BaseStreamer protocol)."""

    def __init__(
        self, job: Job, end_ids: frozenset[int], on_output: Callable[[], None], odds: Any, clock: StepClock
    ) -> None:
        self._job = job
        self._clock = clock
        self._odds = odds
        self._end_ids = end_ids
        self._on_output = on_output
        self._ended: set[int] = set()
        self._has_prompt = False

    def put(self, value: Any) -> None:
        if not self._has_prompt:
            self._has_prompt = True
            return
        self._clock.chosen()
        self._job.told(self._clock.inference_seconds, self._clock.sampling_seconds)
        for index, token_id in enumerate(value.reshape(-1).tolist()):
            if index in self._ended:
                continue
            self._job.push(index, [token_id], () if self._odds is None else (self._odds.of(index, token_id),))
            if token_id in self._end_ids:
                self._ended.add(index)
                self._job.finish(index, FinishReason.STOP)
        self._on_output()

    def end(self) -> None:
        """Nothing is held back here."""


def _stopping_criterion(transformers: Any, torch: Any, job: Job) -> Any:
    class StopWhenNotWanted(transformers.StoppingCriteria):  # type: ignore[misc]
        """Ends each sequence whose job wants no more of it; asked after every token."""

        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            return torch.tensor([job.wants_stop(index) for index in range(input_ids.shape[0])])

    return StopWhenNotWanted()


def _odds_reader(transformers: Any, torch: Any) -> Any:
    class OddsReader(transformers.LogitsProcessor):  # type: ignore[misc]
        """Looks at the scores of each step and leaves them as they are."""

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self._log_probabilities = torch.log_softmax(scores.float(), dim=-1)
            values, token_ids = torch.topk(self._log_probabilities, min(ALTERNATIVES, scores.shape[-1]), dim=-1)
            self._likeliest = [
                tuple(zip(ids, logs, strict=True))
                for ids, logs in zip(token_ids.tolist(), values.tolist(), strict=True)
            ]
            return scores

        def of(self, sequence_index: int, token_id: int) -> TokenOdds:
            """The odds of the token that was chosen in this step."""
            return TokenOdds(float(self._log_probabilities[sequence_index, token_id]), self._likeliest[sequence_index])

    return OddsReader()


def _penalties(transformers: Any, torch: Any, sampling: Sampling, prompt_tokens: int) -> Any:
    class PresenceAndFrequencyPenalty(transformers.LogitsProcessor):  # type: ignore[misc]
        """OpenAI's penalties, which transformers lacks: logit - presence * (count > 0) - frequency * count.

        `count` is how often the token is in the answer so far; the prompt does not count, as in GenAI.
        """

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            generated = input_ids[:, prompt_tokens:]
            counts = torch.zeros_like(scores).scatter_add_(1, generated, torch.ones_like(generated, dtype=scores.dtype))
            return scores - sampling.presence_penalty * (counts > 0) - sampling.frequency_penalty * counts

    return PresenceAndFrequencyPenalty()


def _refuse_paths_outside(folder: Path) -> None:
    """transformers opens the paths a configuration names, wherever they lead.

    Raises:
        ModelLoadFailed: one of them leads out of the model's folder.
    """
    outside = path_outside(folder)
    if outside:
        raise ModelLoadFailed(
            f"{outside} leads out of the model's folder, and nothing outside is read.",
            "Remove it there; the files of the folder are found without it.",
        )


def _code_refused() -> ModelLoadFailed:
    return ModelLoadFailed(
        "This model is run by Python files in its folder (auto_map in its configuration), and they are not trusted.",
        "Start OpenArc with --trust-remote-code if you trust its Python files, or load it with the genai backend.",
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("openvino", "optimum-intel", "transformers", "torch")}
