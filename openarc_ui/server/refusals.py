"""What the guard answers in place of the application: one table, in OpenAI's form below /v1 and in ours elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from openarc_ui.server.openai.errors import error_body, is_openai


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request ends here.

    Attributes:
        openai_code: the word OpenAI has for it, where it has one.
    """

    status: int
    code: str
    detail: str
    hint: str
    openai_code: str = ""

    def response(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """It as the answer to a request for a path."""
        if is_openai(path):
            body = error_body(self.status, self.detail, self.openai_code or self.code, self.hint)
        else:
            body = {"detail": self.detail, "code": self.code, "hint": self.hint}
        return JSONResponse(body, self.status, dict(headers or {}))


BAD_HOST = Refusal(
    400, "bad_host", "This host name is not served here.", "Use the server's address, or start it with --allowed-hosts."
)
CROSS_ORIGIN = Refusal(
    403,
    "cross_origin",
    "Requests from other sites are not served.",
    "Call it from a program, or start it with --allowed-origins.",
)
NOT_SERVED = Refusal(404, "not_found", "This is not served here.", "/openapi.json lists every route.")
UNAUTHORIZED = Refusal(
    401,
    "unauthorized",
    "An API key is needed.",
    "Send it as 'Authorization: Bearer <key>' or 'X-API-Key: <key>', never in the address.",
    "invalid_api_key",
)
WRONG_KEY = Refusal(
    401, "unauthorized", "That is not the key.", "Look at what the server was started with.", "invalid_api_key"
)
TOO_MANY_GUESSES = Refusal(
    429,
    "too_many_wrong_keys",
    "Too many wrong keys came from this address.",
    "Wait a minute; a session of the page goes on.",
    "rate_limit_exceeded",
)
TOO_LARGE = Refusal(
    413, "too_large", "The body is larger than this server takes.", "Send less, or start it with --max-body-megabytes."
)
TOO_SLOW = Refusal(408, "body_too_slow", "The body came too slowly, or stopped.", "Send it again, whole.")
TOO_MANY_CONNECTIONS = Refusal(
    503, "too_many_connections", "As many connections are open as this server takes.", "Try again in a moment."
)
ALL = (
    BAD_HOST,
    CROSS_ORIGIN,
    NOT_SERVED,
    UNAUTHORIZED,
    WRONG_KEY,
    TOO_MANY_GUESSES,
    TOO_LARGE,
    TOO_SLOW,
    TOO_MANY_CONNECTIONS,
)
