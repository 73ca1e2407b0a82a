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
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.compile_cache import CacheFolderUnusable
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.places import Places
from openarc_ui.errors import OpenArcError

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OpenArcError], int] = {
    errors.InvalidRequest: 422,
    errors.ParameterNotSupported: 422,
    errors.PropertyRejected: 422,
    errors.PromptTooLong: 413,
    errors.TemplateRefused: 422,
    errors.StructureRejected: 422,
    errors.ModelNotFound: 404,
    errors.ModelNotLoaded: 409,
    errors.ModelAlreadyLoading: 409,
    errors.DoesNotFit: 409,
    errors.ModelLoadFailed: 500,
    errors.LoadCancelled: 409,
    errors.DeviceUnavailable: 422,
    errors.BackendUnavailable: 422,
    errors.AdministratorNeeded: 403,
    errors.RateLimited: 429,
    errors.EngineBusy: 503,
    errors.EngineClosed: 503,
    errors.GenerationFailed: 500,
    errors.WorkerDied: 502,
    errors.TimeLimitReached: 504,
    errors.ConversationNotFound: 404,
    errors.MessageNotFound: 404,
    errors.ConversationsUnusable: 503,
    errors.RequestNotFound: 404,
    errors.MetricsUnreadable: 503,
    errors.ProfileNotFound: 404,
    errors.ProfileExists: 409,
    errors.ProfileFolderUnusable: 500,
    CacheFolderUnusable: 500,
    errors.StarterUnavailable: 503,
    errors.SettingsError: 500,
}
RETRY_AFTER_SECONDS = {errors.EngineBusy: 1, errors.EngineClosed: 10}
REASONS = {
    400: "The host name is not served, or the body can't be read at all",
    401: "An API key is needed",
    403: "The request comes from another site, or its key is not for administration",
    404: "No such thing",
    409: "Not in the state things are in",
    413: "Too long",
    422: "The request is wrong",
    429: "This key has asked too often",
    500: "It failed",
    502: "The worker died",
    503: "Busy, or not ready",
    504: "It took longer than a request may",
}
ANYWHERE = (400, 401, 403, 413, 422, 500)
"""What every route can answer: the guard's four, a wrong parameter, and a mistake of ours."""
PLAIN = {
    400: ("http_error", "Send JSON that is not nested deeply, with numbers of ordinary length."),
    404: ("not_found", "/openapi.json lists every route."),
    405: ("method_not_allowed", "/openapi.json lists the methods of every route."),
}
"""Status -> (code, hint) of what the web framework refuses itself."""


class Problem(BaseModel):
    """The body of every error."""

    detail: str = Field(description="What went wrong.", examples=["No model is loaded."])
    code: str = Field(description="A stable word for programs.", examples=["model_not_loaded"])
    hint: str = Field(description="What to do next; may be empty.", examples=["Load one first."])
    properties: list[str] | None = Field(
        None,
        description="The ov_config properties that are to blame, where that can be told.",
        examples=[["NUM_STREAMS"]],
    )


def problem_of(error: OpenArcError) -> dict[str, Any]:
    """The body for an error. What quotes a text that is none, such as half of a surrogate pair, shows ? for it."""
    detail, hint = (
        without_long_echoes(text.encode("utf-8", "replace").decode("utf-8")) for text in (error.message, error.hint)
    )
    blamed = {"properties": [without_long_echoes(each) for each in error.properties]} if error.properties else {}
    return {"detail": detail, "code": error.code, "hint": hint, **blamed}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these statuses, and those that every route can answer with."""
    return {
        status: {"model": Problem, "description": REASONS.get(status, "Error")}
        for status in sorted({*statuses, *ANYWHERE})
    }


def respond(error: OpenArcError, places: Places | None = None) -> JSONResponse:
    """An error as a response, without the paths of these places."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS[type(error)])} if type(error) in RETRY_AFTER_SECONDS else None
    body = problem_of(error)
    return JSONResponse(places.hidden(body) if places is not None else body, STATUS[type(error)], headers)


def install_handlers(api: FastAPI, places: Places | None = None) -> None:
    """Every error that can leave a route leaves it in the one body.

    Args:
        places: folders of this machine whose paths no answer shows.
    """

    def answer(error: OpenArcError) -> JSONResponse:
        return respond(error, places)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OpenArcError)
        return answer(error)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(explain(error.errors(), _known_fields(request)))

    async def plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code, hint = PLAIN.get(error.status_code, ("http_error", "See /openapi.json for what is expected."))
        body = {"detail": f"{str(error.detail).rstrip('.')}.", "code": code, "hint": hint}
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


def _known_fields(request: Request) -> dict[str, Sequence[str]]:
    """Field names of the route's body and of the objects in it, by path; list positions are `*`."""
    route = request.scope.get("route")
    body_field = getattr(route, "body_field", None)
    annotation = getattr(getattr(body_field, "field_info", None), "annotation", None)
    return fields_by_path(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}
