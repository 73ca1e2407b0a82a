"""The process that scores a model: what it tells of models worked out by hand, and how it ends."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import psutil
import pytest

from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning.desk import Ending, RunStopped, TimeOver
from openarc_ui.tuning.quality.distributions import kl_divergences, log_softmax
from openarc_ui.tuning.quality.scoring import Score, ScoreFailed, ScoreOrder, run_process
from tests.tuning.bigram_model import WORDS, make_bigram_model, token_ids

TOKENS = 200
SIZE = len(WORDS)
PLAIN = numpy.random.default_rng(1).normal(0, 2, (SIZE, SIZE))
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def order(folder: Path, **more: object) -> ScoreOrder:
    return ScoreOrder.model_validate(
        {
            "folder": str(folder),
            "backend": "optimum",
            "device": "CPU",
            "ov_config": EXACT,
            "text_tokens": TOKENS,
            **more,
        }
    )


def scored(folder: Path, **more: object) -> Score:
    return run_process(order(folder, **more), Ending(threading.Event()))


MODULE = "openarc_ui.tuning.quality.score_process"


def scoring_processes() -> list[psutil.Process]:
    """Not the copy of this process that one is for a moment: its command line may name this file."""
    return [each for each in psutil.Process().children() if MODULE in each.cmdline()]


def wait_for(condition: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at, "it does not come"
        time.sleep(0.02)


def test_perplexity_and_divergence_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    other = PLAIN + numpy.random.default_rng(2).normal(0, 0.3, PLAIN.shape)
    one = make_bigram_model(tmp_path / "one", PLAIN)
    two = make_bigram_model(tmp_path / "two", other)
    kept = tmp_path / "kept.npy"
    reference = scored(one, keep_as=str(kept))
    score = scored(two, compare_with=str(kept), compare_digest=reference.token_digest)
    ids = token_ids(one, TOKENS + 1)
    rows, its = log_softmax(other)[ids[:-1]], log_softmax(PLAIN)[ids[:-1]]
    divergences = kl_divergences(its, rows)
    assert reference.perplexity == pytest.approx(numpy.exp(-its[numpy.arange(TOKENS), ids[1:]].mean()), rel=1e-4)
    assert score.perplexity == pytest.approx(numpy.exp(-rows[numpy.arange(TOKENS), ids[1:]].mean()), rel=1e-4)
    assert score.mean_kl_divergence == pytest.approx(divergences.mean(), rel=1e-2)
    assert score.p99_kl_divergence == pytest.approx(numpy.percentile(divergences, 99), rel=1e-2)
    assert score.same_top_share == (its.argmax(-1) == rows.argmax(-1)).mean()
    assert (score.positions, score.vocabulary, score.reasons) == (TOKENS, SIZE, ())
    assert reference.mean_kl_divergence is None
    assert score.backend_perplexity is None


def test_another_tokenizer_leaves_perplexity_and_says_why_there_is_no_divergence(tmp_path: Path) -> None:
    one = make_bigram_model(tmp_path / "one", PLAIN)
    other = make_bigram_model(tmp_path / "other", PLAIN, words=(*WORDS[:1], *reversed(WORDS[1:])))
    reference = scored(one, keep_as=str(tmp_path / "kept.npy"))
    score = scored(other, compare_with=str(tmp_path / "kept.npy"), compare_digest=reference.token_digest)
    assert score.perplexity is not None
    assert score.mean_kl_divergence is None
    assert "tokenizer makes other tokens" in score.reasons[0]


def test_vocabularies_of_different_size_are_not_compared(tmp_path: Path) -> None:
    one = make_bigram_model(tmp_path / "one", PLAIN)
    wider = make_bigram_model(tmp_path / "wider", numpy.pad(PLAIN, ((0, 3), (0, 3)), constant_values=-9))
    reference = scored(one, keep_as=str(tmp_path / "kept.npy"))
    score = scored(wider, compare_with=str(tmp_path / "kept.npy"), compare_digest=reference.token_digest)
    assert (score.mean_kl_divergence, score.vocabulary) == (None, SIZE + 3)
    assert score.perplexity == pytest.approx(reference.perplexity, rel=1e-2)
    assert "different size" in score.reasons[0]


def test_a_short_context_predicts_fewer_tokens_and_says_so(tmp_path: Path) -> None:
    score = scored(make_bigram_model(tmp_path / "one", PLAIN, context=102))
    assert score.positions == 99
    assert score.reasons == ("The model's context has 102 tokens, so fewer were predicted.",)


def test_a_model_with_an_unknown_input_has_no_distributions_and_the_input_is_named(tmp_path: Path) -> None:
    score = scored(make_bigram_model(tmp_path / "one", PLAIN, other_input="pixel_values"))
    assert score.perplexity is None
    assert score.reasons == ("No distributions: The model has the input pixel_values, which is not known here.",)


def test_a_property_that_the_device_refuses_is_the_reason(tmp_path: Path) -> None:
    score = scored(make_bigram_model(tmp_path / "one", PLAIN), ov_config={"NUM_STREAMS": "many"})
    assert score.perplexity is None
    assert "NUM_STREAMS" in score.reasons[0] or "many" in score.reasons[0]


def test_places_of_files_and_cores_are_not_given_to_the_device(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    score = scored(
        make_bigram_model(tmp_path / "one", PLAIN), ov_config={"CACHE_DIR": str(cache), "ENABLE_CPU_RESERVATION": True}
    )
    assert score.perplexity is not None
    assert not cache.exists()


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ScoreFailed, match=r"neither openvino_tokenizer\.xml nor tokenizer\.json"):
        scored(folder)


def test_stopping_ends_the_process_at_once(tmp_path: Path) -> None:
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    stopping, raised = threading.Event(), []

    def score() -> None:
        try:
            run_process(order(folder), Ending(stopping))
        except RunStopped as error:
            raised.append(error)

    thread = threading.Thread(target=score)
    thread.start()
    wait_for(scoring_processes)
    began_at = time.monotonic()
    stopping.set()
    thread.join(60)
    assert time.monotonic() - began_at < 10
    assert len(raised) == 1
    assert scoring_processes() == []


def test_a_deadline_ends_the_process(tmp_path: Path) -> None:
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    with pytest.raises(TimeOver):
        run_process(order(folder), Ending(threading.Event(), time.monotonic() + 0.3))
    assert scoring_processes() == []


def test_logits_that_are_no_numbers_come_through_as_that(tmp_path: Path) -> None:
    logits = PLAIN.copy()
    logits[:, 0] = numpy.nan
    one, broken = make_bigram_model(tmp_path / "one", PLAIN), make_bigram_model(tmp_path / "broken", logits)
    reference = scored(one, keep_as=str(tmp_path / "kept.npy"))
    score = scored(broken, compare_with=str(tmp_path / "kept.npy"), compare_digest=reference.token_digest)
    assert score.perplexity is not None and math.isnan(score.perplexity)
    assert score.mean_kl_divergence is not None and math.isnan(score.mean_kl_divergence)


def test_distributions_that_can_not_be_kept_are_a_matter_of_the_folder_and_not_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(TuningFolderUnusable, match="No such file or directory"):
        scored(make_bigram_model(tmp_path / "one", PLAIN), keep_as=str(tmp_path / "missing" / "kept.npy"))


def test_no_path_of_this_machine_is_in_what_a_process_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it writes last to its standard error, refuses with, or gives as a reason."""
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    program = tmp_path / "program"
    program.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    secret = "/mnt/private/x.bin"
    for said in (f"printf gone:{secret} 1>&2; exit 3", json.dumps({"refused": f"no {secret}"})):
        program.write_text(
            f"#!/bin/sh\nread order\n{said if said.startswith('printf') else f'echo {json.dumps(said)}'}\n"
        )
        with pytest.raises(ScoreFailed) as raised:
            scored(folder)
        assert "private" not in raised.value.message and "…" in raised.value.message
    told = json.dumps({"token_digest": "d", "positions": 3, "reasons": [f"no {secret}"]})
    program.write_text(f"#!/bin/sh\nread order\necho {json.dumps(told)}\n")
    assert scored(folder).reasons == ("no …",)


def test_a_process_that_is_killed_is_told_by_its_signal(tmp_path: Path) -> None:
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    failures: list[ScoreFailed] = []

    def score() -> None:
        try:
            run_process(order(folder), Ending(threading.Event()))
        except ScoreFailed as error:
            failures.append(error)

    thread = threading.Thread(target=score)
    thread.start()
    wait_for(scoring_processes)
    assert os.getpgid(scoring_processes()[0].pid) != os.getpgid(0), "Ctrl+C would reach it"
    scoring_processes()[0].kill()
    thread.join(60)
    assert [each.message for each in failures] == ["The process that scores it was ended by signal SIGKILL."]


def test_the_process_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    folder = make_bigram_model(tmp_path / "one", PLAIN)
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    )
    answer, _ = process.communicate(order(folder).model_dump_json(exclude_none=True).encode() + b"\n", timeout=60)
    assert (process.returncode, answer) == (1, b"")
