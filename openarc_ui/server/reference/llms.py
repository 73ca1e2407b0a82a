"""/llms.txt: the whole API on one page to paste into a prompt, by the convention of llmstxt.org."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter

from openarc_ui.metrics.queries import NAMES
from openarc_ui.server.reference.classes import models_of_routes, source_of
from openarc_ui.server.reference.operations import Operation, Parameter, read_operations

PLACE = "http://openarc.invalid"
"""Where the address will be; no host can have this name."""
BEGIN = """# OpenArc

> A local inference server for language models on Intel CPUs, GPUs and NPUs through OpenVINO. This page is its whole HTTP API,
> with its pydantic models, to paste into a prompt. Base address: {address}

## Authentication

None by default. A server with keys wants `Authorization: Bearer <key>` or `X-API-Key: <key>`; (admin) marks routes that need
the administration key, the others take either key.

## Errors

`{{"detail": "what went wrong", "code": "a_stable_word", "hint": "what to do next"}}` with status 400, 401, 403, 404, 405, 408 (slow body),
409 (not loaded, loading already, does not fit), 413, 422 (wrong request), 429, 500, 502 (the model's process died),
503 (busy; Retry-After) or 504.
Below /v1: `{{"error": {{"message", "type", "param", "code", "hint"}}}}`. An unknown field or query parameter is refused and the
nearest right name told; nothing that is accepted is ignored.

## Streams

Server-sent events. /generate/* and /conversations/{{conversation_id}}/answer with "stream": true:
`data: {{"text": " Paris", "sequence_index": 0, "tokens": 1}}` again and again, `: keep-alive` while nothing is new, then
`event: done` with `data:` = the blocking answer, or `event: error` with the error body. /v1/chat/completions and /v1/completions:
OpenAI's chunks, then `data: [DONE]`. /v1/responses: the official SDK's events, of which the last has the response. Closing the connection cancels; so does POST /generate/cancel/{{request_id}}.
"""
EXAMPLES = """## Examples

```bash
curl {address}/generate/text -H 'Content-Type: application/json' \\
  -d '{{"conversation": [{{"role": "user", "content": "What is the capital of France?"}}], "max_new_tokens": 64}}'
```

```python
import json

import httpx

body = {{"conversation": [{{"role": "user", "content": "Count to five."}}], "max_new_tokens": 64, "stream": True}}
with httpx.stream("POST", "{address}/generate/text", json=body, timeout=None) as answer:
    answer.raise_for_status()
    event = "text"
    for line in answer.iter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
            print(data["text"] if event == "text" else f"\\n{{event}}", end="", flush=True)
```

```python
from openai import OpenAI

client = OpenAI(base_url="{address}/v1", api_key="none")
answer = client.chat.completions.create(
    model="default", messages=[{{"role": "user", "content": "What is the capital of France?"}}], max_tokens=64
)
print(answer.choices[0].message.content)
```
"""


def llms_page(
    describe: Callable[[], Mapping[str, Any]], routers: Callable[[], Sequence[APIRouter]]
) -> Callable[[str], str]:
    """What makes the page for an address; what does not depend on that is made once.

    Args:
        describe: answers /openapi.json's document.
        routers: answers those of the API.
    """

    @cache
    def text() -> str:
        return llms_text(describe(), [route for router in routers() for route in router.routes], PLACE)

    return lambda address: text().replace(PLACE, address)


def llms_text(document: Mapping[str, Any], routes: Iterable[Any], address: str) -> str:
    """The page.

    Args:
        document: /openapi.json.
        routes: of the API; their models are written as classes.
        address: where the server is, without a slash at the end.
    """
    models = "\n".join(["## Models", "", "```python", source_of(models_of_routes(routes)).rstrip(), "```", ""])
    parts = [BEGIN.format(address=address), *_routes(document), models, EXAMPLES.format(address=address)]
    return "\n".join(parts)


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    for operation in read_operations(document):
        by_tag["older" if operation.is_deprecated else operation.tag].append(operation)
    names = "&".join(f"[{name}]" for name in NAMES)
    yield "## Routes\n\n`path?queries: body -> answer`; what may be left out is in brackets. `<filter>` is {names}.\n".format(
        names=f"`{names}`"
    )
    for tag in document["tags"]:
        operations = by_tag[tag["name"]]
        if tag["name"] == "older":
            paths = ", ".join(f"{each.title}" for each in operations)
            yield f"### older\n\nOf earlier versions, described in /openapi.json: {paths}.\n"
        elif operations:
            yield f"### {tag['name']}\n"
            yield "\n".join(_line(operation) for operation in operations) + "\n"


def is_grouped(parameter: Parameter) -> bool:
    """One of the two filters of a comparison."""
    return parameter.name.startswith(("a.", "b."))


def _groups(parameters: Sequence[Parameter]) -> Iterator[str]:
    if any(is_grouped(each) for each in parameters):
        yield "<filter with a. and with b. before each name>"


def _line(operation: Operation) -> str:
    given = [each for each in operation.own_parameters if each.place == "query"]
    names = [each.name if each.is_required else f"[{each.name}]" for each in given if not is_grouped(each)]
    queries = "&".join([*names, *(["<filter>"] if operation.has_filter else ()), *_groups(given)])
    what = f"{operation.body} -> " if operation.body else "-> "
    what += operation.answer or ", ".join(operation.media_types)
    admin = " (admin)" if operation.key == "administration" else ""
    return f"- {operation.title}{'?' + queries if queries else ''}{admin}: {what}. {operation.summary}."
