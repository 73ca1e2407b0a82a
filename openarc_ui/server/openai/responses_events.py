"""The output of a response while it grows: its items, and an event for each thing that happens to them.

    response.created, response.in_progress
    response.output_item.added, .done                                for each item
    response.content_part.added, .done                               for each text, said or thought
    response.output_text.delta, .done     response.reasoning_text.delta, .done
    response.function_call_arguments.delta, .done
    response.completed, .incomplete or .failed                       the last one

It knows no engine and no HTTP. Events are plain dictionaries: a model for each token would cost more than the token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from openarc_ui.ids import new_id

Event = dict[str, Any]
Kind = Literal["message", "reasoning", "function_call"]
PREFIXES: dict[Kind, str] = {"message": "msg", "reasoning": "rs", "function_call": "fc"}


@dataclass(slots=True)
class _OpenItem:
    """The item that grows. `texts` are the parts of its text, or of a call's arguments."""

    kind: Kind
    id: str
    index: int
    head: dict[str, Any]
    texts: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)

    def whole(self, status: str) -> dict[str, Any]:
        """The item as it is told, with all that came."""
        item = {"id": self.id, "type": self.kind, "status": status, **self.head}
        if self.kind == "function_call":
            return {**item, "arguments": "".join(self.texts)}
        return {**item, "content": [self.part()] if self.texts or status != "in_progress" else []}

    def part(self) -> dict[str, Any]:
        """Its content."""
        return _part(self.kind, "".join(self.texts), self.logprobs)


class ResponseOutput:
    """The items of one response, in their order, and the events they make.

    Args:
        head: the response without output.
    """

    def __init__(self, head: dict[str, Any]) -> None:
        self._head = head
        self._done: list[dict[str, Any]] = []
        self._open: _OpenItem | None = None
        self._next_number = 0

    def begin(self) -> list[Event]:
        """The response exists."""
        return [
            self._event("response.created", response=self._head),
            self._event("response.in_progress", response=self._head),
        ]

    def thought(self, text: str) -> list[Event]:
        """More of the thoughts."""
        events, item = self._item("reasoning", {"summary": []})
        item.texts.append(text)
        return [*events, self._delta("response.reasoning_text.delta", item, text, content_index=0)]

    def said(self, text: str, logprobs: Sequence[dict[str, Any]] = ()) -> list[Event]:
        """More of the text."""
        events, item = self._item("message", {"role": "assistant"})
        item.texts.append(text)
        item.logprobs.extend(logprobs)
        return [
            *events,
            self._delta("response.output_text.delta", item, text, content_index=0, logprobs=list(logprobs)),
        ]

    def call_begun(self, call_id: str, name: str) -> list[Event]:
        """Another call."""
        events = self._close("completed")
        self._open = item = self._new("function_call", {"call_id": call_id, "name": name})
        return [*events, self._added(item)]

    def call_arguments(self, text: str) -> list[Event]:
        """More of the last call's arguments."""
        item = self._open
        assert item is not None and item.kind == "function_call", "arguments belong to the call that was begun last"
        item.texts.append(text)
        return [self._delta("response.function_call_arguments.delta", item, text)]

    def end(self, status: str, **more: Any) -> list[Event]:
        """Close what is open, and tell the response as it is now: the last event. An answer without a word is a message.

        Args:
            status: of the response: completed, incomplete, failed or cancelled.
            more: fields of the response that are known now.
        """
        silence: list[Event] = []
        if status == "completed" and self._open is None and not self._done:
            silence, _ = self._item("message", {"role": "assistant"})
        closing = self._close("completed" if status == "completed" else "incomplete")
        response = {**self._head, "status": status, "output": list(self._done), **more}
        name = "response.incomplete" if status == "cancelled" else f"response.{status}"
        return [*silence, *closing, self._event(name, response=response)]

    def _item(self, kind: Kind, head: dict[str, Any]) -> tuple[list[Event], _OpenItem]:
        """The open item of that kind; another one is closed for it."""
        if self._open is not None and self._open.kind == kind:
            return [], self._open
        events = self._close("completed")
        self._open = item = self._new(kind, head)
        part = _part(kind, "", [])
        return [
            *events,
            self._added(item),
            self._about(item, "response.content_part.added", content_index=0, part=part),
        ], item

    def _new(self, kind: Kind, head: dict[str, Any]) -> _OpenItem:
        return _OpenItem(kind, f"{PREFIXES[kind]}_{new_id()}", len(self._done), head)

    def _close(self, status: str) -> list[Event]:
        """The open item is done."""
        item, self._open = self._open, None
        if item is None:
            return []
        whole = item.whole(status)
        self._done.append(whole)
        return [
            *self._closing(item),
            self._event("response.output_item.done", output_index=item.index, item=whole),
        ]

    def _closing(self, item: _OpenItem) -> list[Event]:
        if item.kind == "function_call":
            name = item.head["name"]
            arguments = "".join(item.texts)
            return [self._about(item, "response.function_call_arguments.done", name=name, arguments=arguments)]
        part = item.part()
        done = {"content_index": 0, "text": part["text"]}
        ending = (
            self._about(item, "response.reasoning_text.done", **done)
            if item.kind == "reasoning"
            else self._about(item, "response.output_text.done", **done, logprobs=item.logprobs)
        )
        return [ending, self._about(item, "response.content_part.done", content_index=0, part=part)]

    def _added(self, item: _OpenItem) -> Event:
        return self._event("response.output_item.added", output_index=item.index, item=item.whole("in_progress"))

    def _delta(self, name: str, item: _OpenItem, text: str, **more: Any) -> Event:
        return self._about(item, name, delta=text, **more)

    def _about(self, item: _OpenItem, event: str, /, **more: Any) -> Event:
        return self._event(event, item_id=item.id, output_index=item.index, **more)

    def _event(self, event: str, /, **fields: Any) -> Event:
        number, self._next_number = self._next_number, self._next_number + 1
        return {"type": event, "sequence_number": number, **fields}


def _part(kind: Kind, text: str, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}
