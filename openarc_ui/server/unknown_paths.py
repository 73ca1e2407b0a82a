"""Paths that nothing serves: our error in place of the page's, and for those of other servers which of ours does the same.

The page is mounted below everything, so what no route of ours takes is answered by Gradio, with two words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openarc_ui.server.asgi import Message, Send

GRADIOS = b'{"detail":"Not Found"}'
SHOWN_CHARACTERS = 200
CHAT = "POST /v1/chat/completions answers a conversation; clients of OpenAI's API take the address with /v1."
CONTINUE = "POST /v1/completions or /generate/text continues a prompt."
NONE_HERE = "OpenArc generates text, and does nothing of this kind."
ELSEWHERE: Mapping[str, str] = {
    "/props": "GET /status tells of the loaded models, GET /chat-template of a template.",
    "/slots": "GET /status tells how many requests run and wait.",
    "/completion": CONTINUE,
    "/infill": NONE_HERE,
    "/embedding": NONE_HERE,
    "/embeddings": NONE_HERE,
    "/rerank": NONE_HERE,
    "/reranking": NONE_HERE,
    "/api/tags": "GET /models lists the model folder, GET /v1/models what is loaded.",
    "/api/ps": "GET /status tells of the loaded models.",
    "/api/chat": CHAT,
    "/api/generate": CONTINUE,
    "/api/show": "GET /models/details tells of a model.",
    "/api/pull": "POST /models/tasks/downloads fetches a model from the Hub.",
    "/api/delete": "POST /models/delete deletes a model.",
    "/api/embed": NONE_HERE,
    "/api/embeddings": NONE_HERE,
    "/api/version": "GET /openapi.json has the version.",
    "/api/v0/models": "GET /v1/models lists what is loaded.",
}
"""Paths of llama.cpp's server, Ollama and LM Studio that clients try -> what serves it here."""


def unknown_path(path: str) -> dict[str, Any]:
    """The body of the answer: 404."""
    hint = ELSEWHERE.get(path.rstrip("/"), "/openapi.json lists every route, /docs explains them.")
    return {"detail": f"There is no route '{path[:SHOWN_CHARACTERS]}'.", "code": "not_found", "hint": hint}


def in_our_words(path: str, send: Send) -> Send:
    """The way to the client, on which the page's own 404 becomes ours; every other answer goes through as it is."""
    held: list[Message] = []

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and _may_be_theirs(message):
            held.append(message)
            return
        if held and message["type"] == "http.response.body":
            start = held.pop()
            if message.get("body") == GRADIOS:
                body = json.dumps(unknown_path(path), ensure_ascii=False, separators=(",", ":")).encode(
                    "utf-8", "replace"
                )
                kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                start = {**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
                message = {**message, "body": body}
            await send(start)
        await send(message)

    return sent


def _may_be_theirs(message: Message) -> bool:
    """By its status and length; a file of the same length is told apart by its text."""
    lengths = [value for name, value in message["headers"] if name.lower() == b"content-length"]
    return bool(message["status"] == 404) and lengths == [str(len(GRADIOS)).encode()]
