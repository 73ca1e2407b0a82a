"""What the chat view may ask for: one model an action, so that an unknown action or field is an error that names it.

The view sends objects {"do": "send", "conversation": id or null, ...}. Nothing is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from openarc_ui.engine.explain import explain
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.message import Role
from openarc_ui.errors import InvalidRequest, nearest

MAX_TEXT_CHARACTERS = 1_000_000
Identifier = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]


class AttachedFile(Frozen):
    """A file that goes along as text."""

    name: str = Field("", max_length=300)
    text: Text = ""


class Wanted(Frozen):
    """Base of all actions.

    Attributes:
        conversation: which one is meant, so that a late click never changes another; None: the one not yet saved.
    """

    conversation: Identifier | None = None


class Answering(Wanted):
    """Base of those that a model answers; `shorten` leaves out the oldest messages this once, where they don't fit."""

    shorten: bool = False


class Send(Answering):
    do: Literal["send"]
    text: Text = ""
    files: tuple[AttachedFile, ...] = Field((), max_length=50)
    prefill: Text = ""


class Retry(Answering):
    do: Literal["retry"]
    id: Identifier


class Continue(Answering):
    do: Literal["continue"]
    id: Identifier


class Resend(Answering):
    do: Literal["resend"]
    id: Identifier
    content: Text


class GiveResult(Answering):
    do: Literal["tool_result"]
    id: Identifier
    call_id: str = Field(max_length=200)
    content: Text = ""
    go_on: bool = True


class AnswerNow(Answering):
    do: Literal["answer"]


class Edit(Wanted):
    do: Literal["edit"]
    id: Identifier
    content: Text
    role: Role | None = None


class Delete(Wanted):
    do: Literal["delete"]
    id: Identifier


class DeleteFrom(Wanted):
    do: Literal["delete_from"]
    id: Identifier


class Insert(Wanted):
    do: Literal["insert"]
    before: Identifier | None = None
    role: Role
    content: Text = ""


class Move(Wanted):
    do: Literal["move"]
    id: Identifier
    by: Literal[-1, 1]


class Select(Wanted):
    do: Literal["select"]
    id: Identifier


class Undo(Wanted):
    """Attributes: sure: do it although versions would be lost; else it is asked first."""

    do: Literal["undo"]
    sure: bool = False


class Replace(Wanted):
    do: Literal["replace"]
    text: str = Field(max_length=50 * MAX_TEXT_CHARACTERS)


class New(Wanted):
    do: Literal["new"]


class Open(Wanted):
    do: Literal["open"]
    id: Identifier


class Rename(Wanted):
    do: Literal["rename"]
    id: Identifier
    title: str = Field(max_length=10_000)


class Remove(Wanted):
    do: Literal["remove"]
    id: Identifier


class Search(Wanted):
    do: Literal["search"]
    text: str = Field("", max_length=1000)


class More(Wanted):
    do: Literal["more"]


class Import(Wanted):
    do: Literal["import"]
    name: str = Field("", max_length=300)
    text: str = Field(max_length=50 * MAX_TEXT_CHARACTERS)


class Draft(Wanted):
    do: Literal["draft"]
    text: Text = ""
    prefill: Text = ""
    files: tuple[AttachedFile, ...] = Field((), max_length=50)


class Dismiss(Wanted):
    do: Literal["dismiss"]


class Tokens(Wanted):
    do: Literal["tokens"]
    id: Identifier


class Export(Wanted):
    do: Literal["export"]
    id: Identifier | None = None
    format: Literal["json", "json-tree", "markdown"] = "json"


class Stop(Wanted):
    do: Literal["stop"] = "stop"


Submitted = Send | Retry | Continue | Resend | GiveResult | AnswerNow
Edited = (
    Edit | Delete | DeleteFrom | Insert | Move | Select | Undo | Replace | New | Open | Rename | Remove | Search | More
    | Import | Draft | Dismiss
)  # fmt: skip
LookedUp = Tokens | Export

EVENTS: dict[str, Any] = {"submit": Submitted, "edit": Edited, "select": LookedUp}
"""Event of the view -> the actions it may carry; "stop" carries one only."""


def wanted(event: str, data: Any) -> Any:
    """The action that came with an event.

    Raises:
        InvalidRequest: an unknown action or field, or a wrong value; with its name and the nearest right one.
    """
    kinds = {_name_of(kind): kind for kind in get_args(EVENTS[event])}
    name = data.get("do") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or name not in kinds:
        raise InvalidRequest(f"The page asked for an unknown action '{str(name)[:80]}'.", nearest(str(name), kinds))
    return _checked(kinds[name], data)


def stop_wanted(data: Any) -> Stop:
    """What came with Stop.

    Raises:
        InvalidRequest: a field it does not know.
    """
    stop: Stop = _checked(Stop, data if isinstance(data, Mapping) else {})
    return stop


def _name_of(kind: type[Wanted]) -> str:
    name: str = get_args(kind.model_fields["do"].annotation)[0]
    return name


def _checked(kind: type[Wanted], data: Mapping[str, Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(dict(data))
    except ValidationError as error:
        found = explain(error.errors(include_url=False), {"": list(kind.model_fields)}, hint="Reload the page.")
        raise InvalidRequest(f"The page sent a wrong action: {found.message}", found.hint) from None
