"""A kept request once more: the fields to send, what can't be sent, and the same as a curl of `POST /generate/text`, or of
`POST /v1/completions` where it was a prompt and no conversation.

Pure: what is kept in, values and text out. Every setting is among the fields or, where it can't be, told as lost.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from openarc_ui.engine.types import GenerationRequest, SamplingParameters

PLACEHOLDER = "your prompt here"
NOT_SENT = frozenset({"request_id", "source", "model", "seed"})
"""Fields of a kept request that the body has from elsewhere, or must not repeat: an id names one request."""
DEFAULTS = {name: field.default for name, field in GenerationRequest.model_fields.items()}
FLAGS = ("token_details", "when_too_long")
PROMPT_FACTS = frozenset({"prompt_characters", "prompt_tokens"})
NOT_LOST = frozenset({"messages", "characters", *PROMPT_FACTS})
"""Facts about what is asked for again by a placeholder."""
COMPLETION_NAMES = {"max_new_tokens": "max_tokens", "min_new_tokens": "min_tokens", "num_return_sequences": "n"}
"""Sampling parameters that `POST /v1/completions` has under another name."""
END = "JSON"
"""Of the text for curl's standard input. No line of JSON can be like that."""


def again_of(
    settings: Mapping[str, Any] | None, messages: Mapping[str, Any] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a request needs to run again, without its model and seed, and what it had beside that and nobody kept.

    Args:
        settings: what is kept of every request, see RequestDetail; None in requests from before it was kept.
        messages: the whole GenerationRequest as JSON, where texts are kept; without it there is no conversation.
    """
    if messages is not None:
        return {name: value for name, value in messages.items() if name not in NOT_SENT}, ()
    if settings is None:
        return {}, ("all settings",)
    given = {**(settings.get("sampling") or {}), "max_new_tokens": settings.get("max_new_tokens")}
    sampling = {name: value for name, value in given.items() if value is not None and name not in NOT_SENT}
    known = {name: value for name, value in sampling.items() if name in SamplingParameters.model_fields}
    flags = {name: settings[name] for name in FLAGS if settings.get(name, DEFAULTS[name]) != DEFAULTS[name]}
    arguments = settings.get("template_arguments") or {}
    lost = [*_lost(settings.get("texts") or {}, arguments), *(name for name in sampling if name not in known)]
    lost += ["continue_final_message"] if settings.get("continue_final_message") else []
    return {**known, **flags, **({"template_arguments": arguments} if arguments else {})}, tuple(lost)


def was_prompt(settings: Mapping[str, Any] | None, messages: Mapping[str, Any] | None) -> bool:
    """The request was a prompt, not a conversation; the arguments are those of `again_of`."""
    if messages is not None:
        return messages.get("prompt") is not None
    return bool(PROMPT_FACTS & ((settings or {}).get("texts") or {}).keys())


def again_note(lost: Sequence[str]) -> str | None:
    """What to know before it runs again, as a sentence; None where all of it can be sent."""
    return f"Not kept, so it runs without: {', '.join(lost)}." if lost else None


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
    values, lost = again_of(settings, request)
    is_prompt = was_prompt(settings, request)
    comments: list[str] = []
    if request is None:
        comments.append(
            f'Replace "{PLACEHOLDER}": the texts of this request were not kept, or are for the administrator.'
        )
        values |= {"prompt": PLACEHOLDER} if is_prompt else {"conversation": [{"role": "user", "content": PLACEHOLDER}]}
        if settings is None:
            comments.append("The settings of this request were not kept; those of the model are used.")
        elif lost:
            comments.append(f"Not kept either, so left out: {', '.join(lost)}.")
    beginning = "prompt" if is_prompt else "conversation"
    values = _of_completion(values) if is_prompt else values
    body = {beginning: values.pop(beginning), "model": model, **values}
    body |= {"seed": seed} if seed is not None else {}
    text = json.dumps(body, indent=2, ensure_ascii=not _is_text(body))
    key = """-H "Authorization: Bearer $OPENARC_API_KEY" \\\n  """ if needs_key else ""
    url = shlex.quote(f"{address.rstrip('/')}{'/v1/completions' if is_prompt else '/generate/text'}")
    return (
        "".join(f"# {comment}\n" for comment in comments)
        + f"curl --fail-with-body {url} \\\n  {key}-H 'Content-Type: application/json' \\\n"
        + f"  --data-binary @- <<'{END}'\n{text}\n{END}\n"
    )


def _of_completion(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same by the names of `POST /v1/completions`, which takes a greedy choice for a temperature of 0."""
    named = {COMPLETION_NAMES.get(name, name): value for name, value in values.items()}
    if named.pop("token_details", False):
        named["logprobs"] = 0
    if named.pop("do_sample", None) is False:
        named["temperature"] = 0
    return named


def _lost(facts: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """What the request had and nobody kept, with how many or of what kind."""
    counted = {name: fact for name, fact in facts.items() if name not in NOT_LOST and fact}
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
