"""How models write tool calls and thoughts into their answers, and how to read them back."""

from __future__ import annotations

from openarc_ui.engine.formats.answer import ParsedAnswer, parse_answer
from openarc_ui.engine.formats.schema import check_arguments
from openarc_ui.engine.formats.signature import tool_from_signature
from openarc_ui.engine.formats.templates import (
    TOOL_FORMATS,
    ReasoningTags,
    ToolFormat,
    prompt_opens_reasoning,
    reasoning_tags_of,
    tool_format_named,
    tool_format_of,
)
from openarc_ui.engine.formats.tools import tools_from_json, tools_from_text

__all__ = [
    "TOOL_FORMATS",
    "ParsedAnswer",
    "ReasoningTags",
    "ToolFormat",
    "check_arguments",
    "parse_answer",
    "prompt_opens_reasoning",
    "reasoning_tags_of",
    "tool_format_named",
    "tool_format_of",
    "tool_from_signature",
    "tools_from_json",
    "tools_from_text",
]
