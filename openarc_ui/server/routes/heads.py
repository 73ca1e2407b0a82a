"""HEAD wherever there is a GET: the same answer without its body, which the web server leaves out."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute


def add_heads(router: APIRouter) -> None:
    """Add HEAD beside each GET that the router has so far. OpenAPI says nothing of it: a GET implies it."""
    gets = [route for route in router.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    for route in gets:
        router.add_api_route(
            route.path,
            route.endpoint,
            methods=["HEAD"],
            response_model=None,
            response_class=route.response_class,
            include_in_schema=False,
        )
