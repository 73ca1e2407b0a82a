"""A session's conversation: turns of our own, and how they are shown. The display is made from the turns, never read back.

Gradio's Chatbot alters texts and loses them on reload, so it only ever shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

from openarc_ui.engine.types import FinishReason, Message, PerformanceReport
from openarc_ui.ui.html import number, seconds

SHOWN_TURNS = 40


@dataclass(slots=True)
class Turn:
    """A question and its answer.

    Attributes:
        note: what is said under the answer while there is no report: waiting, reading the prompt, an error.
        failed: the note is an error.
    """

    question: str
    answer: str = ""
    report: PerformanceReport | None = None
    note: str = ""
    failed: bool = False


@dataclass(slots=True)
class Transcript:
    """The conversation of one browser session."""

    turns: list[Turn] = field(default_factory=list)

    def messages(self, system_prompt: str) -> tuple[Message, ...]:
        """What the model is given: all turns that have an answer, and the last question."""
        messages = [Message(role="system", content=system_prompt)] if system_prompt.strip() else []
        for number_of_turn, turn in enumerate(self.turns):
            is_last = number_of_turn == len(self.turns) - 1
            if turn.answer or is_last:
                messages.append(Message(role="user", content=turn.question))
            if turn.answer and not is_last:
                messages.append(Message(role="assistant", content=turn.answer))
        return tuple(messages)

    def shown(self) -> list[dict[str, Any]]:
        """The messages for the Chatbot, the latest turns only."""
        messages: list[dict[str, Any]] = []
        for turn in self.turns[-SHOWN_TURNS:]:
            messages.append({"role": "user", "content": [_text(turn.question)]})
            parts = [_text(turn.answer)] if turn.answer else []
            line = facts(turn)
            messages.append({"role": "assistant", "content": [*parts, _text(line)] if line else parts or [_text("")]})
        return messages


def facts(turn: Turn) -> str:
    """The line under an answer: tokens, time to first token, throughput, finish reason; or the note."""
    words = turn.note
    if turn.report is not None and not turn.failed:
        words = figures_of(turn.report)
    kind = "oa-facts bad" if turn.failed else "oa-facts"
    return f'<div class="{kind}">{escape(words)}</div>' if words else ""


def figures_of(report: PerformanceReport) -> str:
    """A report in one line."""
    parts = [f"{report.generated_tokens} tokens"]
    if report.ttft_seconds is not None:
        parts.append(f"TTFT {seconds(report.ttft_seconds)}")
    if report.decode_tokens_per_second is not None:
        parts.append(f"{number(report.decode_tokens_per_second)} tok/s")
    endings = {FinishReason.LENGTH: "length (max_new_tokens reached)", FinishReason.CANCELLED: "stopped by you"}
    return " · ".join([*parts, endings.get(report.finish_reason, report.finish_reason.value)])


def _text(text: str) -> dict[str, str]:
    """Content given as a part keeps its white space; a plain string would not."""
    return {"type": "text", "text": text}
