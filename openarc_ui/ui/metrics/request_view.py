"""The answer to `metrics_request`: one request with its stages, its gaps, what was asked, and how to ask it again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from openarc_ui.engine.sampling import settle
from openarc_ui.metrics import detail
from openarc_ui.metrics.curl import again_note, again_of
from openarc_ui.metrics.definitions import STAGES
from openarc_ui.metrics.detail import RequestDetail
from openarc_ui.metrics.queries import reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import NOT_MEASURED, number, seconds, size
from openarc_ui.ui.metrics import request_figures
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.requests_view import known, outcome
from openarc_ui.ui.metrics.style import counted

MOST_TEXT_CHARACTERS = 100_000
"""Of a message or an answer that is shown; the export has all of it."""
NOT_KEPT = (
    "The texts of this request were not kept. Start OpenArc with --keep-texts (or OPENARC_KEEP_TEXTS=1) to keep prompts and "
    "answers of later requests with their figures."
)
NOT_SHOWN = "Prompts and answers are shown to who has the administration key."
NO_SETTINGS = "{}"


def answer(
    store: MetricsStore,
    request_id: str,
    address: str,
    needs_key: bool,
    hidden: Callable[[Any], Any] = lambda value: value,
    may_read: bool = True,
) -> dict[str, Any]:
    """Everything that is kept of a request. It runs in a thread.

    Args:
        address: of this server, for the code to copy.
        hidden: JSON without paths of this machine.
        may_read: whoever asks may read what others typed and were answered.

    Raises:
        RequestNotFound: no request of that id is kept.
        MetricsUnreadable: the database can't be read now.
    """
    with reading(store) as connection:
        found = detail.request(connection, request_id, may_read)
    found = dataclasses.replace(found, configuration=hidden(found.configuration))
    why_no_texts = _why_no_texts(store.keep_texts) if may_read else NOT_SHOWN
    return {"request": shown(found, detail.generation_curl(found, address, needs_key), why_no_texts)}


def shown(found: RequestDetail, curl: str, why_no_texts: str) -> dict[str, Any]:
    """A request as the page shows it."""
    row = known(found.row)
    clock = Clock.at(row["submitted_at"])
    return {
        "title": f"{row['model']}, {clock.shown(row['submitted_at'])}",
        "request_id": row["request_id"],
        "summary": _summary(row, clock),
        "stages": _stages(found),
        "figure": request_figures.gaps(found.gaps_seconds),
        "timeline": request_figures.stages(found.stages),
        "settings": _settings(found),
        "configuration": _configuration(found),
        "messages": _messages(found.messages),
        "answers": [_cut(text) for text in found.answers] if found.answers is not None else None,
        "texts_note": "" if found.messages is not None else why_no_texts,
        "curl": curl,
        "again_note": again_note(again_of(found.settings, found.messages)[1]),
        "error": _error(row),
    }


def _settings(found: RequestDetail) -> str:
    """What was asked, and every sampling value that was in effect: the request's, else the load's, the model's, the built-in."""
    if found.settings is None:
        return NO_SETTINGS
    told = dict(found.settings)
    defaults = (found.configuration or {}).get("generation_defaults")
    if isinstance(defaults, dict):
        in_effect = settle(told.get("sampling", {}), defaults) | {"seed": told.get("seed")}
        told["sampling_in_effect"] = {name: value for name, value in in_effect.items() if name != "stop"}
    return json.dumps(told, indent=2, ensure_ascii=False)


def _summary(row: Mapping[str, Any], clock: Clock) -> list[list[str]]:
    prompt = _tokens(row["prompt_tokens"])
    if row["cached_prompt_tokens"] is not None:
        prompt += f", {number(row['cached_prompt_tokens'], 0)} of them from the prefix cache"
    rows = [
        ("Submitted", clock.in_full(row["submitted_at"])),
        ("Model", row["model"]),
        ("Backend", f"{row['backend']} on {row['device']}"),
        ("Outcome", outcome(row["finish_reason"])),
        ("From", row["source"]),
        ("Prompt", prompt),
        ("Generated", _tokens(row["generated_tokens"])),
        ("Time to first token", seconds(row["ttft_seconds"])),
        ("Time per output token", _unit(row["tpot_seconds"], 1000.0, 1, "ms")),
        ("Prefill", _unit(row["prefill_tokens_per_second"], 1.0, 0, "tok/s")),
        ("Decode", _unit(row["decode_tokens_per_second"], 1.0, 1, "tok/s")),
        ("Queue", seconds(row["queue_seconds"])),
        ("End to end", seconds(row["total_seconds"])),
        ("Requests at once", number(row["concurrent_requests"], 0)),
        ("KV cache in use, at most", _unit(row.get("kv_cache_percent"), 1.0, 1, "%")),
        ("Seed", str(row["seed"]) if row["seed"] is not None else NOT_MEASURED),
        ("Request id", row["request_id"]),
        ("Configuration", row["configuration_id"]),
    ]
    if row.get("dropped_messages"):
        rows.insert(6, ("Left out", f"the oldest {counted(row['dropped_messages'], 'message')}"))
    return [[label, str(value)] for label, value in rows]


def _stages(found: RequestDetail) -> list[dict[str, Any]]:
    measured = dict(found.stages)
    total = sum(measured.values())
    return [
        {
            "id": stage.name,
            "label": stage.label,
            "meaning": stage.meaning,
            "milliseconds": round(measured[stage.name] * 1000, 3),
            "share": round(measured[stage.name] / total, 5) if total > 0 else 0.0,
            "value": _unit(measured[stage.name], 1000.0, 1, "ms"),
        }
        for stage in STAGES
        if measured.get(stage.name)
    ]


def _configuration(found: RequestDetail) -> dict[str, Any] | None:
    info = found.configuration
    if info is None:
        return None
    context = info.get("context_length")
    rows = [
        ("Model", str(info.get("name", ""))),
        ("Backend", str(info.get("backend", ""))),
        ("Device", f"{info.get('device', '')} ({', '.join(info.get('execution_devices') or ()) or 'not told'})"),
        ("Context", _tokens(context)),
        ("Memory after loading", size(info.get("memory_bytes"))),
        ("Load time", seconds(info.get("load_seconds"))),
        *((name, str(version)) for name, version in (info.get("versions") or {}).items()),
    ]
    text = json.dumps(info, indent=2, ensure_ascii=False, default=str)
    return {"summary": [[label, value] for label, value in rows], "json": text}


def _messages(kept: Mapping[str, Any] | None) -> list[dict[str, str]] | None:
    if kept is None:
        return None
    return [
        {"role": str(each.get("role", "")), "text": _cut(_content(each))}
        for each in kept.get("conversation") or ()
        if isinstance(each, dict)
    ]


def _content(message: Mapping[str, Any]) -> str:
    text = str(message.get("content") or "")
    calls = message.get("tool_calls")
    return text if not calls else f"{text}\n{json.dumps(calls, indent=2, ensure_ascii=False)}".strip()


def _why_no_texts(keeps_texts: bool) -> str:
    return (
        "The texts of this request were not kept: it is from before --keep-texts was switched on."
        if keeps_texts
        else NOT_KEPT
    )


def _error(row: Mapping[str, Any]) -> str | None:
    if not row["error_message"]:
        return None
    return f"{row['error_message']} ({row['error_code']})" if row["error_code"] else str(row["error_message"])


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT_CHARACTERS:
        return text
    return f"{text[:MOST_TEXT_CHARACTERS]}\n… {number(len(text) - MOST_TEXT_CHARACTERS, 0)} more characters"


def _tokens(count: float | None) -> str:
    return counted(count, "token") if count is not None else NOT_MEASURED


def _unit(value: float | None, scale: float, digits: int, unit: str) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{number(value * scale, digits)}{'' if unit == '%' else ' '}{unit}"
