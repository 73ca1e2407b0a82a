"""What was measured, as a tool for agents: the same filter and the same numbers as REST has under /metrics/."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio

from openarc_ui.engine.engine import Engine
from openarc_ui.metrics import answers
from openarc_ui.metrics.filters import DIMENSIONS
from openarc_ui.metrics.queries import answer, filter_of, pair_of
from openarc_ui.metrics.store import MetricsStore

SPAN = {"range", "since", "until"}
Names = list[str] | str | None
"""One value or several."""


def metrics_tool(engine: Engine, store: MetricsStore) -> Callable[..., Any]:
    """The tool, over what was measured."""

    async def metrics(
        range: str | None = None,
        since: str | None = None,
        until: str | None = None,
        model: Names = None,
        backend: Names = None,
        device: Names = None,
        configuration: Names = None,
        outcome: Names = None,
        source: Names = None,
        compare_with: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What requests cost: counts, tokens, and mean, p50, p90 and p99 of latency and throughput; or two groups compared.

        Args:
            range: 15m, 1h, 6h, 24h, 7d, 30d or all; left out, without since and until: 24h.
            since: Begin of the span in place of a range, as a time with its zone such as 2026-11-26T04:30:00Z.
            until: End of the span, likewise.
            model: Only requests to this one, or to these; left out: all. The same holds for those below.
            backend: genai, optimum or scripted.
            device: CPU, GPU.0, ...
            configuration: A configuration_id.
            outcome: stop, length, cancelled, error or refused.
            source: chat, rest, gradio, mcp, bench, again or engine.
            compare_with: A second group, by the names above, such as {"device": "GPU.0"}; its span is that of the first
                unless it says another. Then the answer is how its medians (b) differ from those of the first group (a).
        """
        span = {"range": range if range or since or until else "24h", "since": since, "until": until}
        named = (model, backend, device, configuration, outcome, source)
        asked: dict[str, Any] = {**span, **dict(zip(DIMENSIONS, named, strict=True))}
        question: Callable[[sqlite3.Connection], Any] = partial(answers.summary, chosen=filter_of(**asked))
        if compare_with is not None:
            a, b = pair_of(asked, compare_with if SPAN & compare_with.keys() else {**span, **compare_with})
            question = partial(answers.comparison, a=a, b=b)
        found: dict[str, Any] = engine.places.hidden(await anyio.to_thread.run_sync(answer, store, question))
        return found

    return metrics
