"""The guard: who gets in, from where, as whom, and that a key is never told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from openarc_ui.access import Role
from openarc_ui.server.keys import (
    MAX_LOGINS,
    MAX_WRONG_KEYS,
    MOST_ADDRESSES,
    MOST_SESSIONS,
    WRONG_KEY_SECONDS,
    Guesses,
    Keys,
    Visitor,
)
from openarc_ui.server.security import Guard
from openarc_ui.settings import Settings
from tests.server.conftest import HELLO, Served

KEY = "correct-horse-battery"
ADMIN_KEY = "staple-of-the-admin"
DEFAULT_BODY_BYTES = 8 * 2**20
LOAD = {"load_config": {"id_model": "script"}, "ov_config": {}}
USE: dict[str, str] = {"Authorization": f"Bearer {KEY}"}
ADMIN: dict[str, str] = {"X-API-Key": ADMIN_KEY}


@pytest.fixture
def locked(serve: Callable[..., Served]) -> Served:
    """A server that wants a key."""
    return serve(Settings(model="none", api_key=SecretStr(KEY)), load=False)


@pytest.fixture
def two_keys(serve: Callable[..., Served]) -> Served:
    """A server with a key for use and one for administration."""
    return serve(Settings(model="none", api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY)), load=False)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """An application that tells the headers it got, and lets every origin in, as Gradio does."""
    headers = {"Access-Control-Allow-Origin": "https://anybody.example", "Access-Control-Allow-Credentials": "true"}
    await JSONResponse(dict(Request(scope).headers), headers=headers)(scope, receive, send)


def guarded(base_url: str = "http://localhost", **settings: Any) -> TestClient:
    return TestClient(Guard(echo, Settings(**settings)), base_url=base_url)


def test_every_route_is_closed_without_the_key(locked: Served) -> None:
    document = locked.client.get("/openapi.json", headers={"X-API-Key": KEY}).json()
    closed = [("GET", "/openapi.json"), ("GET", "/"), ("POST", "/gradio_api/queue/join")]
    closed += [(method.upper(), path) for path, operations in document["paths"].items() for method in operations]
    for method, path in closed:
        response = locked.client.request(method, path.replace("{request_id}", "x"))
        expected = 200 if path in ("/health", "/readyz") else 401
        assert response.status_code in (expected, 503 if path == "/readyz" else expected), f"{method} {path}"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}, {"api-key": KEY}],
)
def test_the_key_opens(locked: Served, headers: dict[str, str]) -> None:
    assert locked.client.get("/status", headers=headers).status_code == 200


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer \xff"])
def test_a_wrong_key_does_not(locked: Served, wrong: str) -> None:
    response = locked.client.get("/status", headers={"Authorization": wrong.encode("latin-1")})
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("query", ["api_key", "key", "access_token", "token", "x-api-key", "authorization"])
def test_a_key_in_the_address_opens_nothing(locked: Served, query: str) -> None:
    assert locked.client.get("/status", params={query: KEY}).status_code == 401
    assert locked.client.get("/status", params={query: f"Bearer {KEY}"}).status_code == 401


def test_below_v1_refusals_have_openais_shape(locked: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = locked.client.get("/v1/models", headers=headers)
        error = response.json()["error"]
        assert (response.status_code, error["type"], error["code"]) == (
            401,
            "authentication_error",
            "invalid_api_key",
        )
    assert locked.client.get("/v1/models", headers={"Host": ""}).json()["error"]["code"] == "bad_host"


def test_the_use_key_uses_and_the_administration_key_does_both(serve: Callable[..., Served]) -> None:
    two_keys = serve(Settings(model="none", api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY)))
    assert two_keys.client.post("/generate/text", json=HELLO, headers=USE).status_code == 200
    refused = two_keys.client.post("/model/load", json=LOAD, headers=USE)
    assert (refused.status_code, refused.json()["code"]) == (403, "administrator_needed")
    assert two_keys.client.post("/generate/text", json=HELLO, headers=ADMIN).status_code == 200
    assert two_keys.client.delete("/model/unload", headers=ADMIN).status_code == 200


def test_one_key_alone_does_everything(locked: Served) -> None:
    assert locked.client.delete("/model/unload", headers=USE).status_code == 200


def test_the_administration_key_alone_is_needed_for_everything() -> None:
    client = guarded(admin_key=ADMIN_KEY)
    assert client.get("/status").status_code == 401
    assert client.get("/status", headers=ADMIN).json()["x-openarc-role"] == "administrator"


def test_a_key_that_is_shown_counts_whatever_the_cookie_says(two_keys: Served) -> None:
    assert two_keys.client.post("/login", data={"key": ADMIN_KEY}).status_code == 303
    assert two_keys.client.delete("/model/unload", headers=USE).status_code == 403
    assert two_keys.client.get("/status", headers={"X-API-Key": "wrong"}).status_code == 401


def test_the_role_is_told_by_the_guard_and_by_nobody_else() -> None:
    lies = {"X-OpenArc-Role": "administrator", "x-openarc-caller": "somebody-else"}
    alone = guarded().get("/", headers=lies).json()
    assert (alone["x-openarc-role"], alone["x-openarc-caller"]) == ("administrator", "local")
    client = guarded(api_key=KEY, admin_key=ADMIN_KEY)
    used, administered = client.get("/", headers={**lies, **USE}).json(), client.get("/", headers=ADMIN).json()
    assert (used["x-openarc-role"], administered["x-openarc-role"]) == ("user", "administrator")
    assert used["x-openarc-caller"] != administered["x-openarc-caller"] != "local"
    assert KEY not in used["x-openarc-caller"] and used["x-openarc-caller"] != "somebody-else"
    assert client.get("/health", headers=lies).json()["x-openarc-role"] == "user"


def test_the_same_key_is_the_same_caller_in_every_form(two_keys: Served) -> None:
    client = guarded(api_key=KEY)
    by_header = client.get("/", headers=USE).json()["x-openarc-caller"]
    assert client.get("/", headers={"X-API-Key": KEY}).json()["x-openarc-caller"] == by_header
    client.post("/login", data={"key": KEY}, follow_redirects=False)
    assert client.get("/").json()["x-openarc-caller"] == by_header
    assert guarded(api_key=KEY).get("/", headers=USE).json()["x-openarc-caller"] != by_header


def test_each_key_has_its_own_rate(serve: Callable[..., Served]) -> None:
    settings = Settings(model="none", api_key=SecretStr(KEY), admin_key=SecretStr(ADMIN_KEY), requests_per_minute=2)
    served = serve(settings)
    answers = [served.client.post("/generate/text", json=HELLO, headers=USE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert served.client.get("/status", headers=USE).status_code == 200
    assert served.client.post("/generate/text", json=HELLO, headers=ADMIN).status_code == 200


def test_a_browser_logs_in_once_and_has_a_session(locked: Served) -> None:
    page = locked.client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    form = locked.client.get("/login")
    assert form.status_code == 200 and "API key" in form.text and form.headers["cache-control"] == "no-store"
    assert ">Sign in</button>" in form.text and "OPENARC_API_KEY" in form.text and 'role="alert"' not in form.text
    wrong = locked.client.post("/login", data={"key": "wrong"})
    assert wrong.status_code == 401 and '<p class="bad" role="alert">That is not the key.</p>' in wrong.text
    entered = locked.client.post("/login", data={"key": KEY})
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and KEY not in cookie
    assert locked.client.get("/status").status_code == 200
    locked.client.cookies.clear()
    assert locked.client.get("/status").status_code == 401


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (KEY, "You can chat and read the metrics; loading needs the administration key."),
        (ADMIN_KEY, "can do everything, loading included"),
    ],
)
def test_the_login_takes_either_key_and_says_what_it_is_good_for(two_keys: Served, key: str, says: str) -> None:
    assert says not in two_keys.client.get("/login").text
    assert two_keys.client.post("/login", data={"key": key}).headers["location"] == "/"
    assert says in two_keys.client.get("/login").text
    assert two_keys.client.delete("/model/unload").status_code == (200 if key == ADMIN_KEY else 403)


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(two_keys: Served) -> None:
    two_keys.client.post("/login", data={"key": KEY})
    kept = {"Cookie": f"openarc_session_7860={two_keys.client.cookies['openarc_session_7860']}"}
    assert two_keys.client.get("/status").status_code == 200
    assert two_keys.client.post("/login", data={"leave": "yes"}).status_code == 303
    assert two_keys.client.get("/status", headers=kept).status_code == 401


def test_signing_in_without_end_ends_nobody_elses_session() -> None:
    keys = Keys(SecretStr(KEY), SecretStr(ADMIN_KEY))
    administrator, user = Visitor(Role.ADMINISTRATOR, "a"), Visitor(Role.USER, "u")
    kept = keys.open_session(administrator)
    words = [keys.open_session(user) for _ in range(MOST_SESSIONS + 1)]
    assert keys.in_session(kept) == administrator
    assert keys.in_session(words[0]) is None and keys.in_session(words[1]) == user


def test_signing_in_very_often_is_stopped_for_this_key_and_address_alone(two_keys: Served) -> None:
    entered = [two_keys.client.post("/login", data={"key": KEY}).status_code for _ in range(MAX_LOGINS + 1)]
    assert entered == [303] * MAX_LOGINS + [429]
    assert two_keys.client.post("/login", data={"key": ADMIN_KEY}).status_code == 303
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=two_keys.address, transport=elsewhere) as other:
        assert other.post("/login", data={"key": KEY}).status_code == 303


def test_two_servers_of_one_machine_do_not_end_each_others_sessions() -> None:
    one, other = guarded(api_key=KEY, port=7001), guarded(api_key=KEY, port=7002)
    for server in (one, other):
        server.post("/login", data={"key": KEY}, follow_redirects=False)
    both = {"Cookie": "; ".join(f"{name}={word}" for each in (one, other) for name, word in each.cookies.items())}
    for server in (one, other):
        server.cookies.clear()
        assert server.get("/status").status_code == 401
        assert server.get("/status", headers=both).status_code == 200


def test_a_session_that_changes_its_key_changes_its_role(two_keys: Served) -> None:
    two_keys.client.post("/login", data={"key": KEY})
    two_keys.client.post("/login", data={"key": ADMIN_KEY})
    assert two_keys.client.delete("/model/unload").status_code == 200


def test_a_server_without_keys_has_no_login() -> None:
    response = guarded().get("/login", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")


@pytest.mark.parametrize("by", ["header", "form", "both"])
def test_guessing_is_stopped_wherever_it_is_tried(locked: Served, by: str) -> None:
    def guess(number: int) -> int:
        if by == "header" or (by == "both" and number % 2):
            return locked.client.get("/v1/models", headers={"X-API-Key": f"guess{number}"}).status_code
        return locked.client.post("/login", data={"key": f"guess{number}"}).status_code

    assert [guess(number) for number in range(MAX_WRONG_KEYS)] == [401] * MAX_WRONG_KEYS
    stopped = locked.client.get("/status", headers=USE)
    assert (stopped.status_code, stopped.json()["code"]) == (429, "too_many_wrong_keys")
    assert 1 <= int(stopped.headers["retry-after"]) <= 60
    assert locked.client.post("/login", data={"key": KEY}).status_code == 429
    assert locked.client.get("/health").status_code == 200


def test_who_guesses_locks_nobody_else_out(locked: Served) -> None:
    locked.client.post("/login", data={"key": KEY})
    session = {"Cookie": f"openarc_session_7860={locked.client.cookies['openarc_session_7860']}"}
    locked.client.cookies.clear()
    for number in range(MAX_WRONG_KEYS + 1):
        locked.client.get("/status", headers={"X-API-Key": f"guess{number}"})
    assert locked.client.get("/status", headers=USE).status_code == 429
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=locked.address, transport=elsewhere) as other:
        assert other.get("/status", headers=USE).status_code == 200
        assert other.get("/status", headers={"X-API-Key": "wrong"}).status_code == 401
    assert locked.client.get("/status", headers=session).status_code == 200


def test_a_minute_later_an_address_may_guess_again_and_many_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    guesses = Guesses()
    for _ in range(MAX_WRONG_KEYS):
        guesses.count("192.0.2.1")
        now[0] += 1
    assert guesses.seconds_to_wait("192.0.2.1") == WRONG_KEY_SECONDS - MAX_WRONG_KEYS
    assert guesses.seconds_to_wait("192.0.2.2") == 0
    now[0] += WRONG_KEY_SECONDS - MAX_WRONG_KEYS
    assert guesses.seconds_to_wait("192.0.2.1") == 0
    guesses.count("192.0.2.1")
    assert guesses.seconds_to_wait("192.0.2.1") == 1
    for number in range(MOST_ADDRESSES + 10):
        guesses.count(f"2001:db8:{number:x}::1")
    assert len(vars(guesses)["_moments"]) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("fd00::1", "fd00::2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_a_network_of_64_bits_is_one_sender_and_a_local_one_is_many(one: str, other: str, is_same: bool) -> None:
    guesses = Guesses()
    for _ in range(MAX_WRONG_KEYS):
        guesses.count(one)
    assert (guesses.seconds_to_wait(other) > 0) is is_same


def test_a_request_without_a_key_is_no_guess(locked: Served) -> None:
    for _ in range(MAX_WRONG_KEYS + 1):
        assert locked.client.get("/status").status_code == 401
        assert locked.client.post("/login", data={"key": ""}).status_code == 401
    assert locked.client.get("/status", headers=USE).status_code == 200


def test_the_key_is_in_no_log(locked: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for key in (KEY, "almost-" + KEY):
        locked.client.get("/status", headers={"Authorization": f"Bearer {key}"})
        locked.client.get("/status", params={"api_key": key})
        locked.client.post("/login", data={"key": key})
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert KEY not in "\n".join(ours)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "[::1]evil",
        "[::1].evil.example",
        "localhost:evil",
        "localhost:1:2",
        "[::1",
    ],
)
def test_another_host_name_is_refused(host: str) -> None:
    assert guarded().get("/status", headers={"Host": host}).json()["code"] == "bad_host"


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:7860", "LOCALHOST"])
def test_names_of_this_machine_are_served(host: str) -> None:
    assert guarded().get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "served_hosts", "refused_hosts"),
    [
        ({"host": "0.0.0.0", "api_key": KEY}, ["192.168.1.2:7860", "openarc.lan"], []),
        (
            {"host": "0.0.0.0", "open_to_network": True},
            ["192.168.1.2:7860", "[fe80::1]", "localhost"],
            ["evil.example"],
        ),
        (
            {"host": "0.0.0.0", "api_key": KEY, "allowed_hosts": "a.example"},
            ["a.example:443"],
            ["192.168.1.2", "b.example"],
        ),
        ({"allowed_hosts": "a.example"}, ["a.example", "localhost"], ["b.example"]),
    ],
)
def test_the_names_a_server_is_called_by(
    settings: dict[str, Any], served_hosts: list[str], refused_hosts: list[str]
) -> None:
    client = guarded(**settings)
    assert [client.get("/health", headers={"Host": host}).status_code for host in served_hosts] == [200] * len(
        served_hosts
    )
    assert {client.get("/health", headers={"Host": host}).status_code for host in refused_hosts} <= {400}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil", ""])
def test_another_origin_is_refused(origin: str) -> None:
    response = guarded().post("/generate/text", json=HELLO, headers={"Origin": origin})
    assert response.status_code == 403
    asked = guarded().options("/generate/text", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 403
    for each in (response, asked):
        assert not [name for name in each.headers if name.startswith("access-control")]


def test_the_pages_own_origin_is_served() -> None:
    for origin in ("http://localhost", "https://localhost"):  # the second by a proxy that adds TLS
        assert guarded().post("/generate/text", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize("origin", ["ftp://localhost", "localhost", "://localhost", "chrome-extension://localhost"])
def test_the_own_name_under_another_scheme_is_another_origin(origin: str) -> None:
    assert guarded().get("/status", headers={"Origin": origin}).status_code == 403
    assert guarded("https://localhost").get("/status", headers={"Origin": "http://localhost"}).status_code == 403


def test_two_origins_are_none() -> None:
    client = guarded(allowed_origins="https://app.example")
    for second in ("http://localhost", "https://app.example", "https://evil.example"):
        for pair in (("http://localhost", second), (second, "http://localhost"), (second, second)):
            headers = [("Origin", origin) for origin in pair]
            assert client.get("/status", headers=headers).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize(
    ("method", "mode", "destination", "is_served"),
    [
        ("GET", "navigate", "document", True),
        ("GET", "navigate", "iframe", False),
        ("POST", "navigate", "document", False),
        ("GET", "no-cors", "image", False),
        ("GET", "no-cors", "script", False),
        ("GET", "cors", "empty", False),
    ],
)
def test_what_another_site_puts_into_its_page_is_refused_and_a_link_is_followed(
    site: str, method: str, mode: str, destination: str, is_served: bool
) -> None:
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    answer = guarded().request(method, "/metrics/requests", headers=said)
    assert answer.status_code == (200 if is_served else 403)
    for own in ("same-origin", "none"):
        assert guarded().request(method, "/", headers={**said, "Sec-Fetch-Site": own}).status_code == 200
    allowed = guarded(allowed_origins="https://app.example")
    assert allowed.get("/status", headers={**said, "Origin": "https://app.example"}).status_code == 200


def test_an_allowed_origin_is_told_that_it_is_and_no_other() -> None:
    client = guarded(allowed_origins="https://app.example,app://obsidian.md", api_key=KEY)
    for origin in ("https://app.example", "app://obsidian.md"):
        preflight = {
            "Origin": origin,
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "authorization,x-stainless-os",
        }
        asked = client.options("/v1/models", headers=preflight)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)
        assert "x-stainless-os" in asked.headers["access-control-allow-headers"]
        for headers, status in ((USE, 200), ({}, 401)):
            answer = client.get("/v1/models", headers={"Origin": origin, **headers})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, origin)
            assert "access-control-allow-credentials" not in answer.headers
            exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
            assert {"retry-after", "x-request-id"} <= set(exposed)
    assert client.get("/v1/models", headers={"Origin": "https://app.example.evil", **USE}).status_code == 403


def test_an_allowed_origin_brings_no_cookies_and_can_not_log_in() -> None:
    client = guarded(allowed_origins="http://localhost:3000", api_key=KEY)
    client.post("/login", data={"key": KEY}, follow_redirects=False)
    assert client.get("/status").status_code == 200
    elsewhere = {"Origin": "http://localhost:3000"}
    assert client.get("/status", headers=elsewhere).status_code == 401
    assert "cookie" not in client.get("/status", headers={**elsewhere, **USE}).json()
    assert client.post("/login", data={"key": KEY}, headers=elsewhere, follow_redirects=False).status_code == 403


def test_what_only_a_proxy_may_say_reaches_nobody() -> None:
    lies = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example",
        "X-Gradio-Server": "http://evil.example",
        "X-Real-IP": "10.0.0.1",
    }
    assert (
        "evil" not in guarded().get("/", headers=lies).text and "10.0.0.1" not in guarded().get("/", headers=lies).text
    )


def test_a_body_beyond_the_limit_is_refused(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none"), load=False)
    response = served.client.post("/generate/text", content=b"x" * (DEFAULT_BODY_BYTES + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_so_is_one_that_does_not_say_its_length_and_the_limit_is_a_setting(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none", max_body_megabytes=1), load=False)
    pieces = (b"x" * 2**16 for _ in range(17))
    response = served.client.post("/generate/text", content=pieces)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert served.client.post("/v1/completions", content=b"x" * (2**20 + 1)).json()["error"]["code"] == "too_large"
    assert served.client.get("/health").status_code == 200


def test_answers_carry_the_protecting_headers() -> None:
    headers = guarded().get("/status").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
    assert headers["cross-origin-resource-policy"] == "same-origin"
    refused = guarded().get("/status", headers={"Host": "evil.example"}).headers
    assert refused["cross-origin-resource-policy"] == "same-origin"


def test_another_host_needs_a_key() -> None:
    with pytest.raises(ValueError, match="API key"):
        Settings(host="0.0.0.0")
