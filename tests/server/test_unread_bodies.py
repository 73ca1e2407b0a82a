"""Bodies that are not read: what is the matter is said, with the header that was meant."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from openarc_ui.server.unread_bodies import JSON_HEADER
from tests.server.conftest import Served
from tests.server.test_routes import problem

GENERATE, CHAT = "/generate/text", "/v1/chat/completions"
HELLO = b'{"prompt": "hello"}'
JSON = "application/json"


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "x" * 500])
def test_json_that_is_not_sent_as_json_is_not_read_and_the_header_is_shown(served: Served, kind: str) -> None:
    for path in (GENERATE, "/model/load", "/tokenize"):
        told = problem(served.client.post(path, content=HELLO, headers={"content-type": kind}), 415)
        assert told["code"] == "json_only" and JSON_HEADER in told["hint"]
        assert kind[:50] in told["detail"] and len(told["detail"]) < 200
    assert served.engine.status().default_model == "script"


def test_a_body_without_any_content_type_is_not_read_either(served: Served) -> None:
    told = problem(served.client.post(GENERATE, content=HELLO), 415)
    assert told["detail"] == "The body says no Content-Type."


def test_below_v1_it_is_said_as_openai_does(served: Served) -> None:
    answer = served.client.post(CHAT, content=HELLO, headers={"content-type": "application/x-www-form-urlencoded"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (415, "json_only", "invalid_request_error")
    assert JSON_HEADER in error["message"]


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", "application/vnd.x+json"])
def test_json_by_any_of_its_names_is_read(served: Served, kind: str) -> None:
    assert served.client.post(GENERATE, content=HELLO, headers={"content-type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        (b'{"prompt": "h\xff"}', {}, 400, "The body is not UTF-8: byte 14 is 0xff."),
        (gzip.compress(HELLO), {"content-encoding": "gzip"}, 415, "The body is compressed, which is not read here."),
        (gzip.compress(HELLO), {}, 415, "The body is compressed, which is not read here."),
        (HELLO, {"content-encoding": "br"}, 200, ""),
        (b"{", {"content-encoding": "br"}, 415, "The body is compressed, which is not read here."),
        (b'{"prompt": ' + b"[" * 100_000, {}, 400, "The body is nested too deeply."),
        (b'{"max_new_tokens": ' + b"1" * 5000 + b"}", {}, 400, "The body has a number of too many digits."),
    ],
)
def test_what_can_not_be_read_says_why(
    served: Served, content: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    for path in (GENERATE, "/v1/completions"):
        answer = served.client.post(path, content=content, headers={"content-type": JSON, **headers})
        assert answer.status_code == status
        told = (
            answer.json()["error"]["message"] if path.startswith("/v1") and words else answer.json().get("detail", "")
        )
        assert told.startswith(words)
