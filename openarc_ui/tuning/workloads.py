"""Workloads: the presets, and what exactly is sent. The prompts come from the bundled text, different ones each time.

Two prompts of one visit begin with different tokens, so no prefix cache can serve one of them from another.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, Preset, SweepRequest, Workload

TEXT = Path(__file__).parent.parent.parent / "assets" / "tuning" / "alice.txt"
PRESETS: Mapping[Preset, Workload] = {
    "chat": Workload(name="chat", prompt_tokens=128, generated_tokens=128),
    "document": Workload(name="document", prompt_tokens=2048, generated_tokens=128),
    "agent": Workload(name="agent", prompt_tokens=256, generated_tokens=48, turns=6),
    "users": Workload(name="users", prompt_tokens=128, generated_tokens=64, concurrent_requests=8),
}


def grid(
    prompt_tokens: Sequence[int],
    generated_tokens: Sequence[int],
    depth_tokens: Sequence[int] = (0,),
    concurrent_requests: Sequence[int] = (1,),
) -> list[Workload]:
    """Every combination as a workload, once, named as llama-bench names its tests: pp512+tg128 @ d1024 x4.

    A depth of 0 and a single user are left out of the name.
    """
    return [
        Workload(
            name=_grid_name(prompt, generated, depth, users),
            prompt_tokens=prompt,
            generated_tokens=generated,
            depth_tokens=depth,
            concurrent_requests=users,
        )
        for depth in dict.fromkeys(depth_tokens)
        for users in dict.fromkeys(concurrent_requests)
        for prompt in dict.fromkeys(prompt_tokens)
        for generated in dict.fromkeys(generated_tokens)
    ]


def workloads_in(request: BenchRequest | SweepRequest | ComparisonRequest) -> tuple[Workload, ...]:
    """Everything a run measures with."""
    return request.workloads if isinstance(request, BenchRequest) else (request.workload,)


def text() -> str:
    """The bundled text: see assets/tuning/README.md for where it is from."""
    return TEXT.read_text(encoding="utf-8")


def tokens_needed(workload: Workload) -> int:
    """Tokens of one user's conversation when it is over: what the model's context has to hold.

    Own prompts are left out; how many tokens they have is known only by a model.
    """
    return workload.tokens


class Slices:
    """Pieces of a text as token ids, each from another place; the same seed gives the same ones in the same order.

    No piece begins with the token that one before began with, until every token of the text had its turn.

    Args:
        token_ids: the whole text's; at least one.
    """

    def __init__(self, token_ids: Sequence[int], seed: str) -> None:
        self._ids = tuple(token_ids)
        self._random = random.Random(seed)
        self._places: dict[int, list[int]] = {}
        for place, token_id in enumerate(self._ids):
            self._places.setdefault(token_id, []).append(place)
        self._next_firsts: list[int] = []

    def take(self, count: int) -> tuple[int, ...]:
        """The next piece, `count` tokens long.

        It goes on at the text's beginning after its end; a piece longer than the text goes round from another place each time.
        """
        piece: list[int] = []
        place = self._begin()
        while len(piece) < count:
            whole_round = self._ids[place:] + self._ids[:place]
            piece += whole_round[: count - len(piece)]
            place = self._random.randrange(len(self._ids))
        return tuple(piece)

    def _begin(self) -> int:
        """Where the next piece begins."""
        if not self._next_firsts:
            self._next_firsts = list(self._places)
            self._random.shuffle(self._next_firsts)
        return self._random.choice(self._places[self._next_firsts.pop()])


def _grid_name(prompt: int, generated: int, depth: int, users: int) -> str:
    context = f" @ d{depth}" if depth else ""
    return f"pp{prompt}+tg{generated}{context}" + (f" x{users}" if users > 1 else "")
