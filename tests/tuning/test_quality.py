"""The quality guard over an engine: the reference, what can be compared of which model, and the real starter by both backends."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import psutil
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest, SamplingParameters
from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Ending, RunStopped, time_over
from openarc_ui.tuning.quality.guard import compare_texts, default_reference, forget_distributions, greedy_prompts
from openarc_ui.tuning.quality.scoring import Score, ScoreFailed, ScoreOrder
from openarc_ui.tuning.requests import QualityOptions
from openarc_ui.tuning.results import Failure, Greedy, Quality
from tests.conftest import write_script
from tests.tuning.bigram_model import WORDS, make_bigram_model

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
LOGITS = numpy.random.default_rng(1).normal(0, 2, (len(WORDS), len(WORDS)))
ANSWER = Greedy("Why?", (1, 2, 3), "one two three")


def test_the_bundled_prompts_are_24_different_short_ones() -> None:
    prompts = greedy_prompts(24)
    assert len(set(prompts)) == 24
    assert greedy_prompts(6) == prompts[:6]
    assert all(5 < len(each) < 300 for each in prompts)


def test_the_reference_is_the_same_model_without_any_shortcut() -> None:
    base = LoadRequest(
        model_path="m",
        name="mine",
        backend="genai",
        ov_config={"KV_CACHE_PRECISION": "u8", "NUM_STREAMS": 2, "ATTENTION_BACKEND": "SDPA"},
        scheduler=SchedulerOptions(use_sparse_attention=True),
        sampling_defaults=SamplingParameters(repetition_penalty=1.3),
        eos_token_id=2,
    )
    reference = default_reference(base)
    assert reference.ov_config == {**EXACT, "ATTENTION_BACKEND": "SDPA"}
    assert reference.scheduler == SchedulerOptions()
    assert (reference.model_path, reference.backend, reference.device, reference.name) == ("m", "genai", "CPU", None)
    assert (reference.sampling_defaults, reference.eos_token_id) == (base.sampling_defaults, 2)


@pytest.mark.parametrize(
    ("device", "cache"),
    [
        ("CPU", "f32"),
        ("GPU.1", "f16"),
        ("AUTO:GPU,CPU", "f16"),
        ("HETERO:GPU.0,GPU.1", "f16"),
        ("BATCH:CPU(4)", "f32"),
        ("NPU", None),
        ("AUTO", None),
        ("AUTO:NPU,CPU", None),
    ],
)
def test_a_device_is_asked_for_what_it_is_known_to_take(device: str, cache: str | None) -> None:
    ov_config = default_reference(LoadRequest(model_path="m", device=device)).ov_config
    assert ov_config.get("KV_CACHE_PRECISION") == cache
    assert ov_config.get("INFERENCE_PRECISION_HINT") == (None if cache is None else "f32")


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    """Over two bigram models and a scripted one, none of which is loaded."""
    make_bigram_model(tmp_path / "models" / "one", LOGITS)
    make_bigram_model(tmp_path / "models" / "two", LOGITS + numpy.random.default_rng(2).normal(0, 1, LOGITS.shape))
    write_script(tmp_path / "models" / "script")
    return make_engine()


class Guard:
    """Compares loads in one run's folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.stopping = engine, folder, threading.Event()
        self.options = QualityOptions(text_tokens=256)

    def __call__(
        self,
        load: LoadRequest,
        reference: LoadRequest,
        answers: tuple[Greedy, ...] = (ANSWER,),
        run: Callable[[ScoreOrder, Ending], Score] | None = None,
        seconds: float | None = None,
    ) -> Quality | Failure:
        mine, its = configuration_of(load), configuration_of(reference)
        options = (self.options, self.folder, self.stopping, run)
        deadline = None if seconds is None else time.monotonic() + seconds
        return compare_texts(self.engine, mine, its, answers, (ANSWER,), *options, deadline=deadline)


@pytest.fixture
def guard(engine: Engine, tmp_path: Path) -> Guard:
    return Guard(engine, tmp_path / "run")


def load(model: str, **more: object) -> LoadRequest:
    return LoadRequest.model_validate({"model_path": model, "ov_config": {"INFERENCE_PRECISION_HINT": "f32"}, **more})


def test_a_model_with_other_weights_changes_the_text(guard: Guard) -> None:
    quality = guard(load("two"), load("one"))
    assert isinstance(quality, Quality)
    assert quality.mean_kl_divergence is not None
    assert quality.mean_kl_divergence > 0.1
    assert quality.changes_text is True
    assert quality.words.startswith("Changes the text: the answer is identical; KL 0.")
    assert (quality.text_tokens, quality.identical_share) == (256, 1.0)
    assert quality.method.startswith("Next-token distributions of 256 tokens of the bundled text by the stateful form")


def test_the_reference_held_against_itself_is_the_same(guard: Guard) -> None:
    quality = guard(load("one"), load("one"))
    assert isinstance(quality, Quality)
    assert quality.mean_kl_divergence is not None
    assert abs(quality.mean_kl_divergence) < 1e-6
    assert quality.words.startswith("Writes the same: ")
    assert quality.perplexity == quality.reference_perplexity


def test_the_distributions_of_a_run_that_has_ended_can_be_deleted(guard: Guard) -> None:
    guard(load("one"), load("one"))
    assert len(list(guard.folder.rglob("*.npy"))) == 1
    forget_distributions(guard.folder)
    assert list(guard.folder.rglob("*.npy")) == []
    assert isinstance(guard(load("two"), load("one")), Quality)


def test_the_scripted_backend_is_judged_by_its_answers_alone(guard: Guard) -> None:
    other = Greedy("Why?", (1, 9), "one nine")
    quality = guard(load("script"), load("script"), (other,))
    assert isinstance(quality, Quality)
    assert (quality.perplexity, quality.mean_kl_divergence, quality.text_tokens) == (None, None, 0)
    assert quality.changes_text is True
    assert quality.words == "Changes the text: 1 of 1 answers differ, first at token 2."
    assert quality.method.endswith("The scripted backend computes no distributions.")


def test_what_cannot_be_scored_of_the_reference_is_said_to_be_the_references(guard: Guard) -> None:
    quality = guard(load("one"), load("script"))
    assert isinstance(quality, Quality)
    assert "Of the reference: The scripted backend computes no distributions." in quality.method


def test_a_load_that_is_refused_is_a_failure_with_its_reason(guard: Guard) -> None:
    failure = guard(load("one", ov_config={"NUM_STRAEMS": 1}), load("one"))
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.code) == ("quality", "property_rejected")
    assert "NUM_STRAEMS" in failure.message


def test_a_process_that_crashed_leaves_the_answers_and_its_reason(guard: Guard) -> None:
    def crash(order: ScoreOrder, ending: Ending) -> Score:
        raise ScoreFailed("The process that scores it was ended by signal SIGKILL.")

    quality = guard(load("one"), load("one"), run=crash)
    assert isinstance(quality, Quality)
    assert quality.identical_share == 1.0
    assert quality.method.endswith("Of the reference: The process that scores it was ended by signal SIGKILL.")
    failure = guard(load("one"), load("one"), (), run=crash)
    assert isinstance(failure, Failure)
    assert "SIGKILL" in failure.message


def test_a_run_that_was_stopped_scores_nothing(guard: Guard) -> None:
    guard.stopping.set()
    with pytest.raises(RunStopped):
        guard(load("one"), load("one"))


def test_a_process_that_ended_with_the_run_is_no_result(guard: Guard) -> None:
    def end_with_the_run(order: ScoreOrder, ending: Ending) -> Score:
        guard.stopping.set()
        raise ScoreFailed("The process that scores it was ended by signal SIGTERM.")

    with pytest.raises(RunStopped):
        guard(load("one"), load("one"), run=end_with_the_run)


def scores_of(reference: Score, configuration: Score) -> Callable[[ScoreOrder, Ending], Score]:
    """Stands for the process: the reference is the one whose distributions are kept."""
    return lambda order, ending: reference if order.keep_as else configuration


def test_figures_that_are_no_numbers_are_left_out_with_their_reason_and_change_the_text(guard: Guard) -> None:
    nan = Score("d", 9, vocabulary=4, perplexity=math.nan, mean_kl_divergence=math.nan, p99_kl_divergence=math.nan)
    quality = guard(load("two"), load("one"), run=scores_of(Score("d", 9, vocabulary=4, perplexity=20.0), nan))
    assert isinstance(quality, Quality)
    assert (quality.mean_kl_divergence, quality.p99_kl_divergence, quality.perplexity) == (None, None, None)
    assert quality.changes_text is True
    assert "Some of its logits are no numbers (NaN), so there is no KL divergence." in quality.method


def test_a_token_without_any_chance_is_said_in_words(guard: Guard) -> None:
    infinite = Score("d", 9, vocabulary=4, perplexity=math.inf, mean_kl_divergence=math.inf, p99_kl_divergence=1.0)
    quality = guard(load("two"), load("one"), run=scores_of(Score("d", 9, vocabulary=4, perplexity=20.0), infinite))
    assert isinstance(quality, Quality)
    assert (quality.mean_kl_divergence, quality.perplexity, quality.p99_kl_divergence) == (None, None, 1.0)
    assert quality.changes_text is True and "KL infinite" in quality.words
    assert "Its perplexity is infinite" in quality.method and "Its KL divergence is infinite" in quality.method


def test_a_reference_of_no_numbers_is_held_against_nobody(guard: Guard) -> None:
    reference = Score("d", 9, vocabulary=4, perplexity=math.nan)
    mine = Score("d", 9, vocabulary=4, perplexity=20.0, mean_kl_divergence=math.nan, same_top_share=0.0)
    quality = guard(load("two"), load("one"), run=scores_of(reference, mine))
    assert isinstance(quality, Quality)
    assert (quality.mean_kl_divergence, quality.same_top_share, quality.perplexity) == (None, None, 20.0)
    assert quality.changes_text is False and quality.words == "Writes the same: the answer is identical."
    assert "Of the reference: Some of its logits are no numbers (NaN), so there is no perplexity." in quality.method


def test_a_score_that_can_not_be_kept_is_no_failure_of_the_configuration(guard: Guard) -> None:
    guard.folder.mkdir()
    (guard.folder / "scores").write_text("no folder")
    with pytest.raises(TuningFolderUnusable):
        guard(load("two"), load("one"))


def test_a_deadline_ends_the_process_and_says_so(guard: Guard) -> None:
    children = psutil.Process().children
    began_at = time.monotonic()
    assert guard(load("two"), load("one"), seconds=0.5) == time_over("quality")
    assert time.monotonic() - began_at < 30
    assert not [each for each in children() if "openarc_ui.tuning.quality.score_process" in each.cmdline()]
    assert guard(load("two"), load("one"), seconds=-1.0) == time_over("quality")
    assert isinstance(guard(load("two"), load("one"), seconds=600.0), Quality)


@pytest.fixture(scope="module")
def starter(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """Over the real starter; the scores of the module's tests are one run's."""
    from tests.starter_fixture import ensure_starter

    ensure_starter("int8")
    with Engine(starter_folder.parent) as engine:
        yield Guard(engine, tmp_path_factory.mktemp("run"))


def starter_quality(starter: Guard, precision: str = "int4", **more: object) -> Quality:
    model = f"SmolLM2-135M-Instruct-{precision}"
    mine = LoadRequest.model_validate({"model_path": model, "backend": "genai", **more})
    quality = starter(mine, default_reference(LoadRequest(model_path="SmolLM2-135M-Instruct-int4", backend="genai")))
    assert isinstance(quality, Quality)
    assert quality.mean_kl_divergence is not None, quality.method
    return quality


@pytest.mark.model
def test_the_starter_in_f32_is_less_than_a_millionth_from_itself_by_both_backends(starter: Guard) -> None:
    for backend in ("genai", "optimum"):
        quality = starter_quality(starter, backend=backend, ov_config=EXACT)
        assert quality.mean_kl_divergence is not None
        assert abs(quality.mean_kl_divergence) < 1e-6
        assert quality.same_top_share == 1.0
        assert quality.changes_text is False


@pytest.mark.model
def test_a_smaller_cache_is_further_from_the_reference(starter: Guard) -> None:
    def divergence(kind: str) -> float:
        fixed = {"num_kv_blocks": 100}
        quality = starter_quality(starter, ov_config={**EXACT, "KV_CACHE_PRECISION": kind}, scheduler=fixed)
        assert quality.mean_kl_divergence is not None
        return quality.mean_kl_divergence

    f16, u8, u4 = map(divergence, ("f16", "u8", "u4"))
    assert f16 < u8 < u4


@pytest.mark.model
def test_only_what_changes_the_text_is_marked(starter: Guard) -> None:
    assert starter_quality(starter).changes_text is False
    assert starter_quality(starter, precision="int8").changes_text is False
    u4 = {"KV_CACHE_PRECISION": "u4"}
    assert starter_quality(starter, ov_config=u4, scheduler={"num_kv_blocks": 100}).changes_text is True


@pytest.mark.model
def test_weights_of_another_precision_are_some_way_off(starter: Guard) -> None:
    divergence = starter_quality(starter, precision="int8", ov_config=EXACT).mean_kl_divergence
    assert divergence is not None
    assert 1e-4 < divergence < 0.05


@pytest.mark.model
def test_genais_own_perplexity_is_that_of_the_distributions(starter: Guard) -> None:
    """Its pipeline and ours are the same transformation: 3% was asked for, and it is 0.01%."""
    quality = starter_quality(starter)
    assert quality.backend_perplexity == pytest.approx(quality.perplexity, rel=1e-3)


@pytest.mark.model
def test_the_stateful_form_is_what_optimum_computes(starter_folder: Path) -> None:
    import torch
    from optimum.intel import OVModelForCausalLM

    from openarc_ui.tuning.quality.score_models import CHUNK_TOKENS, stateful_logits
    from openarc_ui.tuning.quality.score_process import OPTIMUM_DEFAULTS

    token_ids = list(range(100, 100 + CHUNK_TOKENS))
    model = OVModelForCausalLM.from_pretrained(starter_folder, ov_config={}, local_files_only=True)
    theirs = model(torch.tensor([token_ids]), attention_mask=torch.ones(1, len(token_ids))).logits[0].numpy()
    xml = str(starter_folder / "openvino_model.xml")
    (ours,) = stateful_logits(xml, "CPU", OPTIMUM_DEFAULTS, token_ids)
    assert numpy.abs(ours - theirs).max() == 0
