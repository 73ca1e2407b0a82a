"""Questions to a worker: answered beside what runs, and never left open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import (
    MAX_LISTED_TOKENS,
    MAX_TEXT_CHARACTERS,
    MAX_TOKENIZED_CHARACTERS,
    PromptRequest,
    PromptToken,
    RenderedPrompt,
    StructuredOutput,
    TokenizedText,
)
from openarc_ui.engine.questions import RenderPrompt, pack, unpack
from openarc_ui.engine.types import LoadRequest, Message
from openarc_ui.errors import (
    EngineBusy,
    GenerationFailed,
    InvalidRequest,
    ModelNotLoaded,
    OpenArcError,
    ParameterNotSupported,
    StructureRejected,
    TemplateRefused,
    WorkerDied,
)
from tests.conftest import ask, write_script

HI = (Message(role="user", content="Hi"),)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def render(text: str = "Hi", **fields: object) -> PromptRequest:
    return PromptRequest.model_validate({"conversation": [{"role": "user", "content": text}], **fields})


def test_a_scripted_model_shows_its_prompt(scripted: Engine) -> None:
    prompt = scripted.render(render("Hello there", template_arguments={"enable_thinking": False}))
    assert prompt.text == "<user> Hello there\n<assistant> <think>\n\n</think>\n\n"
    assert [(token.text, token.role) for token in prompt.tokens[:3]] == [
        ("<user>", None),
        (" Hello", "user"),
        (" there", "user"),
    ]
    assert "".join(token.text for token in prompt.tokens) == prompt.text
    assert (prompt.model, prompt.context_length, prompt.context_source) == ("script", 4096, "script.json")


def test_a_scripted_model_tells_tokens_and_template(scripted: Engine) -> None:
    found = scripted.tokenize("one two", "script")
    assert [token.text for token in found.tokens] == ["one", " two"]
    assert scripted.detokenize([*[token.id for token in found.tokens], 0]) == ("script", "one two<|end|>")
    assert scripted.detokenize([0], skip_special_tokens=True) == ("script", "")
    template = scripted.chat_template()
    assert (template.origin, template.is_plain) == ("the scripted backend", False)
    assert "<tool_call>" in template.text and "<think>" in template.text


def test_a_templates_refusal_comes_back_as_it_was_raised(scripted: Engine) -> None:
    with pytest.raises(TemplateRefused, match="Roles must alternate") as refused:
        scripted.render(render(chat_template="{{ raise_exception('Roles must alternate') }}"))
    assert refused.value.hint
    with pytest.raises(InvalidRequest, match="never reads 'enable_thinkin'"):
        scripted.render(render(template_arguments={"enable_thinkin": True}))


def test_a_structure_is_judged_by_the_backend(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    scripts: dict[str, dict[str, object]] = {
        "takes": {},
        "rejects": {"rejects_structure": "no such rule"},
        "lacks": {"lacks": ["structured_output"]},
    }
    engine, structure = make_engine(), StructuredOutput(regex="a+")
    for name, script in scripts.items():
        write_script(tmp_path / "models" / name, **script)
        engine.load(LoadRequest(model_path=name))
    engine.check_structure(structure, "takes")
    with pytest.raises(StructureRejected, match="no such rule"):
        engine.check_structure(structure, "rejects")
    with pytest.raises(ParameterNotSupported):
        engine.check_structure(structure, "lacks")


def test_a_shortened_prompt_is_shown_shortened_and_a_long_one_whole(scripted: Engine) -> None:
    conversation = [{"role": "user", "content": "word " * 1500}, {"role": "assistant", "content": "word"}] * 4
    fields = {"conversation": [*conversation, {"role": "user", "content": "Hi"}]}
    whole = scripted.render(PromptRequest.model_validate(fields))
    fields["max_new_tokens"] = 100
    assert (len(whole.tokens) > 6000, whole.dropped_messages) == (True, 0)
    shown = scripted.render(PromptRequest.model_validate({**fields, "when_too_long": "shorten"}))
    assert (len(shown.tokens) <= 3996, shown.dropped_messages) == (True, 4)
    endless = scripted.render(render("word " * 5000, when_too_long="shorten"))
    assert (len(endless.tokens) > 4096, endless.dropped_messages) == (True, 0)


def test_what_can_not_be_asked_is_refused_before_it_is(scripted: Engine) -> None:
    with pytest.raises(InvalidRequest, match="at most 200,000 characters"):
        scripted.tokenize("a" * (MAX_TOKENIZED_CHARACTERS + 1))
    with pytest.raises(InvalidRequest, match="surrogate"):
        scripted.tokenize("a\ud800")
    with pytest.raises(InvalidRequest, match="At most 200,000 ids"):
        scripted.detokenize([1] * (MAX_LISTED_TOKENS + 1))
    for wrong in (-1, 2**31, True, "1"):
        with pytest.raises(InvalidRequest, match="not the id of a token"):
            scripted.detokenize([wrong])  # type: ignore[list-item]
    with pytest.raises(InvalidRequest, match="not the id of a token"):
        scripted.detokenize([2**31 - 1])
    with pytest.raises(InvalidRequest, match="4,000,000 characters"):
        scripted.render(render("a" * MAX_TEXT_CHARACTERS))
    with pytest.raises(ModelNotLoaded, match="No model 'scrip'"):
        scripted.tokenize("a", "scrip")


def test_a_question_that_takes_long_holds_up_no_answer(scripted: Engine) -> None:
    with ThreadPoolExecutor() as pool:
        endless = pool.submit(scripted.render, render(chat_template=ENDLESS))
        wait_for_a_question(scripted)
        assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")
        assert not endless.done()
        with pytest.raises(TemplateRefused, match="within 5 seconds"):
            endless.result(timeout=30)


def test_a_model_that_dies_ends_its_questions(scripted: Engine) -> None:
    outcome = in_a_thread(lambda: scripted.render(render(chat_template=ENDLESS)))
    wait_for_a_question(scripted)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        scripted.submit(ask("crash")).result(timeout=20)
    assert isinstance(outcome(20), WorkerDied)


def test_unloading_ends_its_questions(scripted: Engine) -> None:
    outcome = in_a_thread(lambda: scripted.render(render(chat_template=ENDLESS)))
    wait_for_a_question(scripted)
    scripted.unload()
    error = outcome(20)
    assert isinstance(error, ModelNotLoaded) and "unloaded" in error.message
    with pytest.raises(ModelNotLoaded):
        scripted.chat_template()


def test_a_question_without_an_answer_is_given_up(scripted: Engine) -> None:
    host = scripted._host(None)
    with pytest.raises(EngineBusy, match=r"within 0\.2 seconds"):
        host.ask(RenderPrompt(render(chat_template=ENDLESS)), seconds=0.2)
    assert host.in_flight == 0
    with pytest.raises(TemplateRefused):
        scripted.render(render(chat_template="{% if %}"))


def test_many_questions_at_once_each_get_their_own_answer(scripted: Engine) -> None:
    with ThreadPoolExecutor(16) as pool:
        prompts = list(pool.map(lambda number: scripted.render(render(f"number {number}")), range(64)))
    assert [prompt.text for prompt in prompts] == [f"<user> number {number}\n<assistant> " for number in range(64)]


def test_answers_cross_the_pipe_whole() -> None:
    tokens = tuple(PromptToken(index, f"t{index}", f"Ġt{index}", index == 0, "user") for index in range(3))
    text = TokenizedText("m", tokens)
    prompt = RenderedPrompt("m", "t0t1t2", tokens, 10, "here", 2, 0.1, 0.2)
    for answer in (text, prompt, "plain", None):
        assert unpack(pack(answer)) == answer


@pytest.mark.model
@pytest.mark.parametrize("backend", ["genai", "optimum"])
def test_a_running_generation_delays_no_question(starter_folder: Path, backend: str) -> None:
    with Engine(starter_folder.parent) as engine:
        engine.load(LoadRequest(model_path=starter_folder.name, backend=backend))  # type: ignore[arg-type]
        engine.render(PromptRequest(conversation=HI))
        generation = engine.submit(ask("A long story", max_new_tokens=4000, ignore_eos=True))
        next(generation.batches(10))
        took = []
        for _ in range(10):
            began_at = time.perf_counter()
            engine.render(PromptRequest(conversation=HI))
            took.append(time.perf_counter() - began_at)
        assert not generation.is_finished
        assert sorted(took)[5] < 2.5
        generation.cancel()


def wait_for_a_question(engine: Engine) -> None:
    """Until the host of the model `script` waits for an answer to a question."""
    host, deadline = engine._host("script"), time.monotonic() + 20
    while not len(host._questions):
        assert time.monotonic() < deadline, "nothing is asked"
        time.sleep(0.005)


def in_a_thread(question: Callable[[], object]) -> Callable[[float], OpenArcError | None]:
    """Ask on a thread; what comes back waits for it, so many seconds at most, and gives the error it ended with."""
    raised: list[OpenArcError] = []

    def run() -> None:
        try:
            question()
        except OpenArcError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def outcome(seconds: float) -> OpenArcError | None:
        thread.join(seconds)
        return raised[0] if raised else None

    return outcome


def test_an_old_question_is_left_out(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    from openarc_ui.engine.answering import Answerer
    from openarc_ui.engine.backends.scripted import ScriptedBackend
    from openarc_ui.engine.messages import Answered, Ask
    from openarc_ui.engine.questions import ShowTemplate

    write_script(tmp_path / "models" / "script")
    info = make_engine().load(LoadRequest(model_path="script"))
    answered: list[Answered] = []

    def send(answer: Answered) -> None:
        answered.append(answer)
        raise EOFError

    answerer = Answerer(ScriptedBackend(), info, send)
    answerer.put(Ask(1, ShowTemplate(), time.perf_counter() - 31))
    answerer.put(Ask(2, ShowTemplate(), time.perf_counter()))
    answerer.start()
    until = time.monotonic() + 20
    while not answered and time.monotonic() < until:
        time.sleep(0.01)
    assert [answer.question_id for answer in answered] == [2]


ENDLESS = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}<user>"


def test_a_template_that_takes_seconds_delays_nobody_else(scripted: Engine) -> None:
    running = scripted.submit(ask("slow", max_new_tokens=20))
    batches = running.batches(10)
    next(batches)
    asking = threading.Thread(target=_render_endless, args=(scripted,))
    asking.start()
    wait_for_a_question(scripted)
    hostile = scripted.submit(ask("hello", chat_template=ENDLESS))
    assert any(list(batches))
    assert not hostile.is_finished, "a running answer waited for somebody else's template"
    assert "hello" in scripted.render(PromptRequest(conversation=ask("hello").conversation)).text
    assert not hostile.is_finished, "a question waited for somebody else's template"
    with pytest.raises(TemplateRefused):
        hostile.result(timeout=60)
    asking.join()


def _render_endless(engine: Engine) -> None:
    with pytest.raises(TemplateRefused):
        engine.render(PromptRequest(conversation=ask("hello").conversation, chat_template=ENDLESS))


def test_a_path_of_the_machine_is_in_no_error(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    where = tmp_path / "models" / "script" / "weights.bin"
    write_script(where.parent, replies=[{"when": "break", "error": f"can't read {where}"}, {"text": "Hello."}])
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    with pytest.raises(GenerationFailed, match=r"can't read model folder/script/weights\.bin"):
        engine.submit(ask("break")).result(timeout=10)
