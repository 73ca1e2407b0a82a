"""Errors of the engine in the words of a route of OpenAI's: its names of parameters, and which one is to blame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from openarc_ui import errors
from openarc_ui.errors import OpenArcError
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong, StructureWrong

SHARED: Mapping[str, str] = {
    "do_sample to true with a temperature above 0": "a temperature above 0",
    "max_new_tokens": "max_tokens",
    "min_new_tokens": "min_tokens",
    "num_return_sequences": "n",
    "template_arguments": "chat_template_kwargs",
}
"""What the engine calls it -> what it is called in a body."""
OF_RESPONSES: Mapping[str, str] = {
    **SHARED,
    "max_new_tokens": "max_output_tokens",
    "structured_output": "text.format",
    "when_too_long to shorten": 'truncation to "auto"',
}
SAID_PLAINLY = ("documents", "continue_final_message", "chat_template", "tool_format", "stop_token_ids", "ignore_eos")
"""Parameters that have the engine's own name, where no sentence says that word and means something else."""


@dataclass(frozen=True, slots=True)
class Words:
    """How one request is spoken of.

    Attributes:
        names: the engine's words and the route's.
        form: path of the parameter that the answer is held to; "" where it is free.
    """

    names: Mapping[str, str] = field(default_factory=lambda: SHARED)
    form: str = ""

    def of(self, error: OpenArcError) -> OpenArcError:
        """The same error as the route says it; one that is no request's fault as it is."""
        if not isinstance(error, errors.InvalidRequest) or hasattr(error, "param"):
            return error
        message, hint = self._said(error.message), self._said(error.hint)
        if isinstance(error, errors.StructureRejected):
            return StructureWrong(message, hint, param=self.form)
        param = self._param(message)
        if type(error) is errors.InvalidRequest:
            return ParameterWrong(message, hint, param=param)
        if type(error) is errors.ParameterNotSupported:
            return ParameterRefused(message, hint, param=param)
        return type(error)(message, hint, error.properties)

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """What is raised within is said in these words."""
        try:
            yield
        except OpenArcError as error:
            raise self.of(error) from error

    def _said(self, sentence: str) -> str:
        for name, own in self.names.items():
            sentence = re.sub(rf"\b{re.escape(name)}\b", own, sentence)
        return sentence

    def _param(self, message: str) -> str:
        """The first parameter that a sentence names."""
        known = [name for name in (*self.names.values(), *SAID_PLAINLY) if " " not in name]
        found = re.search(rf"(?<![\w.])(?:{'|'.join(map(re.escape, known))})(?!\w)", message)
        return found[0] if found else "prompt" if message.startswith("prompt") else ""
