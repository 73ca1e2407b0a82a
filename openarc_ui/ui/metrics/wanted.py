"""What the page asks, read from JSON: unknown fields are refused with the nearest name, lengths are bounded."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import Frozen
from openarc_ui.errors import InvalidRequest
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.ordered import Sort
from openarc_ui.metrics.queries import CUSTOM, filter_of

MOST_CHARACTERS = 300_000
"""Of a question; a prompt may be in it."""
MOST_PROMPT_CHARACTERS = 200_000

Range = Literal["15m", "1h", "6h", "24h", "7d", "30d", "all", "custom"]
Value = Annotated[str, StringConstraints(max_length=300)]
Values = Annotated[tuple[Value, ...], Field(max_length=200)]
RequestId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Moment = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]


class View(Frozen):
    """Which requests the tab shows; also what a permalink holds."""

    range: Range = "1h"
    since: Moment | None = None
    until: Moment | None = None
    model: Values = ()
    backend: Values = ()
    device: Values = ()
    configuration: Values = ()
    outcome: Values = ()
    source: Values = ()

    @model_validator(mode="after")
    def _bounds_are_for_custom(self) -> View:
        if self.range != CUSTOM and (self.since is not None or self.until is not None):
            raise ValueError("since and until are for the range 'custom'")
        return self

    @property
    def moves(self) -> bool:
        """Its span ends now, so requests leave it with time."""
        return self.range not in (CUSTOM, "all")

    def filter(self, now: float | None = None) -> Filter:
        """The same for reading the database."""
        dimensions = {name: getattr(self, name) for name in DIMENSIONS}
        moment = time.time() if now is None else now
        return filter_of(range=self.range, since=self.since, until=self.until, now=moment, **dimensions)


class AskedView(Frozen):
    """Asked of `metrics`; `seen` is what the last answer said, see seen.py."""

    view: View = View()
    seen: Any = None


class AskedRequest(Frozen):
    """Asked of `metrics_request`."""

    request_id: RequestId


class AskedRequests(Frozen):
    """Asked of `metrics_requests`: the requests of a view after the one of a row id, from the first where there is none."""

    view: View = View()
    before_id: Annotated[int, Field(ge=0, le=2**62)] | None = None
    sort: Sort = "newest"


class AskedAgain(Frozen):
    """Asked of `metrics_again`: run a request once more, or cancel one that runs again."""

    request_id: RequestId | None = None
    prompt: Annotated[str, StringConstraints(max_length=MOST_PROMPT_CHARACTERS)] | None = None
    cancel: RequestId | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> AskedAgain:
        if (self.request_id is None) == (self.cancel is None):
            raise ValueError("give either request_id or cancel")
        return self


class AskedComparison(Frozen):
    """Asked of `metrics_compare`."""

    a: View
    b: View


class AskedBandwidth(Frozen):
    """Asked of `metrics_bandwidth`."""

    device: Annotated[str, StringConstraints(min_length=1, max_length=200)]


Asked = TypeVar("Asked", bound=Frozen)


def read(asked: object, kind: type[Asked]) -> Asked:
    """A question from its JSON text.

    Raises:
        InvalidRequest: it is none, with the nearest right name for a field that does not exist.
    """
    if not isinstance(asked, str):
        raise InvalidRequest("The question must be one JSON text.", "Send it with JSON.stringify.")
    if len(asked) > MOST_CHARACTERS:
        raise InvalidRequest("The question is too long.", f"At most {MOST_CHARACTERS:,} characters are read.")
    try:
        return kind.model_validate_json(asked)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise explain(problems, fields_by_path(kind), what="The question", hint="Reload the page.") from None
