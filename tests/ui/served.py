"""Named endpoints alone on a port, for Gradio's own client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from openarc_ui.ui.api_info import add_endpoint

ENDS_WITHIN_SECONDS = 5


@contextmanager
def serve_endpoints(endpoints: Iterable[Callable[..., Any]]) -> Iterator[str]:
    """Serves them until it is left; the address."""
    with gr.Blocks(analytics_enabled=False) as page:
        for each in endpoints:
            add_endpoint(each)
    with serve_page(page) as address:
        yield address


@contextmanager
def serve_page(page: gr.Blocks) -> Iterator[str]:
    """Serves a page of Gradio without a guard, so that a request tells its role itself; the address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    application = gr.mount_gradio_app(FastAPI(), page, path="/", show_error=False, ssr_mode=False)
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=ENDS_WITHIN_SECONDS)
