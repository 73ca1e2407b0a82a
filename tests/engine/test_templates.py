"""Chat templates: rendered as transformers renders them, refused with their line, and ended when they do not end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends import render_process
from openarc_ui.engine.backends.chat_renderer import ChatRenderer
from openarc_ui.engine.backends.jinja_process import answer, environment
from openarc_ui.engine.backends.render_process import RenderProcess
from openarc_ui.engine.backends.template import PLAIN_ORIGIN, ModelTemplates, find_templates, special_tokens
from openarc_ui.engine.prompts import PromptOptions, Tool
from openarc_ui.engine.types import Message
from openarc_ui.errors import InvalidRequest, ModelLoadFailed, PromptTooLong, TemplateRefused

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TRIMMING = CHATML.replace("message.content", "(message.content | trim)")
QWEN3 = """\
{%- for message in messages -%}
    {%- if message.role == 'assistant' -%}
        {%- set content = message.content -%}
        {%- set thoughts = message.reasoning_content or '' -%}
        {%- if '</think>' in content -%}
            {%- set thoughts = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') -%}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') -%}
        {%- endif -%}
        {{- '<|im_start|>assistant\\n' -}}
        {%- if loop.last -%}{{- '<think>\\n' + thoughts.strip('\\n') + '\\n</think>\\n\\n' -}}{%- endif -%}
        {{- content.lstrip('\\n') + '<|im_end|>\\n' -}}
    {%- else -%}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
    {%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}
{%- endif -%}
"""
"""What Qwen 3's template does to an assistant's message."""
DEEPSEEK = """\
{%- for message in messages -%}
    {%- if message.role == 'assistant' -%}{{- '<A>' + message.content.split('</think>')[-1] + '<end>' -}}
    {%- else -%}{{- '<U>' + message.content -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<A><think>\\n' -}}{%- endif -%}
"""
MISTRAL = (
    "{% for message in messages %}{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]"
    "{% else %} {{ message.content | trim }}</s>{% endif %}{% endfor %}"
)
TOOL = Tool.model_validate({"function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}})


def conversation(*contents: str) -> tuple[Message, ...]:
    """User and assistant in turn."""
    return tuple(
        Message(role="assistant" if index % 2 else "user", content=content) for index, content in enumerate(contents)
    )


def renderer(template: str, **tokens: str) -> ChatRenderer:
    """One that renders this template in this process."""
    return ChatRenderer(
        ModelTemplates(template, None, "chat_template.jinja", is_plain=False),
        tokens,
        lambda order: answer(dict(order)),
    )


def render(template: str, *contents: str, **options: Any) -> str:
    return renderer(template).render(conversation(*contents), PromptOptions(**options))


def continued(template: str, text: str, **fields: Any) -> str:
    """The prompt that goes on with this text."""
    messages = (*conversation("Hi"), Message(role="assistant", content=text, **fields))
    return renderer(template).render(messages, PromptOptions(continue_final_message=True))


@pytest.fixture(scope="module")
def process() -> RenderProcess:
    return RenderProcess()


def order(template: str, **variables: Any) -> dict[str, Any]:
    return {"template": template, "variables": variables, "wanted": [], "longest": 1_000_000}


def test_the_environment_is_that_of_transformers() -> None:
    from transformers.utils.chat_template_utils import _compile_jinja_template

    theirs, ours = _compile_jinja_template("").environment, environment()
    assert type(ours) is type(theirs)
    assert type(ours).__name__ == "ImmutableSandboxedEnvironment"
    assert ours.filters.keys() == theirs.filters.keys() and ours.tests.keys() == theirs.tests.keys()
    assert ours.globals.keys() == theirs.globals.keys()
    options = ("trim_blocks", "lstrip_blocks", "autoescape", "undefined", "keep_trailing_newline", "newline_sequence")
    assert [getattr(ours, name) for name in options] == [getattr(theirs, name) for name in options]
    tags = [{tag for each in made.extensions.values() for tag in each.tags} for made in (ours, theirs)]
    assert tags[0] == tags[1] == {"generation", "break", "continue"}


@pytest.mark.parametrize(
    "template",
    [
        CHATML,
        TRIMMING,
        QWEN3,
        DEEPSEEK,
        MISTRAL,
        "{% for m in messages %}\n    {% generation %}{{ m.content }}{% endgeneration %}\n{% endfor %}",
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m | tojson(indent=2) }}{% endfor %}",
        "{{ {'a': '<ü>', 'b': [none, true]} | tojson }}{{ strftime_now('%Y') }}{{ messages[0].nothing }}",
    ],
)
def test_a_template_renders_as_with_transformers(template: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = conversation("Hi <b>", "  ü\t\n", "日本語 👩‍🔬")
    theirs, _ = render_jinja_template(
        [[message.model_dump(exclude_none=True) for message in messages]],
        chat_template=template,
        add_generation_prompt=True,
    )
    assert renderer(template).render(messages, PromptOptions()) == theirs[0]


@pytest.mark.parametrize(
    ("template", "words", "line"),
    [
        ("a\n{% if %}", "is broken: Expected an expression", 2),
        ("a\n\n{% for m in messages %}", "is broken: Unexpected end of template", 3),
        ("a\n{{ raise_exception('Roles must alternate.') }}", "refuses this conversation: Roles must alternate", 2),
        ("a\nb {{ messages[0].no.thing }}", "has no attribute 'no'", 2),
        ("{% macro f(a) %}\n{{ a + 1 }}{% endmacro %}\n\n{{ f('x') }}", "TypeError: can only concatenate str", 2),
        ("a\n{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe", 2),
        ("{{ messages.append(1) }}", "'append'", 1),
        ("\n{{ range(1000000) | list }}", "Range too big", 2),
        ("{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", "recursion", 2),
    ],
)
def test_what_a_template_does_wrong_is_told_with_its_line(template: str, words: str, line: int) -> None:
    with pytest.raises(TemplateRefused, match=rf"\(line {line} of the template\)") as refused:
        render(template, "Hi")
    assert words in refused.value.message
    assert "chat_template.jinja" in refused.value.hint


def test_an_error_in_the_requests_template_points_at_the_request(process: RenderProcess) -> None:
    own = ChatRenderer(ModelTemplates(CHATML, None, "chat_template.jinja", is_plain=False), {}, process)
    with pytest.raises(TemplateRefused) as refused:
        own.render(conversation("Hi"), PromptOptions(chat_template="{% if %}"))
    assert "the chat_template of the request" in refused.value.hint
    assert own.render(conversation("Hi"), PromptOptions(chat_template="<{{ messages[0].content }}>")) == "<Hi>"


def test_what_the_template_never_reads_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidRequest, match="never reads 'enable_thinkin'") as refused:
        render(QWEN3, "Hi", template_arguments={"enable_thinkin": False})
    assert "'enable_thinking'" in refused.value.hint
    assert render(QWEN3, "Hi", template_arguments={"enable_thinking": False}).endswith("</think>\n\n")
    with pytest.raises(InvalidRequest, match="never reads 'x'") as refused:
        render(CHATML, "Hi", template_arguments={"x": 1})
    assert refused.value.hint == "It reads no arguments; leave it out."
    for given in ({"tools": (TOOL,)}, {"documents": ({"text": "a"},)}):
        with pytest.raises(InvalidRequest, match=f"no place for {next(iter(given))}"):
            render(CHATML, "Hi", **given)
        assert render(CHATML, "Hi", **{next(iter(given)): ()}) == render(CHATML, "Hi")


def test_a_default_that_a_template_sets_itself_can_be_given() -> None:
    template = "{% if not date is defined %}{% set date = 'today' %}{% endif %}{{ date }}"
    assert render(template, "Hi") == "today"
    assert render(template, "Hi", template_arguments={"date": "1 May"}) == "1 May"


def test_messages_hold_nothing_that_is_not_set() -> None:
    messages = (
        Message(role="user", content=""),
        Message.model_validate(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"function": {"name": "f", "arguments": '{"city": null, "days": [1, null]}'}}],
            }
        ),
    )
    shown = json.loads(renderer("{{ messages | tojson }}").render(messages, PromptOptions()))
    call = {"type": "function", "function": {"name": "f", "arguments": {"city": None, "days": [1, None]}}}
    assert shown == [{"role": "user", "content": ""}, {"role": "assistant", "content": "", "tool_calls": [call]}]


@pytest.mark.parametrize("text", ["The capital", " Sure,  ", "Line\n\n", "", "   \n", "a</s>b", "ü 👩‍🔬", "{{ x }}"])
def test_going_on_ends_where_the_text_ends(text: str) -> None:
    for template in (CHATML, TRIMMING):
        assert continued(template, text) == f"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n{text}"
    assert continued(DEEPSEEK, text) == f"<U>Hi<A>{text}"
    assert continued(MISTRAL, text).startswith("[INST] Hi [/INST] ")
    assert continued(MISTRAL, text).endswith(text.lstrip())


@pytest.mark.parametrize("text", ["<think>\nHm", "<think>\nHm\n</think>\n\nSo", "<think>\n\n</think>\n\n"])
def test_going_on_keeps_thoughts_as_the_model_wrote_them(text: str) -> None:
    assert continued(QWEN3, text) == f"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n{text}"


def test_going_on_with_an_answer_beside_its_thoughts() -> None:
    assert continued(QWEN3, "So", reasoning_content="Hm").endswith("<think>\nHm\n</think>\n\nSo")
    assert continued(DEEPSEEK, "So", reasoning_content="Hm").endswith("<A>So")


def test_going_on_with_thoughts_that_were_cut() -> None:
    assert continued(QWEN3, "", reasoning_content="Hm, ").endswith("<|im_start|>assistant\n<think>\nHm, ")
    assert continued(DEEPSEEK, "", reasoning_content="Hm, ").endswith("<A><think>\nHm, ")


def test_a_text_that_the_template_drops_can_not_be_gone_on_with() -> None:
    with pytest.raises(TemplateRefused, match="does not keep the text"):
        continued("{{ messages[0].content }}", "Sure")


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10000000000 }}",
        "{{ [1] * 9000000000 }}",
        "{% set ns = namespace(a='x') %}{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}",
    ],
)
def test_a_template_that_wants_all_memory_is_ended(process: RenderProcess, template: str) -> None:
    with pytest.raises(TemplateRefused, match="more than 512 MB"):
        process(order(template))
    assert process(order("{{ x }}", x=1))["text"] == "1"


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
        "{% for a in 'x' * 200000000 %}{% endfor %}",
    ],
)
def test_a_template_without_an_end_is_ended(
    process: RenderProcess, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_process, "RENDER_SECONDS", 1.0)
    began_at = time.perf_counter()
    with pytest.raises(TemplateRefused, match="within 1 seconds"):
        process(order(template))
    assert time.perf_counter() - began_at < 10
    assert process(order("{{ x }}", x=1))["text"] == "1"


def test_a_process_whose_parent_is_gone_ends_itself(process: RenderProcess) -> None:
    template = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    running = process._running()
    line = {**order(template), "seconds": 0.3}
    process._write(running, json.dumps(line).encode() + b"\n")
    assert running.wait(timeout=30) == 1


def test_a_prompt_without_an_end_is_too_long() -> None:
    with pytest.raises(PromptTooLong, match="4,000,000 characters"):
        render("{% for a in range(99999) %}{% for b in range(999) %}xxxxxxxx{% endfor %}{% endfor %}", "Hi")


def test_a_process_that_was_killed_is_started_again(process: RenderProcess) -> None:
    assert process(order("a"))["text"] == "a"
    running = process._running()
    running.kill()
    running.wait()
    assert process(order("b"))["text"] == "b"


def test_a_process_ends_with_what_holds_it() -> None:
    holder = RenderProcess()
    assert holder(order("a"))["text"] == "a"
    running = holder._running()
    del holder
    assert running.wait(timeout=30) != 0


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(TemplateRefused, match="surrogate"):
        render(r"{{ '\ud800' }}", "Hi")


def test_templates_are_found_where_transformers_finds_them(tmp_path: Path) -> None:
    def found(own: str | None = None) -> tuple[str, str | None, str]:
        templates = find_templates(tmp_path, own, begins_with_bos=False)
        return templates.text, templates.with_tools, templates.origin

    assert found("{{ own }}") == ("{{ own }}", None, "the metadata of the model's tokenizer")
    several = [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}, {"name": "rag"}, 7]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert found("{{ own }}") == ("d", "t", "tokenizer_config.json")
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "j"}))
    assert found() == ("j", None, "chat_template.json")
    (tmp_path / "chat_template.jinja").write_text("file")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("tools {{ tools | length }}")
    assert found() == ("file", "tools {{ tools | length }}", "chat_template.jinja")


def test_the_second_template_is_for_conversations_with_tools() -> None:
    templates = ModelTemplates("plain", "{{ tools | length }} tools", "tokenizer_config.json", is_plain=False)
    both = ChatRenderer(templates, {}, lambda order: answer(dict(order)))
    assert both.render(conversation("Hi"), PromptOptions()) == "plain"
    assert both.render(conversation("Hi"), PromptOptions(tools=(TOOL,))) == "1 tools"


def test_special_tokens_come_from_both_files_and_the_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "special_tokens_map.json").write_text('{"bos_token": "<a>", "eos_token": {"content": "<b>"}}')
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": {"content": "<s>"}, "unk_token": null}')
    assert special_tokens(tmp_path, {"pad_token": "<p>"}) == {
        "bos_token": "<s>",
        "eos_token": "<b>",
        "pad_token": "<p>",
    }


def test_a_folder_whose_files_can_not_be_read_says_so(tmp_path: Path) -> None:
    from openarc_ui.engine.backends.prompt_text import PromptText

    (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe{{ messages }}")
    with pytest.raises(ModelLoadFailed, match="can't be read"):
        PromptText(tmp_path, lambda text: [], lambda ids, skip: "", None)


def test_the_plain_template_has_a_place_for_everything(tmp_path: Path) -> None:
    templates = find_templates(tmp_path, None, begins_with_bos=True)
    assert (templates.origin, templates.is_plain) == (PLAIN_ORIGIN, True)
    plain = ChatRenderer(templates, {"bos_token": "<s>"}, lambda order: answer(dict(order)))
    messages = (
        Message(role="system", content="Be brief.\n"),
        Message(role="user", content="Weather?", name="Anna"),
        Message.model_validate(
            {"role": "assistant", "tool_calls": [{"function": {"name": "look_up", "arguments": {"city": "Köln"}}}]}
        ),
        Message(role="tool", name="look_up", content="Sunny"),
    )
    prompt = plain.render(messages, PromptOptions(tools=(TOOL,), documents=({"title": "T", "text": "Text"},)))
    assert prompt == (
        "<s>Document 1: T\nText\n\n"
        'The assistant may call these functions:\n{"name": "look_up", "description": "", '
        '"parameters": {"type": "object", "properties": {}}}\n'
        'A call is written as <tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>\n\n'
        "Be brief.\n\nUser (Anna): Weather?\n\n"
        'Assistant:\n<tool_call>\n{"name": "look_up", "arguments": {"city": "Köln"}}\n</tool_call>\n\n'
        "Tool (look_up): Sunny\n\nAssistant:"
    )
    begun = plain.render(conversation("Hi", "Well, "), PromptOptions(continue_final_message=True))
    assert begun == "<s>User: Hi\n\nAssistant: Well, "
