"""Our errors and pydantic's as what Gradio shows to a client: one sentence. Every other stays hidden."""

from __future__ import annotations

import gradio as gr
from pydantic import ValidationError

from openarc_ui.errors import OpenArcError


class as_gradio_error:  # noqa: N801 - reads as a statement: `with as_gradio_error():`
    """Raises gr.Error in place of an OpenArcError or a ValidationError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OpenArcError):
            raise gr.Error(f"{error.message} {error.hint}".strip(), print_exception=False) from error
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise gr.Error(f"{field}: {first['msg']}.", print_exception=False) from error
