"""What is asked for that no route has: unknown query parameters, methods and paths, each told with the nearest right name.

It knows no route; it reads those it is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, get_origin

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from openarc_ui.errors import InvalidRequest, nearest
from openarc_ui.server.openai.errors import PREFIX as OPENAI
from openarc_ui.server.openai.errors import error_body
from openarc_ui.server.problems import PLAIN, refusal
from openarc_ui.server.unknown_paths import ELSEWHERE

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def refuse_unknown_queries(request: Request) -> None:
    """A dependency of every route: a misspelt parameter would leave the default in force, which may mean everything.

    Raises:
        InvalidRequest: with the nearest right name; also for a parameter that is given twice and is no list.
    """
    known = _query_parameters(getattr(request.scope.get("route"), "dependant", None))
    for name in request.query_params:
        if name not in known:
            hint = nearest(name, known) or "It takes none in the address."
            raise InvalidRequest(f"There is no query parameter '{name}'.", hint)
        if len(request.query_params.getlist(name)) > 1 and not known[name]:
            raise InvalidRequest(f"The query parameter '{name}' is there twice.", "Leave one of them out.")


def _query_parameters(dependant: Any) -> dict[str, bool]:
    """Name -> may be there several times, of a route and of what it depends on; also what a dependency reads by itself."""
    known: dict[str, bool] = {
        parameter.alias: get_origin(parameter.field_info.annotation) in (list, tuple)
        for parameter in getattr(dependant, "query_params", ())
    }
    known |= getattr(getattr(dependant, "call", None), "query_names", {})
    for below in getattr(dependant, "dependencies", ()):
        known |= _query_parameters(below)
    return known


async def refuse_a_body(request: Request) -> None:
    """A dependency of routes that read no body: one that was sent all the same was meant to say something.

    Raises:
        InvalidRequest: there is one.
    """
    if (await request.body()).strip():
        raise InvalidRequest("This route takes no body.", "Leave it out.")


NO_BODY: Any = Depends(refuse_a_body)


def refuse_the_rest(api: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Below the first parts of the API's paths, answer what no route takes. Everything else is left to the page.

    Call it after the last route was added: routes are tried in their order.

    Args:
        routers: those of the application, none inside another.
    """
    taken: dict[str, set[str]] = defaultdict(set)
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute):
            taken[route.path] |= route.methods or set()
    for path, methods in taken.items():
        others = [method for method in METHODS if method not in methods]
        api.add_route(path, _not_allowed(sorted(methods)), methods=others, include_in_schema=False)
    families = sorted({path.split("/")[1] for path in taken if path.count("/") > 1})
    for path in [each.removeprefix(OPENAI) for each in taken if each.startswith(f"{OPENAI}/")]:
        if path not in taken and path.split("/")[1] not in families:
            api.add_route(path, _without_prefix, methods=list(METHODS), include_in_schema=False)
    for family in families:
        if f"/{family}" not in taken:
            api.add_route(f"/{family}", _not_found(list(taken)), methods=list(METHODS), include_in_schema=False)
        api.add_route(
            f"/{family}/{{rest:path}}", _not_found(list(taken)), methods=list(METHODS), include_in_schema=False
        )


def _not_allowed(methods: list[str]) -> Any:
    async def answer(request: Request) -> JSONResponse:
        code, hint = PLAIN[405]
        words = f"{request.url.path} does not take {request.method}; it takes {', '.join(methods)}."
        return JSONResponse(refusal(request.url.path, 405, words, code, hint), 405, {"Allow": ", ".join(methods)})

    return answer


async def _without_prefix(request: Request) -> JSONResponse:
    """A client of OpenAI's was given the address without /v1."""
    code, _ = PLAIN[404]
    words = f"There is no route '{request.url.path}'."
    return JSONResponse(error_body(404, words, code, f"Add {OPENAI} to the base URL."), 404)


def _not_found(paths: list[str]) -> Any:
    async def answer(request: Request) -> JSONResponse:
        code, hint = PLAIN[404]
        path = request.url.path[:200]
        near = (
            f"The base URL ends here; clients add a path such as {OPENAI}/models."
            if path == OPENAI
            else ELSEWHERE.get(path.removeprefix(OPENAI)) or nearest(path, paths)
        )
        near = near if not near.startswith("Known names") else hint
        return JSONResponse(refusal(path, 404, f"There is no route '{path}'.", code, near), 404)

    return answer
