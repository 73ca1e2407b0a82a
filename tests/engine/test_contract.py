"""One contract for every backend: optimum and both pipelines of genai with the real starter model, and the scripted fake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import PromptRequest, StructuredOutput
from openarc_ui.engine.types import (
    FinishReason,
    GenerationRequest,
    GenerationResult,
    LoadRequest,
    Message,
    ModelInfo,
    PerformanceReport,
    PropertyValue,
    SamplingParameters,
)
from openarc_ui.errors import InvalidRequest, ParameterNotSupported, PromptTooLong, TimeLimitReached
from tests.conftest import ask, write_script

pytestmark = pytest.mark.model

FRANCE = "What is the capital of France?"
STORY = "slow: Tell me a long story about a dog."


class Loaded:
    """A loaded model and short words for asking it."""

    def __init__(self, engine: Engine, info: ModelInfo) -> None:
        self.engine = engine
        self.info = info

    def run(self, request: GenerationRequest) -> GenerationResult:
        return self.engine.submit(request).result(timeout=120)

    def greedy(self, text: str, tokens: int = 24) -> GenerationResult:
        return self.run(ask(text, do_sample=False, max_new_tokens=tokens))


OV_CONFIG: dict[str, PropertyValue] = {"KV_CACHE_PRECISION": "f16"}
REAL_LOADS = {
    "genai": LoadRequest(model_path="starter", backend="genai", ov_config=OV_CONFIG),
    "stateful": LoadRequest(
        model_path="starter", backend="genai", ov_config={**OV_CONFIG, "ATTENTION_BACKEND": "SDPA"}
    ),
    "optimum": LoadRequest(model_path="starter", backend="optimum", ov_config=OV_CONFIG),
}


@pytest.fixture(scope="module", params=["scripted", *REAL_LOADS])
def loaded(
    request: pytest.FixtureRequest, starter_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    if request.param == "scripted":
        folder = tmp_path_factory.mktemp("models")
        write_script(folder / "script", context_length=600)
        order = LoadRequest(model_path="script")
    else:
        folder = starter_folder.parent
        order = REAL_LOADS[request.param].model_copy(update={"model_path": starter_folder.name})
    with Engine(folder) as engine:
        yield Loaded(engine, engine.load(order))


@pytest.fixture
def real(loaded: Loaded) -> Loaded:
    """The backends that really compute."""
    if loaded.info.backend == "scripted":
        pytest.skip("sampling numbers change nothing in a scripted text")
    return loaded


def test_the_answer_is_right_and_ends_with_stop(loaded: Loaded) -> None:
    result = loaded.greedy(FRANCE)
    assert "Paris" in result.texts[0]
    assert result.finish_reasons == (FinishReason.STOP,)


def test_token_counts_are_those_of_the_ids(loaded: Loaded) -> None:
    generation = loaded.engine.submit(ask(FRANCE, do_sample=False, max_new_tokens=24))
    streamed = sum(delta.tokens for batch in generation.batches(5) for delta in batch)
    report = generation.result(timeout=30).report
    assert report.generated_tokens == streamed
    assert report.prompt_tokens is not None and report.prompt_tokens > 5


def test_max_new_tokens_is_exact_and_ends_with_length(loaded: Loaded) -> None:
    result = loaded.greedy(STORY, tokens=7)
    assert result.report.generated_tokens == 7
    assert result.finish_reasons == (FinishReason.LENGTH,)


def test_ignore_eos_goes_on_to_max_new_tokens(loaded: Loaded) -> None:
    result = loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=20, ignore_eos=True))
    assert result.report.generated_tokens == 20
    assert result.finish_reasons == (FinishReason.LENGTH,)


def test_a_stop_string_ends_the_text_before_it(loaded: Loaded) -> None:
    whole = loaded.greedy(FRANCE).texts[0]
    result = loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=24, stop=("of Fr", "never")))
    assert result.texts[0] == whole[: whole.index("of Fr")]
    assert result.finish_reasons == (FinishReason.STOP,)
    assert result.report.generated_tokens < 8


def test_cancel_ends_it_between_tokens(loaded: Loaded) -> None:
    generation = loaded.engine.submit(ask(STORY, max_new_tokens=400, ignore_eos=True))
    batches = generation.batches(5)
    next(batches)
    generation.cancel()
    result = generation.result(timeout=30)
    assert result.finish_reasons == (FinishReason.CANCELLED,)
    assert 0 < result.report.generated_tokens < 400
    assert loaded.engine.status().models[0].running == 0


def test_several_sequences_are_all_streamed_and_counted(loaded: Loaded) -> None:
    request = ask(STORY, max_new_tokens=8, num_return_sequences=3, temperature=1.0, seed=3, ignore_eos=True)
    generation = loaded.engine.submit(request)
    seen = {delta.sequence_index for batch in generation.batches(5) for delta in batch}
    result = generation.result(timeout=30)
    assert seen == {0, 1, 2}
    assert len(result.texts) == len(result.finish_reasons) == 3
    assert result.report.generated_tokens == 24


def test_the_report_adds_up(loaded: Loaded) -> None:
    report = loaded.greedy(STORY, tokens=12).report
    assert report.ttft_seconds is not None and report.decode_seconds is not None and report.prefill_seconds is not None
    assert len(report.inter_token_latencies_seconds) == 11
    assert sum(report.inter_token_latencies_seconds) == pytest.approx(report.decode_seconds)
    assert report.tpot_seconds == pytest.approx(report.decode_seconds / 11)
    assert report.decode_tokens_per_second == pytest.approx(11 / report.decode_seconds)
    parts = (report.queue_seconds, report.template_seconds, report.tokenize_seconds, report.prefill_seconds)
    # Between them the worker may have to wait for a processor; test_session has them to the microsecond.
    between = report.ttft_seconds - sum(part for part in parts if part is not None)
    assert -1e-6 < between < 1.0
    assert report.ttft_seconds + report.decode_seconds <= report.total_seconds
    assert (report.backend, report.configuration_id) == (loaded.info.backend, loaded.info.configuration_id)


def test_a_prompt_longer_than_the_context_is_refused(loaded: Loaded) -> None:
    with pytest.raises(PromptTooLong, match="context"):
        loaded.run(ask("word " * 9000))


def test_a_prompt_that_is_too_long_is_counted_whole_and_not_cut(real: Loaded) -> None:
    with pytest.raises(PromptTooLong, match=r"takes 90\d\d tokens"):
        real.run(ask("word " * 9000))


def test_several_requests_at_once_all_end_well(loaded: Loaded) -> None:
    generations = [loaded.engine.submit(ask(FRANCE, do_sample=False, max_new_tokens=24)) for _ in range(4)]
    assert all("Paris" in generation.result(timeout=60).texts[0] for generation in generations)


def test_a_roleful_conversation_is_rendered_whole(loaded: Loaded) -> None:
    short = loaded.run(ask(FRANCE, max_new_tokens=1)).report.prompt_tokens
    conversation = (
        Message(role="system", content="Answer in one word."),
        Message(role="user", content="¿Qué tal? 👩‍🔬 你好"),
        Message(role="assistant", content="def f():\n\treturn 1"),
        Message(role="user", content=FRANCE),
    )
    request = GenerationRequest(conversation=conversation, max_new_tokens=1)
    long = loaded.run(request).report.prompt_tokens
    assert short is not None and long is not None and long > short


def test_the_same_seed_gives_the_same_answer(real: Loaded) -> None:
    parameters = {"temperature": 1.2, "top_k": 0, "top_p": 1.0, "max_new_tokens": 16}
    first, again = (real.run(ask(STORY, seed=11, **parameters)) for _ in range(2))
    other = real.run(ask(STORY, seed=12, **parameters))
    assert first.texts == again.texts
    assert first.texts != other.texts
    assert first.report.seed == 11


def test_a_drawn_seed_is_reported_and_repeats_the_answer(real: Loaded) -> None:
    drawn = real.run(ask(STORY, temperature=1.0, max_new_tokens=12))
    assert drawn.report.seed is not None
    assert real.run(ask(STORY, temperature=1.0, max_new_tokens=12, seed=drawn.report.seed)).texts == drawn.texts


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 0.001}, {"min_p": 0.999}, {"temperature": 0.0}])
def test_each_narrowing_parameter_alone_makes_sampling_greedy(real: Loaded, narrow: dict[str, float]) -> None:
    wide = {"temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    result = real.run(ask(FRANCE, max_new_tokens=8, seed=1, **{**wide, **narrow}))
    assert result.texts[0] == real.greedy(FRANCE, tokens=8).texts[0]


@pytest.mark.parametrize(
    "penalty", [{"repetition_penalty": 1.8}, {"presence_penalty": 2.0}, {"frequency_penalty": 2.0}]
)
def test_each_penalty_makes_a_repetitive_answer_less_so(real: Loaded, penalty: dict[str, float]) -> None:
    text = "Repeat the word banana twenty times: banana banana banana banana"
    plain = real.run(ask(text, do_sample=False, max_new_tokens=40, ignore_eos=True)).texts[0]
    penalised = real.run(ask(text, do_sample=False, max_new_tokens=40, ignore_eos=True, **penalty)).texts[0]
    assert len(set(penalised.split())) / len(penalised.split()) > len(set(plain.split())) / len(plain.split())


def test_the_models_own_defaults_apply_when_the_request_says_nothing(real: Loaded) -> None:
    assert real.info.generation_defaults["temperature"] == 0.2
    assert real.info.context_length == 8192
    assert real.run(ask(FRANCE)).report.seed is None, "the starter is greedy by default, and greedy uses no seed"
    assert real.run(ask(FRANCE, do_sample=True, max_new_tokens=2)).report.seed is not None


def test_requested_and_effective_properties_are_both_told(real: Loaded) -> None:
    requested = real.info.requested_properties
    assert requested["KV_CACHE_PRECISION"] == "f16"
    if real.info.backend == "genai":
        assert real.info.effective_properties["ATTENTION_BACKEND"] == requested.get("ATTENTION_BACKEND", "PA")
    assert real.info.effective_properties["KV_CACHE_PRECISION"] == "f16"
    assert int(real.info.effective_properties["INFERENCE_NUM_THREADS"]) >= 1
    assert real.info.execution_devices == ("CPU",)


def parts_of(report: PerformanceReport) -> list[float]:
    """The measured stages of a report, in seconds; one that has none counts nothing."""
    names = ("queue_seconds", "template_seconds", "tokenize_seconds", "prefill_seconds", "detokenize_seconds")
    more = ("stream_seconds", "decode_inference_seconds", "decode_sampling_seconds")
    return [getattr(report, name) or 0.0 for name in (*names, *more)]


def test_a_real_backend_divides_its_decode_and_the_parts_are_never_more_than_the_whole(real: Loaded) -> None:
    for request in (
        ask(STORY, max_new_tokens=24, ignore_eos=True),
        ask(STORY, max_new_tokens=12, ignore_eos=True, num_return_sequences=2, do_sample=True),
        ask("word " * 300, max_new_tokens=8, ignore_eos=True),
    ):
        report = real.run(request).report
        assert report.decode_seconds is not None
        assert report.decode_inference_seconds is not None and report.decode_sampling_seconds is not None
        computed = report.decode_inference_seconds + report.decode_sampling_seconds
        assert 0.2 * report.decode_seconds < computed <= report.decode_seconds
        assert sum(parts_of(report)) <= report.total_seconds


def test_a_cancelled_request_that_ran_alone_tells_them_too(real: Loaded) -> None:
    generation = real.engine.submit(ask(STORY, max_new_tokens=400, ignore_eos=True))
    tokens = 0
    for batch in generation.batches(5):
        tokens += sum(delta.tokens for delta in batch)
        if tokens > 5:
            break
    generation.cancel()
    report = generation.result(timeout=30).report
    assert report.decode_seconds is not None and report.decode_inference_seconds is not None
    assert 0.1 * report.decode_seconds < report.decode_inference_seconds <= report.decode_seconds
    assert sum(parts_of(report)) <= report.total_seconds


def prompt_of(loaded: Loaded, text: str) -> tuple[str, tuple[int, ...]]:
    """What the model is given for a conversation: the text, and its ids."""
    rendered = loaded.engine.render(PromptRequest(conversation=(Message(role="user", content=text),)))
    return rendered.text, tuple(token.id for token in rendered.tokens)


def test_a_prompt_goes_to_the_model_as_it_is_as_text_and_as_ids(loaded: Loaded) -> None:
    text, ids = prompt_of(loaded, FRANCE)
    as_conversation = loaded.greedy(FRANCE)
    for prompt in (text, ids):
        result = loaded.run(GenerationRequest(prompt=prompt, do_sample=False, max_new_tokens=24))
        assert "Paris" in result.texts[0]
        assert result.report.prompt_tokens == as_conversation.report.prompt_tokens == len(ids)
        assert (result.report.template_seconds, result.report.dropped_messages) == (None, 0)
        assert (result.report.tokenize_seconds is None) is (prompt is ids)


def test_what_works_with_a_conversation_works_with_a_prompt(loaded: Loaded) -> None:
    text, _ = prompt_of(loaded, FRANCE)
    details = loaded.run(GenerationRequest(prompt=text, do_sample=False, max_new_tokens=24, token_details=True))
    spelled = "".join(token.text for token in details.token_details[0] if not token.is_special)
    assert spelled == details.texts[0] and "of Fr" in spelled
    stopped = loaded.run(GenerationRequest(prompt=text, do_sample=False, max_new_tokens=24, stop=("of Fr",)))
    assert stopped.texts[0] == spelled[: spelled.index("of Fr")]
    many = GenerationRequest(prompt=text, num_return_sequences=2, temperature=1.0, max_new_tokens=3, ignore_eos=True)
    assert len(loaded.run(many).texts) == 2


def test_a_prompt_can_be_held_to_a_structure_where_there_is_one(loaded: Loaded) -> None:
    request = GenerationRequest(
        prompt="The capital of France is",
        structured_output=StructuredOutput(choice=(" Madrid", " Oslo")),
        do_sample=False,
    )
    if not loaded.info.abilities.has_structured_output:
        with pytest.raises(ParameterNotSupported):
            loaded.run(request)
    elif loaded.info.backend == "scripted":
        assert loaded.run(request).texts[0]
    else:
        assert loaded.run(request).texts[0] in (" Madrid", " Oslo")


@pytest.mark.parametrize("wrong", [{"prompt": (1, 2**31 - 1)}, {"stop_token_ids": (2**31 - 1,)}])
def test_an_id_that_is_none_of_the_models_is_refused_and_the_model_goes_on(
    loaded: Loaded, wrong: dict[str, tuple[int, ...]]
) -> None:
    with pytest.raises(InvalidRequest, match=f"{2**31 - 1} is not the id of a token"):
        loaded.run(GenerationRequest(**{"prompt": "Hello", "max_new_tokens": 2, **wrong}))
    assert "Paris" in loaded.greedy(FRANCE).texts[0]


def test_a_prompt_longer_than_the_context_is_refused_with_its_length(loaded: Loaded) -> None:
    context_length = loaded.info.context_length
    assert context_length is not None
    word = loaded.engine.tokenize(" word").tokens[0].id
    with pytest.raises(PromptTooLong, match=f"The prompt takes {context_length} tokens") as caught:
        loaded.run(GenerationRequest(prompt=(word,) * context_length))
    assert "conversation" not in caught.value.message + caught.value.hint
    if context_length < 1000:  # the others would read for minutes
        last = loaded.run(GenerationRequest(prompt=(word,) * (context_length - 1), ignore_eos=True))
        assert last.report.generated_tokens == 1, "what is left of the context"


def test_min_new_tokens_keeps_the_answer_from_ending_before(loaded: Loaded) -> None:
    short = loaded.greedy(FRANCE, tokens=40).report.generated_tokens
    assert short < 16
    longer = loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=40, min_new_tokens=24))
    assert 24 <= longer.report.generated_tokens <= 40
    assert (
        loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=40, min_new_tokens=2)).report.generated_tokens == short
    )
    with pytest.raises(InvalidRequest, match=r"min_new_tokens \(9\) is more than max_new_tokens \(5\)"):
        loaded.run(ask(FRANCE, min_new_tokens=9, max_new_tokens=5))


def test_a_stop_token_ends_the_answer_before_its_text(loaded: Loaded) -> None:
    request = ask(FRANCE, do_sample=False, max_new_tokens=24, token_details=True)
    whole = loaded.run(request).token_details[0]
    third = whole[3]
    stopped = loaded.run(request.model_copy(update={"stop_token_ids": (third.id,), "request_id": "stopped"}))
    assert stopped.texts[0] == "".join(token.text for token in whole[:3])
    assert stopped.finish_reasons == (FinishReason.STOP,)
    assert stopped.report.generated_tokens == 4
    last = stopped.token_details[0][-1]
    assert (last.id, last.is_special) == (third.id, True)


def test_a_stop_token_stops_past_ignored_ends_and_not_before_the_shortest_length(loaded: Loaded) -> None:
    whole = loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=24, token_details=True)).token_details[0]
    ends = {"do_sample": False, "max_new_tokens": 24, "stop_token_ids": (whole[3].id,)}
    past = loaded.run(ask(FRANCE, ignore_eos=True, **ends))
    assert (past.finish_reasons, past.report.generated_tokens) == ((FinishReason.STOP,), 4)
    held = loaded.run(ask(FRANCE, min_new_tokens=10, **ends))
    assert held.report.generated_tokens >= 10


def test_the_shortest_length_leaves_the_models_own_probabilities_as_they_are(real: Loaded) -> None:
    if not real.info.abilities.tells_probabilities:
        return
    request = ask(FRANCE, do_sample=False, max_new_tokens=12, token_details=True)
    plain = real.run(request).token_details[0]
    end = len(plain) - 1
    longer = request.model_copy(update={"min_new_tokens": 12, "request_id": "longer"})
    held = real.run(longer).token_details[0]
    assert [token.id for token in held[:end]] == [token.id for token in plain[:end]]
    (own, other) = (details[end].log_probability for details in (plain, held))
    assert own is not None and other is not None
    assert other < own, "of the model's distribution, in which the end is likelier than what was taken in its place"


def test_abilities_are_told_and_true(loaded: Loaded) -> None:
    abilities = loaded.info.abilities
    details = loaded.run(ask(FRANCE, do_sample=False, max_new_tokens=3, token_details=True)).token_details[0]
    assert abilities.tells_probabilities is (details[0].log_probability is not None)
    assert abilities.most_alternatives == max(len(token.alternatives) for token in details)
    assert abilities.supported_sampling == tuple(sorted(SamplingParameters.model_fields))
    assert 0 < time.time() - loaded.info.loaded_at < 3600


def test_a_request_that_takes_too_long_ends_with_what_it_has_and_the_model_goes_on(loaded: Loaded) -> None:
    """The limit is the worker's, so the model is loaded once more with one."""
    reports: dict[str, PerformanceReport] = {}
    texts: list[str] = []
    with Engine(
        loaded.engine.model_folder,
        on_report=lambda report: reports.update({report.request_id: report}),
        request_seconds=3.0,
    ) as engine:
        engine.load(loaded.info.request)
        most = min(4000, (loaded.info.context_length or 4000) - 100)
        endless = engine.submit(
            ask(STORY, max_new_tokens=most, ignore_eos=True, num_return_sequences=2, temperature=1.0)
        )
        with pytest.raises(TimeLimitReached, match="3 s"):
            texts.extend(delta.text for batch in endless.batches(5) for delta in batch)
        after = engine.submit(ask(FRANCE, do_sample=False, max_new_tokens=8)).result(timeout=30)
        assert "Paris" in after.texts[0]
    report = reports[endless.request_id]
    assert (report.finish_reason, report.error_code) == (FinishReason.ERROR, "time_limit_reached")
    assert 3.0 <= report.total_seconds < 15.0
    assert "".join(texts) and 0 < report.generated_tokens < 2 * most
