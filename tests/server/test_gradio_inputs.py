"""No request to Gradio's routes opens a file or an address, over the application as it is composed."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.file_objects import DEEPEST, defused, holds_file_object
from tests.whole_application import Whole, whole_application

SECRET = "only the server's user may read this"
MARK = {"_type": "gradio.FileData"}
FileObject = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_application(tmp_path_factory.mktemp("whole"), api_key="usekey-12345678") as opened:
        opened.client.headers["x-api-key"] = "usekey-12345678"
        yield opened


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whoever looks a name up, or connects to another machine, fails the test."""
    asked: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        asked.append(arguments)
        raise AssertionError(f"an address was asked for: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    return file


def fn_index(whole: Whole, name: str) -> int:
    config = whole.client.get("/config").json()
    return int(next(each["id"] for each in config["dependencies"] if each["api_name"] == name))


def some_component(whole: Whole) -> int:
    """One whose own functions the page calls."""
    config = whole.client.get("/config").json()
    strip = next(each for each in config["components"] if each["props"].get("elem_id") == "oa-strip")
    return int(strip["id"])


def ways_in(whole: Whole, value: Any) -> dict[str, tuple[str, Any]]:
    """Path and body of each way a value can come to Gradio."""
    index = fn_index(whole, "create_conversation")
    title, settings = {"title": "t", "settings": {"x": value}}, {"x": value}
    return {
        "call v2": ("/gradio_api/call/v2/create_conversation", title),
        "call v2, deep": ("/gradio_api/call/v2/create_conversation", {"settings": {"a": [[{"b": value}]]}}),
        "call": ("/gradio_api/call/create_conversation", {"data": ["t", None, settings]}),
        "call, whole": ("/gradio_api/call/create_conversation/", {"data": [value]}),
        "run": ("/gradio_api/run/create_conversation", {"data": ["t", None, settings]}),
        "api": ("/gradio_api/api/create_conversation", {"data": ["t", None, settings]}),
        "join": ("/gradio_api/queue/join", {"fn_index": index, "data": ["t", None, settings], "session_hash": "s"}),
        "event data": (
            "/gradio_api/queue/join",
            {"fn_index": index, "data": ["t"], "event_data": {"f": value}, "session_hash": "s"},
        ),
        "component": (
            "/gradio_api/component_server",
            {"session_hash": "s", "component_id": some_component(whole), "fn_name": "pulse", "data": value},
        ),
    }


WAYS = ("call v2", "call v2, deep", "call", "call, whole", "run", "api", "join", "event data", "component")


@pytest.mark.parametrize("way", WAYS)
def test_a_file_object_is_refused_by_every_way_in(whole: Whole, secret: Path, way: str) -> None:
    for value in (
        {"path": str(secret), "meta": MARK},
        {"path": "https://example.com/x", "url": "https://example.com/x", "meta": MARK},
        {"path": str(secret), "meta": {**MARK, "more": 1}, "is_stream": True},
        [{"path": str(secret), "meta": MARK}],
    ):
        path, body = ways_in(whole, value)[way]
        answer = whole.client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "file_refused"), way
        assert "JSON text" in answer.json()["hint"]
    assert not any(secret.name in str(file) for file in folder_of(whole).rglob("*"))


@pytest.mark.parametrize("way", WAYS)
def test_a_malformed_file_object_is_refused_and_logs_no_traceback(
    whole: Whole, way: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    path, body = ways_in(whole, {"path": "x", "meta": "y"})[way]
    assert whole.client.post(path, json=body).status_code == 422
    assert "Traceback" not in caplog.text + capfd.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "utf-8-sig"])
def test_no_spelling_of_a_body_hides_a_file_object(whole: Whole, secret: Path, encoding: str) -> None:
    text = json.dumps({"title": "t", "settings": {"x": {"path": str(secret), "meta": MARK}}})
    hidden = text.replace("path", "p\\u0061th").replace("gradio.", "gr\\u0061dio.")
    for content_type in ("application/json", "text/plain", ""):
        answer = whole.client.post(
            "/gradio_api/call/v2/create_conversation",
            content=hidden.encode(encoding),
            headers={"content-type": content_type},
        )
        assert answer.status_code == 422


def test_data_that_only_looks_a_little_like_a_file_comes_through(whole: Whole) -> None:
    for value in ({"path": "src/a.py"}, {"path": "a", "meta": {"b": 1}}, {"meta": MARK}, {"path": 3, "meta": MARK}):
        assert called(whole, "create_conversation", {"title": "t", "settings": {"x": value}})[0] == "complete", value


def test_what_is_no_json_or_nests_too_deep_is_refused(whole: Whole) -> None:
    path = "/gradio_api/queue/join"
    assert whole.client.post(path, content=b"{").status_code == 422
    deep = "[" * (DEEPEST + 5) + "]" * (DEEPEST + 5)
    for body in (deep, "[" * 100_000):
        assert whole.client.post(path, content=body).status_code == 422
    for path in ("/gradio_api/component_server", "/gradio_api/queue/join"):
        assert whole.client.post(path, files={"f": ("a", b"x")}, data={"fn_name": "pulse"}).status_code == 415


def test_uploads_are_not_served_and_leave_nothing(whole: Whole) -> None:
    before = set(folder_of(whole).rglob("*"))
    for path in ("/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/upload?upload_id=x"):
        answer = whole.client.post(path, files={"files": ("a.html", b"<script>")})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert whole.client.get("/gradio_api/upload_progress?upload_id=x").status_code == 404
    assert set(folder_of(whole).rglob("*")) == before


def test_a_file_object_that_is_kept_as_data_comes_back_as_data(whole: Whole, secret: Path) -> None:
    """A model can write one into a tool call, and REST keeps what it is given."""
    for value in (
        {"path": str(secret), "meta": MARK},
        {"path": "http://198.51.100.7:81/x", "meta": MARK},
        {"path": "x", "url": "https://example.com/x", "meta": MARK},
        {"path": "x", "meta": "y"},
    ):
        call = {"type": "function", "function": {"name": "f", "arguments": value}}
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
        kept = {"title": "x", "messages": messages, "settings": {"inner": [value]}}
        made = whole.client.post("/conversations", json=kept)
        assert made.status_code < 300, made.text
        event, text = called(whole, "conversation", {"conversation_id": made.json()["id"]})
        assert event == "complete" and SECRET not in text and not holds_file_object(json.loads(text))
        assert json.dumps(value["path"])[1:-1] in text.replace("\\\\", "\\"), "the path is still told"
    assert [file for file in folder_of(whole).rglob("*") if file.is_file()] == []


def test_an_endpoint_that_answers_with_one_opens_nothing(
    whole: Whole, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ({"path": str(secret), "meta": MARK}, {"path": "http://198.51.100.7/x", "meta": MARK}):
        token = SimpleNamespace(id=1, text=value, piece="", is_special=False)
        monkeypatch.setattr(whole.engine, "tokenize", lambda *_: SimpleNamespace(model="m", tokens=[token]))  # noqa: B023
        event, text = called(whole, "tokenize", {"text": "x"})
        assert event == "complete" and not holds_file_object(json.loads(text))
        assert json.loads(text)[0]["tokens"][0]["text"]["path"] == value["path"]


def test_only_exported_files_of_this_process_are_handed_out(whole: Whole, secret: Path) -> None:
    event, text = called(whole, "metrics_export", {"format": "csv"})
    assert event == "complete"
    path = json.loads(text)[0]["path"]
    fetched = whole.client.get(f"/gradio_api/file={path}")
    assert fetched.status_code == 200 and "request_id" in fetched.text
    assert Path(path).is_relative_to(folder_of(whole))
    for other in (
        secret,
        Path.cwd() / "README.md",
        "README.md",
        "/proc/self/environ",
        "https://example.com/x",
        "http:/example.com",
        f"{folder_of(whole)}/../{secret.parent.name}/{secret.name}",
        folder_of(whole),
    ):
        for form in ("file=", "file/"):
            assert whole.client.get(f"/gradio_api/{form}{other}").status_code == 404, other


def test_a_link_out_of_the_folder_is_not_followed(whole: Whole, secret: Path) -> None:
    link = folder_of(whole) / "link.txt"
    link.symlink_to(secret)
    assert whole.client.get(f"/gradio_api/file={link}").status_code == 404
    link.unlink()


def test_the_folder_is_of_this_process_alone_and_goes_with_the_page(tmp_path: Path) -> None:
    with whole_application(tmp_path) as opened:
        folder = folder_of(opened)
        assert folder.is_dir() and folder.stat().st_mode & 0o077 == 0
        page = page_of(opened)
    page._kept_folder.cleanup()
    assert not folder.exists()


def test_gradio_itself_opens_no_file_where_nothing_stands_in_front(whole: Whole, secret: Path) -> None:
    """The page's own bounds hold alone."""
    page = page_of(whole)
    with pytest.raises(Exception, match="Files are not taken"):
        whole.client.portal.call(page.preprocess_data, page.fns[0], [{"path": str(secret), "meta": MARK}], None)
    assert page.has_launched and page.allowed_paths == []


def test_defusing_leaves_what_is_ours_and_changes_nothing_else() -> None:
    ours, theirs = {"path": "/o/a", "meta": MARK}, {"path": "/t/a", "meta": MARK}
    plain = {"a": [1, {"b": "c"}]}
    assert defused(plain, lambda path: False) is plain
    assert defused([ours, theirs], lambda path: path.startswith("/o"))[0] == ours
    assert not holds_file_object(defused({"x": theirs, "y": ({"path": "", "meta": None},)}, lambda path: False))


def page_of(whole: Whole) -> Any:
    return whole.api.routes[-1].app.get_blocks()


def folder_of(whole: Whole) -> Path:
    folder: Path = page_of(whole).folder
    return folder


def called(whole: Whole, endpoint: str, body: Any) -> tuple[str, str]:
    """The event of an endpoint's answer, and its data."""
    begun = whole.client.post(f"/gradio_api/call/v2/{endpoint}", json=body)
    assert begun.status_code == 200, begun.text
    text = whole.client.get(f"/gradio_api/call/v2/{endpoint}/{begun.json()['event_id']}").text
    event, _, data = text.strip().partition("\ndata: ")
    return event.removeprefix("event: "), data
