"""An OpenAPI document read operation by operation, and each as a curl command that works."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from openarc_ui.metrics.queries import NAMES
from openarc_ui.server.description import KEYS, operations_of
from openarc_ui.server.problems import ANYWHERE, WITH_A_BODY

ONE_OF_EACH = ("a.model", "b.model")
"""A comparison needs a filter for one of its groups, whichever; the command has these."""
ADDRESS = "http://127.0.0.1:7860"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation's path or query; `example` as it is written in an address."""

    name: str
    place: str
    is_required: bool
    schema: Mapping[str, Any]
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        body, answer: names of models; "" where there is none, or it is no JSON.
        media_types: of the answer.
        errors: statuses beyond those that every route of its kind can answer with.
        example: a body that is taken; None: it has none.
    """

    method: str
    path: str
    tag: str
    summary: str
    description: str
    key: str
    is_deprecated: bool
    parameters: Sequence[Parameter]
    body: str
    answer: str
    media_types: Sequence[str]
    errors: Sequence[int]
    example: Any
    answered: Any

    @property
    def title(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def has_filter(self) -> bool:
        """It takes the whole filter of the metrics."""
        return set(NAMES) <= {each.name for each in self.parameters}

    @property
    def own_parameters(self) -> Sequence[Parameter]:
        """Those that are not the filter's."""
        return [each for each in self.parameters if not (self.has_filter and each.name in NAMES)]


def read_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation, in the order of the document."""
    for method, path, operation in operations_of(document):
        content = operation["responses"].get("200", {}).get("content", {})
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        json_answer = content.get("application/json", {})
        description = operation.get("description", "")
        yield Operation(
            method=method,
            path=path,
            tag=operation["tags"][0],
            summary=operation["summary"],
            description=description.removesuffix(KEYS[operation["x-openarc-key"]]).strip(),
            key=operation["x-openarc-key"],
            is_deprecated=operation.get("deprecated", False),
            parameters=[_parameter(each) for each in operation.get("parameters", ())],
            body=model_in(body.get("schema", {})),
            answer=schema_text(json_answer.get("schema", {})) if json_answer.get("schema") else "",
            media_types=list(content),
            errors=[int(status) for status in operation["responses"] if _is_own_error(status)],
            example=example_of(document, body),
            answered=json_answer.get("example"),
        )


def _is_own_error(status: str) -> bool:
    return status[0] in "45" and status.isdigit() and int(status) not in (*ANYWHERE, *WITH_A_BODY)


def _parameter(written: Mapping[str, Any]) -> Parameter:
    schema = written.get("schema", {})
    example = written.get("example", next(iter(written.get("examples", schema.get("examples", ()))), ""))
    one = example[0] if isinstance(example, list) else example
    return Parameter(
        name=written["name"],
        place=written["in"],
        is_required=written.get("required", False),
        schema=schema,
        description=written.get("description", schema.get("description", "")),
        example=str(one).lower() if isinstance(one, bool) else str(one),
    )


def model_in(schema: Mapping[str, Any]) -> str:
    """The model a body's schema names; a body that may be left out is a choice of it and null."""
    choices = (schema, *schema.get("anyOf", ()))
    return next((each["$ref"].rpartition("/")[2] for each in choices if "$ref" in each), "")


def example_of(document: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
    """A body that an operation takes: its own example, or its model's."""
    own = [each["value"] for each in body.get("examples", {}).values()]
    model = document["components"]["schemas"].get(model_in(body.get("schema", {})), {})
    return next(iter([*([body["example"]] if "example" in body else []), *own, *model.get("examples", ())]), None)


def address_of(operation: Operation) -> str:
    """Path and query of its example; of its parameters those that must be given."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(parameter.example, safe=""))
    needed = [
        (each.name, each.example)
        for each in operation.parameters
        if each.place == "query" and (each.is_required or each.name in ONE_OF_EACH)
    ]
    return f"{path}?{urlencode(needed)}" if needed else path


def curl_of(operation: Operation) -> str:
    """The operation as a command."""
    address = ADDRESS + address_of(operation)
    words = ["curl"]
    if "stream" in operation.path:
        words.append("-N")
    if operation.method != ("GET" if operation.example is None else "POST"):
        words += ["-X", operation.method]
    words.append(f"'{address}'" if "?" in address else address)
    command = " ".join(words)
    if operation.example is None:
        return command
    body = json.dumps(operation.example, ensure_ascii=False).replace("'", "'\\''")
    return f"{command} \\\n  -H 'Content-Type: application/json' -d '{body}'"


def schema_text(schema: Mapping[str, Any], links: bool = False) -> str:
    """A type in words: `integer or null`, `list of Message`.

    Args:
        links: names of models lead to their headings.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if links else name
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return ", ".join(json.dumps(each) for each in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(schema_text(each, links) for each in schema[several]))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return schema_text(schema["allOf"][0], links)
    kind = schema.get("type", "anything")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(schema_text(each, links) for each in schema['prefixItems'])}]"
        return f"list of {schema_text(schema.get('items', {}), links)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {schema_text(schema['additionalProperties'], links)}"
    return str(kind)
