"""Who may do what from the page: functions that administer want the administration key, those that generate are counted.

Gradio runs whatever a client names, shown or hidden, so the function itself is wrapped and nothing relies on a button.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import gradio as gr

from openarc_ui.access import ROLE_HEADER, Access, Role
from openarc_ui.ui.api_errors import as_gradio_error

ASKED_BY = "asked_by"
"""The parameter of a wrapped function that Gradio fills with the request."""
MARK = "openarc_right"
"""Attribute of a wrapped function: what it administers, or COUNTED."""
COUNTED = "counted"
NOTE = "Loading and unloading need the administration key."


class Rights:
    """The rules of one server, for functions that Gradio calls."""

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or Access()

    def may_administer(self, request: gr.Request | None) -> bool:
        """Whether a page is to offer what needs the administration key."""
        return self._access.role_of(headers_of(request)) is Role.ADMINISTRATOR

    def require(self, action: str, request: gr.Request | None) -> None:
        """See that a request may administer.

        Args:
            action: what it wants, as the subject of a sentence: "Loading a model".

        Raises:
            AdministratorNeeded: its key is for use only.
        """
        self._access.require_administrator(headers_of(request), action)

    def count(self, request: gr.Request | None) -> None:
        """Count a request that makes a model work.

        Raises:
            RateLimited: its key has asked too often.
        """
        self._access.count(headers_of(request))

    def administers(self, action: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, for those alone who may administer; others get the sentence as Gradio's error."""
        return _after(functools.partial(self.require, action), function, action)

    def counts(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, each call of which is counted; too many get the sentence as Gradio's error."""
        return _after(self.count, function, COUNTED)


def headers_of(request: gr.Request | None) -> Mapping[str, str]:
    """A request's headers. A call that came with none came past the guard, and may use but not administer."""
    return {ROLE_HEADER: Role.USER} if request is None else request.headers


def right_of(function: Callable[..., Any]) -> str | None:
    """What a wrapped function administers, or COUNTED; None for one that is not wrapped."""
    return getattr(function, MARK, None)


def _after(check: Callable[[gr.Request | None], None], function: Callable[..., Any], mark: str) -> Callable[..., Any]:
    """The function with one more parameter in front, the request, which is checked first."""

    def checked(asked_by: gr.Request | None) -> None:
        with as_gradio_error():
            check(asked_by)

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def streamed(asked_by: gr.Request, *given: Any, **named: Any) -> AsyncIterator[Any]:
            checked(asked_by)
            async with contextlib.aclosing(function(*given, **named)) as values:
                async for value in values:
                    yield value

        return _described(streamed, function, mark)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def answered(asked_by: gr.Request, *given: Any, **named: Any) -> Any:
            checked(asked_by)
            return await function(*given, **named)

        return _described(answered, function, mark)

    @functools.wraps(function)
    def called(asked_by: gr.Request, *given: Any, **named: Any) -> Any:
        checked(asked_by)
        return function(*given, **named)

    return _described(called, function, mark)


def _described(wrapper: Callable[..., Any], function: Callable[..., Any], mark: str) -> Callable[..., Any]:
    """The wrapper with the function's parameters behind its own, as Gradio reads them."""
    own = inspect.Parameter(ASKED_BY, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    signature = inspect.signature(function)
    described: Any = wrapper
    described.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])
    described.__annotations__ = {ASKED_BY: gr.Request, **typing.get_type_hints(function, include_extras=True)}
    setattr(described, MARK, mark)
    return wrapper
