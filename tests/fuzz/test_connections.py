"""Requests that no client library would send, on raw connections: rubbish, lies about lengths, and clients that vanish."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.fuzz.conftest import HEALTH_SECONDS, Fuzzed
from tests.fuzz.wire import chunk, connection, received, request, send, statuses_of

QUESTION = b'{"conversation": [{"role": "user", "content": "hello"}]}'
ENDLESS = b'{"conversation": [{"role": "user", "content": "slow"}], "max_new_tokens": 400}'
ASK = "/generate/text"
JSON = ("Content-Type: application/json",)
CHUNKED = (*JSON, "Transfer-Encoding: chunked")
RUBBISH: dict[str, bytes] = {
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/1.0 without a host": b"GET /health HTTP/1.0\r\n\r\n",
    "HTTP/1.1 without a host": b"GET /health HTTP/1.1\r\n\r\n",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "HTTP/9.9": b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    "random bytes": bytes((n * 37 + 11) % 256 for n in range(5000)),
    "line breaks": b"\r\n" * 10_000,
    "nothing but NULs": b"\x00" * 10_000,
    "an unknown method": b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method of a megabyte": b"A" * 2**20,
    "a path of a megabyte": request("GET", "/" + "a" * 2**20),
    "a query of a megabyte": request("GET", "/health?" + "a" * 2**20),
    "a NUL in the path": b"GET /hea\x00lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an escaped NUL in the path": request("GET", "/conversations/%00%00"),
    "no UTF-8 in the path": request("GET", "/profiles/%ff%fe%c0%80"),
    "a broken escape in the path": request("GET", "/profiles/%zz%"),
    "a way out in the path": request("GET", "/profiles/..%2f..%2f..%2fetc%2fpasswd"),
    "a whole address as the path": request("GET", "http://localhost/health"),
    "the address of another": request("GET", "http://example.invalid/health"),
    "a way to another": b"CONNECT example.invalid:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "200 headers": request("GET", "/health", headers=tuple(f"X-Header-{n}: {n}" for n in range(200))),
    "a header of a megabyte": request("GET", "/health", headers=("X-Long: " + "a" * 2**20,)),
    "a cookie of 60 kB": request("GET", "/health", headers=("Cookie: openarc_owner=" + "a" * 60_000,)),
    "a header without a name": request("GET", "/health", headers=(": value",)),
    "a header without a colon": request("GET", "/health", headers=("no colon here",)),
    "a NUL in a header": request("GET", "/health", headers=("X-Nul: a\x00b",)),
    "no ASCII in a header": request("GET", "/health", headers=("X-Letters: äöü\xff", "Authorization: Bearer \xff\xfe")),
    "two hosts": request("GET", "/health", headers=("Host: example.invalid",)),
    "a host that is none": b"GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "an upgrade to WebSocket": request(
        "GET", "/health", headers=("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    ),
    "an upgrade to HTTP/2": request("GET", "/health", headers=("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings")),
    "a length that is no number": request("POST", ASK, QUESTION, JSON, length="many"),
    "a length below nothing": request("POST", ASK, QUESTION, JSON, length="-5"),
    "a length with a sign": request("POST", ASK, QUESTION, JSON, length=f"+{len(QUESTION)}"),
    "a length beyond all bodies": request("POST", ASK, QUESTION, JSON, length="9" * 40),
    "two lengths": request("POST", ASK, QUESTION, (*JSON, "Content-Length: 3")),
    "a length and chunks": request("POST", ASK, chunk(QUESTION) + b"0\r\n\r\n", CHUNKED, length=5),
    "no length at all": request("POST", ASK, QUESTION, JSON, length=-1),
    "a chunk whose length is no number": request("POST", ASK, b"zz\r\n" + QUESTION, CHUNKED, length=-1),
    "a chunk beyond all bodies": request("POST", ASK, b"f" * 20 + b"\r\n" + QUESTION, CHUNKED, length=-1),
    "a chunk longer than it says": request("POST", ASK, b"5\r\n" + QUESTION + b"\r\n0\r\n\r\n", CHUNKED, length=-1),
    "an unknown transfer": request("POST", ASK, QUESTION, (*JSON, "Transfer-Encoding: rot13"), length=-1),
    "a body with GET": request("GET", "/health", QUESTION, JSON),
    "a body shorter than it says": request("POST", ASK, QUESTION, JSON, length=len(QUESTION) + 5),
    "a body longer than it says": request("POST", ASK, QUESTION + b"}}}}", JSON, length=len(QUESTION)),
    "chunks without an end": request("POST", ASK, chunk(QUESTION), CHUNKED, length=-1),
    "a promise to go on": request("POST", ASK, b"", (*JSON, "Expect: 100-continue"), length=len(QUESTION)),
    "half of the headers": b"POST /generate/text HTTP/1.1\r\nHost: localhost\r\nContent-Ty",
}  # fmt: skip
CLIENTS = 20
SLOW_SECONDS = 3


def health_seconds(fuzzed: Fuzzed) -> float:
    """How long the health check takes on a new connection; the best of three, since other programs run here too."""

    def one() -> float:
        began_at = time.perf_counter()
        with connection(fuzzed.port) as made:
            send(made, request("GET", "/health", headers=("Connection: close",)))
            assert statuses_of(received(made)) == [200]
        return time.perf_counter() - began_at

    return min(one() for _ in range(3))


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_on_a_connection_is_refused_and_costs_nothing(fuzzed: Fuzzed, name: str) -> None:
    for _ in range(2):
        with connection(fuzzed.port) as made:
            send(made, RUBBISH[name])
            statuses = statuses_of(received(made, quiet_seconds=0.1, seconds=0.3))
        assert all(status < 500 for status in statuses), f"{name}: {statuses}"


def test_many_requests_in_one_packet_are_answered_in_their_order(fuzzed: Fuzzed) -> None:
    good, bad = request("POST", ASK, QUESTION, JSON), request("POST", ASK, b"{", JSON)
    with connection(fuzzed.port) as made:
        send(made, (good + request("GET", "/health") + bad) * 10)
        statuses = statuses_of(received(made, statuses=30))
    assert statuses == [200, 200, 422] * 10


def test_a_request_behind_rubbish_is_not_taken_for_one(fuzzed: Fuzzed) -> None:
    smuggled = request("DELETE", "/cache")
    with connection(fuzzed.port) as made:
        send(made, request("POST", ASK, b"0\r\n\r\n" + smuggled, CHUNKED, length=5))
        assert statuses_of(received(made, seconds=1)) in ([], [400])


def test_bodies_that_come_a_byte_a_second_and_then_no_more(fuzzed: Fuzzed) -> None:
    with ExitStack() as opened:
        slow = [opened.enter_context(connection(fuzzed.port)) for _ in range(CLIENTS)]
        for made in slow:
            send(made, request("POST", ASK, b"{", JSON, length=len(QUESTION)))
        for second in range(SLOW_SECONDS):
            time.sleep(1)
            for made in slow:
                send(made, QUESTION[second + 1 : second + 2])
            assert health_seconds(fuzzed) < HEALTH_SECONDS


def test_connections_that_say_nothing_or_never_finish_their_headers(fuzzed: Fuzzed) -> None:
    with ExitStack() as opened:
        for number in range(2 * CLIENTS):
            made = opened.enter_context(connection(fuzzed.port))
            if number % 2:
                send(made, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(3):
            assert health_seconds(fuzzed) < HEALTH_SECONDS
            time.sleep(0.2)


@pytest.mark.parametrize("path", ["/generate/text", "/generate/stream"])
def test_clients_that_vanish_at_every_moment_of_an_answer(fuzzed: Fuzzed, path: str) -> None:
    for delay in (0.0, 0.001, 0.005, 0.02, 0.05, 0.1) * 3:
        with connection(fuzzed.port) as made:
            send(made, request("POST", path, ENDLESS, JSON))
            time.sleep(delay)


def test_an_unfinished_request_is_followed_by_a_good_one_on_a_new_connection(fuzzed: Fuzzed) -> None:
    with connection(fuzzed.port) as unfinished:
        send(unfinished, request("POST", ASK, QUESTION[:10], JSON, length=len(QUESTION)))
        with connection(fuzzed.port) as made:
            send(made, request("POST", ASK, QUESTION, JSON))
            assert statuses_of(received(made)) == [200]
        send(unfinished, QUESTION[10:])
        assert statuses_of(received(unfinished)) == [200]
