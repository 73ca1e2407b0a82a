"""What can be said of a chat template without a model: its syntax, the names it reads, the line an error is in."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

from openarc_ui.engine.backends.jinja_process import environment
from openarc_ui.engine.backends.template import SPECIAL_TOKENS
from openarc_ui.engine.prompts import RESERVED_ARGUMENTS, ChatTemplate
from openarc_ui.errors import OpenArcError

NOT_ARGUMENTS = frozenset({*RESERVED_ARGUMENTS, *SPECIAL_TOKENS, "raise_exception", "strftime_now"})
"""What every template is given, or has a field of its own."""
LINES_AROUND = 2
MAX_LINE_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """What a template reads from outside.

    Attributes:
        arguments: names that can be given as template arguments, sorted.
    """

    arguments: tuple[str, ...]
    has_tools: bool
    has_documents: bool


@dataclass(frozen=True, slots=True)
class TemplateMistake:
    """Where a template can't be read, and why; lines count from 1."""

    line: int
    words: str


class _WithoutConstants(NodeTransformer):
    """Jinja works out constants while it looks for names, and `{{ "a" * 10 ** 10 }}` would fill this process's memory."""

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802 - Jinja calls it by this name
        return nodes.ContextReference(lineno=node.lineno)


@functools.lru_cache(maxsize=32)
def _read(template: str) -> TemplateNames | TemplateMistake:
    """What a template reads, or its first mistake. Nothing of it is run."""
    try:
        tree: Any = _WithoutConstants().visit(environment().parse(template))
        found = meta.find_undeclared_variables(tree)
    except jinja2.TemplateSyntaxError as error:
        return TemplateMistake(error.lineno, (error.message or "can't be read").rstrip("."))
    except RecursionError:
        return TemplateMistake(1, "Nested too deeply")
    except ValueError as error:
        return TemplateMistake(1, f"A number or text in it can't be read: {error}")
    return TemplateNames(tuple(sorted(found - NOT_ARGUMENTS)), "tools" in found, "documents" in found)


def template_mistake(template: str) -> TemplateMistake | None:
    """The first mistake in a template; None when it can be read."""
    found = _read(template)
    return found if isinstance(found, TemplateMistake) else None


def template_names(template: str) -> TemplateNames | None:
    """The names a template reads; None when it can't be read."""
    found = _read(template)
    return found if isinstance(found, TemplateNames) else None


def mistake_note(template: str, mistake: TemplateMistake) -> str:
    """A mistake in words, and the lines around it with its line marked."""
    words = f"Line {mistake.line}: {mistake.words}."
    return f'<div class="oa-chat-note bad" role="alert">{escape(words)}{excerpt(template, mistake.line)}</div>'


def refusal_note(template: str, error: OpenArcError) -> str:
    """A TemplateRefused in words; where it names a line of the template, with that line marked."""
    found = re.search(r"\bline (\d+)\b", error.message, re.IGNORECASE)
    lines = excerpt(template, int(found[1])) if found else ""
    hint = f' <span class="oa-note-hint">{escape(error.hint)}</span>' if error.hint else ""
    return f'<div class="oa-chat-note bad" role="alert">{escape(error.message)}{hint}{lines}</div>'


def excerpt(template: str, line: int) -> str:
    """The lines around one that is marked; "" when there is no such line."""
    lines = template.split("\n")
    if not 1 <= line <= len(lines):
        return ""
    first, last = max(1, line - LINES_AROUND), min(len(lines), line + LINES_AROUND)
    rows = "".join(_row(number, lines[number - 1], number == line) for number in range(first, last + 1))
    return f'<pre class="oa-excerpt" tabindex="0" aria-label="Line {line} of the template">{rows}</pre>'


def origin_words(template: ChatTemplate) -> str:
    """Where the model's template comes from, and what the plain one does."""
    if template.is_plain:
        return (
            f"{template.model} has no chat template, so OpenArc's plain one is used: each message stands under its role's "
            "name (User:, Assistant:), with documents, tools and system messages before. A model that was trained on a "
            "form of its own answers better with its own template; it can be put in here."
        )
    return f"{template.model}: {template.origin}"


def special_words(tokens: Iterable[tuple[str, str]]) -> str:
    """What bos_token, eos_token, … stand for, in one line."""
    return " · ".join(f"{name} = {text}" for name, text in tokens)


def _row(number: int, text: str, is_marked: bool) -> str:
    shown = text if len(text) <= MAX_LINE_CHARACTERS else text[:MAX_LINE_CHARACTERS] + "…"
    marked = ' class="is-marked"' if is_marked else ""
    return f"<span{marked}><i>{number}</i>{escape(shown)}</span>"
