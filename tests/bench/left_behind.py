"""What 1,000 streams whose clients left leave behind: threads, file descriptors and memory of the server and of its worker."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass

import psutil

from tests.application import Application
from tests.bench.crowd import CHAT, GENERATE
from tests.bench.serving import Figures, crowd_for, wait_until_idle

WARM_UP_STREAMS = 100
CANCELLED_STREAMS = 1000
AT_ONCE = 8
STAY_SECONDS = 1.5
"""Each stays for a random time up to this: some leave while the prompt is read, most an answer. More at once would be more
prompts than two cores can read, and hardly anybody would see a token."""
SETTLED_SECONDS = 15.0
"""Threads for blocking calls end when they were idle for ten seconds."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a server and its worker hold at a moment."""

    threads: int
    descriptors: int
    memory_mib: float
    worker_threads: int
    worker_descriptors: int
    worker_memory_mib: float


COLUMNS = ("threads", "file descriptors", "MiB resident")


def left_behind(bench: Figures, server: Application) -> None:
    """Before and after, as a table, once streams of both APIs were cancelled."""
    crowds = [crowd_for(bench, server, way) for way in (GENERATE, CHAT)]
    for crowd in crowds:
        crowd.leave(WARM_UP_STREAMS // 2, AT_ONCE, STAY_SECONDS)
    before = held(server)
    seen = [crowd.leave(CANCELLED_STREAMS // 2, AT_ONCE, STAY_SECONDS) for crowd in crowds]
    idle_seconds = wait_until_idle(server)
    after = held(server)
    _show(before, after)
    for name, value in zip(Held.__dataclass_fields__, astuple(after), strict=True):
        bench.keep(f"after {CANCELLED_STREAMS} cancelled streams: {name}", value)
        bench.keep(f"after {CANCELLED_STREAMS} cancelled streams: {name} more", value - getattr(before, name))
    bench.note("cancelled streams that had a token", sum(len(each.first_token_seconds) for each in seen), "")
    bench.note("cancelled streams, told to come back", sum(each.refused for each in seen), "")
    bench.note("cancelled streams: nothing runs or waits after the last left", idle_seconds, "s")


def held(server: Application) -> Held:
    """What the server's process and its worker hold once everything has settled."""
    wait_until_idle(server)
    time.sleep(SETTLED_SECONDS)
    main = psutil.Process(server.process.pid)
    worker = next(child for child in main.children() if "openarc_ui.engine.worker" in child.cmdline())
    of_both = [
        (process.num_threads(), process.num_fds(), process.memory_info().rss / 2**20) for process in (main, worker)
    ]
    return Held(*of_both[0], *of_both[1])


def _show(before: Held, after: Held) -> None:
    print(f"\n| {CANCELLED_STREAMS} cancelled streams | {' | '.join(COLUMNS)} |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    for label, moment in (("before", before), ("after", after)):
        values = astuple(moment)
        for process, (threads, descriptors, mib) in (("server", values[:3]), ("worker", values[3:])):
            print(f"| {process} {label} | {threads} | {descriptors} | {mib:.1f} |", flush=True)
