"""Answers being made for the Chat tab: from a conversation and its settings to answers that are kept as they grow.

A run is a task of its own, so that what came is kept however the page that asked for it goes away. One run a
conversation, whatever page asked for it. No Gradio component here.
"""

from __future__ import annotations

import asyncio
import logging

import anyio

from openarc_ui.conversations.answering import AnswerKeeper, read_conversation
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import new_id
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelState
from openarc_ui.errors import (
    ConversationNotFound,
    EngineBusy,
    InvalidRequest,
    MessageNotFound,
    ModelNotLoaded,
    OpenArcError,
)
from openarc_ui.startup import Startup
from openarc_ui.ui.chat.preparing import Prepared, prepare
from openarc_ui.ui.chat.run import GrowingAnswers, Job, Run
from openarc_ui.ui.streaming import LONGEST_SECONDS, SHORTEST_SECONDS

logger = logging.getLogger(__name__)

REPORT_SECONDS = 20.0
REFUSALS = (InvalidRequest, ModelNotLoaded, EngineBusy)
"""Errors of a request that was not begun: its answer is taken back, and the words stand above the composer."""


def already_answering() -> InvalidRequest:
    """An answer is being written in this conversation."""
    return InvalidRequest(
        "An answer is being written in this conversation.", "Stop it first (Esc), or wait for its end."
    )


class Runs:
    """What is being answered now: one run a conversation, whatever page asked for it."""

    def __init__(self, engine: Engine, startup: Startup, store: ConversationStore) -> None:
        self._engine = engine
        self._startup = startup
        self._store = store
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, conversation_id: str | None) -> Run | None:
        """The run of a conversation."""
        return self._runs.get(conversation_id) if conversation_id is not None else None

    def check_idle(self, conversation_id: str | None) -> None:
        """
        Raises:
            InvalidRequest: an answer is being written in the conversation.
        """
        if self.of(conversation_id) is not None:
            raise already_answering()

    def begin(self, job: Job, session_id: str) -> Run:
        """Start answering.

        Raises:
            InvalidRequest: an answer is being written there.
        """
        self.check_idle(job.conversation_id)
        run = self._runs[job.conversation_id] = Run(job, session_id)
        run.tell(is_stage=True)
        task = asyncio.create_task(self._carry_out(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def cancel(self, conversation_id: str | None, owner: str) -> bool:
        """End what is written in a conversation of this owner; False when there is nothing."""
        run = self.of(conversation_id)
        if run is None or run.job.owner != owner:
            return False
        run.cancel()
        return True

    def cancel_session(self, session_id: str) -> None:
        """Its page was closed."""
        for run in [each for each in self._runs.values() if each.session_id == session_id]:
            run.cancel()

    async def _carry_out(self, run: Run) -> None:
        try:
            await self._wait_for_model(run)
            if not run.is_cancelled:
                prepared, problems = await anyio.to_thread.run_sync(self._prepare, run.job)
                run.problems += problems
                await self._begin(run, prepared)
                await asyncio.gather(*(self._read(run, each) for each in run.answers))
        except OpenArcError as error:
            run.problems.append(error)
        except Exception:  # the top of a task: a bug is logged, and the page does not wait for ever
            logger.exception("an answer failed")
            run.problems.append(OpenArcError("The answer failed inside OpenArc.", "The log says more; try again."))
        finally:
            for answers in run.answers:
                answers.generation.cancel()
            if self._runs.get(run.job.conversation_id) is run:
                del self._runs[run.job.conversation_id]
            run.end()

    async def _wait_for_model(self, run: Run) -> None:
        """A message sent before the first model is ready waits for it, and says so."""
        while not run.is_cancelled and self._startup.status().is_under_way and not self._has_model():
            stage = self._startup.status().stage
            run.waits_for = "Waiting for the model …" + (f" {stage.fraction:.0%} · {stage.label}" if stage else "")
            run.tell()
            await run.wait_while_wanted(LONGEST_SECONDS)

    def _has_model(self) -> bool:
        return any(model.state is ModelState.READY for model in self._engine.status().users_models)

    def _prepare(self, job: Job) -> tuple[list[Prepared], list[OpenArcError]]:
        return prepare(self._engine, read_conversation(self._store, job.owner, job.conversation_id), job)

    async def _begin(self, run: Run, prepared: list[Prepared]) -> None:
        """Hand over the requests and give their answers a place; the first of them is selected."""
        group = new_id() if len(prepared) > 1 else None
        for each in prepared:
            if run.is_cancelled:
                break
            try:
                generation = self._engine.submit(each.request)
            except OpenArcError as error:
                run.problems.append(error)
                continue
            try:
                keeper = await anyio.to_thread.run_sync(self._keeper, run.job, each, generation.model, group)
            except OpenArcError:
                generation.cancel()
                raise
            run.answers.append(GrowingAnswers(generation, keeper))
        if len(run.answers) > 1:
            await anyio.to_thread.run_sync(self._select, run.job, run.answers[0].keeper.node_ids[0])
        if run.is_cancelled:
            run.cancel()
        run.tell(is_stage=True)

    def _keeper(self, job: Job, prepared: Prepared, model: str, group: str | None) -> AnswerKeeper:
        return AnswerKeeper.begin(
            self._store,
            job.owner,
            job.conversation_id,
            job.parent_id,
            model=model,
            request=prepared.request,
            form=prepared.form,
            group=group,
            beginning=prepared.beginning,
        )

    def _select(self, job: Job, node_id: str) -> None:
        with self._store.change(job.owner, job.conversation_id) as conversation:
            conversation.select(node_id)

    async def _read(self, run: Run, answers: GrowingAnswers) -> None:
        """One request from its first token to its kept answers."""
        keeper = answers.keeper
        try:
            async for batch in answers.generation.async_batches(LONGEST_SECONDS, lambda: SHORTEST_SECONDS):
                keeper.push(batch)
                answers.has_text = answers.has_text or bool(batch)
                run.tell()
                if keeper.is_due:
                    await anyio.to_thread.run_sync(keeper.keep)
            try:
                result = await answers.generation.async_result(REPORT_SECONDS)
            except TimeoutError:
                result = None
            nodes = await anyio.to_thread.run_sync(keeper.finish, result)
            run.seed = next((each.answer.seed for each in nodes if each.answer is not None), run.seed)
        except (ConversationNotFound, MessageNotFound):
            answers.generation.cancel()  # it was deleted meanwhile, by somebody who knows
        except OpenArcError as error:
            await self._fail(run, answers, error)
        finally:
            answers.is_over = True
            run.tell(is_stage=True)

    async def _fail(self, run: Run, answers: GrowingAnswers, error: OpenArcError) -> None:
        answers.generation.cancel()
        try:
            if isinstance(error, REFUSALS) and not answers.has_text:
                run.problems.append(error)
                await anyio.to_thread.run_sync(self._take_back, run.job, answers.keeper.node_ids)
            else:
                await anyio.to_thread.run_sync(answers.keeper.fail, error)
        except (ConversationNotFound, MessageNotFound):
            return
        except OpenArcError as second:
            run.problems.append(second)

    def _take_back(self, job: Job, node_ids: tuple[str, ...]) -> None:
        """Answers that were never begun are no versions."""
        with self._store.change(job.owner, job.conversation_id) as conversation:
            for node_id in node_ids:
                conversation.delete_from(node_id)
            if job.continued is not None:
                conversation.select(job.continued)
