"""A process that tries grammars out, one a line, on a model of nothing with the real tokenizer.

Run as `python -P structure_trial.py <model folder>`. It says "ready", then for each line [kind, text] in JSON the reason
against it, or "". It is a process of its own because a grammar can take for ever to compile, and one that is nested deeply
enough ends the process that compiles it. It imports nothing of OpenArc.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

IDLE_SECONDS = 300.0
"""With nothing to try for so long, it ends and gives its memory back."""
ORPHAN_SECONDS = 30.0
"""Long after the parent should have ended it, it ends itself: the parent is gone."""


class Trial:
    """A pipeline that generates one token under a grammar.

    GenAI compiles a grammar when it generates; nothing else in its Python interface does. The logits are the same for
    every token but the first, which is the least likely: it comes only where no other is allowed.
    """

    def __init__(self, model: str) -> None:
        import numpy
        import openvino
        import openvino_genai

        self._genai = openvino_genai
        tokenizer = openvino_genai.Tokenizer(model)
        vocabulary_size = max(tokenizer.get_vocab().values()) + 1
        logits = numpy.zeros((1, 1, vocabulary_size), dtype=numpy.float32)
        logits[0, 0, 0] = -100.0
        with tempfile.TemporaryDirectory() as folder:
            openvino.save_model(_model_of_nothing(openvino, logits), f"{folder}/nothing.xml", compress_to_fp16=False)
            xml = Path(f"{folder}/nothing.xml").read_text(encoding="utf-8")
            weights = openvino.Tensor(numpy.fromfile(f"{folder}/nothing.bin", dtype=numpy.uint8))
        self._pipeline = openvino_genai.LLMPipeline(xml, weights, tokenizer, "CPU", ATTENTION_BACKEND="SDPA")
        self._prompt = openvino.Tensor(numpy.asarray([[0]], dtype=numpy.int64))

    def reason_against(self, kind: str, text: str) -> str:
        """Why a grammar can't be used, in xgrammar's words; "" where it can."""
        try:
            first = self._token(kind, text, seed=None)
            drawn = self._token(kind, text, seed=1) if first == 0 else 0
        except RuntimeError as error:
            return str(error)
        # Where no token is allowed, GenAI takes the first, or draws among all.
        return "No answer matches it." if drawn != 0 else ""

    def _token(self, kind: str, text: str, seed: int | None) -> int:
        config = self._genai.GenerationConfig()
        config.max_new_tokens = 1
        config.structured_output_config = self._genai.StructuredOutputConfig(**{kind: text})
        if seed is not None:
            config.do_sample, config.rng_seed = True, seed
        tokens: list[int] = self._pipeline.generate(self._prompt, config).tokens[0]
        return tokens[0]


def _model_of_nothing(openvino: Any, logits: Any) -> Any:
    """A model with a language model's inputs that gives the same logits for every token; 200 KB for 50,000 tokens."""
    from openvino import opset13

    ids, mask, positions = (
        opset13.parameter([-1, -1], openvino.Type.i64, name=name)
        for name in ("input_ids", "attention_mask", "position_ids")
    )
    beams = opset13.parameter([-1], openvino.Type.i32, name="beam_idx")
    inputs = [ids, mask, positions, beams]
    for each in inputs:
        each.output(0).set_names({each.get_friendly_name()})
    size = opset13.concat(
        [opset13.shape_of(ids, output_type="i64"), opset13.constant([logits.shape[-1]], dtype=openvino.Type.i64)], 0
    )
    spread = opset13.broadcast(opset13.constant(logits), size)
    spread.output(0).set_names({"logits"})
    return openvino.Model([opset13.result(spread)], inputs, "nothing")


def _claim_warnings() -> BinaryIO:
    """A file that collects what xgrammar prints: it warns of what it ignores, and goes on."""
    warnings: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    os.dup2(warnings.fileno(), 2)
    return warnings


def _read_new(warnings: BinaryIO) -> str:
    """What was printed since last time; the next is written at the beginning again."""
    size = os.fstat(warnings.fileno()).st_size
    os.lseek(warnings.fileno(), 0, os.SEEK_SET)
    text = os.read(warnings.fileno(), size).decode("utf-8", "replace")
    os.lseek(warnings.fileno(), 0, os.SEEK_SET)
    os.ftruncate(warnings.fileno(), 0)
    return text


def _watched(seconds: float) -> threading.Timer:
    """Ends the process after so long, unless it is called off."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer


def main() -> None:
    """Until the other side closes the pipe, or is silent for long."""
    trial = Trial(sys.argv[1])
    warnings = _claim_warnings()
    _say("ready")
    while True:
        idle = _watched(IDLE_SECONDS)
        line = sys.stdin.readline()
        idle.cancel()
        if not line:
            return
        orphan = _watched(ORPHAN_SECONDS)
        _read_new(warnings)
        reason = trial.reason_against(*json.loads(line))
        told = [each for each in _read_new(warnings).splitlines() if "Warning" in each]
        orphan.cancel()
        _say(reason or "\n".join(told))


def _say(text: str) -> None:
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
