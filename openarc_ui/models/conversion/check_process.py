"""One model measured in a process of its own: the perplexity of the bundled text's beginning, and the speed of a greedy answer.

The same program for the source, run by PyTorch in float32, and for the result, run by OpenVINO on the CPU. The order comes as
one JSON line on standard input, the figures go as one on standard output.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import openarc_ui
from openarc_ui.models.childhood import claim_stdout, end_with_parent
from openarc_ui.privacy import forbid_telemetry

TEXT = Path(openarc_ui.__file__).parent.parent / "assets" / "tuning" / "alice.txt"
CHARACTERS = 12_000
"""Enough for the tokens that are read, whatever the tokenizer."""
PROMPT_TOKENS = 32
DECODE_SECONDS = 15.0
"""After which an answer ends, however short it is: a large model in float32 may take seconds a token."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """Which model, run by what, and how much of it."""

    folder: str
    runtime: Literal["pytorch", "openvino"]
    tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; `tokens` and `generated_tokens` as many as it really were."""

    perplexity: float
    tokens: int
    decode_tokens_per_second: float | None
    generated_tokens: int


def measure(order: CheckOrder) -> Figures:
    """Perplexity first, then the answer, which by then finds everything compiled and warm."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(order.folder, local_files_only=True, trust_remote_code=False)
    model, limit = _model(order)
    wanted = min(order.tokens, limit - order.generated_tokens) if limit else order.tokens
    text = TEXT.read_text(encoding="utf-8").strip()[:CHARACTERS]
    token_ids = tokenizer(text, return_tensors="pt").input_ids[:, : max(2, wanted)]
    with torch.inference_mode():
        logits = model(
            input_ids=token_ids, attention_mask=torch.ones_like(token_ids), **_positions(order, token_ids)
        ).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1].float(), token_ids[0, 1:])
    speed, generated = _decode(model, token_ids[:, :PROMPT_TOKENS], order.generated_tokens)
    return Figures(math.exp(float(loss)), int(token_ids.shape[1]), speed, generated)


def _model(order: CheckOrder) -> tuple[Any, int | None]:
    """The model and how many tokens it can hold, where it says."""
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if order.runtime == "openvino":
        from optimum.intel import OVModelForCausalLM

        model = OVModelForCausalLM.from_pretrained(order.folder, export=False, device="CPU", **options)
    else:
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(order.folder, dtype=torch.float32, **options).eval()
    limit = getattr(model.config, "max_position_embeddings", None)
    return model, limit if isinstance(limit, int) and limit > order.generated_tokens else None


def _positions(order: CheckOrder, token_ids: Any) -> dict[str, Any]:
    import torch

    return {"position_ids": torch.arange(token_ids.shape[1])[None]} if order.runtime == "openvino" else {}


def _decode(model: Any, prompt: Any, count: int) -> tuple[float | None, int]:
    """Tokens a second of a greedy answer, from its first token to its last, and how many these are."""
    import torch
    from transformers import GenerationConfig
    from transformers.generation.streamers import BaseStreamer

    class Clock(BaseStreamer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.moments: list[float] = []

        def put(self, value: Any) -> None:
            self.moments.append(time.perf_counter())

        def end(self) -> None:
            return

    clock = Clock()
    plain = GenerationConfig(
        do_sample=False, max_new_tokens=count, pad_token_id=0, eos_token_id=None, max_time=DECODE_SECONDS
    )
    model.generation_config = plain
    model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=plain, streamer=clock)
    moments = clock.moments[1:]  # the first is the prompt
    if len(moments) < 3:
        return None, len(moments)
    return (len(moments) - 1) / (moments[-1] - moments[0]), len(moments)


def main() -> int:
    """Entry of the process; an error is told as `problem`."""
    forbid_telemetry()
    order = CheckOrder(**json.loads(sys.stdin.readline()))
    end_with_parent()
    output = claim_stdout()
    try:
        figures = measure(order)
        told = {name: getattr(figures, name) for name in Figures.__slots__}
    except (ValueError, RuntimeError, OSError, ImportError, KeyError, TypeError, AttributeError, MemoryError) as error:
        from openarc_ui.models.conversion.process import words_of_failure

        told = {"problem": words_of_failure(error)}
    output.write(json.dumps(told) + "\n")
    output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
