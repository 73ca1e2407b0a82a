"""The routes that take a body, read from the API's own description, with a body for each that is right."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fuzz.conftest import MODEL, Fuzzed

JSON = "application/json"
KNOWN = {"model": MODEL, "id_model": MODEL, "model_path": MODEL, "backend": "auto", "tokens": [1], "by": 1}
"""What examples of a real model say, as it is with the scripted one."""
REAL_ONLY = frozenset({"/openarc/load", "/models/delete"})
"""Where a right body is refused all the same: a backend is named that runs no script; the example's model is not the one here."""
SLOW = frozenset({"/metrics/bandwidth", "/tuning/runs"})
"""A right order to one of them measures for seconds and refuses others meanwhile, so its body is never whole here."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation, with every place in its path filled in."""

    method: str
    path: str
    statuses: frozenset[str]
    body: Any

    def describes(self, status: int) -> bool:
        """Whether an answer with this status is written in the description."""
        return str(status) in self.statuses or f"{status // 100}XX" in self.statuses

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_with_bodies(fuzzed: Fuzzed) -> list[Route]:
    """Every POST, PUT and PATCH, about a conversation that exists."""
    described = fuzzed.client.get("/openapi.json").json()
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hello."}]
    conversation = fuzzed.client.post("/conversations", json={"messages": messages}).json()
    filled = {"{conversation_id}": conversation["id"], "{message_id}": conversation["messages"][0]["id"]}
    filled |= {"{name}": "fuzzed", "{request_id}": "no-such-request"}
    filled |= {"{task_id}": "no-such-task", "{run_id}": "no-such-run", "{configuration_id}": "no-such-configuration"}
    found = []
    for template, operations in described["paths"].items():
        path = template
        for place, value in filled.items():
            path = path.replace(place, value)
        for method, operation in operations.items():
            if method in ("post", "put", "patch"):
                assert "{" not in path, f"fill in {path}"
                statuses = frozenset(operation["responses"])
                found.append(Route(method.upper(), path, statuses, _body_of(operation, described)))
    return found


def positions(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a value, the whole first."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        yield from positions(each, (*path, name))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The same value with another one at a place."""
    if not path:
        return other
    changed = copy.deepcopy(value)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = other
    return changed


def _body_of(operation: dict[str, Any], described: dict[str, Any]) -> Any:
    """A right body: the first example of an operation, or one made from its schema; None where there is none."""
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"][JSON]
    for example in content.get("examples", {}).values():
        return _about_known(example["value"])
    return _about_known(_example(content.get("schema", {}), described["components"]["schemas"]))


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value of a schema: its example where it has one."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    for given in ("const", "default", "example"):
        if given in schema:
            return schema[given]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return _example(schema[several][0], schemas)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _example(properties[name], schemas) for name in schema.get("required", properties)}
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), schemas)]
    return {"integer": 1, "number": 1.0, "boolean": False, "null": None}.get(schema.get("type", ""), "text")


def _about_known(body: Any) -> Any:
    """The same about the model that is there."""
    if isinstance(body, dict):
        return {
            name: KNOWN[name] if name in KNOWN and each is not None else _about_known(each)
            for name, each in body.items()
        }
    return [_about_known(each) for each in body] if isinstance(body, list) else body
