"""What the chat view shows, as one JSON object; see docs/architecture.md for who reads it. Pure.

A snapshot is whole: the list of conversations, the messages of the one that is open, and everything said around them.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openarc_ui.conversations.answer_figures import measured
from openarc_ui.conversations.store import Summary
from openarc_ui.conversations.tree import Answer, Conversation, Node
from openarc_ui.engine.formats import check_arguments
from openarc_ui.engine.message import ToolCall
from openarc_ui.engine.prompts import Tool
from openarc_ui.engine.types import EngineStatus, ModelState
from openarc_ui.errors import nearest
from openarc_ui.startup import StartupPhase, StartupStatus
from openarc_ui.ui.chat.figures import figures_line, timeline
from openarc_ui.ui.chat.gauge import Gauge
from openarc_ui.ui.chat.session import OPEN_LOAD, OPEN_RUN, Notice

ROLES = ("user", "assistant", "system", "tool")
EXAMPLES = (
    "What is the capital of France?",
    "Write a Python function that reverses a string.",
    "Explain in three sentences why the sky is blue.",
)
MARKDOWN_SIGN = re.compile(r"[!-/:-@\[-`{-~]")
WAITING = "waiting"
"""Id of the answer that waits for its model and is not in the conversation yet."""


@dataclass(frozen=True, slots=True)
class Growing:
    """An answer that is being generated, at one moment."""

    id: str
    content: str = ""
    reasoning: str | None = None
    reasoning_is_open: bool = False
    note: str = ""

    def shown(self) -> dict[str, Any]:
        """As the page takes it."""
        return {name: getattr(self, name) for name in ("id", "content", "reasoning", "reasoning_is_open", "note")}


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything a snapshot is made from.

    Attributes:
        conversation: the open one; None: one that is not saved yet.
        running: the answers of the open conversation that are being generated.
        has_more: the list of conversations goes on.
        tools: those of the settings, to hold calls against.
        has_tools: the model's template knows tools.
    """

    engine: EngineStatus
    startup: StartupStatus
    conversation: Conversation | None = None
    summaries: Sequence[Summary] = ()
    search: str = ""
    has_more: bool = False
    running: Sequence[Growing] = ()
    notice: Notice | None = None
    gauge: Gauge | None = None
    tools: Sequence[Tool] = ()
    has_tools: bool = False
    now: datetime.datetime = field(default_factory=datetime.datetime.now)


def snapshot(revision: int, shown: Shown, page: str = "") -> dict[str, Any]:
    """The value of the view.

    Args:
        page: how the page names itself when it asks how far the answers are.
    """
    conversation = shown.conversation
    return {
        "revision": revision,
        "page": page,
        "conversations": [_summary(each, shown.search, shown.now) for each in shown.summaries],
        "search": shown.search,
        "more": shown.has_more,
        "conversation": {
            "id": conversation.id if conversation is not None else None,
            "title": conversation.shown_title if conversation is not None else "New conversation",
            "messages": messages_shown(conversation, shown.running, shown.tools),
        },
        "running": [each.id for each in shown.running],
        "empty": _empty(shown),
        "notice": _notice(shown.notice),
        "gauge": shown.gauge.shown() if shown.gauge is not None else None,
        "can": {"send": True, "tools": shown.has_tools, "prefill": True},
        "roles": list(ROLES),
    }


def live(revision: int, conversation_id: str | None, running: Iterable[Growing]) -> dict[str, Any]:
    """What streams: the running answers' text and nothing else."""
    return {"revision": revision, "conversation": conversation_id, "answers": [each.shown() for each in running]}


def messages_shown(
    conversation: Conversation | None, running: Sequence[Growing] = (), tools: Sequence[Tool] = ()
) -> list[dict[str, Any]]:
    """The messages of the active path, each with its versions and with the answers made side by side with it."""
    growing = {each.id: each for each in running}
    path = conversation.path() if conversation is not None else ()
    by_name = {tool.function.name: tool for tool in tools}
    messages = []
    for at, node in enumerate(path):
        assert conversation is not None  # a path has nodes
        results = _results_of(path[at + 1 :])
        units = _units(conversation.versions(node.id))
        place, unit = next((position, each) for position, each in enumerate(units) if node in each)
        beside = [_message(each, growing, results, by_name) for each in unit if each.id != node.id]
        message = _message(node, growing, results, by_name)
        versions = {
            "index": place,
            "count": len(units),
            "previous": units[place - 1][0].id if place else None,
            "next": units[place + 1][0].id if place + 1 < len(units) else None,
        }
        messages.append({**message, "versions": versions, "group": beside})
    if WAITING in growing:
        messages.append(_waiting(growing[WAITING]))
    return messages


def _results_of(later: Sequence[Node]) -> set[str | None]:
    """Ids of the calls that are answered after a message; a model may use an id again, so the next calls end the search."""
    before_next = itertools.takewhile(lambda node: not node.tool_calls, later)
    return {node.tool_call_id for node in before_next if node.role == "tool"}


def _empty(shown: Shown) -> dict[str, Any]:
    title, text, link = empty_title(shown), empty_text(shown), _way_out(shown)
    return {"title": title, "text": text, "link": _link(link), "examples": list(EXAMPLES) if link is None else []}


def _way_out(shown: Shown) -> tuple[str, str] | None:
    """The tab in which what keeps anything from being answered ends; None where an answer comes by itself, or by Try again."""
    if shown.engine.reserved is not None:
        return OPEN_RUN
    has_failed = shown.startup.phase is StartupPhase.FAILED and not shown.engine.models
    return None if _is_ready(shown.engine) or shown.startup.is_under_way or has_failed else OPEN_LOAD


def empty_title(shown: Shown) -> str:
    """What stands over an empty conversation."""
    if shown.engine.reserved is not None:
        return "The machine is being measured"
    if _is_ready(shown.engine):
        return "Ask something"
    if shown.startup.is_under_way:
        return "Almost there"
    failed = shown.startup.phase is StartupPhase.FAILED and not shown.engine.models
    return "The model could not be started" if failed else "No model is loaded"


def empty_text(shown: Shown) -> str:
    """What to do in an empty conversation, or what is being waited for; Markdown."""
    startup, reserved = shown.startup, shown.engine.reserved
    if reserved is not None:
        who = MARKDOWN_SIGN.sub(r"\\\g<0>", reserved.rstrip("."))  # a run's name is anybody's text
        return f"{who}. Chat is refused until it ends, since every answer would spoil its figures."
    if _is_ready(shown.engine):
        return "The answer streams in, with its tokens, latency and throughput below it."
    if startup.is_under_way:
        return "The model is being prepared; the bar above shows how far it is. A message sent now is answered as soon as it is ready."
    if startup.phase is StartupPhase.FAILED and not shown.engine.models:
        return f"{startup.message}\n\n{startup.hint}\n\nThen press **Try again** above."
    return "Choose one in the Load tab, then come back."


def when(moment: float, now: datetime.datetime) -> str:
    """A point in time as a list shows it: "today 14:02", "yesterday 9:30", "12 Nov", "12 Nov 2024"."""
    then = datetime.datetime.fromtimestamp(moment, now.tzinfo)
    days = (now.date() - then.date()).days
    if days in (0, 1):
        return f"{'yesterday' if days else 'today'} {then.hour}:{then.minute:02}"
    day = f"{then.day} {then:%b}"
    return day if then.year == now.year else f"{day} {then.year}"


def _is_ready(engine: EngineStatus) -> bool:
    return any(model.state is ModelState.READY for model in engine.users_models)


def _summary(summary: Summary, search: str, now: datetime.datetime) -> dict[str, Any]:
    return {
        "id": summary.id,
        "title": summary.title,
        "when": when(summary.updated_at, now),
        "messages": summary.messages,
        "snippet": summary.snippet if search else "",
    }


def _notice(notice: Notice | None) -> dict[str, Any] | None:
    if notice is None:
        return None
    actions = [{"label": label, "action": dict(action)} for label, action in notice.actions]
    return {
        "tone": notice.tone,
        "text": notice.text,
        "hint": notice.hint,
        "actions": actions,
        "link": _link(notice.link),
    }


def _link(link: tuple[str, str] | None) -> dict[str, str] | None:
    return {"label": link[0], "address": link[1]} if link is not None else None


def _units(versions: Sequence[Node]) -> list[list[Node]]:
    """Versions as the arrows count them: answers made side by side are one."""
    units: list[list[Node]] = []
    groups: dict[str, list[Node]] = {}
    for node in versions:
        group = node.answer.group if node.answer is not None else None
        if group is not None and group in groups:
            groups[group].append(node)
            continue
        units.append([node])
        if group is not None:
            groups[group] = units[-1]
    return units


def _message(
    node: Node, growing: Mapping[str, Growing], results: set[str | None], tools: Mapping[str, Tool]
) -> dict[str, Any]:
    """A message without its versions and group."""
    answer, now = node.answer, growing.get(node.id)
    failure = answer.problem if answer is not None and answer.finish_reason == "error" else ""
    content = now.content if now is not None else node.content
    reasoning = now.reasoning if now is not None else node.reasoning
    is_open = now.reasoning_is_open if now is not None else False
    thoughts = None
    if reasoning is not None:
        tokens, taken = (answer.reasoning_tokens, answer.reasoning_seconds) if answer is not None else (None, None)
        thoughts = {"text": reasoning, "tokens": tokens, "seconds": taken, "is_open": is_open}
    return {
        "id": node.id,
        "role": node.role,
        "content": content,
        "name": node.name or "",
        "tool_call_id": node.tool_call_id or "",
        "reasoning": thoughts,
        "tool_calls": [_call(call, results, tools) for call in node.tool_calls],
        "versions": {"index": 0, "count": 1, "previous": None, "next": None},
        "group": [],
        "prefill": answer.prefill_characters if answer is not None else 0,
        "answer": _answer(answer) if answer is not None else None,
        "note": now.note if now is not None else failure,
        "failed": now is None and bool(failure),
    }


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "model": answer.model,
        "figures": figures_line(answer.figures, answer.finish_reason),
        "seed": answer.seed,
        "has_tokens": answer.has_tokens,
        "timeline": timeline(answer.figures),
        "dropped": measured(answer.figures, "dropped_messages") or 0,
        "problems": [answer.problem] if answer.problem and answer.finish_reason != "error" else [],
    }


def _call(call: ToolCall, results: set[str | None], tools: Mapping[str, Tool]) -> dict[str, Any]:
    name, arguments = call.function.name, call.function.arguments
    problems: tuple[str, ...] = ()
    if name in tools:
        problems = check_arguments(tools[name], arguments)
    elif tools:
        problems = (f"No tool '{name}' is defined. {nearest(name, tools)}".strip(),)
    has_result = call.id is not None and call.id in results
    return {
        "id": call.id or "",
        "name": name,
        "arguments": arguments,
        "has_result": has_result,
        "problems": list(problems),
    }


def _waiting(now: Growing) -> dict[str, Any]:
    """The place of an answer whose model is not there yet."""
    return {
        "id": now.id,
        "role": "assistant",
        "content": "",
        "name": "",
        "tool_call_id": "",
        "reasoning": None,
        "tool_calls": [],
        "versions": {"index": 0, "count": 1, "previous": None, "next": None},
        "group": [],
        "prefill": 0,
        "answer": None,
        "note": now.note,
        "failed": False,
    }
