"""What schemathesis is told about OpenArc: which things exist, and which failures are no mistakes. Read by its own process."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.core.transport import Response

MODEL = "script"
MEANT = {
    502: {"worker_died"},
    503: {"engine_busy", "metrics_unreadable", "conversations_unusable"},
    504: {"time_limit_reached"},
}
"""Status -> codes of the failures that are no mistakes; 500 never is one here, where model, folders and databases are sound."""
KNOWN = {"model": MODEL, "id_model": MODEL, "model_path": MODEL}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """A request that is meant to be right asks for the model that is there, so that more than the refusals is reached."""
    if case.meta is not None and case.meta.generation.mode.is_positive and isinstance(case.body, dict):
        case.body = _with_known_names(case.body)


@schemathesis.check
def no_mistake_of_the_server(context: schemathesis.CheckContext, response: Response, case: schemathesis.Case) -> None:
    """A status from 500 on has one of the codes that are meant."""
    if response.status_code < 500:
        return
    answer = response.json()
    code = answer.get("code") or answer["error"]["code"]
    assert code in MEANT.get(response.status_code, set()), f"{response.status_code} with the code {code}"


def _with_known_names(body: dict[str, Any]) -> dict[str, Any]:
    """The same body, about things that exist."""
    named = {name: KNOWN[name] if name in KNOWN and value is not None else value for name, value in body.items()}
    return {name: _with_known_names(value) if isinstance(value, dict) else value for name, value in named.items()}
