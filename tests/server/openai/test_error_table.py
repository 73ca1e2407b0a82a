"""docs/openai.md's table of errors against the code: every status with its words, and no other."""

from __future__ import annotations

import re

from openarc_ui import errors
from openarc_ui.errors import OpenArcError
from openarc_ui.server.openai.errors import (
    CODES,
    ParameterRefused,
    ParameterWrong,
    StructureWrong,
    is_openai,
    openai_status,
)
from openarc_ui.server.openai.words import OF_RESPONSES, Words
from openarc_ui.server.problems import PLAIN, STATUS
from openarc_ui.server.refusals import ALL
from openarc_ui.server.unread_bodies import ALL as UNREAD
from tests.server.openai.test_parameters import PAGE

RAISED: tuple[type[OpenArcError], ...] = (
    errors.InvalidRequest,
    errors.ParameterNotSupported,
    errors.PromptTooLong,
    errors.TemplateRefused,
    errors.StructureRejected,
    errors.ModelNotLoaded,
    errors.AdministratorNeeded,
    errors.RateLimited,
    errors.EngineBusy,
    errors.EngineReserved,
    errors.EngineClosed,
    errors.GenerationFailed,
    errors.WorkerDied,
    errors.TimeLimitReached,
    ParameterWrong,
    ParameterRefused,
    StructureWrong,
)
"""By a route below /v1."""
INTERNAL = (500, "internal_error")


def test_the_table_of_errors_is_what_can_be_answered() -> None:
    _, _, after = PAGE.read_text(encoding="utf-8").partition("| status | code | when |\n")
    told = set()
    for status, words in re.findall(r"^\| (\d+) \| ([^|]*) \|", after.partition("\n## ")[0], re.MULTILINE):
        told |= {(int(status), word) for word in re.findall(r"`(\w+)`", words)}
    raised = {(openai_status(each("x"), STATUS[each]), CODES.get(each, each.code)) for each in RAISED}
    guard = {(each.status, each.openai_code or each.code) for each in ALL}
    unread = {(each.status, each.code) for each in UNREAD}
    assert told == raised | guard | unread | {(status, code) for status, (code, _) in PLAIN.items()} | {INTERNAL}


def test_v1_itself_is_openais_and_what_only_begins_like_it_is_not() -> None:
    assert is_openai("/v1") and is_openai("/v1/models") and not is_openai("/v10")


def test_an_error_of_the_engine_is_said_in_the_routes_words() -> None:
    engine_says = errors.InvalidRequest(
        "min_new_tokens (9) is more than max_new_tokens (3).", "Raise max_new_tokens, or lower min_new_tokens."
    )
    said = Words().of(engine_says)
    assert isinstance(said, ParameterWrong) and said.param == "min_tokens"
    assert (said.message, said.hint) == (
        "min_tokens (9) is more than max_tokens (3).",
        "Raise max_tokens, or lower min_tokens.",
    )
    documents = Words(OF_RESPONSES).of(errors.InvalidRequest("The chat template has no place for documents: x."))
    assert isinstance(documents, ParameterWrong) and documents.param == "documents"
    schema = Words(form="tools").of(errors.StructureRejected("No answer matches it."))
    assert isinstance(schema, StructureWrong) and schema.param == "tools"
    busy = errors.EngineBusy("2 requests wait.")
    assert Words().of(busy) is busy
