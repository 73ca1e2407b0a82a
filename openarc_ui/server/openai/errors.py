"""Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code", "hint"}}. Every error below /v1 has this body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openarc_ui import errors
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.errors import OpenArcError

PREFIX = "/v1/"
STATUS: Mapping[type[OpenArcError], int] = {
    errors.InvalidRequest: 400,
    errors.ParameterNotSupported: 400,
    errors.PromptTooLong: 400,
    errors.TemplateRefused: 400,
    errors.StructureRejected: 400,
    errors.ModelNotLoaded: 404,
}
"""Where OpenAI answers with another status than OpenArc's own routes."""
CODES: Mapping[type[OpenArcError], str] = {
    errors.PromptTooLong: "context_length_exceeded",
    errors.ModelNotLoaded: "model_not_found",
    errors.RateLimited: "rate_limit_exceeded",
}
"""Where OpenAI has a word of its own that clients look for."""
KINDS: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def is_openai(path: str) -> bool:
    """Whether what is answered at a path is read by OpenAI's clients."""
    return path.startswith(PREFIX)


def error_body(status: int, message: str, code: str, hint: str = "", param: str | None = None) -> dict[str, Any]:
    """The body of an error. Clients show `message` alone, so the hint is in it too."""
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    whole = f"{message} {hint}".strip()
    return {"error": {"message": whole, "type": kind, "param": param, "code": code, "hint": hint}}


def openai_problem(error: OpenArcError, status: int, param: str | None = None) -> dict[str, Any]:
    """The body for an error of ours. What quotes a text that is none, such as half of a surrogate pair, shows ? for it."""
    message, hint = (
        without_long_echoes(text.encode("utf-8", "replace").decode("utf-8")) for text in (error.message, error.hint)
    )
    return error_body(status, message, CODES.get(type(error), error.code), hint, param)
