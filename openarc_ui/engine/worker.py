"""The child process: one thread owns the model, one reads the pipe, one answers questions.

Run as `python -m openarc_ui.engine.worker`, with messages on standard input and output. Whatever a library prints goes to
standard error, whose last lines the main process shows when this process dies.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import BinaryIO

from openarc_ui.engine.answering import Answerer
from openarc_ui.engine.backends import create_backend
from openarc_ui.engine.backends.base import Backend, LoadedModel
from openarc_ui.engine.blame import with_blame
from openarc_ui.engine.context import within_cache
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.gauges import GaugeTeller
from openarc_ui.engine.messages import (
    Ask,
    Cancel,
    Channel,
    Generate,
    Loaded,
    LoadModel,
    LoadRefused,
    Shutdown,
    StageReached,
)
from openarc_ui.engine.modelinfo import StageTimer, describe
from openarc_ui.engine.session import Session
from openarc_ui.engine.timing import ServedBy
from openarc_ui.engine.types import GenerationRequest, LoadRequest, LoadStage, Message, ModelInfo
from openarc_ui.errors import ModelLoadFailed, OpenArcError
from openarc_ui.privacy import forbid_telemetry

logger = logging.getLogger(__name__)

WARM_UP_TOKENS = 4


class Worker:
    """Loads one model, then serves requests until told to stop or the main process is gone."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wake = threading.Event()
        self._stopping = False
        self._session: Session | None = None
        self._answerer: Answerer | None = None

    def run(self) -> int:
        """The life of the process; returns its exit code."""
        order = self._channel.receive()
        if not isinstance(order, LoadModel):
            raise TypeError(f"the first message must be LoadModel, got {type(order).__name__}")
        try:
            backend, info, model = self._load(order)
        except OpenArcError as error:
            self._channel.send(LoadRefused(with_blame(error, order.request.ov_config)))
            return 0
        except Exception as error:
            logger.exception("unexpected error while loading")
            self._channel.send(
                LoadRefused(ModelLoadFailed(f"{type(error).__name__}: {error}", "The log has the details."))
            )
            return 0
        served_by = ServedBy(order.name, order.backend, order.request.device, info.configuration_id)
        self._session = Session(
            backend,
            model,
            served_by,
            self._channel.send,
            time.perf_counter,
            info.generation_defaults,
            order.terms.request_seconds,
        )
        self._answerer = Answerer(backend, info, self._channel.send)
        self._answerer.start()
        threading.Thread(target=self._listen, name="pipe", daemon=True).start()
        self._channel.send(Loaded(info))
        GaugeTeller(backend, info.execution_devices, self._channel.send).start()
        self._serve(self._session)
        backend.close()
        return 0

    def _load(self, order: LoadModel) -> tuple[Backend, ModelInfo, LoadedModel]:
        stages = StageTimer(lambda label, fraction: self._channel.send(StageReached(LoadStage(label, fraction))))
        stages.reach("Importing the backend", 0.1)
        request = _with_paths(order)
        backend = create_backend(order.backend, request, trust_remote_code=order.terms.trust_remote_code)
        model = within_cache(backend.load(request, order.path, stages.reach), order.path)
        stages.reach("Warming up with a first token", 0.9)
        _warm_up(backend, model)
        stages.finish()
        return backend, describe(order, backend, model, stages), model

    def _listen(self) -> None:
        """Read the pipe. When the main process is gone there is nobody to work for: end at once."""
        session, answerer = self._session, self._answerer
        while session is not None and answerer is not None:
            try:
                message = self._channel.receive()
            except EOFError:
                os._exit(0)
            if isinstance(message, Generate):
                session.add(message)
            elif isinstance(message, Cancel):
                session.cancel(message.request_id)
            elif isinstance(message, Ask):
                answerer.put(message)
                continue
            elif isinstance(message, Shutdown):
                session.cancel_all()
                self._stopping = True
            self._wake.set()

    def _serve(self, session: Session) -> None:
        while not (self._stopping and not session.has_work):
            if not session.has_work:
                self._wake.wait()
                self._wake.clear()
            session.step()


def _with_paths(order: LoadModel) -> LoadRequest:
    """The request with its paths whole, and with the cache's; neither is a part of what was asked for."""
    return order.request.model_copy(update={"ov_config": {**order.request.ov_config, **order.paths}})


def _warm_up(backend: Backend, model: LoadedModel) -> None:
    """Generate a few tokens, so that the first request pays no compilation; this is also the smoke test of the load.

    Raises:
        ModelLoadFailed: the model loads but can't generate.
    """
    failures: list[OpenArcError] = []
    session = Session(
        backend,
        model,
        ServedBy("", backend.name, "", ""),
        lambda output: failures.extend(end.error for end in output.finished if end.error is not None),
        time.perf_counter,
        {},
    )
    request = GenerationRequest(
        conversation=(Message(role="user", content="Hi"),),
        max_new_tokens=WARM_UP_TOKENS,
        do_sample=False,
        request_id="warm-up",
    )
    session.add(Generate(request, time.perf_counter(), time.time()))
    while session.has_work:
        session.step()
    if failures:
        raised = failures[0].__cause__
        reason = clean_message(raised) if isinstance(raised, RuntimeError) else failures[0].message
        raise ModelLoadFailed(
            f"The model loads, but its first token failed: {reason}",
            "Check the ov_config: some values are only refused when the model runs (for example KV_CACHE_PRECISION).",
        ) from failures[0]


def _claim_pipe() -> Channel:
    """Keep the real standard output for messages, and send every print to standard error instead."""
    messages_out: BinaryIO = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return Channel(sys.stdin.buffer, messages_out)


def main() -> int:
    """Entry of the process. Ctrl+C in a terminal reaches it too; only the main process decides when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forbid_telemetry()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return Worker(_claim_pipe()).run()
    except EOFError:
        return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
