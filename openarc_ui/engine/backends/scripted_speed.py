"""How fast a script is played, by what it was loaded with: planted differences for whoever looks for the fastest load."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.bounds import PlainValue
from openarc_ui.engine.devices.values import as_text
from openarc_ui.engine.options import flatten
from openarc_ui.engine.types import LoadRequest

When = Annotated[dict[str, PlainValue | None], Field(min_length=1)]
"""Field of a load, a dot leads into ov_config or scheduler -> its value; null: it is left out."""
LEAST_NOISE_FACTOR = 0.1
"""No draw makes a reply more than ten times as fast."""


class Speed(BaseModel):
    """A factor on every duration of the replies, of loads that have all of `when`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    when: When
    factor: float = Field(gt=0)


class FailsWhen(BaseModel):
    """A load that has all of `when` fails, with this sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    when: When
    error: str


def matches(request: LoadRequest, when: Mapping[str, PlainValue | None]) -> bool:
    """A load has all of these values; compared as text, so that 2 and "2" are the same."""
    values = flatten(request.model_dump(exclude_none=True))
    return all(_text(values.get(field)) == _text(wanted) for field, wanted in when.items())


def speed_factor(request: LoadRequest, speeds: Sequence[Speed]) -> float:
    """The product of all factors that go for a load."""
    product = 1.0
    for speed in speeds:
        if matches(request, speed.when):
            product *= speed.factor
    return product


def noise_factor(generator: random.Random, spread: float) -> float:
    """1, and so much more or less by chance; `spread` is the standard deviation."""
    return max(LEAST_NOISE_FACTOR, generator.gauss(1.0, spread)) if spread else 1.0


def _text(value: object) -> str | None:
    return None if value is None else as_text(value).casefold()
