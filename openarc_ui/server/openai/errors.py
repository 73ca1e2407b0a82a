"""Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code", "hint"}}. Every error below /v1 has this body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from openarc_ui import errors
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.explain import SHOWN_CHARACTERS
from openarc_ui.errors import OpenArcError

PREFIX = "/v1"


class Unsupported(ValueError):
    """Raised by a validator: the value means something that can't be had here. Half a sentence that follows its path."""


class ParameterWrong(errors.InvalidRequest):
    """A parameter has a value that can't be; `param` is its path in the body."""

    def __init__(self, message: str, hint: str = "", properties: tuple[str, ...] = (), *, param: str = "") -> None:
        super().__init__(message, hint, properties)
        self.param = param


class ParameterRefused(errors.ParameterNotSupported):
    """A parameter of OpenAI's API that can't be honoured here; `param` is its path in the body."""

    def __init__(self, message: str, hint: str = "", properties: tuple[str, ...] = (), *, param: str = "") -> None:
        super().__init__(message, hint, properties)
        self.param = param


class StructureWrong(errors.StructureRejected):
    """A schema can't be used; `param` is the path of the schema in the body."""

    def __init__(self, message: str, hint: str = "", properties: tuple[str, ...] = (), *, param: str = "") -> None:
        super().__init__(message, hint, properties)
        self.param = param


STATUS: Mapping[type[OpenArcError], int] = {
    errors.InvalidRequest: 400,
    errors.ParameterNotSupported: 400,
    ParameterWrong: 400,
    ParameterRefused: 400,
    StructureWrong: 400,
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
PARAMS: Mapping[type[OpenArcError], str] = {errors.ModelNotLoaded: "model"}
"""Which parameter an error is about, where it can be only one."""
PROMPTS: Mapping[str, str] = {"/v1/chat/completions": "messages", "/v1/completions": "prompt", "/v1/responses": "input"}
"""Path -> the parameter that holds what may be too long."""
NUMBER_IN_PATH = re.compile(r"\.(\d+)(?=[.']|$)")
IN_QUOTES = re.compile(r"in '[a-z_]+\.[^']*'")
KINDS: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str = Field(description="What went wrong and what to do, one or two sentences.")
    type: str = Field(description="The kind of error.", examples=["invalid_request_error"])
    param: str | None = Field(
        description="Path of the parameter to blame, where there is one.", examples=["messages[0].role"]
    )
    code: str | None = Field(description="A stable word for programs.", examples=["model_not_found"])
    hint: str = Field(description="What to do next, alone; may be empty.")


class OpenAIProblem(BaseModel):
    """The body of every error below /v1."""

    error: ErrorDetail = Field(description="The one error.")


def is_openai(path: str) -> bool:
    """Whether what is answered at a path is read by OpenAI's clients."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


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
    if isinstance(error, errors.PromptTooLong):
        message = (
            f"The prompt is too long: {message[:1].lower()}{message[1:]}"  # LiteLLM and LangChain look for these words.
        )
    named = param or getattr(error, "param", None) or PARAMS.get(type(error))
    return error_body(status, message, CODES.get(type(error), error.code), hint, named)


def param_at(path: str, error: OpenArcError) -> str | None:
    """Which parameter of the route at a path an error is about, where the error does not say it itself."""
    return PROMPTS.get(path) if isinstance(error, errors.PromptTooLong | errors.TemplateRefused) else None


def openai_status(error: OpenArcError, otherwise: int) -> int:
    """The status of an error below /v1."""
    return STATUS.get(type(error), otherwise)


def as_parameter_error(explained: errors.InvalidRequest, problem: Mapping[str, Any]) -> errors.InvalidRequest:
    """What pydantic found wrong in a body, as an error of the parameter.

    Args:
        explained: the problem in words.
        problem: pydantic's own.
    """
    param = None if problem["type"] == "json_invalid" else path_of(problem["loc"])
    reason = problem.get("ctx", {}).get("error")
    is_unsupported = isinstance(reason, Unsupported)
    kind = ParameterRefused if is_unsupported else ParameterWrong
    hint = "" if is_unsupported else explained.hint
    path, separator, rest = explained.message.partition(": ")
    is_placed = param is not None and separator and _with_brackets(path) == param
    message = (
        f"{param}: {rest}" if is_placed else IN_QUOTES.sub(lambda found: _with_brackets(found[0]), explained.message)
    )
    return kind(message, hint, param=param or "")


def _with_brackets(path: str) -> str:
    return NUMBER_IN_PATH.sub(r"[\1]", path)


def path_of(location: Sequence[str | int]) -> str | None:
    """The path of a parameter from the place of a problem in the body: `messages[0].content`; None for the whole."""
    path = ""
    for part in location:
        if part == "body" and not path:
            continue
        if isinstance(part, int):
            path += f"[{part}]"
        elif _is_name(part):
            path += f".{part}" if path else part
    return path.encode("utf-8", "replace").decode()[: SHOWN_CHARACTERS * 2] or None


def _is_name(part: str) -> bool:
    """A field, and no branch of a union, which pydantic puts into a place too."""
    return (
        not any(sign in part for sign in "[]()")
        and not part.startswith(("function-", "constrained-"))
        and part[:1].islower()
    )
