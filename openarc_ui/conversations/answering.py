"""Answers on their way into a conversation: kept while they grow, and with what they cost when they end.

It knows the store and the engine's results; who asked, and how the answer is shown meanwhile, is not its business.

    beginning = Beginning.of(prefill)                                            # or: an answer that is gone on with
    request = answer_request(conversation, parent_id, beginning, **fields)       # pure
    form = answer_format(engine, request, tool_format, beginning.text)           # blocks
    keeper = AnswerKeeper.begin(store, owner, conversation.id, parent_id, …)     # blocks
    for each batch of deltas:
        keeper.push(batch)                                                       # does not block
        if keeper.is_due: keeper.keep()                                          # blocks
    keeper.finish(result) or keeper.fail(error)                                  # blocks
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from openarc_ui.conversations.answer_figures import figures_of, reasoning_cost
from openarc_ui.conversations.answer_format import AnswerFormat
from openarc_ui.conversations.answer_request import Beginning
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Answer, Conversation, Node, new_id
from openarc_ui.engine.formats.answer import ParsedAnswer
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import FinishReason, GenerationRequest, GenerationResult, TextDelta
from openarc_ui.errors import InvalidRequest, OpenArcError

KEEP_SECONDS = 2.0
"""At most so much of a growing answer is lost when the program is killed."""
QUIET_SECONDS = 10.0
"""A running answer that nobody has kept for so long has lost the program that made it."""
KEPT_AT = "kept_at"
"""Among a running answer's figures: when it was kept last, in seconds since the epoch."""
BROKEN_OFF = "OpenArc ended while this answer was being made; what had come by then is kept."


class AnswerKeeper:
    """The answers to one request, one for each sequence, as nodes below the message they answer.

    Not for several threads at once. `push` never blocks; `begin`, `keep`, `finish` and `fail` use the database.

    Attributes:
        conversation_id: whose nodes they are.
        node_ids: one for each sequence, in their order.
        nodes: the same as they were kept last.
        group: what answers made side by side share, or None for one alone.
    """

    def __init__(
        self,
        store: ConversationStore,
        owner: str,
        conversation_id: str,
        parent_id: str,
        answer: Answer,
        form: AnswerFormat,
        beginning: Beginning,
        clock: Callable[[], float],
    ) -> None:
        self.conversation_id = conversation_id
        self.node_ids: tuple[str, ...] = ()
        self.nodes: tuple[Node, ...] = ()
        self.group = answer.group
        self._store = store
        self._owner = owner
        self._parent_id = parent_id
        self._answer = answer
        self._form = form
        self._beginning = beginning
        self._clock = clock
        self._texts: list[list[str]] = []
        self._details: list[list[TokenDetail]] = []
        self._kept_at = clock()
        self._shown_before = parent_id

    @classmethod
    def begin(
        cls,
        store: ConversationStore,
        owner: str,
        conversation_id: str,
        parent_id: str,
        *,
        model: str,
        request: GenerationRequest,
        form: AnswerFormat | None = None,
        group: str | None = None,
        beginning: Beginning | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> AnswerKeeper:
        """Add running answers below a message, one for each sequence, and select the first.

        Args:
            form: how they are to be read; None: as plain text.
            group: shared with another keeper, when two models answer; several sequences get one by themselves.
            beginning: as `answer_request` was given it.

        Raises:
            ConversationNotFound, MessageNotFound, InvalidRequest, ConversationsUnusable.
        """
        answer = Answer(model, request.request_id, group=group, is_running=True)
        keeper = cls(
            store, owner, conversation_id, parent_id, answer, form or AnswerFormat(), beginning or Beginning(), clock
        )
        keeper._make_room(request.num_return_sequences or 1)
        with store.change(owner, conversation_id) as conversation:
            keeper._shown_before = conversation.path()[-1].id
            keeper._add_missing(conversation)
            conversation.select(keeper.node_ids[0])
        return keeper

    def push(self, deltas: Iterable[TextDelta]) -> None:
        """News of the sequences. Does not block."""
        for delta in deltas:
            self._make_room(delta.sequence_index + 1)
            self._texts[delta.sequence_index].append(delta.text)
            self._details[delta.sequence_index].extend(delta.details)

    def text(self, sequence_index: int = 0) -> str:
        """Everything of one sequence so far, what it begins with included."""
        return self._beginning.text + "".join(self._texts[sequence_index])

    def parsed(self, sequence_index: int = 0) -> ParsedAnswer:
        """The same in its parts, as it may be shown while it grows."""
        return self._parse(sequence_index, self.text(sequence_index), is_final=False)

    @property
    def is_due(self) -> bool:
        """Two seconds have gone since the answers were kept. True also while nothing comes: it shows that they live."""
        return self._clock() - self._kept_at >= KEEP_SECONDS

    def keep(self) -> None:
        """Write what there is.

        Raises:
            ConversationNotFound, MessageNotFound: it was deleted meanwhile; end the generation.
            ConversationsUnusable, InvalidRequest: it can't be written, or is too large.
        """
        parsed = [self.parsed(index) for index in self._indices]
        living = replace(self._answer, figures={KEPT_AT: time.time()})
        self._write([replace(living, prefill_characters=self._given(each)) for each in parsed], parsed)

    def finish(self, result: GenerationResult | None) -> tuple[Node, ...]:
        """Write the whole answers with reasoning, tool calls, figures and token details; returns the nodes.

        Args:
            result: None: they were ended and the model has not reported yet; what was pushed is kept, without figures.

        Raises:
            as `keep`.
        """
        if result is not None:
            self._make_room(len(result.texts))
            self._texts = [[text] for text in result.texts]
            self._details = [list(details) for details in result.token_details] or self._details
        parsed = [self._parse(index, self.text(index), is_final=True) for index in self._indices]
        answers = [self._ended(index, each, result) for index, each in enumerate(parsed)]
        nodes = self._write(answers, parsed)
        for node, details in zip(nodes, self._details, strict=True):
            if details:
                self._store.put_tokens(self._owner, self.conversation_id, node.id, details)
        return nodes

    def fail(self, error: OpenArcError) -> tuple[Node, ...]:
        """Write what came before an error, and the error's words.

        A request that was refused before anything came leaves no node behind; there are none to return then.

        Raises:
            as `keep`.
        """
        if isinstance(error, InvalidRequest) and not any("".join(each) for each in self._texts):
            self._take_back()
            return ()
        parsed = [self._parse(index, self.text(index), is_final=True) for index in self._indices]
        words = f"{error.message} {error.hint}".strip()
        failed = replace(self._answer, is_running=False, finish_reason=FinishReason.ERROR.value, problem=words)
        return self._write([replace(failed, prefill_characters=self._given(each)) for each in parsed], parsed)

    def _take_back(self) -> None:
        """Answers that were never begun are no versions."""
        with self._store.change(self._owner, self.conversation_id) as conversation:
            for node_id in self.node_ids:
                conversation.delete(node_id)
            if self._shown_before in conversation.nodes:
                conversation.select(self._shown_before)

    @property
    def _indices(self) -> range:
        return range(len(self._texts))

    def _make_room(self, sequences: int) -> None:
        """For so many sequences; a load's defaults may ask for more than the request tells."""
        while len(self._texts) < sequences:
            self._texts.append([])
            self._details.append([])
        if sequences > 1 and self.group is None:
            self.group = new_id()
            self._answer = replace(self._answer, group=self.group)

    def _add_missing(self, conversation: Conversation) -> None:
        """Nodes for sequences that have none yet; what is shown stays shown."""
        missing = len(self._texts) - len(self.node_ids)
        shown = conversation.path()
        begun = self._parse(0, self._beginning.text, is_final=False)
        answer = replace(self._answer, prefill_characters=self._given(begun))
        for _ in range(missing):
            self.node_ids += (conversation.add_answer(self._parent_id, self._message(begun), answer).id,)
        if missing and shown:
            conversation.select(shown[-1].id)

    def _write(self, answers: Sequence[Answer], parsed: Sequence[ParsedAnswer]) -> tuple[Node, ...]:
        with self._store.change(self._owner, self.conversation_id) as conversation:
            self._add_missing(conversation)
            self.nodes = tuple(
                conversation.update_answer(node_id, message=self._message(each), answer=answer)
                for node_id, each, answer in zip(self.node_ids, parsed, answers, strict=True)
            )
        self._kept_at = self._clock()
        return self.nodes

    def _parse(self, sequence_index: int, text: str, *, is_final: bool) -> ParsedAnswer:
        prefix = f"{self._answer.request_id[:8]}{sequence_index}"
        return self._form.parse(text, is_final=is_final, id_prefix=prefix)

    def _message(self, parsed: ParsedAnswer) -> Message:
        """An answer as a message; thoughts from before it was gone on with come first."""
        reasoning = "\n".join(each for each in (self._beginning.reasoning, parsed.reasoning) if each)
        return Message(
            role="assistant",
            content=parsed.content,
            tool_calls=parsed.tool_calls or None,
            reasoning_content=reasoning or None,
        )

    def _given(self, parsed: ParsedAnswer) -> int:
        """How many characters of the content were written by the user."""
        given = self._beginning.text[: self._beginning.given_characters]
        return next(
            (n for n, pair in enumerate(zip(given, parsed.content, strict=False)) if pair[0] != pair[1]), len(given)
        )

    def _ended(self, sequence_index: int, parsed: ParsedAnswer, result: GenerationResult | None) -> Answer:
        """What is known of an answer at its end."""
        details = self._details[sequence_index]
        tokens, seconds = reasoning_cost(self._form, parsed, self.text(sequence_index), self._beginning.text, details)
        ended = replace(
            self._answer,
            is_running=False,
            finish_reason=FinishReason.CANCELLED.value,
            prefill_characters=self._given(parsed),
            reasoning_tokens=tokens,
            reasoning_seconds=seconds,
            problem=" ".join(parsed.problems),
        )
        if result is None:
            return ended
        return replace(
            ended,
            model=result.model,
            figures=figures_of(
                result.report, details if len(result.texts) > 1 else (), result.finish_reasons[sequence_index]
            ),
            finish_reason=result.finish_reasons[sequence_index].value,
            seed=_seed_of(result, sequence_index),
        )


def _seed_of(result: GenerationResult, sequence_index: int) -> int | None:
    """The seed that makes this one of several sequences again; Optimum draws them all from one, so a later one has none."""
    seed = result.report.seed
    if seed is None or sequence_index == 0:
        return seed
    return None if result.report.backend == "optimum" else seed + sequence_index


def read_conversation(
    store: ConversationStore, owner: str, conversation_id: str, clock: Callable[[], float] = time.time
) -> Conversation:
    """`store.get`, after answers whose program died were marked as broken off.

    Raises:
        ConversationNotFound, ConversationsUnusable.
    """
    conversation = store.get(owner, conversation_id)
    if not _broken_off(conversation, clock()):
        return conversation
    with store.change(owner, conversation_id) as changing:
        for node, answer in _broken_off(changing, clock()):
            ended = replace(answer, is_running=False, finish_reason=FinishReason.ERROR.value, problem=BROKEN_OFF)
            changing.update_answer(node.id, answer=replace(ended, figures={}))
    return store.get(owner, conversation_id)


def _broken_off(conversation: Conversation, now: float) -> list[tuple[Node, Answer]]:
    """Running answers that nobody has kept for a while."""
    running = [(node, node.answer) for node in conversation.nodes.values() if node.answer and node.answer.is_running]
    return [
        (node, answer)
        for node, answer in running
        if now - answer.figures.get(KEPT_AT, node.created_at) >= QUIET_SECONDS
    ]
