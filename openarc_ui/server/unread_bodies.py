"""Bodies that could not be read at all: sent as something else than JSON, compressed, in no UTF-8, too deep. Says which, and what to do.

A body is read only where its Content-Type says JSON: a page of another site can send any other without asking first.
"""

from __future__ import annotations

import json

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from openarc_ui.server.refusals import Refusal

SHOWN_CHARACTERS = 60
GZIP = b"\x1f\x8b"
JSON_HEADER = "Content-Type: application/json"
AS_JSON = f"Send it with the header '{JSON_HEADER}'; curl: -H '{JSON_HEADER}'."
COMPRESSED = Refusal(
    415,
    "compressed_body",
    "The body is compressed, which is not read here.",
    "Send the JSON as it is, without Content-Encoding.",
)
TOO_DEEP = Refusal(400, "http_error", "The body is nested too deeply.", "Send JSON that is not nested deeply.")
TOO_LONG_NUMBER = Refusal(
    400, "http_error", "The body has a number of too many digits.", "Send numbers of ordinary length."
)
UNREADABLE = Refusal(400, "http_error", "The body can't be read.", "Send a JSON object, in UTF-8.")
ALL = (Refusal(415, "json_only", "The body is not sent as JSON.", AS_JSON), COMPRESSED, UNREADABLE)
"""One of each code, for the reference."""


def not_sent_as_json(request: Request, error: RequestValidationError) -> Refusal | None:
    """Why a body was not looked at; None: it was, and what is wrong is in it."""
    if _is_compressed(request):
        return COMPRESSED
    if not isinstance(error.body, bytes):  # Only what is not read as JSON is still bytes.
        return None
    given = request.headers.get("content-type", "").strip()
    shown = given if len(given) <= SHOWN_CHARACTERS else f"{given[:SHOWN_CHARACTERS]}…"
    how = f"is sent as '{shown}', not as JSON" if given else "says no Content-Type"
    return Refusal(415, "json_only", f"The body {how}.", AS_JSON)


def unreadable(request: Request, error: HTTPException) -> Refusal | None:
    """Why the framework could not read a body; None: the error is about something else."""
    cause = error.__cause__
    if error.status_code != 400 or cause is None:
        return None
    if _is_compressed(request):
        return COMPRESSED
    if isinstance(cause, UnicodeDecodeError):
        return COMPRESSED if cause.object.startswith(GZIP) else _in_no_utf_8(cause)
    if isinstance(cause, RecursionError):
        return TOO_DEEP
    if isinstance(cause, ValueError) and not isinstance(cause, json.JSONDecodeError):
        # Python reads no number of more than 4,300 digits.
        return TOO_LONG_NUMBER
    return UNREADABLE


def _is_compressed(request: Request) -> bool:
    return request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")


def _in_no_utf_8(error: UnicodeDecodeError) -> Refusal:
    byte = error.object[error.start]
    words = f"The body is not UTF-8: byte {error.start + 1} is 0x{byte:02x}."
    return Refusal(400, "http_error", words, "Send the JSON in UTF-8.")
