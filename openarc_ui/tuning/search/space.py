"""All combinations of a sweep's axes, without ever writing them down. Pure.

A value is known by its JSON text, so that null, true, 1, "1" and an object keep what they are wherever they are stored.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Collection, Mapping, Sequence

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.tuning.configurations import combine, identify, value_at
from openarc_ui.tuning.requests import Axis

Texts = Mapping[str, str]
"""Field -> JSON text of its value."""
Key = tuple[str, ...]
"""The same, in the order of the axes."""
MOST_DRAWS = 200
"""Beyond it the combinations that are left are few, and are counted through."""


class Space:
    """The combinations of some axes.

    Attributes:
        choices: field -> JSON text of each value.
        size: how many combinations there are.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.choices: dict[str, tuple[str, ...]] = {
            axis.field: tuple(json.dumps(value, sort_keys=True) for value in axis.values) for axis in axes
        }
        self.size = math.prod(len(values) for values in self.choices.values())

    def settings(self, texts: Texts) -> dict[str, PropertyValue | None]:
        """The values behind texts."""
        return {field: json.loads(texts[field]) for field in self.choices}

    def key(self, texts: Texts) -> Key | None:
        """What tells a combination from others; None where one of its values is missing."""
        if not all(field in texts for field in self.choices):
            return None
        return tuple(texts[field] for field in self.choices)

    def draw(self, seen: Collection[Key], chance: random.Random) -> dict[str, str] | None:
        """A combination that is not among those seen, each as likely; None where all are."""
        if len(seen) >= self.size:
            return None
        for _ in range(MOST_DRAWS):
            key = tuple(chance.choice(values) for values in self.choices.values())
            if key not in seen:
                return dict(zip(self.choices, key, strict=True))
        start = chance.randrange(self.size)
        for position in range(len(seen) + 1):  # among so many at least one was not seen
            key = self._at((start + position) % self.size)
            if key not in seen:
                return dict(zip(self.choices, key, strict=True))
        return None

    def texts_of(self, base: LoadRequest, load: LoadRequest) -> dict[str, str] | None:
        """The combination that makes exactly this load of the base; None where none does."""
        found: dict[str, str] = {}
        for field, values in self.choices.items():
            text = json.dumps(value_at(load, field), sort_keys=True)
            if text not in values:
                return None
            found[field] = text
        try:
            return found if identify(combine(base, self.settings(found))) == identify(load) else None
        except OpenArcError:
            return None

    def _at(self, position: int) -> Key:
        """The combinations counted through, the last axis fastest."""
        key: list[str] = []
        for values in reversed(self.choices.values()):
            position, index = divmod(position, len(values))
            key.append(values[index])
        return tuple(reversed(key))
