"""Bodies that nobody should send, to every route that takes one: each is answered, none is a mistake of the server."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.fuzz.conftest import Fuzzed
from tests.fuzz.routes import JSON, REAL_ONLY, SLOW, Route, positions, replaced, routes_with_bodies
from tests.fuzz.schemathesis_hooks import MEANT

WEB_STATUSES = frozenset({400, 404, 405, 408, 413, 414, 415, 422, 431})
"""What HTTP itself has for requests that can't be read; no operation needs to list them."""
WRONG_VALUES: tuple[Any, ...] = (
    None, True, -1, 10**30, 1.5, float("nan"), float("-inf"), 1e308, "", "\x00", "\ud800", "\u202e💥", "a" * 100_000,
    [], {}, [None] * 1000, {"": {"": []}}, {"__class__": {"__init__": 1}}, [[[[[[[[]]]]]]]],
)  # fmt: skip
WRONG_AT_EACH_PLACE = 7
DEPTH = 100_000
QUESTION = b'{"conversation": [{"role": "user", "content": "hello"}], "max_new_tokens": 3}'
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \r\n\t" * 100,
    "deep arrays without an end": b"[" * DEPTH,
    "deep arrays": b"[" * DEPTH + b"]" * DEPTH,
    "deep objects": b'{"conversation":' * DEPTH + b"1" + b"}" * DEPTH,
    "deep arrays in a field": b'{"conversation": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "a number of 5000 digits": b'{"max_new_tokens": ' + b"9" * 5000 + b"}",
    "an exponent beyond all numbers": b'{"temperature": 1e999999999}',
    "not a number": b'{"temperature": NaN}',
    "infinity": b'{"temperature": -Infinity}',
    "a text of two million characters": b'{"model": "' + b"x" * 2_000_000 + b'"}',
    "a name of two million characters": b'{"' + b"x" * 2_000_000 + b'": 1}',
    "a thousand fields": json.dumps({f"field {n}": n for n in range(1000)}).encode(),
    "every name twice": QUESTION[:-1] + b", " + QUESTION[1:],
    "ten thousand times the same name": b'{"model": 1' + b', "model": 1' * 10_000 + b"}",
    "a byte order mark": b"\xef\xbb\xbf" + QUESTION,
    "UTF-16": QUESTION.decode().encode("utf-16"),
    "UTF-32": QUESTION.decode().encode("utf-32"),
    "half of a surrogate pair": rb'{"model": "\ud83d", "\udfff": "\ud83d\ud83d"}',
    "a surrogate as bytes": b'{"model": "\xed\xa0\x80"}',
    "no UTF-8": b'{"model": "\xff\xfe\xfd"}',
    "an overlong NUL": b'{"model": "\xc0\x80"}',
    "an overlong slash": b'{"model": "\xe0\x80\xaf"}',
    "a NUL as it is": b'{"model": "a\x00b"}',
    "an escaped NUL": rb'{"model": "a\u0000b"}',
    "a line break in a text": b'{"model": "a\nb"}',
    "nothing but NULs": b"\x00" * 10_000,
    "no JSON": b"conversation=hello&model=script",
    "a Python literal": b"{'conversation': None}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
    "two values": QUESTION + QUESTION,
    "a comma too many": QUESTION[:-1] + b",}",
    "a comment": b"/* */" + QUESTION,
    "packed and not said so": gzip.compress(QUESTION),
    "a text": b'"conversation"',
    "null": b"null",
    "minus zero": b"-0",
}
HEADERS: dict[str, dict[str, str]] = {
    "packed": {"content-type": JSON, "content-encoding": "gzip"},
    "said to be packed and not": {"content-type": JSON, "content-encoding": "br, gzip, deflate"},
    "no type": {},
    "an empty type": {"content-type": ""},
    "text": {"content-type": "text/plain"},
    "XML": {"content-type": "application/xml"},
    "a form": {"content-type": "application/x-www-form-urlencoded"},
    "parts without a border": {"content-type": "multipart/form-data"},
    "parts": {"content-type": "multipart/form-data; boundary=x"},
    "UTF-16": {"content-type": "application/json; charset=utf-16"},
    "an unknown encoding": {"content-type": "application/json; charset=klingon"},
    "rubbish": {"content-type": ";;;===,,,///" * 500},
    "two": {"content-type": "application/json, text/html"},
}
SETTINGS = settings(
    derandomize=True, deadline=None, database=None, max_examples=60, suppress_health_check=list(HealthCheck)
)
ANY_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(some.characters()),
    lambda inside: some.lists(inside, max_size=4) | some.dictionaries(some.text(max_size=8), inside, max_size=4),
    max_leaves=20,
)


def assert_meant(answer: httpx.Response, route: Route, what: object) -> None:
    """An answer is one that is described, in the one body of errors, or one of HTTP's own."""
    told = f"{route}, {str(what)[:200]}: {answer.status_code} {answer.text[:500]}"
    assert route.describes(answer.status_code) or answer.status_code in WEB_STATUSES, told
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == JSON, told
        body = answer.json()
        error = body.get("error", body)
        assert isinstance(error.get("message", error.get("detail")), str) and isinstance(error["code"], str), told
        if answer.status_code >= 500:
            assert error["code"] in MEANT.get(answer.status_code, ()), told
        assert len(answer.content) < 5000, f"it echoes too much: {told}"


def post(fuzzed: Fuzzed, route: Route, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """A body to a route."""
    given_headers = {"content-type": JSON} if headers is None else headers
    return fuzzed.client.request(route.method, route.path, content=content, headers=given_headers)


def as_bytes(value: Any) -> bytes:
    """JSON, also of what JSON has not: NaN and halves of pairs."""
    return json.dumps(value).encode()


@pytest.fixture
def routes(fuzzed: Fuzzed) -> list[Route]:
    """Every route that takes a body."""
    found = routes_with_bodies(fuzzed)
    assert len(found) > 20
    return found


def test_a_wrong_value_at_any_place_of_a_body(fuzzed: Fuzzed, routes: list[Route]) -> None:
    values = itertools.cycle(WRONG_VALUES)
    for route in routes:
        for place in positions(route.body):
            for wrong in itertools.islice(values, WRONG_AT_EACH_PLACE):
                answer = post(fuzzed, route, as_bytes(replaced(route.body, place, wrong)))
                assert_meant(answer, route, (place, wrong))


def test_the_bodies_that_are_made_wrong_were_right(fuzzed: Fuzzed, routes: list[Route]) -> None:
    right = [route for route in routes if route.path not in SLOW | REAL_ONLY and route.body is not None]
    answers = [(route, post(fuzzed, route, as_bytes(route.body))) for route in right]
    refused = [f"{route}: {answer.text}" for route, answer in answers if answer.status_code in (400, 422)]
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_can_not_be_read(fuzzed: Fuzzed, routes: list[Route], name: str) -> None:
    for route in routes:
        assert_meant(post(fuzzed, route, BODIES[name]), route, name)


@pytest.mark.parametrize("name", HEADERS)
def test_a_body_that_is_not_what_it_says(fuzzed: Fuzzed, routes: list[Route], name: str) -> None:
    for route in routes:
        content = gzip.compress(as_bytes(route.body)) if name == "packed" else as_bytes(route.body)
        if route.path not in SLOW:
            assert_meant(post(fuzzed, route, content, HEADERS[name]), route, name)


def test_a_body_that_ends_anywhere(fuzzed: Fuzzed, routes: list[Route]) -> None:
    for route in routes:
        whole = as_bytes(route.body)
        for length in range(0, len(whole), max(1, len(whole) // 12)):
            assert_meant(post(fuzzed, route, whole[:length]), route, whole[:length])


def test_a_body_above_the_limit_is_refused_everywhere(fuzzed: Fuzzed, routes: list[Route]) -> None:
    for route in routes:
        answer = post(fuzzed, route, b'{"a": "' + b"x" * (9 * 2**20) + b'"}')
        assert_meant(answer, route, "9 MB")
        assert answer.status_code == 413, f"{route}: {answer.status_code}"


def test_any_json_anywhere(fuzzed: Fuzzed, routes: list[Route]) -> None:
    quick = [route for route in routes if route.path not in SLOW]

    @SETTINGS
    @given(some.sampled_from(quick), some.data())
    def ask(route: Route, data: some.DataObject) -> None:
        place = data.draw(some.sampled_from(list(positions(route.body))))
        body = as_bytes(replaced(route.body, place, data.draw(ANY_JSON)))
        assert_meant(post(fuzzed, route, body), route, body)

    ask()


def test_any_bytes_anywhere(fuzzed: Fuzzed, routes: list[Route]) -> None:
    @SETTINGS
    @given(some.sampled_from(routes), some.binary(max_size=200), some.integers(0, 400))
    def ask(route: Route, noise: bytes, where: int) -> None:
        whole = as_bytes(route.body)
        body = whole[:where] + noise + whole[where + len(noise) :]
        assert_meant(post(fuzzed, route, body), route, body)

    ask()
