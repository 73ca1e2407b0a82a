"""What a model thought before it answered, apart from its answer. It knows no tool calls."""

from __future__ import annotations

from dataclasses import dataclass

from openarc_ui.engine.formats.scan import prefixes_of, tail_start
from openarc_ui.engine.formats.templates import ReasoningTags


@dataclass(frozen=True, slots=True)
class Split:
    """A text in two.

    Attributes:
        reasoning: the thoughts, "" while nothing of them is written yet; None: there are none.
        content: what follows them.
        is_open: the text ends within the thoughts.
        is_held: the text ends where a tag may be beginning; nothing is known of what follows.
    """

    reasoning: str | None
    content: str
    is_open: bool = False
    is_held: bool = False


def split_reasoning(text: str, tags: ReasoningTags | None, *, is_open: bool, is_final: bool) -> Split:
    """Thoughts at the beginning of a text, in one block or several in a row; tags further on are text.

    Args:
        is_open: the prompt has the opening tag, so that the text begins with thoughts.
        is_final: False while the text grows: what may still become a tag is left out.
    """
    if tags is None:
        return Split(None, text)
    thoughts: list[str] = []
    rest, is_within = text, is_open
    while True:
        begun = rest.lstrip()
        if begun.startswith(tags.open):
            begun, is_within = begun[len(tags.open) :], True
        elif not is_final and tags.open.startswith(begun):
            return Split(_joined(thoughts, is_within), "", is_within, is_held=True)
        if not is_within:
            return Split(_joined(thoughts), rest if not thoughts else begun)
        thought, tag, rest = begun.partition(tags.close)
        if not tag:
            if not is_final:
                thought = thought[: tail_start(thought, prefixes_of({tags.close}), len(tags.close))]
            return Split(_joined([*thoughts, thought.strip()], is_open=True), "", is_open=True)
        thoughts.append(thought.strip())
        is_within = False


def _joined(thoughts: list[str], is_open: bool = False) -> str | None:
    return "\n\n".join(filter(None, thoughts)) or ("" if is_open else None)
