"""JSON as a person typed it: read strictly, and every complaint with its line and column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.errors import InvalidRequest

MAX_CHARACTERS = 50_000_000
SPACE = " \t\n\r"
Path = Sequence[str | int]

_decoder = json.JSONDecoder()


class JsonText:
    """A text of JSON, its value, and the place of everything in it.

    Attributes:
        value: what it says.
        repeated: names that one object has twice; of these the last value counts.

    Raises:
        InvalidRequest: it is not JSON, with line and column; or it is too large or too deep.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise InvalidRequest(
                f"A text of JSON has at most {MAX_CHARACTERS:,} characters; this one has {len(text):,}."
            )
        self.text = text
        self.repeated: list[str] = []
        try:
            self.value: Any = json.loads(text, object_pairs_hook=self._object)
        except json.JSONDecodeError as error:
            message = error.msg[:1].lower() + error.msg[1:]
            raise InvalidRequest(
                f"Line {error.lineno}, column {error.colno}: {message}.", "Check the quotes, commas and brackets there."
            ) from None
        except RecursionError:
            raise InvalidRequest("This JSON is too deep.") from None
        except ValueError as error:
            raise InvalidRequest(f"This is not JSON: {error}.") from None

    def refuse(self, path: Path, what: str, hint: str = "") -> NoReturn:
        """
        Raises:
            InvalidRequest: always: what is wrong with the value at `path`, or with the nearest one around it.
        """
        line, column = self.place(path)
        raise InvalidRequest(f"Line {line}, column {column}: {what}", hint)

    def refuse_invalid(self, path: Path, error: ValidationError, model: type[BaseModel], hint: str) -> NoReturn:
        """
        Raises:
            InvalidRequest: always: what kept the value at `path` from being a `model`, at the place of it.
        """
        problems = error.errors()
        first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
        said = explain([first], fields_by_path(model), hint=hint)
        self.refuse((*path, *first["loc"]), said.message, said.hint)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column, both from 1, of the value at a path of names and numbers, or of the nearest one around it."""
        index = self._skip(0)
        for step in path:
            below = self._entry(index, step)
            if below is None:
                break
            index = below
        return self.text.count("\n", 0, index) + 1, index - self.text.rfind("\n", 0, index)

    def _entry(self, index: int, step: str | int) -> int | None:
        """Where the value begins that an object or list has under a name or number."""
        opening, found = self.text[index], None
        if opening not in "{[" or (opening == "{") != isinstance(step, str):
            return None
        index, number = self._skip(index + 1), 0
        while self.text[index] not in "}]":
            name: str | int = number
            if opening == "{":
                name, index = _decoder.raw_decode(self.text, index)
                index = self._skip(self._skip(index) + 1)
            if name == step:
                found = index
            index = self._skip(_decoder.raw_decode(self.text, index)[1])
            if self.text[index] == ",":
                index = self._skip(index + 1)
            number += 1
        return found

    def _skip(self, index: int) -> int:
        while index < len(self.text) and self.text[index] in SPACE:
            index += 1
        return index

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            self.repeated += sorted({name for name in names if names.count(name) > 1} - set(self.repeated))
        return made
