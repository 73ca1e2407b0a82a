"""The base of everything that comes in from outside: immutable, and a field it does not know is an error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


class Frozen(BaseModel):
    """Base of every request: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """JSON can hold half of a surrogate pair, which is no character: no tokenizer and no answer can carry it.

        Raises:
            ValueError: a text among the values has one.
        """
        texts = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple, dict)) else []
        for text in [*texts, *(value.values() if isinstance(value, dict) else ())]:
            if isinstance(text, str) and not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
                raise ValueError("half of a surrogate pair is no character")
        return value
