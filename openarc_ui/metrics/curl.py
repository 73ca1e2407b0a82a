"""A kept request as a curl of `POST /generate/text`: the same settings, the seed that was used, and the texts where they are kept.

Pure: what is kept in, text out. Every setting is in the body or, where it can't be, in a comment above it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from openarc_ui.engine.types import GenerationRequest

PLACEHOLDER = "your prompt here"
NOT_SENT = frozenset({"request_id", "source", "model", "seed"})
"""Fields of a kept request that the body has from elsewhere, or must not repeat: an id names one request."""
DEFAULTS = {name: field.default for name, field in GenerationRequest.model_fields.items()}
FLAGS = ("token_details", "when_too_long")
END = "JSON"
"""Of the text for curl's standard input. No line of JSON can be like that."""


def curl_of(
    model: str,
    seed: int | None,
    settings: Mapping[str, Any] | None,
    request: Mapping[str, Any] | None,
    *,
    address: str,
    needs_key: bool,
) -> str:
    """Lines to paste into a shell.

    Args:
        settings: what is kept of every request, see RequestDetail.
        request: the whole GenerationRequest as JSON, where texts are kept.
        needs_key: the server wants a key; it is taken from the environment variable OPENARC_API_KEY.
    """
    comments: list[str] = []
    if request is not None:
        values = _whole(request)
    else:
        values, comments = _without_texts(settings or {})
        if settings is None:
            comments.insert(1, "The settings of this request were not kept; those of the model are used.")
    body = {"conversation": values.pop("conversation"), "model": model, **values}
    body |= {"seed": seed} if seed is not None else {}
    text = json.dumps(body, indent=2, ensure_ascii=not _is_text(body))
    key = """-H "Authorization: Bearer $OPENARC_API_KEY" \\\n  """ if needs_key else ""
    url = shlex.quote(f"{address.rstrip('/')}/generate/text")
    return (
        "".join(f"# {comment}\n" for comment in comments)
        + f"curl --fail-with-body {url} \\\n  {key}-H 'Content-Type: application/json' \\\n"
        + f"  --data-binary @- <<'{END}'\n{text}\n{END}\n"
    )


def _whole(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request whose texts are kept: what was given."""
    return {name: value for name, value in request.items() if name not in NOT_SENT}


def _without_texts(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The body of a request whose texts are not kept, and what has to be said above it."""
    sampling = {name: value for name, value in settings.get("sampling", {}).items() if name not in NOT_SENT}
    flags = {name: settings[name] for name in FLAGS if settings.get(name, DEFAULTS[name]) != DEFAULTS[name]}
    arguments = settings.get("template_arguments") or {}
    given = {**sampling, **flags, **({"template_arguments": arguments} if arguments else {})}
    comments = [f'Replace "{PLACEHOLDER}": the texts of this request were not kept (--keep-texts keeps them).']
    lost = _lost(settings.get("texts", {}), arguments)
    lost += ["continue_final_message"] if settings.get("continue_final_message") else []
    if lost:
        comments.append(f"Not kept either, so left out: {', '.join(lost)}.")
    return {"conversation": [{"role": "user", "content": PLACEHOLDER}], **given}, comments


def _lost(facts: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """What the request had and nobody kept, with how many or of what kind."""
    counted = {name: fact for name, fact in facts.items() if name not in ("messages", "characters") and fact}
    counted["template_arguments"] = counted.get("template_arguments", 0) - len(arguments)
    lost = [f"{facts['messages'] - 1} other messages"] if facts.get("messages", 1) > 1 else []
    return lost + [name if fact is True else f"{name} ({fact})" for name, fact in counted.items() if fact]


def _is_text(body: Mapping[str, Any]) -> bool:
    """It can be written as it is; half of a surrogate pair can't, and is escaped."""
    try:
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
