"""`python -m tests.bench`: OpenArc against the bare pipeline in turn, what many clients cost it, and what its metrics cost."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.application import Application
from tests.bench.contestants import BarePipeline, Contestant, Run, ThroughEngine, ThroughGradio, ThroughRest
from tests.bench.left_behind import left_behind
from tests.bench.page import ThroughPage, chromium, missing_browser
from tests.bench.prompts import prompt_of
from tests.bench.reading import reading
from tests.bench.recording import recording
from tests.bench.serving import serving
from tests.starter_fixture import ensure_starter

PROMPT_TOKENS = 512
NEW_TOKENS = 128
USERS = 8
HISTORIES = (1, 100)
PAGE_TOKENS = 300
SCRIPTED_TOKEN_SECONDS = 0.01


class Bench:
    """Collects figures and prints them as they come."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.figures: dict[str, float] = {}
        self._seed = int(time.time()) % 100_000 * 100

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None:
        """Record and print one figure; a ratio is held against its goal."""
        self.figures[name] = value
        verdict = "" if goal is None else f"   goal {goal:.2f}: {'reached' if value >= goal else 'MISSED'}"
        print(f"{name:<58} {value:8.3f} {unit}{verdict}", flush=True)

    def keep(self, name: str, value: float) -> None:
        """Record one figure that is shown in a table."""
        self.figures[name] = value

    def prompt(self, tokens: int = PROMPT_TOKENS) -> str:
        self._seed += 1
        return prompt_of(tokens, self._seed)

    def pairs(self, ours: Contestant, floor: Contestant) -> list[tuple[Run, Run]]:
        """Both in turn, ours first in every other round, after one uncounted round."""
        measured = []
        for number in range(self.rounds + 1):
            order = (ours, floor) if number % 2 else (floor, ours)
            runs = {contestant: contestant(self.prompt(), NEW_TOKENS) for contestant in order}
            if number:
                measured.append((runs[ours], runs[floor]))
        return measured

    def compare(self, label: str, ours: Contestant, floor: Contestant, goal: float) -> None:
        """Median of the paired ratios for decode, prefill and the whole request."""
        pairs = self.pairs(ours, floor)
        self.note(
            f"bare pipeline beside {label}: decode", median(pairs, lambda o, f: f.decode_tokens_per_second), "tok/s"
        )
        self.note(f"{label}: decode", median(pairs, lambda o, f: o.decode_tokens_per_second), "tok/s")
        self.note(f"{label} / bare: decode", ratio(pairs, lambda run: run.decode_tokens_per_second), "", goal)
        self.note(f"{label} / bare: prefill", ratio(pairs, lambda run: run.prefill_tokens_per_second), "", goal)
        self.note(f"{label} / bare: whole request", ratio(pairs, lambda run: run.total_tokens_per_second), "", goal)


def median(pairs: Sequence[tuple[Run, Run]], figure: Callable[[Run, Run], float]) -> float:
    return statistics.median(figure(ours, floor) for ours, floor in pairs)


def ratio(pairs: Sequence[tuple[Run, Run]], figure: Callable[[Run], float]) -> float:
    return statistics.median(figure(ours) / figure(floor) for ours, floor in pairs)


def gain_of_eight(bench: Bench, bare: BarePipeline, engine: ThroughEngine) -> None:
    """How much eight users at once get out of the machine over one, ours against the bare pipeline's."""
    totals: dict[str, list[float]] = {}
    for number in range(bench.rounds + 1):
        for users in (1, USERS):
            contestants = (("engine", engine), ("bare", bare))
            for label, contestant in contestants if number % 2 else reversed(contestants):
                total = contestant.together([bench.prompt(128) for _ in range(users)], NEW_TOKENS)
                if number:
                    totals.setdefault(f"{label}: tokens a second in total, {users} at once", []).append(total)
    middle = {label: statistics.median(values) for label, values in totals.items()}
    for label, total in middle.items():
        bench.note(label, total, "tok/s")
    one, eight = (f"tokens a second in total, {users} at once" for users in (1, USERS))
    ours, floor = (middle[f"{label}: {eight}"] / middle[f"{label}: {one}"] for label in ("engine", "bare"))
    bench.note("engine: gain of eight at once", ours, "times")
    bench.note("bare: gain of eight at once", floor, "times")
    bench.note("engine / bare: gain of eight at once", ours / floor, "", 0.95)


def cost_of_the_page(bench: Bench, application: Application, label: str, tokens: int) -> None:
    """Decode time of an answer nobody watches over that of one in an open page, at 1 and at 100 messages of history."""
    with chromium() as browser:
        if browser is None:
            missing_browser()
            return
        for messages in HISTORIES:
            page = ThroughPage(browser, application, messages, tokens)
            measured = []
            for number in range(bench.rounds + 1):
                sides = {"watched": page.through_page, "unwatched": page.without_page}
                order = sides if number % 2 else dict(reversed(sides.items()))
                seconds = {side: measure() for side, measure in order.items()}
                if number:
                    measured.append(seconds)
            page.close()
            middle = statistics.median(each["unwatched"] / each["watched"] for each in measured)
            alone = statistics.median(tokens / each["unwatched"] for each in measured)
            bench.note(f"{label}, {messages} messages of history: decode unwatched", alone, "tok/s")
            bench.note(f"{label}, {messages} messages of history: watched / unwatched", middle, "", 0.95)


def scripted_model(folder: Path) -> Path:
    """A model that gives a hundred tokens a second, whatever it is asked."""
    script = folder / "hundred"
    script.mkdir()
    reply = {"text": "word " * PAGE_TOKENS, "token_seconds": SCRIPTED_TOKEN_SECONDS}
    (script / "script.json").write_text(json.dumps({"replies": [reply], "context_length": 100_000}), encoding="utf-8")
    return script


def against_the_bare_pipeline(bench: Bench) -> None:
    """Engine, REST and Gradio's chat against the pipeline with nothing around it; then what the page costs."""
    folder = ensure_starter("int4")
    print(f"{folder.name}, {PROMPT_TOKENS}-token prompts, {NEW_TOKENS} new tokens, {bench.rounds} pairs")
    bare = BarePipeline(folder)
    engine = ThroughEngine(folder)
    try:
        bench.compare("engine", engine, bare, 0.97)
        gain_of_eight(bench, bare, engine)
    finally:
        engine.close()
    with Application(folder.parent) as server:
        times = server.wait()
        bench.note("process start to first page", times.page_seconds, "s")
        bench.note("process start to model ready", times.ready_seconds, "s")
        rest = ThroughRest(server.address)
        bench.compare("REST stream", rest, bare, 0.95)
        prompt_tokens = rest(bench.prompt(), 2).prompt_tokens
        bench.compare("Gradio chat", ThroughGradio(server.address, prompt_tokens), bare, 0.90)
        cost_of_the_page(bench, server, "page, real model", PAGE_TOKENS)
    with tempfile.TemporaryDirectory() as models:
        model = scripted_model(Path(models))
        with Application(Path(models), "--model", model.name) as server:
            server.wait()
            cost_of_the_page(bench, server, "page, 100 tok/s", PAGE_TOKENS)


def many_clients(bench: Bench) -> None:
    """The server with the starter model under many clients."""
    folder = ensure_starter("int4")
    with Application(folder.parent, "--model", folder.name) as server:
        server.wait()
        serving(bench, server)
        left_behind(bench, server)


def metrics(bench: Bench) -> None:
    """What reading and keeping them costs."""
    reading(bench)
    recording(bench)


PARTS: dict[str, Callable[[Bench], None]] = {
    "speed": against_the_bare_pipeline,
    "serving": many_clients,
    "metrics": metrics,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}; left out: all")
    parser.add_argument("--rounds", type=int, default=7, help="counted pairs for each comparison")
    parser.add_argument("--output", type=Path, default=Path("bench-results/latest.json"))
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    bench = Bench(options.rounds)
    print(f"{os.cpu_count()} cores")
    for name in options.parts or PARTS:
        PARTS[name](bench)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(bench.figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
