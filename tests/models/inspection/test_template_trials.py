"""Each fault of a chat template that people really meet has its verdict, and a sound template has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends.template import ModelTemplates
from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.inspection import template_trials
from openarc_ui.models.inspection.reports import Trial
from openarc_ui.models.inspection.template_facts import template_facts
from openarc_ui.models.inspection.template_trials import TemplateFacts, try_template
from tests.models.conversion.tiny_gguf import tiny_model, write_gguf

SOUND = """\
{%- if tools %}{{ '<tools>' ~ tools | tojson ~ '</tools>' }}{% endif -%}
{%- for message in messages -%}
    {{- '<|' ~ message.role ~ '|>' -}}
    {%- if message.content is string -%}{{- message.content -}}
    {%- else -%}{%- for part in message.content -%}{{- part.text -}}{%- endfor -%}{%- endif -%}
    {%- for call in message.tool_calls or [] -%}{{- call.function | tojson -}}{%- endfor -%}
    {{- '<|end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""
LOOP = "{%- for message in messages -%}{{- '<|' ~ message.role ~ '|>' ~ message.content ~ '\\n' -}}{%- endfor -%}"
BEGIN = "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"


def lint(text: str, adds_bos: bool | None = None, **tokens: str) -> dict[str, Trial]:
    facts = TemplateFacts(ModelTemplates(text, None, "chat_template.jinja", is_plain=False), tokens, adds_bos)
    return {trial.what: trial for trial in try_template(facts).trials}


def verdicts(text: str, **more: Any) -> dict[str, str]:
    """Only those that are not good."""
    return {what: trial.verdict for what, trial in lint(text, **more).items() if trial.verdict != "good"}


def test_a_sound_template_is_good_at_everything_and_says_what_it_does() -> None:
    found = lint(SOUND)
    assert {trial.verdict for trial in found.values()} == {"good"} and len(found) == 12
    assert len({trial.words for trial in found.values()}) > 5


def test_a_dropped_system_message_is_a_warning() -> None:
    text = SOUND.replace(
        "{%- for message in messages -%}", "{%- for message in messages if message.role != 'system' -%}"
    )
    found = lint(text)
    assert found["System and user"].verdict == "warning"
    assert found["System and user"].words == "It leaves out the system message without a word."


def test_tools_that_are_never_read_are_a_warning() -> None:
    found = lint(LOOP + BEGIN)
    assert found["Tools"].verdict == "warning" and "no place for tools" in found["Tools"].words
    assert found["A tool's result"].words == "It leaves out the call that is answered."


def test_tools_that_are_read_and_left_out_are_a_warning() -> None:
    found = lint("{%- if tools -%}You have tools.{%- endif -%}" + LOOP + BEGIN)
    assert found["Tools"].words == "It reads the tools and leaves them out of the prompt."


def test_a_generation_prompt_that_has_no_effect_is_a_warning() -> None:
    always = lint(LOOP + "<|assistant|>")["Begins an answer"]
    assert always.verdict == "warning" and "never reads add_generation_prompt" in always.words
    never = lint("{%- for message in messages -%}{{- message.content -}}{%- endfor -%}")["Begins an answer"]
    assert never.words == "It never reads add_generation_prompt, and nothing marks where the answer begins."


def test_a_space_at_the_end_is_a_warning() -> None:
    text = LOOP + "{%- if add_generation_prompt -%}{{- 'Assistant: ' -}}{%- endif -%}"
    assert "ends with a space" in lint(text)["Begins an answer"].words


def test_a_refusal_is_told_in_the_templates_own_words() -> None:
    strict = (
        "{%- for message in messages -%}{%- if message.role not in ['user', 'assistant'] -%}"
        "{{- raise_exception('Only user and assistant roles are supported!') -}}{%- endif -%}"
        "{%- if (message.role == 'user') != (loop.index0 % 2 == 0) -%}"
        "{{- raise_exception('Roles must alternate') -}}{%- endif -%}{%- endfor -%}"
    )
    found = lint(strict + LOOP + BEGIN)
    assert found["System and user"].verdict == "refused"
    assert "Only user and assistant roles are supported!" in found["System and user"].words
    assert "Roles must alternate" in found["Two users in a row"].words
    assert found["Unknown role"].verdict == "refused" and "Only user" in found["Unknown role"].words
    assert found["One user"].verdict == "good"


def test_an_unknown_role_that_is_left_out_is_a_warning() -> None:
    text = SOUND.replace(
        "{%- for message in messages -%}",
        "{%- for message in messages if message.role in ['system', 'user', 'assistant', 'tool'] -%}",
    )
    assert verdicts(text) == {"Unknown role": "warning"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LOOP + BEGIN, "writes it as a list"),
        (LOOP.replace("message.content ~", "message.content.strip() ~") + BEGIN, "refuses it"),
        (LOOP.replace("message.content ~", "(message.content if message.content is string else '') ~") + BEGIN, "leaves it out"),
    ],
)  # fmt: skip
def test_content_in_parts_that_is_not_taken_is_a_warning(text: str, why: str) -> None:
    found = lint(text)["Content as a list of parts"]
    assert found.verdict == "warning" and why in found.words and "OpenArc joins them" in found.words


@pytest.mark.parametrize(
    ("begin", "adds_bos", "verdict", "words"),
    [
        ("{{- bos_token -}}", False, "good", "once"),
        ("{{- bos_token -}}", True, "warning", "OpenArc lets it add none"),
        ("{{- bos_token ~ bos_token -}}", False, "warning", "twice"),
        ("", True, "warning", "prompts go without it"),
        ("", False, "good", "once"),
        ("{{- bos_token -}}", None, "good", "once"),
    ],
)
def test_the_beginning_of_text_token_is_looked_at(begin: str, adds_bos: bool | None, verdict: str, words: str) -> None:
    found = lint(begin + SOUND, adds_bos=adds_bos, bos_token="<s>")["Beginning-of-text token"]
    assert found.verdict == verdict and words in found.words, found.words


def test_messages_in_another_order_are_a_warning() -> None:
    text = SOUND.replace("in messages -%}", "in messages | reverse -%}")
    assert "changes the order" in lint(text)["Several turns"].words


def test_an_earlier_answer_that_is_dropped_is_a_warning() -> None:
    text = LOOP.replace("in messages -%}", "in messages if message.role != 'assistant' -%}") + BEGIN
    assert "the answer before" in lint(text)["Several turns"].words


def test_a_broken_template_is_refused_with_its_line_everywhere() -> None:
    found = lint("one\n{% if %}")
    assert {trial.verdict for trial in found.values()} == {"refused"} or len(found) == 12
    assert "line 2" in found["One user"].words and "broken" in found["One user"].words


def test_a_template_that_never_ends_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.engine.backends.render_process.RENDER_SECONDS", 0.3)
    forever = "{%- for a in range(90000) -%}{%- for b in range(90000) -%}{%- endfor -%}{%- endfor -%}"
    templates = ModelTemplates(forever, None, "chat_template.jinja", is_plain=False)
    found = try_template(TemplateFacts(templates, {}, None), limit_seconds=0.1)
    assert [trial.verdict for trial in found.trials] == ["refused"]
    assert "did not come to its end" in found.trials[0].words
    assert found.problems == ("The chat template takes so long that the rest was not tried.",)


def test_a_template_cannot_leave_its_sandbox() -> None:
    found = lint("{{ ''.__class__.__mro__[1].__subclasses__() }}" + LOOP)["One user"]
    assert found.verdict == "refused"


def model(tmp_path: Path, **files: Any) -> Path:
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("openvino_model.xml", "openvino_model.bin"):
        (folder / name).write_text("<net/>")
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def facts(tmp_path: Path) -> TemplateFacts:
    return template_facts(find_model(tmp_path, "m"))


def test_the_template_of_a_folder_comes_with_its_tokens(tmp_path: Path) -> None:
    config = {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "chat_template": SOUND, "add_bos_token": True}
    model(tmp_path, tokenizer_config__json=config)
    found = facts(tmp_path)
    assert found.templates.text == SOUND
    assert (found.special_tokens["bos_token"], found.special_tokens["eos_token"]) == ("<s>", "</s>")
    assert found.adds_bos is True


@pytest.mark.parametrize(
    ("processor", "adds_bos"),
    [
        ({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}, True),
        ({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}]}, False),
        (
            {
                "type": "Sequence",
                "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}],
            },
            True,
        ),
        (None, False),
        ("text", False),
    ],
)  # fmt: skip
def test_whether_the_tokenizer_begins_texts_is_read_from_it(processor: Any, adds_bos: bool, tmp_path: Path) -> None:
    model(
        tmp_path,
        chat_template__jinja=SOUND,
        tokenizer__json={"post_processor": processor},
        tokenizer_config__json={"bos_token": "<s>"},
    )
    assert facts(tmp_path).adds_bos is adds_bos


@pytest.mark.parametrize(
    ("values", "pre", "adds_bos"),
    [
        ({}, "qwen2", False),
        ({}, "llama-bpe", True),
        ({"tokenizer.ggml.add_bos_token": False}, "llama-bpe", False),
        ({"tokenizer.ggml.add_bos_token": True}, "qwen2", True),
    ],
)
def test_a_ggufs_special_tokens_are_read_from_its_header(
    values: dict[str, Any], pre: str, adds_bos: bool, tmp_path: Path
) -> None:
    write_gguf(tiny_model("llama"), "llama", tmp_path / "m.gguf", values=values, pre=pre)
    found = template_facts(find_model(tmp_path, "m.gguf"))
    assert found.special_tokens == {"bos_token": "<|begin|>", "eos_token": "<|end|>"}
    assert found.adds_bos is adds_bos
    beginning = next(each for each in try_template(found).trials if each.what == "Beginning-of-text token")
    assert beginning.verdict == ("warning" if adds_bos else "good"), beginning.words


def test_a_model_without_a_template_says_what_happens_instead(tmp_path: Path) -> None:
    model(tmp_path)
    with pytest.raises(InvalidRequest, match="transcript"):
        facts(tmp_path)


def test_a_template_behind_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = model(tmp_path / "models") if (tmp_path / "models").mkdir() is None else None
    assert folder is not None
    (tmp_path / "secret").write_text(SOUND)
    (folder / "chat_template.jinja").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match="link out"):
        template_facts(find_model(tmp_path / "models", "m"))


def test_a_file_that_is_no_json_is_told(tmp_path: Path) -> None:
    model(tmp_path, tokenizer_config__json="{")
    with pytest.raises(InvalidRequest, match="can't be read"):
        facts(tmp_path)


@pytest.mark.model
def test_the_starters_own_template_is_good(starter_folder: Path) -> None:
    found = try_template(template_facts(find_model(starter_folder.parent, starter_folder.name)))
    odd = {trial.what: trial.words for trial in found.trials if trial.verdict != "good"}
    assert set(odd) == {"Content as a list of parts"}


@pytest.mark.model
def test_a_gguf_brings_its_template_and_its_special_tokens_along(starter_gguf: Path) -> None:
    facts = template_facts(find_model(starter_gguf.parent, starter_gguf.name))
    assert facts.special_tokens == {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
    }
    assert facts.adds_bos is False
    found = try_template(facts)
    verdicts = {trial.what: trial.verdict for trial in found.trials}
    assert (verdicts["One user"], verdicts["Tools"]) == ("good", "warning")


def test_every_mark_that_is_looked_for_is_really_said() -> None:
    said = " ".join((template_trials.SYSTEM, template_trials.QUESTION, template_trials.ANSWER, template_trials.MORE, template_trials.RESULT))  # fmt: skip
    for mark in ("system", "question", "answer", "more", "result"):
        assert f"zq{mark}" in said
