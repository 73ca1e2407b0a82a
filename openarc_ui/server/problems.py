"""Errors as HTTP answers: one body for all, one table from error to status.

    {"detail": what went wrong, "code": a stable word, "hint": what to do next}

`detail` is what clients of the first OpenArc read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from openarc_ui import errors
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.compile_cache import CacheFolderUnusable
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.places import Places
from openarc_ui.errors import OpenArcError
from openarc_ui.server.openai.errors import (
    OpenAIProblem,
    ParameterRefused,
    ParameterWrong,
    StructureWrong,
    as_parameter_error,
    error_body,
    is_openai,
    openai_problem,
    openai_status,
    param_at,
)
from openarc_ui.server.unread_bodies import not_sent_as_json, unreadable
from openarc_ui.tuning.quality.scoring import ScoreFailed

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OpenArcError], int] = {
    errors.InvalidRequest: 422,
    errors.ParameterNotSupported: 422,
    ParameterWrong: 422,
    ParameterRefused: 422,
    StructureWrong: 422,
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
    errors.EngineReserved: 503,
    errors.TuningRunNotFound: 404,
    errors.TuningConfigurationNotFound: 404,
    errors.TuningBusy: 409,
    errors.TuningFolderUnusable: 503,
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
    ScoreFailed: 500,
    errors.ModelExists: 409,
    errors.ModelInUse: 409,
    errors.TaskNotFound: 404,
    errors.ModelFolderUnusable: 503,
    errors.HubUnreachable: 503,
    errors.HubModelNotFound: 404,
    errors.HubAccessDenied: 403,
    errors.DownloadFailed: 502,
    errors.ConversionFailed: 500,
    errors.StarterUnavailable: 503,
    errors.SettingsError: 500,
}
RETRY_AFTER_SECONDS = {errors.EngineBusy: 1, errors.EngineReserved: 30, errors.EngineClosed: 10}
REASONS = {
    400: "The host name is not served, or the body can't be read at all",
    401: "An API key is needed",
    403: "The request comes from another site, or its key is not for administration",
    404: "No such thing",
    405: "The path does not take this method",
    408: "The body came too slowly, or stopped",
    409: "Not in the state things are in",
    413: "Too long",
    415: "The body is not sent as JSON, or is compressed",
    422: "The request is wrong",
    429: "This key has asked too often, or this address with wrong ones",
    500: "It failed",
    502: "The worker died",
    503: "Busy, or not ready",
    504: "It took longer than a request may",
}
ANYWHERE = (400, 401, 403, 413, 422, 429, 500)
"""What every route can answer: the guard's five, a wrong parameter, and a mistake of ours."""
WITH_A_BODY = (408, 415)
"""What every route that takes a body can answer too."""
CLIENT_LEFT = 499
"""Nobody reads it; nginx's number for it keeps a log readable."""
PLAIN = {
    400: ("http_error", "See /openapi.json for what is expected."),
    404: ("not_found", "/openapi.json lists every route."),
    405: ("method_not_allowed", "/openapi.json lists the methods of every route."),
}
"""Status -> (code, hint) of what the web framework refuses itself."""


class Problem(BaseModel):
    """The body of every error."""

    detail: str = Field(description="What went wrong.", examples=["No model is loaded."])
    code: str = Field(description="A stable word for programs.", examples=["model_not_loaded"])
    hint: str = Field(
        description="What to do next; may be empty.", examples=["Load one with POST /model/load or in the Load tab."]
    )
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


def documented_for_openai(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route of OpenAI's API."""
    known = sorted({400, 401, 403, 413, 429, 500, *statuses})
    shown: dict[int | str, dict[str, Any]] = {
        status: {"model": OpenAIProblem, "description": REASONS.get(status, "Error")} for status in known
    }
    # Without a word about 4XX, FastAPI would document a 422 of its own.
    return {**shown, "4XX": {"model": OpenAIProblem, "description": "The request is wrong"}}


def respond(error: OpenArcError, places: Places | None = None) -> JSONResponse:
    """An error as a response, without the paths of these places."""
    body = problem_of(error)
    return JSONResponse(places.hidden(body) if places is not None else body, STATUS[type(error)], _headers(error))


def respond_to_openai(error: OpenArcError, places: Places | None = None, param: str | None = None) -> JSONResponse:
    """The same as OpenAI's clients read it.

    Args:
        param: which parameter is to blame, where the error does not say it itself.
    """
    status = openai_status(error, STATUS[type(error)])
    body = openai_problem(error, status, param)
    return JSONResponse(places.hidden(body) if places is not None else body, status, _headers(error))


def openai_body_of(error: OpenArcError, param: str | None = None) -> dict[str, Any]:
    """The body of an error in the middle of a stream of OpenAI's API."""
    return openai_problem(error, openai_status(error, STATUS[type(error)]), param)


def _headers(error: OpenArcError) -> dict[str, str] | None:
    """When to try again, where that can be said."""
    seconds = (
        error.retry_after_seconds if isinstance(error, errors.RateLimited) else RETRY_AFTER_SECONDS.get(type(error))
    )
    return None if seconds is None else {"Retry-After": str(seconds)}


def refusal(path: str, status: int, detail: str, code: str, hint: str) -> dict[str, Any]:
    """The body of a refusal that is no OpenArcError, in the form that is read at its path."""
    if is_openai(path):
        return error_body(status, detail, code, hint)
    return {"detail": detail, "code": code, "hint": hint}


def install_handlers(api: FastAPI, places: Places | None = None) -> None:
    """Every error that can leave a route leaves it in the one body; below /v1 in OpenAI's.

    Args:
        places: folders of this machine whose paths no answer shows.
    """

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OpenArcError)
        path = request.url.path
        return respond_to_openai(error, places, param_at(path, error)) if is_openai(path) else respond(error, places)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        refused = not_sent_as_json(request, error)
        if refused is not None:
            return refused.response(request.url.path)
        problems = error.errors()
        explained = explain(problems, _known_fields(request))
        if not is_openai(request.url.path):
            return respond(explained, places)
        first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
        return respond_to_openai(as_parameter_error(explained, first), places)

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refused = unreadable(request, error)
        if refused is not None:
            return refused.response(request.url.path)
        code, hint = PLAIN.get(error.status_code, ("http_error", "See /openapi.json for what is expected."))
        body = refusal(request.url.path, error.status_code, _sentence(str(error.detail)), code, hint)
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("unexpected error in a route", exc_info=error)
        words = ("OpenArc made a mistake.", "internal_error", "The server's log has the details.")
        return JSONResponse(refusal(request.url.path, 500, *words), status_code=500)

    async def left(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_LEFT)

    api.add_exception_handler(OpenArcError, ours)
    api.add_exception_handler(ClientDisconnect, left)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(HTTPException, plain)
    api.add_exception_handler(Exception, unexpected)


def _sentence(words: str) -> str:
    """With a mark at its end; the framework's own words have none."""
    return words if words.endswith((".", "?", "!")) else f"{words}."


def _known_fields(request: Request) -> dict[str, Sequence[str]]:
    """Field names of the route's body and of the objects in it, by path; list positions are `*`."""
    route = request.scope.get("route")
    body_field = getattr(route, "body_field", None)
    annotation = getattr(getattr(body_field, "field_info", None), "annotation", None)
    return fields_by_path(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}
