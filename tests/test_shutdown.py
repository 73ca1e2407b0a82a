"""The end of the program: what runs is finished within the grace or cancelled, and every report is written."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.application import Application
from tests.conftest import write_script

REPLIES = [
    {"when": "short", "text": "word " * 40, "token_seconds": 0.02},
    {"when": "endless", "text": "word " * 4000, "token_seconds": 0.02},
]


def body(text: str) -> dict[str, object]:
    return {"conversation": [{"role": "user", "content": text}], "max_new_tokens": 4000}


class Reader(threading.Thread):
    """A client that asks and keeps what comes until the end, whichever it is."""

    def __init__(self, address: str, path: str, text: str) -> None:
        super().__init__(daemon=True)
        self._ask = (address + path, body(text))
        self.received = ""
        self.began = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with httpx.stream("POST", self._ask[0], json=self._ask[1], timeout=120) as answer:
                for piece in answer.iter_text():
                    self.received += piece
                    self.began.set()
        except httpx.TransportError:
            pass


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_finished_or_cancelled_and_every_report_is_written(tmp_path: Path, signal_number: int) -> None:
    write_script(tmp_path / "models" / "script", replies=REPLIES, max_running=2)
    with Application(tmp_path / "models", "--model", "script") as program:
        program.wait()
        endless = Reader(program.address, "/generate/stream", "endless")
        assert endless.began.wait(60)
        short = Reader(program.address, "/generate/stream", "short")
        assert short.began.wait(60)
        queued = [Reader(program.address, path, "endless") for path in ("/generate/stream", "/generate/text")]
        deadline = time.monotonic() + 60
        while program.status()["models"][0]["queued"] < len(queued):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert program.end(signal_number) == 0, "it is killed where it does not end by itself within 15 seconds"
        for reader in (endless, short, *queued):
            reader.join(30)
            assert not reader.is_alive()
        said = program.log.read_text()
        with closing(sqlite3.connect(program.database)) as database:
            ends = [row[0] for row in database.execute("SELECT finish_reason FROM requests ORDER BY submitted_at")]
    assert "event: done" in short.received and "event: done" not in endless.received
    assert ends == ["cancelled", "stop", "cancelled", "cancelled"]
    assert "Traceback" not in said
