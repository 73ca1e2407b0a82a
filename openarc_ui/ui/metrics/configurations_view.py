"""What a configuration is called: a short id, where it ran, and in what it differs from the others of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

SHORT = 8
MOST_DIFFERENCES = 3
LONGEST_VALUE = 32


def labels(ids: Sequence[str], described: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Id -> its label.

    Args:
        described: id -> ModelInfo as JSON, of those that are kept.
    """
    settings = {identity: _settings(info) for identity, info in described.items()}
    return {identity: _label(identity, described, settings) for identity in ids}


def _label(identity: str, described: Mapping[str, Mapping[str, Any]], settings: Mapping[str, dict[str, str]]) -> str:
    info = described.get(identity)
    if info is None:
        return identity[:SHORT]
    others = [
        settings[each]
        for each, other in described.items()
        if each != identity and other.get("name") == info.get("name")
    ]
    own = settings[identity]
    differing = [name for name in own if any(other.get(name) != own[name] for other in others)]
    said = [f"{name}={own[name]}" for name in differing[:MOST_DIFFERENCES]]
    if len(differing) > MOST_DIFFERENCES:
        said.append(f"and {len(differing) - MOST_DIFFERENCES} more")
    where = [f"{info['backend']} on {info['device']}"] if info.get("backend") and info.get("device") else []
    return " · ".join([identity[:SHORT], *where, *said])


def _settings(info: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen for a load, flat: properties first, then the scheduler, then versions."""
    found = {str(name): _text(value) for name, value in (info.get("requested_properties") or {}).items()}
    request = info.get("request") or {}
    found |= {
        f"scheduler.{name}": _text(value)
        for name, value in (request.get("scheduler") or {}).items()
        if value is not None
    }
    found |= {str(name): _text(value) for name, value in (info.get("versions") or {}).items()}
    return found


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
