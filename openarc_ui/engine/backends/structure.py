"""Structured output as GenAI takes it: one of a JSON schema, a regular expression and a grammar in EBNF, as text.

Pure: no library is imported. What xgrammar would misread is rewritten or refused here; the rest is for a trial
(`structure_checker`), because a grammar that is wrong leaves a pipeline unusable for good.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.backends.json_schema import enforceable
from openarc_ui.engine.backends.regex_text import MISREAD, check_regex, literal
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.errors import StructureRejected

EBNF_PIECE = re.compile(r'#[^\n]*|"(?:\\.|[^"\\\n])*"|\[\^?\]?(?:\\.|[^\]\\])*\]|.', re.DOTALL)


@dataclass(frozen=True, slots=True)
class GrammarText:
    """A field of `openvino_genai.StructuredOutputConfig` and its value."""

    kind: Literal["json_schema", "regex", "grammar"]
    text: str


def grammar_text(structure: StructuredOutput) -> GrammarText:
    """A structure as GenAI takes it. A choice becomes a regular expression: GenAI's own alternation misreads accents.

    Raises:
        StructureRejected: it says something that would be ignored or misread.
    """
    if structure.json_schema is not None:
        schema = enforceable(structure.json_schema)
        return GrammarText("json_schema", json.dumps(schema, ensure_ascii=False))
    if structure.regex is not None:
        check_regex(structure.regex)
        return GrammarText("regex", structure.regex)
    if structure.grammar is not None:
        return GrammarText("grammar", _readable(structure.grammar))
    return GrammarText("regex", "|".join(map(literal, structure.choice or ())))


def _readable(grammar: str) -> str:
    """A grammar whose texts are split where xgrammar would read a character and a digit as one."""
    if "\0" in grammar:
        raise StructureRejected("The grammar has a NUL character in it.", "Leave it out.")
    return "".join(map(_readable_piece, EBNF_PIECE.findall(grammar)))


def _readable_piece(piece: str) -> str:
    if piece.startswith("["):
        check_regex(piece)
    if not piece.startswith('"') or not MISREAD.search(piece):
        return piece
    return f"({MISREAD.sub(lambda found: found[0][0] + chr(34) + ' ' + chr(34) + found[0][1], piece)})"
