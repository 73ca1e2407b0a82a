"""Paths of this machine as words, in everything that is told to somebody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openarc_ui.errors import OpenArcError


class Places:
    """The two folders of an engine, and words for them."""

    def __init__(self, model_folder: Path, cache_folder: Path | None) -> None:
        named = [(cache_folder, "cache folder")] if cache_folder is not None else []
        named.append((model_folder, "model folder"))
        paths = {str(path): words for folder, words in named for path in (folder.absolute(), folder.resolve())}
        self._words = {path: words for path, words in paths.items() if len(Path(path).parts) > 1}
        longest_first = sorted(self._words, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w./\\-])({'|'.join(map(re.escape, longest_first))})(?![\w.-])")

    def hidden_error(self, error: OpenArcError) -> OpenArcError:
        """The same error, its sentences without paths of this machine."""
        message, hint = self.hidden(error.message), self.hidden(error.hint)
        if (message, hint) == (error.message, error.hint):
            return error
        return type(error)(message, hint, error.properties)

    def hidden(self, value: Any) -> Any:
        """The same JSON with "cache folder/…" and "model folder/…" in every text that names a path below one of them."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: self._words[found.group()], value) if self._words else value
        if isinstance(value, Mapping):
            return {key: self.hidden(each) for key, each in value.items()}
        return [self.hidden(each) for each in value] if isinstance(value, (list, tuple)) else value
