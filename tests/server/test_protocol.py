"""Connections that would wait without end: slow and endless headers and bodies, answers nobody reads, and too many at once.

All over real sockets, with shorter bounds than a server has.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from pydantic import SecretStr
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from openarc_ui.engine.types import FinishReason, PerformanceReport
from openarc_ui.server.patience import Patience
from openarc_ui.server.protocol import PatientProtocol
from openarc_ui.settings import Settings
from tests.server.conftest import SLOW, Served

QUICK = Patience(stall_seconds=0.3, whole_seconds=1.0)
POST = b"POST /generate/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


SOON_SECONDS = 10.0
"""What is ended here is ended within a second on a machine that has nothing else to do, and never where it is not."""


class Impatient(PatientProtocol):
    header_seconds = 0.4
    unread_seconds = 0.5
    linger_seconds = 0.4
    most_connections = 8
    most_of_one_address = most_of_this_machine = 100
    more_connections = 4
    crowded_seconds = 0.2


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A server with shorter bounds."""
    return serve(Settings(model="none"), load=False, patience=QUICK, protocol=Impatient)


@contextlib.contextmanager
def connected(served: Served, receive_buffer: int | None = None, address: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket() as connection:
        connection.bind((address, 0))
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", served.port))
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes; a reset is an end too."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def one_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer, to its end: it comes in pieces, and what is left of it is no answer of its own."""
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, answer.read()


def seconds_until_closed(connection: socket.socket) -> float:
    began_at = time.perf_counter()
    everything(connection)
    return time.perf_counter() - began_at


def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    with connected(served) as connection:
        assert 0.2 < seconds_until_closed(connection) < SOON_SECONDS


@pytest.mark.parametrize("first", [b"GET /health HTTP/1.1\r\nX: ", b"\r\n", HEALTH + b"GET /health HTTP/1.1\r\nX: "])
def test_headers_that_trickle_are_not_waited_for(served: Served, first: bytes) -> None:
    began_at = time.perf_counter()
    with connected(served) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(first)
        connection.settimeout(0.1)
        while time.perf_counter() - began_at < 2 * SOON_SECONDS:
            try:
                if not connection.recv(65536):
                    break
            except TimeoutError:
                connection.sendall(b"\r\n" if first == b"\r\n" else b"x")
    assert time.perf_counter() - began_at < SOON_SECONDS


@pytest.mark.parametrize("endless", [b"X: " + b"y" * 200_000, b"X: y\r\n" * 30_000])
def test_headers_without_end_are_refused(served: Served, endless: bytes) -> None:
    with connected(served) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + endless)
        assert everything(connection)[:12] in (b"HTTP/1.1 431", b"")
    assert served.client.get("/health").status_code == 200


def test_what_follows_a_body_can_not_be_without_end_either(served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        until = time.perf_counter() + 2 * SOON_SECONDS
        with pytest.raises(ConnectionError):
            while time.perf_counter() < until:
                connection.sendall(b"X: " + b"y" * 65_536)
                time.sleep(0.02)
    assert served.client.get("/health").status_code == 200


def test_a_body_that_stalls_is_answered_with_408(served: Served) -> None:
    with connected(served) as connection:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        began_at = time.perf_counter()
        answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 408") and b"body_too_slow" in answer
        assert time.perf_counter() - began_at < SOON_SECONDS


@pytest.mark.parametrize("path", ["generate/text", "generate/cancel/x", "conversations/import", "profiles/import"])
def test_a_body_that_stalls_is_nothing_to_log(
    served: Served, path: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with connected(served) as connection:
        connection.sendall(POST.replace(b"generate/text", path.encode()) + b"Content-Length: 100\r\n\r\n{")
        assert everything(connection).startswith(b"HTTP/1.1 408")
    assert not caplog.records
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_body_that_trickles_is_not_waited_for_without_end(serve: Callable[..., Served]) -> None:
    # A client that is late with its next byte does not stall.
    trickling = Patience(stall_seconds=60.0, whole_seconds=1.0)
    served = serve(Settings(model="none"), load=False, patience=trickling, protocol=Impatient)
    began_at = time.perf_counter()
    with connected(served) as connection:
        connection.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.1)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while time.perf_counter() - began_at < 2 * SOON_SECONDS and b"408" not in answer:
                try:
                    answer += connection.recv(65536)
                except TimeoutError:
                    connection.sendall(b" ")
    assert b"408" in answer and 0.8 < time.perf_counter() - began_at < SOON_SECONDS


class Lingering(Impatient):
    """With time for a client that is slow to send all it wanted to."""

    linger_seconds = 2.0


def test_the_rest_of_a_body_that_was_refused_is_read_for_a_while_so_that_the_answer_arrives(
    serve: Callable[..., Served],
) -> None:
    served = serve(Settings(model="none"), load=False, patience=QUICK, protocol=Lingering)
    with connected(served) as connection:
        connection.sendall(POST + b"Content-Length: 99999999\r\n\r\n")
        for _ in range(40):
            connection.sendall(b"x" * 65536)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        assert seconds_until_closed(connection) < SOON_SECONDS


def test_a_connection_goes_on_after_a_refusal_whose_body_came_whole(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none"), load=False, protocol=Crowded)
    with connected(served) as connection:
        connection.sendall(POST + b"Origin: https://evil.example\r\nContent-Length: 5\r\n\r\n")
        assert one_answer(connection)[0] == 403
        connection.sendall(b"12345" + HEALTH)
        assert one_answer(connection)[0] == 200


def test_an_answer_nobody_reads_is_ended_and_its_generation_cancelled(
    serve: Callable[..., Served], reports: list[PerformanceReport]
) -> None:
    script = {"replies": [{"text": ("w" * 2000 + " ") * 4000, "token_seconds": 0.002}]}
    served = serve(Settings(model="none"), script=script, patience=QUICK, protocol=Impatient)
    body = b'{"conversation": [{"role": "user", "content": "long"}], "max_new_tokens": 4000}'
    request = b"POST /generate/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
    with connected(served, receive_buffer=4096) as connection:
        connection.sendall(request + b"Content-Type: application/json\r\n\r\n" + body)
        served.wait_for(lambda: served.running() == 1)
        served.wait_for(lambda: served.running() == 0, 60)
        served.wait_for(lambda: bool(reports))
        assert reports[-1].finish_reason is FinishReason.CANCELLED
    assert served.client.get("/health").status_code == 200


class Unread(Impatient):
    """A reader that is a little late is not taken for one who reads no more."""

    unread_seconds = 2.0


def test_a_slow_reader_who_goes_on_reading_gets_it_all(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none"), load=False, patience=QUICK, protocol=Unread)
    began_at = time.perf_counter()
    with connected(served, receive_buffer=4096) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(8192):
            received += piece
            time.sleep(0.03)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    assert len(body) == length
    assert time.perf_counter() - began_at > Unread.unread_seconds


class Crowded(Impatient):
    """Nothing ends a connection but that there are too many, however long a test takes to say the next word."""

    header_seconds = unread_seconds = linger_seconds = crowded_seconds = 60.0


def test_with_too_many_connections_the_health_check_still_answers(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = {"replies": [{"text": "word " * 4000, "token_seconds": 0.02}]}
    served = serve(Settings(model="none"), script=script, protocol=Crowded)
    with contextlib.ExitStack() as opened:
        busy = [opened.enter_context(connected(served)) for _ in range(Crowded.most_connections)]
        body = b'{"conversation": [{"role": "user", "content": "slow"}], "max_new_tokens": 4000}'
        for connection in busy:
            connection.sendall(POST.replace(b"/text", b"/stream") + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert connection.recv(12) == b"HTTP/1.1 200"
        beyond = opened.enter_context(connected(served))
        beyond.sendall(HEALTH)
        assert one_answer(beyond)[0] == 200
        beyond.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, refused = one_answer(beyond)
        assert status == 503 and b'"code":"too_many_connections"' in refused
        assert everything(beyond) == b""
        monkeypatch.setattr(Crowded, "crowded_seconds", 0.2)
        idle = [opened.enter_context(connected(served)) for _ in range(Crowded.more_connections + 4)]
        for each in idle:
            each.settimeout(Crowded.header_seconds / 2)
            assert everything(each) == b""
    served.wait_for(lambda: served.running() == 0)
    assert served.client.post("/generate/text", json={**SLOW, "max_new_tokens": 1}).status_code == 200


class Few(Impatient):
    """With long patience, so that what ends a connection is that there are too many."""

    header_seconds = unread_seconds = linger_seconds = 120.0
    most_connections = 8
    most_of_one_address = most_of_this_machine = 4
    more_connections = 2


def closed(connection: socket.socket, seconds: float = 0.2) -> bool:
    """Whether the server closes it within so many seconds."""
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def answers(connection: socket.socket) -> bool:
    connection.settimeout(30)
    connection.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return one_answer(connection)[0] == 200


def test_of_too_many_from_one_address_the_oldest_that_says_nothing_goes(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none"), load=False, protocol=Few)
    with contextlib.ExitStack() as opened:
        idle = [opened.enter_context(connected(served)) for _ in range(40)]
        new = opened.enter_context(connected(served))
        assert answers(new)
        kept = [number for number, each in enumerate(idle) if not closed(each)]
        assert kept == [37, 38, 39]
        assert answers(new) and answers(idle[-1])


def test_of_too_many_from_everywhere_too_and_one_who_was_let_in_stays(serve: Callable[..., Served]) -> None:
    settings = Settings(model="none", api_key=SecretStr("a-long-secret"))
    served = serve(settings, load=False, protocol=Few)
    with contextlib.ExitStack() as opened:
        known = opened.enter_context(connected(served, address="127.0.0.9"))
        known.sendall(HEALTH.replace(b"/health", b"/status")[:-2] + b"X-API-Key: a-long-secret\r\n\r\n")
        assert known.recv(65536).startswith(b"HTTP/1.1 200")
        refused = opened.enter_context(connected(served, address="127.0.0.9"))
        refused.sendall(HEALTH.replace(b"/health", b"/status"))
        assert refused.recv(65536).startswith(b"HTTP/1.1 401")
        crowd = [
            opened.enter_context(connected(served, address=f"127.0.0.{number}"))
            for number in range(1, 9)
            for _ in range(3)
        ]
        assert closed(refused, 30) and closed(crowd[0], 30) and not closed(crowd[-1])
        assert not closed(known)


def test_whoever_shows_no_key_is_not_at_work(serve: Callable[..., Served]) -> None:
    settings = Settings(model="none", api_key=SecretStr("a-long-secret"))
    served = serve(settings, load=False, protocol=Few)
    with contextlib.ExitStack() as opened:
        slow = [opened.enter_context(connected(served)) for _ in range(4)]
        for each in slow:
            each.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nkey=")
        time.sleep(0.1)
        new = opened.enter_context(connected(served))
        new.sendall(HEALTH.replace(b"/health", b"/status")[:-2] + b"X-API-Key: a-long-secret\r\n\r\n")
        assert new.recv(65536).startswith(b"HTTP/1.1 200")
        assert [closed(each) for each in slow] == [True, False, False, False]


def test_a_websocket_is_answered_as_a_request_without_one(served: Served) -> None:
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with connected(served) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + upgrade)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("kind", ["IPv4", "IPv6", "path"])
@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_connection_begins_as_uvicorns_own(new_loop: Callable[[], Any], kind: str, tmp_path: Path) -> None:
    if kind == "IPv6" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    begun: asyncio.Future[tuple[dict[str, Any], dict[str, Any]]]

    def both() -> asyncio.Protocol:
        config = uvicorn.Config(lambda *_: None)
        config.load()
        ours, theirs = (made(config, ServerState(), {}) for made in (PatientProtocol, HttpToolsProtocol))

        class Both(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                ours.connection_made(transport)
                theirs.connection_made(transport)
                begun.set_result((vars(ours), vars(theirs)))

        return Both()

    async def connect() -> tuple[dict[str, Any], dict[str, Any]]:
        nonlocal begun
        loop = asyncio.get_running_loop()
        begun = loop.create_future()
        if kind == "path":
            server: asyncio.Server = await loop.create_unix_server(both, str(tmp_path / "s"))
            _, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        else:
            host = {"IPv4": "127.0.0.1", "IPv6": "::1"}[kind]
            server = await loop.create_server(both, host, 0)
            _, writer = await asyncio.open_connection(host, server.sockets[0].getsockname()[1])
        found = await asyncio.wait_for(begun, 20)
        writer.close()
        server.close()
        return found

    with asyncio.Runner(loop_factory=new_loop) as runner:
        ours, theirs = runner.run(connect())
    for name in ("server", "client", "scheme", "transport"):
        assert ours[name] == theirs[name], name
    assert ours["connections"] and theirs["connections"]
    assert isinstance(ours["flow"], type(theirs["flow"]))
    assert ours.keys() >= theirs.keys()
    assert [name for name, value in theirs.items() if value is not None and ours[name] is None] == []
