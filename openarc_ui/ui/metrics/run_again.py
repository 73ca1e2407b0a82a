"""The answer to `metrics_again`: a request of before once more, with the same settings and seed. Bounded in length and time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from pydantic import ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, GenerationResult, PerformanceReport
from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.ids import new_id
from openarc_ui.metrics import detail
from openarc_ui.metrics.curl import again_note, again_of, was_prompt
from openarc_ui.metrics.detail import RequestDetail
from openarc_ui.metrics.queries import reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import number, seconds
from openarc_ui.ui.metrics.wanted import AskedAgain

MOST_ANSWER_BYTES = 16_000
MOST_SECONDS = 600.0
HEARTBEAT_SECONDS = 0.5
END_SECONDS = 15.0

HasLeft = Callable[[], Awaitable[bool]]


class Again:
    """Requests that run once more, so that leaving the page can end them. Only the event loop's thread uses it."""

    def __init__(self, engine: Engine, store: MetricsStore, most_seconds: float = MOST_SECONDS) -> None:
        self._engine = engine
        self._store = store
        self._most_seconds = most_seconds
        self._running: dict[str, tuple[str, Generation]] = {}

    async def answer(self, asked: AskedAgain, has_left: HasLeft, may_read: bool = True) -> dict[str, Any]:
        """Run it and wait for its end, or end one that runs.

        Args:
            may_read: whoever asks may read what others typed; otherwise a prompt is needed.
            has_left: the page that asked is gone; asked twice a second.

        Raises:
            InvalidRequest: its texts were not kept and no prompt was given.
            RequestNotFound, MetricsUnreadable, and all that `Engine.submit` and a generation raise.
        """
        if asked.cancel is not None:
            return {"cancelled": self.cancel(asked.cancel)}
        original = str(asked.request_id)
        found = await anyio.to_thread.run_sync(self._look_up, original, may_read)
        request = once_more(found, asked.prompt)
        with await anyio.to_thread.run_sync(self._engine.submit, request) as generation:
            self._running[generation.request_id] = (original, generation)
            try:
                return with_note(await self._until_its_end(generation, has_left), found)
            finally:
                del self._running[generation.request_id]

    def cancel(self, request_id: str) -> int:
        """End what runs again under an id, its own or the one of the request it repeats; returns how many."""
        wanted = [
            generation
            for original, generation in self._running.values()
            if request_id in (original, generation.request_id)
        ]
        for generation in wanted:
            generation.cancel()
        return len(wanted)

    def _look_up(self, request_id: str, may_read: bool) -> RequestDetail:
        with reading(self._store) as connection:
            return detail.request(connection, request_id, may_read)

    async def _until_its_end(self, generation: Generation, has_left: HasLeft) -> dict[str, Any]:
        is_late = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._most_seconds) as limit:
                async for _ in generation.async_batches(HEARTBEAT_SECONDS, lambda: HEARTBEAT_SECONDS):
                    if await has_left():
                        generation.cancel()
        is_late = limit.expired()
        if is_late:
            generation.cancel()
        try:
            result = await generation.async_result(END_SECONDS)
        except TimeoutError:
            raise OpenArcError("The model does not stop.", "Unload it in the Load tab.") from None
        return shown(result, self._most_seconds if is_late else None)


def once_more(found: RequestDetail, prompt: str | None) -> GenerationRequest:
    """The same request under a new id.

    Args:
        prompt: what the user says in it; needed where the texts were not kept.

    Raises:
        InvalidRequest: there is neither a kept text nor a prompt, or what was kept is no request any more.
    """
    fields, _ = again_of(found.settings, found.messages)
    fields.pop("token_details", None)  # nothing that this page shows
    if prompt is not None and prompt.strip():
        is_prompt = was_prompt(found.settings, found.messages)
        fields |= {"prompt": prompt} if is_prompt else {"conversation": [{"role": "user", "content": prompt}]}
        fields.pop("continue_final_message", None)
    if not fields.get("conversation") and not fields.get("prompt"):
        raise InvalidRequest(
            "The text of this request was not kept, or is for the administrator.", "Give a prompt to run it again with."
        )
    seed = found.row.get("seed")
    fields |= {"seed": seed} if seed is not None else {}
    fields |= {"model": found.row["model"], "request_id": new_id(), "source": "again"}
    try:
        return GenerationRequest.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        hint = "This OpenArc does not take what was kept of it; ask anew in the Chat tab."
        raise explain(problems, fields_by_path(GenerationRequest), what="The request", hint=hint) from None


def with_note(answer: dict[str, Any], found: RequestDetail) -> dict[str, Any]:
    """The answer, whose words also say what the request had before and has not now."""
    note = again_note(again_of(found.settings, found.messages)[1])
    return answer if note is None else {**answer, "words": f"{answer['words']} {note.replace('it runs', 'it ran')}"}


def shown(result: GenerationResult, stopped_after_seconds: float | None) -> dict[str, Any]:
    """What the page is told at the end."""
    text, is_cut = _bounded("\n\n".join(result.texts))
    words = _words(result.report)
    if stopped_after_seconds is not None:
        words = f"Stopped after {seconds(stopped_after_seconds)}, the longest it may take here. {words}"
    if is_cut:
        words += f" Only the first {number(MOST_ANSWER_BYTES / 1000, 0)} kB of the answer are shown."
    return {"request_id": result.request_id, "words": words, "answer": text}


def _words(report: PerformanceReport) -> str:
    how = {"cancelled": "Cancelled", "error": "Failed"}.get(report.finish_reason.value, "Ran again")
    parts = [f"{how} after {seconds(report.total_seconds)}: {number(report.generated_tokens, 0)} tokens"]
    if report.ttft_seconds is not None:
        parts.append(f"first token after {seconds(report.ttft_seconds)}")
    if report.decode_tokens_per_second is not None:
        parts.append(f"decode {number(report.decode_tokens_per_second)} tok/s")
    return f"{', '.join(parts)}."


def _bounded(text: str) -> tuple[str, bool]:
    """At most so many bytes of it, whole characters."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MOST_ANSWER_BYTES:
        return encoded.decode("utf-8"), False
    return encoded[:MOST_ANSWER_BYTES].decode("utf-8", "ignore"), True
