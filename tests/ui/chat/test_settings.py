"""ChatSettings: what is kept with a conversation, and the request it makes."""

from __future__ import annotations

from typing import Any

import pytest

from openarc_ui.engine.types import GenerationRequest, Message
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat.settings import ChatSettings, choices_of, read_structure

HELLO = (Message(role="user", content="hello"),)


def request_of(settings: ChatSettings) -> GenerationRequest:
    return GenerationRequest(conversation=HELLO, **settings.request_fields())


def test_only_what_differs_is_kept_and_comes_back_the_same() -> None:
    assert ChatSettings().kept() == {}
    settings = ChatSettings(
        model="a", sampling={"stop": ["\n"], "seed": 2**62}, tools="def f(): ...", structure="regex"
    )
    assert ChatSettings.read(settings.kept()) == settings
    assert ChatSettings.read({"sampling": {}}).sampling == {}, "an emptied length is not the chat's own"


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"modle": "a"}, "There is no field 'modle'. Did you mean 'model'?"),
        ({"sampling": {"temprature": 1}}, "There is no field 'temprature' in 'sampling'. Did you mean 'temperature'?"),
        (
            {"sampling": {"top_p": 1.5}},
            "Top p: Input should be less than or equal to 1. Correct it in the settings of the chat.",
        ),
        ({"sampling": {"stop": [""]}}, "Stop texts, number 1: String should have at least 1 character."),
        (
            {"tool_format": "hermess"},
            "tool_format: Input should be 'auto', 'none', 'hermes', 'llama3', 'mistral' or 'phi4'.",
        ),
        ({"when_too_long": "cut"}, "when_too_long: Input should be 'refuse' or 'shorten'."),
    ],
)
def test_what_is_no_setting_is_named(kept: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ChatSettings.read(kept)
    assert f"{caught.value.message} {caught.value.hint}".startswith(words)


def test_all_settings_reach_the_request() -> None:
    settings = ChatSettings(
        sampling={"temperature": 0.5, "seed": 7, "num_return_sequences": 2, "stop": ["END"], "ignore_eos": True},
        tools='[{"name": "now", "parameters": {"type": "object", "properties": {}}}]',
        structure="choice",
        structure_text="yes\n\nno\nyes\n",
        template_arguments='{"enable_thinking": false}',
        documents='[{"title": "a", "text": "b"}]',
        chat_template="{{ messages }}",
        when_too_long="shorten",
    )
    request = request_of(settings)
    assert request.tools is not None and [tool.function.name for tool in request.tools] == ["now"]
    assert request.structured_output is not None and request.structured_output.choice == ("yes", "no")
    assert (request.template_arguments, request.documents) == (
        {"enable_thinking": False},
        ({"title": "a", "text": "b"},),
    )
    assert (request.chat_template, request.when_too_long) == ("{{ messages }}", "shorten")
    sampling = request.sampling().model_dump(exclude_none=True)
    assert sampling == {"temperature": 0.5, "seed": 7, "num_return_sequences": 2, "stop": ("END",), "ignore_eos": True}
    assert settings.prompt_fields().keys() == {
        "tools",
        "documents",
        "template_arguments",
        "chat_template",
        "when_too_long",
    }


@pytest.mark.parametrize("greedy", [{"do_sample": False}, {"temperature": 0}])
def test_greedy_keeps_what_it_turns_off_but_does_not_send_it(greedy: dict[str, Any]) -> None:
    off = {"temperature": 0.9, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "seed": 1, "num_return_sequences": 3}
    settings = ChatSettings(sampling={**off, "repetition_penalty": 1.1, **greedy})
    assert settings.request_fields() == {"when_too_long": "refuse", "repetition_penalty": 1.1, "do_sample": False}
    assert settings.sampling["top_p"] == 0.5


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tools": '[{"name": "a", "desciption": "b"}]'}, "Tools: Line 1, column"),
        ({"tools": "def f(:"}, "Tools: Line 1"),
        ({"template_arguments": '{"a": 1,\n"b": }'}, "Template arguments: line 2, column 6"),
        ({"template_arguments": "[]"}, "Template arguments: must be an object in braces."),
        ({"template_arguments": '{"tools": []}'}, "Template arguments: 'tools' is set by a field of its own"),
        ({"template_arguments": '{"a": 1, "a": 2}'}, "Template arguments: 'a' stands in it twice."),
        ({"documents": '{"text": "a"}'}, "Documents: must be a list in brackets."),
        ({"documents": '[{"text": "a"}, "b"]'}, "Documents: number 2 is not an object in braces."),
        ({"structure": "json_schema", "structure_text": "{"}, "JSON schema: line 1, column 2"),
        ({"structure": "json_schema", "structure_text": "[]"}, "JSON schema: must be an object in braces."),
        ({"structure": "grammar", "structure_text": " \n"}, "Grammar: nothing is written."),
    ],
)
def test_a_text_that_cannot_be_read_is_named_with_its_place(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ChatSettings(**fields).request_fields()
    assert caught.value.message.startswith(words)


def test_deep_json_is_refused_in_words() -> None:
    with pytest.raises(InvalidRequest, match="Template arguments: nested too deeply"):
        ChatSettings(template_arguments='{"a":' + "[" * 100_000).prompt_fields()


def test_choices_are_lines_or_a_list() -> None:
    assert choices_of(" a \n\nb\n[c]") == ["a", "b", "[c]"]
    assert choices_of('["two\\nlines", "b", "b"]') == ["two\nlines", "b"]
    assert choices_of("[1]") == ["[1]"], "a list of numbers is a line"


def test_a_structure_is_taken_as_it_was_written() -> None:
    structure = read_structure("regex", "a |b\n")
    assert structure is not None and structure.regex == "a |b"
    assert read_structure("", "anything") is None
