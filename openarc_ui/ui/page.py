"""Gradio's page, with bounds: no input names a file, no answer opens one, and what nobody reads is not kept.

Private parts of Gradio 6.31, which is pinned. server/gradio_inputs.py stands in front of the same doors.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from anyio import to_thread
from gradio.block_function import BlockFunction
from gradio.components.api_component import Api
from gradio.state_holder import SessionState, StateHolder

from openarc_ui.file_objects import FILE_TYPE, TooDeep, defused, holds_file_object
from openarc_ui.ui.bounded_queue import BoundedQueue
from openarc_ui.ui.exported_files import clear_dead

FOLDER_PREFIX = "openarc-gradio-"
FOLDER_VARIABLE = "GRADIO_TEMP_DIR"
MOST_SESSIONS = 256
"""Whose choices on the page are remembered; the one that was away longest begins anew."""


class Page(gr.Blocks):  # type: ignore[misc]
    """The page. Its files are in a folder of its own, which goes with the process.

    Attributes:
        folder: of the files that are made to be fetched; nothing else is handed out.
    """

    def __init__(self, **options: Any) -> None:
        clear_dead(Path(tempfile.gettempdir()), FOLDER_PREFIX)
        self._kept_folder = tempfile.TemporaryDirectory(
            prefix=f"{FOLDER_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
        )
        self.folder = Path(self._kept_folder.name).resolve()
        os.environ[FOLDER_VARIABLE] = str(self.folder)  # Read by each component as it is made, and at each answer.
        super().__init__(**options)
        self.state_session_capacity = MOST_SESSIONS

    def bound_queue(self, concurrency_limit: int) -> None:
        """Put the queue with bounds in place of Gradio's own. Call it when all events are there.

        Args:
            concurrency_limit: how often an event runs at once that says nothing of it.
        """
        self.queue(default_concurrency_limit=concurrency_limit)
        self._queue = BoundedQueue(
            live_updates=True,
            concurrency_count=self.max_threads,
            update_intervals=1,
            max_size=None,
            blocks=self,
            default_concurrency_limit=concurrency_limit,
        )

    def close_doors(self, served: Any) -> None:
        """What can only be done once it is mounted.

        Args:
            served: the application Gradio made for it.
        """
        self.has_launched = True  # Until then Gradio looks at no path.
        served.state_holder = Sessions()
        served.state_holder.set_blocks(self)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> Any:
        try:
            holds_one = holds_file_object(inputs)
        except TooDeep:
            raise gr.Error("That nests too deep.", print_exception=False) from None
        if holds_one:
            raise gr.Error("Files are not taken here. Send what is in the file.", print_exception=False)
        if block_fn.inputs and _is_endpoint(block_fn):
            self.validate_inputs(block_fn, inputs)
            return inputs
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        try:
            plain = await to_thread.run_sync(defused, predictions, self._is_ours, limiter=self.limiter)
        except TooDeep:
            raise gr.Error("The answer nests too deep for this way; ask over REST.", print_exception=False) from None
        if isinstance(plain, (dict, list)) and _is_endpoint(block_fn) and not _answers_with_file(block_fn):
            return [plain]  # Gradio would walk through it once more, to look for files and updates of components.
        return cast(list[Any], await super().postprocess_data(block_fn, plain, state))

    async def process_api(self, block_fn: BlockFunction | int, *arguments: Any, **options: Any) -> dict[str, Any]:
        block_fn = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        if _is_endpoint(block_fn) and not _answers_with_file(block_fn):
            options["root_path"] = None  # It would be written into the addresses of files, of which there are none.
        return cast(dict[str, Any], await super().process_api(block_fn, *arguments, **options))

    def _is_ours(self, path: str) -> bool:
        try:
            return "\0" not in path and Path(path).resolve().is_relative_to(self.folder)
        except OSError:
            return False


class Session(SessionState):  # type: ignore[misc]
    """What one visitor chose. Gradio would copy the page and every value too, for links that are not served here."""

    def __init__(self, blocks: gr.Blocks) -> None:
        lean: Any = SimpleNamespace(default_config=blocks.default_config, blocks={})
        super().__init__(lean)

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing asks for it."""


class Sessions(StateHolder):  # type: ignore[misc]
    """What the page's visitors chose."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)


def _is_endpoint(block_fn: BlockFunction) -> bool:
    """It has no component on the page whose value could be kept; see api_info.py."""
    return bool(block_fn.outputs) and all(isinstance(block, Api) for block in [*block_fn.inputs, *block_fn.outputs])


def _answers_with_file(block_fn: BlockFunction) -> bool:
    return any(FILE_TYPE in str(block.api_info()) for block in block_fn.outputs)
