"""One request in full: its row, its gaps, its stages, and what is kept of what was asked. Pure reads."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy

from openarc_ui.errors import RequestNotFound
from openarc_ui.metrics import frames
from openarc_ui.metrics.curl import curl_of
from openarc_ui.metrics.schema import REQUEST_COLUMNS, STAGE_SQL

LARGEST_ROW = 2**63
"""No row number of SQLite is as large."""


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """Everything that is kept of one request.

    Attributes:
        row: every column of `requests` but the gaps and the key for sampling.
        gaps_seconds: inter-token latencies, in order.
        stages: (name of one of STAGES, seconds), in that order; together they are `total_seconds`.
        settings: what was asked, without a word that a person typed; None in requests from before it was kept.
        messages: what is needed to send it again; None unless texts are kept.
        answers: the text of each sequence; None unless texts are kept.
        configuration: the ModelInfo it ran under, as JSON; None when it is gone.
    """

    row: dict[str, Any]
    gaps_seconds: tuple[float, ...]
    stages: tuple[tuple[str, float], ...]
    settings: dict[str, Any] | None
    messages: dict[str, Any] | None
    answers: tuple[str, ...] | None
    configuration: dict[str, Any] | None


def request(connection: sqlite3.Connection, asked: str | int, with_texts: bool = True) -> RequestDetail:
    """The newest request of an id, or the one of a row number; an id may have been used again.

    Args:
        with_texts: whoever asks may read what others typed and were answered. Otherwise it looks as if they were not kept.

    Raises:
        RequestNotFound: there is none.
    """
    stages = ", ".join(STAGE_SQL.values())
    column = "request_id" if isinstance(asked, str) else "id"
    found = None
    if isinstance(asked, str) or abs(asked) < LARGEST_ROW:
        found = connection.execute(
            f"SELECT {stages}, id, {', '.join(REQUEST_COLUMNS)} FROM requests WHERE {column} = ? ORDER BY id DESC LIMIT 1",
            (asked,),
        ).fetchone()
    if found is None:
        error = RequestNotFound(
            "No request of that id is kept.",
            "It may have been deleted by age or size. GET /metrics/requests lists the newest.",
        )
        error.asked = asked
        raise error
    seconds, values = found[: len(STAGE_SQL)], found[len(STAGE_SQL) :]
    row = dict(zip(("id", *REQUEST_COLUMNS), values, strict=True))
    gaps = numpy.frombuffer(row.pop("inter_token_latencies_seconds"), "<f4")
    settings, messages, answers = _kept(connection, row["id"])
    return RequestDetail(
        row=row,
        gaps_seconds=tuple(gaps.astype(float).tolist()),
        stages=tuple(zip(STAGE_SQL, seconds, strict=True)),
        settings=settings,
        messages=messages if with_texts else None,
        answers=tuple(answers) if with_texts and answers is not None else None,
        configuration=frames.configurations(connection, [row["configuration_id"]]).get(row["configuration_id"]),
    )


def generation_curl(detail: RequestDetail, address: str = "http://127.0.0.1:7860", needs_key: bool = False) -> str:
    """A curl that asks the same of this server: the same settings, and the seed that was used."""
    return curl_of(
        detail.row["model"],
        detail.row["seed"],
        detail.settings,
        detail.messages,
        address=address,
        needs_key=needs_key,
    )


def _kept(connection: sqlite3.Connection, row: int) -> tuple[Any, Any, Any]:
    """Settings, messages and answers from JSON; None for each that is not kept."""
    found = connection.execute("SELECT settings, messages, answers FROM details WHERE id = ?", (row,)).fetchone()
    settings, messages, answers = (None if text is None else json.loads(text) for text in found or (None, None, None))
    return settings, messages, answers
