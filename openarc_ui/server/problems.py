"""Errors as HTTP answers: one body for all, one table from error to status.

    {"detail": what went wrong, "code": a stable word, "hint": what to do next}

`detail` is what clients of the first OpenArc read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from openarc_ui import errors
from openarc_ui.errors import OpenArcError, nearest

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OpenArcError], int] = {
    errors.InvalidRequest: 422,
    errors.ParameterNotSupported: 422,
    errors.PropertyRejected: 422,
    errors.PromptTooLong: 413,
    errors.ModelNotFound: 404,
    errors.ModelNotLoaded: 409,
    errors.ModelAlreadyLoading: 409,
    errors.ModelLoadFailed: 500,
    errors.LoadCancelled: 409,
    errors.DeviceUnavailable: 422,
    errors.BackendUnavailable: 422,
    errors.EngineBusy: 503,
    errors.EngineClosed: 503,
    errors.GenerationFailed: 500,
    errors.WorkerDied: 502,
    errors.StarterUnavailable: 503,
    errors.SettingsError: 500,
}
RETRY_AFTER_SECONDS = {errors.EngineBusy: 1, errors.EngineClosed: 10}


class Problem(BaseModel):
    """The body of every error."""

    detail: str = Field(description="What went wrong.", examples=["No model is loaded."])
    code: str = Field(description="A stable word for programs.", examples=["model_not_loaded"])
    hint: str = Field(description="What to do next; may be empty.", examples=["Load one first."])


def problem_of(error: OpenArcError) -> dict[str, str]:
    """The body for an error. What quotes a text that is none, such as half of a surrogate pair, shows ? for it."""
    detail, hint = (text.encode("utf-8", "replace").decode("utf-8") for text in (error.message, error.hint))
    return {"detail": detail, "code": error.code, "hint": hint}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these statuses."""
    reasons = {
        404: "No such thing",
        409: "The model is not in a state for that",
        413: "Too long",
        422: "The request is wrong",
    }
    reasons |= {500: "It failed", 502: "The worker died", 503: "Busy, or not ready"}
    return {status: {"model": Problem, "description": reasons.get(status, "Error")} for status in statuses}


def respond(error: OpenArcError) -> JSONResponse:
    """An error as a response."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS[type(error)])} if type(error) in RETRY_AFTER_SECONDS else None
    return JSONResponse(problem_of(error), status_code=STATUS[type(error)], headers=headers)


def install_handlers(api: FastAPI) -> None:
    """Every error that can leave a route leaves it in the one body."""

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OpenArcError)
        return respond(error)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return respond(explain(error.errors(), _known_fields(request)))

    async def plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        body = {"detail": str(error.detail), "code": "http_error", "hint": ""}
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        logger.error("unexpected error in a route", exc_info=error)
        body = {
            "detail": "OpenArc made a mistake.",
            "code": "internal_error",
            "hint": "The server's log has the details.",
        }
        return JSONResponse(body, status_code=500)

    api.add_exception_handler(OpenArcError, ours)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(HTTPException, plain)
    api.add_exception_handler(Exception, unexpected)


def explain(problems: Sequence[Any], known: Mapping[str, Sequence[str]]) -> errors.InvalidRequest:
    """The first problem of a validation as one sentence; an unknown field comes first, with the nearest right name.

    Args:
        known: path of an object in the body ("" for the body itself) -> names of its fields.
    """
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = [str(part) for part in first["loc"] if part != "body"]
    unions = ("list[", "tuple[", "function-", "Message", "constrained-")
    path = ".".join(part for part in where if not part.startswith(unions))
    if first["type"] == "extra_forbidden":
        parent, _, name = path.rpartition(".")
        names = known.get(parent, known.get(_without_numbers(parent), ()))
        return errors.InvalidRequest(
            f"There is no field '{name}'" + (f" in '{parent}'." if parent else "."), nearest(name, names)
        )
    if first["type"] == "json_invalid":
        return errors.InvalidRequest(
            f"The body is not JSON: {first.get('ctx', {}).get('error', 'unreadable')}.", "Check the quotes and commas."
        )
    message = first["msg"].removeprefix("Value error, ")
    return errors.InvalidRequest(
        f"{path}: {message}." if path else f"{message}.", "See /openapi.json for what is expected."
    )


def _without_numbers(path: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in path.split("."))


def _known_fields(request: Request) -> dict[str, Sequence[str]]:
    """Field names of the route's body and of the objects in it, by path; list positions are `*`."""
    route = request.scope.get("route")
    body_field = getattr(route, "body_field", None)
    annotation = getattr(getattr(body_field, "field_info", None), "annotation", None)
    return fields_by_path(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}


def fields_by_path(model: type[BaseModel], path: str = "") -> dict[str, Sequence[str]]:
    """Names of a model's fields and of the models below it."""
    found: dict[str, Sequence[str]] = {path: list(model.model_fields)}
    for name, field in model.model_fields.items():
        below = f"{path}.{name}" if path else name
        for inner, depth in _models_in(field.annotation):
            found |= fields_by_path(inner, below + ".*" * depth)
    return found


def _models_in(annotation: Any, depth: int = 0) -> list[tuple[type[BaseModel], int]]:
    """Pydantic models in an annotation, with how many lists are around each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, depth)]
    origin = getattr(annotation, "__origin__", None)
    inner_depth = depth + 1 if origin in (list, tuple) else depth
    return [found for each in getattr(annotation, "__args__", ()) for found in _models_in(each, inner_depth)]
