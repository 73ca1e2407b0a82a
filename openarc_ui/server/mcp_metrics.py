"""What was measured, as a tool for agents: the same filter and the same numbers as REST has under /metrics/."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
from pydantic import Field

from openarc_ui.engine.engine import Engine
from openarc_ui.metrics import answers
from openarc_ui.metrics.filters import DIMENSIONS
from openarc_ui.metrics.queries import RANGES, answer, filter_of, pair_of
from openarc_ui.metrics.store import MetricsStore

SPAN = {"range", "since", "until"}
Names = list[str] | str | None
"""One value or several."""
RANGE = "A span that ends now; left out, without since and until: 24h."
MOMENT = "A time with its zone such as 2026-11-26T04:30:00Z."
COMPARE_WITH = (
    'A second group, by the names above, such as {"device": "GPU.0"}; its span is that of the first unless it says another. '
    "Then the answer is how its medians (b) differ from those of the first group (a)."
)


def metrics_tool(engine: Engine, store: MetricsStore) -> Callable[..., Any]:
    """The tool, over what was measured."""

    async def metrics(
        range: Annotated[str | None, Field(description=RANGE, json_schema_extra={"enum": [*RANGES, None]})] = None,
        since: Annotated[str | None, Field(description=f"Begin of the span in place of a range. {MOMENT}")] = None,
        until: Annotated[str | None, Field(description=f"End of the span. {MOMENT}")] = None,
        model: Annotated[Names, Field(description="Only requests to this one, or to these; left out: all.")] = None,
        backend: Annotated[Names, Field(description="Only of genai, optimum or scripted.")] = None,
        device: Annotated[Names, Field(description="Only on CPU, GPU.0, ...")] = None,
        configuration: Annotated[Names, Field(description="Only of this configuration_id.")] = None,
        outcome: Annotated[
            Names, Field(description="Only those that ended so: stop, length, cancelled, error, refused.")
        ] = None,
        source: Annotated[
            Names,
            Field(
                description="Only from chat, rest, openai, gradio, mcp, bench, again, tuning or engine; "
                "left out: all but tuning, the requests of tuning runs."
            ),
        ] = None,
        compare_with: Annotated[dict[str, Any] | None, Field(description=COMPARE_WITH)] = None,
    ) -> dict[str, Any]:
        """What requests cost: counts, tokens, and mean, p50, p90 and p99 of latency and throughput; or two groups compared."""
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
