"""What the Hub has, asked of a server that speaks its API."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import time

import pytest
from pydantic import SecretStr

from openarc_ui.errors import HubAccessDenied, HubModelNotFound, HubUnreachable, InvalidRequest, OpenArcError
from openarc_ui.models.hub import connection, reachable
from openarc_ui.models.hub.client import Hub
from tests.hub_server import HubServer, git_sha1

TOKEN = SecretStr("hf_s3cretword")


def test_a_search_finds_openvino_models_by_words_the_most_downloaded_first(hub_server: HubServer) -> None:
    hub_server.add_repository("OpenVINO/a-qwen", {}, downloads=5, likes=2)
    hub_server.add_repository("Echo9Zulu/b-qwen", {}, downloads=50, gated=True, licence="mit")
    hub_server.add_repository("other/qwen", {}, tags=("gguf",), downloads=500, licence=None)
    hub_server.add_repository("OpenVINO/phi", {})
    hub = Hub(hub_server.endpoint)
    found = hub.search(" qwen ")
    assert [each.repository for each in found] == ["Echo9Zulu/b-qwen", "OpenVINO/a-qwen"]
    assert (found[0].downloads, found[0].is_gated, found[0].licence) == (50, True, "mit")
    assert found[1].updated_at is not None and found[1].updated_at.startswith("2026-01-02T03:04:05")
    everything = hub.search("qwen", only_openvino=False, limit=1)
    assert [(each.repository, each.licence) for each in everything] == [("other/qwen", None)]


def test_the_files_of_a_repository_with_sizes_hashes_and_commit(hub_server: HubServer) -> None:
    weights = b"w" * 5000
    commit = hub_server.add_repository(
        "org/model", {"openvino_model.bin": weights, "openvino_model.xml": b"<net/>", "logo.png": b"png", "../x": b"x"}
    )
    files = Hub(hub_server.endpoint).files("org/model")
    assert (files.commit, files.revision, files.licence, files.is_gated) == (commit, "main", "apache-2.0", False)
    by_path = {each.path: each for each in files.files}
    assert by_path["openvino_model.bin"].sha256 == hashlib.sha256(weights).hexdigest()
    assert by_path["openvino_model.bin"].git_sha1 is None
    assert by_path["openvino_model.xml"].git_sha1 == git_sha1(b"<net/>")
    assert {path for path, each in by_path.items() if each.is_wanted} == {"openvino_model.bin", "openvino_model.xml"}
    assert files.wanted_bytes == 5006
    assert files.words == "1 file left out: no folder can keep names like theirs."


def test_a_revision_can_be_a_branch_a_commit_or_a_pull_request(hub_server: HubServer) -> None:
    first = hub_server.add_repository("org/model", {"config.json": b"1"})
    hub_server.add_repository("org/model", {"config.json": b"22"})
    change = hub_server.add_repository("org/model", {"config.json": b"333"}, branch="refs/pr/1")
    hub = Hub(hub_server.endpoint)
    assert [hub.files("org/model", each).wanted_bytes for each in ("main", first, "refs/pr/1")] == [2, 1, 3]
    assert hub.files("org/model", "refs/pr/1").commit == change
    with pytest.raises(HubModelNotFound, match="no revision 'v9'"):
        hub.files("org/model", "v9")


def test_what_is_missing_or_private_is_said_with_and_without_a_token(hub_server: HubServer) -> None:
    hub_server.add_repository("org/secret", {"config.json": b"{}"}, private=True)
    hub_server.allow(TOKEN.get_secret_value(), "org/secret")
    for name in ("org/none", "org/secret"):
        with pytest.raises(HubModelNotFound) as caught:
            Hub(hub_server.endpoint).files(name)
        assert name in caught.value.message and "needs a token" in caught.value.hint
    with_token = Hub(hub_server.endpoint, TOKEN)
    assert with_token.files("org/secret").wanted_bytes == 2
    with pytest.raises(HubModelNotFound) as caught:
        with_token.files("org/none")
    assert "needs a token" not in caught.value.hint


def test_a_gated_model_says_where_to_ask_for_access(hub_server: HubServer) -> None:
    hub_server.add_repository("meta/llama", {"config.json": b"{}"}, gated=True)
    hub_server.allow(TOKEN.get_secret_value())
    page = f"{hub_server.endpoint}/meta/llama"
    hub = Hub(hub_server.endpoint)
    with pytest.raises(HubAccessDenied, match="is gated") as caught:
        hub.files("meta/llama")
    assert page in caught.value.hint and "give a token" in caught.value.hint
    hub.set_token(TOKEN)
    assert hub.has_token
    with pytest.raises(HubAccessDenied, match="token is not allowed") as caught:
        hub.files("meta/llama")
    assert page in caught.value.hint
    hub_server.allow(TOKEN.get_secret_value(), "meta/llama")
    assert hub.files("meta/llama").is_gated


def test_a_token_that_the_hub_does_not_know_is_said(hub_server: HubServer) -> None:
    hub_server.add_repository("org/model", {"config.json": b"{}"})
    with pytest.raises(HubAccessDenied, match="does not know the token"):
        Hub(hub_server.endpoint, TOKEN).files("org/model")


def test_no_token_of_the_users_other_programs_is_sent(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_another_program")
    hub_server.add_repository("org/model", {"config.json": b"{}"})
    Hub(hub_server.endpoint).files("org/model")
    assert {each.token for each in hub_server.asked} == {None}
    assert {each.headers["user-agent"].partition("/")[0] for each in hub_server.asked} == {"openarc"}


def test_a_token_is_in_no_error_log_or_representation(hub_server: HubServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hub_server.add_repository("org/model", {"config.json": b"{}"}, gated=True)
    hub, told = Hub(hub_server.endpoint, TOKEN), ""
    for status in (None, 401, 403, 404, 418, 429, 500, 503):
        hub_server.faults.api_status = status
        hub.set_token(TOKEN)
        with pytest.raises(OpenArcError) as caught:
            hub.files("org/model")
        told += f"{caught.value.message} {caught.value.hint} {caught.value!r}"
    assert any(each.token == TOKEN.get_secret_value() for each in hub_server.asked)
    assert "s3cret" not in told + caplog.text + repr(vars(hub)) + repr(vars(hub._connection))


@pytest.mark.parametrize("endpoint", ["http://mirror.example", "http://192.168.1.5:8080"])
def test_a_token_is_not_sent_where_everybody_could_read_it(endpoint: str) -> None:
    with pytest.raises(InvalidRequest, match="everybody on the way") as caught:
        Hub(endpoint, TOKEN)
    assert "s3cret" not in str(caught.value)
    hub = Hub(endpoint)
    with pytest.raises(InvalidRequest):
        hub.set_token(TOKEN)
    assert not hub.has_token
    assert Hub("https://mirror.example", TOKEN).has_token


@pytest.mark.parametrize("token", ["hf_ä", "hf_two\nlines", "hf_and\r\nX-Header: y", "two words", ""])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        Hub("https://mirror.example", SecretStr(token))


def test_a_mirror_may_have_a_path() -> None:
    with HubServer(prefix="/mirror/hub") as server:
        server.add_repository("org/model", {"config.json": b"{}"})
        hub = Hub(server.endpoint + "/")
        assert hub.endpoint == server.endpoint
        assert hub.files("org/model").wanted_bytes == 2 and len(hub.search("model")) == 1


def test_offline_is_said_at_once(hub_server: HubServer) -> None:
    hub_server.close()
    hub, began = Hub(hub_server.endpoint), time.monotonic()
    assert not hub.is_reachable()
    with pytest.raises(HubUnreachable, match="nothing answers there"):
        hub.search("x")
    assert time.monotonic() - began < 10


def test_a_hub_that_takes_the_connection_and_says_nothing_counts_as_offline_within_two_seconds(
    hub_server: HubServer,
) -> None:
    hub_server.faults.silent = True
    hub, began = Hub(hub_server.endpoint), time.monotonic()
    with pytest.raises(HubUnreachable, match="not answered within 2 s: it is slow, or this machine is offline"):
        hub.files("org/model")
    assert 1.5 < time.monotonic() - began < 10


def test_who_tries_a_slow_hub_again_waits_longer_and_a_download_does_so_at_once(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachable, "DEADLINE_SECONDS", 0.2)
    hub_server.faults.silent = True
    hub, patient = Hub(hub_server.endpoint), Hub(hub_server.endpoint)
    with pytest.raises(HubUnreachable) as caught:
        hub.check_reachable()
    assert "waited for longer" in caught.value.hint
    timer = threading.Timer(1.0, lambda: setattr(hub_server.faults, "silent", False))
    timer.start()
    hub.check_reachable()
    timer.join()
    hub_server.faults.silent = True
    timer = threading.Timer(1.0, lambda: setattr(hub_server.faults, "silent", False))
    timer.start()
    patient.check_reachable(is_patient=True)
    timer.join()


def test_a_hub_that_stays_silent_is_given_up_after_the_longer_try(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachable, "DEADLINE_SECONDS", 0.1)
    monkeypatch.setattr(reachable, "PATIENT_SECONDS", 1.0)
    hub_server.faults.silent = True
    hub = Hub(hub_server.endpoint)
    assert not hub.is_reachable()
    with pytest.raises(HubUnreachable, match=r"has not answered within 1 s\.$") as caught:
        hub.check_reachable()
    assert "online" in caught.value.hint


def test_a_look_up_of_names_that_hangs_counts_as_offline_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def hangs(*_: object, **__: object) -> None:
        is_over.wait(60)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    hub, began = Hub("https://hub.example"), time.monotonic()
    try:
        assert not hub.is_reachable()
        assert time.monotonic() - began < 12
    finally:
        is_over.set()


def test_a_name_that_is_not_known_is_said_as_being_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(HubUnreachable, match=r"The Hub at hub\.example can't be reached: .*offline"):
        Hub("https://hub.example").search("x")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "nonsense://me:s3cret@proxy"),
        ("ALL_PROXY", "http://[me:s3cret"),
        ("SSL_CERT_FILE", "/none/s3cret"),
    ],
)
def test_a_proxy_or_certificates_that_can_not_be_used_are_said_and_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(HubUnreachable, match="proxy or certificates") as caught:
        Hub("https://hub.example").search("x")
    assert variable in caught.value.hint and "s3cret" not in f"{caught.value.message} {caught.value.hint}"


def test_that_the_hub_answers_is_remembered_and_that_it_does_not_for_a_moment_only(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachable, "REMEMBERED_SECONDS", 60.0)
    hub = Hub(hub_server.endpoint)
    hub_server.faults.api_status = 503
    assert not hub.is_reachable()
    hub_server.faults.api_status = None
    time.sleep(reachable.PROBLEM_REMEMBERED_SECONDS)
    assert hub.is_reachable() and hub.is_reachable() and len(hub_server.asked) == 2


def test_several_who_ask_at_one_moment_ask_a_silent_hub_once(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachable, "PROBLEM_REMEMBERED_SECONDS", 60.0)
    hub = Hub(hub_server.endpoint)
    hub_server.faults.api_status = 503
    assert not hub.is_reachable() and not hub.is_reachable() and len(hub_server.asked) == 1


@pytest.mark.parametrize(("status", "says"), [(500, "has trouble: it answered 500"), (429, "asks to wait")])
def test_a_hub_in_trouble_is_said(hub_server: HubServer, status: int, says: str) -> None:
    hub_server.faults.api_status = status
    with pytest.raises(HubUnreachable, match=says):
        Hub(hub_server.endpoint).search("x")


def test_a_page_in_place_of_an_answer_is_no_hub(hub_server: HubServer) -> None:
    hub_server.faults.garbage = True
    hub = Hub(hub_server.endpoint)
    for ask in (lambda: hub.search("x"), lambda: hub.files("org/model")):
        with pytest.raises(HubUnreachable, match="is no Hub"):
            ask()


@pytest.mark.parametrize(
    "answer", [[], {}, {"id": 3}, {"id": "a/b", "sha": "../../x"}, {"id": "a/b", "siblings": [{}]}]
)
def test_an_answer_of_another_shape_is_no_hub(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(connection.Connection, "get_json", lambda *_: answer)
    with pytest.raises(HubUnreachable, match="is no Hub"):
        Hub(hub_server.endpoint).files("org/model")
