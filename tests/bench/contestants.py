"""The ways to run one prompt: the bare GenAI pipeline, our engine, REST streaming, and the Gradio chat.

Each measures the same two moments on its own side, the first token and the last, and returns them as a `Run`.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, Message

OV_CONFIG: dict[str, Any] = {"KV_CACHE_PRECISION": "f16"}


@dataclass(frozen=True, slots=True)
class Run:
    """One request as its client saw it, in seconds from sending it."""

    first_token_seconds: float
    last_token_seconds: float
    tokens: int
    prompt_tokens: int

    @property
    def prefill_tokens_per_second(self) -> float:
        return self.prompt_tokens / self.first_token_seconds

    @property
    def decode_tokens_per_second(self) -> float:
        return (self.tokens - 1) / (self.last_token_seconds - self.first_token_seconds)

    @property
    def total_tokens_per_second(self) -> float:
        return self.tokens / self.last_token_seconds


Contestant = Callable[[str, int], Run]


class BarePipeline:
    """`openvino_genai.ContinuousBatchingPipeline` with nothing around it: the floor. Same scheduler, same properties."""

    def __init__(self, folder: Path) -> None:
        import openvino_genai

        self._genai = openvino_genai
        config = openvino_genai.SchedulerConfig()
        config.enable_prefix_caching = True
        config.max_num_batched_tokens = 256
        config.max_num_seqs = 32
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(str(folder), config, "CPU", OV_CONFIG)
        self._tokenizer = self._pipeline.get_tokenizer()
        self._ids = itertools.count(1)

    def _add(self, prompt: str, tokens: int) -> tuple[Any, int]:
        history = [{"role": "user", "content": prompt}]
        text = self._tokenizer.apply_chat_template(history, add_generation_prompt=True)
        ids = self._tokenizer.encode(text, add_special_tokens=False).input_ids
        config = self._genai.GenerationConfig(max_new_tokens=tokens, ignore_eos=True)
        return self._pipeline.add_request(next(self._ids), ids, config), ids.shape[1]

    def __call__(self, prompt: str, tokens: int) -> Run:
        began_at = time.perf_counter()
        handle, prompt_tokens = self._add(prompt, tokens)
        times: list[float] = []
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            while handle.can_read():
                handle.read()
                times.append(time.perf_counter() - began_at)
        return Run(times[0], times[-1], tokens, prompt_tokens)

    def together(self, prompts: list[str], tokens: int) -> float:
        """Tokens a second of all prompts served at once."""
        began_at = time.perf_counter()
        handles = [self._add(prompt, tokens)[0] for prompt in prompts]
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            for handle in handles:
                while handle.can_read():
                    handle.read()
        return len(prompts) * tokens / (time.perf_counter() - began_at)


class ThroughEngine:
    """Our engine in this process, its worker in another."""

    def __init__(self, folder: Path) -> None:
        self._engine = Engine(folder.parent)
        self._engine.load(LoadRequest(model_path=folder.name, backend="genai", ov_config=OV_CONFIG))

    def _request(self, prompt: str, tokens: int) -> GenerationRequest:
        conversation = (Message(role="user", content=prompt),)
        return GenerationRequest(
            conversation=conversation, max_new_tokens=tokens, do_sample=False, ignore_eos=True, source="bench"
        )

    def __call__(self, prompt: str, tokens: int) -> Run:
        began_at, first, last = time.perf_counter(), 0.0, 0.0
        generation = self._engine.submit(self._request(prompt, tokens))
        for batch in generation.batches(10):
            last = time.perf_counter() - began_at if batch else last
            first = first or last
        report = generation.result(5).report
        return Run(first, last, report.generated_tokens, report.prompt_tokens or 0)

    def together(self, prompts: list[str], tokens: int) -> float:
        """Tokens a second of all prompts served at once."""
        began_at = time.perf_counter()
        generations = [self._engine.submit(self._request(prompt, tokens)) for prompt in prompts]
        for generation in generations:
            generation.result(300)
        return len(prompts) * tokens / (time.perf_counter() - began_at)

    def close(self) -> None:
        self._engine.close()


class ThroughRest:
    """`POST /generate/text` with `stream`, over HTTP to a server in another process."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=120)

    def __call__(self, prompt: str, tokens: int) -> Run:
        body = {
            "conversation": [{"role": "user", "content": prompt}],
            "max_new_tokens": tokens,
            "do_sample": False,
            "ignore_eos": True,
            "stream": True,
        }
        began_at, times, metrics, event = time.perf_counter(), [], {}, ""
        with self._client.stream("POST", "/generate/text", json=body) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("event:"):
                    event = line.partition(":")[2].strip()
                elif line.startswith("data:"):
                    if event == "done":
                        metrics = json.loads(line[5:])["performance_metrics"]
                    else:
                        times.append(time.perf_counter() - began_at)
                elif not line:
                    event = ""
        return Run(times[0], times[-1], metrics["generated_tokens"], metrics["prompt_tokens"])


class ThroughGradio:
    """The chat endpoint of the page, by gradio_client. It has no token count, so tokens and prompt length are given."""

    def __init__(self, address: str, prompt_tokens: int) -> None:
        from gradio_client import Client

        # Plain HTTP has no certificate to verify; left on, the client reads all known ones anew at every call: 60 ms.
        self._client = Client(address, verbose=False, ssl_verify=False)
        self._prompt_tokens = prompt_tokens

    def __call__(self, prompt: str, tokens: int) -> Run:
        began_at = time.perf_counter()
        job = self._client.submit(
            message=prompt, max_new_tokens=tokens, do_sample=False, ignore_eos=True, api_name="/chat"
        )
        times = [time.perf_counter() - began_at for _ in job]
        return Run(times[0], times[-1], tokens, self._prompt_tokens)
