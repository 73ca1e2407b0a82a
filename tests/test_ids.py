"""Ids of requests: no two are the same, whoever asks for them."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from openarc_ui.engine.types import GenerationRequest, Message
from openarc_ui.ids import new_id


def test_threads_get_no_id_twice() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: new_id(), range(4000)))
    assert len(set(ids)) == 4000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_another_process_gives_others() -> None:
    command = [sys.executable, "-c", "from openarc_ui.ids import new_id; print(new_id())"]
    there = {subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)}
    assert len(there | {new_id()}) == 3


def test_a_request_without_an_id_gets_one() -> None:
    conversation = (Message(role="user", content="Hello"),)
    first, second = (GenerationRequest(conversation=conversation).request_id for _ in range(2))
    assert first != second
    assert len(first) == 32
