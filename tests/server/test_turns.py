"""Requests that come together begin a few at a time, and the health check waits for none of them."""

from __future__ import annotations

import asyncio
from typing import Any

from openarc_ui.server.turns import Turns


class Recorder:
    """An application that notes who begins in which round of the loop."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, str]] = []
        self.round = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append((self.round, scope.get("path", scope["type"])))
        await asyncio.sleep(0)

    def count_rounds(self) -> None:
        self.round += 1
        asyncio.get_running_loop().call_soon(self.count_rounds)


async def _receive() -> Any:
    raise AssertionError("nothing is read here")


async def _send(message: Any) -> None:
    raise AssertionError("nothing is sent here")


def asked(turns: Turns, path: str) -> asyncio.Task[None]:
    return asyncio.create_task(turns({"type": "http", "path": path}, _receive, _send))


def test_requests_that_come_together_begin_four_in_a_round_and_in_their_order() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        turns = Turns(recorder, together=4)
        recorder.count_rounds()
        await asyncio.gather(*(asked(turns, str(number)) for number in range(10)))

    asyncio.run(scenario())
    assert [path for _, path in recorder.begun] == [str(number) for number in range(10)]
    rounds = [began for began, _ in recorder.begun]
    assert [rounds.count(began) for began in dict.fromkeys(rounds)] == [4, 4, 2]


def test_the_health_check_begins_before_those_that_came_first() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        turns = Turns(recorder, together=4)
        await asyncio.gather(*(asked(turns, path) for path in (*map(str, range(64)), "/health")))

    asyncio.run(scenario())
    assert [path for _, path in recorder.begun].index("/health") == 4


def test_who_leaves_before_its_turn_takes_none() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        turns = Turns(recorder, together=1)
        tasks = [asked(turns, str(number)) for number in range(5)]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        await asyncio.wait_for(asked(turns, "later"), 5)

    asyncio.run(scenario())
    assert [path for _, path in recorder.begun] == ["0", "4", "later"]


def test_what_is_no_request_passes_as_it_is() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        turns = Turns(recorder, together=1)
        asked(turns, "0")
        await turns({"type": "lifespan"}, _receive, _send)

    asyncio.run(scenario())
    assert recorder.begun[0][1] == "lifespan"
