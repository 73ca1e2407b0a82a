"""What /openapi.json says beyond the routes themselves: how to authenticate, which key each operation needs, real answers.

The answers in assets/api_answers.json were recorded from a server with the starter model; `python -m tests.record_answers`
writes them. Nothing is served here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request, Response

from openarc_ui.server.permissions import USE
from openarc_ui.server.problems import REASONS, WITH_A_BODY
from openarc_ui.server.security import OPEN_PATHS
from openarc_ui.server.text_examples import TEXTS

Key = Literal["none", "use", "administration"]
PATH = "/openapi.json"
ABOUT_KEYS = ("401", "429")
"""What a route that is open to all does not answer."""
ANSWERS = Path(__file__).parent.parent.parent / "assets" / "api_answers.json"
SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "Authorization: Bearer <key>. Only where the server was started with keys.",
    },
    "x-api-key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header."},
}
KEYS: Mapping[Key, str] = {
    "none": "No key is needed.",
    "use": "Where the server has keys: the key for use, or the one for administration.",
    "administration": "Where the server has keys: the one for administration.",
}


def key_of(method: str, path: str) -> Key:
    """Which key an operation needs, by the one table in permissions."""
    if path in OPEN_PATHS:
        return "none"
    return "use" if (method.upper(), path) in USE else "administration"


def operations_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(METHOD, path, operation) of everything an OpenAPI document describes."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def complete_description(api: FastAPI) -> None:
    """Make /openapi.json say all of it. The document is made at the first question, once, and on a thread: it takes a second.

    The application must have been made without an `openapi_url`, whose route would make it on the loop.
    """
    plain = api.openapi
    making = threading.Lock()

    def openapi() -> dict[str, Any]:
        with making:
            if api.openapi_schema is None:
                _complete(plain())
            return plain()

    @cache
    def text() -> bytes:
        return json.dumps(openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    def answer(_: Request) -> Response:
        return Response(text(), media_type="application/json")

    api.openapi = openapi  # type: ignore[method-assign]
    api.add_route(PATH, answer, include_in_schema=False)


def _complete(document: dict[str, Any]) -> None:
    """Add what the routes do not say. FastAPI takes errors for what the answer is; they are JSON everywhere."""
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    answers = recorded_answers()
    for method, path, operation in operations_of(document):
        key = key_of(method, path)
        operation["security"] = [] if key == "none" else [{name: []} for name in SCHEMES]
        operation["x-openarc-key"] = key
        operation["description"] = f"{operation.get('description', '')}\n\n{KEYS[key]}".strip()
        for status, response in operation["responses"].items():
            if status[0] in "45" and "content" in response:
                response["content"] = {"application/json": next(iter(response["content"].values()))}
        if "requestBody" in operation:
            like = operation["responses"]["400"]
            for status in WITH_A_BODY:
                operation["responses"].setdefault(str(status), {**like, "description": REASONS[status]})
        if key == "none":
            for status in ABOUT_KEYS:
                operation["responses"].pop(status, None)
        content = operation["responses"].get("200", {}).get("content", {})
        answer = answers.get(f"{method} {path}")
        if answer is not None and "application/json" in content:
            content["application/json"]["example"] = answer
        for media_type, example in TEXTS.get(f"{method} {path}", {}).items():
            content[media_type].setdefault("example", example)
    _describe_fields(document["components"]["schemas"])


def _describe_fields(models: Mapping[str, Any]) -> None:
    """Say of a field that has no words of its own what it always is, or what the objects are that it holds."""
    for model in models.values():
        for field in model.get("properties", {}).values():
            if field.get("description"):
                continue
            if "const" in field:
                field["description"] = f"Always {json.dumps(field['const'])}."
                continue
            held = [each["$ref"] for each in (field, field.get("items", {}), *field.get("anyOf", ())) if "$ref" in each]
            told = [models[name.rpartition("/")[2]].get("description", "") for name in held]
            field["description"] = " Or: ".join(words.split("\n\n")[0] for words in told if words)


@cache
def recorded_answers() -> dict[str, Any]:
    """ "METHOD path" -> what a server answered; empty where they are not installed."""
    if not ANSWERS.is_file():
        return {}
    found: dict[str, Any] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return found
