"""docs/api.md: every operation and every model, for people, from the OpenAPI document alone."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from openarc_ui.errors import SettingsError
from openarc_ui.server.problems import ANYWHERE, PLAIN, REASONS, STATUS, WITH_A_BODY
from openarc_ui.server.reference.llms import is_grouped
from openarc_ui.server.reference.operations import Operation, Parameter, curl_of, read_operations, schema_text
from openarc_ui.server.refusals import ALL
from openarc_ui.server.unread_bodies import ALL as UNREAD

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "api.md"
TITLES = {"openai": "OpenAI"}
SHOWN_LINES = 24
"""An answer that is longer is told by its model alone."""
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} of them",
}
MISTAKE = (500, "internal_error")
"""What is no error of ours has this."""
BEGIN = """# The HTTP API

Every route of OpenArc with its parameters, bodies, answers and errors, written from `/openapi.json` by
`python -m openarc_ui.server.reference`. [llms.txt](/llms.txt) has the same on one page to paste into a prompt.

## Keys

Without keys only this machine can reach the server, unless `--open-to-network` said otherwise, and nothing asks for one. Where the
server was started with keys, each request carries one, as `Authorization: Bearer <key>` or `X-API-Key: <key>`. The key for *administration* opens everything;
the key for *use* opens what says so below. A missing or wrong key is a 401, the wrong one of the two a 403.

## Errors

Every error has one body: `{{"detail": what went wrong, "code": a stable word, "hint": what to do next}}`; below `/v1/` it is
OpenAI's, `{{"error": {{"message", "type", "param", "code", "hint"}}}}`. An unknown field or query parameter is an error that names the
nearest right one. Every route can answer {anywhere}, one that takes a body also {with_a_body}; what else it can is said
beside it.

{errors}

## Streams

With `stream`, `/generate/text`, `/generate/stream` and `/conversations/{{conversation_id}}/answer` send server-sent events: `data:`
lines with `text`, `sequence_index` and `tokens` (with several conversations also `conversation_index`, with `token_details` also
`details`), comments while there is nothing new, and at the end one `event: done` with what the blocking call returns, or
`event: error` with the error's body. `/v1/chat/completions` and `/v1/completions` send OpenAI's chunks and end with
`data: [DONE]`; `/v1/responses` sends OpenAI's typed events. A client that leaves ends its request, streaming or not.
"""
SERVED_PAGE = re.compile(r"\]\(/docs/(\w+)\)")
NOT_RUN: Mapping[str, str] = {}
"""Operation -> why the tests do not run its example."""


def api_page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    for operation in read_operations(document):
        by_tag["older" if operation.is_deprecated else operation.tag].append(operation)
    anywhere = ", ".join(str(status) for status in ANYWHERE)
    with_a_body = " and ".join(str(status) for status in WITH_A_BODY)
    lines = [BEGIN.format(anywhere=anywhere, with_a_body=with_a_body, errors="\n".join(_errors()))]
    for tag in document["tags"]:
        if by_tag[tag["name"]]:
            lines += [f"## {TITLES.get(tag['name'], tag['name'].capitalize())}", "", tag["description"], ""]
            lines += _filter(by_tag["metrics"]) if tag["name"] == "metrics" else ()
            lines += [line for operation in by_tag[tag["name"]] for line in _operation(operation)]
    lines += ["## Types", "", "What bodies and answers consist of. A field without a default must be there.", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _model(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _errors() -> Iterator[str]:
    """The table of statuses with their codes."""
    codes: dict[int, list[str]] = defaultdict(list)
    for error, status in STATUS.items():
        if error is not SettingsError:
            codes[status].append(error.code)
    for status, (code, _) in PLAIN.items():
        codes[status].append(code)
    for refusal in (*ALL, *UNREAD):
        codes[refusal.status].append(refusal.code)
    codes[MISTAKE[0]].append(MISTAKE[1])
    yield "| status | meaning | codes |"
    yield "| --- | --- | --- |"
    for status in sorted({*codes, *REASONS}):
        words = ", ".join(f"`{code}`" for code in sorted(set(codes[status])))
        yield f"| {status} | {REASONS[status]} | {words} |"


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### {operation.title}"
    yield ""
    yield f"**{operation.summary}.** {_paragraph(operation.description)}"
    yield ""
    yield " · ".join(_facts(operation))
    yield ""
    if operation.parameters:
        yield from _parameters(operation)
    if operation.title in NOT_RUN:
        yield f"<!-- not run: {NOT_RUN[operation.title]} -->"
    yield from ("```bash", curl_of(operation), "```", "")
    shown = json.dumps(operation.answered, indent=2, ensure_ascii=False)
    if operation.answered is not None and shown.count("\n") < SHOWN_LINES:
        yield from ("```json", shown, "```", "")


def _parameters(operation: Operation) -> Iterator[str]:
    grouped = [each for each in operation.own_parameters if is_grouped(each)]
    shown = [each for each in operation.own_parameters if each not in grouped]
    if operation.has_filter:
        yield "Takes [the filter](#the-filter)."
    if grouped:
        yield "Takes [the filter](#the-filter) twice: each parameter with `a.` and with `b.` before its name."
    if operation.has_filter or grouped:
        yield ""
    if shown:
        yield from _table(shown)
        yield ""


def _table(parameters: Iterable[Parameter]) -> Iterator[str]:
    yield "| parameter | in | type | meaning |"
    yield "| --- | --- | --- | --- |"
    for each in parameters:
        needed = "Needed. " if each.is_required and each.place == "query" else ""
        words = f"{needed}{each.description} {_bounds(each.schema)}".strip()
        yield f"| `{each.name}` | {each.place} | {_cell(_type(each.schema))} | {_cell(words)} |"


def _filter(operations: Iterable[Operation]) -> Iterator[str]:
    """The parameters that many operations share, from the first that has them."""
    taking = next(operation for operation in operations if operation.has_filter)
    yield "### The filter"
    yield ""
    yield "Which requests an answer is about. What is left out does not narrow it down."
    yield ""
    yield from _table(each for each in taking.parameters if each not in taking.own_parameters)
    yield ""


def _facts(operation: Operation) -> Iterator[str]:
    yield f"Key: {operation.key}"
    if operation.body:
        yield f"Body: [{operation.body}](#{operation.body.lower()})"
    if operation.answer:
        yield f"Answer: {_answer(operation)}"
    others = [media for media in operation.media_types if media != "application/json" or not operation.answer]
    if others:
        yield f"{'Or' if operation.answer else 'Answer:'} {', '.join(f'`{media}`' for media in others)}"
    if operation.errors:
        yield f"Errors: {', '.join(str(status) for status in operation.errors)}"


def _answer(operation: Operation) -> str:
    words = operation.answer.split(" ")
    name = words[-1]
    is_model = name[:1].isupper()
    return " ".join([*words[:-1], f"[{name}](#{name.lower()})" if is_model else name])


def _model(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    if schema.get("description"):
        yield _paragraph(schema["description"])
        yield ""
    if "properties" not in schema:
        yield f"{schema_text(schema, links=True)}."
        yield ""
        return
    yield "| field | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for field, each in schema["properties"].items():
        is_needed = field in schema.get("required", ())
        default = "" if is_needed or "default" not in each else f"`{json.dumps(each['default'], ensure_ascii=False)}`"
        words = f"{each.get('description', '')} {_bounds(each)}".strip()
        yield f"| `{field}` | {_cell(_type(each))} | {_cell(default)} | {_cell(words)} |"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    return schema_text(schema, links=True)


def _bounds(schema: Mapping[str, Any]) -> str:
    choices = (schema, *schema.get("anyOf", ()))
    told = [words.format(each[name]) for each in choices for name, words in BOUNDS.items() if name in each]
    return f"({', '.join(dict.fromkeys(told))})" if told else ""


def _paragraph(text: str) -> str:
    """A docstring as paragraphs, each on one line. A link to a served page leads to its file, which stands beside this page."""
    paragraphs = "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))
    return SERVED_PAGE.sub(r"](\1.md)", paragraphs)


def _cell(text: str) -> str:
    """In a table a bar ends a cell, and a line ends the row."""
    return " ".join(text.split()).replace("|", "\\|")
