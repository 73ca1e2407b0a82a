"""What can be asked of a loaded model beside its generations: its prompt, its tokens, its template, a grammar.

Every question blocks until the worker has answered; a busy model does not delay it. The model of somebody who has the
machine alone answers nobody else: `holder` is the reservation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from openarc_ui.engine.host import ModelHost
from openarc_ui.engine.prompts import ChatTemplate, PromptRequest, RenderedPrompt, StructuredOutput, TokenizedText
from openarc_ui.engine.questions import (
    CheckStructure,
    DetokenizeIds,
    Question,
    RenderPrompt,
    ShowTemplate,
    TokenizeText,
    check_text,
    check_token_ids,
)
from openarc_ui.engine.reservation import Reservation
from openarc_ui.engine.types import ModelInfo
from openarc_ui.errors import EngineReserved, ModelNotLoaded


class ModelQuestions(ABC):
    """The part of an Engine that asks; the Engine says which host answers to a name."""

    @abstractmethod
    def _host(self, name: str | None) -> ModelHost:
        """The host of a name; without a name the default model's.

        Raises:
            ModelNotLoaded: there is none.
        """

    @abstractmethod
    def _require_leave_for(self, name: str | None, holder: Reservation | None) -> None:
        """See that the model of a name may be asked by this holder, or by anybody.

        Raises:
            EngineReserved.
        """

    @abstractmethod
    def require_leave(self, holder: Reservation | None = None) -> None:
        """See that nobody else has the machine alone.

        Raises:
            EngineReserved.
        """

    def _ask(self, name: str | None, question: Question, holder: Reservation | None) -> tuple[str, Any]:
        """The model's name and its answer.

        Raises:
            ModelNotLoaded: there is no such model.
            EngineReserved: there is none, and none can be loaded before somebody's measuring ends; or it is their model.
        """
        try:
            host = self._host(name)
        except ModelNotLoaded:
            self.require_leave(holder)  # "load one first" would be refused too
            raise
        self._require_leave_for(host.name, holder)
        return host.name, host.ask(question)

    def render(
        self, request: PromptRequest, most_listed_tokens: int | None = None, *, holder: Reservation | None = None
    ) -> RenderedPrompt:
        """The prompt a model would be given for a conversation, and its tokens. Blocks; a busy model does not delay it.

        A prompt longer than the context is told with its length and never refused here.

        Args:
            most_listed_tokens: of a prompt with more than these, the answer has only their number; None: has each.

        Raises:
            ModelNotLoaded, TemplateRefused, InvalidRequest, WorkerDied, EngineBusy.
        """
        prompt: RenderedPrompt
        _, prompt = self._ask(request.model, RenderPrompt(request, most_listed_tokens), holder)
        return prompt

    def tokenize(self, text: str, model: str | None = None, *, holder: Reservation | None = None) -> TokenizedText:
        """The tokens of a text; no special token is added, and one that is spelled out in it is read as such.

        Raises:
            ModelNotLoaded, InvalidRequest, WorkerDied, EngineBusy.
        """
        check_text(text)
        tokens: TokenizedText
        _, tokens = self._ask(model, TokenizeText(text), holder)
        return tokens

    def detokenize(
        self,
        token_ids: Sequence[int],
        model: str | None = None,
        *,
        skip_special_tokens: bool = False,
        holder: Reservation | None = None,
    ) -> tuple[str, str]:
        """The model's name and the text of ids.

        Raises:
            InvalidRequest: an id is none of the vocabulary's, or there are too many.
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        ids = check_token_ids(token_ids)
        name, text = self._ask(model, DetokenizeIds(ids, skip_special_tokens), holder)
        return name, str(text)

    def chat_template(self, model: str | None = None, *, holder: Reservation | None = None) -> ChatTemplate:
        """A model's chat template, or OpenArc's plain one where it has none.

        Raises:
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        template: ChatTemplate
        _, template = self._ask(model, ShowTemplate(), holder)
        return template

    def known_template(self, model: str | None = None) -> ChatTemplate | None:
        """The same where it was asked for before, so that nothing blocks; None: `chat_template` says it, or why not."""
        host = self._host_for_all(model)
        return host.known_template if host is not None else None

    def ready_info(self, name: str | None) -> ModelInfo | None:
        """What a model that takes requests of anybody is; without a name the default model. None: `status` tells why not.

        Asks neither worker nor system, since every request asks this: what waits for either lets other threads go first.
        """
        host = self._host_for_all(name)
        return host.info if host is not None else None

    def _host_for_all(self, name: str | None) -> ModelHost | None:
        """The host that answers anybody under a name; None: there is none, or somebody has it alone."""
        try:
            host = self._host(name)
            self._require_leave_for(host.name, None)
        except (ModelNotLoaded, EngineReserved):
            return None
        return host

    def check_structure(
        self, structure: StructuredOutput, model: str | None = None, *, holder: Reservation | None = None
    ) -> None:
        """See that an answer could be made to look so.

        Raises:
            StructureRejected: with why not.
            ParameterNotSupported: the model's backend has no structured output.
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        self._ask(model, CheckStructure(structure), holder)
