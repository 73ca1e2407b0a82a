"""A Hub for tests, on this machine only: it speaks the parts of the Hub's API that OpenArc asks, and fails on demand.

`with HubServer() as hub: hub.add_repository("org/model", {"config.json": b"{}"})`, then `hub.endpoint` is its address.
Set `hub.faults` at any time; `hub.sent_bytes` and `hub.asked` tell what it was asked and what really left it.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

LARGE_FILES = (".bin", ".safetensors", ".gguf", ".onnx", ".h5", ".msgpack", ".pt", ".pth")
PIECE_BYTES = 16_384
MOVED = "2026-01-02T03:04:05.000Z"


@dataclass
class Faults:
    """What goes wrong. Counts go down; what is None or 0 goes well.

    Attributes:
        cut_after_bytes: each answer with a file ends there, in its middle; only the next `cuts` ones when that is set.
        bytes_per_second: how fast a file is sent.
        statuses: what the next requests for files are answered with, and the header Retry-After (None: without).
        wrong_bytes: so many of the next answers with a file have other bytes of the same length.
        ignores_range: a file is sent from its beginning whatever was asked.
        silent: a connection is taken and nothing answered until this is False again.
        hangs_after_bytes: a file stops there without an end.
        api_status: what every question to the API is answered with.
        garbage: the API answers with a page instead of JSON.
    """

    cut_after_bytes: int | None = None
    cuts: int | None = None
    bytes_per_second: float | None = None
    statuses: list[tuple[int, str | None]] = field(default_factory=list)
    wrong_bytes: int = 0
    ignores_range: bool = False
    silent: bool = False
    hangs_after_bytes: int | None = None
    api_status: int | None = None
    garbage: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def token(self) -> str | None:
        value = self.headers.get("authorization")
        return value.removeprefix("Bearer ") if value else None


@dataclass
class Repository:
    """A repository with all its commits; `branches` says where each branch stands now."""

    name: str
    gated: bool
    private: bool
    tags: tuple[str, ...]
    licence: str | None
    downloads: int
    likes: int
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit_of(self, revision: str) -> str | None:
        return self.branches.get(revision, revision if revision in self.commits else None)


class HubServer:
    """A server in a thread of this process.

    Args:
        prefix: a path that its address ends with, as some mirrors have.
        redirects: large files are fetched from another host name, as the Hub's are; without the token, or it is an error.
    """

    def __init__(self, prefix: str = "", redirects: bool = True) -> None:
        self.prefix, self.redirects = prefix, redirects
        self.faults = Faults()
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, set[str]] = {}
        self.sent_bytes: Counter[str] = Counter()
        self.asked: list[Asked] = []
        self.token_reached_the_store = False
        self.is_closed = False
        self.answers_with_files = 0
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go offline for good; what is being sent is cut."""
        self.is_closed = True
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_everything()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    @property
    def all_sent_bytes(self) -> int:
        """Bytes of files that were sent, headers not counted."""
        return sum(self.sent_bytes.values())

    def wait_until_nobody_fetches(self, timeout_seconds: float = 20.0) -> None:
        """Until no answer with a file is under way: a client that left is noticed one or two pieces later."""
        with self.changed:
            assert self.changed.wait_for(lambda: not self.answers_with_files, timeout_seconds), (
                "a file is still fetched"
            )

    def settled_bytes(self) -> Counter[str]:
        """Bytes of files that were sent, by file, once nobody fetches any more: the last piece is counted late."""
        self.wait_until_nobody_fetches()
        return self.sent_bytes

    def forget_sent_bytes(self) -> None:
        """Count from nothing; what a client that left was sent does not come in later."""
        self.settled_bytes().clear()

    def count_answer(self, change: int) -> None:
        """One answer with a file more, or one less."""
        with self.changed:
            self.answers_with_files += change
            self.changed.notify_all()

    def allow(self, token: str, *repositories: str) -> None:
        """Make a token valid, and let it into these gated or private repositories."""
        self.tokens.setdefault(token, set()).update(repositories)

    def add_repository(
        self,
        name: str,
        files: Mapping[str, bytes],
        gated: bool = False,
        *,
        private: bool = False,
        branch: str = "main",
        tags: tuple[str, ...] = ("openvino",),
        licence: str | None = "apache-2.0",
        downloads: int = 0,
        likes: int = 0,
    ) -> str:
        """Add a repository, or another commit to a branch of it; returns the commit."""
        known = self.repositories.setdefault(name, Repository(name, gated, private, tags, licence, downloads, likes))
        told = json.dumps([name, branch, len(known.commits), sorted(files)])
        commit = hashlib.sha1(told.encode() + b"".join(files.values())).hexdigest()
        known.commits[commit] = dict(files)
        known.branches[branch] = commit
        return commit


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: HubServer

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_everything(self) -> None:
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Quiet."""

    @property
    def hub(self) -> HubServer:
        return cast(_Server, self.server).hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(self.command, parts.path, parts.query, headers)
        self.hub.asked.append(self.asked)
        while self.hub.faults.silent and not self.hub.is_closed:
            time.sleep(0.02)
        path = parts.path
        if not path.startswith(self.hub.prefix):
            return self._refuse(404, "")
        path = path.removeprefix(self.hub.prefix)
        if path == "/api/models":
            return self._api(self._search)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/auth-check", path):
            return self._api(lambda: self._checked(found[1]))
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            return self._api(lambda: self._information(found[1], unquote(found[2] or "main")))
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(found[1], unquote(found[2]), unquote(found[3]))
        if found := re.fullmatch(r"/store/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)", path):
            if self.asked.token is not None:
                self.hub.token_reached_the_store = True
            return self._file(self.hub.repositories[found[1]].commits[found[2]], unquote(found[3]), {})
        return self._refuse(404, "")

    def _api(self, answer: Any) -> None:
        if self.hub.faults.api_status is not None:
            return self._refuse(self.hub.faults.api_status, "")
        if self.hub.faults.garbage:
            return self._send(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
        return cast(None, answer())

    def _search(self) -> None:
        query = parse_qs(self.asked.query)
        words = " ".join(query.get("search", [])).lower()
        wanted, author = query.get("filter", []), query.get("author", [""])[0]
        found = [
            each
            for each in self.hub.repositories.values()
            if words in each.name.lower()
            and set(wanted) <= set(each.tags)
            and each.name.startswith(f"{author}/" if author else "")
            and not each.private
        ]
        if query.get("sort") == ["downloads"]:
            found.sort(key=lambda each: -each.downloads)
        limit = int(query.get("limit", ["1000"])[0])
        self._send_json([self._told(each) for each in found[:limit]])

    def _told(self, each: Repository) -> dict[str, Any]:
        licence = [f"license:{each.licence}"] if each.licence else []
        return {
            "_id": hashlib.sha1(each.name.encode()).hexdigest()[:24],
            "id": each.name,
            "modelId": each.name,
            "private": each.private,
            "gated": "manual" if each.gated else False,
            "downloads": each.downloads,
            "likes": each.likes,
            "lastModified": MOVED,
            "createdAt": MOVED,
            "tags": [*each.tags, *licence],
        }

    def _information(self, name: str, revision: str) -> None:
        each = self._visible(name)
        if each is None:
            return None
        commit = each.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = each.commits[commit]
        card = {"license": each.licence} if each.licence else {}
        self._send_json({**self._told(each), "sha": commit, "cardData": card, "siblings": _siblings(files)})
        return None

    def _checked(self, name: str) -> None:
        each = self._visible(name)
        if each is not None and self._may_read(each):
            self._send(200, b"OK", {})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        each = self._visible(name)
        if each is None or not self._may_read(each):
            return None
        commit = each.commit_of(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        files = each.commits[commit]
        if path not in files:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(path, files[path])}"'}
        if path.endswith(LARGE_FILES) and self.hub.redirects:
            linked = {"X-Linked-Size": str(len(files[path])), "X-Linked-ETag": headers.pop("ETag")}
            location = (
                f"http://localhost:{self.hub.port}{self.hub.prefix}/store/{name}/{commit}/{path}?Signature=s3cret"
            )
            return self._send(302, b"", {**headers, **linked, "Location": location})
        self._file(files, path, headers)
        return None

    def _visible(self, name: str) -> Repository | None:
        token, each = self.asked.token, self.hub.repositories.get(name)
        if token is not None and token not in self.hub.tokens:
            self._refuse(401, "", "Invalid credentials in Authorization header")
            return None
        if each is None or (each.private and name not in self.hub.tokens.get(token or "", set())):
            # To a stranger the Hub says 401 of what is missing, too.
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
            return None
        return each

    def _may_read(self, each: Repository) -> bool:
        token = self.asked.token
        if not each.gated or each.name in self.hub.tokens.get(token or "", set()):
            return True
        self._refuse(403 if token else 401, "GatedRepo", f"Access to model {each.name} is restricted.")
        return False

    def _file(self, files: Mapping[str, bytes], path: str, headers: dict[str, str]) -> None:
        faults, content = self.hub.faults, files[path]
        if faults.statuses:
            status, seconds = faults.statuses.pop(0)
            return self._refuse(status, "", "", {"Retry-After": seconds} if seconds is not None else {})
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.asked.headers.get("range", ""))
        if asked is not None and not faults.ignores_range:
            start = int(asked[1])
            if start >= len(content):
                return self._refuse(416, "", "", {"Content-Range": f"bytes */{len(content)}"})
            end = min(int(asked[2] or len(content) - 1), len(content) - 1)
            headers = {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"}
            content, status = content[start : end + 1], 206
        if faults.wrong_bytes > 0:
            faults.wrong_bytes -= 1
            content = bytes(255 - each for each in content)
        self._begin(status, {**headers, "Content-Length": str(len(content)), "Accept-Ranges": "bytes"})
        if self.command == "GET":
            self.hub.count_answer(1)
            try:
                self._send_slowly(path, content)
            finally:
                self.hub.count_answer(-1)
        return None

    def _send_slowly(self, path: str, content: bytes) -> None:
        faults, sent = self.hub.faults, 0
        cut = faults.cut_after_bytes
        if cut is not None and (cut >= len(content) or faults.cuts == 0):
            cut = None
        if cut is not None and faults.cuts is not None:
            faults.cuts -= 1
        while sent < len(content):
            while faults.hangs_after_bytes is not None and sent >= faults.hangs_after_bytes and not self.hub.is_closed:
                time.sleep(0.02)
            if cut is not None and sent >= cut:
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            size = min(PIECE_BYTES, cut - sent if cut is not None else PIECE_BYTES)
            piece = content[sent : sent + size]
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return None
            sent += len(piece)
            self.hub.sent_bytes[path] += len(piece)
            if faults.bytes_per_second:
                time.sleep(len(piece) / faults.bytes_per_second)
        return None

    def _refuse(self, status: int, code: str, words: str = "", headers: Mapping[str, str] | None = None) -> None:
        told = {"X-Error-Code": code} if code else {}
        if words:
            told["X-Error-Message"] = words
        self._send(status, json.dumps({"error": words or "refused"}).encode(), {**told, **(headers or {})})

    def _send_json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._begin(status, {**headers, "Content-Length": str(len(body))})
        if self.command == "GET":
            with suppress(OSError):
                self.wfile.write(body)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        with suppress(OSError):
            self.end_headers()


def git_sha1(content: bytes) -> str:
    """As git names a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _etag(path: str, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if path.endswith(LARGE_FILES) else git_sha1(content)


def _siblings(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for path, content in files.items():
        each: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
        if path.endswith(LARGE_FILES):
            digest = hashlib.sha256(content).hexdigest()
            each["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 135}
        told.append(each)
    return told
