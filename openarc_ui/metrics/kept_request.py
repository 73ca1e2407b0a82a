"""What is kept of a request beside its figures: its settings, and of its texts only how many there are.

Nothing that a person typed is in the settings. The whole request is kept only where texts are.
"""

from __future__ import annotations

from typing import Any

from openarc_ui.engine.types import GenerationRequest, PerformanceReport, SamplingParameters

SAMPLING = tuple(name for name in SamplingParameters.model_fields if name not in ("stop", "stop_token_ids", "seed"))
"""Parameters that are numbers or switches; a stop string is a text, in ids too, and the seed stands by itself."""
FLAGS = ("token_details", "continue_final_message", "when_too_long")
KNOWN_ARGUMENTS = ("enable_thinking",)
"""Template arguments that are kept where they are switches; any other's name may be a person's own."""


def settings_of(request: GenerationRequest, report: PerformanceReport) -> dict[str, Any]:
    """The exact settings, for JSON.

    Returns:
        `sampling`: the parameters that were given; `seed`: the one that was used; `max_new_tokens`; flags;
        `template_arguments`: the known switches; `texts`: how many of each kind there were, and of what kind.
    """
    given = {name: getattr(request, name) for name in SAMPLING}
    return {
        "sampling": {name: value for name, value in given.items() if value is not None},
        "seed": report.seed,
        "max_new_tokens": request.max_new_tokens,
        **{name: getattr(request, name) for name in FLAGS},
        "template_arguments": {
            name: request.template_arguments[name]
            for name in KNOWN_ARGUMENTS
            if isinstance(request.template_arguments.get(name), bool)
        },
        "texts": _facts(request),
    }


def kept_request(request: GenerationRequest) -> str:
    """All that is needed to send it again, as JSON: what was given, texts included."""
    return request.model_dump_json(exclude_unset=True)


def _facts(request: GenerationRequest) -> dict[str, Any]:
    """About the texts of a request; what it has none of is left out. A prompt of ids is a text too."""
    prompt = request.prompt or ""
    facts: dict[str, Any] = {
        "messages": len(request.conversation),
        "characters": sum(len(message.content) for message in request.conversation),
        "prompt_characters": len(prompt) if isinstance(prompt, str) else 0,
        "prompt_tokens": 0 if isinstance(prompt, str) else len(prompt),
        "stop": len(request.stop or ()),
        "stop_token_ids": len(request.stop_token_ids or ()),
        "tools": len(request.tools or ()),
        "documents": len(request.documents or ()),
        "template_arguments": len(request.template_arguments),
        "structured_output": request.structured_output.kind if request.structured_output else None,
        "chat_template": request.chat_template is not None,
        "user": request.user is not None,
    }
    return {name: fact for name, fact in facts.items() if fact}
