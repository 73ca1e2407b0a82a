"""A Hub of our own for each test, and content that is no pattern, so that a wrong offset shows."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.hub_server import HubServer


def noise(size_bytes: int, seed: int = 0) -> bytes:
    """The same bytes for the same seed."""
    return random.Random(seed).randbytes(size_bytes)


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    """A Hub that is reachable."""
    with HubServer() as server:
        yield server
