"""Whose a conversation is: a browser by its cookie, or everything that comes without one."""

from __future__ import annotations

import re
from collections.abc import Mapping

COOKIE = "openarc_owner"
API_OWNER = "api"
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")


def owner_of(cookies: Mapping[str, str]) -> str:
    """The owner a request speaks for: its cookie, or `API_OWNER` where that is missing or too short to be a secret."""
    value = cookies.get(COOKIE) or ""
    return value if _SECRET.fullmatch(value) else API_OWNER
