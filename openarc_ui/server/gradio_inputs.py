"""What reaches Gradio's own routes: JSON without file objects, and no file but those this process made to be fetched.
A path that neither Gradio nor a route of ours knows is answered in our words.

Gradio follows a path or an address wherever one stands in a request, and takes uploads. The page has use for neither.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers

from openarc_ui.file_objects import TooDeep, holds_file_object
from openarc_ui.server.asgi import Application, Message, Receive, Scope, Send
from openarc_ui.server.refusals import NOT_SERVED, Refusal
from openarc_ui.server.unknown_paths import in_our_words

PREFIX = "/gradio_api/"
FILE_PREFIXES = ("/gradio_api/file=", "/gradio_api/file/")
SHUT = ("/gradio_api/upload", "/gradio_api/stream/", "/gradio_api/run-history", "/gradio_api/runs")
"""Uploads, media, and a history of calls."""

FILE_REFUSED = Refusal(
    422,
    "file_refused",
    "Files are not taken here: an object with 'path' and 'meta' is a file to Gradio.",
    "Send what is in the file. An object that is meant as data can be sent as its JSON text.",
)
NO_JSON = Refusal(422, "invalid_json", "The body is no JSON.", "Send a JSON object, in UTF-8.")
NOT_AS_FORM = Refusal(415, "json_only", "The body must be JSON.", "Send it with Content-Type: application/json.")
TOO_NESTED = Refusal(422, "too_deep", "The body nests too deep.", "Send the inner part as its JSON text.")


class GradioInputs:
    """Wraps an ASGI application that Gradio is part of.

    Args:
        folder: the only one whose files are handed out.
    """

    def __init__(self, app: Application, folder: Path) -> None:
        self._application = app
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            is_asked = scope["type"] == "http" and scope["method"] != "HEAD"
            await self._application(scope, receive, in_our_words(scope["path"], send) if is_asked else send)
            return
        path: str = scope["path"]
        if path.startswith(SHUT) or (path.startswith(FILE_PREFIXES) and not self._is_ours(path)):
            await NOT_SERVED.response(path)(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await self._application(scope, receive, send)
        elif Headers(scope=scope).get("content-type", "").lower().startswith(("multipart/", "application/x-www-form")):
            await NOT_AS_FORM.response(path)(scope, receive, send)
        else:
            await self._with_body(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":  # Its sender left, or was refused.
                await self._application(scope, _replayed(message, receive), send)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        refusal = _refusal_of(bytes(body))
        if refusal is not None:
            await refusal.response(scope["path"])(scope, receive, send)
            return
        whole: Message = {"type": "http.request", "body": bytes(body), "more_body": False}
        kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
        headers = [*kept, (b"content-length", str(len(body)).encode())]
        await self._application({**scope, "headers": headers}, _replayed(whole, receive), send)

    def _is_ours(self, path: str) -> bool:
        asked = path.removeprefix(FILE_PREFIXES[0]).removeprefix(FILE_PREFIXES[1])
        if "\0" in asked or "://" in asked:
            return False
        try:
            file = Path(asked).resolve()
            return file.is_relative_to(self._folder) and file.is_file()
        except OSError:
            return False


def _refusal_of(body: bytes) -> Refusal | None:
    """Read as Gradio will read it, so that nothing is another thing to it."""
    if not body:
        return None
    try:
        value: Any = json.loads(body)
        return FILE_REFUSED if holds_file_object(value) else None
    except (RecursionError, TooDeep):
        return TOO_NESTED
    except ValueError:  # Text in no known encoding too.
        return NO_JSON


def _replayed(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
