"""Our chat template: the stock one's bytes without tools, the Hermes and Qwen form with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import openvino_genai
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from openarc_ui.models.gguf_source import GgufSource
from openarc_ui.models.side_files import ASSETS, CHAT_TEMPLATE

Conversation = list[dict[str, Any]]

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
CONVERSATIONS: list[Conversation] = [
    [],
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    [{"role": "system", "content": ""}, {"role": "user", "content": ""}],
    [{"role": "user", "content": "  spaces \n"}, {"role": "assistant", "content": "\n\nkept\n"}],
    [{"role": "user", "content": "Hi"}, {"role": "system", "content": "a later one"}, {"role": "user", "content": "?"}],
    [{"role": "assistant", "content": "I begin"}, {"role": "user", "content": "<b>{{ 1 + 1 }}</b> {% if %} 'q' \"q\""}],
    [
        {"role": "user", "content": "日本 👩‍👩‍👧"},
        {"role": "assistant", "content": "<|im_end|>"},
        {"role": "user", "content": "x"},
    ],
]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather <now> in a city & its 'surroundings'",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich"}}}


def compiled(template: str) -> jinja2.Template:
    """Compiled as transformers does it (utils/chat_template_utils.py)."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template)


def our_template() -> str:
    return (ASSETS / CHAT_TEMPLATE).read_text(encoding="utf-8")


def render(messages: Conversation, **variables: object) -> str:
    return compiled(our_template()).render(messages=messages, **variables)


@pytest.mark.model
@pytest.mark.parametrize("add_generation_prompt", [True, False])
@pytest.mark.parametrize("messages", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_without_tools_it_renders_the_bytes_of_the_stock_template(
    messages: Conversation, add_generation_prompt: bool, gguf_source: GgufSource
) -> None:
    stock = compiled(gguf_source.tokenizer("chat_template"))
    expected = stock.render(messages=messages, add_generation_prompt=add_generation_prompt)
    assert render(messages, add_generation_prompt=add_generation_prompt, tools=None) == expected
    assert render(messages, add_generation_prompt=add_generation_prompt, tools=[]) == expected
    assert render(messages, add_generation_prompt=add_generation_prompt) == expected


@pytest.mark.model
def test_genai_renders_the_same_from_its_copy_of_the_template(starter_folder: Path) -> None:
    tokenizer = openvino_genai.Tokenizer(str(starter_folder))
    assert tokenizer.chat_template == our_template()
    for messages in CONVERSATIONS[1:]:
        expected = render(messages, add_generation_prompt=True)
        assert tokenizer.apply_chat_template(messages, add_generation_prompt=True) == expected


def test_without_a_system_message_the_models_own_stands_first() -> None:
    assert render([{"role": "user", "content": "Hi"}], add_generation_prompt=True) == (
        f"<|im_start|>system\n{DEFAULT_SYSTEM}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_tools_are_listed_in_the_system_message(system: str | None) -> None:
    messages = [] if system is None else [{"role": "system", "content": system}]
    prompt = render([*messages, {"role": "user", "content": "Hi"}], tools=[WEATHER, WEATHER])
    first, rest = prompt.split("<|im_end|>\n", 1)
    assert first.startswith(f"<|im_start|>system\n{system or DEFAULT_SYSTEM}\n\n# Tools\n")
    listed = first.split("XML tags:\n<tools>\n")[1].split("\n</tools>")[0].splitlines()
    assert [json.loads(line) for line in listed] == [WEATHER, WEATHER]
    assert "<tool_call>\n" in first
    assert rest == "<|im_start|>user\nHi<|im_end|>\n"


@pytest.mark.parametrize("arguments", [{"city": "Zürich"}, '{"city": "Zürich"}'], ids=["object", "text"])
@pytest.mark.parametrize("content", ["", None, "Let me look."])
def test_a_tool_call_is_rendered_as_the_model_should_write_it(arguments: object, content: str | None) -> None:
    call = {"function": {"name": "get_weather", "arguments": arguments}}
    prompt = render([{"role": "user", "content": "?"}, {"role": "assistant", "content": content, "tool_calls": [call]}])
    said = f"\n{content}" if content else ""
    assert prompt.endswith(
        f"<|im_start|>assistant{said}\n<tool_call>\n"
        '{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call><|im_end|>\n'
    )


def test_results_of_tools_that_follow_each_other_share_one_turn() -> None:
    messages: Conversation = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]},
        {"role": "tool", "content": "12 °C"},
        {"role": "tool", "content": "rain"},
        {"role": "user", "content": "Thanks"},
    ]
    prompt = render(messages, tools=[WEATHER], add_generation_prompt=True)
    assert prompt.count("</tool_call>\n<tool_call>") == 1
    assert prompt.endswith(
        "<|im_start|>user\n<tool_response>\n12 °C\n</tool_response>\n<tool_response>\nrain\n</tool_response><|im_end|>\n"
        "<|im_start|>user\nThanks<|im_end|>\n<|im_start|>assistant\n"
    )
