"""The routes of a server, built once and handed from test to test with another engine and other stores behind them.

Building them takes longer than most tests here: FastAPI reads the types of 140 routes. Nothing that they were asked stays in
them; what a server remembers is in what stands behind, and that is each test's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI

from openarc_ui.server.api import create_api

BEHIND = ("engine", "startup", "profiles", "conversations", "store", "exposition", "runs", "tasks", "hub", "access")


class StandIn:
    """Every use of it is a use of what is behind it at that moment; before there is anything, its parts stand in too."""

    def __init__(self) -> None:
        self.behind: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Part(self, name) if self.behind is None else getattr(self.behind, name)


class _Part:
    """An attribute of a stand-in that was read while the routes were built."""

    def __init__(self, whole: StandIn, name: str) -> None:
        self._whole, self._name = whole, name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._now(), name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._now()(*given, **named)

    def _now(self) -> Any:
        assert self._whole.behind is not None, f"{self._name} is used while the routes are built"
        return getattr(self._whole.behind, self._name)


class Applications:
    """Those that were built and serve nobody now, by whether they say that a key is needed."""

    def __init__(self) -> None:
        self._free: dict[bool, list[tuple[FastAPI, dict[str, StandIn]]]] = {False: [], True: []}
        self._give_back(False, self._built(False))

    @contextmanager
    def over(self, needs_key: bool, **behind: Any) -> Iterator[FastAPI]:
        """One over these, for as long as it is needed; of two at the same time each is its own."""
        built = self._free[needs_key].pop() if self._free[needs_key] else self._built(needs_key)
        application, stand_ins = built
        assert behind.keys() == stand_ins.keys()
        for name, value in behind.items():
            stand_ins[name].behind = value
        yield application
        self._give_back(needs_key, built)

    @staticmethod
    def _built(needs_key: bool) -> tuple[FastAPI, dict[str, StandIn]]:
        stand_ins = {name: StandIn() for name in BEHIND}
        given: dict[str, Any] = {**stand_ins}
        return create_api(**given, needs_key=needs_key), stand_ins

    def _give_back(self, needs_key: bool, built: tuple[FastAPI, dict[str, StandIn]]) -> None:
        self._free[needs_key].append(built)
