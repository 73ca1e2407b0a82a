"""What can be asked of a loaded model beside its generations: its prompt, its tokens, its template, a grammar.

Every question blocks until the worker has answered; a busy model does not delay it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from openarc_ui.engine.host import ModelHost
from openarc_ui.engine.prompts import ChatTemplate, PromptRequest, RenderedPrompt, StructuredOutput, TokenizedText
from openarc_ui.engine.questions import (
    CheckStructure,
    DetokenizeIds,
    RenderPrompt,
    ShowTemplate,
    TokenizeText,
    check_text,
    check_token_ids,
)


class ModelQuestions(ABC):
    """The part of an Engine that asks; the Engine says which host answers to a name."""

    @abstractmethod
    def _host(self, name: str | None) -> ModelHost:
        """The host of a name; without a name the default model's.

        Raises:
            ModelNotLoaded: there is none.
        """

    def render(self, request: PromptRequest, most_listed_tokens: int | None = None) -> RenderedPrompt:
        """The prompt a model would be given for a conversation, and its tokens. Blocks; a busy model does not delay it.

        A prompt longer than the context is told with its length and never refused here.

        Args:
            most_listed_tokens: of a prompt with more than these, the answer has only their number; None: has each.

        Raises:
            ModelNotLoaded, TemplateRefused, InvalidRequest, WorkerDied, EngineBusy.
        """
        prompt: RenderedPrompt = self._host(request.model).ask(RenderPrompt(request, most_listed_tokens))
        return prompt

    def tokenize(self, text: str, model: str | None = None) -> TokenizedText:
        """The tokens of a text; no special token is added, and one that is spelled out in it is read as such.

        Raises:
            ModelNotLoaded, InvalidRequest, WorkerDied, EngineBusy.
        """
        check_text(text)
        tokens: TokenizedText = self._host(model).ask(TokenizeText(text))
        return tokens

    def detokenize(
        self, token_ids: Sequence[int], model: str | None = None, *, skip_special_tokens: bool = False
    ) -> tuple[str, str]:
        """The model's name and the text of ids.

        Raises:
            InvalidRequest: an id is none of the vocabulary's, or there are too many.
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        ids = check_token_ids(token_ids)
        host = self._host(model)
        return host.name, str(host.ask(DetokenizeIds(ids, skip_special_tokens)))

    def chat_template(self, model: str | None = None) -> ChatTemplate:
        """A model's chat template, or OpenArc's plain one where it has none.

        Raises:
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        template: ChatTemplate = self._host(model).ask(ShowTemplate())
        return template

    def check_structure(self, structure: StructuredOutput, model: str | None = None) -> None:
        """See that an answer could be made to look so.

        Raises:
            StructureRejected: with why not.
            ParameterNotSupported: the model's backend has no structured output.
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        self._host(model).ask(CheckStructure(structure))
