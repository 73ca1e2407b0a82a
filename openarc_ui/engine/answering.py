"""Answers questions in the worker, on a thread of its own, so that a running generation delays none and none delays it.

It uses the model's words and never the model. One question at a time, oldest first; those with something foreign in them,
a template or a grammar that may take seconds, stand in a line of their own.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from openarc_ui.engine.backends.base import Backend
from openarc_ui.engine.messages import Answered, Ask
from openarc_ui.engine.prompts import MAX_LISTED_TOKENS, ChatTemplate, PromptRequest, RenderedPrompt, TokenizedText
from openarc_ui.engine.questions import (
    QUESTION_SECONDS,
    CheckStructure,
    DetokenizeIds,
    Question,
    RenderPrompt,
    ShowTemplate,
    TokenizeText,
    pack,
)
from openarc_ui.engine.roles import content_spans, with_roles
from openarc_ui.engine.sampling import answer_room
from openarc_ui.engine.shortening import PromptFitter
from openarc_ui.engine.types import ModelInfo
from openarc_ui.errors import GenerationFailed, InvalidRequest, OpenArcError, PromptTooLong

logger = logging.getLogger(__name__)


class Answerer:
    """Answers for one loaded model. `put` from any thread."""

    def __init__(self, backend: Backend, info: ModelInfo, send: Callable[[Answered], None]) -> None:
        self._backend = backend
        self._text = backend.text
        self._info = info
        self._send = send
        self._own: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._foreign: queue.SimpleQueue[Ask] = queue.SimpleQueue()

    def put(self, ask: Ask) -> None:
        """Take a question."""
        (self._foreign if _is_foreign(ask.question) else self._own).put(ask)

    def start(self) -> None:
        """Answer, on threads of its own, until the main process is gone."""
        for waiting in (self._own, self._foreign):
            threading.Thread(target=self._run, args=(waiting,), name="questions", daemon=True).start()

    def _run(self, waiting: queue.SimpleQueue[Ask]) -> None:
        while True:
            ask = waiting.get()
            if time.perf_counter() - ask.asked_at > QUESTION_SECONDS:
                continue  # nobody waits for it any more
            try:
                self._send(Answered(ask.question_id, self._outcome(ask.question)))
            except EOFError:
                return

    def _outcome(self, question: Question) -> bytes | OpenArcError:
        try:
            return pack(self._answer(question))
        except OpenArcError as error:
            return error
        except Exception as error:
            logger.exception("a question could not be answered")
            return GenerationFailed(f"The model's words failed: {type(error).__name__}: {error}", "The log has more.")

    def _answer(self, question: Question) -> Any:
        if isinstance(question, RenderPrompt):
            return self._render(question.request, question.most_listed_tokens)
        if isinstance(question, TokenizeText):
            return self._tokenize(question.text)
        if isinstance(question, DetokenizeIds):
            return self._detokenize(question)
        if isinstance(question, ShowTemplate):
            source = self._text.template()
            return ChatTemplate(self._info.name, source.text, source.origin, source.is_plain, source.special_tokens)
        if isinstance(question, CheckStructure):
            return self._backend.check_structure(question.structure)
        raise TypeError(f"{type(question).__name__} is no question")

    def _tokenize(self, text: str) -> TokenizedText:
        tokens = self._text.tokens(text)
        if len(tokens) > MAX_LISTED_TOKENS:
            raise InvalidRequest(
                f"The text has {len(tokens):,} tokens; at most {MAX_LISTED_TOKENS:,} are listed.", "Send it in parts."
            )
        return TokenizedText(self._info.name, tokens)

    def _render(self, request: PromptRequest, most_listed_tokens: int | None) -> RenderedPrompt:
        context_length = self._info.context_length
        fitter = PromptFitter(
            self._text,
            request,
            room_tokens=answer_room(request.max_new_tokens, self._info.generation_defaults, context_length),
            context_length=context_length,
            add_generation_prompt=request.add_generation_prompt,
        )
        try:
            fitted = fitter.fit(request.conversation)
        except PromptTooLong as error:
            raise InvalidRequest(error.message, error.hint) from error
        tokens = self._text.tokens(fitted.text)
        token_count = len(tokens)
        if most_listed_tokens is not None and token_count > most_listed_tokens:
            tokens = ()
        else:
            spans = content_spans(
                fitted.text,
                fitted.conversation,
                lambda marked: self._text.render(marked, request, add_generation_prompt=request.add_generation_prompt),
            )
            tokens = with_roles(tokens, spans)
        return RenderedPrompt(
            model=self._info.name,
            text=fitted.text,
            tokens=tokens,
            context_length=context_length,
            context_source=self._info.context_source,
            dropped_messages=fitted.dropped_messages,
            template_seconds=fitted.template_seconds,
            tokenize_seconds=fitted.tokenize_seconds,
            token_count=token_count,
        )

    def _detokenize(self, question: DetokenizeIds) -> str:
        """Every id is looked up first: a tokenizer passes over what it does not know."""
        for token_id in set(question.token_ids):
            self._text.token(token_id)
        ids = list(question.token_ids)
        return self._text.decode(ids) if question.skip_special_tokens else self._text.decode_whole(ids)


def _is_foreign(question: Question) -> bool:
    """It has something in it that the model did not bring."""
    if isinstance(question, RenderPrompt):
        return question.request.chat_template is not None
    return isinstance(question, CheckStructure)
