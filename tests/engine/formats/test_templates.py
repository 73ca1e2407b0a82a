"""Which format and which tags a chat template's text tells of."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.engine.formats import (
    TOOL_FORMATS,
    ReasoningTags,
    prompt_opens_reasoning,
    reasoning_tags_of,
    tool_format_named,
    tool_format_of,
)
from openarc_ui.errors import InvalidRequest
from tests.engine.formats import excerpts

STARTER = Path(__file__).parents[3] / "assets" / "starter" / "chat_template.jinja"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (excerpts.QWEN2_5, "hermes"),
        (excerpts.QWEN3, "hermes"),
        (STARTER.read_text(encoding="utf-8"), "hermes"),
        (excerpts.LLAMA_3_1, "llama3"),
        (excerpts.LLAMA_3_2_PYTHONIC, "llama3"),
        (excerpts.MISTRAL_NEMO, "mistral"),
        (excerpts.MINISTRAL_3, "mistral"),
        (excerpts.PHI_4_MINI, "phi4"),
        (excerpts.PHI_4_MINI_VLLM, "phi4"),
        (excerpts.GLM_4_5, None),
        (excerpts.DEEPSEEK_R1_DISTILL, None),
        (excerpts.CHATML, None),
    ],
)
def test_the_format_is_chosen_from_the_template(template: str, expected: str | None) -> None:
    assert tool_format_of(template) == expected


def test_every_format_that_is_chosen_exists_and_a_misspelt_one_gets_the_right_name() -> None:
    assert [each.name for each in TOOL_FORMATS] == ["hermes", "llama3", "mistral", "phi4"]
    assert tool_format_named("phi4").title == "Phi-4-mini"
    with pytest.raises(InvalidRequest) as caught:
        tool_format_named("hermès")
    assert caught.value.hint == "Did you mean 'hermes'?"


@pytest.mark.parametrize(
    ("template", "tags"),
    [
        (excerpts.QWEN3, ReasoningTags("<think>", "</think>")),
        (excerpts.DEEPSEEK_R1_DISTILL, ReasoningTags("<think>", "</think>")),
        (excerpts.MAGISTRAL, ReasoningTags("[THINK]", "[/THINK]")),
        ("<|START_THINKING|>…<|END_THINKING|>", ReasoningTags("<|START_THINKING|>", "<|END_THINKING|>")),
        ("<reasoning></reasoning>", ReasoningTags("<reasoning>", "</reasoning>")),
        (excerpts.QWEN2_5, None),
    ],
)
def test_the_tags_are_chosen_from_the_template(template: str, tags: ReasoningTags | None) -> None:
    assert reasoning_tags_of(template) == tags


def test_a_prompt_that_ends_with_the_opening_tag_begins_the_thoughts() -> None:
    tags = ReasoningTags("<think>", "</think>")
    assert prompt_opens_reasoning("<｜User｜>hi<｜Assistant｜><think>\n", tags)
    assert not prompt_opens_reasoning("<|im_start|>assistant\n<think>\n\n</think>\n\n", tags)
    assert not prompt_opens_reasoning("What does <think> mean?<|im_end|>\n<|im_start|>assistant\n", tags)
    assert not prompt_opens_reasoning("<think>\n", None)
