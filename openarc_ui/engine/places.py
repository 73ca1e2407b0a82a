"""Paths of this machine as words, in everything that is told to somebody."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openarc_ui
from openarc_ui.errors import OpenArcError

ANY_PATH = re.compile(
    r"""(?P<quote>['"])(?:/|\\\\|[A-Za-z]:[\\/])[^'"\n]*(?P=quote)"""
    r"""|file:/+[^\s'"<>|;,()]*"""
    r"""|(?<![\w./\\-])(?:/(?!/)|\\\\|[A-Za-z]:[\\/](?!/))[^\s'"<>|:;,()]+"""
)
"""An absolute path; in quotes it may have spaces. What follows "https:/" is none."""
FLAT_PATH = re.compile(r"""models--(?:--|[A-Za-z]:)(?:[^'"\n]*(?=['"])|[^\s'"<>|;,()]*)""")
"""The same as a folder of the Hugging Face cache, `models----tmp--x`: what Optimum makes of it offline, taking it for a repository."""


class Places:
    """The two folders of an engine, and words for them; in sentences of errors for the folders around it too."""

    def __init__(self, model_folder: Path, cache_folder: Path | None) -> None:
        named = [(cache_folder, "cache folder")] if cache_folder is not None else []
        named.append((model_folder, "model folder"))
        self._words = _words(named)
        self._pattern = _pattern(self._words)
        self._more_words = {**_words(_around()), **self._words}
        self._more = _pattern(self._more_words)

    def hidden_error(self, error: OpenArcError) -> OpenArcError:
        """The same error, its sentences without paths of this machine."""
        message, hint = self.hidden_sentence(error.message), self.hidden_sentence(error.hint)
        if (message, hint) == (error.message, error.hint):
            return error
        return type(error)(message, hint, error.properties)

    def hidden(self, value: Any) -> Any:
        """The same JSON with "cache folder/…" and "model folder/…" in every text that names a path below one of them."""
        if isinstance(value, str):
            return _replaced(value, self._pattern, self._words)
        if isinstance(value, Mapping):
            return {key: self.hidden(each) for key, each in value.items()}
        return [self.hidden(each) for each in value] if isinstance(value, (list, tuple)) else value

    def hidden_sentence(self, text: str) -> str:
        """The same sentence with words also for the home folder, the program's own, and the temporary folder."""
        return _replaced(text, self._more, self._more_words)

    def hidden_output(self, text: str) -> str:
        """What a program wrote, without any absolute path: those that have no words become "…"."""
        return ANY_PATH.sub("…", FLAT_PATH.sub("…", self.hidden_sentence(text)))


def _around() -> list[tuple[Path, str]]:
    """Folders whose paths tell of the machine and of who runs it."""
    found = [(Path(openarc_ui.__file__).parent.parent, "program folder"), (Path(sys.prefix), "Python folder")]
    found.append((Path(tempfile.gettempdir()), "temporary folder"))
    if "HF_HOME" in os.environ:
        found.append((Path(os.environ["HF_HOME"]), "Hugging Face folder"))
    try:
        return [*found, (Path.home(), "home folder")]
    except RuntimeError:
        return found  # a system user without one


def _words(named: list[tuple[Path, str]]) -> dict[str, str]:
    paths = {str(path): words for folder, words in named for path in (folder.absolute(), folder.resolve())}
    return {path: words for path, words in paths.items() if len(Path(path).parts) > 1}


def _pattern(words: Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w./\\-])({'|'.join(map(re.escape, longest_first))})(?![\w.-])")


def _replaced(text: str, pattern: re.Pattern[str], words: Mapping[str, str]) -> str:
    return pattern.sub(lambda found: words[found.group()], text) if words else text
