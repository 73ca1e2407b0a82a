"""The Chat tab: conversation, Stop that stops, retry, sampling, and a line of figures under each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus, GenerationRequest, ModelState
from openarc_ui.errors import OpenArcError
from openarc_ui.startup import Startup, StartupPhase, StartupStatus
from openarc_ui.ui.chat_stream import InFlight, ModelWait, stream_answer
from openarc_ui.ui.sampling_panel import SamplingPanel, build_sampling_panel, cleared, parameters_of, placeholders
from openarc_ui.ui.theme import NOT_LATEX_DOLLARS
from openarc_ui.ui.transcript import Transcript, Turn

EXAMPLES = (
    "What is the capital of France?",
    "Write a Python function that reverses a string.",
    "Explain in three sentences why the sky is blue.",
)
LATEST = "The one loaded last"

Update = tuple[Any, ...]
"""(chatbot, transcript, message box)."""


@dataclass(frozen=True, slots=True)
class ChatTab:
    """Components that other parts of the page update."""

    chatbot: gr.Chatbot
    model: gr.Dropdown
    sampling: SamplingPanel


def empty_text(engine: EngineStatus, startup: StartupStatus) -> str:
    """What stands in an empty chat: what to do, or what is being waited for."""
    if any(model.state is ModelState.READY for model in engine.models):
        return "### Ask something\nThe answer streams in, with its tokens, latency and throughput below it."
    if startup.is_under_way:
        return "### Almost there\nThe model is being prepared; the bar above shows how far it is. A message sent now is answered as soon as it is ready."
    if startup.phase is StartupPhase.FAILED and not engine.models:
        return f"### The model could not be started\n{escape(startup.message)}\n\n{escape(startup.hint)}\n\nThen press **Try again** above."
    return "### No model is loaded\nChoose one in the **Load** tab, then come back."


def choices_of_models(status: EngineStatus) -> list[str]:
    """What the model selector offers."""
    return [LATEST, *[model.name for model in status.models if model.state is ModelState.READY]]


async def answer(
    engine: Engine,
    startup: Startup,
    in_flight: InFlight,
    session: str,
    transcript: Transcript,
    system_prompt: str,
    model: str,
    sampling: list[Any],
) -> AsyncIterator[Transcript]:
    """Answer the last question of a transcript, yielding it each time it changed. Errors end up in the turn."""
    turn = transcript.turns[-1]
    turn.answer, turn.report, turn.failed = "", None, False
    try:
        request = GenerationRequest(
            conversation=transcript.messages(system_prompt),
            model=None if model == LATEST else model,
            source="chat",
            **parameters_of(sampling),
        )
        wait = ModelWait(engine, startup)
        async for note in wait.notes(in_flight, session):
            turn.note = note
            yield transcript
        if wait.is_cancelled:
            turn.note = "Not sent: stopped by you."
            yield transcript
            return
        async for progress in stream_answer(engine, request, in_flight, session):
            turn.answer, turn.note = progress.text, progress.note
            turn.report = progress.result.report if progress.result is not None else None
            yield transcript
    except OpenArcError as error:
        turn.note, turn.failed = f"{error.message} {error.hint}".strip(), True
        yield transcript


def build_chat_tab(engine: Engine, startup: Startup, page: gr.Blocks) -> ChatTab:
    """The tab's components and their wiring, inside an open gr.Tab."""
    in_flight = InFlight()
    transcript = gr.State(Transcript())
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            chatbot = gr.Chatbot(
                label="Conversation",
                show_label=False,
                height="calc(100vh - 300px)",
                min_height=340,
                buttons=["copy", "copy_all"],
                layout="bubble",
                latex_delimiters=NOT_LATEX_DOLLARS,
                examples=[{"text": example} for example in EXAMPLES],
                elem_id="oa-chatbot",
            )
            message = gr.Textbox(
                label="Message",
                show_label=False,
                placeholder="Write a message. Enter sends, Shift+Enter breaks the line, Esc stops.",
                lines=1,
                max_lines=8,
                autofocus=True,
                submit_btn=True,
                elem_id="oa-message",
                html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            )
            clear = gr.Button("Clear the conversation", size="sm", variant="secondary", elem_id="oa-clear")
        with gr.Column(scale=1, min_width=290, elem_id="oa-settings"):
            model = gr.Dropdown([LATEST], value=LATEST, label="Model", interactive=True, elem_id="oa-chat-model")
            system_prompt = gr.Textbox(
                label="System prompt",
                placeholder="Empty: the chat template's own",
                lines=2,
                max_lines=8,
                interactive=True,
                elem_id="oa-system",
            )
            with gr.Accordion("Sampling", open=True):
                sampling = build_sampling_panel()
    tab = ChatTab(chatbot, model, sampling)
    _wire(engine, startup, page, tab, in_flight, transcript, message, clear, system_prompt)
    return tab


def _wire(
    engine: Engine,
    startup: Startup,
    page: gr.Blocks,
    tab: ChatTab,
    in_flight: InFlight,
    transcript: gr.State,
    message: gr.Textbox,
    clear: gr.Button,
    system_prompt: gr.Textbox,
) -> None:
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    settings = [system_prompt, tab.model, *tab.sampling.inputs]
    outputs = [tab.chatbot, transcript, message]
    stopped, running = gr.update(submit_btn=True, stop_btn=False), gr.update(submit_btn=False, stop_btn=True)

    async def run(
        turns: Transcript, session: str, prompt: str, model: str, values: list[Any], box: Any
    ) -> AsyncIterator[Update]:
        yield turns.shown(), turns, box
        async for changed in answer(engine, startup, in_flight, session, turns, prompt, model, values):
            yield changed.shown(), changed, gr.skip()
        yield turns.shown(), turns, stopped

    async def send(
        request: gr.Request, text: str, turns: Transcript, prompt: str, model: str, *values: Any
    ) -> AsyncIterator[Update]:
        if not text.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        turns.turns.append(Turn(text, note="Sending …"))
        box = gr.update(value="", submit_btn=False, stop_btn=True)
        async for update in run(turns, str(request.session_hash), prompt, model, list(values), box):
            yield update

    async def retry(
        request: gr.Request, turns: Transcript, prompt: str, model: str, *values: Any
    ) -> AsyncIterator[Update]:
        if turns.turns:
            turns.turns[-1] = Turn(turns.turns[-1].question, note="Sending …")
            async for update in run(turns, str(request.session_hash), prompt, model, list(values), running):
                yield update

    async def try_example(
        event: gr.SelectData, request: gr.Request, turns: Transcript, prompt: str, model: str, *values: Any
    ) -> AsyncIterator[Update]:
        async for update in send(request, event.value["text"], turns, prompt, model, *values):
            yield update

    def stop(request: gr.Request) -> None:
        in_flight.cancel(str(request.session_hash))

    def start_over(request: gr.Request) -> Update:
        in_flight.cancel(str(request.session_hash))
        return [], Transcript(), gr.update(value="", submit_btn=True, stop_btn=False)

    message.submit(send, [message, transcript, *settings], outputs, concurrency_limit=None, **private)
    tab.chatbot.example_select(try_example, [transcript, *settings], outputs, concurrency_limit=None, **private)
    tab.chatbot.retry(retry, [transcript, *settings], outputs, concurrency_limit=None, **private)
    message.stop(stop, None, None, queue=False, **private)
    clear.click(start_over, None, outputs, queue=False, **private)
    tab.chatbot.clear(start_over, None, outputs, queue=False, **private)
    tab.sampling.reset.click(cleared, None, tab.sampling.inputs, queue=False, **private)
    page.unload(stop)


def refresh(tab: ChatTab, engine: EngineStatus, startup: StartupStatus) -> tuple[list[Any], list[Any]]:
    """(components, updates) that follow the engine: the empty state, the selector, the defaults shown."""
    components: list[Any] = [tab.chatbot, tab.model, *tab.sampling.numbers]
    updates = [
        gr.update(placeholder=empty_text(engine, startup)),
        gr.update(choices=choices_of_models(engine)),
        *placeholders(engine),
    ]
    return components, updates
