"""One model's score on the bundled text, in a process of its own: `python -m openarc_ui.tuning.quality.score_process`.

One ScoreOrder as JSON line on standard input, one Score as JSON line on standard output. A crash costs the server nothing, what
the model took goes back whole, and a kill ends it at once. When the other end of standard input is gone, nobody
waits for it any more and it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.pipelines import device_properties, pipeline_of
from openarc_ui.errors import GenerationFailed, OpenArcError, TuningFolderUnusable
from openarc_ui.privacy import forbid_telemetry
from openarc_ui.tuning.quality.distributions import Array, Keeper, Scorer, block_means, perplexity, read_kept
from openarc_ui.tuning.quality.score_models import NotScorable, backend_log_probabilities, paged_logits, stateful_logits
from openarc_ui.tuning.quality.scoring import Score, ScoreOrder, runs_paged, without_neutral_places
from openarc_ui.tuning.workloads import text

OPTIMUM_DEFAULTS: Mapping[str, PropertyValue] = {"PERFORMANCE_HINT": "LATENCY"}
"""What Optimum-Intel compiles with where nothing else is said (`_set_ov_config_parameters`)."""
LEFT_FOR_ONE_TOKEN = 2
"""The text's first token is not predicted, and GenAI generates one after it."""
PARTIAL_ATTENTION = ("use_sparse_attention", "use_cache_eviction")


def score(order: ScoreOrder) -> Score:
    """Everything that can be measured; what can't is None, with its reason."""
    began_at = time.perf_counter()
    token_ids, reasons = _token_ids(order)
    digest = hashlib.sha256(numpy.asarray(token_ids, numpy.int64).tobytes()).hexdigest()[:16]
    result: dict[str, Any] = {"token_digest": digest, "positions": len(token_ids) - 1}
    if _sees_all(order):
        try:
            result |= _by_distributions(order, token_ids, digest, reasons)
        except TuningFolderUnusable:
            raise  # that the disk is full is said of the run, and of no configuration
        except (RuntimeError, OpenArcError) as error:
            reasons.append(f"No distributions: {_words(error)}")
    else:
        reasons.append("No distributions: with sparse attention or cache eviction only GenAI's own pipeline computes.")
    if order.backend == "genai" and _is_paged(order):
        try:
            result |= _by_backend(order, token_ids)
        except (RuntimeError, OpenArcError) as error:
            reasons.append(f"GenAI's pipeline does not tell the text's perplexity: {_words(error)}")
    return Score(**result, reasons=tuple(reasons), seconds=time.perf_counter() - began_at)


def _token_ids(order: ScoreOrder) -> tuple[list[int], list[str]]:
    """The text's beginning in this model's tokens, with its beginning-of-text token where it wants one.

    Raises:
        NotScorable: there is no tokenizer, or hardly any context.
    """
    from openarc_ui.engine.backends.genai_common import import_genai, model_context_length, prompt_text
    from openarc_ui.engine.backends.prompt_text import PromptText

    folder, reasons = Path(order.folder), []
    if (folder / "openvino_tokenizer.xml").is_file():
        encode = prompt_text(import_genai().Tokenizer(order.folder), folder).encode_plain
    elif (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        fast.no_truncation()
        encode = PromptText(
            folder,
            lambda words: list(fast.encode(words, add_special_tokens=False).ids),
            lambda ids, skips: str(fast.decode(ids, skip_special_tokens=skips)),
            None,
        ).encode_plain
    else:
        raise NotScorable("The model's tokenizer is neither openvino_tokenizer.xml nor tokenizer.json.")
    context = model_context_length(folder)
    token_ids = encode(text())[: order.text_tokens + 1]
    if context is not None and len(token_ids) > context - LEFT_FOR_ONE_TOKEN:
        token_ids = token_ids[: context - LEFT_FOR_ONE_TOKEN]
        reasons.append(f"The model's context has {context} tokens, so fewer were predicted.")
    if len(token_ids) <= LEFT_FOR_ONE_TOKEN:
        raise NotScorable("The model's context is too short for the text.")
    return token_ids, reasons


def _by_distributions(order: ScoreOrder, token_ids: Sequence[int], digest: str, reasons: list[str]) -> dict[str, Any]:
    """Perplexity, and the distance from the reference where there is one to compare with; kept where that is asked."""
    kept = _comparable(order, digest, reasons)
    scorer = Scorer(numpy.asarray(token_ids[1:]), kept)
    keeper: Keeper | None = None
    vocabulary = 0
    for logits in _logits(order, token_ids[:-1]):
        vocabulary = logits.shape[-1]
        if kept is not None and kept.shape[-1] != vocabulary:
            kept, scorer = None, Scorer(numpy.asarray(token_ids[1:]))
            reasons.append("No KL divergence: the models tell of vocabularies of different size.")
        if order.keep_as and keeper is None:
            keeper = Keeper(Path(order.keep_as), len(token_ids) - 1, vocabulary)
        for rows in scorer.add(logits):
            if keeper is not None:
                keeper.add(rows)
    if keeper is not None:
        keeper.finish()
    distance = scorer.distance()
    told = {} if distance is None else asdict(distance)
    return {
        **told,
        "perplexity": scorer.perplexity(),
        "block_log_probabilities": scorer.block_log_probabilities(),
        "vocabulary": vocabulary,
        "form": _form(order),
    }


def _comparable(order: ScoreOrder, digest: str, reasons: list[str]) -> Array | None:
    """The reference's distributions, where they are of the same tokens."""
    if not order.compare_with:
        return None
    if order.compare_digest != digest:
        reasons.append("No KL divergence: the reference's tokenizer makes other tokens of the text.")
        return None
    return read_kept(Path(order.compare_with))


def _logits(order: ScoreOrder, token_ids: Sequence[int]) -> Iterator[Array]:
    xml = str(Path(order.folder) / "openvino_model.xml")
    properties = _properties(order)
    run = paged_logits if runs_paged(order) else stateful_logits
    return run(xml, order.device, properties, token_ids)


def _by_backend(order: ScoreOrder, token_ids: Sequence[int]) -> dict[str, Any]:
    """Perplexity by GenAI's own pipeline, and what it is made of."""
    from openarc_ui.engine.backends.genai import scheduler_config
    from openarc_ui.engine.backends.genai_common import import_genai

    genai = import_genai()
    scheduler = scheduler_config(genai, order.scheduler)
    scheduler.enable_prefix_caching = False  # there is one request
    if not scheduler.dynamic_split_fuse:
        scheduler.max_num_batched_tokens = max(scheduler.max_num_batched_tokens, len(token_ids))
    found = backend_log_probabilities(genai, order.folder, order.device, _properties(order), scheduler, token_ids)
    return {"backend_perplexity": perplexity(found), "backend_block_log_probabilities": block_means(found)}


def _properties(order: ScoreOrder) -> dict[str, PropertyValue]:
    """What the backend compiles with, without what puts files into the user's cache or keeps cores from the next model."""
    given = without_neutral_places(device_properties(order.device, order.ov_config))
    return {**OPTIMUM_DEFAULTS, **given} if order.backend == "optimum" else given


def _is_paged(order: ScoreOrder) -> bool:
    return pipeline_of(order.device, order.ov_config) == "paged"


def _sees_all(order: ScoreOrder) -> bool:
    settled = order.scheduler.settled()
    return order.backend != "genai" or not any(settled[name] for name in PARTIAL_ATTENTION)


def _form(order: ScoreOrder) -> str:
    """Which form of the model gave the distributions, in words."""
    if runs_paged(order):
        return "paged attention, as GenAI runs it"
    if order.backend == "genai" and _is_paged(order):
        return "the stateful form with the same properties, as paged attention's cache can't be laid out here for this device"
    return "the stateful form, as Optimum runs it" if order.backend == "optimum" else "the stateful form"


def _words(error: BaseException) -> str:
    words = error.message if isinstance(error, OpenArcError) else clean_message(RuntimeError(str(error)))
    return words.rstrip(".") + "."


def _end_with_parent() -> None:
    """Standard input stays open as long as somebody waits."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    os._exit(1)


def main() -> int:
    """Entry of the process. A refusal is an answer too: `refused` and `code`."""
    forbid_telemetry()
    order = ScoreOrder.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    answers, told = os.dup(sys.stdout.fileno()), {}
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    try:
        told = asdict(score(order))
    except (NotScorable, GenerationFailed) as error:
        told = {"refused": error.message, "code": error.code}
    except OpenArcError as error:
        told = {"refused": f"{error.message} {error.hint}".strip(), "code": error.code}
    except (RuntimeError, MemoryError, OSError, ValueError) as error:
        told = {"refused": _words(error), "code": "score_failed"}
    with os.fdopen(answers, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
