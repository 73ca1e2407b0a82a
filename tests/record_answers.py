"""`python -m tests.record_answers` asks a real server every example of the API and keeps what it answers.

The answers stand in /openapi.json and docs/api.md. Long lists and texts are shortened; nothing else is changed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx

from openarc_ui.server.description import ANSWERS
from openarc_ui.server.reference.application import bare_api
from openarc_ui.server.reference.operations import address_of, read_operations
from tests.api_examples import prepare, with_ids
from tests.documented import documented_application
from tests.starter_fixture import ensure_starter

MOST_ITEMS = 2
MOST_CHARACTERS = 300
MOST_NAMES = 30


def main() -> int:
    """Record; the number of examples that were not answered with success."""
    with bare_api() as api:
        operations = list(read_operations(api.openapi()))
    answers: dict[str, Any] = {}
    failed = 0
    with documented_application(ensure_starter("int4")) as application:
        client = httpx.Client(base_url=application.address, timeout=120)
        for operation in operations:
            ids = prepare(client, operation.title)
            sent = None if operation.example is None else json.loads(with_ids(json.dumps(operation.example), ids))
            if isinstance(sent, dict) and sent.get("stream"):
                sent = {**sent, "stream": False}
            answer = client.request(operation.method, with_ids(address_of(operation), ids), json=sent)
            if answer.status_code != 200:
                failed += 1
                print(operation.title, answer.status_code, answer.text[:300], file=sys.stderr)
            elif operation.answer and answer.headers["content-type"].startswith("application/json"):
                answers[operation.title] = shortened(answer.json())
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return failed


def shortened(value: Any) -> Any:
    """The beginning of it."""
    if isinstance(value, list):
        return [shortened(each) for each in value[:MOST_ITEMS]]
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in list(value.items())[:MOST_NAMES]}
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return f"{value[:MOST_CHARACTERS]}…"
    return value


if __name__ == "__main__":
    sys.exit(main())
