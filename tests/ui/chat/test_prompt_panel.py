"""The Prompt panel: chips that are the tokenizer's own ids, and templates whose mistakes have a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import ChatTemplate, PromptRequest, PromptToken, RenderedPrompt
from openarc_ui.engine.types import LoadRequest, Message
from openarc_ui.errors import ModelNotLoaded, TemplateRefused
from openarc_ui.ui.chat import prompt_panel, template_view
from openarc_ui.ui.chat.prompt_panel import ROLES, problem_value, prompt_value, template_note, template_shown

CONVERSATION = (
    Message(role="system", content="Be short."),
    Message(role="user", content="Schön 👩‍👩‍👧 <|im_end|> a\tb\n\n  عربى"),
    Message(role="assistant", content=""),
    Message(role="user", content="def f(x):\n    return x"),
)
PLAIN = ChatTemplate("base", "{{ messages }}", "OpenArc's plain one.", True, {"eos_token": "</s>"})


@pytest.fixture(scope="module")
def starter(starter_folder: Path) -> Iterator[Engine]:
    with Engine(starter_folder.parent) as engine:
        engine.load(LoadRequest(model_path=starter_folder.name))
        yield engine


def rendered(tokens: tuple[PromptToken, ...] = (), dropped: int = 0, limit: int | None = 8192) -> RenderedPrompt:
    return RenderedPrompt("m", "", tokens, limit, "the model's config.json", dropped, 0.00042, 0.0031)


def test_the_chips_are_the_tokenizers_own_ids(starter: Engine, starter_folder: Path) -> None:
    prompt = starter.render(PromptRequest(conversation=CONVERSATION))
    rows = json.loads(prompt_value(prompt)["tokens"])
    own = Tokenizer.from_file(str(starter_folder / "tokenizer.json")).encode(prompt.text, add_special_tokens=False)
    assert [row[0] for row in rows] == own.ids
    assert [row[2] for row in rows] == own.tokens
    assert "".join(row[1] for row in rows) == prompt.text
    assert {"<|im_start|>", "<|im_end|>"} <= {row[1] for row in rows if row[3]}
    texts = {role: "".join(row[1] for row in rows if ROLES[row[4]] == role) for role in ROLES}
    assert texts["system"] == "Be short." and texts["user"] == CONVERSATION[1].content + CONVERSATION[3].content


def test_the_figures_say_what_is_known_of_the_prefix_cache() -> None:
    prompt = rendered((PromptToken(1, "a", "a", False),))

    def figures(**known: object) -> dict[str, str]:
        return {each["label"]: each["number"] for each in prompt_value(prompt, **known)["figures"]}  # type: ignore[arg-type]

    assert figures()["From the prefix cache"] == "no answer yet"
    assert figures(has_answer=True)["From the prefix cache"] == "not told"
    assert figures(has_answer=True, cached_prompt_tokens=0)["From the prefix cache"] == "0 tokens"
    assert figures() == {
        "Prompt": "1 of 8\u202f192 tokens",
        "From the prefix cache": "no answer yet",
        "Template": "0.42 ms",
        "Tokenize": "3.1 ms",
    }
    shortened = prompt_value(rendered(dropped=1, limit=None))["figures"]
    assert shortened[0]["number"] == "0 tokens" and shortened[-1]["number"] == "the oldest message"


def test_a_refused_conversation_shows_the_line_of_the_template() -> None:
    error = TemplateRefused("The template says: <roles> must alternate (line 2).", "Check the roles.")
    shown = problem_value(error, "one\n<two>\nthree")
    assert shown["tokens"] == "[]" and "&lt;roles&gt;" in shown["problem"]
    assert '<span class="is-marked"><i>2</i>&lt;two&gt;</span>' in shown["problem"]
    assert "oa-excerpt" not in problem_value(error)["problem"]
    assert "No model" in problem_value(ModelNotLoaded("No model is loaded."))["problem"]


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a\nb\n{% if %}", 3),
        ("{{ a }", 1),
        ("{% for a in b %}\n", 1),
        ("{% bogus %}", 1),
        ("ok\n{{ a | nofilter }}", 2),
    ],
)
def test_a_mistake_in_a_template_has_its_line(template: str, line: int) -> None:
    mistake = template_view.template_mistake(template)
    assert mistake is not None and mistake.line == line
    assert f"Line {line}: " in template_note(template)


@pytest.mark.parametrize(
    "template",
    ["{{ 'a' * 10 ** 10 }}", "{{ 'a' | center(10 ** 10) }}", "{% set a = 9 ** 9 ** 9 %}", "{{ " + "(" * 50_000],
)
def test_a_template_is_read_without_being_run(template: str) -> None:
    template_view.template_mistake(template)


def test_a_number_without_end_is_a_mistake() -> None:
    assert template_view.template_mistake("{{ " + "9" * 5000 + " }}") is not None


def test_what_templates_use_is_no_mistake() -> None:
    template = (
        "{%- macro m(x) -%}{{ x | tojson }}{%- endmacro -%}{%- for a in messages -%}{%- if loop.first -%}{% continue %}{% endif -%}"
        "{% generation %}{{ m(a) }}{{ strftime_now('%d') }}{{ raise_exception('no') if bad }}{% endgeneration %}{% endfor %}"
        "{{ bos_token }}{% if enable_thinking is defined and tools %}{{ documents }}{% endif %}"
    )
    assert template_view.template_mistake(template) is None
    names = template_view.template_names(template)
    assert names == template_view.TemplateNames(("bad", "enable_thinking"), has_tools=True, has_documents=True)
    assert template_view.template_names("{% if %}") is None
    assert "in place of the model" in template_note(template) and template_note(" ") == ""


def test_the_template_and_its_override_are_told_apart() -> None:
    origin, own, note, change, back = template_shown(PLAIN, None, "")
    assert "base has no chat template" in origin and "eos_token = &lt;/s&gt;" in origin
    assert own["value"] == "{{ messages }}" and note == ""
    assert (change["visible"], back["visible"]) == (True, False)
    *_, note, change, back = template_shown(PLAIN, None, "{{ a")
    assert "Line 1" in note and (change["visible"], back["visible"]) == (False, True)
    origin, own, *_, change, back = template_shown(None, ModelNotLoaded("No model is loaded."), "")
    assert "No model is loaded." in origin and (own["visible"], change["visible"]) == (False, False)


def test_short_times_keep_their_digits() -> None:
    assert [prompt_panel.milliseconds(each) for each in (0.00004, 0.0031, 0.12)] == ["0.04 ms", "3.1 ms", "120 ms"]
