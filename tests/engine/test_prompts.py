"""One prompt for every backend: Optimum and both pipelines of GenAI give the real model the same text and the same ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends.template import tokenizer_ir_template
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import PromptRequest, RenderedPrompt, plain_conversation
from openarc_ui.engine.types import FinishReason, GenerationRequest, LoadRequest, Message, PropertyValue
from openarc_ui.errors import InvalidRequest, PromptTooLong, TemplateRefused

pytestmark = pytest.mark.model

OV_CONFIG: dict[str, PropertyValue] = {"KV_CACHE_PRECISION": "f16"}
LOADS = {
    "genai": LoadRequest(model_path="starter", name="genai", backend="genai", ov_config=OV_CONFIG),
    "stateful": LoadRequest(
        model_path="starter", name="stateful", backend="genai", ov_config={**OV_CONFIG, "ATTENTION_BACKEND": "SDPA"}
    ),
    "optimum": LoadRequest(model_path="starter", name="optimum", backend="optimum", ov_config=OV_CONFIG),
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "default": None}}},
    },
}
CODE = 'def f(x):\n\tif x:\n\t\treturn "<|im_end|>"\n    # tabs\tand spaces  \r\n'
OVERRIDE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
    "{% for document in documents %}{{ document.text }}{% endfor %}{{ style }}"
)


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **fields}


CALLS = [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln"}}}]
CONVERSATIONS: dict[str, dict[str, Any]] = {
    "one question": {"conversation": [user("What is the capital of France?")]},
    "unicode": {
        "conversation": [user("¿Qué tal? Straße, Ελλάδα, русский, 日本語, 한국어, ไทย \u00a0\u200b"), assistant("Æ")]
    },
    "emoji with joiners": {
        "conversation": [user("👩‍🔬👨‍👩‍👧‍👦🏳️‍🌈 e\u0301 \U0001f1eb\U0001f1f7"), assistant("👍🏽"), user("🙂")]
    },
    "right to left": {"conversation": [user("مرحبا بالعالم \u200fשלום"), assistant("\u202eabc\u202c"), user("?")]},
    "code with tabs": {"conversation": [user(CODE), assistant(CODE * 3), user("\n\n\t")]},
    "empty contents": {"conversation": [user(""), assistant(""), user(" ")]},
    "long": {"conversation": [user("The quick brown fox jumps over it. " * 900), assistant("ok"), user("Again?")]},
    "system only": {"conversation": [{"role": "system", "content": "Answer in one word."}]},
    "no beginning of an answer": {"conversation": [user("Hi"), assistant("Hello")], "add_generation_prompt": False},
    "special tokens spelled out": {"conversation": [user("<|im_end|>\n<|im_start|>system\n<|endoftext|>")]},
    "tools": {"conversation": [user("Weather in Köln?")], "tools": [WEATHER]},
    "tool calls": {
        "conversation": [
            {"role": "system", "content": "Be brief."},
            user("Weather in Köln?"),
            assistant("", tool_calls=CALLS),
            {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": '{"sky": "klar"}'},
            {"role": "tool", "tool_call_id": "c2", "content": "second"},
        ],
        "tools": [WEATHER],
    },
    "going on": {"conversation": [user("Hi"), assistant("The capital of France is ")], "continue_final_message": True},
    "going on from nothing": {"conversation": [user("Hi"), assistant("")], "continue_final_message": True},
    "another template": {
        "conversation": [user("Hi")],
        "chat_template": OVERRIDE,
        "documents": [{"text": "Köln"}],
        "template_arguments": {"style": "brief"},
    },
}


@pytest.fixture(scope="module")
def engine(starter_folder: Path) -> Iterator[Engine]:
    with Engine(starter_folder.parent) as made:
        for load in LOADS.values():
            made.load(load.model_copy(update={"model_path": starter_folder.name}))
        yield made


@pytest.fixture(scope="module")
def reference(starter_folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(starter_folder), local_files_only=True)


def request(name: str, **changes: Any) -> PromptRequest:
    return PromptRequest.model_validate({**CONVERSATIONS[name], **changes})


def ids(prompt: RenderedPrompt) -> list[int]:
    return [token.id for token in prompt.tokens]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_backend_gives_the_model_the_same_prompt_as_transformers(
    engine: Engine, reference: Any, name: str
) -> None:
    asked = request(name)
    prompts = [engine.render(request(name, model=model)) for model in LOADS]
    options: dict[str, Any] = {
        "tools": [tool.model_dump(exclude_none=True) for tool in asked.tools or ()] or None,
        "documents": list(asked.documents or ()) or None,
        "add_generation_prompt": asked.add_generation_prompt and not asked.continue_final_message,
        "continue_final_message": asked.continue_final_message,
        "chat_template": asked.chat_template,
        **asked.template_arguments,
    }
    messages = plain_conversation(asked.conversation)
    expected = reference.apply_chat_template(messages, tokenize=False, **options)
    expected_ids = reference.apply_chat_template(messages, tokenize=True, return_dict=True, **options)["input_ids"]
    for prompt in prompts:
        assert prompt.text == expected
        assert ids(prompt) == expected_ids
        assert "".join(token.text for token in prompt.tokens) == expected


@pytest.mark.parametrize("model", LOADS)
def test_what_is_shown_is_what_the_model_gets(engine: Engine, model: str) -> None:
    for name in ("tool calls", "going on", "another template", "emoji with joiners"):
        shown = request(name, model=model)
        fields = shown.model_dump(exclude={"add_generation_prompt", "max_new_tokens"}, exclude_none=True)
        asked = GenerationRequest.model_validate({**fields, "max_new_tokens": 1, "do_sample": False})
        report = engine.submit(asked).result(timeout=60).report
        assert report.prompt_tokens == len(engine.render(shown).tokens)


@pytest.mark.parametrize("model", LOADS)
def test_going_on_gives_only_what_is_new(engine: Engine, model: str) -> None:
    conversation = (
        Message(role="user", content="What is the capital of France?"),
        Message(role="assistant", content="The capital of France is"),
    )
    asked = GenerationRequest(
        conversation=conversation, continue_final_message=True, model=model, do_sample=False, max_new_tokens=12
    )
    result = engine.submit(asked).result(timeout=60)
    assert result.texts[0].startswith(" Paris")
    assert result.finish_reasons == (FinishReason.STOP,)


def test_tokens_say_what_they_are_and_whose(engine: Engine) -> None:
    prompt = engine.render(request("emoji with joiners", model="genai"))
    first = prompt.tokens[0]
    assert (first.text, first.piece, first.is_special, first.role) == ("<|im_start|>", "<|im_start|>", True, None)
    spoken: dict[str, str] = {}
    for token in prompt.tokens:
        if token.role:
            spoken[token.role] = spoken.get(token.role, "") + token.text
    contents = [message.content for message in request("emoji with joiners").conversation]
    assert spoken == {"user": contents[0] + contents[2], "assistant": contents[1]}
    assert {token.text for token in prompt.tokens if token.role is None} >= {"user", "\n"}
    pieces = [token for token in prompt.tokens if token.role == "assistant"]
    assert pieces[0].text and any(not token.text for token in pieces[1:])
    assert (prompt.context_length, prompt.context_source) == (8192, "the model's config.json")
    assert prompt.template_seconds > 0 and prompt.tokenize_seconds > 0


def test_the_calls_of_tools_are_the_assistants(engine: Engine) -> None:
    prompt = engine.render(request("tool calls", model="optimum"))
    assistants = "".join(token.text for token in prompt.tokens if token.role == "assistant")
    assert '{"city": "Köln"}' in assistants
    tools = "".join(token.text for token in prompt.tokens if token.role == "tool")
    assert tools == '{"sky": "klar"}second'


@pytest.mark.parametrize(
    "text", ["", " ", "Hello, wörld!\t👩‍🔬", CODE, "<|im_start|>user", "\u0000\ufffd", "e\u0301 ﬁ"]
)
def test_tokens_of_a_text_are_the_tokenizers_own_and_give_it_back(engine: Engine, reference: Any, text: str) -> None:
    for model in LOADS:
        found = engine.tokenize(text, model)
        token_ids = [token.id for token in found.tokens]
        assert token_ids == reference.encode(text, add_special_tokens=False)
        assert [token.piece for token in found.tokens] == reference.convert_ids_to_tokens(token_ids)
        assert "".join(token.text for token in found.tokens) == text
        assert engine.detokenize(token_ids, model) == (model, text)
        shown = reference.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert engine.detokenize(token_ids, model, skip_special_tokens=True)[1] == shown


def test_ids_that_are_none_of_the_vocabularys_are_refused(engine: Engine) -> None:
    for model in LOADS:
        assert engine.detokenize([49151], model)[1]
        for wrong in (49152, 2**31 - 1):
            with pytest.raises(InvalidRequest, match=f"^{wrong} is not the id of a token") as refused:
                engine.detokenize([1, wrong], model)
            assert "0 to 49151" in refused.value.hint


def test_the_template_can_be_looked_at(engine: Engine, starter_folder: Path) -> None:
    for model in LOADS:
        template = engine.chat_template(model)
        assert template.text == (starter_folder / "chat_template.jinja").read_text()
        assert (template.model, template.origin, template.is_plain) == (model, "chat_template.jinja", False)
        assert template.special_tokens["eos_token"] == "<|im_end|>"


def test_a_template_of_the_request_is_refused_with_its_line(engine: Engine) -> None:
    for model in LOADS:
        asked = request("one question", model=model, chat_template="{{ messages }}\n{% endif %}")
        with pytest.raises(TemplateRefused, match="line 2"):
            engine.render(asked)
        with pytest.raises(TemplateRefused, match="line 2"):
            engine.submit(GenerationRequest(conversation=asked.conversation, chat_template=asked.chat_template)).result(
                timeout=30
            )


def test_a_conversation_that_is_too_long_is_shortened_and_says_so(engine: Engine) -> None:
    turns = [user("word " * 1000), assistant("word " * 1000)] * 5
    conversation = [{"role": "system", "content": "Be brief."}, *turns, user("What is the capital of France?")]
    fields = {"conversation": conversation, "model": "genai"}
    whole = engine.render(PromptRequest.model_validate(fields))
    fields["max_new_tokens"] = 6000
    assert (whole.dropped_messages, len(whole.tokens) > 10_000) == (0, True)
    with pytest.raises(PromptTooLong) as refused:
        engine.submit(GenerationRequest.model_validate(fields)).result(timeout=60)
    assert "when_too_long" in refused.value.hint
    shown = engine.render(PromptRequest.model_validate({**fields, "when_too_long": "shorten"}))
    assert shown.dropped_messages == 6 and 3000 < len(shown.tokens) <= 4096
    brief = {"when_too_long": "shorten", "do_sample": False, "stop": list("aeiou .")}
    report = engine.submit(GenerationRequest.model_validate({**fields, **brief})).result(timeout=120).report
    assert (report.dropped_messages, report.prompt_tokens) == (6, len(shown.tokens))


def test_a_model_without_a_template_can_be_talked_to(starter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    for file in starter_folder.iterdir():
        if file.name not in ("chat_template.jinja", "openarc_profile.json"):
            (folder / file.name).hardlink_to(file) if file.suffix == ".bin" else (folder / file.name).write_bytes(
                file.read_bytes()
            )
    tokenizer = folder / "openvino_tokenizer.xml"
    kept, own = tokenizer.read_text(encoding="utf-8"), r'<chat_template value="[^"]*"\s*/>'
    assert tokenizer_ir_template(folder) == (starter_folder / "chat_template.jinja").read_text(encoding="utf-8")
    tokenizer.write_text(re.sub(own, "", kept), encoding="utf-8")
    with Engine(tmp_path) as engine:
        info = engine.load(LoadRequest(model_path="base", backend="optimum", ov_config=OV_CONFIG))
        template = engine.chat_template()
        assert template.is_plain and "plain" in template.origin
        assert info.generation_defaults["stop"] == ("\nUser:", "\nUser (")
        asked = GenerationRequest(
            conversation=(Message(role="user", content="What is the capital of France?"),),
            do_sample=False,
            max_new_tokens=24,
        )
        assert "Paris" in engine.submit(asked).result(timeout=60).texts[0]
        shown = engine.render(PromptRequest(conversation=asked.conversation))
        assert shown.text == "User: What is the capital of France?\n\nAssistant:"
